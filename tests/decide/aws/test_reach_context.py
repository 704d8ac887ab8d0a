"""What of a request's context is known is not searched."""

from typing import Any

import pytest

from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.estate import ActionClass, Thing, requests
from cred_audit.decide.aws.model import Kind, Request, ResourcePolicies
from cred_audit.decide.aws.principals import Documents, Principals
from cred_audit.decide.aws.reach import Estate
from cred_audit.decide.aws.world import AwsWorld
from tests import aws_lab as lab
from tests.decide.aws.test_reach import ACCOUNT, ALL, READ, agent, allow, document, secret

ROOT = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
KEY = Thing(
    arn=f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k1", policies=ResourcePolicies(policy=document(ROOT, kind=Kind.RESOURCE)),
    known={"kms:resourcealiases": ("alias/shared",)},
)  # fmt: skip


def assumptions(statement: dict[str, Any], things: list[Thing], *more: dict[str, Any]) -> list[tuple[str, ...]]:
    acting = agent("acme", document(statement, *more))
    return [grant.assuming for grant in Estate(things, [acting]).reach(acting, ActionClass.READ).grants]


@pytest.mark.parametrize(("condition", "reached"), [
    ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, True),
    ({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}, False),
    ({"StringEquals": {"aws:ResourceAccount": ACCOUNT}}, True),
    ({"StringEquals": {"aws:ResourceAccount": "999999999999"}}, False),
    ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}, True),
    ({"StringEquals": {"secretsmanager:SecretId": "else"}}, False),
    ({"StringLike": {"secretsmanager:SecretId": "*:secret:beta/db-??????"}}, True),
])  # fmt: skip
def test_keys_of_the_thing_are_known(condition: dict[str, Any], reached: bool) -> None:
    assert bool(assumptions(allow(Condition=condition), ALL)) is reached


@pytest.mark.parametrize(("condition", "reached"), [
    ({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}, False),
    ({"StringEquals": {"kms:ViaService": "ssm.us-east-1.amazonaws.com"}}, False),
    ({"StringLike": {"kms:EncryptionContext:SecretARN": "*:secret:beta/*"}}, True),
    ({"StringLike": {"kms:EncryptionContext:SecretARN": "*:secret:acme/*"}}, False),
    ({"StringEquals": {"kms:EncryptionContext:tenant": "beta"}}, False),
    ({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["SecretARN", "SecretVersionId"]}}, True),
    ({"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "tenant"}}, False),
    ({"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/shared"}}, True),
    ({"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/other"}}, False),
    ({"Bool": {"aws:ViaAWSService": "false"}}, False),
    ({"StringEquals": {"kms:CallerAccount": ACCOUNT}}, True),
])  # fmt: skip
def test_keys_of_the_decryption_are_known(condition: dict[str, Any], reached: bool) -> None:
    decrypt = allow("kms:Decrypt", Condition=condition)
    things = [secret("acme"), secret("beta", key=KEY)]
    assert bool(assumptions(allow(), things, decrypt)) is reached


def test_a_direct_decryption_is_free_to_choose_its_context() -> None:
    key = Thing(arn=KEY.arn, policies=KEY.policies, owners=("beta",))
    name = "kms:EncryptionContext:SecretARN"
    found = assumptions(allow("kms:Decrypt", Condition={"StringEquals": {name: "x"}}), [secret("acme"), key])
    assert found == [(f"{name} is x",)]
    wrong = {"StringEquals": {"kms:CallerAccount": "999999999999"}}
    assert assumptions(allow("kms:Decrypt", Condition=wrong), [secret("acme"), key]) == []


@pytest.mark.parametrize(("condition", "reached"), [
    ({"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}}, False),
    ({"Bool": {"aws:ViaAWSService": "true"}}, False),
    ({"ForAnyValue:StringEquals": {"aws:CalledVia": "s3.amazonaws.com"}}, False),
    ({"StringNotEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}}, True),
    ({"Null": {"kms:ViaService": "true"}}, True),
    ({"Bool": {"aws:ViaAWSService": "false"}}, True),
    ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, True),
])  # fmt: skip
def test_no_agent_can_say_that_a_service_calls_for_it(condition: dict[str, Any], reached: bool) -> None:
    """Only Secrets Manager decrypts through Secrets Manager, and what it gives is judged where it is asked."""
    key = Thing(arn=KEY.arn, policies=KEY.policies, owners=("beta",))
    decrypt = allow("kms:Decrypt", Condition=condition)
    assert bool(assumptions(decrypt, [secret("acme"), key])) is reached
    # With the right to read the secret, the service decrypts with the key.
    through = assumptions(allow(), [secret("acme"), secret("beta", key=KEY)], decrypt)
    assert bool(through) is (not reached or "IpAddress" in condition)


def test_a_new_value_needs_the_key_and_other_changes_do_not() -> None:
    things = [secret("acme"), secret("beta", key=KEY)]
    acting = agent("acme", document(allow(["secretsmanager:PutSecretValue", "secretsmanager:DeleteSecret"])))
    (grant,) = Estate(things, [acting]).reach(acting, ActionClass.WRITE).grants
    assert grant.actions == ("secretsmanager:DeleteSecret",)
    calls = requests("secretsmanager:PutSecretValue", things[1], ActionClass.WRITE)
    assert [request.action for request, _ in calls] == ["secretsmanager:PutSecretValue", "kms:GenerateDataKey"]
    assert len(requests(READ, things[1])) == 2


def test_a_control_policy_that_was_not_seen_may_allow_and_the_others_still_deny() -> None:
    def effect(*texts: str | None) -> str:
        level = tuple(lab.PolicyText(name=f"p{number}", text=text) for number, text in enumerate(texts))
        organization = lab.Organization(management="999999999999", scps={lab.ACCOUNT: (level,)}, rcps={lab.ACCOUNT: ()})
        role = lab.role("agent", lab.document(lab.statement("*")))
        world = AwsWorld(accounts=(lab.account(roles=[role]),), organization=organization)
        found = Principals(world, Documents()).principal(role.arn)
        assert isinstance(found, tuple)
        return Evaluator(*found).decide(Request(action=READ, resource=ALL[1].arn)).effect.value

    whole = lab.document(lab.statement("*"))
    assert effect(whole) == "allow"
    assert effect(None) == "unknown"
    assert effect(whole, None) == "unknown"
    assert effect(None, lab.document(lab.statement("secretsmanager:*", effect="Deny"))) == "deny"


def test_awss_own_key_is_said_to_stand_between_accounts() -> None:
    far, near = "arn:aws:iam::999999999999:role/far", f"arn:aws:iam::{ACCOUNT}:role/far"
    named = {"Effect": "Allow", "Principal": {"AWS": [far, near]}, "Action": READ, "Resource": "*"}
    things = [secret("beta", policies=ResourcePolicies(policy=document(named, kind=Kind.RESOURCE)))]
    for arn, said in ((far, True), (near, False)):
        acting = agent("acme", document(allow()), arn=arn)
        (grant,) = Estate(things, [acting]).reach(acting, ActionClass.READ).grants
        assert any("customer key" in text for text in grant.assuming) is said
