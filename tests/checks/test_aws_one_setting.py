"""What is known of an agent's requests beside its policies, MFA and the time, is the same for every claim."""

from typing import Any

import pytest

from cred_audit.facts import Snapshot
from cred_audit.finding import Verdict
from tests import aws_lab as lab
from tests.checks.judged import judged
from tests.joint_lab import clause, engine, joint

PEOPLE = {"AWS": f"arn:aws:iam::{lab.ACCOUNT}:root"}
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
PAST, TO_COME = ({"DateLessThan": {"aws:CurrentTime": f"{year}-01-01T00:00:00Z"}} for year in (2020, 2099))
FUNCTION = f"arn:aws:lambda:{lab.REGION}:{lab.ACCOUNT}:function:rotate"
TRAIL = lab.Trail(
    arn=f"arn:aws:cloudtrail:{lab.REGION}:{lab.ACCOUNT}:trail/t", logging=True, every_region=True, reads=True,
    bucket="logs",
)  # fmt: skip


def platform(condition: dict[str, Any], *, people: bool) -> Snapshot:
    """Return acme's agent, which may do everything under a condition, in a role that people may assume, or not."""
    trust = lab.trust(PEOPLE if people else {"Service": "lambda.amazonaws.com"})
    own = lab.document(lab.statement("*", "*", Condition=condition))
    nothing = lab.document(lab.statement("logs:PutLogEvents"))
    roles = [
        lab.role("agent-acme", own, trust=trust), lab.role("agent-beta", nothing), lab.role("rotate", nothing),
        lab.role("hop", lab.document(lab.statement()), trust=lab.trust(PEOPLE)),
    ]  # fmt: skip
    secrets = [lab.secret("acme"), lab.secret("beta", rotated_by=FUNCTION)]
    functions = [lab.Function(arn=FUNCTION, role=lab.role_arn("rotate"))]
    account = lab.account(roles=roles, secrets=secrets, functions=functions, trails=[TRAIL])
    return lab.snapshot([account], [lab.tenant(name, lab.agent("a", f"agent-{name}")) for name in ("acme", "beta")])


def acme_fails(check: str, snapshot: Snapshot) -> bool:
    """Whether acme's agent fails a claim, as its tenant or by a role that it may assume."""
    found = [one for one in judged(check, snapshot) if one.verdict is Verdict.FAIL]
    return any(one.tenant == "acme" or "acme" in one.reaches.tenants for one in found)


OF_AGENTS = (
    "aws_no_cross_tenant_read", "aws_role_chains_serve_one_tenant", "aws_rotation_functions_are_per_tenant",
    "aws_logs_are_out_of_agents_reach", "aws_no_wildcard_spans_tenants",
)  # fmt: skip


@pytest.mark.parametrize("check", OF_AGENTS)
def test_every_claim_asks_an_agent_that_people_may_be_with_mfa(check: str) -> None:
    assert acme_fails(check, platform(MFA, people=True))
    assert not acme_fails(check, platform(MFA, people=False))


@pytest.mark.parametrize("check", OF_AGENTS)
def test_no_claim_asks_at_a_time_that_has_passed(check: str) -> None:
    assert acme_fails(check, platform(TO_COME, people=False))
    assert not acme_fails(check, platform(PAST, people=False))


def hop(condition: dict[str, Any]) -> Snapshot:
    assume = lab.document(lab.statement("sts:AssumeRole", lab.role_arn("hop")))
    reads = lab.document(lab.statement(Condition=condition))
    return lab.role_each(
        dict.fromkeys(("acme", "beta"), assume), roles=[lab.role("hop", reads, trust=lab.trust(PEOPLE))]
    )


@pytest.mark.parametrize(("condition", "expected"), [(MFA, True), (TO_COME, True), (PAST, False)])
def test_a_role_on_the_way_is_asked_alike(condition: dict[str, Any], expected: bool) -> None:
    failing = [one for one in judged("aws_role_chains_serve_one_tenant", hop(condition))
               if one.verdict is Verdict.FAIL]  # fmt: skip
    assert bool(failing) is expected
    if expected:
        assert any("aws:" in text for text in failing[0].assuming)


def rotating(condition: dict[str, Any]) -> bool:
    role = lab.role("rotate", lab.document(lab.statement(Condition=condition)), trust=lab.trust(PEOPLE))
    nothing = lab.document(lab.statement("logs:PutLogEvents"))
    snapshot = lab.role_each(
        dict.fromkeys(("acme", "beta"), nothing), roles=[role],
        secrets=[lab.secret("acme", rotated_by=FUNCTION), lab.secret("beta")],
        functions=[lab.Function(arn=FUNCTION, role=role.arn)],
    )  # fmt: skip
    return any(one.verdict is Verdict.FAIL for one in judged("aws_rotation_functions_are_per_tenant", snapshot))


@pytest.mark.parametrize(("condition", "expected"), [(MFA, False), (TO_COME, True), (PAST, False)])
def test_a_function_has_no_mfa_and_runs_now(condition: dict[str, Any], expected: bool) -> None:
    assert rotating(condition) is expected


@pytest.mark.parametrize(("condition", "expected"), [(MFA, False), (TO_COME, True), (PAST, False)])
def test_a_session_that_vault_gives_has_no_mfa_and_is_used_now(condition: dict[str, Any], expected: bool) -> None:
    shared = lab.role("shared", lab.document(lab.statement(Condition=condition)), trust=lab.trust(PEOPLE))
    nothing = lab.document(lab.statement("logs:PutLogEvents"))
    aws = lab.role_each(dict.fromkeys(lab.TENANTS, nothing), roles=[shared])
    door = engine({"r": {"credential_type": "assumed_role", "role_arns": [shared.arn]}})
    both = joint(aws, dict.fromkeys(lab.TENANTS, clause("aws/creds/r")), mounts=[door])
    found = judged("aws_no_reach_through_vault", both)
    assert {one.verdict for one in found} == {Verdict.FAIL if expected else Verdict.PASS}
