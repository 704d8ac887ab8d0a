"""Takeover paths on a real server: each chain replayed with the agent's own token, each near miss refused."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from cred_audit.claims.takeover import judge_takeovers
from cred_audit.demo.server import RunningServer, running_server
from cred_audit.finding import Verdict
from tests.decide.takeover_cases import CASES, Case, clause, nothing
from tests.takeover_lab import got_through, lab_on, worst_of


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_chain_replays_with_the_agents_own_token(bao: RunningServer, case: Case) -> None:
    lab = lab_on(bao, case.grant)
    (case.setup or nothing)(lab)
    found = lab.judged()
    (finding,) = [one for one in found if one.verdict is Verdict.FAIL and one.witness and one.witness.before]
    assert finding.reaches.tenants == ("beta",) or finding.reaches.all_except == ("acme",)
    assert finding.witness is not None
    assert len(finding.witness.before) == case.steps
    assert finding.evidence[0].quote
    status, answer = lab.replay(finding)
    assert got_through(status, answer), (finding.summary, finding.witness.fields, status, answer)
    if finding.witness.fields["operation"] == "read":
        assert answer["data"]["data"] == {"k": "of beta"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_near_miss_is_refused_and_proved(bao: RunningServer, case: Case) -> None:
    lab = lab_on(bao, case.near)
    (case.near_setup or nothing)(lab)
    found = lab.judged()
    assert worst_of(found) is Verdict.PASS, [finding.summary for finding in found]
    assert not got_through(*lab.ask(*case.request))


def test_the_default_policy_alone_is_proved(bao: RunningServer) -> None:
    (finding,) = lab_on(bao, "").judged()
    assert finding.verdict is Verdict.PASS
    assert "No clause lets" in finding.summary


@pytest.mark.parametrize(
    ("grant", "kind"),
    [
        (clause("sys/policies/acl/beta", "update"), "a policy"),
        (clause("sys/policies/acl/beta", "delete"), "a policy"),
        (clause("auth/userpass/users/beta", "delete"), "the login role"),
        (clause("sys/mounts/secret", "delete"), "the mount"),
    ],
)
def test_control_of_what_another_tenant_stands_on_is_found_and_gets_through(
    bao: RunningServer, grant: str, kind: str
) -> None:
    lab = lab_on(bao, grant)
    (finding,) = [one for one in lab.judged() if one.verdict is Verdict.FAIL]
    assert finding.note == kind
    assert finding.reaches.tenants == ("beta",) or finding.reaches.all_except == ("acme",)
    assert got_through(*lab.replay(finding))


@pytest.fixture
def raw() -> Iterator[RunningServer]:
    with running_server("raw_storage_endpoint = true") as server:
        yield server


def test_the_raw_storage_is_found_where_the_server_opens_it(raw: RunningServer) -> None:
    grant = clause("sys/raw/*", "read", "sudo")
    lab = lab_on(raw, grant, root=True)
    (finding,) = [one for one in lab.judged() if one.verdict is Verdict.FAIL]
    assert finding.note == "the storage of every namespace"
    assert got_through(*lab.replay(finding))


@pytest.mark.parametrize("capability", ["read", "update"])
def test_the_raw_storage_counts_as_the_servers_settings_say(raw: RunningServer, capability: str) -> None:
    snapshot = lab_on(raw, clause("sys/raw/*", capability, "sudo"), root=True).snapshot()
    assert snapshot.vault is not None
    for flags, verdict in (
        ({"raw_storage_endpoint": False, "storage": {"type": "raft"}}, Verdict.PASS),
        ({"raw_storage_endpoint": False, "storage": {"type": "inmem"}}, Verdict.FAIL),
        (None, Verdict.UNKNOWN),
    ):
        server = replace(snapshot.vault.world.server, flags=flags)
        vault = replace(snapshot.vault, world=replace(snapshot.vault.world, server=server))
        found = [one for one in judge_takeovers(replace(snapshot, vault=vault)) if one.tenant == "acme"]
        assert worst_of(tuple(found)) is verdict, flags


HIDDEN: tuple[dict[str, Any], ...] = (
    {"policies": None}, {"mounts": None}, {"auth_mounts": None}, {"token_roles": None}, {"entities": None},
    {"groups": None},
)  # fmt: skip


@pytest.mark.parametrize("case", CASES[::8], ids=lambda case: case.name)
def test_less_sight_never_improves_a_verdict(bao: RunningServer, case: Case) -> None:
    for grant, setup in ((case.grant, case.setup), (case.near, case.near_setup)):
        lab = lab_on(bao, grant)
        (setup or nothing)(lab)
        snapshot = lab.snapshot()
        assert snapshot.vault is not None
        before = worst_of(lab.judged())
        entry = snapshot.vault.world.namespaces[-1]
        views = [replace(entry, **change) for change in HIDDEN]
        policies = entry.policies or ()
        views += [
            replace(entry, policies=tuple(replace(one, text=None) if one is policy else one for one in policies))
            for policy in policies
        ]
        views += [replace(entry, auth_mounts=tuple(replace(mount, roles=None) for mount in entry.auth_mounts or ()))]
        for view in views:
            world = replace(snapshot.vault.world, namespaces=(*snapshot.vault.world.namespaces[:-1], view))
            seen = replace(snapshot, vault=replace(snapshot.vault, world=world))
            after = worst_of(tuple(one for one in judge_takeovers(seen) if one.tenant == "acme"))
            if before is Verdict.FAIL:
                assert after is not Verdict.PASS, case.name
            else:
                assert after is not Verdict.FAIL, case.name
