"""No agent can change or delete another tenant's secrets in AWS."""

from cred_audit.finding import Verdict
from tests import aws_lab as lab
from tests.checks.judged import judged

CHECK = "aws_no_cross_tenant_write"


def test_changes_behind_the_tag_stay_with_the_tenant() -> None:
    text = lab.document(lab.statement("secretsmanager:*", Condition=lab.EQUAL))
    assert {one.verdict for one in judged(CHECK, lab.shared_role(text))} == {Verdict.PASS}


def test_an_open_deletion_reaches_everybody_else() -> None:
    findings = judged(CHECK, lab.shared_role(lab.document(lab.statement("secretsmanager:DeleteSecret"))))
    assert [(one.tenant, one.verdict, set(one.reaches.tenants)) for one in findings] == [
        (name, Verdict.FAIL, set(lab.TENANTS) - {name}) for name in lab.TENANTS
    ]
    assert findings[0].note == "actions: secretsmanager:DeleteSecret"
    assert (findings[0].reproduce or "").startswith("aws secretsmanager delete-secret --secret-id arn:aws:")
    assert '"aws:ResourceTag/TenantId": "${aws:PrincipalTag/TenantId}"' in (findings[0].fix or "")


def test_reading_is_not_changing() -> None:
    assert {one.verdict for one in judged(CHECK, lab.shared_role(lab.document(lab.statement())))} == {Verdict.PASS}


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
