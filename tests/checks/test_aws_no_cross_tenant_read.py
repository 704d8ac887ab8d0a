"""No agent can read another tenant's secrets in AWS."""

from cred_audit.finding import Verdict
from tests import aws_lab as lab
from tests.checks.judged import judged


def test_equal_tags_isolate_everybody() -> None:
    facts = lab.shared_role(lab.document(lab.statement(Condition=lab.EQUAL)))
    findings = judged("aws_no_cross_tenant_read", facts)
    assert [finding.verdict for finding in findings] == [Verdict.PASS] * 3


def test_a_star_reaches_everybody_else() -> None:
    findings = judged("aws_no_cross_tenant_read", lab.shared_role(lab.document(lab.statement())))
    assert [(one.tenant, one.verdict, set(one.reaches.tenants)) for one in findings] == [
        (name, Verdict.FAIL, set(lab.TENANTS) - {name}) for name in lab.TENANTS
    ]


def test_what_was_not_seen_is_not_passed() -> None:
    text = lab.document(lab.statement(Condition=lab.EQUAL))
    for hidden in ({"secrets": None}, {"keys": None}, {"parameters": None}):
        findings = judged("aws_no_cross_tenant_read", lab.shared_role(text, **hidden))
        assert {finding.verdict for finding in findings} == {Verdict.UNKNOWN}


def test_without_the_organization_what_depends_on_it_is_unknown() -> None:
    facts = lab.shared_role(lab.document(lab.statement()))
    facts = lab.snapshot(facts.aws.world.accounts, facts.target.tenants, organization=None)  # type: ignore[union-attr]
    assert {finding.verdict for finding in judged("aws_no_cross_tenant_read", facts)} == {Verdict.UNKNOWN}
