"""Walk the objects of a Vault server for claims that judge one object at a time.

What could not be listed or read gives UNKNOWN with its gap; a fully read server that has none of the
objects makes the claim not applicable.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from cred_audit.check import Skip
from cred_audit.decide.vault.model import AuthMount, Mount, Namespace
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Verdict

Faults = Callable[[Mapping[str, Any]], Iterable[str]]
"""Given an object's public fields, the ways in which it breaks the claim, each as half a sentence."""


def judge_auth_roles(snapshot: Snapshot, types: frozenset[str], faults: Faults, fix: str) -> Iterator[Finding]:
    """Judge every role of the auth methods of these types. Raises Skip where a full reading shows no mount."""
    seen = False
    for namespace in _namespaces(snapshot):
        if namespace.auth_mounts is None:
            seen = True
            yield unseen(f"{namespace.path}sys/auth", snapshot)
            continue
        for mount in namespace.auth_mounts:
            if mount.type not in types:
                continue
            seen = True
            yield from _judge_mount(snapshot, namespace, mount, faults, fix)
    if not seen:
        names = ", ".join(sorted(types))
        raise Skip(f"no auth method of type {names}; sys/auth read in full")


def _judge_mount(
    snapshot: Snapshot, namespace: Namespace, mount: AuthMount, faults: Faults, fix: str
) -> Iterator[Finding]:
    where = f"{namespace.path}auth/{mount.path}"
    if mount.roles is None:
        yield unseen(f"{where}role", snapshot)
        return
    if not mount.roles:
        yield Finding(
            verdict=Verdict.PASS,
            subject=where,
            summary=f"{where} has no role.",
            evidence=(Evidence(where=where, shows="its roles were listed: there is none"),),
        )
    for role in mount.roles:
        yield judge(snapshot, f"{where}{role.kind}/{role.name}", role.data, faults, fix)


def judge_engine_objects(
    snapshot: Snapshot, types: frozenset[str], kinds: frozenset[str], faults: Faults, fix: str
) -> Iterator[Finding]:
    """Judge every object of these kinds in the engines of these types. Raises Skip where there is no such engine."""
    seen = False
    for namespace, mount in engines(snapshot):
        if mount is None:
            seen = True
            yield unseen(f"{namespace.path}sys/mounts", snapshot)
            continue
        if mount.type not in types:
            continue
        seen = True
        where = f"{namespace.path}{mount.path}"
        if mount.objects is None:
            yield unseen(where, snapshot)
            continue
        chosen = [item for item in mount.objects if item.kind in kinds]
        if not chosen:
            yield Finding(
                verdict=Verdict.PASS,
                subject=where,
                summary=f"{where} has none of these objects.",
                evidence=(Evidence(where=where, shows="its objects were listed: there is none of the kind"),),
            )
        for item in chosen:
            yield judge(snapshot, f"{where}{item.kind}/{item.name}", item.data, faults, fix)
    if not seen:
        names = ", ".join(sorted(types))
        raise Skip(f"no secrets engine of type {names}; sys/mounts read in full")


def engines(snapshot: Snapshot) -> Iterator[tuple[Namespace, Mount | None]]:
    """Yield every secrets engine with its namespace; None stands for a namespace whose mounts were not seen."""
    for namespace in _namespaces(snapshot):
        if namespace.mounts is None:
            yield namespace, None
        else:
            for mount in namespace.mounts:
                yield namespace, mount


def judge(snapshot: Snapshot, where: str, data: Mapping[str, Any] | None, faults: Faults, fix: str) -> Finding:
    """Judge one object by its public fields."""
    if data is None:
        return unseen(where, snapshot)
    found = tuple(faults(data))
    if not found:
        return Finding(
            verdict=Verdict.PASS,
            subject=where,
            summary=f"{where} holds the claim.",
            evidence=(Evidence(where=where, shows="its fields were read and none breaks the claim"),),
        )
    return Finding(
        verdict=Verdict.FAIL,
        subject=where,
        summary=f"{where}: {'; '.join(found)}.",
        evidence=tuple(Evidence(where=where, shows=fault) for fault in found),
        fix=fix,
    )


def unseen(where: str, snapshot: Snapshot) -> Finding:
    """Return the UNKNOWN for something that was not seen, with the gap that says why."""
    reasons = [gap.reason for gap in snapshot.gaps if where.rstrip("/") in f"{gap.namespace}{gap.what}"]
    reason = reasons[0] if reasons else "it was not read"
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject=where,
        summary=f"{where} was not seen: {reason}.",
        evidence=(Evidence(where=where, shows=reason),),
    )


def _namespaces(snapshot: Snapshot) -> tuple[Namespace, ...]:
    if snapshot.vault is None:
        raise LookupError("Vault was not read")
    return snapshot.vault.world.namespaces
