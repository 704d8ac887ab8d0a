"""Upkeep of AWS accounts: guardrails, rotation, sessions, trust in services."""

from datetime import timedelta
from typing import Any

import pytest

from cred_audit.check import Skip
from cred_audit.facts import Snapshot
from cred_audit.finding import Verdict
from cred_audit.target.model import Agent, AwsPrincipal, AwsTerritory
from tests import aws_lab as lab
from tests.checks.hidden import assert_hiding_improves_nothing, verdict
from tests.checks.judged import judged

GUARDRAILS, ROTATED = "aws_guardrails_are_attached", "aws_secrets_are_rotated"
SESSIONS, SERVICES = "aws_agents_use_short_sessions", "aws_service_trust_is_bound"
FULL = lab.PolicyText(name="p-FullAWSAccess", text=lab.document(lab.statement("*")))
LIMIT = lab.PolicyText(name="p-limit", text=lab.document(lab.statement("organizations:LeaveOrganization", "*", "Deny")))
SOME = lab.PolicyText(name="p-some", text=lab.document(lab.statement(["secretsmanager:*", "kms:*"])))
RECENT, OLD = lab.NOW - timedelta(days=10), lab.NOW - timedelta(days=120)


def organized(*levels: Any, **more: Any) -> Snapshot:
    more.setdefault("organization", lab.Organization(management="999988887777", scps={lab.ACCOUNT: levels}))
    tenant = lab.tenant("acme", territory=[AwsTerritory(account=lab.ACCOUNT)])
    return lab.snapshot([lab.account()], [tenant], **more)


@pytest.mark.parametrize("levels", [((FULL,), (FULL, LIMIT), (FULL,)), ((SOME,),), ((FULL,), (FULL,), (LIMIT,))])
def test_a_policy_at_any_level_limits_the_account(levels: Any) -> None:
    (finding,) = judged(GUARDRAILS, organized(*levels))
    assert finding.verdict is Verdict.PASS
    assert finding.evidence[0].quote
    assert_hiding_improves_nothing(GUARDRAILS, organized(*levels))


def test_full_access_everywhere_limits_nothing() -> None:
    (finding,) = judged(GUARDRAILS, organized((FULL,), (FULL,)))
    assert (finding.verdict, finding.reaches.tenants) == (Verdict.FAIL, ("acme",))
    assert_hiding_improves_nothing(GUARDRAILS, organized((FULL,), (FULL,)))


def test_no_organization_and_the_management_account_have_no_guardrail() -> None:
    assert verdict(GUARDRAILS, organized(organization=lab.NO_ORGANIZATION)) is Verdict.FAIL
    own = lab.Organization(management=lab.ACCOUNT, scps={lab.ACCOUNT: ((FULL, LIMIT),)})
    assert verdict(GUARDRAILS, organized(organization=own)) is Verdict.FAIL
    assert verdict(GUARDRAILS, organized(organization=None)) is Verdict.UNKNOWN


def test_guardrails_are_for_accounts_of_tenants() -> None:
    with pytest.raises(Skip):
        judged(GUARDRAILS, lab.shared_role(lab.document(lab.statement())))


def secrets(*things: Any, parameters: Any = ()) -> Snapshot:
    return lab.snapshot([lab.account(secrets=things, parameters=parameters)], [lab.tenant("acme"), lab.tenant("beta")])


FRESH = lab.secret("acme", rotation=True, rotates_every=30, last_rotated=RECENT, last_changed=RECENT)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"rotation": True, "rotates_every": 30, "last_rotated": RECENT, "last_changed": RECENT}, Verdict.PASS),
        ({"rotation": True, "rotates_every": 365, "last_rotated": OLD, "last_changed": OLD}, Verdict.PASS),
        ({"rotation": True, "last_rotated": RECENT, "last_changed": RECENT}, Verdict.PASS),
        ({"rotation": False, "last_changed": RECENT}, Verdict.PASS),
        ({"rotation": True, "rotates_every": 30, "last_rotated": OLD, "last_changed": RECENT}, Verdict.FAIL),
        ({"rotation": True, "rotates_every": 30, "last_changed": OLD}, Verdict.FAIL),
        ({"rotation": False, "last_changed": OLD}, Verdict.FAIL),
        ({"rotation": False}, Verdict.UNKNOWN),
        ({"rotation": True, "rotates_every": 30}, Verdict.UNKNOWN),
        ({"rotation": None, "last_changed": RECENT}, Verdict.UNKNOWN),
    ],
)
def test_what_does_not_change_in_time_fails(facts: dict[str, Any], expected: Verdict) -> None:
    snapshot = secrets(lab.secret("acme", **facts), lab.secret("beta", rotation=False, last_changed=RECENT))
    found = {finding.subject: finding for finding in judged(ROTATED, snapshot)}
    assert found["tenant:acme"].verdict is expected
    assert found["tenant:beta"].verdict is Verdict.PASS
    assert_hiding_improves_nothing(ROTATED, snapshot)


