"""What nobody knows stays unknown, and less sight never gives a better answer."""

import itertools
import random
from dataclasses import replace
from typing import Any

import pytest

from cred_audit.decide import Effect
from cred_audit.decide.aws.document import read_document
from cred_audit.decide.aws.engine import Evaluator, decide
from cred_audit.decide.aws.model import (
    Document,
    Kind,
    KmsGrant,
    Principal,
    PrincipalPolicies,
    Request,
    ResourcePolicies,
)
from tests.fuzz.aws_maker import Maker

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/agent"
SESSION = Principal(arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/agent/run", tags={"T": "acme"})
SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:acme/db-AbCdEf"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k1"
READ = Request(action="secretsmanager:GetSecretValue", resource=SECRET)


def policy(*conditions: dict[str, Any], effect: str = "Allow", kind: Kind = Kind.IDENTITY, **more: Any) -> Document:
    statements = [
        {"Effect": effect, "Action": "*", "Resource": "*", **more} | ({"Condition": condition} if condition else {})
        for condition in conditions or ({},)
    ]
    return read_document({"Version": "2012-10-17", "Statement": statements}, kind, "p")


DECRYPT = frozenset({"Decrypt"})
VPCE = {"StringEquals": {"aws:SourceVpce": "vpce-1"}}


def own(*documents: Document, **more: Any) -> PrincipalPolicies:
    return PrincipalPolicies(identity=documents, **more)


def test_a_free_key_makes_the_answer_unknown_and_is_named() -> None:
    decision = decide(SESSION, own(policy(VPCE)), replace(READ, free=frozenset({"aws:sourcevpce"})))
    assert decision.effect is Effect.UNKNOWN
    assert decision.assuming == ("aws:SourceVpce is not known",)
    assert "StringEquals aws:SourceVpce" in decision.because[0].why


def test_an_absent_key_is_absent() -> None:
    assert decide(SESSION, own(policy(VPCE)), READ).effect is Effect.DENY


def test_in_an_open_request_a_key_that_is_not_given_is_free_but_tags_are_known() -> None:
    open_read = replace(READ, open=True)
    assert decide(SESSION, own(policy(VPCE)), open_read).effect is Effect.UNKNOWN
    tag = policy({"StringEquals": {"aws:ResourceTag/T": "acme"}})
    assert decide(SESSION, own(tag), open_read).effect is Effect.DENY


def test_a_free_key_that_cannot_matter_does_not() -> None:
    free = replace(READ, free=frozenset({"aws:SourceVpce"}))
    assert decide(SESSION, own(policy(), policy(VPCE)), free).effect is Effect.ALLOW
    assert decide(SESSION, own(policy(VPCE), policy(effect="Deny")), free).effect is Effect.DENY


@pytest.mark.parametrize(("principal", "request_", "expected"), [
    (replace(SESSION, tags=None), replace(READ, resource_tags={"T": "acme"}), Effect.UNKNOWN),
    (SESSION, replace(READ, resource_tags=None), Effect.UNKNOWN),
    (SESSION, replace(READ, resource_tags={"T": "acme"}), Effect.ALLOW),
    (SESSION, READ, Effect.DENY),
])  # fmt: skip
def test_tags_that_were_not_read_are_unknown(principal: Principal, request_: Request, expected: Effect) -> None:
    equal = policy({"StringEquals": {"aws:ResourceTag/T": "${aws:PrincipalTag/T}"}})
    assert decide(principal, own(equal), request_).effect is expected


def test_a_free_variable_in_a_resource_still_cannot_match_elsewhere() -> None:
    named = policy(Resource=f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:${{aws:PrincipalTag/T}}/db-??????")
    untold = replace(SESSION, tags=None)
    assert decide(untold, own(named), READ).effect is Effect.UNKNOWN
    assert decide(untold, own(named), replace(READ, resource=SECRET + "/x")).effect is Effect.DENY


@pytest.mark.parametrize("kind", [Kind.SCP, Kind.BOUNDARY, Kind.SESSION, Kind.IDENTITY, Kind.VPC_ENDPOINT])
def test_a_policy_that_was_not_seen_never_gives_allow(kind: Kind) -> None:
    unseen = frozenset({kind})
    assert decide(SESSION, own(policy(), unseen=unseen), READ).effect is Effect.UNKNOWN
    assert decide(SESSION, own(policy(), policy(effect="Deny"), unseen=unseen), READ).effect is Effect.DENY


def test_control_policies_that_were_not_seen_cannot_grant() -> None:
    assert decide(SESSION, own(unseen=frozenset({Kind.SCP})), READ).effect is Effect.DENY


def test_a_resource_policy_that_was_not_seen_may_grant_or_deny() -> None:
    unseen = ResourcePolicies(unseen=frozenset({Kind.RESOURCE}))
    assert decide(SESSION, own(), READ, unseen).effect is Effect.UNKNOWN
    assert decide(SESSION, own(policy()), READ, unseen).effect is Effect.UNKNOWN


@pytest.mark.parametrize(("grant", "context", "expected"), [
    (KmsGrant(grantee=ROLE, operations=DECRYPT), {}, Effect.ALLOW),
    (KmsGrant(grantee=ROLE, operations=frozenset({"Encrypt"})), {}, Effect.DENY),
    (KmsGrant(grantee=ROLE + "2", operations=frozenset({"Decrypt"})), {}, Effect.DENY),
    (KmsGrant(grantee=SESSION.arn, operations=frozenset({"Decrypt"})), {}, Effect.ALLOW),
    (KmsGrant(grantee=ROLE, operations=DECRYPT, context_subset={"a": "1"}), {"a": "1", "b": "2"}, Effect.ALLOW),
    (KmsGrant(grantee=ROLE, operations=DECRYPT, context_subset={"a": "1"}), {"b": "2"}, Effect.DENY),
    (KmsGrant(grantee=ROLE, operations=DECRYPT, context_equals={"a": "1"}), {"a": "1"}, Effect.ALLOW),
    (KmsGrant(grantee=ROLE, operations=DECRYPT, context_equals={"a": "1"}), {"a": "1", "b": "2"}, Effect.DENY),
])  # fmt: skip
def test_a_grant_of_a_key_counts_within_its_constraints(
    grant: KmsGrant, context: dict[str, str], expected: Effect
) -> None:
    sent = {f"kms:EncryptionContext:{name}": value for name, value in context.items()}
    request = Request(action="kms:Decrypt", resource=KEY, context=sent)
    assert decide(SESSION, own(), request, ResourcePolicies(grants=(grant,))).effect is expected


def test_a_deny_beats_a_grant_of_a_key() -> None:
    grant = KmsGrant(grantee=ROLE, operations=DECRYPT)
    request = Request(action="kms:Decrypt", resource=KEY)
    decision = decide(SESSION, own(policy(effect="Deny")), request, ResourcePolicies(grants=(grant,)))
    assert decision.effect is Effect.DENY


def test_the_reasons_of_a_denial_name_the_gate_and_what_came_closest() -> None:
    decision = decide(SESSION, own(policy(VPCE)), READ)
    assert decision.because[0].why == "no identity policy allows the action"
    assert decision.because[1].policy == "p"
    assert "StringEquals aws:SourceVpce does not hold" in decision.because[1].why
    assert "vpce-1" in decision.because[1].clause


def _evaluated(line: dict[str, Any]) -> tuple[Evaluator, ResourcePolicies]:
    policies = line["policies"]
    documents = {
        name: read_document(policies[name], kind, name) if policies.get(name) else None
        for name, kind in (("boundary", Kind.BOUNDARY), ("session", Kind.SESSION), ("resource", Kind.RESOURCE),
                           ("vpc_endpoint", Kind.VPC_ENDPOINT))
    }  # fmt: skip
    identity = tuple(read_document(source, Kind.IDENTITY, "identity") for source in policies["identity"])
    scps = tuple(tuple(read_document(one, Kind.SCP, "scp") for one in level) for level in policies.get("scps", ()))
    principal = Principal(
        arn=line["principal"], role=line.get("principal_role", ""), tags=line.get("principal_tags", {}),
        session_tags=line.get("session_tags", {}),
    )  # fmt: skip
    own_side = PrincipalPolicies(
        identity=identity, boundary=documents["boundary"], session=documents["session"], scps=scps,
        vpc_endpoint=documents["vpc_endpoint"],
    )  # fmt: skip
    return Evaluator(principal, own_side), ResourcePolicies(policy=documents["resource"])


VALUES: dict[str, tuple[Any, ...]] = {
    "aws:SourceIp": ("10.0.0.7", "2001:db8::1"),
    "aws:SourceVpce": ("vpce-1", "vpce-2"),
    "aws:CalledVia": (("athena.amazonaws.com",), ("x.amazonaws.com", "y")),
    "aws:PrincipalOrgID": ("o-ours", "o-other"),
}


def test_unknown_stands_for_every_value() -> None:
    """What is sure with a free key is so with each value of it, and without it."""
    maker = Maker(random.Random(3))  # noqa: S311  (not for secrets)
    sure = 0
    for number in range(100):
        line = maker.case(number)
        asked = line["request"]
        evaluator, resource = _evaluated(line)
        request = Request(
            action=asked["action"], resource=asked["resource"], resource_account=asked.get("resource_account", ""),
            resource_tags=asked.get("resource_tags", {}), request_tags=asked.get("request_tags", {}),
            context={key: value for key, value in asked["context"].items() if key not in VALUES},
        )  # fmt: skip
        decision = evaluator.decide(replace(request, free=frozenset(VALUES)), resource)
        if decision.effect is Effect.UNKNOWN:
            continue
        sure += 1
        for values in itertools.product(*((None, *choices) for choices in VALUES.values())):
            given = {key: value for key, value in zip(VALUES, values, strict=True) if value is not None}
            concrete = replace(request, context={**request.context, **given})
            assert evaluator.decide(concrete, resource).effect is decision.effect
    assert sure > 40


@pytest.mark.parametrize("kind", [Kind.SCP, Kind.BOUNDARY, Kind.IDENTITY, Kind.RESOURCE])
def test_hiding_a_policy_gives_the_same_answer_or_unknown(kind: Kind) -> None:
    maker = Maker(random.Random(8))  # noqa: S311  (not for secrets)
    for number in range(100):
        line = maker.case(number)
        asked = line["request"]
        evaluator, resource = _evaluated(line)
        request = Request(
            action=asked["action"], resource=asked["resource"], resource_account=asked.get("resource_account", ""),
            resource_tags=asked.get("resource_tags", {}), request_tags=asked.get("request_tags", {}),
            context=asked["context"],
        )  # fmt: skip
        policies, blind = evaluator.policies, frozenset({kind})
        if kind is Kind.IDENTITY:
            policies = replace(policies, identity=policies.identity[1:], unseen=blind)
        elif kind is Kind.RESOURCE:
            hidden = ResourcePolicies(unseen=blind)
            assert Evaluator(evaluator.principal, policies).decide(request, hidden).effect in {
                Effect.UNKNOWN, evaluator.decide(request, resource).effect,
            }  # fmt: skip
            continue
        else:
            policies = replace(policies, **({"scps": ()} if kind is Kind.SCP else {"boundary": None}), unseen=blind)
        hidden_answer = Evaluator(evaluator.principal, policies).decide(request, resource).effect
        assert hidden_answer in {Effect.UNKNOWN, evaluator.decide(request, resource).effect}
