"""No agent can read another tenant's secrets in AWS."""

from dataclasses import replace
from typing import Any

import pytest

from cred_audit.check import Skip
from cred_audit.finding import Verdict
from cred_audit.target.model import AwsTerritory
from tests import aws_lab as lab
from tests.checks.hidden import verdict
from tests.checks.judged import judged

SECRETS = f"arn:aws:secretsmanager:*:{lab.ACCOUNT}:secret:"


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
    for hidden in ("secrets", "parameters"):
        findings = judged("aws_no_cross_tenant_read", lab.shared_role(text, **{hidden: None}))
        assert {finding.verdict for finding in findings} == {Verdict.UNKNOWN}


def test_keys_that_were_not_seen_leave_open_what_is_said_of_keys_alone() -> None:
    text = lab.document(lab.statement(Condition=lab.EQUAL))
    findings = judged("aws_no_cross_tenant_read", lab.shared_role(text, keys=None))
    assert {(one.subject.endswith(" keys"), one.verdict) for one in findings} == {
        (False, Verdict.PASS), (True, Verdict.UNKNOWN)
    }  # fmt: skip
    behind = [lab.secret(name, key=f"alias/{name}") for name in lab.TENANTS]
    hidden = judged(
        "aws_no_cross_tenant_read", lab.shared_role(lab.document(lab.statement()), keys=None, secrets=behind)
    )
    assert Verdict.PASS not in {finding.verdict for finding in hidden}


def test_without_the_organization_what_depends_on_it_is_unknown() -> None:
    facts = lab.shared_role(lab.document(lab.statement()))
    facts = lab.snapshot(facts.aws.world.accounts, facts.target.tenants, organization=None)  # type: ignore[union-attr]
    assert {finding.verdict for finding in judged("aws_no_cross_tenant_read", facts)} == {Verdict.UNKNOWN}


def test_an_unseen_part_that_no_other_tenants_territory_can_hold_does_not_matter() -> None:
    closed = {name: lab.document(lab.statement(resource=f"{SECRETS}{name}/*")) for name in lab.TENANTS}
    names = [lab.tenant(name, lab.agent("a", f"agent-{name}"), territory=[AwsTerritory(arns=(f"{SECRETS}{name}/*",))])
             for name in lab.TENANTS]  # fmt: skip
    roles = [lab.role(f"agent-{name}", text) for name, text in closed.items()]
    for part, expected in (("keys", Verdict.PASS), ("parameters", Verdict.PASS), ("secrets", Verdict.UNKNOWN)):
        parts: dict[str, Any] = {"secrets": [lab.secret(name) for name in lab.TENANTS]} | {part: None}
        findings = judged("aws_no_cross_tenant_read", lab.snapshot([lab.account(roles=roles, **parts)], names))
        assert {finding.verdict for finding in findings} == {expected}, part
        everything = lab.snapshot([lab.account(roles=roles, **parts)], names, others=True)
        assert Verdict.UNKNOWN in {finding.verdict for finding in judged("aws_no_cross_tenant_read", everything)}


def test_an_unseen_account_of_ones_own_does_not_matter_to_oneself() -> None:
    text = lab.document(lab.statement("*"))
    accounts = [
        lab.account(roles=[lab.role("agent", text)], secrets=None),
        lab.account(id=lab.OTHER_ACCOUNT, roles=[lab.role("agent", text, account=lab.OTHER_ACCOUNT)],
                    secrets=[lab.secret("beta", account=lab.OTHER_ACCOUNT)]),
    ]  # fmt: skip
    tenants = [
        lab.tenant("acme", lab.agent("a", "agent"), territory=[AwsTerritory(account=lab.ACCOUNT)]),
        lab.tenant("beta", lab.agent("b", "agent", account=lab.OTHER_ACCOUNT),
                   territory=[AwsTerritory(account=lab.OTHER_ACCOUNT)]),
    ]  # fmt: skip
    findings = judged("aws_no_cross_tenant_read", lab.snapshot(accounts, tenants))
    assert [(one.tenant, one.verdict) for one in findings] == [("acme", Verdict.PASS), ("beta", Verdict.UNKNOWN)]


