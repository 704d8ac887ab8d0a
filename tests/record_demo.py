"""Record the demo's platform for machines that cannot run its servers: `python -m tests.record_demo`."""

import sys

from cred_audit.demo.run import RECORDED, live_snapshot
from cred_audit.snapshot import save
from cred_audit.terminal import Progress


def silent(step: str, done: int, total: int | None) -> None:
    """Report no progress."""
    del step, done, total


def main() -> None:
    """Build the platform, read it, and write the reading beside the demo."""
    progress: Progress = silent
    text = save(live_snapshot(progress))
    RECORDED.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(text)} bytes in {RECORDED}\n")


if __name__ == "__main__":
    main()
