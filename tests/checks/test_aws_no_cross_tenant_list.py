"""No agent can list another tenant's secrets in AWS."""

from cred_audit.finding import Verdict
from tests import aws_lab as lab
from tests.checks.judged import judged

CHECK = "aws_no_cross_tenant_list"


def test_descriptions_behind_the_tag_are_not_seen() -> None:
    text = lab.document(lab.statement("secretsmanager:*", Condition=lab.EQUAL))
    assert {one.verdict for one in judged(CHECK, lab.shared_role(text))} == {Verdict.PASS}


def test_a_list_without_a_resource_shows_all_tenants() -> None:
    equal = lab.statement("secretsmanager:*", Condition=lab.EQUAL)
    findings = judged(CHECK, lab.shared_role(lab.document(equal, lab.statement("secretsmanager:ListSecrets"))))
    assert [(one.tenant, one.verdict, set(one.reaches.tenants)) for one in findings] == [
        (name, Verdict.FAIL, set(lab.TENANTS) - {name}) for name in lab.TENANTS
    ]
    assert findings[0].reproduce == f"aws secretsmanager list-secrets --region {lab.REGION}"
    assert "take out secretsmanager:ListSecrets" in (findings[0].fix or "")


def test_a_list_of_the_tenants_own_account_shows_nobody_else() -> None:
    text = lab.document(lab.statement("secretsmanager:ListSecrets"))
    account = lab.account(roles=[lab.role("agent", text)], secrets=[lab.secret("acme")])
    beside = lab.account(id=lab.OTHER_ACCOUNT, secrets=[lab.secret("beta", account=lab.OTHER_ACCOUNT)])
    tenants = [lab.tenant("acme", lab.agent("a", "agent")), lab.tenant("beta")]
    assert {one.verdict for one in judged(CHECK, lab.snapshot([account, beside], tenants))} == {Verdict.PASS}


def test_what_was_not_seen_is_not_passed() -> None:
    text = lab.document(lab.statement(Condition=lab.EQUAL))
    for hidden in ("secrets", "parameters"):
        findings = judged(CHECK, lab.shared_role(text, **{hidden: None}))
        assert {finding.verdict for finding in findings} == {Verdict.UNKNOWN}


def test_keys_that_were_not_seen_leave_open_what_is_said_of_keys_alone() -> None:
    text = lab.document(lab.statement(Condition=lab.EQUAL))
    findings = judged(CHECK, lab.shared_role(text, keys=None))
    assert {(one.subject.endswith(" keys"), one.verdict) for one in findings} == {
        (False, Verdict.PASS), (True, Verdict.UNKNOWN)
    }  # fmt: skip


def test_a_list_of_all_that_has_tags_shows_keys_too() -> None:
    account = lab.account(
        roles=[lab.role("agent", lab.document(lab.statement("tag:GetResources")))],
        keys=[lab.key("k", tags={"TenantId": "beta"})], secrets=[lab.secret("beta")],
    )  # fmt: skip
    tenants = [lab.tenant("acme", lab.agent("a", "agent")), lab.tenant("beta")]
    assert [one.verdict for one in judged(CHECK, lab.snapshot([account], tenants))] == [Verdict.FAIL]
