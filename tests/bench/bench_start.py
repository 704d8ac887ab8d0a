"""Start-up as ratios to an empty Python: `--version` (asked: under 3) and `--help` (asked: under 16)."""

import statistics
import subprocess
import sys
import time

RUNS = 15


def median(*arguments: str) -> float:
    """Return the median seconds of a whole process."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    empty = median("-c", "pass")
    version, usage = median("-m", "cred_audit", "--version"), median("-m", "cred_audit", "--help")
    print(  # noqa: T201  (the result of a benchmark)
        f"start: empty {empty * 1000:.0f} ms, --version {version / empty:.1f} x (asked: 3), "
        f"--help {usage / empty:.1f} x (asked: 16)"
    )


if __name__ == "__main__":
    main()
