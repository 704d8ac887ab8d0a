"""Who may change the tags that decide, and tags that say something else than names."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cred_audit.check import Finding, Skip, Snapshot, Verdict
from cred_audit.claims.aws.retagging import first_foreign
from cred_audit.decide.aws.estate import Thing
from cred_audit.target.model import AwsTerritory
from tests import aws_lab as lab
from tests.checks.hidden import assert_hiding_improves_nothing
from tests.checks.judged import judged

ID = "aws_tags_are_trustworthy"
READS = lab.statement(Condition=lab.EQUAL)
MINE = {"StringEquals": {"aws:RequestTag/TenantId": "${aws:PrincipalTag/TenantId}"}}
SET, OFF, MAKE = (f"secretsmanager:{name}" for name in ("TagResource", "UntagResource", "CreateSecret"))


def bad(snapshot: Snapshot, verdict: Verdict = Verdict.FAIL) -> dict[str, Finding]:
    """Return the failures, by case, of one tenant and of the things."""
    return {
        finding.subject.split(" ", 2)[2]
        if finding.tenant and finding.verdict is not Verdict.PASS
        else finding.subject: finding
        for finding in judged(ID, snapshot)
        if finding.verdict is verdict and finding.tenant in {None, "acme"}
    }


def shared(*statements: Any, **more: Any) -> Snapshot:
    return lab.shared_role(lab.document(READS, *statements), **more)


BROKEN = {
    "tags on own things": (lab.statement(SET, Condition=lab.EQUAL), "tags its own secrets"),
    "off own things": (lab.statement(OFF, Condition=lab.EQUAL), "untags its own secrets"),
    "on others' things": (lab.statement(SET, Condition=MINE), "tags other tenants' secrets"),
    "off others' things": (lab.statement(OFF), "tags other tenants' secrets"),
    "a guard in another case": (
        lab.statement(OFF, Condition={**lab.EQUAL, "ForAllValues:StringNotEquals": {"aws:TagKeys": "tenantid"}}),
        "untags its own secrets",
    ),
    "new things": (lab.statement([MAKE, SET], Condition={"Null": {"aws:ResourceTag/TenantId": "true"}}),
                   "makes secrets of others"),
    "its own role": (lab.statement("iam:TagRole", lab.role_arn("agent")), "tags its own role"),
    "off its own role": (lab.statement("iam:*", "*"), "tags its own role"),
}  # fmt: skip


@pytest.mark.parametrize(("statement", "case"), BROKEN.values(), ids=BROKEN)
def test_a_tag_that_an_agent_may_change(statement: Any, case: str) -> None:
    found = bad(shared(statement))
    assert case in found
    assert found[case].witness is not None
    assert found[case].evidence[0].quote
    assert found[case].fix


HELD = {
    "no right to tag": lab.statement("secretsmanager:PutSecretValue", Condition=lab.EQUAL),
    "only its own value on its own things": lab.statement(SET, Condition={"StringEquals": {
        **lab.EQUAL["StringEquals"], **MINE["StringEquals"]}}),
    "only other keys": lab.statement([SET, OFF], Condition={
        **lab.EQUAL, "ForAllValues:StringEquals": {"aws:TagKeys": ["Name", "Team"]}}),
    "new things of its own": lab.statement([MAKE, SET], Condition={"StringEquals": {
        **MINE["StringEquals"], **lab.EQUAL["StringEquals"]}}),
    "new things without tags": lab.statement(MAKE),
    "another role": lab.statement("iam:TagRole", lab.role_arn("other")),
}  # fmt: skip


@pytest.mark.parametrize("statement", HELD.values(), ids=HELD)
def test_a_tag_that_no_agent_may_change(statement: Any) -> None:
    found = judged(ID, shared(statement))
    assert {finding.verdict for finding in found} == {Verdict.PASS}
    assert {finding.tenant for finding in found} == {None, *lab.TENANTS}


def test_others_things_are_reached_by_claiming_them() -> None:
    found = bad(shared(lab.statement(SET, Condition=MINE)))["tags other tenants' secrets"]
    assert found.reaches.tenants == ("beta", "gamma")
    assert found.witness is not None
    assert found.witness.fields["request_tags"] == {"TenantId": "acme"}


def test_a_second_spelling_beside_the_guarded_one_is_not_settled() -> None:
    guard = {"ForAllValues:StringNotEquals": {"aws:TagKeys": "TenantId"}}
    snapshot = shared(lab.statement(SET, Condition={**lab.EQUAL, **guard}))
    assert not bad(snapshot)
    found = bad(snapshot, Verdict.UNKNOWN)["tags its own secrets"]
    assert "differ by case" in found.summary


def test_a_session_tag_that_hides_the_roles_is_an_assumption() -> None:
    tagging = lab.statement("iam:TagRole", "*")
    assert bad(shared(tagging))["tags its own role"].assuming == (
        "a session is started without the session tag TenantId",
    )
    text = lab.document(READS, tagging)
    roles = [lab.role("agent", text, tags={"TenantId": "acme"})]
    own = lab.snapshot(
        [lab.account(roles=roles, secrets=[lab.secret("acme")])], [lab.tenant("acme", lab.agent("a", "agent"))]
    )
    assert bad(own)["tags its own role"].assuming == ()


def test_a_user_may_tag_itself() -> None:
    text = lab.PolicyText(name="p1", text=lab.document(READS, lab.statement("iam:TagUser", "*")))
    arn = f"arn:aws:iam::{lab.ACCOUNT}:user/acme"
    user = lab.User(arn=arn, tags={"TenantId": "acme"}, inline=(text,))
    principal = lab.agent("a", "agent")
    assert principal.aws is not None
    agent = type(principal)(id="a", aws=type(principal.aws)(user=arn))
    account = lab.account(users=[user], secrets=[lab.secret("acme")])
    assert "tags its own user" in bad(lab.snapshot([account], [lab.tenant("acme", agent)]))


THINGS = {
    "without": (lab.secret("beta", tags={}), "things without the tag"),
    "without, and its name says nothing": (lab.secret("zeta", tags={"Team": "x"}), "things without the tag"),
    "disagrees with its path": (
        lab.secret("beta", "x", tags={"TenantId": "acme"}), "things whose tag and name disagree"),
    "disagrees with its name": (
        lab.secret("prod", "beta", tags={"TenantId": "acme"}), "things whose tag and name disagree"),
    "says nobody": (lab.secret("beta", "x", tags={"TenantId": "Beta"}), "things whose tag and name disagree"),
    "by case": (lab.secret("beta", "x", tags={"TenantId": "beta", "tenantid": "beta"}),
                "things whose tags differ by case only"),
}  # fmt: skip


@pytest.mark.parametrize(("secret", "case"), THINGS.values(), ids=THINGS)
def test_a_tag_that_says_something_else(secret: Any, case: str) -> None:
    found = bad(shared(secrets=[*(lab.secret(name) for name in lab.TENANTS), secret]))
    (subject,) = found
    assert subject.startswith(case)
    assert found[subject].evidence[0].where == secret.arn
    assert found[subject].count == 1


def test_tags_that_agree_pass() -> None:
    things = [
        lab.secret("prod", "acme-db", tags={"TenantId": "acme"}),
        lab.secret("shared", "x", tags={"TenantId": "acme", "Team": "beta"}),
        lab.secret("acme", "x", tags={"tenantid": "acme"}),
    ]
    found = judged(ID, shared(secrets=things, parameters=[lab.parameter("platform", tags={})]))
    assert {finding.verdict for finding in found} == {Verdict.PASS}


@pytest.mark.parametrize("folder", ["beta-labs", "beta_labs", "beta.labs", "betalabs", "labs-beta"])
def test_a_name_that_only_begins_or_ends_like_a_tenants_says_nothing(folder: str) -> None:
    things = [
        lab.secret(folder, tags={"TenantId": folder}),
        lab.secret("prod", f"{folder}-db", tags={"TenantId": "acme"}),
    ]
    assert not bad(shared(secrets=things))
    # Without the tag nobody's name is read into it, either.
    (found,) = bad(shared(secrets=[lab.secret(folder, tags={})])).values()
    assert found.reaches.tenants == ()
    assert "its name says" not in found.evidence[0].shows


def test_a_key_is_named_by_its_alias() -> None:
    wrong = lab.key("k1", tags={"TenantId": "acme"}, aliases=("alias/beta",))
    right = lab.key("k2", tags={"TenantId": "acme"}, aliases=("alias/acme",))
    (subject,) = bad(shared(keys=[wrong, right]))
    assert subject.startswith("things whose tag and name disagree")


def test_tags_and_arns_that_contradict() -> None:
    pattern = AwsTerritory(arns=("arn:aws:secretsmanager:*:*:secret:team-b/*",))
    tenants = [
        lab.tenant("acme", lab.agent("a", "agent", session_tags={"TenantId": "acme"})),
        lab.tenant("beta", territory=[AwsTerritory(tags={"TenantId": "beta"}), pattern]),
    ]
    account = lab.account(
        roles=[lab.role("agent", lab.document(READS))],
        secrets=[lab.secret("team-b", tags={"TenantId": "acme"}), lab.secret("team-b", "y", tags={"TenantId": "beta"})],
    )
    (subject,) = bad(lab.snapshot([account], tenants))
    assert subject.startswith("things owned by two tenants")


def test_where_no_tag_decides_the_claim_is_not_called_for() -> None:
    territory = [AwsTerritory(arns=("arn:aws:secretsmanager:*:*:secret:acme/*",))]
    tenants = [lab.tenant("acme", lab.agent("a", "agent"), territory=territory)]
    account = lab.account(roles=[lab.role("agent", lab.document(lab.statement()))], secrets=[lab.secret("acme")])
    with pytest.raises(Skip, match="no tag tells tenants apart"):
        judged(ID, lab.snapshot([account], tenants))


@pytest.mark.parametrize(
    "statement",
    [
        BROKEN["tags on own things"][0],
        BROKEN["new things"][0],
        BROKEN["its own role"][0],
        HELD["only other keys"],
    ],
)
def test_hiding_a_fact_never_improves_a_verdict(statement: Any) -> None:
    assert_hiding_improves_nothing(ID, shared(statement, names=("acme", "beta")))


def test_hiding_a_tag_never_improves_a_verdict() -> None:
    for case in ("without", "disagrees with its path"):
        secret, _ = THINGS[case]
        assert_hiding_improves_nothing(ID, shared(names=("acme", "beta"), secrets=[lab.secret("acme"), secret]))


def test_many_tenants_are_judged_without_pairs() -> None:
    names = [f"t{number}" for number in range(300)]
    found = judged(ID, shared(lab.statement(SET, Condition=lab.EQUAL), names=names))
    assert sum(finding.verdict is Verdict.FAIL for finding in found) == 300


@given(st.lists(st.frozensets(st.sampled_from(("acme", "beta", "gamma"))), max_size=8))
def test_each_tenants_first_foreign_thing_is_found_without_asking_every_thing(owners: list[frozenset[str]]) -> None:
    things = [Thing(arn=f"arn:aws:kms:x:y:key/{number}", owners=tuple(one)) for number, one in enumerate(owners)]
    few = first_foreign(things).get("kms", [])
    assert len(few) <= len(lab.TENANTS) + 1
    for tenant in lab.TENANTS:
        expected = next((one for one in things if tenant not in one.owners), None)
        assert next((one for one in few if tenant not in one.owners), None) is expected
