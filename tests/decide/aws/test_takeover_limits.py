"""Every limit of the search for takeover paths: beyond it nothing is passed, and a reach is said to be a part."""

from dataclasses import replace
from typing import Any

import pytest

from cred_audit.claims.aws.takeover import judge_aws_takeovers
from cred_audit.decide.aws import (
    compute,
    escalation,
    joint,
    mastery,
    naming,
    profiles,
    sessions,
    takeover,
    widening,
)
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict
from cred_audit.target.model import AwsPrincipal
from tests import aws_lab as lab
from tests.decide.aws.test_takeover import (
    AGENT,
    ANY,
    EC2,
    READS,
    ROOT,
    TARGET,
    chain,
    chains,
    found,
    scp,
    target,
    user,
    world,
)

ASSUME, TAG, PUT = "sts:AssumeRole", "sts:TagSession", "iam:PutRolePolicy"
OWN = lab.document(lab.statement(Condition=lab.EQUAL))
HARMLESS = [lab.role(f"h{number}", OWN, trust=lab.trust({"AWS": AGENT})) for number in range(3)]
NO_SECRETS = scp(lab.statement(["secretsmanager:*", "kms:*"], "*", "Deny"))


def limit(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, value: int = 1) -> None:
    """Lower a limit that is there."""
    assert value < getattr(module, name)
    monkeypatch.setattr(module, name, value)


def told(one: Finding, text: str) -> bool:
    """Whether a finding that is not passed says what was not tried."""
    assert one.verdict is Verdict.UNKNOWN, one.summary
    return any(text in shown for shown in (one.summary, *(evidence.shows for evidence in one.evidence)))


def test_roles_that_are_changed_before_they_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    guarded = world(lab.statement(PUT, lab.role_arn("h*")), roles=HARMLESS[:1], organization=NO_SECRETS)
    assert found(guarded).verdict is Verdict.PASS
    put = world(lab.statement(PUT, lab.role_arn("h*")), roles=HARMLESS)
    assert chain(put) == [PUT, ASSUME, lab.READ]
    limit(monkeypatch, escalation, "_OTHERS", 2)
    few = [replace(one, inline=()) for one in HARMLESS]
    boundary = f"arn:aws:iam::{lab.ACCOUNT}:policy/limit"
    bound = [replace(one, boundary=boundary) for one in few]
    policies = {boundary: OWN}
    assert told(found(world(lab.statement(PUT, lab.role_arn("h*")), roles=bound, policies=policies)),
                "more principals than the 2 of which")  # fmt: skip
    limit(monkeypatch, escalation, "_OTHERS", 1)
    one, *_ = judge_aws_takeovers(put)
    assert one.verdict is Verdict.FAIL
    assert "reaches these at least: it can take more principals than the 1" in one.note
    # What it may not change is not counted.
    others = lab.statement(PUT, lab.role_arn("h2"))
    assert (PUT, ASSUME) in chains(world(others, roles=HARMLESS))
    limit(monkeypatch, escalation, "_LOOKED_AT", 2)
    assert told(found(world(others, roles=HARMLESS)), "more principals than the 2 of which")
    assert chain(world(lab.statement("iam:GetRole"), roles=HARMLESS)) == []


def test_policies_to_attach(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"arn:aws:iam::{lab.ACCOUNT}:policy/p{number}" for number in range(3)]
    attach = lab.statement("iam:AttachRolePolicy", AGENT, Condition={"ArnLike": {"iam:PolicyARN": names[0][:-1] + "*"}})
    last = world(attach, policies=dict(zip(names, (OWN, OWN, READS), strict=True)))
    assert chain(last) == ["iam:AttachRolePolicy", lab.READ]
    limit(monkeypatch, widening, "_POLICIES", 2)
    assert told(found(last), f"more managed policies to attach to {AGENT} than the 2 that were tried")
    first = world(attach, policies=dict(zip(names, (READS, OWN, OWN), strict=True)))
    assert found(first).verdict is Verdict.FAIL
    assert "at least: there are more managed policies" in found(first).note
    any_ = world(lab.statement("iam:AttachRolePolicy", AGENT), policies=dict.fromkeys(names, OWN))
    assert (found(any_).verdict, found(any_).note) == (Verdict.FAIL, "")


