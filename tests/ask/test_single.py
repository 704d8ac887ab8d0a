"""One question about a declared agent."""

from datetime import UTC, datetime

import pytest

from cred_audit.ask import ask_one
from cred_audit.decide import Effect
from cred_audit.decide.vault.model import Mount, Namespace, PolicyDocument, Server, World
from cred_audit.errors import UsageError
from cred_audit.facts import Snapshot, VaultFacts
from cred_audit.target.model import Agent, PrincipalKind, Target, Tenant, Territory, VaultPrincipal

TEXT = 'path "k/a" { capabilities = ["read", "create", "patch"] }'


def snapshot() -> Snapshot:
    namespace = Namespace(
        policies=(PolicyDocument(name="p", text=TEXT),), mounts=(Mount(path="k/", type="kv", version=1),)
    )
    world = World(server=Server(product="openbao", version="2.7.2"), namespaces=(namespace,))
    tenants = tuple(
        Tenant(
            id=name,
            agents=(
                Agent(id="bot", vault=VaultPrincipal(kind=PrincipalKind.POLICIES, policies=("p",))),
                Agent(id=f"{name}-role", vault=VaultPrincipal(kind=PrincipalKind.ROLE, role="auth/approle/role/x")),
            ),
            territory=Territory(),
        )
        for name in ("acme", "beta")
    )
    return Snapshot(
        target=Target(name="t", tenants=tenants),
        taken_at=datetime(2026, 1, 1, tzinfo=UTC),
        tool_version="0",
        vault=VaultFacts(address="", world=world, audit_devices=None, seal=None, coverage={}),
    )


def test_one_operation_is_decided_with_its_request() -> None:
    request, decision = ask_one(snapshot(), "acme/bot", "read", "k/a")
    assert (request.method, request.path, decision.effect) == ("GET", "k/a", Effect.ALLOW)
    assert decision.because[0].clause == TEXT
    assert ask_one(snapshot(), "acme/bot", "create", "k/a")[1].effect is Effect.ALLOW
    assert ask_one(snapshot(), "acme/bot", "update", "k/a")[1].effect is Effect.DENY
    assert ask_one(snapshot(), "acme/bot", "patch", "k/a")[1].effect is Effect.ALLOW
    assert ask_one(snapshot(), "acme/bot", "read", "k/a", namespace="nowhere")[1].effect is Effect.DENY


def test_an_agent_of_whom_nothing_is_known_is_unknown() -> None:
    assert ask_one(snapshot(), "acme-role", "read", "k/a")[1].effect is Effect.UNKNOWN


def test_an_agent_that_is_not_one_is_refused() -> None:
    with pytest.raises(UsageError, match="several agents"):
        ask_one(snapshot(), "bot", "read", "k/a")
    with pytest.raises(UsageError, match="no agent that the target declares for Vault"):
        ask_one(snapshot(), "nobody", "read", "k/a")
    with pytest.raises(UsageError, match="no operation 'fetch'"):
        ask_one(snapshot(), "acme/bot", "fetch", "k/a")
