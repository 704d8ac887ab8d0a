"""Which tag conditions let another tenant's thing through, and which only look weak."""

from dataclasses import replace
from typing import Any

import pytest

from cred_audit.check import Finding, Skip, Snapshot, Verdict
from cred_audit.decide.aws.world import Group, Organization, PolicyText, User
from cred_audit.target.model import Agent, AwsPrincipal, AwsTerritory
from tests import aws_lab as lab
from tests.checks.hidden import assert_hiding_improves_nothing
from tests.checks.judged import judged

ID = "aws_abac_tag_conditions_hold"
THING, OWN = "aws:ResourceTag/TenantId", "${aws:PrincipalTag/TenantId}"
PAIR = {THING: OWN}
NAMES = "arn:aws:secretsmanager:*:*:secret:"
TAG = "secretsmanager:TagResource"
GUARD = lab.statement(effect="Deny", Condition={"StringNotEquals": PAIR})


def allow(condition: Any = None, **more: Any) -> dict[str, Any]:
    return lab.statement(**more, **({} if condition is None else {"Condition": condition}))


def failed(snapshot: Snapshot) -> list[Finding]:
    return [finding for finding in judged(ID, snapshot) if finding.verdict is Verdict.FAIL]


def of_acme(snapshot: Snapshot) -> dict[int, Finding]:
    """Return the findings of one tenant by statement; those of its second policy count from 11."""
    found = {}
    for finding in judged(ID, snapshot):
        if finding.tenant == "acme":
            found[int(finding.subject.split()[-1]) + (10 if " p2 " in finding.subject else 0)] = finding
    return found


