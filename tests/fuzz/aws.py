"""Random AWS requests, decided by us and by an independent evaluator: `python -m tests.fuzz.aws --evaluator DIR`.

A difference is a fault unless the case holds one of the points in `departures`, where AWS's documentation says
otherwise or nothing: there ours stands, and the point is counted. Ends with 1 on the first differences, printed with
all that is needed to replay them. Where the evaluator is not installed, nothing is compared, and that is said.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cred_audit.ask.aws import answer_lines
from tests.fuzz.aws_departures import departures
from tests.fuzz.aws_evaluator import evaluated, folder_option, skipped
from tests.fuzz.aws_maker import Case, Maker

_BATCH = 2000
_SHOWN = 5
"""Differences that are printed before a run ends."""


def ours(cases: list[Case]) -> list[Case]:
    """Return our answers."""
    found: list[str] = []
    answer_lines((json.dumps(case) for case in cases), found.append)
    return [json.loads(text) for text in found]


class Comparison:
    """What came of all cases so far."""

    def __init__(self, *, keep: bool = False) -> None:
        """Start with nothing compared. `keep`: whether to keep the cases on which both agree."""
        self.keep = keep
        self.counts: Counter[str] = Counter()
        self.compared = self.faults = 0
        self.agreed: list[Case] = []
        """Cases on which both agree, with the answer as `expect`."""

    def batch(self, cases: list[Case], folder: Path) -> None:
        """Compare a batch; the evaluator works beside us."""
        with ThreadPoolExecutor(1) as beside:
            asked = beside.submit(evaluated, cases, folder)
            answers = ours(cases)
            for case, mine, their in zip(cases, answers, asked.result(), strict=True):
                self._one(case, mine, their)
        self.compared += len(cases)

    def _one(self, case: Case, mine: Case, their: Case) -> None:
        if "error" in their:
            self.counts["refused by the evaluator"] += 1
            if "policy.errors" not in their["error"]:
                sys.stdout.write(f"evaluator: {their['error']}\n")
            return
        self.counts[f"ours {mine.get('decision', 'error')}"] += 1
        if mine.get("decision") == their["decision"]:
            self.counts["agreed"] += 1
            if self.keep:
                self.agreed.append(case | {"expect": their["decision"]})
            return
        points = departures(case)
        if points:
            self.counts.update(f"differs with {point}" for point in points)
            self.counts["differs, where the documentation decides or is silent"] += 1
            return
        self.faults += 1
        sys.stdout.write(f"DIFFERENT ours {json.dumps(mine)}\ntheirs {their}\n{json.dumps(case)}\n")


def main() -> int:
    """Compare until the count or the time is reached."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    folder_option(options)
    options.add_argument("--count", type=int, default=100_000)
    options.add_argument("--seconds", type=float, default=600)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    if skipped(chosen.evaluator, "the comparison of AWS decisions"):
        return 0
    maker = Maker(random.Random(chosen.seed))  # noqa: S311  (not for secrets)
    found = Comparison()
    start = time.monotonic()
    while found.compared < chosen.count and time.monotonic() < start + chosen.seconds and found.faults < _SHOWN:
        size = min(_BATCH, chosen.count - found.compared)
        found.batch([maker.case(found.compared + number) for number in range(size)], chosen.evaluator)
    for name, number in found.counts.most_common():
        sys.stdout.write(f"{number:>8} {name}\n")
    sys.stdout.write(
        f"{found.compared} requests compared in {time.monotonic() - start:.0f} s, {found.faults} differences\n"
    )
    return 1 if found.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