def test_another_tenants_account_that_was_not_read_is_not_passed() -> None:
    closed = lab.role("agent", lab.document(lab.statement(Condition=lab.EQUAL)))
    beta = lab.tenant("beta", territory=[AwsTerritory(account=lab.OTHER_ACCOUNT)])
    theirs = lab.account(
        id=lab.OTHER_ACCOUNT, secrets=[lab.secret("beta", account=lab.OTHER_ACCOUNT)],
        keys=[lab.key("k", account=lab.OTHER_ACCOUNT)],
    )  # fmt: skip
    for read in (True, False):
        accounts = [lab.account(roles=[closed]), *([theirs] if read else [])]
        facts = lab.snapshot(accounts, [lab.tenant("acme", lab.agent("a", "agent")), beta])
        found = {one.subject: one for one in judged("aws_no_cross_tenant_read", facts)}
        assert {one.verdict for one in found.values()} == {Verdict.PASS if read else Verdict.UNKNOWN}
    assert set(found) == {"agent:acme/a", "agent:acme/a keys"}
    assert {one.evidence[0].where for one in found.values()} == {f"account {lab.OTHER_ACCOUNT}"}


def test_where_nobody_else_owns_anything_there_is_nothing_to_judge() -> None:
    everything = lab.role("agent", lab.document(lab.statement("*")))
    tenants = [lab.tenant("acme", lab.agent("a", "agent")), lab.tenant("beta")]
    alone = lab.account(roles=[everything], secrets=[lab.secret("acme")])
    for check in ("aws_no_cross_tenant_read", "aws_no_cross_tenant_write", "aws_no_cross_tenant_list"):
        with pytest.raises(Skip, match="belongs to another tenant"):
            judged(check, lab.snapshot([alone], tenants))
        hidden = lab.account(roles=[everything], secrets=[lab.secret("acme"), lab.secret("gamma", tags=None)])
        assert {one.verdict for one in judged(check, lab.snapshot([hidden], tenants))} == {Verdict.UNKNOWN}
        beside = lab.account(roles=[everything], secrets=[lab.secret("acme"), lab.secret("gamma")])
        assert {one.verdict for one in judged(check, lab.snapshot([beside], tenants))} == {Verdict.UNKNOWN}
        assert {one.verdict for one in judged(check, lab.snapshot([beside], tenants, others=True))} == {Verdict.FAIL}


def test_statements_of_one_name_and_of_different_texts_are_findings_of_their_own() -> None:
    root = {"AWS": f"arn:aws:iam::{lab.ACCOUNT}:root"}
    named = {"AWS": lab.role_arn("agent")}
    keys = [
        lab.key(name, policy=lab.document(lab.statement("kms:*", "*", Principal=root),
                                          lab.statement("kms:Decrypt", "*", Principal=named, Sid=name)))
        for name in ("k1", "k2")
    ]  # fmt: skip
    secrets = [lab.secret("beta", key.arn[-2:], key=key.arn) for key in keys]
    roles = [lab.role("agent", lab.document(lab.statement()))]
    facts = lab.snapshot(
        [lab.account(roles=roles, secrets=secrets, keys=keys)],
        [lab.tenant("acme", lab.agent("a", "agent")), lab.tenant("beta")],
    )
    findings = judged("aws_no_cross_tenant_read", facts)
    assert [(one.verdict, one.agents, one.count) for one in findings] == [(Verdict.FAIL, ("a",), 1)] * 2
    assert len({str(one.evidence) for one in findings}) == 2


def test_tags_that_were_not_seen_may_make_a_secret_anybodys() -> None:
    text = lab.document(lab.statement())
    facts = lab.shared_role(text, secrets=[lab.secret("acme"), lab.secret("beta", tags=None)])
    assert {finding.verdict for finding in judged("aws_no_cross_tenant_read", facts)} >= {Verdict.UNKNOWN}


def test_a_grant_says_what_to_change_and_how_to_see_it() -> None:
    (first, *_) = judged("aws_no_cross_tenant_read", lab.shared_role(lab.document(lab.statement())))
    arn = f"arn:aws:secretsmanager:{lab.REGION}:{lab.ACCOUNT}:secret:beta/db-AbCdEf"
    assert first.reproduce == f"aws secretsmanager get-secret-value --secret-id {arn} --region {lab.REGION}"
    assert (first.fix or "").startswith("in inline policy p1, statement 1: add Condition")


def test_a_key_of_another_tenant_is_a_case_of_its_own() -> None:
    policy = lab.document(lab.statement(Condition=lab.EQUAL), lab.statement("kms:Decrypt"))
    keys = [lab.key(name, tags={"TenantId": name}) for name in lab.TENANTS]
    findings = judged("aws_no_cross_tenant_read", lab.shared_role(policy, keys=keys))
    assert {(one.tenant, one.subject.startswith("agent:"), one.verdict) for one in findings} == {
        (name, *case) for name in lab.TENANTS for case in ((True, Verdict.PASS), (False, Verdict.FAIL))
    }