def test_parameters_count_and_replicas_and_managed_secrets_do_not() -> None:
    old = lab.parameter("acme", last_changed=OLD)
    assert verdict(ROTATED, secrets(FRESH, parameters=[old])) is Verdict.FAIL
    plain = lab.parameter("acme", type="String", last_changed=OLD)
    left_out = (
        lab.secret("acme", "r", rotation=False, last_changed=OLD, primary_region="eu-west-1"),
        lab.secret("acme", "m", rotation=False, last_changed=OLD, owning_service="rds"),
    )
    assert verdict(ROTATED, secrets(FRESH, *left_out, parameters=[plain])) is Verdict.PASS
    with pytest.raises(Skip):
        judged(ROTATED, secrets())


def acting(max_session: int | None = 3600, keys: Any = None) -> Snapshot:
    user = lab.User(arn=f"arn:aws:iam::{lab.ACCOUNT}:user/acme", access_keys=keys)
    roles = [lab.role("agent-acme", max_session=max_session)]
    agents = [lab.agent("a", "agent-acme")] if keys is None else [Agent(id="u", aws=AwsPrincipal(user=user.arn))]
    return lab.snapshot([lab.account(roles=roles, users=[user])], [lab.tenant("acme", *agents)])


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (acting(), Verdict.PASS),
        (acting(4 * 3600), Verdict.PASS),
        (acting(12 * 3600), Verdict.FAIL),
        (acting(None), Verdict.UNKNOWN),
        (acting(keys=()), Verdict.PASS),
        (acting(keys=(RECENT,)), Verdict.FAIL),
        (acting(keys=(RECENT, OLD)), Verdict.FAIL),
    ],
)
def test_long_sessions_and_access_keys_fail(snapshot: Snapshot, expected: Verdict) -> None:
    (finding,) = judged(SESSIONS, snapshot)
    assert finding.verdict is expected
    assert_hiding_improves_nothing(SESSIONS, snapshot)


def test_old_access_keys_are_named_as_such() -> None:
    (finding,) = judged(SESSIONS, acting(keys=(RECENT, OLD)))
    assert "120 days old" in finding.summary


def test_without_agents_in_aws_there_are_no_sessions() -> None:
    with pytest.raises(Skip):
        judged(SESSIONS, lab.snapshot([lab.account()], [lab.tenant("acme")]))


def served(service: str, **more: Any) -> Snapshot:
    roles = [lab.role("agent-acme", trust=lab.trust({"Service": service}, **more))]
    return lab.snapshot([lab.account(roles=roles)], [lab.tenant("acme", lab.agent("a", "agent-acme"))])


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"Sid": "S"}, Verdict.FAIL),
        ({"Condition": {"StringEquals": {"aws:SourceAccount": lab.ACCOUNT}}}, Verdict.PASS),
        ({"Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:*:{lab.ACCOUNT}:agent/*"}}}, Verdict.PASS),
        ({"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:*:*:*:*"}}}, Verdict.FAIL),
        ({"Condition": {"StringNotEquals": {"aws:SourceAccount": "999988887777"}}}, Verdict.FAIL),
    ],
)
def test_a_service_is_bound_to_the_accounts_resources(more: dict[str, Any], expected: Verdict) -> None:
    snapshot = served("bedrock.amazonaws.com", **more)
    (finding,) = judged(SERVICES, snapshot)
    assert finding.verdict is expected
    assert_hiding_improves_nothing(SERVICES, snapshot)


def test_services_that_send_no_source_are_no_case() -> None:
    with pytest.raises(Skip):
        judged(SERVICES, served("lambda.amazonaws.com"))
