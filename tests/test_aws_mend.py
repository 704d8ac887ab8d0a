"""What is said about mending a grant in AWS, and the commands that show it."""

import json
from typing import Any

import pytest

from cred_audit.claims.aws.mend import fix_of
from cred_audit.decide import Reason
from tests import aws_lab as lab

ARN = f"arn:aws:secretsmanager:{lab.REGION}:{lab.ACCOUNT}:secret:beta/db-AbCdEf"
OWN = '"StringEquals": {"aws:ResourceTag/Tenant": "${aws:PrincipalTag/Tenant}"}'


def fixed(statement: dict[str, Any], *actions: str) -> str:
    reason = Reason(policy="inline policy p1", clause=json.dumps(statement), why="statement 1 allows")
    found = fix_of([Reason(policy="", why="x"), reason], actions or (lab.READ,), "Tenant")
    assert found is not None
    assert found.startswith("in inline policy p1, statement 1: ")
    return found.removeprefix("in inline policy p1, statement 1: ")


@pytest.mark.parametrize(("operator", "says"), [
    ("StringEqualsIfExists", "lets through what has no such tag"),
    ("ForAllValues:StringEquals", "holds where the tag is absent"),
    ("StringNotEquals", "holds where the tag is absent or another tenant's"),
    ("Null", "holds where the tag is absent or another tenant's"),
    ("StringLike", "matches more than one tenant's tag"),
    ("StringEqualsIgnoreCase", "takes names for equal that differ by case"),
    ("StringEquals", "compares with a value that is not the agent's own"),
])  # fmt: skip
def test_a_weak_operator_is_named(operator: str, says: str) -> None:
    found = fixed(lab.statement(Condition={operator: {"secretsmanager:ResourceTag/Tenant": "x"}}))
    assert found == f"{operator} {says}: write {OWN}"


@pytest.mark.parametrize("operator", ["StringEquals", "StringLike"])
def test_where_the_statement_compares_the_two_tags_they_are_wrong_themselves(operator: str) -> None:
    equal = {operator: {"aws:ResourceTag/Tenant": "${aws:PrincipalTag/Tenant}"}}
    assert "as it should" in fixed(lab.statement(Condition=equal))
    both = {operator: {"aws:ResourceTag/Tenant": ["${aws:PrincipalTag/Tenant}", "x"]}}
    assert "as it should" not in fixed(lab.statement(Condition=both))


def test_each_form_of_grant_has_its_own_change() -> None:
    assert fixed(lab.statement()).startswith(f"add Condition {{{OWN}}}")
    assert fixed(lab.statement("*", "*"), "secretsmanager:ListSecrets").startswith(
        "take out secretsmanager:ListSecrets"
    )
    assert fixed(lab.statement(Principal="*")).startswith("name in Principal")
    assert fixed(lab.statement(resource=None, NotResource="x")).startswith("write Resource")
    assert fixed(lab.statement(resource=f"{ARN[:-10]}*")).endswith(f"with a separator: {ARN[:-10]}/*")
    assert fixed(lab.statement(resource="a:b:c:d:e:/*"), "ssm:GetParametersByPath").startswith("name the tenant's own")
    assert fixed({}) == "narrow the statement to what is the tenant's own"
    assert fix_of([Reason(policy="", why="the resource policy was not seen")], (lab.READ,), "Tenant") is None


ROOT = f"arn:aws:iam::{lab.ACCOUNT}:root"


@pytest.mark.parametrize("principal", [ROOT, lab.ACCOUNT, [ROOT], [ROOT, "444455556666"]])
def test_a_statement_that_leaves_it_to_the_account_is_not_what_is_mended(principal: Any) -> None:
    root = lab.statement("kms:*", Principal={"AWS": principal})
    opens = Reason(policy="key policy", clause=json.dumps(root), why="statement 1 allows")
    mine = Reason(policy="inline policy p1", clause=json.dumps(lab.statement("kms:Decrypt")), why="statement 2 allows")
    for because in ([opens, mine], [mine, opens]):
        found = fix_of(because, ("kms:Decrypt",), "Tenant")
        assert found is not None
        assert found.startswith(f"in inline policy p1, statement 2: add Condition {{{OWN}}}")
    alone = fix_of([opens], ("kms:Decrypt",), "Tenant")
    assert alone is not None
    assert "Principal" not in alone
    assert "leave it" in alone


@pytest.mark.parametrize("principal", [
    "*", {"AWS": "*"}, {"AWS": [ROOT, lab.role_arn("agent")]}, {"AWS": lab.role_arn("agent")},
    {"AWS": ROOT, "Service": "lambda.amazonaws.com"}, {"AWS": []}, {"AWS": 7},
])  # fmt: skip
def test_a_statement_of_a_key_that_names_more_than_the_account_is_mended_itself(principal: Any) -> None:
    opens = Reason(
        policy="key policy", clause=json.dumps(lab.statement("kms:*", Principal=principal)), why="statement 1 allows"
    )
    mine = Reason(policy="inline policy p1", clause=json.dumps(lab.statement("kms:Decrypt")), why="statement 2 allows")
    found = fix_of([opens, mine], ("kms:Decrypt",), "Tenant")
    assert found == "in key policy, statement 1: name in Principal only the roles of the tenant that owns the thing"
