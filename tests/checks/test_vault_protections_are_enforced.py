"""Protections that a policy asks for, each compared with what the server does."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.decide.vault.model import Server
from cred_audit.demo.server import RunningServer
from tests.checks.real import clause, findings, hidden, of, policy, snapshot_of, tenant, world_of, worst, write

GROUP = """control_group {
    ttl = "1h"
    factor "f" {
      controlled_capabilities = ["read"]
      identity { group_names = ["approvers"] approvals = 1 }
    }
  }"""
BOTH = tenant("acme", policies=("a", "p"))


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    write(admin, "identity/group", {"name": "approvers"})
    write(admin, "sys/mounts/kv1", {"type": "kv", "options": {"version": "1"}})
    write(admin, "secret/data/acme/x", {"data": {"a": "b"}})
    for number in range(3):
        write(admin, f"kv1/acme/{number}", {"a": "b"})
        write(admin, f"secret/data/acme/{number}", {"data": {"a": "b"}})
    policy(admin, "a", clause("sys/x", "read"))
    return admin


def answer(bao: RunningServer, admin: hvac.Client, method: str, path: str) -> dict[str, object]:
    token = admin.auth.token.create(policies=["a", "p"], no_default_policy=True)["auth"]["client_token"]
    sent = admin.session.request(method, f"{bao.address}/v1/{path}", headers={"X-Vault-Token": token})
    body: dict[str, object] = sent.json() if sent.ok else {}
    return body


def test_mfa_methods_are_not_asked_for(bao: RunningServer, server: hvac.Client) -> None:
    policy(server, "p", clause("secret/data/acme/*", "read", more='mfa_methods = ["none"]'))
    assert answer(bao, server, "GET", "secret/data/acme/x")["data"]
    whole = snapshot_of(world_of(server), BOTH)
    assert of(findings(__file__, whole), Verdict.FAIL) == ["policy:p secret/data/acme/*"]
    unknown = snapshot_of(replace(world_of(server), server=Server()), BOTH)
    assert worst(findings(__file__, unknown)) is Verdict.UNKNOWN


def test_a_control_group_of_its_own_pattern_holds(bao: RunningServer, server: hvac.Client) -> None:
    policy(server, "p", clause("secret/data/acme/*", "read", more=GROUP))
    assert answer(bao, server, "GET", "secret/data/acme/x")["wrap_info"]
    assert worst(findings(__file__, snapshot_of(world_of(server), BOTH))) is Verdict.PASS


def test_a_control_group_that_another_policy_displaces_fails(bao: RunningServer, server: hvac.Client) -> None:
    policy(server, "p", clause("secret/data/acme/*", "read", more=GROUP))
    policy(server, "a", clause("secret/data/acme/*", "read"))
    try:
        assert answer(bao, server, "GET", "secret/data/acme/x")["data"]
        world = world_of(server)
        assert worst(findings(__file__, snapshot_of(world, BOTH))) is Verdict.FAIL
        assert worst(findings(__file__, snapshot_of(world, tenant("acme", policies=("p",))))) is Verdict.PASS
        stranger = replace(BOTH, agents=(replace(BOTH.agents[0], vault=replace(
            BOTH.agents[0].vault, policies=None, role="auth/none/role/x")),))  # type: ignore[type-var]  # fmt: skip
        assert worst(findings(__file__, snapshot_of(world, stranger))) is Verdict.UNKNOWN
    finally:
        policy(server, "a", clause("sys/x", "read"))


def test_a_control_group_behind_a_plain_clause_of_the_same_policy_fails(
    bao: RunningServer, server: hvac.Client
) -> None:
    text = clause("secret/data/acme/*", "read") + clause("secret/data/acme/*", "read", more=GROUP)
    policy(server, "p", text)
    assert answer(bao, server, "GET", "secret/data/acme/x")["data"]
    assert worst(findings(__file__, snapshot_of(world_of(server), BOTH))) is Verdict.FAIL


@pytest.mark.parametrize(
    ("path", "capability", "fails"),
    [
        ("secret/metadata/acme/", "list", False),
        ("secret/metadata/acme/", "scan", True),
        ("kv1/acme/", "list", True),
        ("sys/policies/acl/", "list", True),
    ],
)
def test_a_pagination_limit_binds_where_the_server_pages(
    bao: RunningServer, server: hvac.Client, path: str, capability: str, *, fails: bool
) -> None:
    policy(server, "p", clause(path, capability, more="pagination_limit = 1"))
    body = answer(bao, server, capability.upper(), f"{path}?limit=1")
    keys = body["data"]["keys"]  # type: ignore[index]
    assert (len(keys) > 1) is fails
    whole = snapshot_of(world_of(server), BOTH)
    assert worst(findings(__file__, whole)) is (Verdict.FAIL if fails else Verdict.PASS)


def test_a_limit_on_an_engine_that_was_not_seen_is_unknown(server: hvac.Client) -> None:
    policy(server, "p", clause("kv1/acme/", "list", more="pagination_limit = 1"))
    whole = snapshot_of(world_of(server), BOTH)
    assert worst(findings(__file__, whole)) is Verdict.FAIL
    for change in (
        lambda entry: replace(entry, mounts=None),
        lambda entry: replace(entry, mounts=tuple(replace(mount, version=None) for mount in entry.mounts or ())),
    ):
        assert worst(findings(__file__, hidden(whole, change))) is Verdict.UNKNOWN
