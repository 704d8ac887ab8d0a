"""Every benchmark, one after the other: `make bench`."""

import importlib
from pathlib import Path


def main() -> None:
    for file in sorted(Path(__file__).parent.glob("bench_*.py")):
        importlib.import_module(f"tests.bench.{file.stem}").main()


if __name__ == "__main__":
    main()
