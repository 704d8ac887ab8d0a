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
from cred_audit.decide.vault.model import (
    Alias,
    AuthMount,
    AuthRole,
    EngineObject,
    Entity,
    Group,
    Mount,
    Namespace,
    PolicyDocument,
    Server,
    TokenFacts,
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

_KINDS = {
    "database": ("roles", "static-roles", "config"),
    "kubernetes": ("roles",),
    "pki": ("roles",),
    "rabbitmq": ("roles",),
    "ssh": ("roles",),
    "totp": ("keys",),
    "transit": ("keys",),
}
_SINGLE = {"pki": ("acme",), "transit": ("keys",)}
_ROLES = {
    "approle": ("role",), "userpass": ("users",), "kubernetes": ("role",), "jwt": ("role", "cel/role"),
    "oidc": ("role",), "cert": ("certs",),
}  # fmt: skip


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
    seal = admin.adapter.request("GET", "/v1/sys/seal-status")
    return World(
        server=Server(product="openbao", version=seal["version"], flags=read(admin, "sys/config/state/sanitized")),
        namespaces=tuple(_namespace(admin, path) for path in sorted(namespaces)),
    )


def _namespace(admin: hvac.Client, path: str) -> Namespace:
    policies = []
    for name in names(admin, "sys/policies/acl", path):
        data = read(admin, f"sys/policies/acl/{name}", path) or {}
        moment = data.get("expiration")
        policies.append(
            PolicyDocument(
                namespace=path, name=name, text=data["policy"],
                expiration=datetime.fromisoformat(moment) if moment else None,
            )
        )  # fmt: skip
    mounts = tuple(_mount(admin, path, name, data) for name, data in (read(admin, "sys/mounts", path) or {}).items())
    methods = tuple(_method(admin, path, name, data) for name, data in (read(admin, "sys/auth", path) or {}).items())
    return Namespace(
        path=path,
        policies=tuple(policies),
        mounts=mounts,
        auth_mounts=methods,
        token_roles=tuple(
            AuthRole(kind="roles", name=name, data=read(admin, f"auth/token/roles/{name}", path))
            for name in names(admin, "auth/token/roles", path)
        ),
        entities=tuple(_entity(admin, path, one) for one in names(admin, "identity/entity/id", path)),
        groups=tuple(_group(admin, path, one) for one in names(admin, "identity/group/id", path)),
        tokens=tuple(_token(admin, path, one) for one in names(admin, "auth/token/accessors", path)),
        mfa_enforcements=tuple(names(admin, "identity/mfa/login-enforcement", path)),
    )


def _mount(admin: hvac.Client, namespace: str, path: str, data: Mapping[str, Any]) -> Mount:
    kind = str(data["type"])
    objects = [
        EngineObject(kind=folder, name=name, data=read(admin, f"{path}{folder}/{name}", namespace))
        for folder in _KINDS.get(kind, ())
        for name in names(admin, f"{path}{folder}", namespace)
    ]
    objects += [
        EngineObject(kind="config", name=name, data=read(admin, f"{path}config/{name}", namespace))
        for name in _SINGLE.get(kind, ())
    ]
    version = int((data.get("options") or {}).get("version") or 1) if kind == "kv" else None
    return Mount(
        path=path,
        type=kind,
        accessor=str(data["accessor"]),
        version=version,
        objects=tuple(objects),
        tune=data["config"],
    )


def _method(admin: hvac.Client, namespace: str, path: str, data: Mapping[str, Any]) -> AuthMount:
    roles = []
    for folder in _ROLES.get(str(data["type"]), ()):
        for name in names(admin, f"auth/{path}{folder}", namespace):
            fields = read(admin, f"auth/{path}{folder}/{name}", namespace)
            if data["type"] == "approle" and fields is not None:
                fields |= read(admin, f"auth/{path}role/{name}/role-id", namespace) or {}
            roles.append(AuthRole(kind=folder, name=name, data=fields))
    return AuthMount(
        path=path, type=str(data["type"]), accessor=str(data["accessor"]), tune=data["config"], roles=tuple(roles)
    )


def _alias(data: Mapping[str, Any]) -> Alias:
    return Alias(
        id=data["id"], name=data["name"], mount_accessor=data["mount_accessor"], metadata=data.get("metadata") or {},
        custom_metadata=data.get("custom_metadata") or {},
    )  # fmt: skip


def _entity(admin: hvac.Client, namespace: str, one: str) -> Entity:
    data = read(admin, f"identity/entity/id/{one}", namespace) or {}
    return Entity(
        namespace=namespace, id=one, name=data["name"], policies=tuple(data["policies"] or ()),
        metadata=data["metadata"] or {}, aliases=tuple(map(_alias, data["aliases"] or ())), disabled=data["disabled"],
    )  # fmt: skip


def _group(admin: hvac.Client, namespace: str, one: str) -> Group:
    data = read(admin, f"identity/group/id/{one}", namespace) or {}
    return Group(
        namespace=namespace, id=one, name=data["name"], policies=tuple(data["policies"] or ()),
        member_entity_ids=tuple(data["member_entity_ids"] or ()), type=data["type"], metadata=data["metadata"] or {},
        member_group_ids=tuple(data["member_group_ids"] or ()), alias=_alias(data["alias"]) if data["alias"] else None,
    )  # fmt: skip


def _token(admin: hvac.Client, namespace: str, accessor: str) -> TokenFacts:
    answer = write(admin, "auth/token/lookup-accessor", {"accessor": accessor}, namespace)
    data = {name: value for name, value in answer["data"].items() if name != "id"}
    return TokenFacts(accessor=accessor, data=data)


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
