"""What AWS's own managed policies open for agents, by their text."""

from typing import Any

import pytest

from cred_audit.check import Finding, Skip, Snapshot, Verdict
from cred_audit.target.model import Agent, AwsPrincipal
from tests import aws_lab as lab
from tests.checks.hidden import assert_hiding_improves_nothing
from tests.checks.judged import judged

ID = "aws_agents_hold_no_broad_managed_policy"
ARN = "arn:aws:iam::aws:policy/SecretsManagerReadWrite"


def held(*statements: Any, arn: str = ARN, seen: bool = True) -> Snapshot:
    role = lab.role("agent", attached=(arn,))
    policies = {arn: lab.document(*statements)} if seen else {}
    names = ("acme", "beta")
    tenants = [lab.tenant(name, lab.agent(f"{name}-agent", "agent", session_tags={"TenantId": name})) for name in names]
    secrets = [lab.secret(name) for name in names]
    return lab.snapshot([lab.account(roles=[role], policies=policies, secrets=secrets)], tenants)


def both(snapshot: Snapshot) -> tuple[Finding, Finding]:
    first, second = judged(ID, snapshot)
    assert (first.tenant, second.tenant) == ("acme", "beta")
    assert first.verdict is second.verdict
    return first, second


@pytest.mark.parametrize(("statement", "shows"), [
    (lab.statement("secretsmanager:*"), "reading, changing, giving away, describing all secrets"),
    (lab.statement("ssm:Get*"), "all parameters"), (lab.statement("kms:Decrypt"), "reading all keys"),
    (lab.statement("*"), "all keys"), (lab.statement("secretsmanager:DescribeSecret"), "describing all secrets"),
    ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, "all secrets"),
    (lab.statement("secretsmanager:GetSecretValue", Condition={"Bool": {"aws:SecureTransport": "true"}}), "reading"),
])  # fmt: skip
def test_a_policy_that_opens_all_of_them(statement: Any, shows: str) -> None:
    found, _ = both(held(statement))
    assert found.verdict is Verdict.FAIL
    assert shows in found.summary
    assert found.evidence[0].quote.startswith("{")
    assert found.witness is not None
    assert found.fix


@pytest.mark.parametrize("statements", [
    [lab.statement("logs:*")],
    [lab.statement("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:*:*:secret:rds!*")],
    [lab.statement("secretsmanager:*", Condition=lab.EQUAL)],
    [lab.statement("secretsmanager:*"), lab.statement("*", effect="Deny")],
])  # fmt: skip
def test_a_policy_that_opens_no_new_thing(statements: list[Any]) -> None:
    assert both(held(*statements))[0].verdict is Verdict.PASS


def test_the_name_does_not_count() -> None:
    odd = "arn:aws:iam::aws:policy/service-role/Harmless"
    assert both(held(lab.statement("*"), arn=odd))[0].verdict is Verdict.FAIL


def test_a_text_that_was_not_seen_is_unknown() -> None:
    found, _ = both(held(seen=False))
    assert found.verdict is Verdict.UNKNOWN
    assert "not seen" in found.summary


def test_a_users_groups_count() -> None:
    group = lab.Group(arn=f"arn:aws:iam::{lab.ACCOUNT}:group/team", attached=(ARN,))
    user = lab.User(arn=f"arn:aws:iam::{lab.ACCOUNT}:user/acme", groups=("team",))
    policies = {ARN: lab.document(lab.statement("secretsmanager:*"))}
    account = lab.account(users=[user], groups=[group], policies=policies)
    agent = Agent(id="a", aws=AwsPrincipal(user=user.arn))
    snapshot = lab.snapshot([account], [lab.tenant("acme", agent)])
    (found,) = judged(ID, snapshot)
    assert found.verdict is Verdict.FAIL
    assert_hiding_improves_nothing(ID, snapshot)


@pytest.mark.parametrize("arn", ["", f"arn:aws:iam::{lab.ACCOUNT}:policy/own"])
def test_without_a_policy_of_awss_the_claim_is_not_called_for(arn: str) -> None:
    with pytest.raises(Skip, match="managed policy of AWS"):
        judged(ID, held(lab.statement("*"), arn=arn) if arn else lab.shared_role(lab.document(lab.statement("*"))))


@pytest.mark.parametrize("statement", [lab.statement("*"), lab.statement("logs:*")])
def test_hiding_a_fact_never_improves_a_verdict(statement: Any) -> None:
    assert_hiding_improves_nothing(ID, held(statement))
