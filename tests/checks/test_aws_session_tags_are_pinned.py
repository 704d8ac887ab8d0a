"""Who may choose the tags of a session that decide what it touches."""

from typing import Any

import pytest

from cred_audit.check import Finding, Skip, Snapshot, Verdict
from cred_audit.decide.aws.world import Role
from tests import aws_lab as lab
from tests.checks.hidden import assert_hiding_improves_nothing
from tests.checks.judged import judged

ID = "aws_session_tags_are_pinned"
BOTH = ["sts:AssumeRole", "sts:TagSession"]
BROKER = {"AWS": lab.role_arn("broker")}
ROOT = {"AWS": f"arn:aws:iam::{lab.ACCOUNT}:root"}
READS = lab.document(lab.statement(Condition=lab.EQUAL))
PINNED = {"StringEquals": {"aws:RequestTag/TenantId": "${aws:PrincipalTag/TenantId}"}}
ASSUMES = lab.document(lab.statement(BOTH, lab.role_arn("agent")))


def shared(trust: str, *roles: Role, policy: str = READS) -> Snapshot:
    agents = [lab.role("agent", policy, trust=trust), *roles]
    names = ("acme", "beta")
    tenants = [lab.tenant(name, lab.agent(f"{name}-agent", "agent", session_tags={"TenantId": name})) for name in names]
    secrets = [lab.secret(name) for name in names]
    return lab.snapshot([lab.account(roles=agents, secrets=secrets)], tenants)


def only(snapshot: Snapshot) -> Finding:
    (finding,) = judged(ID, snapshot)
    return finding


def test_a_broker_that_may_set_any_value_is_named() -> None:
    found = only(shared(lab.trust(BROKER, BOTH), lab.role("broker")))
    assert found.verdict is Verdict.FAIL
    assert lab.role_arn("broker") in found.summary
    assert found.witness is not None
    assert found.witness.fields["also"][0]["action"] == "sts:TagSession"
    assert "TagSession" in found.evidence[0].quote
    assert found.reaches.tenants == ()


@pytest.mark.parametrize("trust", [
    lab.trust(BROKER, BOTH, Condition=PINNED),
    lab.trust(BROKER, BOTH, Condition={"StringEquals": {"aws:RequestTag/TenantId": "acme"}}),
    lab.trust(BROKER, "sts:AssumeRole"),
    lab.document(lab.statement("sts:TagSession", None, Principal=BROKER, Condition=PINNED),
                 lab.statement("sts:AssumeRole", None, Principal=BROKER)),
    lab.document(lab.statement(BOTH, None, Principal=BROKER),
                 lab.statement("sts:TagSession", None, "Deny", Principal="*", Condition={
                     "StringNotEquals": {"aws:RequestTag/TenantId": "${aws:PrincipalTag/TenantId}"}})),
])  # fmt: skip
def test_a_pin_to_something_of_the_caller_holds(trust: str) -> None:
    found = only(shared(trust, lab.role("broker", tags={"TenantId": "acme"})))
    assert found.verdict is Verdict.PASS
    assert found.evidence


@pytest.mark.parametrize("condition", [
    {"StringLike": {"aws:RequestTag/TenantId": "*"}},
    {"StringEqualsIfExists": {"aws:RequestTag/Team": "a"}},
    {"Null": {"aws:RequestTag/TenantId": "false"}},
    {"ForAnyValue:StringEquals": {"sts:TransitiveTagKeys": "TenantId"}},
    {"ForAllValues:StringEquals": {"aws:TagKeys": ["TenantId"]}},
])  # fmt: skip
def test_a_condition_that_leaves_the_value_open_is_no_pin(condition: Any) -> None:
    assert only(shared(lab.trust(BROKER, BOTH, Condition=condition), lab.role("broker"))).verdict is Verdict.FAIL


def test_whether_tagging_carries_the_external_id_is_not_settled() -> None:
    trust = lab.trust(BROKER, BOTH, Condition={"StringEquals": {"sts:ExternalId": "e"}})
    assert only(shared(trust, lab.role("broker"))).verdict is Verdict.UNKNOWN
    apart = lab.document(lab.statement("sts:TagSession", None, Principal=BROKER),
                         lab.statement("sts:AssumeRole", None, Principal=BROKER,
                                       Condition={"StringEquals": {"sts:ExternalId": "e"}}))  # fmt: skip
    found = only(shared(apart, lab.role("broker")))
    assert (found.verdict, found.assuming) == (Verdict.FAIL, ("sts:ExternalId is e",))


def test_a_guard_that_names_the_key_in_another_case_is_passed() -> None:
    guard = lab.statement("sts:TagSession", None, "Deny", Principal="*",
                          Condition={"ForAnyValue:StringEquals": {"aws:TagKeys": "TenantId"}})  # fmt: skip
    trust = lab.document(lab.statement(BOTH, None, Principal=BROKER), guard)
    found = only(shared(trust, lab.role("broker")))
    assert found.verdict is Verdict.FAIL
    assert found.witness is not None
    assert found.witness.fields["request_tags"] == {"tenantid": "x0-nobody-yet"}


