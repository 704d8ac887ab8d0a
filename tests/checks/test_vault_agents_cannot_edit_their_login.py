"""Agents that write their own role, entity or group."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.demo.server import RunningServer
from tests.checks.logins import acting, login, method, replay, user
from tests.checks.real import clause, findings, hidden, of, policy, snapshot_of, world_of, worst, write

TENANTS = (acting("acme", role="auth/userpass/users/acme"), acting("beta", role="auth/userpass/users/beta"))


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    method(admin, "userpass")
    user(admin, "beta", "beta")
    identity = user(admin, "acme", "acme")
    write(admin, "identity/group", {"name": "crew", "member_entity_ids": [identity], "policies": ["crew"]})
    policy(admin, "beta", clause("secret/data/beta/*", "read"))
    return admin


@pytest.mark.parametrize(
    "path",
    [
        "auth/userpass/users/acme",
        "auth/userpass/users/+",
        "auth/userpass/users/acme/policies",
        "identity/entity/id/{{identity.entity.id}}",
        "identity/entity/name/acme",
        "identity/entity",
        "identity/entity-alias/id/*",
        "identity/group/name/crew",
        "identity/group",
    ],
)
def test_a_write_to_its_own_login_fails_and_gets_through(bao: RunningServer, server: hvac.Client, path: str) -> None:
    policy(server, "acme", clause(path, "update"))
    found = findings(__file__, snapshot_of(world_of(server), *TENANTS))
    assert of(found, Verdict.FAIL) == [f"acme: policy:acme {path}"]
    assert of(found, Verdict.PASS) == ["agent:beta/agent"]
    failed = next(one for one in found if one.verdict is Verdict.FAIL)
    assert failed.witness is not None
    assert failed.reproduce is not None
    if "alias" not in path and "name/acme" not in path and path != "identity/entity" and "/id/" not in path:
        # Those rename the entity or the alias, which the other cases still need.
        assert replay(bao.address, login(server, "acme"), failed.witness) != 403
        write(server, "auth/userpass/users/acme", {"token_policies": ["acme"]})


def test_its_own_password_and_reads_pass(server: hvac.Client) -> None:
    allowed = clause("auth/userpass/users/acme/password", "update") + clause("identity/*", "read", "list")
    policy(server, "acme", allowed)
    found = findings(__file__, snapshot_of(world_of(server), *TENANTS))
    assert worst(found) is Verdict.PASS
    assert len(of(found, Verdict.PASS)) == 2


def test_what_was_not_seen_is_unknown(server: hvac.Client) -> None:
    policy(server, "acme", clause("auth/*", "update"))
    whole = snapshot_of(world_of(server), *TENANTS)
    for blind in (
        hidden(whole, lambda entry: replace(entry, entities=None)),
        hidden(whole, lambda entry: replace(entry, policies=None)),
        hidden(whole, lambda entry: replace(entry, auth_mounts=None)),
    ):
        found = findings(__file__, blind)
        assert worst(found) is Verdict.UNKNOWN
        assert not of(found, Verdict.PASS)
