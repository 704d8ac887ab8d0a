"""Clauses that are written for the other version of a KV mount."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.target.model import KvTerritory
from tests.checks.real import clause, findings, hidden, policy, snapshot_of, tenant, world_of, worst, write


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    write(admin, "sys/mounts/old", {"type": "kv", "options": {"version": "1"}})
    return admin


@pytest.mark.parametrize(
    ("path", "fails"),
    [
        ("secret/acme/*", True),
        ("secret/acme", True),
        ("secret/ac*", True),
        ("old/data/acme/*", True),
        ("old/metadata/acme/*", True),
        ("secret/data/acme/*", False),
        ("secret/metadata", False),
        ("secret/config", False),
        ("secret/*", False),
        ("secret/d*", False),
        ("secret/+/acme/*", False),
        ("secret/", False),
        ("old/acme/*", False),
        ("old/*", False),
        ("sys/mounts/secret", False),
    ],
)
def test_the_folders_of_a_clause(server: hvac.Client, path: str, *, fails: bool) -> None:
    policy(server, "p", clause(path, "read"))
    found = findings(__file__, snapshot_of(world_of(server), tenant("acme")))
    assert worst(found) is (Verdict.FAIL if fails else Verdict.PASS)


def test_a_deny_of_the_other_version_stops_nothing(server: hvac.Client) -> None:
    policy(server, "p", clause("secret/*", "read") + clause("secret/beta/*", "deny"))
    assert worst(findings(__file__, snapshot_of(world_of(server), tenant("acme")))) is Verdict.FAIL


def test_a_folder_of_version_1_that_a_tenant_calls_data_passes(server: hvac.Client) -> None:
    policy(server, "p", clause("old/data/*", "read"))
    owner = tenant("acme", KvTerritory(mount="old/", prefix="data/"))
    assert worst(findings(__file__, snapshot_of(world_of(server), owner))) is Verdict.PASS


def test_an_upgrade_of_the_mount_turns_the_verdict(server: hvac.Client) -> None:
    write(server, "sys/mounts/turns", {"type": "kv", "options": {"version": "1"}})
    policy(server, "p", clause("turns/acme/*", "read"))
    assert worst(findings(__file__, snapshot_of(world_of(server), tenant("acme")))) is Verdict.PASS
    write(server, "sys/mounts/turns/tune", {"options": {"version": "2"}})
    assert worst(findings(__file__, snapshot_of(world_of(server), tenant("acme")))) is Verdict.FAIL


def test_mounts_or_versions_that_were_not_seen_are_unknown(server: hvac.Client) -> None:
    policy(server, "p", clause("secret/acme/*", "read"))
    whole = snapshot_of(world_of(server), tenant("acme"))
    for change in (
        lambda entry: replace(entry, mounts=None),
        lambda entry: replace(entry, mounts=tuple(replace(mount, version=None) for mount in entry.mounts or ())),
    ):
        assert worst(findings(__file__, hidden(whole, change))) is Verdict.UNKNOWN