BROKEN = {
    "a second statement without": ([allow(lab.EQUAL), allow()], 1, "is passed by statement 2"),
    "IfExists": ([allow({"StringEqualsIfExists": PAIR})], 1, "holds where the tag is absent"),
    "ForAllValues on one value": ([allow({"ForAllValues:StringEquals": PAIR})], 1, "ForAllValues holds on a key"),
    "StringLike with a star": ([allow({"StringLike": {THING: "*"}})], 1, "wildcard"),
    "a star in a list": ([allow({"StringLike": {THING: [OWN, "*"]}})], 1, "wildcard"),
    "a star behind the variable": ([allow({"StringLike": {THING: OWN + "*"}})], 1, "wildcard"),
    "ArnLike with a star": ([allow({"ArnLike": {THING: "*"}}), allow(lab.EQUAL), allow()], 2, "is passed by"),
    "another tenant's literal": ([allow({"StringEquals": {THING: "beta"}})], 1, "compares with 'beta'"),
    "a negated Allow": ([allow({"StringNotEquals": {THING: "beta"}})], 1, "is negated"),
    "Null": ([allow({"Null": {THING: "true"}})], 1, "holds where the tag is absent"),
    "another tag": ([allow({"StringEquals": {"aws:ResourceTag/TenantId": ["beta", "gamma"]}})], 1, "whoever asks"),
    "a Deny whose variable has no value": (
        [allow(), lab.statement(effect="Deny", Condition={"StringEquals": {THING: "${aws:PrincipalTag/Rival}"}})],
        2, "has no value",
    ),
    "a Deny whose Resource has no value": (
        [allow(), lab.statement(effect="Deny", resource=NAMES + "${aws:PrincipalTag/Rival}/*")],
        2, "covers nothing",
    ),
    "a Deny that lists rivals": (
        [allow(), lab.statement(effect="Deny", Condition={"StringEquals": {THING: "beta"}})], 2, "does not hold for it",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("statements", "number", "shows"), BROKEN.values(), ids=BROKEN)
def test_a_condition_that_does_not_hold_the_line(statements: list[Any], number: int, shows: str) -> None:
    found = of_acme(lab.shared_role(lab.document(*statements)))[number]
    assert found.verdict is Verdict.FAIL
    assert shows in found.evidence[0].shows
    assert found.evidence[0].quote.startswith("{")
    assert found.witness is not None
    assert found.fix


HELD = {
    "equal tags": [allow(lab.EQUAL)],
    "StringLike without a star": [allow({"StringLike": PAIR})],
    "a star under StringEquals is a character": [allow({"StringEquals": {THING: [OWN, "*"]}})],
    "IfExists under a Deny": [allow({"StringEqualsIfExists": PAIR}), GUARD],
    "ForAllValues under a Deny": [allow({"ForAllValues:StringEquals": PAIR}), GUARD],
    "a plain Allow under a Deny": [allow(), GUARD],
    "a Deny with IfExists, which denies what has no tag": [
        allow(), lab.statement(effect="Deny", Condition={"StringNotEqualsIfExists": PAIR})],
    "ForAllValues on tag keys": [
        allow({**lab.EQUAL, "ForAllValues:StringEquals": {"aws:TagKeys": ["Name"]}}, action=TAG)],
    "a second statement about other names": [
        allow(lab.EQUAL), allow(resource="arn:aws:secretsmanager:*:*:secret:platform/*")],
    "a second statement about other actions": [allow(lab.EQUAL), allow(action="s3:GetObject")],
    "a literal that is nobody's": [allow({"StringEquals": {THING: [OWN, "shared"]}})],
    "a Deny about other tags": [
        allow(lab.EQUAL), lab.statement(effect="Deny", Condition={"StringEquals": {"aws:ResourceTag/Locked": "yes"}})],
    "the own name in front of a separator": [allow({"StringLike": {THING: [OWN, OWN + "/*"]}})],
}  # fmt: skip


@pytest.mark.parametrize("statements", HELD.values(), ids=HELD)
def test_a_condition_that_holds_passes_with_the_reason(statements: list[Any]) -> None:
    found = judged(ID, lab.shared_role(lab.document(*statements)))
    assert {finding.verdict for finding in found} == {Verdict.PASS}
    assert all("statement" in finding.evidence[0].shows for finding in found)


def test_a_weakness_that_an_organization_covers_passes() -> None:
    weak = lab.shared_role(lab.document(allow({"StringEqualsIfExists": PAIR})))
    assert failed(weak)
    full = PolicyText(name="p-Full", text=lab.document(lab.statement("*")))
    guard = PolicyText(name="p-Guard", text=lab.document({**GUARD, "Action": "secretsmanager:*"}))
    organization = Organization(management="999999999999", scps={lab.ACCOUNT: ((full, guard), (full,))})
    assert weak.aws is not None
    covered = lab.snapshot(weak.aws.world.accounts, weak.target.tenants, organization=organization)
    assert {finding.verdict for finding in judged(ID, covered)} == {Verdict.PASS}


def test_another_attached_policy_without_the_condition_passes_it() -> None:
    found = of_acme(lab.shared_role(lab.document(allow(lab.EQUAL)), lab.document(allow())))
    assert found[1].verdict is Verdict.FAIL
    assert found[1].reaches.tenants == ("beta", "gamma")


def test_a_literal_is_right_in_a_role_of_one_tenant_and_wrong_in_a_shared_one() -> None:
    text = lab.document(allow({"StringEquals": {THING: "acme"}}))
    own = lab.role_each({"acme": text, "beta": text.replace("acme", "beta")})
    assert not failed(own)
    shared = failed(lab.shared_role(text))
    assert [(one.tenant, one.reaches.tenants) for one in shared] == [("beta", ("acme",)), ("gamma", ("acme",))]


@pytest.mark.parametrize(("statements", "fails"), [
    ([allow(lab.EQUAL)], False),
    ([allow(), lab.statement(effect="Deny", Condition={"StringEquals": PAIR})], True),
    ([allow({"StringNotEquals": PAIR})], True),
])  # fmt: skip
def test_without_a_version_it_depends_on_what_the_text_does(statements: list[Any], *, fails: bool) -> None:
    assert bool(failed(lab.shared_role(lab.document(*statements, version="2008-10-17")))) is fails


def test_without_a_version_the_variables_text_is_a_tag_that_a_tenant_may_set() -> None:
    reads = allow(lab.EQUAL)
    tags = lab.statement("secretsmanager:TagResource")
    old = lab.document(reads, version="2008-10-17")
    found = of_acme(lab.shared_role(old, lab.document(tags)))
    assert found[1].verdict is Verdict.FAIL
    assert "plain text" in found[1].evidence[0].shows
    assert of_acme(lab.shared_role(old))[1].verdict is Verdict.PASS
    # Who may set the tag is not known where something that stands against it, or with it, was not seen.
    closed = lab.document(lab.statement("secretsmanager:*", "*", "Deny", Principal="*", Condition={
        "StringNotEquals": {"aws:RequestTag/TenantId": ["acme", "beta"]}}))  # fmt: skip
    for more, expected in (({"policy": closed}, Verdict.PASS), ({"policy_seen": False}, Verdict.UNKNOWN)):
        secrets = [lab.secret(name, **more) for name in lab.TENANTS]
        found = of_acme(lab.shared_role(old, lab.document(tags), secrets=secrets))
        assert found[1].verdict is expected, more


def test_both_tags_absent_under_a_negated_operator() -> None:
    text = lab.document(allow({"StringNotEquals": PAIR}))
    tenants = [lab.tenant(name, lab.agent(f"{name}-agent", "agent")) for name in ("acme", "beta")]
    secrets = [lab.secret(name) for name in ("acme", "beta")]
    account = lab.account(roles=[lab.role("agent", text)], secrets=secrets)
    assert {finding.reaches.tenants for finding in failed(lab.snapshot([account], tenants))} == {("acme",), ("beta",)}


def test_a_thing_without_the_tag_that_is_there_needs_no_assumption() -> None:
    secrets = [*(lab.secret(name) for name in lab.TENANTS), lab.secret("platform", tags={})]
    text = lab.document(allow({"StringEqualsIfExists": PAIR}))
    found = failed(lab.shared_role(text, secrets=secrets))
    assert found
    assert all(not one.assuming and one.witness and "platform" in str(one.witness.fields) for one in found)


def test_two_tags_that_differ_by_case_are_not_settled() -> None:
    secrets = [lab.secret("acme"), lab.secret("beta", tags={"TenantId": "beta", "tenantid": "acme"})]
    found = of_acme(lab.shared_role(lab.document(allow(lab.EQUAL)), names=("acme", "beta"), secrets=secrets))[1]
    assert found.verdict is Verdict.UNKNOWN
    assert "differ" in found.evidence[0].shows


def test_a_policy_on_a_thing_of_another_tenant_is_judged_too() -> None:
    guard = lab.statement(
        effect="Deny", Principal="*", Condition={"StringNotEqualsIfExists": {"aws:PrincipalTag/TenantId": "beta"}}
    )
    opened = lab.statement(Principal="*", Condition={"StringEqualsIfExists": {"aws:PrincipalTag/TenantId": "beta"}})
    plain = lab.document(allow(resource="arn:aws:secretsmanager:*:*:secret:none/*"))

    def account(statement: Any, tags: dict[str, str]) -> Snapshot:
        secrets = [lab.secret("acme"), lab.secret("beta", policy=lab.document(statement))]
        roles = [lab.role("acme", plain, tags=tags), lab.role("beta", plain, tags={"TenantId": "beta"})]
        tenants = [lab.tenant(name, lab.agent(f"{name}-agent", name)) for name in ("acme", "beta")]
        return lab.snapshot([lab.account(roles=roles, secrets=secrets)], tenants)

    (found,) = failed(account(opened, {}))
    assert (found.tenant, found.reaches.tenants) == ("acme", ("beta",))
    assert "resource policy of the secret" in found.evidence[0].where
    (held,) = judged(ID, account(opened, {"TenantId": "acme"}))
    assert (held.verdict, held.subject) == (Verdict.PASS, "policies on things")
    assert not failed(account(guard, {"TenantId": "acme"}))
    for tags in ({}, {"TenantId": "acme"}):
        assert_hiding_improves_nothing(ID, account(opened, tags))


def test_without_any_condition_on_tags_the_claim_is_not_called_for() -> None:
    with pytest.raises(Skip, match="condition on tags"):
        judged(ID, lab.shared_role(lab.document(allow())))


@pytest.mark.parametrize("statements", [
    [allow(lab.EQUAL)], [allow({"StringEqualsIfExists": PAIR})], [allow(), GUARD], [allow(lab.EQUAL), allow()],
])  # fmt: skip
def test_hiding_a_fact_never_improves_a_verdict(statements: list[Any]) -> None:
    snapshot = lab.shared_role(lab.document(*statements), lab.document(allow(action="s3:GetObject")))
    assert_hiding_improves_nothing(ID, snapshot)


def test_equal_agents_are_reported_once_for_each_tenant() -> None:
    names = [f"t{number}" for number in range(300)]
    found = judged(ID, lab.shared_role(lab.document(allow({"StringEqualsIfExists": PAIR}), GUARD), names=names))
    assert len(found) == 600
    assert {finding.verdict for finding in found} == {Verdict.PASS}
    snapshot = lab.shared_role(lab.document(allow(lab.EQUAL)))
    tenants = [
        replace(one, agents=(*one.agents, replace(one.agents[0], id="second"))) for one in snapshot.target.tenants
    ]
    twice = judged(ID, replace(snapshot, target=replace(snapshot.target, tenants=tuple(tenants))))
    assert [finding.agents for finding in twice] == [(f"{name}-agent", "second") for name in lab.TENANTS]


def test_what_waits_for_a_policy_that_was_not_seen_is_no_condition_that_holds() -> None:
    guard = lab.statement("secretsmanager:*", effect="Deny", Condition={"StringNotEquals": PAIR})
    role = lab.role("agent", lab.document(lab.statement(["kms:*", "secretsmanager:*"]), guard), tags={"TenantId": "b"})
    secrets = [lab.secret("acme", tags={"TenantId": "b"}), lab.secret("beta")]
    tenants = [
        lab.tenant(name, *agents, territory=[AwsTerritory(arns=(f"arn:aws:secretsmanager:*:*:secret:{name}/*",))])
        for name, agents in (("acme", ()), ("beta", [lab.agent("run", "agent")]))
    ]
    account = lab.account(roles=[role], secrets=secrets, keys=[lab.key("k")])
    for rcps, expected in (({}, Verdict.FAIL), ({lab.ACCOUNT: None}, Verdict.UNKNOWN)):
        organization = lab.Organization(rcps=rcps)
        found = {one.subject: one for one in judged(ID, lab.snapshot(
            [account], tenants, organization=organization, others=True))}  # fmt: skip
        (subject,) = (one for one in found if "statement 2" in one)
        assert found[subject].verdict is expected


def test_a_group_of_a_users_is_told_from_its_own_policy_of_that_name() -> None:
    weak, strong = lab.document(allow({"StringEqualsIfExists": PAIR})), lab.document(allow(lab.EQUAL))
    group = Group(arn=f"arn:aws:iam::{lab.ACCOUNT}:group/crew", inline=(PolicyText(name="p", text=strong),))
    user = User(
        arn=f"arn:aws:iam::{lab.ACCOUNT}:user/u", tags={"TenantId": "acme"}, groups=("crew",),
        inline=(PolicyText(name="p", text=weak),),
    )  # fmt: skip
    agent = Agent(id="run", aws=AwsPrincipal(user=user.arn))
    secrets = [lab.secret("acme"), lab.secret("beta")]
    account = lab.account(users=[user], groups=[group], secrets=secrets)
    found = {one.subject: one.verdict for one in judged(ID, lab.snapshot(
        [account], [lab.tenant("acme", agent), lab.tenant("beta")]))}  # fmt: skip
    assert found[f"acme: inline policy p of {user.arn}: statement 1"] is Verdict.FAIL
    assert f"acme: inline policy p of group crew of {user.arn}: statement 1" in found


def test_a_boundarys_conditions_hold_for_nobody_whose_policies_were_not_seen() -> None:
    name = f"arn:aws:iam::{lab.ACCOUNT}:policy/boundary"
    wild = lab.document(allow({"StringLike": {THING: "*"}}))
    for inline, expected in (((PolicyText(name="p", text=lab.document(allow())),), Verdict.FAIL),
                             (None, Verdict.UNKNOWN)):  # fmt: skip
        role = replace(lab.role("agent", tags={"TenantId": "acme"}), inline=inline, boundary=name)
        account = lab.account(roles=[role], policies={name: wild}, secrets=[lab.secret("acme")])
        tenants = [lab.tenant("acme", lab.agent("run", "agent")), lab.tenant("beta")]
        found = {one.subject: one.verdict for one in judged(ID, lab.snapshot([account], tenants))}
        assert found[f"acme: {name}: statement 1"] is expected
