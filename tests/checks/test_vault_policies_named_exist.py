"""Names of policies that nobody wrote."""

from collections.abc import Callable
from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.decide.vault.model import Namespace, TokenFacts
from tests.checks.real import clause, findings, hidden, of, policy, snapshot_of, tenant, world_of, worst, write


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    write(admin, "sys/auth/approle", {"type": "approle"})
    policy(admin, "acme", clause("secret/data/acme/*", "read"))
    write(admin, "auth/approle/role/good", {"token_policies": ["acme", "default"]})
    return admin


def dangling(server: hvac.Client) -> list[str]:
    return of(findings(__file__, snapshot_of(world_of(server), tenant("acme"))), Verdict.FAIL)


def test_names_with_policies_pass(server: hvac.Client) -> None:
    found = findings(__file__, snapshot_of(world_of(server), tenant("acme")))
    assert worst(found) is Verdict.PASS


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("auth/approle/role/r", {"token_policies": "acme,ghost"}),
        ("auth/token/roles/r", {"allowed_policies": ["ghost"]}),
        ("identity/entity", {"name": "e", "policies": ["Ghost"]}),
        ("identity/group", {"name": "g", "policies": ["ghost"]}),
    ],
)
def test_a_name_without_a_policy_fails_until_it_is_written(
    server: hvac.Client, path: str, body: dict[str, object]
) -> None:
    write(server, path, body)
    assert dangling(server) == ["policy:ghost"]
    policy(server, "ghost", clause("secret/data/acme/*", "read"))
    assert not dangling(server)
    server.adapter.request("DELETE", "/v1/sys/policies/acl/ghost")
    server.adapter.request("DELETE", f"/v1/{path}" + (f"/name/{body['name']}" if "name" in body else ""))
    assert not dangling(server)


def test_a_token_and_an_agent_of_the_target_count_too(server: hvac.Client) -> None:
    token = server.auth.token.create(policies=["ghost"])["auth"]["client_token"]
    assert dangling(server) == ["policy:ghost"]
    server.auth.token.revoke(token)
    whole = snapshot_of(world_of(server), tenant("acme", policies=("phantom",)))
    assert of(findings(__file__, whole), Verdict.FAIL) == ["policy:phantom"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda entry: replace(entry, policies=None), "sys/policies/acl"),
        (lambda entry: replace(entry, entities=None), "identity/entity/id"),
        (lambda entry: replace(entry, groups=None), "identity/group/id"),
        (lambda entry: replace(entry, auth_mounts=None), "sys/auth"),
        (lambda entry: replace(entry, token_roles=None), "auth/token/roles"),
        (lambda entry: replace(entry, tokens=None), "auth/token/accessors"),
        (lambda entry: replace(entry, tokens=(TokenFacts(accessor="a", data=None),)), "auth/token/accessors/a"),
        (lambda entry: replace(entry, auth_mounts=tuple(
            replace(mount, roles=None) for mount in entry.auth_mounts or () if mount.type == "approle")),
         "auth/approle/role"),
    ],
)  # fmt: skip
def test_what_was_not_seen_is_unknown(
    server: hvac.Client, change: Callable[[Namespace], Namespace], where: str
) -> None:
    found = findings(__file__, hidden(snapshot_of(world_of(server), tenant("acme")), change))
    assert of(found, Verdict.UNKNOWN) == [where]
    assert not of(found, Verdict.PASS)
