"""What one token reaches of what others own: a witness for each clause that lets it, or the clauses that stop it.

All paths are covered, not a sample (see `search`), and every witness is decided again by the engine as the
request that goes over the wire.
"""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from cred_audit.decide import OTHERS, Effect, Reason
from cred_audit.decide.vault.acl import Acl, Rule, RuleKind
from cred_audit.decide.vault.choose import MOST, NOBODY, choices
from cred_audit.decide.vault.engine import Engine
from cred_audit.decide.vault.model import Request, Subject, World
from cred_audit.decide.vault.outside import outside
from cred_audit.decide.vault.overlap import overlaps
from cred_audit.decide.vault.search import Found, Walk, Walks, may_touch
from cred_audit.decide.vault.territory import CHANGES, Holding, OperationClass, Places, Region, regions
from cred_audit.decide.vault.trie import Node, RuleTrie, Territories
from cred_audit.decide.vault.witness import judged, request_of, why

_SHOWN = 3
"""Clauses that a proof names."""
_KEPT = 64
"""Access control lists whose rules are kept as a trie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """A set of owners: by name, or everyone but a few."""

    names: tuple[str, ...] = ()
    all_except: tuple[str, ...] | None = None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One clause that lets a token touch what others own."""

    effect: Effect
    """ALLOW, or UNKNOWN where something was not seen."""
    owners: Owners
    operation: str
    """Vault's name of the capability; empty where no single one is at stake."""
    witness: Request | None
    """A shortest such request, at the first owner by name; None where only the policies were not seen."""
    because: tuple[Reason, ...]
    assuming: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    """The open directives' values that the witness assumes."""
    kind: str
    """What is touched: `value`, `metadata`, `parent folder` ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """All grants, or, without any, the clauses that come closest."""

    grants: tuple[Grant, ...]
    closest: tuple[Reason, ...] = ()


@dataclass(slots=True)
class _Sum:
    """A grant in the making."""

    operation: str
    found: Found
    request: Request
    effect: Effect
    because: tuple[Reason, ...]
    assuming: tuple[str, ...]
    values: Mapping[str, str] = field(default_factory=dict)
    parts: list[tuple[Counter[str], Counter[str]]] = field(default_factory=list)
    more: set[str] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class _Neutral:
    """What one set of rules reaches when asked for nobody's tenant."""

    engine: Engine
    acls: tuple[Acl, ...]
    """Kept alive: their clauses' identities are part of the key."""
    first: str
    grants: list[tuple[Grant, str]] | None = None
    """With the owner of the witness's place."""


