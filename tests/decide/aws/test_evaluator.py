"""The comparison with the independent evaluator, as far as it can be tested without it."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.aws_departures import departures
from tests.fuzz.aws_maker import Maker
from tests.fuzz.aws_record import features, spread

ROOT = Path(__file__).parents[3]
RECORDED = Path(__file__).with_name("cases") / "recorded.ndjson"


@pytest.mark.parametrize("program", ["tests.fuzz.aws", "tests.fuzz.aws_reach"])
def test_without_the_evaluator_it_is_said_that_nothing_was_compared(program: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", program, "--evaluator", str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("skipped: ")


def test_what_is_recorded_leaves_nothing_open_and_covers_allows_and_denies() -> None:
    cases = [json.loads(line) for line in RECORDED.read_text("utf-8").splitlines()]
    assert len(cases) >= 750
    assert not [case["id"] for case in cases[260:] if departures(case)]
    answers = [case["expect"] for case in cases]
    assert set(answers) == {"ALLOW", "DENY"}
    assert min(map(answers.count, set(answers))) > 200


def test_recorded_cases_are_spread_over_features() -> None:
    maker = Maker(random.Random(5))  # noqa: S311  (not for secrets)
    cases = [maker.case(number) | {"expect": "DENY"} for number in range(600)]
    chosen = spread(cases, 100)
    assert len(chosen) == 100

    def kinds(some: list[dict[str, object]]) -> int:
        return len({feature for case in some for feature in features(case)})

    assert kinds(chosen) > kinds(cases[:100])
