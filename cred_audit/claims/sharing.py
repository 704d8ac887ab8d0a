"""Which tenants' agents can use which objects of the secrets engines.

The objects are asked about like territories, so an agent meets only the objects that its clauses can touch, and
nothing loops over pairs of agents and objects. Agents with the same rules are decided once.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cred_audit.check import Skip
from cred_audit.claims.isolation import clause_evidence, isolation, reaches_of
from cred_audit.claims.policytext import agents_unseen, grouped, world_of
from cred_audit.claims.survey import engines, namespaces_unseen, unseen
from cred_audit.claims.touching import Beginnings, Exactly, pattern_of
from cred_audit.decide import Effect, Reason
from cred_audit.decide.vault.choose import NOBODY
from cred_audit.decide.vault.model import EngineObject, Mount, Namespace, Subject
from cred_audit.decide.vault.reach import Grant, TerritoryIndex
from cred_audit.decide.vault.territory import Holding, OperationClass, PathHolding
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Reaches, Verdict
from cred_audit.target.model import KvTerritory, NamespaceTerritory, PathTerritory, VaultTerritory

_SHOWN = 3
"""Clauses that a finding quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One way to use an object."""

    operations: frozenset[str]
    """Capabilities; any of them is enough."""
    path: str
    """Below the mount, `{name}` for the object's name."""