class TerritoryIndex:
    """Everybody's holdings, ready to be asked about any token."""

    def __init__(
        self,
        world: World,
        holdings: Iterable[Holding],
        *,
        others: bool = False,
        more: Iterable[tuple[str, Region]] = (),
    ) -> None:
        """Take the server and who owns what, and further regions. `others`: what nobody owns counts too (`OTHERS`)."""
        self.others = others
        places = Places(world)
        self._regions: dict[tuple[OperationClass, str], list[tuple[str, Region]]] = {}
        owners: set[str] = set()
        for holding in holdings:
            owners.add(holding.owner)
            for region in regions(places, holding):
                self._regions.setdefault((region.wanted, region.operation), []).append((holding.owner, region))
        for owner, region in more:
            owners.add(owner)
            self._regions.setdefault((region.wanted, region.operation), []).append((owner, region))
        self.owners = tuple(sorted(owners))
        self._known = frozenset(owners)
        self._neutral: dict[tuple[object, ...], _Neutral] = {}
        self._territories: dict[tuple[OperationClass, str], Territories] = {}
        self._walks = Walks()
        self._rules: dict[int, tuple[Acl, RuleTrie]] = {}

    def overlaps(self) -> tuple[tuple[str, str, str], ...]:
        """Return pairs of owners with a path that both own; each place once, neighbours by name."""
        found: dict[tuple[str, str, str], None] = {}
        for wanted, operation in self._regions:
            if wanted is OperationClass.READ:
                overlaps(self._of(wanted, operation).root, found)
        shortest: dict[tuple[str, str], str] = {}
        for first, second, path in found:
            known = shortest.setdefault((first, second), path)
            shortest[first, second] = min(known, path, key=lambda text: (len(text), text))
        return tuple(sorted((first, second, path) for (first, second), path in shortest.items()))

    def reach(self, engine: Engine, subject: Subject, operation_class: OperationClass, *, own: str) -> Answer:
        """Return what a subject reaches of what others than its own tenant hold."""
        acls = engine.acls(subject)
        if subject.entity is not None and subject.entity.disabled:
            return Answer(grants=(), closest=(Reason(policy="", why="the entity is disabled"),))
        shared = self._shared(engine, acls, subject, operation_class, own)
        if shared is not None:
            return shared
        sums = self._sums(engine, acls, subject, operation_class, own)
        grants = [self._grant(total, own) for total in sums]
        return self._answer([grant for grant in grants if grant.owners.count], acls, operation_class, own)

    def _answer(self, grants: list[Grant], acls: tuple[Acl, ...], wanted: OperationClass, own: str) -> Answer:
        grants += self._unseen(acls, wanted, own)
        return Answer(grants=tuple(grants), closest=() if grants else self._closest(acls, wanted))

    def _sums(
        self, engine: Engine, acls: tuple[Acl, ...], subject: Subject, wanted: OperationClass, own: str
    ) -> "list[_Sum]":
        sums: dict[tuple[object, ...], _Sum] = {}
        for acl in acls:
            if acl.broken is None and (acl.root or acl.exact or acl.ordered or acl.open_clauses):
                self._one(engine, acl, subject, wanted, own, sums)
        return list(sums.values())

    def _shared(
        self, engine: Engine, acls: tuple[Acl, ...], subject: Subject, wanted: OperationClass, own: str
    ) -> Answer | None:
        """Answer for an agent whose rules another tenant's agent has too, from one search for nobody's tenant.

        None where the answer has to be searched: on first sight of the rules, and where the one witness of a
        grant lies with the asking tenant itself.
        """
        if any(acl.open_clauses for acl in acls):
            return None
        rules = tuple((acl.profile.name, acl.root, acl.root_namespace, acl.broken, *_rules(acl)) for acl in acls)
        key = (id(engine), wanted, rules)
        known = self._neutral.get(key)
        if known is None:
            self._neutral[key] = _Neutral(engine=engine, acls=acls, first=own)
            return None
        if known.grants is None:
            if known.first == own:
                return None
            sums = self._sums(engine, acls, subject, wanted, NOBODY)
            known.grants = [(self._grant(total, NOBODY), _at(total.found)) for total in sums]
        grants = []
        for grant, at in known.grants:
            owners = self._without(grant.owners, own)
            if at == own:
                return None
            if owners.count:
                grants.append(grant if owners is grant.owners else replace(grant, owners=owners))
        return self._answer(grants, acls, wanted, own)

    def _without(self, owners: Owners, own: str) -> Owners:
        if owners.all_except is not None:
            if own in owners.all_except or own not in self._known:
                return owners
            return Owners(all_except=tuple(sorted((*owners.all_except, own))), count=owners.count - 1)
        if own not in owners.names:
            return owners
        return Owners(names=tuple(name for name in owners.names if name != own), count=owners.count - 1)

    def territories(self, capabilities: Container[str]) -> Iterator[tuple[OperationClass, Territories]]:
        """Yield the territories that the operations behind these capabilities touch, those of each class apart."""
        for wanted, operation in tuple(self._regions):
            if any(each in capabilities for each in ((operation,) if operation else CHANGES)):
                yield wanted, self._of(wanted, operation)

    def foreign(self, namespace: str, own: str) -> bool:
        """Whether others than an owner hold something in a namespace or below it."""
        for wanted, operation in self._regions:
            if wanted is OperationClass.READ:
                node: Node | None = self._of(wanted, operation).root
                for part in namespace.split("/")[:-1]:
                    node = node.children.get(part) if node is not None else None
                if node is not None and node.sole not in (None, own):
                    return True
        return False

    def _of(self, wanted: OperationClass, operation: str) -> Territories:
        key = (wanted, operation)
        if key not in self._territories:
            self._territories[key] = Territories(self._regions.get(key, ()))
        return self._territories[key]

    def _operations(self, wanted: OperationClass) -> Iterator[tuple[str, Territories]]:
        for known, operation in self._regions:
            if known is wanted:
                territories = self._of(wanted, operation)
                for each in (operation,) if operation else CHANGES:
                    yield each, territories

    def _one(  # noqa: PLR0913, PLR0917  (the parts of the question)
        self, engine: Engine, acl: Acl, subject: Subject, wanted: OperationClass, own: str,
        sums: dict[tuple[object, ...], _Sum],
    ) -> None:  # fmt: skip
        if acl.root:
            self._root(engine.world, acl, wanted, own, sums)
            return
        if not acl.open_clauses:
            self._walk(engine, acl, subject, wanted, own, sums, {}, None)
            return
        roots = [territories.root for _, territories in self._operations(wanted)]
        tried = list(islice(choices(acl, dict.fromkeys(roots), own), MOST + 1))
        for choice in tried[:MOST]:
            for assumed in engine.acls(subject, choice.values):
                if assumed.profile is acl.profile and assumed.broken is None:
                    self._walk(engine, assumed, subject, wanted, own, sums, choice.values, choice.alike)
        if len(tried) > MOST:
            for operation, territories in self._operations(wanted):
                sums[(operation, "too wide")] = _too_wide(acl, territories, operation)

    def _walk(  # noqa: PLR0913, PLR0917  (the parts of the question)
        self, engine: Engine, acl: Acl, subject: Subject, wanted: OperationClass, own: str,
        sums: dict[tuple[object, ...], _Sum], assume: Mapping[str, str], group: Counter[str] | None,
    ) -> None:  # fmt: skip
        for operation, territories in self._operations(wanted):
            if not self.others and not may_touch(acl, operation, territories, own):
                continue
            rules = self._trie(acl) if not assume else RuleTrie(acl)
            walk = Walk(acl, rules, territories, operation, own, self._walks)
            unowned = outside(walk) if self.others and operation in rules.root.capabilities else ()
            for found in chain(walk.found(), unowned):
                if not (len(found.total) == 1 and own in found.total):
                    self._add(engine, subject, found, operation, sums, assume, group)
            if walk.full:
                sums[(operation, "too wide")] = _too_wide(acl, territories, operation)

    def _add(  # noqa: PLR0913, PLR0917  (the parts of the question)
        self, engine: Engine, subject: Subject, found: Found, operation: str, sums: dict[tuple[object, ...], _Sum],
        assume: Mapping[str, str], group: Counter[str] | None,
    ) -> None:  # fmt: skip
        answer = judged(engine, subject, found, operation, assume)
        if answer.effect is Effect.DENY:
            return
        key = (operation, found.kind, found.node.sure, answer.effect, bool(found.total), tuple(_source(found.rule)))
        known = sums.get(key)
        if known is None:
            assuming = (*_assuming(found.rule, assume), *answer.assuming)
            known = _Sum(operation, found, answer.request, answer.effect, answer.because, assuming, assume)
            sums[key] = known
        if not found.total:
            known.more.add(OTHERS)
            return
        known.parts.append((found.total, found.less))
        if group is not None and known.assuming and set(found.total - found.less) <= set(group):
            known.more.update(group)

    def _trie(self, acl: Acl) -> RuleTrie:
        known = self._rules.get(id(acl))
        if known is None or known[0] is not acl:
            if len(self._rules) > _KEPT:
                self._rules.clear()
            known = self._rules[id(acl)] = (acl, RuleTrie(acl))
        return known[1]

    def _root(
        self, world: World, acl: Acl, wanted: OperationClass, own: str, sums: dict[tuple[object, ...], _Sum]
    ) -> None:
        reason = Reason(policy="root", why="the token carries the policy root")
        for operation, territories in self._operations(wanted):
            node: Node | None = territories.root
            for part in acl.root_namespace.split("/")[:-1]:
                node = node.children.get(part) if node is not None else None
            if node is None or node.sole in (None, own):
                continue
            word, end = _any_word(node, acl.root_namespace, own)
            found = Found(_EVERYTHING, word, end, "everything", node.everyone(), Counter())
            total = _Sum(operation, found, request_of(found, operation, world), Effect.ALLOW, (reason,), ())
            total.parts.append((node.everyone(), Counter()))
            sums[(operation, "root")] = total

    def _grant(self, total: _Sum, own: str) -> Grant:
        effect = total.effect if total.found.node.sure else Effect.UNKNOWN
        return Grant(
            effect=effect,
            owners=self._owners(total, own),
            operation=total.operation,
            witness=total.request if total.request.method else None,
            because=total.because,
            assuming=total.assuming,
            values=total.values,
            kind=total.found.kind,
        )

    def _owners(self, total: _Sum, own: str) -> Owners:
        everybody = len(self.owners)
        for counts, less in total.parts:
            if len(counts) == everybody:
                out = {name for name, number in less.items() if counts[name] <= number}
                out -= {name for other, minus in total.parts if other is not counts or minus is not less
                        for name in other if other[name] > minus[name]} if out else set()  # fmt: skip
                out = (out - total.more) | ({own} & set(self.owners))
                return Owners(all_except=tuple(sorted(out)), count=everybody - len(out))
        names = set(total.more)
        for counts, less in total.parts:
            names.update(counts if not less else (name for name, number in counts.items() if number > less[name]))
        names.discard(own)
        if len(names) > everybody - len(names) and len(names) > 3:
            out = set(self.owners) - names
            return Owners(all_except=tuple(sorted(out)), count=len(names))
        return Owners(names=tuple(sorted(names)), count=len(names))

    def _unseen(self, acls: Iterable[Acl], wanted: OperationClass, own: str) -> list[Grant]:
        reasons: dict[Reason, set[str]] = {}
        for acl in acls:
            for unseen in acl.unseen:
                for _, territories in self._operations(wanted):
                    for node, _ in _aligned(territories.root, unseen.namespace):
                        reasons.setdefault(unseen.reason, set()).update(node.everyone())
        out = []
        for reason, names in reasons.items():
            names.discard(own)
            if not names:
                continue
            every = len(names) > 3 and len(names) >= len(self.owners) - 1
            owners = Owners(
                names=() if every else tuple(sorted(names)),
                all_except=tuple(sorted(set(self.owners) - names)) if every else None,
                count=len(names),
            )
            out.append(Grant(
                effect=Effect.UNKNOWN, owners=owners, operation="", witness=None, because=(reason,), kind="",
            ))  # fmt: skip
        return out

    def _closest(self, acls: Iterable[Acl], wanted: OperationClass) -> tuple[Reason, ...]:
        """Return the granting clauses that lead deepest towards what is owned, and what stops them."""
        acl = next(iter(acls), None)
        if acl is not None and acl.broken is not None:
            return (acl.broken,)
        rules = (*acl.exact.values(), *acl.ordered) if acl is not None else ()
        roots = dict(self._operations(wanted))
        near = [
            (_depth(rule, roots[operation].root), rule)
            for rule in rules
            for operation in sorted(rule.capabilities & roots.keys())[:1]
        ]
        if not near:
            return (Reason(policy="", why=f"no clause grants {' or '.join(sorted(roots)) or wanted.value}"),)
        near.sort(key=lambda entry: (-entry[0], entry[1].written))
        reasons = []
        for _, rule in near[:_SHOWN]:
            reasons.append(why(rule, f"stops at `{rule.written}`"))
            reasons += [
                why(other, f"denies `{other.written}`, which `{rule.written}` would hold")
                for other in rules
                if other is not rule and "deny" in other.capabilities and rule.prefix and rule.matches(other.text)
            ][:1]
        return tuple(reasons)


