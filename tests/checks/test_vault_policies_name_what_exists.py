"""Clauses for mounts that are not there."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from tests.checks.real import clause, findings, hidden, of, policy, snapshot_of, tenant, world_of, worst, write


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    write(admin, "sys/mounts/team/kv", {"type": "kv"})
    write(admin, "sys/auth/approle", {"type": "approle"})
    write(admin, "sys/namespaces/t1", {})
    write(admin, "sys/mounts/own", {"type": "kv"}, "t1/")
    return admin


@pytest.mark.parametrize(
    ("path", "fails"),
    [
        ("gone/data/*", True),
        ("gone", True),
        ("auth/gone/login", True),
        ("secrets/data/acme/*", True),
        ("t1/secret/data/*", True),
        ("team/x", True),
        ("secret/data/acme/*", False),
        ("secret", False),
        ("team/*", False),
        ("team/kv/acme/*", False),
        ("t1/own/*", False),
        ("t1/sys/mounts", False),
        ("auth/approle/role/*", False),
        ("auth/token/create", False),
        ("sys/leases/*", False),
        ("identity/entity/id/x", False),
        ("+/data/*", False),
        ("go*", False),
        ("auth/*", False),
        ("{{identity.entity.name}}/x", False),
    ],
)
def test_the_mount_of_a_clause(server: hvac.Client, path: str, *, fails: bool) -> None:
    policy(server, "p", clause(path, "read"))
    found = findings(__file__, snapshot_of(world_of(server, ("", "t1/")), tenant("acme")))
    assert worst(found) is (Verdict.FAIL if fails else Verdict.PASS)


def test_a_clause_of_a_child_namespace_counts_from_there(server: hvac.Client) -> None:
    policy(server, "p", clause("secret/data/x", "read"))
    policy(server, "p", clause("secret/data/x", "read") + clause("own/x", "read"), "t1/")
    found = findings(__file__, snapshot_of(world_of(server, ("", "t1/")), tenant("acme")))
    assert of(found, Verdict.FAIL) == ["policy:t1/p secret/data/x"]


def test_mounts_that_were_not_seen_are_unknown(server: hvac.Client) -> None:
    policy(server, "p", clause("gone/data/*", "read") + clause("auth/gone/login", "read"))
    whole = snapshot_of(world_of(server), tenant("acme"))
    assert len(of(findings(__file__, whole), Verdict.FAIL)) == 2
    for field, where in (("mounts", "sys/mounts"), ("auth_mounts", "sys/auth")):
        found = findings(__file__, hidden(whole, lambda entry, field=field: replace(entry, **{field: None})))  # type: ignore[misc]
        assert of(found, Verdict.UNKNOWN) == [where]
        assert len(of(found, Verdict.FAIL)) == 1
    vault = whole.vault
    assert vault is not None
    partial = replace(whole, vault=replace(vault, world=replace(vault.world, namespaces_complete=False)))
    assert worst(findings(__file__, partial)) is Verdict.UNKNOWN
