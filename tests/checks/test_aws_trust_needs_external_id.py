"""Roles that let another account in ask for an external id of their own."""

from dataclasses import replace
from typing import Any

import pytest

from cred_audit.check import Skip
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict
from cred_audit.target.model import AwsTerritory
from tests import aws_lab as lab
from tests.checks.hidden import assert_hiding_improves_nothing, verdict
from tests.checks.judged import judged

CHECK = "aws_trust_needs_external_id"
PLATFORM = {"AWS": f"arn:aws:iam::{lab.ACCOUNT}:role/agent-acme"}
ROOT = {"AWS": f"arn:aws:iam::{lab.ACCOUNT}:root"}
GOOD = {"acme": "8f4e1c2a-93d7-4b1e-a0c5-6d2f7e8b9a10", "beta": "c1b7d9e3-5a48-4f60-9d2c-0e7a6b8f1d35"}
HOMES = {"acme": "222233334444", "beta": "333344445555"}


def asking(value: Any, operator: str = "StringEquals") -> dict[str, Any]:
    return {"Condition": {operator: {"sts:ExternalId": value}}}


def customers(
    trusts: dict[str, str], *, resource: Any = None, tags: bool = False, policies: dict[str, str] | None = None
) -> Snapshot:
    """Return two customers' accounts with a role each, and an agent for each in the platform's account."""
    names = tuple(HOMES)
    own = {name: f"arn:aws:iam::{HOMES[name]}:role/byoc" for name in names}
    texts = policies or {name: lab.document(lab.statement("sts:AssumeRole", resource or own[name])) for name in names}
    platform = lab.account(roles=[lab.role(f"agent-{name}", texts[name]) for name in names])
    accounts = [
        lab.account(id=HOMES[name], roles=[
            lab.role("byoc", account=HOMES[name], trust=trusts[name], **({"tags": {"TenantId": name}} if tags else {}))
        ]) for name in names
    ]  # fmt: skip
    tenants = [
        lab.tenant(
            name, lab.agent(f"{name}-agent", f"agent-{name}"),
            territory=[AwsTerritory(tags={"TenantId": name}) if tags else AwsTerritory(account=HOMES[name])],
        ) for name in names
    ]  # fmt: skip
    return lab.snapshot([platform, *accounts], tenants)


def both(principal: Any = None, **more: Any) -> dict[str, str]:
    return {
        name: lab.trust(
            principal or {"AWS": f"arn:aws:iam::{lab.ACCOUNT}:role/agent-{name}"}, **more or asking(GOOD[name])
        )
        for name in HOMES
    }


def verdicts(snapshot: Snapshot) -> dict[str, Verdict]:
    return {finding.subject: finding.verdict for finding in judged(CHECK, snapshot)}


def role_findings(snapshot: Snapshot) -> list[Finding]:
    return [finding for finding in judged(CHECK, snapshot) if finding.subject.startswith("role:")]


@pytest.mark.parametrize("tags", [False, True])
def test_random_ids_and_named_principals_hold(tags: bool) -> None:
    found = verdicts(customers(both(), tags=tags))
    assert set(found.values()) == {Verdict.PASS}
    assert len(found) == 4


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"Sid": "S"}, "without an external id"),
        (asking(list(GOOD.values()), "StringEqualsIfExists"), "without an external id"),
        (asking(GOOD["acme"], "ForAllValues:StringEquals"), "without an external id"),
        (asking("nobody", "StringNotEquals"), "without an external id"),
        (asking("*", "StringLike"), "with any external id"),
        (asking("nobody", "ForAnyValue:StringNotEquals"), "with any external id"),
        ({"Condition": {"Null": {"sts:ExternalId": "false"}}}, "with any external id"),
        (asking("platform-8f4e1c2a93d7-*", "StringLike"), "every external id like"),
        (asking("platform-8f4e1c2a93d7-?", "StringLike"), "every external id like"),
        (asking("acme"), "tenant's name"),
        (asking("beta-ext"), "tenant's name"),
        (asking("ext-001"), "a number with words before it"),
        (asking("20250131"), "a date"),
        (asking("id-2025-01-31"), "a date"),
        (asking("ab1cd2"), "6 characters only"),
        (asking("222233334444"), "an account id"),
        (asking("my-external-id"), "made of words"),
    ],
)
def test_what_does_not_keep_others_out_fails(more: dict[str, Any], says: str) -> None:
    trusts = both() | {"acme": lab.trust(PLATFORM, **more)}
    found = {finding.subject: finding for finding in role_findings(customers(trusts))}
    finding = found[f"role:arn:aws:iam::{HOMES['acme']}:role/byoc"]
    assert finding.verdict is Verdict.FAIL
    assert says in finding.summary
    assert "acme" in finding.reaches.tenants
    assert finding.fix
    assert (finding.witness is not None) == ("external id" in says), "a request where one without the id goes through"
    assert found[f"role:arn:aws:iam::{HOMES['beta']}:role/byoc"].verdict is Verdict.PASS