def test_an_account_as_principal_is_whoever_may_tag_there() -> None:
    trust = lab.trust(ROOT, BOTH)
    may, not_ = lab.role("may", ASSUMES), lab.role("not", READS)
    found = only(shared(trust, may, not_))
    assert found.verdict is Verdict.FAIL
    assert lab.role_arn("may") in found.summary
    assert "role/not" not in found.summary
    assert only(shared(trust, not_)).verdict is Verdict.PASS


def test_agents_of_other_tenants_are_reached() -> None:
    found = only(shared(lab.trust(ROOT, BOTH), policy=lab.document(
        lab.statement(Condition=lab.EQUAL), lab.statement(BOTH, lab.role_arn("agent")))))  # fmt: skip
    assert found.verdict is Verdict.FAIL
    assert found.reaches.tenants == ("acme", "beta")


def test_a_literal_of_another_tenant_is_no_pin_for_an_agent() -> None:
    trust = lab.trust(ROOT, BOTH, Condition={"StringEquals": {"aws:RequestTag/TenantId": ["acme", "beta"]}})
    found = only(shared(trust, policy=lab.document(
        lab.statement(Condition=lab.EQUAL), lab.statement(BOTH, lab.role_arn("agent")))))  # fmt: skip
    assert found.verdict is Verdict.FAIL


def chained(first: str) -> Snapshot:
    hop = lab.role("hop", ASSUMES, trust=first)
    return shared(lab.trust({"AWS": lab.role_arn("hop")}, BOTH), hop)


def test_a_tag_that_the_first_role_makes_transitive_cannot_be_chosen_again() -> None:
    service = {"Service": "broker.example.com"}
    held = {"ForAnyValue:StringEquals": {"sts:TransitiveTagKeys": "TenantId"}}
    assert only(chained(lab.trust(service, BOTH, Condition=held))).verdict is Verdict.PASS
    assert only(chained(lab.trust(service, BOTH))).verdict is Verdict.FAIL
    kept = {"ForAllValues:StringEquals": {"sts:TransitiveTagKeys": "TenantId"}}
    assert only(chained(lab.trust(service, BOTH, Condition=kept))).verdict is Verdict.FAIL


@pytest.mark.parametrize(("principal", "name"), [
    ({"Federated": f"arn:aws:iam::{lab.ACCOUNT}:saml-provider/corp"}, "saml-provider/corp"),
    ({"Service": "pods.eks.amazonaws.com"}, "pods.eks.amazonaws.com"),
])  # fmt: skip
def test_what_providers_and_services_put_in_is_an_assumption(principal: Any, name: str) -> None:
    found = only(shared(lab.trust(principal, ["sts:AssumeRoleWithSAML", *BOTH])))
    assert found.verdict is Verdict.PASS
    assert any(name in text for text in found.assuming)


@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": lab.OTHER_ACCOUNT},
                                       {"AWS": lab.role_arn("far", lab.OTHER_ACCOUNT)}])  # fmt: skip
def test_principals_that_were_not_read_may_have_every_right(principal: Any) -> None:
    assert only(shared(lab.trust(principal, BOTH))).verdict is Verdict.FAIL
    assert only(shared(lab.trust(principal, BOTH, Condition=PINNED))).verdict is not Verdict.FAIL


def test_where_no_tag_of_the_principal_decides_the_claim_is_not_called_for() -> None:
    with pytest.raises(Skip, match="tag of the principal"):
        judged(ID, shared(lab.trust(BROKER, BOTH), policy=lab.document(lab.statement(resource="arn:aws:x:*:*:y"))))


@pytest.mark.parametrize("trust", [lab.trust(BROKER, BOTH), lab.trust(BROKER, BOTH, Condition=PINNED),
                                   lab.trust(ROOT, BOTH), lab.trust(BROKER)])  # fmt: skip
def test_hiding_a_fact_never_improves_a_verdict(trust: str) -> None:
    assert_hiding_improves_nothing(ID, shared(trust, lab.role("broker", tags={"TenantId": "acme"})))
    assert_hiding_improves_nothing(ID, shared(trust, lab.role("broker", ASSUMES)))


def test_a_role_for_each_of_many_tenants_is_judged_without_pairs() -> None:
    names = [f"t{number}" for number in range(300)]
    roles = [
        lab.role(name, lab.document(lab.statement(Condition=lab.EQUAL), lab.statement(BOTH, lab.role_arn(name))),
                 tags={"TenantId": name}, trust=lab.trust(ROOT, BOTH, Condition=PINNED))
        for name in names
    ]  # fmt: skip
    tenants = [lab.tenant(name, lab.agent(name, name)) for name in names]
    secrets = [lab.secret(name) for name in names]
    found = judged(ID, lab.snapshot([lab.account(roles=roles, secrets=secrets)], tenants))
    assert {finding.verdict for finding in found} == {Verdict.PASS}
    assert len(found) == 300
