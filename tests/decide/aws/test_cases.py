"""The truth tables: one line a case, with the page of AWS's documentation that it comes from."""

import json
from pathlib import Path

import pytest

from cred_audit.ask.aws import answer_lines

CASES = Path(__file__).with_name("cases")


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.glob("*.ndjson")))
def test_every_case_has_the_answer_that_it_names(name: str) -> None:
    lines = (CASES / name).read_text("utf-8").splitlines()
    answers: list[str] = []
    total = answer_lines(lines, answers.append)
    wrong = [
        f"{json.loads(line).get('title', line)}: {answer}"
        for line, answer in zip(lines, answers, strict=True)
        if json.loads(answer).get("ok") is not True
    ]
    assert not wrong
    assert total.exit_code == 0
    assert total.decisions == len(lines) > 20


def test_each_written_case_names_its_source() -> None:
    for path in CASES.glob("*.ndjson"):
        if path.name != "recorded.ndjson":
            assert all(json.loads(line)["source"] for line in path.read_text("utf-8").splitlines())
