"""Who can change what holds for a whole engine: its roles, connections and configuration."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from cred_audit.claims.isolation import clause_evidence, command_of, grant_subject, isolation, reaches_of, witness_of
from cred_audit.claims.policytext import agents_unseen, grouped, served
from cred_audit.claims.sharing import Ownership, Usage, chosen, use, way
from cred_audit.claims.survey import namespaces_unseen, unseen
from cred_audit.decide import Decision, Effect
from cred_audit.decide.vault.model import Mount, Namespace, Request, Subject
from cred_audit.decide.vault.patterns import overlap
from cred_audit.decide.vault.reach import Grant, Owners
from cred_audit.decide.vault.territory import OperationClass
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Reaches, Verdict

_WRITES = frozenset({"create", "update", "patch", "delete"})
Decide = Callable[[Subject, Request], Decision]
Found = tuple[tuple[Namespace, Mount | None], ...]


def judge_settings(
    snapshot: Snapshot,
    folders: Mapping[str, tuple[str, ...]],
    *,
    operations: str = " ".join(sorted(_WRITES)),
    does: str,
    fix: str,
) -> Iterator[Finding]:
    """Judge every engine of these types: type -> paths that nobody but operators should write.

    `operations` are the capabilities that count, divided by blanks. Raises Skip where there is no such engine.
    """
    yield from namespaces_unseen(snapshot)
    found = tuple(chosen(snapshot, frozenset(folders)))
    places = {
        _place(namespace, mount): [way(namespace, mount, one) for one in use(operations, *folders[mount.type])]
        for namespace, mount in found
        if mount is not None
    }
    usage = Usage(snapshot, places, (OperationClass.WRITE,))
    wanted = {*operations.split(), ""}
    granted = ((tenants, grant, usage.touched(grant)) for tenants, grant in usage.grants if grant.operation in wanted)
    yield from _judge(snapshot, found, granted, does, fix)


def judge_kv_settings(snapshot: Snapshot, *, fix: str) -> Iterator[Finding]:
    """Judge every KV mount of version 2. Raises Skip where there is none."""
    yield from namespaces_unseen(snapshot)
    found = tuple(
        (namespace, mount)
        for namespace, mount in chosen(snapshot, frozenset({"kv", "generic"}))
        if mount is None or mount.version != 1
    )
    yield from _judge(snapshot, found, _kv_granted(snapshot, found), "change the settings of", fix)


Granted = tuple[tuple[str, ...], Grant, Iterable[str]]
"""Tenants, the clause that lets them, and the mounts whose settings it lets them change."""


def _kv_granted(snapshot: Snapshot, found: Found) -> Iterator[Granted]:
    asked = isolation(snapshot)
    mounts = {_place(namespace, mount): (namespace, mount) for namespace, mount in found if mount is not None}
    for subject, tenants in grouped(snapshot):
        places: dict[str, None] = {}
        for acl in asked.engine.acls(subject):
            if acl.root or acl.unseen or acl.open_clauses:
                places |= dict.fromkeys(mounts)
            for rule in (*acl.exact.values(), *acl.ordered):
                if rule.capabilities & _WRITES:
                    engine = served(asked.world, rule.written)
                    near = mounts if engine is None else _starting(mounts, rule.written)
                    places |= dict.fromkeys(place for place in near if overlap(rule.written, f"{place}config"))
        for place in places:
            namespace, mount = mounts[place]
            grant = _kv_grant(asked.engine.decide, subject, namespace, mount)
            if grant is not None:
                yield tenants, grant, (place,)


def _starting(mounts: Mapping[str, object], pattern: str) -> Iterator[str]:
    """Yield the mount to which the beginning of a pattern leads."""
    parts = pattern.split("/")
    for end in range(1, len(parts)):
        place = "/".join(parts[:end]) + "/"
        if place in mounts:
            yield place


def _kv_grant(decide: Decide, subject: Subject, namespace: Namespace, mount: Mount) -> Grant | None:
    for exists, operation in ((True, "update"), (False, "create")):
        request = Request(
            method="POST", path=f"{mount.path}config", namespace=namespace.path, body={"max_versions": 1}, exists=exists
        )
        decision = decide(subject, request)
        if decision.effect is not Effect.DENY:
            known = decision.effect is Effect.ALLOW and mount.version is not None
            return Grant(
                effect=Effect.ALLOW if known else Effect.UNKNOWN,
                owners=Owners(count=1),
                operation=operation,
                witness=request,
                because=decision.because,
                assuming=decision.assuming,
                kind="settings",
            )
    return None


def _judge(snapshot: Snapshot, found: Found, granted: Iterable[Granted], does: str, fix: str) -> Iterator[Finding]:
    asked = isolation(snapshot)
    ownership = Ownership(snapshot)
    owners = {_place(one, mount): ownership.of(one, mount) for one, mount in found if mount is not None}
    doubts = tuple(agents_unseen(snapshot))
    yield from doubts
    broken: set[str] = set()
    merged: dict[tuple[object, ...], tuple[str, Grant, set[str]]] = {}
    for tenants, grant, touched in granted:
        reason = grant.because[0]
        for tenant in tenants:
            foreign = {place for place in touched if tenant not in owners[place]}
            if foreign:
                broken |= foreign
                key = (tenant, reason.namespace, reason.policy, reason.line or reason.why, grant.effect)
                merged.setdefault(key, (tenant, grant, set()))[2].update(foreign)
    for tenant, grant, touched in merged.values():
        # A mount that no tenant owns as a whole adds nobody, though tenants may hold folders in it.
        victims = frozenset().union(*(owners[place] for place in touched))
        yield _finding(tenant, grant, sorted(touched), reaches_of(victims, asked), does, fix)
    for namespace, mount in found:
        if mount is None:
            yield unseen(f"{namespace.path}sys/mounts", snapshot)
        elif mount.type in ("kv", "generic") and mount.version is None:
            yield unseen(f"{namespace.path}sys/mounts/{mount.path}", snapshot)
        elif _place(namespace, mount) not in broken and not doubts:
            where = _place(namespace, mount)
            yield Finding(
                verdict=Verdict.PASS,
                subject=where,
                summary=f"No agent of another tenant can {does} {where}.",
                evidence=(Evidence(where=where, shows="writing its settings was decided for every agent"),),
            )


def _finding(  # noqa: PLR0913, PLR0917  (one value per part of the sentence)
    tenant: str, grant: Grant, places: list[str], reaches: Reaches, does: str, fix: str
) -> Finding:
    sure = grant.effect is Effect.ALLOW
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    witness = grant.witness
    return Finding(
        verdict=Verdict.FAIL if sure else Verdict.UNKNOWN,
        subject=f"{tenant}: {grant_subject(grant)}",
        tenant=tenant,
        reaches=reaches,
        count=len(places),
        summary=f"Agents of {tenant} {'can' if sure else 'may be able to'} {does} {places[0]}{more}.",
        evidence=tuple(clause_evidence(reason) for reason in grant.because),
        witness=witness_of(grant.operation, witness) if witness is not None else None,
        reproduce=command_of(witness) if witness is not None else None,
        assuming=grant.assuming,
        fix=fix,
    )


def _place(namespace: Namespace, mount: Mount) -> str:
    return f"{namespace.path}{mount.path}"
