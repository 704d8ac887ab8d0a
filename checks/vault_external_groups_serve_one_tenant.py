"""Each group that a login's own data decides on belongs to an auth method of one tenant.

Why: the members of an external group come from the login: a claim of its token, or a directory. Where two tenants
log in through the same method, either may present the name of a group that was meant for the other.
How: every external group with policies is read; it fails where agents of two tenants log in through the auth
method of its alias.
Fix: give each tenant an auth method of its own, or list the members of an internal group.
"""

from collections.abc import Iterator

from cred_audit.check import Evidence, Finding, Reaches, Severity, Skip, Snapshot, Verdict
from cred_audit.claims.agents import login_of
from cred_audit.claims.isolation import Isolation, isolation, reaches_of
from cred_audit.claims.survey import unseen
from cred_audit.decide import Unknown
from cred_audit.decide.vault.model import Group, Namespace

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-9", "NIST AC-3", "SOC2 CC6.3", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each external group."""
    asked = isolation(snapshot)
    # Which tenants log in through a method is complete only when every agent and every method was seen.
    blind = any(entry.auth_mounts is None for entry in asked.world.namespaces) or any(
        isinstance(acting.subject, Unknown) for acting in asked.acting
    )
    users = {accessor: _users(asked, names) for accessor, names in _tenants(snapshot, asked).items()}
    seen = not asked.world.namespaces_complete
    if seen:
        yield unseen("sys/namespaces", snapshot)
    for namespace in asked.world.namespaces:
        if namespace.groups is None:
            seen = True
            yield unseen(f"{namespace.path}identity/group/id", snapshot)
        for group in namespace.groups or ():
            if group.type == "external" and group.policies:
                seen = True
                yield _judged(namespace, group, users, blind=blind)
    if not seen:
        raise Skip("no external group with policies; identity/group read in full")


def _tenants(snapshot: Snapshot, asked: Isolation) -> dict[str, set[str]]:
    """Return the tenants that log in through each auth method, by its accessor."""
    found: dict[str, set[str]] = {}
    for tenant in snapshot.target.tenants:
        for agent in tenant.agents:
            mount = login_of(asked, agent.vault) if agent.vault is not None and agent.vault.role else None
            if mount is not None:
                found.setdefault(mount.accessor, set()).add(tenant.id)
    for acting in asked.acting:
        entity = None if isinstance(acting.subject, Unknown) else acting.subject.entity
        for alias in entity.aliases if entity is not None else ():
            found.setdefault(alias.mount_accessor, set()).add(acting.tenant)
    return found


def _users(asked: Isolation, names: set[str]) -> tuple[tuple[str, ...], Reaches]:
    """Return the tenants of one method, and all but the first as a set: thousands of groups may share it."""
    ordered = tuple(sorted(names))
    return ordered, reaches_of(ordered[1:], asked)


_NOBODY: tuple[tuple[str, ...], Reaches] = ((), Reaches())


def _judged(
    namespace: Namespace, group: Group, users: dict[str, tuple[tuple[str, ...], Reaches]], *, blind: bool
) -> Finding:
    where = f"{namespace.path}identity/group/id/{group.id}"
    names, reaches = users.get(group.alias.mount_accessor, _NOBODY) if group.alias is not None else _NOBODY
    if len(names) > 1:
        verdict, says = Verdict.FAIL, f"agents of {len(names)} tenants log in through the method that fills it"
    elif group.alias is None:
        verdict, says = Verdict.UNKNOWN, "the method that fills it was not seen"
    elif blind:
        verdict, says = Verdict.UNKNOWN, "who else logs in through the method that fills it is not known"
    else:
        verdict, says = Verdict.PASS, "agents of at most one tenant log in through the method that fills it"
    return Finding(
        verdict=verdict,
        subject=where,
        tenant=names[0] if names else None,
        reaches=reaches if verdict is Verdict.FAIL else Reaches(),
        summary=f"The external group {group.name}: {says}.",
        evidence=(Evidence(where=where, shows=says),),
        fix="give each tenant an auth method of its own" if verdict is Verdict.FAIL else None,
    )
