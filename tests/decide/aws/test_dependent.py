"""Keys of one request depend on each other: a witness is a request that can be sent."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cred_audit.decide import Effect
from cred_audit.decide.aws.document import read_document
from cred_audit.decide.aws.engine import NO_RESOURCE_SIDE
from cred_audit.decide.aws.free import Possible, Search
from cred_audit.decide.aws.model import Kind, Request, ResourcePolicies
from tests.decide.aws.test_free import ACCOUNT, READ, searching, statement

TAG = replace(READ, action="secretsmanager:TagResource")
UNTAG = replace(READ, action="secretsmanager:UntagResource")
DECRYPT = Request(action="kms:Decrypt", resource=f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k")
USER = f"arn:aws:iam::{ACCOUNT}:user/u"


def asked(condition: dict[str, Any], request: Request = READ, **more: Any) -> Possible:
    return searching(statement("Allow", condition), **more).possible(request, NO_RESOURCE_SIDE)


def allowed(condition: dict[str, Any], request: Request = READ, **more: Any) -> bool:
    return asked(condition, request, **more).decision.effect is Effect.ALLOW


@pytest.mark.parametrize(("condition", "possible"), [
    ({"StringEquals": {"aws:SourceVpce": "v1", "aws:SourceVpc": "vpc-1"}}, True),
    ({"StringEquals": {"aws:SourceVpce": "v1"}, "Null": {"aws:SourceVpc": "true"}}, False),
    ({"StringEquals": {"aws:SourceVpc": "vpc-1"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
    ({"Null": {"aws:SourceVpce": "true", "aws:SourceIp": "true"}}, False),
    ({"Null": {"aws:SourceVpce": "true", "aws:SourceIp": "false"}}, True),
    ({"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}, "Null": {"aws:SourceVpce": "true"}}, False),
    ({"Bool": {"aws:ViaAWSService": "false"}, "Null": {"aws:CalledViaFirst": "false"}}, False),
    ({"Bool": {"aws:ViaAWSService": "true"},
      "StringEquals": {"aws:CalledViaFirst": "cloudformation.amazonaws.com"}}, True),
    ({"Null": {"aws:ViaAWSService": "true"}}, False),
    ({"StringEquals": {"aws:CalledViaFirst": "my-own-script"}}, False),
    ({"ForAnyValue:StringEquals": {"aws:CalledVia": "athena.amazonaws.com"},
      "StringEquals": {"aws:CalledViaLast": "athena.amazonaws.com"}}, True),
    ({"ForAllValues:StringEquals": {"aws:CalledVia": "athena.amazonaws.com"}, "Null": {"aws:CalledVia": "false"},
      "StringEquals": {"aws:CalledViaLast": "dynamodb.amazonaws.com"}}, False),
    ({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}, False),
    ({"StringEquals": {"aws:SourceAccount": ACCOUNT}}, False),
    ({"Bool": {"aws:SecureTransport": "false"}}, False),
    ({"Null": {"aws:SecureTransport": "true"}}, False),
    ({"Null": {"aws:CurrentTime": "true"}}, False),
    ({"StringEquals": {"aws:username": "u"}}, False),
    ({"Bool": {"aws:PrincipalIsAWSService": "true"}}, False),
    ({"ArnEquals": {"secretsmanager:resource/AllowRotationLambdaArn": "arn:aws:lambda:a:b:function:f"}}, False),
])  # fmt: skip
def test_only_what_can_be_together_is_tried(condition: dict[str, Any], possible: bool) -> None:
    assert allowed(condition) is possible


def test_mfa_is_there_where_the_credentials_can_carry_it() -> None:
    both = {"Bool": {"aws:MultiFactorAuthPresent": "true"}, "NumericLessThan": {"aws:MultiFactorAuthAge": "300"}}
    assert not allowed(both)
    assert allowed(both, mfa=True)
    assert allowed(both, arn=USER)
    odd = {"Bool": {"aws:MultiFactorAuthPresent": "false"}, "NumericLessThan": {"aws:MultiFactorAuthAge": "300"}}
    assert not allowed(odd, mfa=True)
    assert outcome({"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}) == "unknown"
    assert allowed({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}})
    assert not allowed({"Null": {"aws:MultiFactorAuthAge": "true"}, "Bool": {"aws:MultiFactorAuthPresent": "true"}},
                       mfa=True)  # fmt: skip


def test_the_past_is_over() -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    past = {"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}
    coming = {"DateGreaterThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}}
    assert allowed(past)
    assert not allowed(past, since=now)
    assert allowed(coming, since=now)
    assert not allowed(coming | {"NumericLessThan": {"aws:EpochTime": "1790000000"}}, since=now)
    assert allowed({"DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}}, since=now)


def test_tags_of_a_request_have_names_and_values() -> None:
    both = {"StringEquals": {"aws:RequestTag/Tenant": "b"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["Tenant"]}}
    found = asked(both, TAG)
    assert found.decision.effect is Effect.ALLOW
    assert found.request.request_tags == {"Tenant": "b"}
    assert "aws:tagkeys" not in found.request.context
    apart = {"StringEquals": {"aws:RequestTag/Tenant": "b"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["Other"]}}
    assert not allowed(apart, TAG)
    without = {"Null": {"aws:RequestTag/Tenant": "true"}, "ForAnyValue:StringEquals": {"aws:TagKeys": ["tenant"]}}
    assert not allowed(without, TAG)
    # Names of tags are compared with case, names in keys without.
    case = {"StringEquals": {"aws:RequestTag/Tenant": "b"}, "ForAllValues:StringNotEquals": {"aws:TagKeys": ["Tenant"]}}
    found = asked(case, TAG)
    assert found.decision.effect is Effect.ALLOW
    ((name, value),) = found.request.request_tags.items()
    assert (name.lower(), name != "Tenant", value) == ("tenant", True, "b")


def test_a_call_that_tags_carries_a_tag() -> None:
    assert not allowed({"Null": {"aws:TagKeys": "true"}}, TAG)
    assert not allowed({"Null": {"aws:TagKeys": "true"}}, UNTAG)
    found = asked({"Null": {"aws:RequestTag/Tenant": "true"}}, TAG)
    assert found.decision.effect is Effect.ALLOW
    assert found.request.request_tags == {"x": "x"}


def test_an_encryption_context_has_names_and_values() -> None:
    pair = {"StringEquals": {"kms:EncryptionContext:app": "b"}}
    root = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"}
    key = ResourcePolicies(policy=read_document({"Statement": root}, Kind.RESOURCE, "key policy"))
    none = {"Null": {"kms:EncryptionContextKeys": "true"}}
    other = {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "tenant"}}
    for condition, effect in ((pair, Effect.ALLOW), (pair | none, Effect.DENY), (pair | other, Effect.DENY)):
        assert searching(statement("Allow", condition)).possible(DECRYPT, key).decision.effect is effect


def outcome(condition: dict[str, Any], *more: dict[str, Any], **how: Any) -> str:
    search: Search = searching(statement("Allow", condition), *more, **how)
    return search.possible(READ, NO_RESOURCE_SIDE).decision.effect.value


def test_ids_that_nobody_read_make_no_sure_answer() -> None:
    pinned = {"StringLike": {"aws:userid": "AROA1234567890ABCDEFG:*"}}
    assert outcome(pinned) == "unknown"
    assert outcome({"StringLike": {"aws:userid": "*:run"}}) == "allow"
    assert outcome({"StringLike": {"aws:userid": "acme"}}) == "deny"
    assert outcome({"StringNotLike": {"aws:userid": "AROA1234567890ABCDEFG:*"}}) == "unknown"
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/agent/run"
    assert outcome({"StringLike": {"aws:userid": "*:run"}}, arn=session) == "allow"
    assert outcome({"StringLike": {"aws:userid": "*:other"}}, arn=session) == "deny"


def test_an_organization_that_nobody_read_makes_no_sure_answer() -> None:
    assert outcome({"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}) == "unknown"
    perimeter = statement("Deny", {"StringNotEquals": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}})
    both = {"Null": {"aws:PrincipalOrgID": "false"}}
    assert outcome({"StringEqualsIfExists": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}}) == "allow"
    assert outcome(both, perimeter) == "unknown"
    assert outcome({"StringEquals": {"aws:PrincipalOrgPaths": "o-1/*"}}) in {"unknown", "deny"}


def test_facts_that_were_not_read_are_not_chosen() -> None:
    assert outcome({"StringEquals": {"secretsmanager:resource/Type": "x"}}) == "unknown"


def test_a_service_that_calls_kms_is_named_with_its_region() -> None:
    root = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"}
    key = ResourcePolicies(policy=read_document({"Statement": root}, Kind.RESOURCE, "key policy"))
    region = DECRYPT.resource.split(":")[3]
    for value in ("secretsmanager.*.amazonaws.com", "secretsmanager*", "*.amazonaws.com", f"*{region}*"):
        found = searching(statement("Allow", {"StringLike": {"kms:ViaService": value}})).possible(DECRYPT, key)
        assert found.decision.effect is Effect.ALLOW
        service, _, rest = str(found.request.context["kms:viaservice"]).partition(".")
        assert (bool(service), rest) == (True, f"{region}.amazonaws.com"), value
    for value in ("secretsmanager.mars.amazonaws.com", "x"):
        found = searching(statement("Allow", {"StringLike": {"kms:ViaService": value}})).possible(DECRYPT, key)
        assert found.decision.effect is Effect.DENY, value
