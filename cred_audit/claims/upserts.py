"""Who makes new transit keys by encrypting with names that do not exist."""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.claims.isolation import clause_evidence, command_of, grant_subject, witness_of
from cred_audit.claims.policytext import agents_unseen
from cred_audit.claims.sharing import Usage, chosen, use, way
from cred_audit.claims.survey import namespaces_unseen, unseen
from cred_audit.decide import Effect
from cred_audit.decide.vault.model import Mount, Namespace
from cred_audit.decide.vault.reach import Grant
from cred_audit.decide.vault.territory import OperationClass
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Verdict

_FIX = "grant update, not create, on the encryption of the tenant's own key, or set disable_upsert in config/keys"


def judge_upserts(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge every transit engine. Raises Skip where there is none."""
    yield from namespaces_unseen(snapshot)
    found = tuple(chosen(snapshot, frozenset({"transit"})))
    open_mounts = {
        f"{namespace.path}{mount.path}": (namespace, mount)
        for namespace, mount in found
        if mount is not None and mount.objects is not None and not _closed(mount)
    }
    places = {
        place: [way(namespace, mount, one) for one in use("create", "encrypt/+")]
        for place, (namespace, mount) in open_mounts.items()
    }
    doubts = tuple(agents_unseen(snapshot)) if places else ()
    yield from doubts
    broken: set[str] = set()
    usage = Usage(snapshot, places, (OperationClass.WRITE,))
    for tenants, grant in usage.grants:
        for place in sorted(usage.touched(grant)):
            if _makes(grant, *open_mounts[place]):
                broken.add(place)
                for tenant in tenants:
                    yield _finding(tenant, place, grant, sure=_seen(open_mounts[place][1]))
    for namespace, mount in found:
        where = f"{namespace.path}{mount.path if mount is not None else 'sys/mounts'}"
        if mount is None or mount.objects is None:
            yield unseen(where, snapshot)
        elif where not in broken and (_closed(mount) or not doubts):
            shows = "disable_upsert is set" if _closed(mount) else "encrypting was decided for every agent"
            yield Finding(
                verdict=Verdict.PASS,
                subject=where,
                summary=f"No agent makes a key of {where} by encrypting.",
                evidence=(Evidence(where=where, shows=shows),),
            )


def _seen(mount: Mount) -> bool:
    """Whether it is known that encrypting makes keys; a server without the option has no such settings."""
    return all(item.data is not None for item in mount.objects or () if item.kind == "config" and item.name == "keys")


def _closed(mount: Mount) -> bool:
    """Whether the engine refuses to make keys by encrypting."""
    settings: Mapping[str, Any] | None = next(
        (item.data for item in mount.objects or () if item.kind == "config" and item.name == "keys"), None
    )
    return settings is not None and settings.get("disable_upsert") is True


def _makes(grant: Grant, namespace: Namespace, mount: Mount) -> bool:
    """Whether a clause lets an agent encrypt with a key that is not there."""
    if grant.operation not in ("create", ""):
        return False
    if grant.witness is None or grant.witness.namespace.rstrip("/") != namespace.path.rstrip("/"):
        return True
    known = {item.name for item in mount.objects or () if item.kind == "keys"}
    name = grant.witness.path.removeprefix(f"{mount.path}encrypt/")
    clause = grant.because[0].clause.split("\n", 1)[0]
    return name not in known or "*" in clause or "+" in clause


def _finding(tenant: str, place: str, grant: Grant, *, sure: bool) -> Finding:
    sure = sure and grant.effect is Effect.ALLOW
    witness = grant.witness
    return Finding(
        verdict=Verdict.FAIL if sure else Verdict.UNKNOWN,
        subject=f"{tenant}: {place} {grant_subject(grant)}",
        tenant=tenant,
        summary=f"Agents of {tenant} {'make' if sure else 'may make'} new keys of {place} by encrypting.",
        evidence=tuple(clause_evidence(reason) for reason in grant.because),
        witness=witness_of(grant.operation, witness) if witness is not None else None,
        reproduce=command_of(witness) if witness is not None else None,
        assuming=grant.assuming,
        fix=_FIX,
    )
