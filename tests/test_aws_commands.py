"""The commands that show a grant in AWS, compared with what the command line of AWS takes."""

import re
import shlex
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from cred_audit.claims.aws.commands import reproduce_of
from cred_audit.decide.aws.estate import ActionClass, actions_of
from cred_audit.decide.aws.model import Request
from tests import aws_lab as lab

ARN = f"arn:aws:secretsmanager:{lab.REGION}:{lab.ACCOUNT}:secret:beta/db-AbCdEf"
PARAMETER = f"arn:aws:ssm:{lab.REGION}:{lab.ACCOUNT}:parameter/"
KEY = f"arn:aws:kms:{lab.REGION}:{lab.ACCOUNT}:key/k"
SWITCHES = {"--region", "--overwrite", "--recursive", "--with-decryption"}
"""Options that are no text of the call: of the command line itself, or true and false."""
ACTIONS = sorted(
    {
        (action, resource)
        for wanted in ActionClass
        for sort, resource in (
            ("secretsmanager", ARN), ("ssm", f"{PARAMETER}beta/db"), ("kms", KEY),
            ("folder of ssm", f"{PARAMETER}beta"),
            ("everything of secretsmanager", "*"), ("everything of ssm", "*"), ("everything of kms", "*"),
            ("everything of tag", "*"),
        )
        for action in actions_of(wanted, sort)
    }
)  # fmt: skip


@cache
def model_of(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def sent(action: str, resource: str, **more: Any) -> str:
    context = {"aws:RequestedRegion": lab.REGION} | more.pop("context", {})
    return reproduce_of("acme/run", (Request(action=action, resource=resource, context=context, **more),))


@pytest.mark.parametrize(("action", "resource", "command"), [
    (lab.READ, ARN, f"aws secretsmanager get-secret-value --secret-id {ARN} --region us-east-1"),
    ("secretsmanager:ListSecrets", "*", "aws secretsmanager list-secrets --region us-east-1"),
    ("tag:GetResources", "*", "aws resourcegroupstaggingapi get-resources --region us-east-1"),
    ("ssm:GetParametersByPath", PARAMETER, ("aws ssm get-parameters-by-path --path / --recursive --with-decryption "
     "--region us-east-1")),
    ("ssm:GetParametersByPath", f"{PARAMETER}beta", ("aws ssm get-parameters-by-path --path /beta --recursive "
     "--with-decryption --region us-east-1")),
    ("ssm:GetParameter", f"{PARAMETER}a b/c", ("aws ssm get-parameter --name '/a b/c' --with-decryption "
     "--region us-east-1")),
    ("ssm:GetParameter", f"{PARAMETER}db", "aws ssm get-parameter --name db --with-decryption --region us-east-1"),
    ("kms:DescribeKey", KEY, f"aws kms describe-key --key-id {KEY} --region us-east-1"),
    ("kms:SynchronizeMultiRegionKey", KEY, (f"cred-audit ask aws TARGET --agent acme/run "
     f"kms:SynchronizeMultiRegionKey {KEY}")),
    ("s3:GetObject", "arn:aws:s3:::b/k", "cred-audit ask aws TARGET --agent acme/run s3:GetObject arn:aws:s3:::b/k"),
    ("sts:AssumeRole", "arn:aws:iam::1:role/x", ("aws sts assume-role --role-arn arn:aws:iam::1:role/x "
     "--role-session-name <name> --region us-east-1")),
])  # fmt: skip
def test_a_witness_is_a_command(action: str, resource: str, command: str) -> None:
    assert sent(action, resource) == command


def test_a_command_says_what_the_witness_says() -> None:
    tagged = sent("secretsmanager:TagResource", ARN, request_tags={"TenantId": "a b"})
    assert "--tags 'Key=TenantId,Value=a b'" in tagged
    untagged = sent("kms:UntagResource", KEY, context={"aws:TagKeys": ("TenantId",)})
    assert "--tag-keys TenantId" in untagged
    context = {"kms:EncryptionContext:SecretARN": ARN}
    assert f"--encryption-context SecretARN={ARN}" in sent("kms:Decrypt", KEY, context=context)
    assert f"--source-encryption-context SecretARN={ARN}" in sent("kms:ReEncryptFrom", KEY, context=context)
    role = sent("sts:AssumeRole", "arn:aws:iam::1:role/x", request_tags={"T": "a"}, context={"sts:ExternalId": "x y"})
    assert "--tags Key=T,Value=a --external-id 'x y'" in role


def test_a_command_quotes_what_others_named() -> None:
    request = Request(action="ssm:GetParameter", resource=f"{PARAMETER}$(reboot);'x")
    words = shlex.split(reproduce_of("acme/run", (request,)))
    assert words == ["aws", "ssm", "get-parameter", "--name", "$(reboot);'x", "--with-decryption"]


@pytest.mark.parametrize(("action", "resource"), ACTIONS)
def test_a_command_has_all_that_its_call_cannot_do_without(action: str, resource: str) -> None:
    command = sent(action, resource)
    if command.startswith("cred-audit ask"):
        assert action == "kms:SynchronizeMultiRegionKey"
        return
    _, service, call, *rest = command.split()
    model = model_of(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    shape = model.operation_model(names[call]).input_shape
    known = {f"--{xform_name(name, '-')}" for name in shape.members}
    needed = {f"--{xform_name(name, '-')}" for name in shape.required_members}
    given = {word for word in rest if re.fullmatch("--[a-z-]+", word)}
    assert needed <= given
    assert given <= known | SWITCHES
