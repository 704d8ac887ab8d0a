"""Denies that a request gets around, each tried on the server with a token that carries the policies."""

from collections.abc import Callable
from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.decide.vault.model import Mount, Namespace, PolicyDocument, Server, World
from cred_audit.demo.server import RunningServer
from tests.checks.real import clause, findings, hidden, of, policy, snapshot_of, tenant, world_of, worst, write

BOTH = (tenant("acme", policies=("p", "q")), tenant("beta"))
NOTHING = clause("sys/x", "read")


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    write(admin, "secret/data/beta/x", {"data": {"a": "b"}})
    write(admin, "sys/auth/approle", {"type": "approle"})
    write(admin, "auth/approle/role/beta", {})
    write(admin, "identity/entity", {"name": "beta"})
    policy(admin, "victim", NOTHING)
    return admin


def status(bao: RunningServer, admin: hvac.Client, method: str, path: str) -> int:
    token = admin.auth.token.create(policies=["p", "q"], no_default_policy=True)["auth"]["client_token"]
    answer = admin.session.request(method, f"{bao.address}/v1/{path}", headers={"X-Vault-Token": token})
    return int(answer.status_code)


@pytest.mark.parametrize(
    ("first", "second", "method", "passes"),
    [
        # Another clause has higher priority.
        (clause("secret/+/beta/*", "deny") + clause("secret/data/*", "read"), NOTHING, "GET", "secret/data/beta/x"),
        (clause("secret/data/+/x", "deny"), clause("secret/data/beta*", "read"), "GET", "secret/data/beta/x"),
        # The deny names the folder alone.
        (clause("secret/data/beta", "deny") + clause("secret/data/*", "read"), NOTHING, "GET", "secret/data/beta/x"),
        (clause("secret/metadata/beta/", "deny") + clause("secret/metadata/*", "read"), NOTHING, "GET",
         "secret/metadata/beta/x"),
        # The same object under another path.
        (clause("secret/metadata/beta/*", "deny") + clause("secret/metadata/*", "list"), NOTHING, "LIST",
         "secret/metadata/%2Fbeta"),
        (clause("secret/data/beta/*", "deny") + clause("secret/*", "read", "update"), NOTHING, "GET",
         "secret/metadata/beta/x"),
        (clause("sys/policies/acl/victim", "deny") + clause("sys/policies/acl/*", "read"), NOTHING, "GET",
         "sys/policies/acl/victim/"),
        (clause("sys/policies/acl/victim*", "deny") + clause("sys/policy/*", "read"), NOTHING, "GET",
         "sys/policy/victim"),
        # Case.
        (clause("identity/entity/name/beta", "deny"), clause("identity/entity/name/*", "read"), "GET",
         "identity/entity/name/BETA"),
        (clause("auth/approle/role/BETA", "deny") + clause("auth/approle/role/*", "read"), NOTHING, "GET",
         "auth/approle/role/BETA"),
        # A star in the middle is no wildcard.
        (clause("secret/data/*/x", "deny") + clause("secret/data/*", "read"), NOTHING, "GET", "secret/data/beta/x"),
    ],
)  # fmt: skip
def test_a_deny_that_a_request_gets_around_fails(  # noqa: PLR0913, PLR0917  (one case)
    bao: RunningServer, server: hvac.Client, first: str, second: str, method: str, passes: str
) -> None:
    policy(server, "p", first)
    policy(server, "q", second)
    assert status(bao, server, method, passes) == 200
    found = findings(__file__, snapshot_of(world_of(server), *BOTH))
    (failed,) = [finding for finding in found if finding.verdict is Verdict.FAIL]
    assert failed.subject.startswith("policy:p ")
    assert '"deny"' in failed.evidence[0].quote


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (clause("secret/data/beta/*", "deny") + clause("secret/data/*", "read"), NOTHING),
        (clause("secret/data/beta/*", "deny"), clause("secret/data/*", "read", "list")),
        (clause("secret/data/beta/*", "deny") + clause("secret/data/beta/public/*", "read"), NOTHING),
        (clause("secret/data/beta/*", "deny") + clause("secret/data/acme/*", "read", "update"), NOTHING),
        (clause("secret/data/*", "deny"), clause("secret/data/+/x", "read")),
        (clause("secret/*", "deny") + clause("secret/data/acme/*", "read", "update", "delete"), NOTHING),
        (clause("secret/metadata/beta/*", "deny") + clause("secret/metadata/acme/*", "list", "read"), NOTHING),
        (clause("identity/entity/name/*", "deny"), clause("identity/group/name/*", "read")),
        (clause("auth/approle/role/beta", "deny") + clause("auth/approle/role/*", "read"), NOTHING),
        (clause("sys/policies/acl/*", "deny") + clause("sys/policy/*", "deny"), clause("sys/mounts", "read")),
    ],
)
def test_a_deny_that_holds_and_an_exception_on_purpose_pass(server: hvac.Client, first: str, second: str) -> None:
    policy(server, "p", first)
    policy(server, "q", second)
    found = findings(__file__, snapshot_of(world_of(server), *BOTH))
    assert worst(found) is Verdict.PASS, [finding.summary for finding in found]


def test_a_policy_that_no_agent_carries_is_judged_alone(server: hvac.Client) -> None:
    policy(server, "p", clause("secret/+/beta/*", "deny"))
    policy(server, "q", clause("secret/data/*", "read"))
    world = world_of(server)
    assert worst(findings(__file__, snapshot_of(world, *BOTH))) is Verdict.FAIL
    assert worst(findings(__file__, snapshot_of(world, tenant("beta")))) is Verdict.PASS


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: replace(entry, policies=None),
        lambda entry: replace(entry, policies=tuple(
            replace(one, text=None) if one.name == "q" else one for one in entry.policies or ())),
        lambda entry: replace(entry, mounts=None),
        lambda entry: replace(entry, auth_mounts=None),
        lambda entry: replace(entry, mounts=tuple(replace(mount, version=None) for mount in entry.mounts or ())),
    ],
)  # fmt: skip
def test_what_was_not_seen_is_unknown(server: hvac.Client, change: Callable[[Namespace], Namespace]) -> None:
    policy(server, "p", clause("secret/data/beta/*", "deny"))
    policy(server, "q", clause("secret/metadata/*", "delete"))
    whole = snapshot_of(world_of(server), *BOTH)
    assert worst(findings(__file__, whole)) is Verdict.FAIL
    found = findings(__file__, hidden(whole, change))
    assert of(found, Verdict.UNKNOWN)
    assert not of(found, Verdict.PASS)


def test_rules_equal_but_for_the_tenants_name_are_decided_once_and_named_right() -> None:
    tenants = tuple(tenant(f"t{number}") for number in range(30))
    policies = tuple(
        PolicyDocument(name=one.id, text=clause(f"secret/data/{one.id}/admin/*", "deny")
                       + clause(f"secret/{view}/{one.id}/*", "update"))
        for one, view in zip(tenants, ["data", "delete"] * 15, strict=True)
    )  # fmt: skip
    root = Namespace(policies=policies, mounts=(Mount(path="secret/", type="kv", version=2),))
    world = World(server=Server(product="openbao", version="2.7.2"), namespaces=(root,))
    found = [one for one in findings(__file__, snapshot_of(world, *tenants)) if one.verdict is Verdict.FAIL]
    assert [one.subject for one in found] == [f"policy:t{n} secret/data/t{n}/admin/*" for n in range(30)]
    for number, one in enumerate(found):
        assert f"`secret/{'delete' if number % 2 else 'data'}/t{number}/*` grants update" in one.summary