def test_what_else_an_agent_reaches_where_nobody_looked_is_not_known() -> None:
    parameters = [lab.parameter(name, type="String") for name in lab.TENANTS]
    facts = lab.shared_role(lab.document(lab.statement("ssm:GetParameter")), parameters=parameters, secrets=None)
    found = [(one.verdict, one.subject) for one in judged("aws_no_cross_tenant_read", facts) if one.tenant == "acme"]
    assert (Verdict.UNKNOWN, "agent:acme/acme-agent") in found
    assert Verdict.FAIL in {verdict for verdict, _ in found}


def test_a_folder_in_which_a_parameter_may_be_anothers_is_not_the_tenants_own() -> None:
    tenants = [
        lab.tenant("acme", lab.agent("run", "agent"), territory=[AwsTerritory(account=lab.ACCOUNT)]),
        lab.tenant("beta"),
    ]
    role = lab.role("agent", lab.document(lab.statement("ssm:GetParametersByPath")))
    for tags, expected in (({"TenantId": "beta"}, Verdict.FAIL), (None, Verdict.UNKNOWN)):
        parameters = [lab.parameter("x", tags=tags, type="String")]
        facts = lab.snapshot([lab.account(roles=[role], parameters=parameters)], tenants)
        assert verdict("aws_no_cross_tenant_read", facts) is expected


def test_a_territory_that_fits_nothing_is_not_passed_over() -> None:
    text = lab.document(lab.statement(Condition=lab.EQUAL))
    misspelt = [lab.tenant(name, lab.agent("a", f"agent-{name}"), territory=[AwsTerritory(tags={"Tenant": name})])
                for name in lab.TENANTS]  # fmt: skip
    roles = [lab.role(f"agent-{name}", text) for name in lab.TENANTS]
    whole = lab.account(roles=roles, secrets=[lab.secret(name) for name in lab.TENANTS])
    found = judged("aws_no_cross_tenant_read", lab.snapshot([whole], misspelt))
    assert [(one.verdict, one.count) for one in found] == [(Verdict.UNKNOWN, 3)]
    one_wrong = [*misspelt[:1], *(lab.tenant(name, lab.agent("a", f"agent-{name}")) for name in lab.TENANTS[1:])]
    found = judged("aws_no_cross_tenant_read", lab.snapshot([whole], one_wrong))
    assert [one.summary for one in found if one.tenant is None] == [
        "Nothing that was read in AWS belongs to acme, so whether others reach what is theirs is not known."
    ]


def test_where_things_may_be_anothers_and_nothing_is_for_sure_there_is_no_proof() -> None:
    tenants = [lab.tenant("acme", lab.agent("run", "agent")), lab.tenant("beta")]
    role = lab.role("agent", lab.document(lab.statement("logs:*")))
    for tags, expected in (({"TenantId": "acme"}, None), ({"TenantId": "beta"}, Verdict.PASS), (None, Verdict.UNKNOWN)):
        secrets = [lab.secret("acme"), lab.secret("x", tags=tags)]
        facts = lab.snapshot([lab.account(roles=[role], secrets=secrets)], tenants)
        assert verdict("aws_no_cross_tenant_read", facts) is expected, tags


def test_whether_mfa_can_be_there_is_not_known_where_the_trust_policy_was_not_seen() -> None:
    with_mfa = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    texts = [lab.document(lab.statement(Condition=with_mfa))]
    people, service = lab.trust({"AWS": lab.role_arn("people")}), lab.trust({"Service": "lambda.amazonaws.com"})
    for trust, expected in ((people, Verdict.FAIL), (service, Verdict.PASS), (None, Verdict.UNKNOWN)):
        tenants = [lab.tenant("acme", lab.agent("run", "agent")), lab.tenant("beta")]
        role = lab.role("agent", *texts, trust=trust)
        facts = lab.snapshot([lab.account(roles=[role], secrets=[lab.secret("beta")])], tenants)
        assert verdict("aws_no_cross_tenant_read", facts) is expected, trust
    plain = replace(role, inline=(lab.PolicyText(name="p", text=lab.document(lab.statement())),))
    facts = lab.snapshot([lab.account(roles=[plain], secrets=[lab.secret("beta")])], tenants)
    assert verdict("aws_no_cross_tenant_read", facts) is Verdict.FAIL
