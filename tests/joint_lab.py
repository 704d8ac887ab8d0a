"""Vault and AWS in one snapshot, put together by hand: the packaged server has neither AWS engine nor AWS login."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from cred_audit.decide.vault.model import AuthMount, AuthRole, EngineObject, Mount, Namespace, PolicyDocument, World
from cred_audit.decide.vault.model import Server as VaultServer
from cred_audit.facts import Gap, Snapshot, VaultFacts
from cred_audit.target.model import Agent, KvTerritory, PrincipalKind, VaultPrincipal, VaultSource
from tests import aws_lab as lab

SERVER = VaultServer(product="vault", version="1.18.0")


def clause(path: str, *capabilities: str) -> str:
    """Return a stanza of a Vault policy."""
    listed = ", ".join(f'"{name}"' for name in capabilities or ("read",))
    return f'path "{path}" {{ capabilities = [{listed}] }}\n'


def engine(roles: Mapping[str, Mapping[str, Any] | None] | None, static: Mapping[str, Any] | None = None) -> Mount:
    """Return an AWS engine at aws/ with these roles; None for roles that were not listed."""
    if roles is None:
        return Mount(path="aws/", type="aws", objects=None)
    objects = [EngineObject(kind="roles", name=name, data=data) for name, data in roles.items()]
    objects += [EngineObject(kind="static-roles", name=name, data=data) for name, data in (static or {}).items()]
    return Mount(path="aws/", type="aws", objects=tuple(objects))


def method(roles: Mapping[str, Mapping[str, Any] | None] | None) -> AuthMount:
    """Return an AWS auth method at auth/aws/ with these roles."""
    made = None if roles is None else tuple(AuthRole(kind="role", name=name, data=data) for name, data in roles.items())
    return AuthMount(path="aws/", type="aws", accessor="auth-aws", roles=made)


def joint(
    aws: Snapshot,
    policies: Mapping[str, str],
    *,
    mounts: Iterable[Mount] | None = (),
    methods: Iterable[AuthMount] | None = (),
    gaps: Iterable[Gap] = (),
) -> Snapshot:
    """Return the AWS snapshot with a Vault in which each agent holds the policy that has its tenant's name.

    A tenant without a policy has no Vault principal. Each tenant owns `secret/<tenant>/`.
    """
    namespace = Namespace(
        policies=tuple(PolicyDocument(name=name, text=text) for name, text in policies.items()),
        mounts=None if mounts is None else (Mount(path="secret/", type="kv", version=2), *mounts),
        auth_mounts=None if methods is None else tuple(methods),
    )
    world = World(server=SERVER, namespaces=(namespace,))
    tenants = tuple(
        replace(
            one,
            agents=tuple(_with_vault(agent, one.id if one.id in policies else None) for agent in one.agents),
            territory=replace(one.territory, vault=(KvTerritory(mount="secret/", prefix=f"{one.id}/"),)),
        )
        for one in aws.target.tenants
    )
    facts = VaultFacts(address="", world=world, audit_devices=(), seal={}, coverage={"policies": len(policies)})
    target = replace(aws.target, tenants=tenants, vault=VaultSource(address="http://127.0.0.1"))
    return replace(aws, target=target, vault=facts, gaps=tuple(gaps))


def _with_vault(agent: Agent, policy: str | None) -> Agent:
    if policy is None:
        return agent
    return replace(agent, vault=VaultPrincipal(kind=PrincipalKind.POLICIES, policies=(policy,)))


def tenant_roles(*documents: str, names: Iterable[str] = lab.TENANTS, **more: Any) -> Snapshot:
    """Return accounts in which nobody's own role may do anything and `vault-NAME` may read what NAME owns.

    `documents` stand in place of each of these roles' policy.
    """
    names = tuple(names)
    text = documents or (lab.document(lab.statement(Condition=lab.EQUAL)),)
    roles = [
        lab.role(f"vault-{name}", *text, tags={"TenantId": name}, trust=lab.trust({"AWS": lab.role_arn("vault")}))
        for name in names
    ]
    return lab.shared_role(lab.document(lab.statement("logs:*")), names=names, roles=roles, **more)


def assumed(*names: str, **more: Any) -> dict[str, Any]:
    """Return the fields of a role of the engine that gives sessions of `vault-NAME`."""
    arns = [lab.role_arn(f"vault-{name}") for name in names]
    return {"credential_types": ["assumed_role"], "role_arns": arns, "policy_document": "", "policy_arns": None} | more