_EVERYTHING = Rule(kind=RuleKind.PREFIX, text="", prefix=True, capabilities=frozenset({"root"}), sources=())
"""What `root` stands for."""


def _depth(rule: Rule, root: Node) -> int:
    """Return how many segments of a rule lead along what is owned."""
    node: Node | None = root
    for depth, part in enumerate(rule.text.split("/")):
        node = node.children.get(part) if node is not None else None
        if node is None:
            return depth
    return rule.text.count("/") + 1


def _assuming(rule: Rule, assume: Mapping[str, str]) -> tuple[str, ...]:
    paths = [source.stanza.path for source in rule.sources if "{{" in source.stanza.path]
    return tuple(
        f"the login's {name} is {value!r}" for name, value in assume.items() if any(name in path for path in paths)
    )


def _too_wide(acl: Acl, territories: Territories, operation: str) -> _Sum:
    rules = (*acl.ordered, *acl.exact.values())
    widest = max(rules, key=lambda rule: rule.text.count("+"))
    everyone = territories.root.everyone()
    found = Found(widest, "", territories.root, "", everyone, Counter())
    because = (why(widest, "is too wide to be searched in full"),)
    total = _Sum(operation, found, Request(method="", path=""), Effect.UNKNOWN, because, ())
    total.parts.append((everyone, Counter()))
    return total