def use(operations: str, *paths: str) -> tuple[Use, ...]:
    """Return uses that ask for any of the operations (divided by blanks) on these paths."""
    return tuple(Use(operations=frozenset(operations.split()), path=path) for path in paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Who can use one object."""

    tenants: Reaches
    maybe: Reaches
    """Those and the tenants of which it is not known for certain."""
    because: tuple[Reason, ...]


@dataclass(slots=True)
class _Side:
    """What was found with one certainty."""

    narrow: dict[str, set[str]] = field(default_factory=dict)
    """Object and operation -> tenants."""
    wide: dict[tuple[str, frozenset[str]], set[str]] = field(default_factory=dict)
    """Operation, and the objects that it does not reach -> tenants that reach all others."""
    reasons: dict[object, list[Reason]] = field(default_factory=dict)

    def add(self, key: object, tenants: Iterable[str], known: set[str], reason: Reason) -> None:
        """Add the tenants of one clause."""
        known.update(tenants)
        told = self.reasons.setdefault(key, [])
        if len(told) < _SHOWN and reason not in told:
            told.append(reason)


class Usage:
    """Every object of some engines, and the tenants whose agents can use it."""

    def __init__(
        self,
        snapshot: Snapshot,
        objects: Mapping[str, Iterable[tuple[frozenset[str], Holding]]],
        classes: tuple[OperationClass, ...] = (OperationClass.READ, OperationClass.WRITE),
    ) -> None:
        """Take, for each object, the operations that use it and where (the holding's owner is not looked at)."""
        self._classes = classes
        self._asked = isolation(snapshot)
        self._uses = {label: tuple(uses) for label, uses in objects.items()}
        self._sure, self._maybe = _Side(), _Side()
        self._sets: dict[tuple[object, ...], frozenset[str]] = {}
        self._shown: dict[int, tuple[frozenset[str], Reaches]] = {}
        self.grants: list[tuple[tuple[str, ...], Grant]] = []
        """Every clause that lets agents use something, with their tenants."""
        groups = tuple(grouped(snapshot))
        rules = Beginnings()
        for subject, _ in groups:
            for acl in self._asked.engine.acls(subject):
                rules.add_rules(acl)
        holdings = [
            Holding(owner=_owner(label, number), what=holding.what)
            for label, uses in self._uses.items()
            for number, (_, holding) in enumerate(uses)
            if rules.may_meet(pattern_of(holding))
        ]
        self._known = {holding.owner for holding in holdings}
        if holdings:
            self._ask(snapshot, groups, holdings)

    def _ask(
        self, snapshot: Snapshot, groups: Iterable[tuple[Subject, tuple[str, ...]]], holdings: list[Holding]
    ) -> None:
        engine = self._asked.engine
        uses = {
            _owner(label, number): operations
            for label, each in self._uses.items()
            for number, (operations, _) in enumerate(each)
        }
        exactly = Exactly(holdings, uses)
        index: TerritoryIndex | None = None
        for subject, tenants in groups:
            grants = exactly.grants(engine, subject)
            if grants is None:
                index = index or TerritoryIndex(world_of(snapshot), holdings)
                answers = [index.reach(engine, subject, wanted, own=NOBODY) for wanted in self._classes]
                grants = [grant for answer in answers for grant in answer.grants]
            for grant in grants:
                self.grants.append((tenants, grant))
                self._take(grant, tenants)

    def _take(self, grant: Grant, tenants: tuple[str, ...]) -> None:
        side = self._sure if grant.effect is Effect.ALLOW else self._maybe
        reason = grant.because[0]
        if grant.owners.all_except is None:
            for owner in grant.owners.names:
                key = f"{owner}\n{grant.operation}"
                side.add(key, tenants, side.narrow.setdefault(key, set()), reason)
        else:
            out = (grant.operation, frozenset(grant.owners.all_except))
            side.add(out, tenants, side.wide.setdefault(out, set()), reason)

    def touched(self, grant: Grant) -> set[str]:
        """Return the objects that a clause lets agents use."""
        owners = set(grant.owners.names)
        if grant.owners.all_except is not None:
            owners = self._known.difference(grant.owners.all_except)
        return {owner.partition("\n")[0] for owner in owners}

    def of(self, label: str) -> Used:
        """Return who can use an object."""
        reasons: list[Reason] = []
        sure = self._tenants(label, self._sure, reasons)
        maybe = sure | self._tenants(label, self._maybe, reasons if not sure else [])
        return Used(tenants=self._reaches(sure), maybe=self._reaches(maybe), because=tuple(reasons[:_SHOWN]))

    def _tenants(self, label: str, side: _Side, reasons: list[Reason]) -> frozenset[str]:
        narrow: list[str] = []
        wide: dict[tuple[str, frozenset[str]], None] = {}
        for number, (operations, _) in enumerate(self._uses[label]):
            owner = _owner(label, number)
            if owner not in self._known:
                continue
            # A grant without an operation comes of policies that were not seen.
            wanted = (*sorted(operations), "")
            narrow += (key for one in wanted if (key := f"{owner}\n{one}") in side.narrow)
            wide |= dict.fromkeys(key for key in side.wide if key[0] in wanted and owner not in key[1])
        told: tuple[object, ...] = (*narrow, *wide)
        for clause in told:
            reasons += (reason for reason in side.reasons[clause] if reason not in reasons)
        together = tuple(wide)
        if together not in self._sets:
            self._sets[together] = frozenset(name for known in together for name in side.wide[known])
        names = {name for known in narrow for name in side.narrow[known]}
        return self._sets[together] if names <= self._sets[together] else self._sets[together] | names

    def _reaches(self, tenants: frozenset[str]) -> Reaches:
        known = self._shown.get(id(tenants))
        if known is None:
            known = self._shown[id(tenants)] = (tenants, reaches_of(tenants, self._asked))
        return known[1]


def _owner(label: str, number: int) -> str:
    return f"{label}\n{number}"


def judge_sharing(
    snapshot: Snapshot, uses: Mapping[str, Mapping[str, tuple[Use, ...]]], *, most: int, does: str, fix: str
) -> Iterator[Finding]:
    """Judge every object of these engines: type of engine -> kind of object -> uses.

    It fails where agents of more than `most` tenants can use it. `does` ends "Agents of ... can". Raises Skip
    where a full reading shows no such engine.
    """
    yield from namespaces_unseen(snapshot)
    found = tuple(chosen(snapshot, frozenset(uses)))
    objects: dict[str, list[tuple[frozenset[str], Holding]]] = {}
    for namespace, mount in found:
        for item in (mount.objects or ()) if mount is not None else ():
            ways = uses[mount.type].get(item.kind, ()) if mount is not None else ()
            if mount is not None and ways:
                objects[_label(namespace, mount, item)] = [way(namespace, mount, one, item.name) for one in ways]
    usage = Usage(snapshot, objects)
    doubts = tuple(agents_unseen(snapshot)) if objects else ()
    yield from doubts
    for namespace, mount in found:
        if mount is None:
            yield unseen(f"{namespace.path}sys/mounts", snapshot)
        elif mount.objects is None:
            yield unseen(f"{namespace.path}{mount.path}", snapshot)
        else:
            labels = [_label(namespace, mount, item) for item in mount.objects if uses[mount.type].get(item.kind)]
            yield from _of_mount(usage, f"{namespace.path}{mount.path}", labels, bool(doubts), most, does, fix)


def _of_mount(  # noqa: PLR0913, PLR0917  (the parts of the claim)
    usage: Usage, where: str, labels: list[str], doubtful: bool, most: int, does: str, fix: str
) -> Iterator[Finding]:
    clean = not (doubtful and labels)
    for label in labels:
        used = usage.of(label)
        if used.maybe.count > most:
            clean = False
            yield finding_of(label, used, most, does, fix)
    if clean:
        yield Finding(
            verdict=Verdict.PASS,
            subject=where,
            count=max(1, len(labels)),
            summary=f"Each of the {len(labels)} objects of {where} was decided for every agent and holds the claim.",
            evidence=(Evidence(where=where, shows="its objects were listed and decided for every agent"),),
        )


def finding_of(label: str, used: Used, most: int, does: str, fix: str) -> Finding:
    """Return the finding of an object that too many tenants can use, or may be able to."""
    sure = used.tenants.count > most
    reaches = used.tenants if sure else used.maybe
    return Finding(
        verdict=Verdict.FAIL if sure else Verdict.UNKNOWN,
        subject=label,
        reaches=reaches,
        summary=f"Agents of {_whose(reaches)} {'can' if sure else 'may be able to'} {does} {label}.",
        evidence=tuple(clause_evidence(reason) for reason in used.because),
        fix=fix,
    )


def _whose(reaches: Reaches) -> str:
    if reaches.tenants and len(reaches.tenants) <= _SHOWN:
        return " and ".join(reaches.tenants)
    return "one tenant" if reaches.count == 1 else f"{reaches.count} tenants"


def chosen(snapshot: Snapshot, types: frozenset[str]) -> Iterator[tuple[Namespace, Mount | None]]:
    """Yield the engines of these types; None for mounts that were not seen. Raises Skip where there is none."""
    complete = world_of(snapshot).namespaces_complete
    seen = False
    for namespace, mount in engines(snapshot):
        if mount is None or mount.type in types:
            seen = True
            yield namespace, mount
    if not seen and complete:
        raise Skip(f"no secrets engine of type {', '.join(sorted(types))}; sys/mounts read in full")


def way(namespace: Namespace, mount: Mount, one: Use, name: str = "") -> tuple[frozenset[str], Holding]:
    """Return one use of an object of a mount as a place that can be asked about."""
    path = mount.path + one.path.replace("{name}", name)
    return one.operations, Holding(owner="", what=PathHolding(namespace=namespace.path, pattern=path))


def _label(namespace: Namespace, mount: Mount, item: EngineObject) -> str:
    return f"{namespace.path}{mount.path}{item.kind}/{item.name}"


class Ownership:
    """Which tenants own whole mounts."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Take the snapshot."""
        self._held: dict[str, set[str]] = {}
        self._namespaces: dict[str, set[str]] = {}
        for tenant in snapshot.target.tenants:
            for territory in tenant.territory.vault:
                self._add(tenant.id, territory)

    def _add(self, tenant: str, territory: VaultTerritory) -> None:
        if isinstance(territory, NamespaceTerritory):
            self._namespaces.setdefault(territory.namespace, set()).add(tenant)
        elif isinstance(territory, KvTerritory) and not territory.prefix:
            self._held.setdefault(territory.namespace + territory.mount, set()).add(tenant)
        elif isinstance(territory, PathTerritory) and territory.path.endswith("/*"):
            self._held.setdefault(territory.namespace + territory.path.removesuffix("*"), set()).add(tenant)

    def of(self, namespace: Namespace, mount: Mount) -> frozenset[str]:
        """Return the tenants that own a mount as a whole, by itself or by its namespace."""
        owners = set(self._held.get(namespace.path + mount.path, ()))
        parts = namespace.path.split("/")[:-1]
        for end in range(1, len(parts) + 1):
            owners |= self._namespaces.get("/".join(parts[:end]) + "/", set())
        return frozenset(owners)
