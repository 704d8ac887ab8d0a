"""What holds for every request, over random ones near the edges (see tests/fuzz/aws.py)."""

import copy
import json
import random
from typing import Any

import pytest

from cred_audit.ask.aws import answer_lines
from tests.fuzz.aws_maker import Maker

COUNT = 120
RANK = {"DENY": 0, "UNKNOWN": 1, "ALLOW": 2}
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
NOTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
Case = dict[str, Any]


def cases(seed: int) -> list[Case]:
    maker = Maker(random.Random(seed))  # noqa: S311  (not for secrets)
    return [maker.case(number) for number in range(COUNT)]


def decided(lines: list[Case]) -> list[int]:
    answers: list[str] = []
    total = answer_lines([json.dumps(line) for line in lines], answers.append)
    assert total.errors == 0
    return [RANK[json.loads(answer)["decision"]] for answer in answers]


def changed(lines: list[Case], change: Any) -> list[Case]:
    found = copy.deepcopy(lines)
    for line in found:
        change(line)
    return found


@pytest.fixture(scope="module")
def sample() -> tuple[list[Case], list[int]]:
    lines = cases(11)
    return lines, decided(lines)


def test_the_sample_holds_every_answer(sample: tuple[list[Case], list[int]]) -> None:
    assert {0, 2} <= set(sample[1])
    assert min(sample[1].count(0), sample[1].count(2)) > COUNT // 20


def test_the_order_of_policies_and_statements_does_not_matter(sample: tuple[list[Case], list[int]]) -> None:
    def turn(line: Case) -> None:
        line["policies"]["identity"].reverse()
        for document in line["policies"]["identity"]:
            if isinstance(document["Statement"], list):
                document["Statement"].reverse()

    assert decided(changed(sample[0], turn)) == sample[1]


def test_a_policy_twice_is_a_policy_once(sample: tuple[list[Case], list[int]]) -> None:
    def double(line: Case) -> None:
        line["policies"]["identity"] *= 2

    assert decided(changed(sample[0], double)) == sample[1]


def test_an_explicit_deny_wins(sample: tuple[list[Case], list[int]]) -> None:
    # Users of an identity provider have no policies on their side.
    inside = [one for one in sample[0] if one["principal"][:4] == "arn:" and "-provider/" not in one["principal"]]
    for place in ("identity", "boundary", "session", "scps"):

        def forbid(line: Case, place: str = place) -> None:
            line["policies"][place] = {"identity": [NOTHING], "scps": [[NOTHING]]}.get(place, NOTHING)

        assert set(decided(changed(inside, forbid))) == {0}


def test_adding_an_allow_takes_nothing_away(sample: tuple[list[Case], list[int]]) -> None:
    def allow(line: Case) -> None:
        line["policies"]["identity"].append(EVERYTHING)

    assert all(map(int.__le__, sample[1], decided(changed(sample[0], allow))))


@pytest.mark.parametrize("place", ["boundary", "session", "scps", "vpc_endpoint"])
def test_a_limit_grants_nothing(place: str, sample: tuple[list[Case], list[int]]) -> None:
    """Without it at least as much is allowed, NotPrincipal with a boundary and federated users apart."""

    def lift(line: Case) -> None:
        line["policies"].pop(place, None)

    assert all(map(int.__le__, sample[1], decided(changed(sample[0], lift))))


def test_nothing_is_allowed_without_an_allow(sample: tuple[list[Case], list[int]]) -> None:
    def refuse(line: Case) -> None:
        line["policies"] = json.loads(json.dumps(line["policies"]).replace('"Allow"', '"Deny"'))

    assert set(decided(changed(sample[0], refuse))) <= {0}


def test_renaming_tenants_changes_nothing(sample: tuple[list[Case], list[int]]) -> None:
    """A longer name of the same shape for each, in policies and requests alike."""
    renamed = [json.loads(json.dumps(line).replace("beta", "gamma")) for line in sample[0] if "b?ta" not in str(line)]
    kept = [answer for line, answer in zip(*sample, strict=True) if "b?ta" not in str(line)]
    assert decided(renamed) == kept
