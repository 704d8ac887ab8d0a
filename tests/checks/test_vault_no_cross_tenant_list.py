"""Agents that list what other tenants hold."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.demo.server import RunningServer
from tests.checks.logins import replay
from tests.checks.real import clause, findings, hidden, of, policy, snapshot_of, tenant, world_of, worst, write

TENANTS = (tenant("acme"), tenant("beta"))


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    write(admin, "secret/data/beta/key", {"data": {"name": "value"}})
    policy(admin, "beta", clause("secret/data/beta/*", "read"))
    return admin


@pytest.mark.parametrize(
    ("path", "capability"),
    [
        ("secret/metadata", "list"),
        ("secret/metadata/", "list"),
        ("secret/+", "list"),
        ("secret/metadata/*", "scan"),
        ("secret/metadata/beta/*", "read"),
    ],
)
def test_a_list_of_what_others_hold_fails_and_gets_through(
    bao: RunningServer, server: hvac.Client, path: str, capability: str
) -> None:
    policy(server, "acme", clause(path, capability))
    found = findings(__file__, snapshot_of(world_of(server), *TENANTS))
    assert of(found, Verdict.FAIL)
    assert of(found, Verdict.PASS) == ["agent:beta/agent"]
    made = server.auth.token.create(policies=["acme"], no_default_policy=True)["auth"]["client_token"]
    for one in found:
        if one.verdict is Verdict.FAIL:
            assert one.witness is not None
            assert replay(bao.address, made, one.witness) in (200, 404)


def test_a_list_of_its_own_folder_passes(server: hvac.Client) -> None:
    policy(server, "acme", clause("secret/metadata/acme/*", "list", "read") + clause("secret/data/beta/*", "list"))
    found = findings(__file__, snapshot_of(world_of(server), *TENANTS))
    assert worst(found) is Verdict.PASS


def test_policies_that_were_not_seen_are_unknown(server: hvac.Client) -> None:
    policy(server, "acme", clause("secret/metadata/acme/*", "list"))
    whole = snapshot_of(world_of(server), *TENANTS)
    found = findings(__file__, hidden(whole, lambda entry: replace(entry, policies=None)))
    assert worst(found) is Verdict.UNKNOWN
    assert not of(found, Verdict.PASS)
