"""Snapshots of a real server, for the tests of checks: written through the API, read back through the API."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hvac

from cred_audit.bundled import bundled
from cred_audit.catalog import load_checks
from cred_audit.check import Check, Finding, Verdict
from cred_audit.collect import collect
from cred_audit.decide.vault.model import (
    Namespace,
    World,
)
from cred_audit.facts import Gap, Snapshot, VaultFacts
from cred_audit.target.model import (
    Agent,
    KvTerritory,
    NamespaceTerritory,
    PathTerritory,
    PrincipalKind,
    Target,
    Tenant,
    Territory,
    VaultPrincipal,
    VaultSource,
)


def read(admin: hvac.Client, path: str, namespace: str = "") -> dict[str, Any] | None:
    return _data(admin, "GET", path, namespace)


def names(admin: hvac.Client, path: str, namespace: str = "") -> list[str]:
    return list((_data(admin, "LIST", path, namespace) or {}).get("keys") or ())


def _data(admin: hvac.Client, method: str, path: str, namespace: str) -> dict[str, Any] | None:
    headers = {"X-Vault-Namespace": namespace} if namespace else {}
    answer = admin.adapter.request(method, f"/v1/{path}", headers=headers, raise_exception=False)
    body = answer if isinstance(answer, dict) else answer.json() if answer.content else {}
    data = body.get("data")
    return data if isinstance(data, dict) else None


def write(admin: hvac.Client, path: str, body: Mapping[str, Any], namespace: str = "") -> Any:
    headers = {"X-Vault-Namespace": namespace} if namespace else {}
    return admin.adapter.request("POST", f"/v1/{path}", headers=headers, json=dict(body))


def policy(admin: hvac.Client, name: str, text: str, namespace: str = "", **fields: Any) -> None:
    write(admin, f"sys/policies/acl/{name}", {"policy": text, **fields}, namespace)


def clause(path: str, *capabilities: str, more: str = "") -> str:
    listed = ", ".join(f'"{name}"' for name in capabilities)
    return f'path "{path}" {{\n  capabilities = [{listed}]\n  {more}\n}}\n'


def world_of(admin: hvac.Client, namespaces: Iterable[str] = ("",)) -> World:
    """What the collector reads of these namespaces."""
    target = Target(name="t", tenants=(), vault=VaultSource(address=str(admin.url)))
    seen = collect(target, allow_commands=False, progress=lambda *_: None, environ={"VAULT_TOKEN": str(admin.token)})
    assert seen.vault is not None
    world = seen.vault.world
    wanted = frozenset(namespaces)
    return replace(world, namespaces=tuple(entry for entry in world.namespaces if entry.path in wanted))


def tenant(
    name: str,
    *territory: KvTerritory | NamespaceTerritory | PathTerritory,
    policies: tuple[str, ...] | None = None,
    namespace: str = "",
) -> Tenant:
    """A tenant with one agent, whose token has these policies: by default the one of its name."""
    principal = VaultPrincipal(
        kind=PrincipalKind.POLICIES, namespace=namespace, policies=(name,) if policies is None else policies
    )
    held = territory or (KvTerritory(mount="secret/", prefix=f"{name}/"),)
    return Tenant(id=name, agents=(Agent(id="agent", vault=principal),), territory=Territory(vault=held))


def snapshot_of(world: World, *tenants: Tenant, gaps: tuple[Gap, ...] = ()) -> Snapshot:
    facts = VaultFacts(
        address="http://127.0.0.1", world=world, audit_devices=(), seal={}, coverage={"policies": 1}
    )  # fmt: skip
    target = Target(name="t", tenants=tenants, vault=VaultSource(address="http://127.0.0.1"))
    return Snapshot(target=target, taken_at=datetime.now(UTC), tool_version="0", vault=facts, gaps=gaps)


def hidden(snapshot: Snapshot, change: Callable[[Namespace], Namespace]) -> Snapshot:
    """The same snapshot with something taken out of every namespace."""
    vault = snapshot.vault
    assert vault is not None
    world = replace(vault.world, namespaces=tuple(change(entry) for entry in vault.world.namespaces))
    return replace(snapshot, vault=replace(vault, world=world))


_CHECKS: dict[str, Check] = {}


def check_of(file: str) -> Check:
    """The check that a test file is about."""
    if not _CHECKS:
        _CHECKS.update((check.id, check) for check in load_checks())
    return _CHECKS[Path(file).stem.removeprefix("test_")]


def findings(file: str, snapshot: Snapshot) -> tuple[Finding, ...]:
    assert bundled("checks").is_dir()
    return tuple(check_of(file).run(snapshot))


def of(found: Iterable[Finding], verdict: Verdict) -> list[str]:
    return [finding.subject for finding in found if finding.verdict is verdict]


def worst(found: Iterable[Finding]) -> Verdict:
    verdicts = {finding.verdict for finding in found}
    return next(one for one in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS) if one in verdicts)
