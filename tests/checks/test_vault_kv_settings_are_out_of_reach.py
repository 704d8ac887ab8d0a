"""Agents that may write the settings of a KV mount."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.demo.server import RunningServer
from cred_audit.target.model import KvTerritory, NamespaceTerritory
from tests.checks.real import clause, findings, hidden, of, policy, read, snapshot_of, tenant, world_of, worst, write

TWO = (tenant("acme"), tenant("beta"))


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    write(admin, "sys/mounts/old", {"type": "kv", "options": {"version": "1"}})
    write(admin, "sys/namespaces/t1", {})
    write(admin, "sys/mounts/kv", {"type": "kv", "options": {"version": "2"}}, "t1/")
    return admin


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        (clause("secret/config", "update"), True),
        (clause("secret/config", "create"), False),
        (clause("secret/*", "read", "update"), True),
        (clause("+/config", "update"), True),
        (clause("secret/c*", "update"), True),
        (clause("secret/*", "update") + clause("secret/config", "deny"), False),
        (clause("secret/*", "read"), False),
        (clause("secret/data/*", "update"), False),
        (clause("old/config", "update"), False),
    ],
)
def test_writing_the_settings(server: hvac.Client, text: str, *, fails: bool) -> None:
    policy(server, "acme", text)
    found = findings(__file__, snapshot_of(world_of(server), *TWO))
    assert worst(found) is (Verdict.FAIL if fails else Verdict.PASS)


def test_the_witness_gets_through(bao: RunningServer, server: hvac.Client) -> None:
    policy(server, "acme", clause("secret/*", "update"))
    found = findings(__file__, snapshot_of(world_of(server), *TWO))
    witness = next(finding.witness for finding in found if finding.verdict is Verdict.FAIL)
    assert witness is not None
    token = server.auth.token.create(policies=["acme"], no_default_policy=True)["auth"]["client_token"]
    write(hvac.Client(url=bao.address, token=token), witness.fields["path"], witness.fields["body"])
    assert (read(server, "secret/config") or {})["max_versions"] == 1


def test_a_mount_or_namespace_of_the_tenants_own_passes(server: hvac.Client) -> None:
    policy(server, "acme", clause("secret/*", "update") + clause("t1/*", "update"))
    world = world_of(server, ("", "t1/"))
    own = tenant("acme", KvTerritory(mount="secret/"), NamespaceTerritory(namespace="t1/"))
    assert worst(findings(__file__, snapshot_of(world, own, tenant("beta")))) is Verdict.PASS
    found = findings(__file__, snapshot_of(world, tenant("acme", KvTerritory(mount="secret/")), tenant("beta")))
    (failed,) = [finding for finding in found if finding.verdict is Verdict.FAIL]
    assert failed.witness is not None
    assert failed.witness.fields["namespace"] == "t1/"
    assert failed.reaches.count == 0


def test_the_owners_of_the_mount_are_named(server: hvac.Client) -> None:
    policy(server, "acme", clause("secret/*", "update") + clause("t1/*", "update"))
    owners = (
        tenant("beta", NamespaceTerritory(namespace="t1/")),
        tenant("gamma", KvTerritory(mount="secret/")),
    )
    found = findings(__file__, snapshot_of(world_of(server, ("", "t1/")), tenant("acme"), *owners))
    failed = {one.summary: one.reaches for one in found if one.verdict is Verdict.FAIL}
    assert {(reaches.tenants, reaches.count) for reaches in failed.values()} == {(("beta",), 1), (("gamma",), 1)}


def test_what_was_not_seen_is_unknown(server: hvac.Client) -> None:
    policy(server, "acme", clause("secret/*", "update"))
    whole = snapshot_of(world_of(server), *TWO)
    for change in (
        lambda entry: replace(entry, mounts=None),
        lambda entry: replace(entry, policies=None),
        lambda entry: replace(entry, mounts=tuple(replace(mount, version=None) for mount in entry.mounts or ())),
    ):
        found = findings(__file__, hidden(whole, change))
        assert worst(found) is Verdict.UNKNOWN
        assert not of(found, Verdict.PASS)