def test_a_deny_that_asks_for_the_id_is_as_good() -> None:
    ask = lab.statement("sts:AssumeRole", None, "Deny", Principal="*", **asking(GOOD["acme"], "StringNotEquals"))
    let = lab.statement("sts:AssumeRole", None, Principal=PLATFORM)
    found = verdicts(customers(both() | {"acme": lab.document(let, ask)}))
    assert set(found.values()) == {Verdict.PASS}


def test_one_id_for_several_tenants_fails_for_each() -> None:
    findings = role_findings(customers(both(**asking(GOOD["acme"]))))
    assert [finding.verdict for finding in findings] == [Verdict.FAIL] * 2
    assert all(set(finding.reaches.tenants) == {"acme", "beta"} for finding in findings)


@pytest.mark.parametrize("pair", [("Zk3q9XvT-0041", "Zk3q9XvT-0042"), ("Zk3q9XvTp7Lm-acme", "Zk3q9XvTp7Lm-beta")])
def test_ids_that_follow_from_each_other_fail(pair: tuple[str, str]) -> None:
    trusts = {name: lab.trust(PLATFORM, **asking(value)) for name, value in zip(HOMES, pair, strict=True)}
    assert {finding.verdict for finding in role_findings(customers(trusts))} == {Verdict.FAIL}


def test_whoever_may_assume_any_role_reaches_every_customer_that_trusts_the_account() -> None:
    findings = judged(CHECK, customers(both(ROOT), resource="*"))
    agents = [finding for finding in findings if not finding.subject.startswith("role:")]
    assert [(one.tenant, one.verdict, one.reaches.tenants) for one in agents] == [
        ("acme", Verdict.FAIL, ("beta",)), ("beta", Verdict.FAIL, ("acme",)),
    ]  # fmt: skip
    witness = agents[0].witness
    assert witness is not None
    assert witness.fields["resource"] == f"arn:aws:iam::{HOMES['beta']}:role/byoc"
    assert witness.fields["context"]["sts:ExternalId"] == GOOD["beta"]
    assert {one.verdict for one in findings if one.subject.startswith("role:")} == {Verdict.PASS}


def test_trust_in_the_whole_account_holds_where_only_the_own_agent_may() -> None:
    found = verdicts(customers(both(ROOT)))
    assert set(found.values()) == {Verdict.PASS}


def test_a_named_session_of_any_name_is_reached() -> None:
    session = {"AWS": f"arn:aws:sts::{lab.ACCOUNT}:assumed-role/agent-beta/run"}
    findings = judged(CHECK, customers(both() | {"acme": lab.trust(session, **asking(GOOD["acme"]))}, resource="*"))
    found = [one for one in findings if one.tenant == "beta" and one.verdict is Verdict.FAIL]
    assert [one.reaches.tenants for one in found] == [("acme",)]
    assert "the session name is 'run'" in found[0].assuming


def test_in_one_account_a_trust_needs_no_id_but_is_decided() -> None:
    roles = [lab.role(f"data-{name}", trust=lab.trust(ROOT), tags={"TenantId": name}) for name in ("acme", "beta")]
    text = lab.document(lab.statement("sts:AssumeRole", lab.role_arn("data-acme")))
    findings = judged(CHECK, lab.role_each({"acme": text, "beta": text}, roles=roles))
    assert [(one.tenant, one.verdict) for one in findings] == [("acme", Verdict.PASS), ("beta", Verdict.FAIL)]


def test_accounts_of_one_owner_trust_each_other_without_an_id() -> None:
    trust = lab.trust({"AWS": f"arn:aws:iam::{lab.OTHER_ACCOUNT}:root"})
    platform = [lab.account(roles=[lab.role("deploy", trust=trust)]), lab.account(id=lab.OTHER_ACCOUNT)]
    with pytest.raises(Skip):
        judged(CHECK, lab.snapshot(platform, [lab.tenant("acme")]))
    unknown = lab.snapshot(platform[:1], [lab.tenant("acme")])
    assert set(verdicts(unknown).values()) == {Verdict.FAIL}


