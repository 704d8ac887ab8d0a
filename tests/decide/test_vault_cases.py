"""The case files: what the engine answers, and that a real server answers the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from cred_audit.ask import answer_lines
from tests.decide.vault_cases import VaultCase, cases, files
from tests.fuzz.replay import replayer

FILES = files()


def ours(case: VaultCase) -> Any:
    found: list[str] = []
    answer_lines([json.dumps(case.line)], found.append)
    answer = json.loads(found[0])
    assert "error" not in answer, (case.id, answer)
    if "decisions" in answer:
        return [entry["decision"] for entry in answer["decisions"]]
    return answer.get("capabilities", answer.get("decision"))


def differences(case: VaultCase, found: Any) -> list[str]:
    """Where an answer is not the expected one."""
    if case.expected == "stored":
        return [f"{case.id}: refused: {case.labels}"] if "invalid_policy" in found else []
    if isinstance(case.expected, list) and isinstance(found, list):
        pairs = zip(case.labels or case.line["requests"], case.expected, found, strict=True)
        return [f"{case.id}: {label}: {answer}" for label, expected, answer in pairs if expected != answer]
    return [] if case.expected == found else [f"{case.id}: {case.expected} is {found}"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_engine_answers_the_cases(path: Path) -> None:
    wrong = [difference for case in cases(path) for difference in differences(case, ours(case))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_real_server_answers_the_cases(path: Path) -> None:
    every = list(cases(path))
    wrong: list[str] = []
    with replayer(every[0].line) as server:
        for case in every:
            wrong += differences(case, server.answers(case.line))
    assert every
    assert not wrong, "\n".join(wrong)
