"""The policy names that tokens, roles, entities, groups and agents carry, and whether such policies exist."""

from collections.abc import Iterable, Iterator
from typing import Any

from cred_audit.claims.policytext import world_of
from cred_audit.claims.survey import namespace_words, namespaces_unseen, unseen
from cred_audit.decide.vault.model import Namespace
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Verdict

_BUILT_IN = frozenset({"root", "default", "response-wrapping", "control-group"})
"""Policies that a server has without anybody writing them; `default` cannot be deleted."""
_BY_CONFIGURATION = frozenset({"ldap", "radius", "github", "okta", "kerberos"})
"""Methods whose configuration names policies for every login."""
_SHOWN = 3


def judge_names(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each name without a policy, and a PASS for each namespace without such a name."""
    yield from namespaces_unseen(snapshot)
    agents = _of_agents(snapshot)
    for entry in world_of(snapshot).namespaces:
        yield from _judge(snapshot, entry, agents.get(entry.path, []))


def _judge(snapshot: Snapshot, entry: Namespace, agents: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    if entry.policies is None:
        yield unseen(f"{entry.path}sys/policies/acl", snapshot)
        return
    existing = {policy.name for policy in entry.policies} | _BUILT_IN
    holders: dict[str, list[str]] = {}
    lost: list[str] = []
    for where, names in (*_holders(entry), *((where, name) for where, name in agents)):
        if names is None:
            lost.append(where)
        else:
            for name in _names(names):
                holders.setdefault(name, []).append(where)
    for where in lost:
        yield unseen(where, snapshot)
    dangling = sorted(holders.keys() - existing)
    for name in dangling:
        yield _dangling(entry, name, sorted(set(holders[name])))
    if not lost and not dangling:
        where = f"{entry.path}sys/policies/acl"
        yield Finding(
            verdict=Verdict.PASS,
            subject=where,
            count=max(1, len(holders)),
            summary=f"Each of the {len(holders)} policy names in use in {namespace_words(entry.path)} has its policy.",
            evidence=(Evidence(where=where, shows="tokens, roles, entities and groups were read and compared"),),
        )


def _dangling(entry: Namespace, name: str, holders: list[str]) -> Finding:
    more = f" and {len(holders) - 1} more" if len(holders) > 1 else ""
    return Finding(
        verdict=Verdict.FAIL,
        subject=f"policy:{entry.path}{name}",
        count=len(holders),
        summary=f"{holders[0]}{more} names the policy {name}, which does not exist in {namespace_words(entry.path)}.",
        evidence=tuple(Evidence(where=holder, shows=f"names the policy {name}") for holder in holders[:_SHOWN]),
        fix=f"remove the name {name}, or write the policy",
    )


def _holders(entry: Namespace) -> Iterator[tuple[str, Any]]:
    """Yield what carries policy names and the names; None for names that were not seen."""
    at = entry.path
    if entry.entities is None:
        yield f"{at}identity/entity/id", None
    for entity in entry.entities or ():
        yield f"{at}identity/entity/name/{entity.name or entity.id}", entity.policies
    if entry.groups is None:
        yield f"{at}identity/group/id", None
    for group in entry.groups or ():
        yield f"{at}identity/group/name/{group.name or group.id}", group.policies
    yield from _of_methods(entry)
    if entry.token_roles is None:
        yield f"{at}auth/token/roles", None
    for role in entry.token_roles or ():
        where = f"{at}auth/token/roles/{role.name}"
        yield where, None if role.data is None else role.data.get("allowed_policies") or ()
    if entry.tokens is None:
        yield f"{at}auth/token/accessors", None
    for token in entry.tokens or ():
        if token.data is None:
            yield f"{at}auth/token/accessors/{token.accessor}", None
        else:
            # Tokens of one origin count once: thousands of them say the same.
            yield f"tokens of {at}{token.data.get('path') or 'an unknown path'}", token.data.get("policies") or ()


def _of_methods(entry: Namespace) -> Iterator[tuple[str, Any]]:
    at = entry.path
    if entry.auth_mounts is None:
        yield f"{at}sys/auth", None
    for mount in entry.auth_mounts or ():
        if mount.type in _BY_CONFIGURATION:
            names = None if mount.config is None else mount.config.get("token_policies") or ()
            yield f"{at}auth/{mount.path}config", names
        if mount.roles is None:
            yield f"{at}auth/{mount.path}role", None
        for role in mount.roles or ():
            where = f"{at}auth/{mount.path}{role.kind}/{role.name}"
            if role.data is None:
                yield where, None
                continue
            for field in ("token_policies", "policies"):
                yield where, role.data.get(field) or ()


def _names(value: Any) -> Iterator[str]:
    parts = value if isinstance(value, list | tuple) else [value]
    for part in parts:
        for name in str(part).split(","):
            # A name with a directive is filled in at login; which names come out is another question.
            if name.strip() and "{{" not in name:
                yield name.strip().lower()


def _of_agents(snapshot: Snapshot) -> dict[str, list[tuple[str, Any]]]:
    found: dict[str, list[tuple[str, Any]]] = {}
    for tenant in snapshot.target.tenants:
        for agent in tenant.agents:
            if agent.vault is not None and agent.vault.policies:
                where = f"the target's agent {tenant.id}/{agent.id}"
                found.setdefault(agent.vault.namespace, []).append((where, agent.vault.policies))
    for name, token in (snapshot.vault.agent_tokens if snapshot.vault is not None else {}).items():
        data = token.data or {}
        at = str(data.get("namespace_path") or "")
        names = None if token.data is None else data.get("policies") or ()
        found.setdefault(at, []).append((f"auth/token/lookup-self of {name}", names))
    return found
