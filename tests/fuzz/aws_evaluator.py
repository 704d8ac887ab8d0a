"""The independent evaluator of AWS requests, as a program of its own; nothing of it is in this repository.

`npm install --prefix DIR @cloud-copilot/iam-simulate` installs it; `--evaluator DIR` or `make fuzz EVALUATOR=DIR` says
where it is.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_PACKAGE = "@cloud-copilot/iam-simulate"
_SCRIPT = Path(__file__).with_suffix(".mjs")
FOLDER = Path("/tmp/iamsim")  # noqa: S108  (a developer's folder)


def folder_option(options: argparse.ArgumentParser) -> None:
    """Add the option that names the evaluator's folder."""
    options.add_argument(
        "--evaluator", type=Path, default=FOLDER, help="where npm installed @cloud-copilot/iam-simulate"
    )


def missing(folder: Path) -> str | None:
    """Return what is not installed, None where the evaluator can run."""
    if shutil.which("node") is None:
        return "there is no node on the PATH"
    if not (folder / "node_modules" / _PACKAGE).is_dir():
        return f"try: npm install --prefix {folder} {_PACKAGE}"
    return None


def skipped(folder: Path, what: str) -> bool:
    """Say on stderr that something is left out where the evaluator cannot run, and return whether it cannot."""
    reason = missing(folder)
    if reason is not None:
        sys.stderr.write(f"skipped: {what} needs the independent evaluator: {reason}\n")
    return reason is not None


class Asked:
    """A batch on its way through the evaluator, which works beside us."""

    def __init__(self, lines: Iterable[str], folder: Path) -> None:
        """Send the lines."""
        self._process = subprocess.Popen(
            ["node", str(_SCRIPT), str(folder)],  # noqa: S607  (whichever node the developer has)
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        self._input = "\n".join(lines)

    def answers(self) -> list[dict[str, Any]]:
        """Wait for the answers, one a line, in order."""
        written, _ = self._process.communicate(self._input)
        if self._process.returncode:
            raise ChildProcessError(f"the evaluator ended with {self._process.returncode}")
        return [json.loads(text) for text in written.splitlines()]


def evaluated(cases: Iterable[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Return the evaluator's answers on cases in the format of `ask aws`."""
    return Asked(map(json.dumps, cases), folder).answers()
