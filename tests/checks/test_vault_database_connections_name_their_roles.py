"""Which roles may use a connection of the database engine."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from tests.checks.real import findings, hidden, of, snapshot_of, tenant, world_of, worst, write


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    write(admin, "sys/mounts/database", {"type": "database"})
    return admin


def connect(admin: hvac.Client, roles: object) -> None:
    write(admin, "database/config/main", {
        "plugin_name": "postgresql-database-plugin", "verify_connection": False, "username": "u", "password": "p",
        "connection_url": "postgresql://{{username}}:{{password}}@127.0.0.1/x", "allowed_roles": roles,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("roles", "fails"), [("*", True), (["acme", "*"], True), ("acme,beta", False), ([], False), (["acme-*"], False)]
)
def test_the_roles_that_a_connection_names(server: hvac.Client, roles: object, *, fails: bool) -> None:
    connect(server, roles)
    found = findings(__file__, snapshot_of(world_of(server), tenant("acme")))
    assert worst(found) is (Verdict.FAIL if fails else Verdict.PASS)


def test_a_connection_that_was_not_seen_is_unknown(server: hvac.Client) -> None:
    connect(server, "*")
    whole = snapshot_of(world_of(server), tenant("acme"))
    blind = hidden(whole, lambda entry: replace(entry, mounts=tuple(
        replace(mount, objects=tuple(replace(item, data=None) for item in mount.objects or ()))
        for mount in entry.mounts or ())))  # fmt: skip
    assert of(findings(__file__, blind), Verdict.UNKNOWN) == ["database/config/main"]
    assert not of(findings(__file__, blind), Verdict.PASS)
