"""What keeps the tenants of one store apart, as far as the facts show it.

A namespace or a policy is a rule of the same server, not a key: nothing here is ever called cryptographic.
"""

from collections.abc import Iterator, Mapping

from cred_audit.facts import Snapshot
from cred_audit.report import Separation
from cred_audit.target.model import KvTerritory, NamespaceTerritory, VaultTerritory

_NAMED = 20
"""Stores with a row of their own; more are counted in one."""


def separation(snapshot: Snapshot) -> tuple[Separation, ...]:
    """Return one row per store that holds something of a tenant, stores shared by several tenants first."""
    vault = snapshot.vault
    if vault is None:
        return ()
    mounts = {entry.path: tuple(mount.path for mount in entry.mounts or ()) for entry in vault.world.namespaces}
    owners: dict[str, set[str]] = {}
    for tenant in snapshot.target.tenants:
        for territory in tenant.territory.vault:
            for store in _stores(mounts, territory):
                owners.setdefault(store, set()).add(tenant.id)
    shared = sorted(store for store, names in owners.items() if len(names) > 1)
    own = sorted(store for store, names in owners.items() if len(names) == 1)
    rows = [
        Separation(
            store=store,
            enforced_by="policy only",
            evidence=f"{len(owners[store])} tenants keep their secrets in it",
        )
        for store in shared[:_NAMED]
    ]
    rows += [
        Separation(store=store, enforced_by=_alone(store), evidence=f"only {next(iter(owners[store]))} owns it")
        for store in own[:_NAMED]
    ]
    rest = len(shared[_NAMED:]) + len(own[_NAMED:])
    if rest:
        rows.append(Separation(store=f"{rest} more stores", enforced_by="as above", evidence=""))
    return tuple(rows)


def _alone(store: str) -> str:
    kind = "own namespace" if store.startswith("namespace ") else "own mount"
    return f"{kind}, by policy and routing; no key of its own is shown"


def _stores(mounts: Mapping[str, tuple[str, ...]], territory: VaultTerritory) -> Iterator[str]:
    if isinstance(territory, NamespaceTerritory):
        yield f"namespace {territory.namespace}"
    elif isinstance(territory, KvTerritory):
        yield f"mount {territory.namespace}{territory.mount}"
    else:
        for mount in mounts.get(territory.namespace, ()):
            if territory.path.startswith(mount):
                yield f"mount {territory.namespace}{mount}"