def test_groups_to_join(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [
        lab.Group(arn=f"arn:aws:iam::{lab.ACCOUNT}:group/g{number}",
                  inline=(lab.PolicyText(name="p1", text=READS if number == 2 else OWN),))
        for number in range(3)
    ]  # fmt: skip
    acme = user("acme", lab.document(lab.statement("iam:AddUserToGroup", groups[2].arn)))
    snapshot = world(users=[acme], groups=groups)
    agent = replace(snapshot.target.tenants[0].agents[0], aws=AwsPrincipal(user=acme.arn))
    tenants = (replace(snapshot.target.tenants[0], agents=(agent,)), snapshot.target.tenants[1])
    snapshot = replace(snapshot, target=replace(snapshot.target, tenants=tenants))
    assert chain(snapshot) == ["iam:AddUserToGroup", lab.READ]
    limit(monkeypatch, widening, "_POLICIES", 2)
    assert told(found(snapshot), f"more groups for {acme.arn} to join than the 2")


def test_boundaries(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"arn:aws:iam::{lab.ACCOUNT}:policy/b{number}" for number in range(3)]
    rights = lab.document(lab.statement("iam:*"), lab.statement(Condition=lab.EQUAL))
    policies = dict(zip(names, (rights, rights, ANY), strict=True))
    put = lab.statement(
        "iam:PutRolePermissionsBoundary", AGENT, Condition={"StringEquals": {"iam:PermissionsBoundary": names}}
    )
    snapshot = world(put, lab.statement(), agent={"boundary": names[0]}, policies=policies)
    assert chain(snapshot) == ["iam:PutRolePermissionsBoundary", lab.READ]
    make = lab.statement(
        ["iam:CreateRole", PUT], lab.role_arn("x*"), Condition={"StringEquals": {"iam:PermissionsBoundary": names}}
    )
    making = world(make, policies=dict(zip(names, (OWN, OWN, ANY), strict=True)))
    assert chain(making)[0] == "iam:CreateRole"
    limit(monkeypatch, widening, "_POLICIES", 2)
    assert told(found(snapshot), f"more boundaries to put on {AGENT} than the 2")
    assert told(found(making), "iam:CreateRole may take more boundaries than the 2")


@pytest.mark.parametrize("name", ["_NAMES", "_STATES"])
def test_names_of_what_it_makes(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    made = "arn:aws:iam::111122223333:role/made/x-*"
    role = world(lab.statement(["iam:CreateRole", PUT], made))
    profile = {"instance_profiles": ("arn:aws:iam::111122223333:instance-profile/target",)}
    run = [
        lab.statement("iam:PassRole", TARGET),
        lab.statement("lambda:CreateFunction", "arn:aws:lambda:us-east-1:111122223333:function:x-*"),
        lab.statement("lambda:InvokeFunction"),
    ]
    roles = [target(trust=lab.trust({"Service": "lambda.amazonaws.com"}), **profile)]
    passed = world(*run, roles=roles)
    assert chain(role)[0] == "iam:CreateRole"
    assert chain(passed)[0] == "iam:PassRole"
    limit(monkeypatch, naming, name, 1)
    assert told(found(role), "more names for what iam:CreateRole would make than were tried")
    assert told(found(passed), "more names for what lambda:CreateFunction would make than were tried")
    assert found(world(lab.statement("iam:PassRole", TARGET), roles=roles)).verdict is Verdict.PASS


def test_regions_in_which_a_service_runs() -> None:
    roles = [target(trust=lab.trust(EC2), instance_profiles=("arn:aws:iam::111122223333:instance-profile/t",))]
    passing, run = lab.statement("iam:PassRole", TARGET), lab.statement("ec2:RunInstances")
    far = {"StringEquals": {"aws:RequestedRegion": "ap-southeast-2"}}
    assert chain(world(passing, run | {"Condition": far}, roles=roles)) == [
        "iam:PassRole", "ec2:RunInstances", lab.READ,
    ]  # fmt: skip
    nowhere = {"StringEquals": {"aws:RequestedRegion": "nowhere"}}
    assert chain(world(passing, run | {"Condition": nowhere}, roles=roles)) == []
    assert compute.RUNS


def chosen(*documents: str, **more: Any) -> Snapshot:
    """Return an agent that may choose the tags of another role's session."""
    reader = lab.role("reader", *documents, trust=lab.trust(ROOT, [ASSUME, TAG]))
    return world(lab.statement([ASSUME, TAG], reader.arn), roles=[reader], **more)


def test_tags_of_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chain(chosen(OWN)) == [ASSUME, lab.READ]
    limit(monkeypatch, sessions, "MEMBERS", 1)
    limit(monkeypatch, sessions, "_FEWEST", 1)
    text = "more session tags for arn:aws:iam::111122223333:role/reader to choose from than were looked at"
    assert told(found(chosen(OWN, organization=NO_SECRETS)), text)
    one = found(chosen(READS))
    assert one.verdict is Verdict.FAIL
    assert one.note == "" or text in one.note
    both = found(chosen(OWN, READS))
    assert both.verdict is Verdict.FAIL
    assert f"reaches these at least: there are {text}" in both.note


def test_tags_of_a_session_that_conditions_tell_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    like = {"StringLike": {"aws:RequestTag/TenantId": "b*"}}
    reader = lab.role("reader", OWN, trust=lab.trust(ROOT, [ASSUME, TAG], Condition=like))
    snapshot = world(lab.statement([ASSUME, TAG], reader.arn), roles=[reader])
    assert chain(snapshot) == [ASSUME, lab.READ]
    limit(monkeypatch, profiles, "MOST", 1)
    assert told(found(snapshot), "more session tags for")


def test_tags_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    tag = [lab.statement(Condition=lab.EQUAL), lab.statement("iam:TagRole", AGENT)]
    assert chain(world(*tag)) == ["iam:TagRole", lab.READ]
    limit(monkeypatch, escalation, "_TAGGED", 1)
    limit(monkeypatch, escalation, "_FEWEST", 1)
    one = found(world(*tag))
    assert one.note or told(one, f"more tags for {AGENT} to choose from")


def test_principals_with_rights_of_iam(monkeypatch: pytest.MonkeyPatch) -> None:
    rights = lab.document(lab.statement(PUT, lab.role_arn("i*")))
    roles = [lab.role(f"i{number}", rights, trust=lab.trust({"AWS": AGENT})) for number in range(3)]
    snapshot = world(roles=roles)
    assert chain(snapshot)[0] == ASSUME
    monkeypatch.setattr(escalation, "_EXPANDED", 0)
    monkeypatch.setattr(joint, "_HELD", 0)
    assert told(found(snapshot), "more principals with rights of IAM to be held than were looked at")


def test_principals_held_together(monkeypatch: pytest.MonkeyPatch) -> None:
    trust = lab.trust({"AWS": AGENT})
    weak = lab.role("weak", trust=trust)
    roles = [*HARMLESS, lab.role("widens", lab.document(lab.statement(PUT, weak.arn)), trust=trust), weak]
    assert all(one.verdict is Verdict.FAIL for one in judge_aws_takeovers(world(roles=roles)))
    limit(monkeypatch, joint, "_HELD", 1)
    assert told(found(world(roles=roles)), "more principals than the 1 that were tried together")
    assert chain(world(roles=HARMLESS)) == []


def test_principals_of_one_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    hop = lab.role("hop", lab.document(lab.statement()), trust=lab.trust({"AWS": AGENT}))
    snapshot = world(lab.statement(Condition=lab.EQUAL), roles=[hop, *HARMLESS])
    assert found(snapshot).note == ""
    limit(monkeypatch, takeover, "_PRINCIPALS", 1)
    assert "at least: there are more principals to be held than were looked at" in found(snapshot).note


def test_ends_of_one_way(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = world(roles=[lab.role("hop", READS, trust=lab.trust({"AWS": AGENT}))])
    assert chain(snapshot) == [ASSUME, lab.READ]
    monkeypatch.setattr(takeover.Takeovers, "_end", lambda *_, **__: None)
    limit(monkeypatch, takeover, "_TRIES", 1)
    assert told(found(snapshot), "a chain of requests may lead to others, but no single one was found")


def test_what_control_leads_to(monkeypatch: pytest.MonkeyPatch) -> None:
    key = lab.key("k1")
    names = ("b", "c", "d")
    secrets = [lab.secret("acme"), *(lab.secret(name, key=key.arn) for name in names)]
    tenants = [lab.tenant("acme", lab.agent("a", "agent")), *map(lab.tenant, names)]
    rights = lab.document(
        lab.statement("kms:CreateGrant"), lab.statement(resource=f"arn:aws:secretsmanager:*:{lab.ACCOUNT}:secret:d/*")
    )
    account = lab.account(roles=[lab.role("agent", rights)], secrets=secrets, keys=[key])
    snapshot = lab.snapshot([account], tenants)

    def acme() -> Finding:
        (one,) = judge_aws_takeovers(snapshot)
        assert one.verdict is Verdict.FAIL
        return one

    assert (acme().witness or acme()).fields["action"] == lab.READ  # type: ignore[union-attr]
    limit(monkeypatch, mastery, "_OF_ONE_KEY", 2)
    assert f"at least: of what the key {key.arn} encrypts only 2 were tried" in acme().note


def test_an_agent_without_any_way_is_not_held_back_by_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((escalation, "_OTHERS"), (widening, "_POLICIES"), (joint, "_HELD"), (sessions, "MEMBERS")):
        limit(monkeypatch, module, name, 1)
    own = [lab.statement(Condition=lab.EQUAL), lab.statement(ASSUME, lab.role_arn("h0"))]
    assert found(world(*own, roles=HARMLESS[:1])).verdict is Verdict.PASS
