"""The search over unknown keys, against trying every short value."""

import itertools
import random
from dataclasses import replace
from typing import Any

from cred_audit.decide import Effect
from cred_audit.decide.aws.dependent import Setting
from cred_audit.decide.aws.document import read_document
from cred_audit.decide.aws.engine import NO_RESOURCE_SIDE, Evaluator
from cred_audit.decide.aws.free import Search
from cred_audit.decide.aws.model import Kind, Principal, PrincipalPolicies, Request
from cred_audit.decide.aws.pattern import compiled, glob_expression
from cred_audit.decide.aws.words import pattern, words

ACCOUNT = "111122223333"
READ = Request(
    action="secretsmanager:GetSecretValue", resource=f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:x-AbCdEf"
)
WORDS = ["".join(word) for length in range(1, 5) for word in itertools.product("abAB*?", repeat=length)]


ROLE = f"arn:aws:iam::{ACCOUNT}:role/agent"


def searching(*statements: dict[str, Any], arn: str = ROLE, **setting: Any) -> Search:
    source = {"Version": "2012-10-17", "Statement": list(statements)}
    own = PrincipalPolicies(identity=(read_document(source, Kind.IDENTITY, "p"),))
    return Search(Evaluator(Principal(arn=arn, tags={"T": "ab"}), own), Setting(**setting))


def statement(effect: str, condition: dict[str, Any]) -> dict[str, Any]:
    return {"Effect": effect, "Action": "*", "Resource": "*", "Condition": condition}


def test_one_word_for_each_way_to_match() -> None:
    source = random.Random(2)  # noqa: S311  (not for secrets)
    for _ in range(60):
        texts = ["".join(source.choices("ab*?", k=source.randint(0, 4))) for _ in range(3)]
        found, complete = words(tuple(pattern([(text, True)]) for text in texts))
        assert complete
        matchers = [compiled(glob_expression([(text, True)])) for text in texts]

        def outcome(word: str, matchers: Any = matchers) -> tuple[bool, ...]:
            return tuple(matcher.fullmatch(word) is not None for matcher in matchers)

        outcomes = [outcome(word) for word in found]
        assert len(set(outcomes)) == len(outcomes)
        short = ["".join(word) for length in range(6) for word in itertools.product("abc", repeat=length)]
        assert {outcome(word) for word in short} <= set(outcomes)


def test_too_many_states_are_said_to_be_too_many() -> None:
    found, complete = words((pattern([("*a" + "?" * 20, True)]),), limit=500)
    assert not complete
    assert found


def test_the_search_finds_what_trying_every_value_finds() -> None:
    source = random.Random(9)  # noqa: S311  (not for secrets)
    operators = ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase",
                 "StringNotEqualsIgnoreCase", "StringLikeIfExists")  # fmt: skip
    texts = ("a", "ab", "a*", "*b", "?", "AB", "${aws:PrincipalTag/T}", "${aws:PrincipalTag/T}*", "b*a")
    both = set()
    for _ in range(70):
        statements = []
        for effect in ("Allow", "Deny", "Deny")[: source.randint(1, 3)]:
            condition: dict[str, Any] = {}
            for _ in range(source.randint(1, 3)):
                values = source.sample(texts, source.randint(1, 2))
                condition.setdefault(source.choice(operators), {})["aws:SourceVpce"] = values
            if source.random() < 0.3:
                condition["Null"] = {"aws:SourceVpce": source.choice(("true", "false"))}
            statements.append(statement(effect, condition))
        search = searching(*statements)
        found = search.possible(READ, NO_RESOURCE_SIDE)
        requests = [READ, *(replace(READ, context={"aws:SourceVpce": word}) for word in WORDS)]
        effects = {search.evaluator.decide(request).effect for request in requests}
        assert found.decision.effect is (Effect.ALLOW if Effect.ALLOW in effects else Effect.DENY)
        assert search.evaluator.decide(found.request).effect is found.decision.effect
        both.add(found.decision.effect)
    assert both == {Effect.ALLOW, Effect.DENY}


def test_two_keys_are_searched_together() -> None:
    search = searching(
        statement("Allow", {"StringEquals": {"aws:SourceVpce": "v1"}, "Bool": {"aws:SecureTransport": "true"}}),
        statement("Deny", {"NumericLessThan": {"aws:MultiFactorAuthAge": "100"}}),
        mfa=True,
    )
    found = search.possible(READ, NO_RESOURCE_SIDE)
    assert found.decision.effect is Effect.ALLOW
    assert found.request.context == {"aws:sourcevpce": "v1", "aws:securetransport": "true"}
    assert "aws:MultiFactorAuthAge is absent" in found.decision.assuming


def test_a_request_through_an_endpoint_has_no_public_address() -> None:
    condition = {"StringEquals": {"aws:SourceVpce": "v1"}, "IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
    assert searching(statement("Allow", condition)).possible(READ, NO_RESOURCE_SIDE).decision.effect is Effect.DENY


def test_a_key_that_the_action_does_not_carry_has_no_value() -> None:
    search = searching(statement("Allow", {"StringEquals": {"aws:RequestTag/T": "a"}}))
    assert search.possible(READ, NO_RESOURCE_SIDE).decision.effect is Effect.DENY
    tagging = replace(READ, action="secretsmanager:TagResource")
    assert search.possible(tagging, NO_RESOURCE_SIDE).decision.effect is Effect.ALLOW


def test_tags_are_facts_and_not_searched() -> None:
    for key in ("aws:PrincipalTag/Other", "aws:ResourceTag/T", "secretsmanager:ResourceTag/T", "aws:username"):
        search = searching(statement("Allow", {"StringEquals": {key: "a"}}))
        assert search.possible(READ, NO_RESOURCE_SIDE).decision.effect is Effect.DENY
    untold = replace(READ, resource_tags=None)
    search = searching(statement("Allow", {"StringEquals": {"aws:ResourceTag/T": "a"}}))
    assert search.possible(untold, NO_RESOURCE_SIDE).decision.effect is Effect.UNKNOWN


def test_a_set_of_values_is_found() -> None:
    condition = {
        "ForAllValues:StringEquals": {"aws:TagKeys": ["A", "B"]},
        "ForAnyValue:StringLike": {"aws:TagKeys": "B*"},
    }
    tagging = replace(READ, action="secretsmanager:UntagResource")
    found = searching(statement("Allow", condition)).possible(tagging, NO_RESOURCE_SIDE)
    assert found.decision.effect is Effect.ALLOW
    assert found.request.context["aws:tagkeys"] == ("B",)


def test_too_much_to_try_is_unknown() -> None:
    condition = {"StringNotLike": {"aws:SourceVpce": [f"*{'?' * 14}{letter}" for letter in "abcdefg"]}}
    denied = statement("Deny", condition)
    allowed = statement("Allow", {"Null": {"aws:SourceVpce": "false"}})
    found = searching(allowed, denied).possible(READ, NO_RESOURCE_SIDE)
    assert found.decision.effect in {Effect.UNKNOWN, Effect.ALLOW}
