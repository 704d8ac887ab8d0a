"""No agent can turn itself into a principal that reaches another tenant in AWS."""

from typing import Any

import pytest

from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict
from cred_audit.target.model import AwsTerritory
from tests import aws_lab as lab
from tests.checks.hidden import verdict
from tests.checks.judged import judged

CHECK = "aws_no_takeover_path"
ASSUME, TAG = "sts:AssumeRole", "sts:TagSession"
ROOT = {"AWS": f"arn:aws:iam::{lab.ACCOUNT}:root"}
READER = lab.role_arn("reader")
OWN_TAG = {"StringEquals": {"aws:RequestTag/TenantId": "${aws:PrincipalTag/TenantId}"}}
OTHERS = set(lab.TENANTS) - {"acme"}


def reader(**more: Any) -> Any:
    """Return a role that reads what has its own tag, trusted by the whole account."""
    more.setdefault("trust", lab.trust(ROOT, [ASSUME, TAG]))
    return lab.role("reader", lab.document(lab.statement(Condition=lab.EQUAL)), **more)


def acme(snapshot: Snapshot) -> Finding:
    """Return the one finding about acme."""
    (found,) = [one for one in judged(CHECK, snapshot) if one.tenant == "acme"]
    return found


def test_session_tags_of_the_agents_choosing_are_a_chain() -> None:
    found = acme(lab.shared_role(lab.document(lab.statement([ASSUME, TAG], READER)), roles=[reader()]))
    assert (found.verdict, set(found.reaches.tenants)) == (Verdict.FAIL, OTHERS)
    assert found.summary == (
        f"acme/acme-agent can assume {READER} with the session tag TenantId=beta, and can then read what beta, gamma "
        "hold in AWS."
    )
    assert found.witness is not None
    (step,) = found.witness.before
    assert (step.fields["action"], step.fields["request_tags"]) == (ASSUME, {"TenantId": "beta"})
    assert step.fields["also"][0]["action"] == TAG
    assert found.witness.fields["session_tags"] == {"TenantId": "beta"}
    assert "the tags of the login's session are not transitive" in found.assuming
    assert (found.reproduce or "").splitlines()[0] == (
        f"session1=$(aws sts assume-role --role-arn {READER} --role-session-name cred-audit "
        "--tags Key=TenantId,Value=beta)"
    )


@pytest.mark.parametrize("condition", [
    {"StringEquals": {"aws:RequestTag/Project": "p"}},
    {"StringLike": {"aws:RequestTag/Project": "p*"}},
    {"Null": {"aws:RequestTag/Project": "false"}},
])  # fmt: skip
def test_a_further_tag_that_the_trust_asks_for_can_be_sent_as_well(condition: Any) -> None:
    asking = reader(trust=lab.trust(ROOT, [ASSUME, TAG], Condition=condition))
    found = acme(lab.shared_role(lab.document(lab.statement([ASSUME, TAG], READER)), roles=[asking]))
    assert (found.verdict, set(found.reaches.tenants)) == (Verdict.FAIL, OTHERS)
    assert found.witness is not None
    assert set(found.witness.before[0].fields["request_tags"]) == {"TenantId", "Project"}


@pytest.mark.parametrize(("trust", "allowed"), [
    (lab.trust(ROOT, [ASSUME, TAG], Condition=OWN_TAG), [ASSUME, TAG]),
    (lab.trust(ROOT), [ASSUME, TAG]),
    (lab.trust(ROOT, [ASSUME, TAG]), [ASSUME]),
    (lab.trust({"Service": "ec2.amazonaws.com"}, [ASSUME, TAG]), [ASSUME, TAG]),
])  # fmt: skip
def test_pinned_or_missing_tags_close_it(trust: str, allowed: list[str]) -> None:
    found = acme(lab.shared_role(lab.document(lab.statement(allowed, READER)), roles=[reader(trust=trust)]))
    assert found.verdict is Verdict.PASS


def test_control_of_tags_is_followed_to_reading() -> None:
    own = lab.statement(Condition=lab.EQUAL)
    found = acme(lab.shared_role(lab.document(own, lab.statement("secretsmanager:TagResource"))))
    assert found.verdict is Verdict.FAIL
    assert found.witness is not None
    assert [step.fields["request_tags"] for step in found.witness.before] == [{"TenantId": "acme"}]
    assert found.witness.fields["action"] == lab.READ
    assert found.witness.fields["resource_tags"] == {"TenantId": "acme"}
    bound = lab.statement("secretsmanager:TagResource", Condition=lab.EQUAL)
    assert acme(lab.shared_role(lab.document(own, bound))).verdict is Verdict.PASS


def test_changing_what_others_stand_on_is_a_chain_by_itself() -> None:
    beta = lab.document(lab.statement("iam:PutRolePolicy", lab.role_arn("agent-beta")))
    found = acme(lab.role_each({"acme": beta, "beta": lab.document(lab.statement(Condition=lab.EQUAL))}))
    assert (found.verdict, found.reaches.tenants) == (Verdict.FAIL, ("beta",))
    assert "the role arn:aws:iam::111122223333:role/agent-beta, which beta stands on" in found.summary
    mine = lab.document(lab.statement("iam:TagRole", lab.role_arn("agent-acme")))
    assert acme(lab.role_each({"acme": mine, "beta": beta})).verdict is Verdict.PASS


def test_agents_of_one_tenant_with_the_same_grant_are_one_finding() -> None:
    text = lab.document(lab.statement("sts:AssumeRole", READER))
    reads = lab.role("reader", lab.document(lab.statement()), trust=lab.trust(ROOT))
    agents = (lab.agent("one", "agent"), lab.agent("two", "agent"))
    account = lab.account(roles=[lab.role("agent", text), reads], secrets=[lab.secret("acme"), lab.secret("beta")])
    found = acme(lab.snapshot([account], [lab.tenant("acme", *agents), lab.tenant("beta")]))
    assert (found.verdict, found.agents) == (Verdict.FAIL, ("one", "two"))
    assert found.summary.startswith("2 agents of acme can assume")


def test_what_was_not_seen_is_not_passed() -> None:
    text = lab.document(lab.statement(Condition=lab.EQUAL))
    for hidden in ({"secrets": None}, {"keys": None}, {"parameters": None}):
        assert acme(lab.shared_role(text, **hidden)).verdict is Verdict.UNKNOWN
    facts = lab.shared_role(text)
    blind = lab.snapshot([lab.account(roles=None)], facts.target.tenants)
    assert acme(blind).verdict is Verdict.UNKNOWN


def test_a_key_that_encrypts_what_may_be_anothers_is_not_the_tenants_own() -> None:
    key = lab.key("k", tags={})
    role = lab.role("agent", lab.document(lab.statement(["kms:PutKeyPolicy", "kms:CreateGrant"])))
    tenants = [
        lab.tenant("acme", lab.agent("run", "agent"), territory=[AwsTerritory(account=lab.ACCOUNT)]),
        lab.tenant("beta"),
    ]
    for tags, known, expected in (
        ({}, True, Verdict.PASS),
        (None, True, Verdict.UNKNOWN),
        ({}, False, Verdict.PASS),
        (None, False, Verdict.UNKNOWN),
    ):
        secret = lab.secret("x", tags=tags, key=key.arn if known else None, key_seen=known)
        facts = lab.snapshot([lab.account(roles=[role], secrets=[secret], keys=[key])], tenants)
        assert verdict(CHECK, facts) is expected, (tags, known)
