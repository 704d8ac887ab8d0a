"""Transit keys that agents of several tenants can use."""

from collections.abc import Callable
from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Skip, Verdict
from cred_audit.decide.vault.model import Namespace
from cred_audit.demo.server import RunningServer
from tests.checks.real import clause, findings, hidden, of, policy, snapshot_of, tenant, world_of, write

TWO = (tenant("acme"), tenant("beta"))
OWN = {name: clause(f"transit/+/{name}", "update") for name in ("acme", "beta")}


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    write(admin, "sys/mounts/transit", {"type": "transit"})
    for name in ("acme", "beta"):
        write(admin, f"transit/keys/{name}", {})
    write(admin, "transit/keys/signing", {"type": "ed25519"})
    return admin


def judged(server: hvac.Client, acme: str, beta: str) -> list[str]:
    policy(server, "acme", acme)
    policy(server, "beta", beta)
    return of(findings(__file__, snapshot_of(world_of(server), *TWO)), Verdict.FAIL)


@pytest.mark.parametrize(
    ("acme", "beta", "fails"),
    [
        (OWN["acme"], OWN["beta"], []),
        (clause("transit/decrypt/+", "update"), OWN["beta"], ["transit/keys/beta"]),
        (clause("transit/decrypt/*", "update") + clause("transit/decrypt/beta", "deny"), OWN["beta"], []),
        (clause("transit/sign/signing/+", "update"), clause("transit/sign/*", "update"), ["transit/keys/signing"]),
        (clause("transit/export/+/beta", "read"), OWN["beta"], ["transit/keys/beta"]),
        (clause("transit/encrypt/beta", "update"), OWN["beta"], []),
        (clause("transit/*", "update"), clause("transit/*", "update"),
         ["transit/keys/acme", "transit/keys/beta", "transit/keys/signing"]),
    ],
)  # fmt: skip
def test_a_key_that_two_tenants_can_use_fails(server: hvac.Client, acme: str, beta: str, fails: list[str]) -> None:
    assert judged(server, acme, beta) == fails


def test_the_server_decrypts_what_the_other_tenant_encrypted(bao: RunningServer, server: hvac.Client) -> None:
    assert judged(server, clause("transit/decrypt/+", "update"), OWN["beta"]) == ["transit/keys/beta"]
    sealed = write(server, "transit/encrypt/beta", {"plaintext": "aGk="})["data"]["ciphertext"]
    token = server.auth.token.create(policies=["acme"], no_default_policy=True)["auth"]["client_token"]
    agent = hvac.Client(url=bao.address, token=token)
    assert write(agent, "transit/decrypt/beta", {"ciphertext": sealed})["data"]["plaintext"] == "aGk="


def test_the_finding_names_the_tenants_and_quotes_the_clauses(server: hvac.Client) -> None:
    policy(server, "acme", clause("transit/decrypt/beta", "update"))
    policy(server, "beta", OWN["beta"])
    found = findings(__file__, snapshot_of(world_of(server), *TWO))
    (failed,) = [finding for finding in found if finding.verdict is Verdict.FAIL]
    assert failed.summary.startswith("Agents of acme and beta can")
    assert failed.reaches.tenants == ("acme", "beta")
    assert {evidence.where for evidence in failed.evidence} == {"policy acme", "policy beta"}


def test_many_tenants_are_named_as_a_set(server: hvac.Client) -> None:
    policy(server, "acme", clause("transit/decrypt/*", "update"))
    many = tuple(tenant(f"t{number}", policies=("acme",)) for number in range(20))
    found = findings(__file__, snapshot_of(world_of(server), *many, tenant("beta", policies=("none",))))
    (failed, *_) = [finding for finding in found if finding.verdict is Verdict.FAIL]
    assert (failed.reaches.all_except, failed.reaches.count) == (("beta",), 20)


def test_a_server_without_the_engine_is_not_called_for(server: hvac.Client) -> None:
    whole = snapshot_of(world_of(server), *TWO)
    none = hidden(whole, lambda entry: replace(entry, mounts=()))
    with pytest.raises(Skip, match="no secrets engine of type transit"):
        findings(__file__, none)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda entry: replace(entry, mounts=None), "sys/mounts"),
        (lambda entry: replace(entry, mounts=tuple(replace(mount, objects=None) for mount in entry.mounts or ())),
         "transit/"),
        (lambda entry: replace(entry, policies=tuple(
            replace(one, text=None) if one.name == "acme" else one for one in entry.policies or ())),
         "transit/keys/beta"),
    ],
)  # fmt: skip
def test_what_was_not_seen_is_unknown(
    server: hvac.Client, change: Callable[[Namespace], Namespace], where: str
) -> None:
    assert judged(server, clause("transit/decrypt/+", "update"), OWN["beta"]) == ["transit/keys/beta"]
    found = findings(__file__, hidden(snapshot_of(world_of(server), *TWO), change))
    assert where in of(found, Verdict.UNKNOWN)
    assert not of(found, Verdict.PASS)
    assert not of(found, Verdict.FAIL)


def test_an_agent_that_is_not_known_is_unknown(server: hvac.Client) -> None:
    policy(server, "beta", OWN["beta"])
    whole = snapshot_of(world_of(server), tenant("beta"), tenant("gone", policies=()))
    vault = replace(whole.target.tenants[1].agents[0].vault, policies=None, role="auth/none/role/x")  # type: ignore[type-var]
    target = replace(
        whole.target,
        tenants=(
            whole.target.tenants[0],
            replace(whole.target.tenants[1], agents=(replace(whole.target.tenants[1].agents[0], vault=vault),)),
        ),
    )
    found = findings(__file__, replace(whole, target=target))
    assert of(found, Verdict.UNKNOWN) == ["agent:gone/agent"]
    assert not of(found, Verdict.PASS)