def _source(rule: Rule) -> Iterator[tuple[str, str, int]]:
    if not rule.sources:
        yield ("", rule.written, 0)
    for source in rule.sources:
        yield (source.namespace, source.policy, source.stanza.line)


def _rules(acl: Acl) -> Iterator[object]:
    """Yield what tells two lists of rules apart; equal policy texts share their stanzas."""
    for rules in (acl.exact.values(), acl.ordered):
        for rule in rules:
            yield rule.text
            yield rule.kind
            for source in rule.sources:
                yield source.namespace
                yield source.policy
                yield id(source.stanza)
    yield from (entry.reason for entry in acl.unseen)


def _at(found: Found) -> str:
    """Return the only owner of the place where a witness lies, if there is one."""
    owners = found.node.owners or tuple(islice(found.node.everyone(), 2))
    return owners[0] if len(owners) == 1 and found.total else ""


def _aligned(root: Node, before: str) -> list[tuple[Node, str]]:
    """Return the nodes that a literal beginning of a path leads to, and the beginning of the next segment."""
    *parts, start = before.split("/")
    nodes = [root]
    for part in parts:
        following = []
        for node in nodes:
            if part == "+":
                following += list(node.children.values())[:64]
            elif part in node.children:
                following.append(node.children[part])
        nodes = following
    return [(node, start) for node in nodes]


def _any_word(node: Node, namespace: str, own: str) -> tuple[str, Node]:
    """Return some path below a node that somebody owns."""
    parts = namespace.split("/")[:-1]
    while True:
        if node.owners and set(node.owners) != {own}:
            break
        ways = [*((name, child) for name, child in sorted(node.children.items())),
                *((name + "x", child) for name, child in sorted(node.parts.items()))]  # fmt: skip
        ways += [("x", child) for child in (node.inside, node.plus) if child is not None]
        way = next((way for way in ways if way[1].sole not in (None, own)), None)
        if way is None:
            break
        parts, node = [*parts, way[0]], way[1]
    return "/".join(parts), node