def test_a_service_or_a_role_of_the_organization_is_another_claim() -> None:
    roles = [
        lab.role("worker"),
        lab.role("OrganizationAccountAccessRole", trust=lab.trust({"AWS": "arn:aws:iam::999988887777:root"})),
    ]
    with pytest.raises(Skip):
        judged(CHECK, lab.snapshot([lab.account(roles=roles)], [lab.tenant("acme")]))


def test_a_star_is_everybody_unless_a_condition_names_the_account() -> None:
    found = verdicts(customers(both() | {"acme": lab.trust("*")}))
    assert found[f"role:arn:aws:iam::{HOMES['acme']}:role/byoc"] is Verdict.FAIL
    own = {"Condition": {"StringEquals": {"aws:PrincipalAccount": HOMES["acme"]}}}
    found = verdicts(customers(both() | {"acme": lab.trust("*", **own)}))
    assert f"role:arn:aws:iam::{HOMES['acme']}:role/byoc" not in found


def test_accounts_that_were_not_read_are_not_passed() -> None:
    whole = customers(both(), resource="*")
    assert whole.aws is not None
    facts = lab.snapshot(whole.aws.world.accounts[:1], whole.target.tenants)
    found = judged(CHECK, facts)
    assert [(one.tenant, one.verdict, one.reaches.tenants) for one in found] == [
        ("acme", Verdict.UNKNOWN, ("beta",)), ("beta", Verdict.UNKNOWN, ("acme",)),
    ]  # fmt: skip
    narrow = customers(both())
    assert narrow.aws is not None
    facts = lab.snapshot(narrow.aws.world.accounts[:1], narrow.target.tenants)
    assert {one.verdict for one in judged(CHECK, facts)} == {Verdict.PASS}


def test_hiding_a_fact_never_improves_a_verdict() -> None:
    for whole in (customers(both()), customers(both(ROOT), resource="*"), customers(both(Sid="S"), tags=True)):
        assert_hiding_improves_nothing(CHECK, whole)


def test_many_customers_are_judged_without_looping_over_pairs() -> None:
    names = [f"t{number:04}" for number in range(800)]
    text = lab.document(lab.statement("sts:AssumeRole", "*"))
    roles = [lab.role(f"agent-{name}", text) for name in names]
    roles += [lab.role(f"data-{name}", tags={"TenantId": name}, trust=lab.trust(ROOT)) for name in names]
    tenants = [lab.tenant(name, lab.agent("a", f"agent-{name}")) for name in names]
    found = judged(CHECK, lab.snapshot([lab.account(roles=roles)], tenants))
    assert len(found) == 800
    assert all(one.verdict is Verdict.FAIL and one.reaches.all_except == (one.tenant,) for one in found)


def test_an_id_is_nobodys_own_for_sure_where_a_trust_policy_was_not_seen() -> None:
    shared = {name: lab.trust({"AWS": f"arn:aws:iam::{lab.ACCOUNT}:root"}, **asking(GOOD["acme"])) for name in HOMES}
    roles = {name: f"role:arn:aws:iam::{HOMES[name]}:role/byoc" for name in HOMES}
    assert {verdicts(customers(shared))[one] for one in roles.values()} == {Verdict.FAIL}
    whole = customers(shared)
    assert whole.aws is not None
    accounts = list(whole.aws.world.accounts)
    (role,) = accounts[2].roles or ()
    accounts[2] = replace(accounts[2], roles=(replace(role, trust=None),))
    world = replace(whole.aws.world, accounts=tuple(accounts))
    found = verdicts(replace(whole, aws=replace(whole.aws, world=world)))
    assert {found[one] for one in roles.values()} == {Verdict.UNKNOWN}


def test_a_role_that_may_be_anothers_by_tags_that_were_not_seen_is_not_left_out() -> None:
    texts = {"acme": lab.document(lab.statement("sts:AssumeRole")), "beta": lab.document(lab.statement("logs:*"))}
    for tags, expected in (({"TenantId": "beta"}, Verdict.FAIL), ({}, Verdict.PASS), (None, Verdict.UNKNOWN)):
        roles = [lab.role(f"agent-{name}", text, tags={}) for name, text in texts.items()]
        roles.append(lab.role("hop", trust=lab.trust(ROOT), tags=tags))
        tenants = [
            lab.tenant("acme", lab.agent("run", "agent-acme"), territory=[AwsTerritory(account=lab.ACCOUNT)]),
            lab.tenant("beta"),
        ]
        assert verdict(CHECK, lab.snapshot([lab.account(roles=roles)], tenants)) is expected, tags
