"""What keeps the tenants of one store apart, as far as the facts show it.

A namespace, an account or a policy is a rule of the same server, not a key: nothing here is ever called cryptographic.
"""

from collections.abc import Iterable, Iterator, Mapping

from cred_audit.claims.aws.isolation import AwsIsolation, aws_isolation
from cred_audit.decide.aws.estate import Thing
from cred_audit.decide.aws.world import Account
from cred_audit.facts import Snapshot, VaultFacts
from cred_audit.report import Separation
from cred_audit.target.model import KvTerritory, NamespaceTerritory, Tenant, VaultTerritory

_NAMED = 20
"""Stores with a row of their own, of each kind; more are counted in one."""
_POLICY = "policy only"


def separation(snapshot: Snapshot) -> tuple[Separation, ...]:
    """Return one row per store that holds something of a tenant, stores shared by several tenants first."""
    rows: list[Separation] = []
    if snapshot.vault is not None:
        rows += _vault(snapshot.vault, snapshot.target.tenants)
    if snapshot.aws is not None:
        rows += _aws(aws_isolation(snapshot))
    return tuple(rows)


def _vault(vault: VaultFacts, tenants: Iterable[Tenant]) -> Iterator[Separation]:
    mounts = {entry.path: tuple(mount.path for mount in entry.mounts or ()) for entry in vault.world.namespaces}
    owners: dict[str, set[str]] = {}
    for tenant in tenants:
        for territory in tenant.territory.vault:
            for store in _stores(mounts, territory):
                owners.setdefault(store, set()).add(tenant.id)
    shared = sorted(store for store, names in owners.items() if len(names) > 1)
    own = sorted(store for store, names in owners.items() if len(names) == 1)
    yield from _bounded(
        Separation(store=store, enforced_by=_POLICY, evidence=f"{len(owners[store])} tenants keep their secrets in it")
        for store in shared
    )
    yield from _bounded(
        Separation(store=store, enforced_by=_alone(store), evidence=f"only {next(iter(owners[store]))} owns it")
        for store in own
    )


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


def _aws(facts: AwsIsolation) -> Iterator[Separation]:
    things: dict[str, list[Thing]] = {}
    for thing in facts.holdings.all:
        if thing.collection is None:
            things.setdefault(thing.account, []).append(thing)
    acting: dict[str, set[str]] = {}
    for agent in facts.acting:
        acting.setdefault(agent.arn.split(":")[4], set()).add(agent.tenant)
    served = _served(facts.holdings.all)
    rows: list[Separation] = []
    keys: list[Separation] = []
    read = {account.id for account in facts.world.accounts}
    unseen = {part.rpartition(" in ")[2] for part in facts.holdings.unseen}
    rows += (
        Separation(store=f"account {account}", enforced_by="")
        for account in facts.holdings.territories.accounts
        if account not in read
    )
    for account in facts.world.accounts:
        held = things.get(account.id, [])
        owners = {owner for thing in held for owner in thing.owners}
        dark = account.id in unseen or _dark(account, held)
        if not owners and not dark:
            continue
        tenants = owners | acting.get(account.id, set()) if owners else owners
        rows.append(_of_account(account, held, tenants, dark=dark))
        if len(owners) > 1 and not dark:
            keys += _own_keys(account, held, served)
    rows.sort(key=lambda row: (not row.evidence, row.enforced_by != _POLICY, row.store))
    yield from _bounded(rows)
    yield from _bounded(keys)


def _dark(account: Account, things: Iterable[Thing]) -> bool:
    """Whether somebody's things may be in an account that were not seen, or seen without what says whose they are."""
    unread = any(None in (region.secrets, region.parameters, region.keys) for region in account.regions)
    return unread or not all(thing.owners_known for thing in things)


def _of_account(account: Account, things: Iterable[Thing], tenants: set[str], *, dark: bool) -> Separation:
    store = f"account {account.id}"
    if len(tenants) > 1:
        return Separation(
            store=store, enforced_by=_POLICY, evidence=f"{len(tenants)} tenants have things or agents in it"
        )
    if dark or not all(thing.owners for thing in things):
        # What is nobody's by the target may be another tenant's.
        return Separation(store=store, enforced_by="")
    return Separation(
        store=store, enforced_by="own account",
        evidence=f"only {next(iter(tenants))} has secrets, parameters, keys or agents in it",
    )  # fmt: skip


def _served(things: Iterable[Thing]) -> Mapping[str, set[str]]:
    """Return ARN of a customer key -> the tenants whose it is or whose things it encrypts; "" for nobody's."""
    found: dict[str, set[str]] = {}
    for thing in things:
        if thing.key is not None:
            found.setdefault(thing.key.arn, set(thing.key.owners)).update(thing.owners or ("",))
    return found


def _own_keys(account: Account, things: Iterable[Thing], served: Mapping[str, set[str]]) -> Iterator[Separation]:
    """Yield a row for each tenant of a shared account whose things are all encrypted with keys that only it has."""
    plain = {
        parameter.arn for region in account.regions for parameter in region.parameters or ()
        if parameter.type != "SecureString"
    }  # fmt: skip
    by_tenant: dict[str, list[Thing]] = {}
    for thing in things:
        if thing.service != "kms" and thing.arn not in plain:
            for owner in thing.owners:
                by_tenant.setdefault(owner, []).append(thing)
    for tenant, own in sorted(by_tenant.items()):
        keys = {thing.key.arn for thing in own if thing.key is not None and thing.key_known}
        complete = all(thing.key is not None and thing.key_known for thing in own)
        if complete and all(served[key] == {tenant} for key in keys):
            more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            yield Separation(
                store=f"secrets of {tenant} in account {account.id}", enforced_by="own KMS key, and policy",
                evidence=f"{min(keys)}{more} encrypts all {len(own)} of them and nothing of others",
            )  # fmt: skip


def _bounded(rows: Iterable[Separation]) -> Iterator[Separation]:
    rest = 0
    for number, row in enumerate(rows):
        if number < _NAMED:
            yield row
        else:
            rest += 1
    if rest:
        yield Separation(store=f"{rest} more stores", enforced_by="as above", evidence="")
