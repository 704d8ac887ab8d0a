"""Time of loading a large target, against CSafeLoader alone: run `python -m tests.bench.bench_target [tenants]`."""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from cred_audit.target.load import load_target

TENANT = """\
  - id: {t}
    agents:
      - id: {t}-agent
        vault: {{role: auth/approle/role/{t}}}
    territory:
      vault:
        - {{kv: secret, prefix: {t}/}}
        - {{paths: ["database/creds/{t}-*"]}}
"""


def written_out(count: int) -> str:
    """Return a target of eight lines a tenant."""
    tenants = "".join(TENANT.format(t=f"tenant-{number:05}") for number in range(count))
    return f"schema: 1\nname: large\ntenants:\n{tenants}vault: {{address: https://vault.example.test:8200}}\n"


def seconds(action: Callable[[], object]) -> float:
    """Return the processor time of an action."""
    start = time.process_time()
    action()
    return time.process_time() - start


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    text = written_out(count)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "target.yaml")
        file.write_text(text, encoding="utf-8")
        # The two take turns, so that a slow moment of the machine meets both.
        ours, theirs = zip(
            *(
                (seconds(lambda: load_target(file)), seconds(lambda: yaml.load(text, yaml.CSafeLoader)))
                for _ in range(2)
            ),
            strict=True,
        )
    ratio = min(ours) / min(theirs)
    print(  # noqa: T201  (the result of a benchmark)
        f"target of {count} tenants, {len(text.splitlines())} lines: {min(ours):.2f} s with positions and validation, "
        f"CSafeLoader alone {min(theirs):.2f} s, ratio {ratio:.2f} (bound 1.5)"
    )
    sys.exit(ratio >= 1.5)


if __name__ == "__main__":
    main()
