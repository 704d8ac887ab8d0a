"""What a takeover finding shows: requests that mean something, why they stop, and commands that can be sent."""

import json
import shlex
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from cred_audit.claims.aws.chain_commands import command_of
from cred_audit.decide.aws.model import Request
from cred_audit.decide.aws.standing import KINDS, changes_of
from cred_audit.finding import Finding, Verdict
from tests import aws_lab as lab
from tests.decide.aws.test_takeover import AGENT, TARGET, chain, found, target, world

TAG, UNTAG, PUT = "secretsmanager:TagResource", "secretsmanager:UntagResource", "secretsmanager:PutResourcePolicy"
KEY = lab.key("k1")
BETA = lab.secret("beta").arn
ENCRYPTED: dict[str, Any] = {"secrets": [lab.secret("acme"), lab.secret("beta", key=KEY.arn)], "keys": [KEY]}
OWN = lab.statement(Condition=lab.EQUAL)


def last(one: Finding) -> dict[str, Any]:
    """Return the last request."""
    assert one.witness is not None
    return dict(one.witness.fields)


def test_a_tag_that_is_set_means_something() -> None:
    one = found(world(lab.statement([TAG, UNTAG])))
    assert last(one)["request_tags"] == {"TenantId": "acme"}
    assert one.summary == (
        "acme/a can change the tags of what beta holds in AWS: by its tags it is told whose it is. Reading it "
        f"afterwards does not go through: {lab.READ} is not allowed (no identity policy allows the action)."
    )
    assert (one.reproduce or "").endswith(f"--secret-id {BETA} --tags Key=TenantId,Value=acme --region us-east-1")
    assert "aws:ResourceTag/TenantId" in (one.fix or "")


def test_a_tag_is_set_that_the_conditions_allow() -> None:
    only = {"StringEquals": {"aws:RequestTag/TenantId": "beta2"}}
    one = found(world(lab.statement(TAG, Condition=only)))
    assert last(one)["request_tags"] == {"TenantId": "beta2"}
    spelled = lab.secret("beta", tags={"TenantId": "beta", "Stage": "x"})
    other = {"ForAllValues:StringEquals": {"aws:TagKeys": ["Stage"]}}
    one = found(world(lab.statement(TAG, Condition=other), secrets=[lab.secret("acme"), spelled]))
    assert set(last(one)["request_tags"]) == {"Stage"}


def test_taking_a_tag_away_names_it() -> None:
    one = found(world(lab.statement(UNTAG)))
    assert last(one)["context"]["aws:TagKeys"] == ["TenantId"]
    assert "--tag-keys TenantId" in (one.reproduce or "")


def test_it_says_what_stops_the_reading() -> None:
    one = found(world(OWN, lab.statement(TAG), agent={"tags": {"TenantId": "acme"}}, **ENCRYPTED))
    assert one.summary.endswith(f"the key {KEY.arn} does not decrypt it for the agent.")
    assert last(one)["action"] == TAG
    opened = chain(world(OWN, lab.statement([TAG, "kms:Decrypt"]), agent={"tags": {"TenantId": "acme"}}, **ENCRYPTED))
    assert opened == [TAG, lab.READ]
    assert "Reading it" not in found(world(OWN, lab.statement(TAG), agent={"tags": {"TenantId": "acme"}})).summary


def test_something_without_a_key_is_read_instead() -> None:
    plain = lab.secret("beta", name="plain")
    more = ENCRYPTED | {"secrets": [*ENCRYPTED["secrets"], plain]}
    one = found(world(OWN, lab.statement(TAG), agent={"tags": {"TenantId": "acme"}}, **more))
    assert (last(one)["action"], last(one)["resource"]) == (lab.READ, plain.arn)


def test_a_policy_is_written_out() -> None:
    one = found(world(lab.statement(PUT), **ENCRYPTED))
    assert one.summary.startswith("acme/a can change the policies of what beta holds in AWS. Reading it")
    words = shlex.split(one.reproduce or "")
    policy = json.loads(words[words.index("--resource-policy") + 1])
    assert policy["Statement"][0]["Principal"] == {"AWS": AGENT}


@pytest.mark.parametrize(("action", "options", "told"), [
    ("kms:CreateGrant", ("--grantee-principal", "--operations"), "can change the grants of the key"),
    ("kms:PutKeyPolicy", ("--policy-name", "--policy"), "can change the policies of the key"),
    ("kms:RevokeGrant", ("--grant-id",), "can change the grants of the key"),
    ("kms:TagResource", ("--tags",), "can change the tags of the key"),
])  # fmt: skip
def test_control_of_a_key_is_a_command(action: str, options: tuple[str, ...], told: str) -> None:
    one = found(world(lab.statement(action), **ENCRYPTED))
    assert one.verdict is Verdict.FAIL
    assert f"{told} {KEY.arn}, which beta stands on" in one.summary
    words = (one.reproduce or "").split()
    assert {"--key-id", KEY.arn, *options} <= set(words)
    both = found(world(lab.statement(lab.READ), lab.statement("kms:CreateGrant"), **ENCRYPTED))
    assert (
        f"and can then read {BETA}; it has the same control of the key {KEY.arn}, which beta stands on" in both.summary
    )


def test_what_a_principal_reached_controls_is_told() -> None:
    trust = lab.trust({"AWS": AGENT})
    one = found(world(roles=[target(lab.document(lab.statement(TAG)), trust=trust)]))
    assert f"can assume {TARGET}, and can then change the tags of what beta holds in AWS" in one.summary
    *_, command = (one.reproduce or "").splitlines()
    assert command.startswith("AWS_ACCESS_KEY_ID=$(echo ")
    assert "secretsmanager tag-resource" in command


@cache
def iam() -> Any:
    return botocore.session.get_session().get_service_model("iam")


@pytest.mark.parametrize(("kind", "action"), [(kind, action) for kind in KINDS for action in changes_of(kind)])
def test_a_command_of_iam_has_all_that_its_call_cannot_do_without(kind: str, action: str) -> None:
    arn = f"arn:aws:iam::{lab.ACCOUNT}:{kind}/path/some name"
    words = shlex.split(command_of(Request(action=action, resource=arn), "acme/a"))
    calls = {xform_name(name, "-"): name for name in iam().operation_names}
    assert words[:2] == ["aws", "iam"]
    shape = iam().operation_model(calls[words[2]]).input_shape
    given = {word for word in words if word.startswith("--")}
    assert {f"--{xform_name(name, '-')}" for name in shape.required_members} <= given
    assert given <= {f"--{xform_name(name, '-')}" for name in shape.members}
    assert arn in words or "some name" in words


def test_a_command_of_iam_says_what_the_request_says() -> None:
    arn = lab.role_arn("agent")

    def sent(action: str, **more: Any) -> str:
        return command_of(Request(action=action, resource=arn, **more), "acme/a")

    assert sent("iam:TagRole", request_tags={"T": "a b"}).endswith("--tags 'Key=T,Value=a b'")
    assert sent("iam:UntagRole", context={"aws:TagKeys": ("T",)}).endswith("--tag-keys T")
    assert sent("iam:AttachRolePolicy", context={"iam:PolicyARN": "x"}).endswith("--policy-arn x")
    assert sent("iam:PutRolePermissionsBoundary", context={"iam:PermissionsBoundary": "x"}).endswith(" x")
