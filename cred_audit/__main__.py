"""The program's entry: `cred-audit` and `python -m cred_audit`."""

import os
import sys

from cred_audit import __version__


def main() -> None:
    """Run the command line. `--version` is answered before anything else is imported."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"cred-audit {__version__}\n")
        return
    from cred_audit.cli import INTERRUPTED, run  # noqa: PLC0415  (after the fast answer)

    code = run(sys.argv[1:])
    if code == INTERRUPTED:
        # Python would wait for the threads that wait for an answer of a server, for minutes where none comes.
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
