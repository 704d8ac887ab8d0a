"""The list of ways in which AWS isolation breaks: its checks exist, fail on the mistake, and pass without it."""

import re

import pytest

from cred_audit.catalog import load_checks
from cred_audit.finding import Verdict
from tests.checks.hidden import verdict
from tests.checks.planted import Case
from tests.checks.rows import ROWS
from tests.docs import CHECKS

SECTION = (
    CHECKS.read_text(encoding="utf-8").partition("## The ways in which AWS isolation breaks")[2].partition("\n## ")[0]
)
LIST = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \|$", SECTION, re.MULTILINE)
CASES = [(number, case) for number, cases in ROWS.items() for case in cases]


def test_every_way_is_listed_once() -> None:
    assert [int(number) for number, _, _ in LIST] == list(range(1, 48))
    assert len({way for _, way, _ in LIST}) == len(LIST)
    assert all(found.endswith(".") for _, _, found in LIST)


def test_the_list_names_the_checks_that_are_tried_on_the_way_and_no_others() -> None:
    known = {check.id for check in load_checks()}
    for number, _, found in LIST:
        named = set(re.findall(r"`(aws_\w+|vault_\w+)`", found))
        assert named <= known
        assert named == {case.check for case in ROWS.get(int(number), ())}, number
        assert bool(named) != found.startswith("not covered: "), number


@pytest.mark.parametrize(("number", "case"), CASES, ids=[f"{number}-{case.check}" for number, case in CASES])
def test_the_check_fails_on_the_mistake_and_passes_without_it(number: int, case: Case) -> None:
    assert number in range(1, 48)
    assert verdict(case.check, case.broken) is Verdict.FAIL
    assert verdict(case.check, case.mended) is Verdict.PASS
