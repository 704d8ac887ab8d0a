"""Grants of KMS keys: what they let through, what limits them, and grants that nobody saw."""

from typing import Any

import pytest

from cred_audit.decide import Effect
from cred_audit.decide.aws.engine import decide
from cred_audit.decide.aws.estate import ActionClass, Thing
from cred_audit.decide.aws.model import Document, Kind, KmsGrant, Request, ResourcePolicies
from cred_audit.decide.aws.reach import Estate
from tests.decide.aws.test_reach import ACCOUNT, ELSEWHERE, ROLE, agent, allow, document

_ROOT = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"}
_NAMED = {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "kms:Decrypt", "Resource": "*"}
_DELEGATES, _NAMES = (document(one, kind=Kind.RESOURCE) for one in (_ROOT, _NAMED))
_KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k1"
_FAR = f"arn:aws:kms:us-east-1:{ELSEWHERE}:key/k1"
_DECRYPTS = document(allow("kms:Decrypt"))
_DENIES = document(allow("kms:*", effect="Deny"))
_SECRETS = document(allow(), kind=Kind.BOUNDARY)
_OPEN = document(allow("kms:*"), kind=Kind.BOUNDARY)


def granting(operation: str = "Decrypt", **more: Any) -> KmsGrant:
    return KmsGrant(grantee=ROLE, operations=frozenset({operation}), **more)


def decided(
    identity: Document | None, resource: ResourcePolicies, arn: str = _KEY, action: str = "kms:Decrypt", **limits: Any
) -> str:
    acting = agent("acme", *((identity,) if identity is not None else ()), **limits)
    return decide(acting.principal, acting.policies, Request(action=action, resource=arn), resource).effect.value


@pytest.mark.parametrize(("identity", "policy", "arn", "action", "expected"), [
    (None, _DELEGATES, _KEY, "kms:Decrypt", "unknown"),
    (None, None, _KEY, "kms:Decrypt", "unknown"),
    (None, _DELEGATES, _FAR, "kms:Decrypt", "unknown"),
    (_DECRYPTS, _DELEGATES, _KEY, "kms:Decrypt", "unknown"),
    (_DENIES, _DELEGATES, _KEY, "kms:Decrypt", "deny"),
    (None, _DELEGATES, _KEY, "kms:PutKeyPolicy", "deny"),
    (None, _DELEGATES, _KEY, "kms:ScheduleKeyDeletion", "deny"),
    (None, _DELEGATES, _KEY, "kms:ReEncryptFrom", "unknown"),
])  # fmt: skip
def test_a_grant_that_was_not_seen_may_let_the_caller_in(
    identity: Document | None, policy: Document | None, arn: str, action: str, expected: str
) -> None:
    unseen = ResourcePolicies(policy=policy, unseen=frozenset({Kind.RESOURCE}))
    assert decided(identity, unseen, arn, action) == expected


@pytest.mark.parametrize(("boundary", "session", "expected"), [
    (None, None, "allow"), (_OPEN, None, "allow"), (_SECRETS, None, "unknown"),
    (None, document(allow(), kind=Kind.SESSION), "unknown"),
])  # fmt: skip
def test_it_is_not_settled_whether_a_grant_passes_a_boundary(
    boundary: Document | None, session: Document | None, expected: str
) -> None:
    granted = ResourcePolicies(policy=_DELEGATES, grants=(granting(),))
    assert decided(None, granted, boundary=boundary, session=session) == expected


@pytest.mark.parametrize(("identity", "policy", "operation", "expected"), [
    (None, _NAMES, "DescribeKey", "deny"), (None, _NAMES, "Decrypt", "unknown"),
    (None, _DELEGATES, "Decrypt", "unknown"),
    (_DECRYPTS, _NAMES, "DescribeKey", "allow"), (_DECRYPTS, None, "Decrypt", "allow"),
    (_DECRYPTS, None, "DescribeKey", "deny"),
])  # fmt: skip
def test_across_accounts_a_grant_counts_for_its_own_operations(
    identity: Document | None, policy: Document | None, operation: str, expected: str
) -> None:
    granted = ResourcePolicies(policy=policy, grants=(granting(operation),))
    assert decided(identity, granted, _FAR) == expected


_OTHER = {"StringNotEquals": {"kms:EncryptionContext:Other": "y"}}


@pytest.mark.parametrize(("more", "denied", "reached"), [
    ({}, None, True), ({"context_subset": {"App": "x"}}, None, True), ({"context_equals": {"App": "x"}}, None, True),
    ({"context_subset": {"App": "x"}}, _OTHER, True), ({"context_equals": {"App": "x"}}, _OTHER, False),
    ({"context_equals": {"App": "x"}}, {"StringNotEquals": {"kms:EncryptionContext:app": "x"}}, True),
    ({"context_equals": {"App": "x"}}, {"StringEquals": {"kms:EncryptionContext:app": "x"}}, False),
    ({"context_equals": {"App": "x"}}, {"StringEquals": {"kms:EncryptionContext:Other": "y"}}, True),
    ({"context_subset": {"App": "x"}}, {"Null": {"kms:EncryptionContextKeys": "false"}}, False),
])  # fmt: skip
def test_the_caller_chooses_the_encryption_context_that_a_grant_asks_for(
    more: dict[str, Any], denied: dict[str, Any] | None, *, reached: bool
) -> None:
    policies = ResourcePolicies(policy=_DELEGATES, grants=(granting(**more),))
    key = Thing(arn=_KEY, owners=("beta",), policies=policies)
    denies = () if denied is None else (document(allow("kms:*", effect="Deny", Condition=denied)),)
    acting = agent("acme", *denies)
    grants = Estate([key], [acting]).reach(acting, ActionClass.READ).grants
    assert [grant.effect for grant in grants] == [Effect.ALLOW] * reached
    for grant in grants:
        assert decide(acting.principal, acting.policies, grant.witness[0], policies).effect is Effect.ALLOW
