"""The search for words: the paths of the territories that a rule grants, the better rules taken off.

A breadth-first walk over the product of both tries, one path segment at a time. At each point the segments
worth trying are the literals of either side, each beginning that a rule names with something fresh behind it,
something altogether fresh, and the empty segment: every other segment behaves like one of these, so what the
walk does not find is not there. A word's end is judged by the engine's own look-up.
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from cred_audit.decide.vault.acl import LISTING, Acl, Rule, RuleKind
from cred_audit.decide.vault.territory import Keys
from cred_audit.decide.vault.trie import Node, RuleNode, RuleTrie, Territories, related, starting

STATES = 50_000
"""A walk that meets more states stops, and what it did not see is unknown."""

NO_RANK = 1 << 59
_FEW = 8
Step = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """Look-alike children of one node, walked by one of them."""

    parent: Node
    whole: bool
    """Whether the names are whole segments or beginnings."""
    names: tuple[str, ...]
    excluded: frozenset[str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk is in the territories."""

    node: Node
    inside: bool = False
    """Everything from here on belongs to the node's owners."""
    bundle: Bundle | None = None
    route: tuple[Step, ...] = ()
    """From the bundle's member to the node."""

    @property
    def key(self) -> tuple[object, ...]:
        """What tells two places apart."""
        bundle = self.bundle
        return (id(self.node), self.inside, None if bundle is None else (id(bundle.names), bundle.excluded))


@dataclass(frozen=True, slots=True)
class Found:
    """One word that a rule grants, and whose it is."""

    rule: Rule
    word: str
    node: Node
    kind: str
    total: Counter[str]
    less: Counter[str]
    """What is to be taken off the total."""


@dataclass(slots=True)
class Walks:
    """Counts of owners that several walks share."""

    members: dict[tuple[object, ...], tuple[str, ...]] = field(default_factory=dict)
    totals: dict[tuple[object, ...], Counter[str]] = field(default_factory=dict)
    holders: dict[int, dict[str, set[str]]] = field(default_factory=dict)
    """By group of names: in which of them each owner holds something."""


State = tuple[tuple[RuleNode, ...], int, Place, tuple[str, ...]]
"""Rules still matching, best rank that holds all from here on, place, and the word so far."""


class Walk:
    """One walk: one access control list, one operation, one acting owner."""

    def __init__(  # noqa: PLR0913, PLR0917  (the sides of the product)
        self, acl: Acl, rules: RuleTrie, territories: Territories, operation: str, own: str, walks: Walks
    ) -> None:
        self.acl = acl
        self.rules = rules
        self.operation = operation
        self.own = own
        self.walks = walks
        self.listing = operation in LISTING
        self.territories = territories
        self.start = Place(territories.root)
        self.full = False
        """Whether the walk was cut short."""

    def found(self) -> Iterator[Found]:
        """Yield granted words, shortest first; sets `full` when the walk was cut short."""
        root = self.rules.root
        if self.operation not in root.capabilities:
            return
        queue: deque[State] = deque([((root,), NO_RANK, self.start, ())])
        seen: set[tuple[object, ...]] = set()
        while queue:
            alive, best, place, word = queue.popleft()
            for segment, following in self._moves(alive, place):
                after, rank = advance(alive, best, segment)
                if not self.lives(after, rank):
                    continue
                key = (tuple(node.number for node in after), rank, following.key, segment == "")
                if key in seen:
                    continue
                if len(seen) >= STATES:
                    self.full = True
                    return
                seen.add(key)
                longer = (*word, segment)
                yield from self._end(following, longer)
                if after or not following.inside:
                    queue.append((after, rank, following, longer))

    def lives(self, alive: tuple[RuleNode, ...], best: int) -> bool:
        """Whether some rule that may still decide grants the operation."""
        if best != NO_RANK and self.operation in self.rules.ranked[best].capabilities:
            return True
        return any(self.operation in node.capabilities for node in alive)

    def may_end(self, node: Node, word: tuple[str, ...]) -> bool:
        """Whether a request may end here: behind a slash only where keys are cleaned, and without a body."""
        return word[-1] != "" or (self.keys(node) is Keys.CLEANED and self.operation not in _BODIES)

    def _end(self, place: Place, word: tuple[str, ...]) -> Iterator[Found]:
        node = place.node
        if not self.may_end(node, word):
            return
        above = self.listing and not place.inside and node.listing
        if not above and not node.owners:
            return
        path = "/".join(word) + ("/" if self.listing else "")
        rule = self.acl.rule_for(self.operation, path)
        if rule is None or self.operation not in rule.capabilities:
            return
        total, less = self._owners(place, above=above)
        if not total:
            return
        kind = "parent folder" if above and node.inside is None else (node.inside or node).kind or node.kind
        yield Found(rule, path, node, kind, total, less)

    def _owners(self, place: Place, *, above: bool) -> tuple[Counter[str], Counter[str]]:
        bundle = place.bundle
        if bundle is None:
            return (place.node.strictly_below() if above else Counter(place.node.owners)), Counter()
        key = (id(bundle.names), place.route, above)
        total = self.walks.totals.get(key)
        if total is None:
            total = self.walks.totals[key] = _count(bundle, bundle.names, place.route, above=above)
        return total, _count(bundle, bundle.excluded, place.route, above=above)

    def keys(self, node: Node) -> Keys:
        """Return what this server makes of empty segments here."""
        profile = self.acl.profile
        if node.keys is Keys.CLEANED and not profile.kv_aliases:
            return Keys.PLAIN
        return Keys.PLAIN if profile.refuses_empty_segments else node.keys

    def _moves(self, alive: tuple[RuleNode, ...], place: Place) -> Iterator[tuple[str, Place]]:
        node = place.node
        literals = {name for rule in alive for name in rule.children if usable(name)}
        starts = sorted({name for rule in alive for name in rule.parts if name})
        keys = self.keys(node)
        if place.inside or node.inside is not None or node.plus is not None:
            anything = [*sorted(literals), *(fresh(start, literals, starts) for start in starts)]
            anything.append(fresh("", literals, starts))
            if keys is Keys.RAW or (place.inside and keys is Keys.CLEANED):
                anything.append("")
            if place.inside:
                for segment in anything:
                    yield segment, place
                return
            for segment in anything:
                if node.inside is not None:
                    yield segment, _step(place, node.inside, ("inside", ""), inside=True)
                if node.plus is not None:
                    yield segment, _step(place, node.plus, ("plus", ""))
        if keys is Keys.CLEANED:
            yield "", place
        if node.children:
            yield from self._children(place, literals, starts)
        if node.parts:
            yield from self._parts(place, literals, starts)

    def _children(self, place: Place, literals: set[str], starts: list[str]) -> Iterator[tuple[str, Place]]:
        children = place.node.children
        named = {name for name in literals if name in children}
        for name in sorted(named):
            if children[name].sole != self.own:
                yield name, _step(place, children[name], ("child", name))
        for name, child, bundle in self._grouped(place, named, starts, whole=True):
            if bundle is None:
                yield name, _step(place, child, ("child", name))
            else:
                yield name, Place(child, bundle=bundle)

    def _parts(self, place: Place, literals: set[str], starts: list[str]) -> Iterator[tuple[str, Place]]:
        parts = place.node.parts
        named = related((*literals, *starts), parts)
        for name in sorted(named):
            if parts[name].sole == self.own:
                continue
            inside = _step(place, parts[name], ("part", name), inside=True)
            for segment in sorted(literals):
                if segment.startswith(name):
                    yield segment, inside
            for start in starts:
                if start.startswith(name):
                    yield fresh(start, literals, starts), inside
            yield fresh(name, literals, starts), inside
        for name, child, bundle in self._grouped(place, named, starts, whole=False):
            segment = fresh(name, literals, starts)
            if bundle is None:
                yield segment, _step(place, child, ("part", name), inside=True)
            else:
                yield segment, Place(child, inside=True, bundle=bundle)

    def _grouped(
        self, place: Place, named: set[str], starts: list[str], *, whole: bool
    ) -> Iterator[tuple[str, Node, Bundle | None]]:
        """Yield every name that no rule names, look-alikes as one bundle (never a bundle within a bundle)."""
        node = place.node
        below = node.children if whole else node.parts
        for (kind, _), names in node.groups.items():
            if kind is not whole:
                continue
            for members, others in self.classes(names, starts):
                excluded = {name for name in named if name in below} | others
                if place.bundle is not None or len(members) == 1:
                    for name in members:
                        if name not in excluded and below[name].sole != self.own:
                            yield name, below[name], None
                    continue
                mine = self._mine(node, members, whole=whole)
                for name in mine:
                    if below[name].sole != self.own and name not in excluded:
                        yield name, below[name], None
                out = frozenset((excluded | mine) & below.keys()) if excluded or mine else frozenset()
                out = frozenset(name for name in out if _holds(members, name))
                first = next((name for name in members if name not in out), None)
                if first is not None:
                    yield first, below[first], Bundle(node, whole, members, out)

    def classes(self, names: tuple[str, ...], starts: list[str]) -> Iterator[tuple[tuple[str, ...], frozenset[str]]]:
        """Yield the names by the longest beginning that a rule names: all that begin so, and those to leave out.

        What is left out is not cut out: most lists are then the same one, whose counts are known already.
        """
        for start in ("", *starts):
            members = self._starting(names, start)
            longer = [other for other in starts if other != start and other.startswith(start)]
            others = frozenset(name for other in longer for name in self._starting(names, other))
            if len(members) > len(others):
                yield members, others

    def _starting(self, names: tuple[str, ...], start: str) -> tuple[str, ...]:
        if not start:
            return names
        key = (id(names), start)
        members = self.walks.members.get(key)
        if members is None:
            members = self.walks.members[key] = starting(names, start)
        return members

    def _mine(self, node: Node, members: tuple[str, ...], *, whole: bool) -> set[str]:
        """Return the members that hold something of the acting owner."""
        by_owner = self.walks.holders.get(id(members))
        if by_owner is None:
            below = node.children if whole else node.parts
            by_owner = {}
            for name in members:
                for owner in below[name].everyone():
                    by_owner.setdefault(owner, set()).add(name)
            self.walks.holders[id(members)] = by_owner
        return by_owner.get(self.own, set())


_BODIES = frozenset({"create", "update", "patch"})
"""Operations that the server refuses on a path that ends with a slash."""


def _holds(members: tuple[str, ...], name: str) -> bool:
    found = starting(members, name)
    return bool(found) and found[0] == name


def _step(place: Place, node: Node, step: Step, *, inside: bool = False) -> Place:
    route = (*place.route, step) if place.bundle is not None else ()
    return Place(node, inside=inside, bundle=place.bundle, route=route)


def _count(
    bundle: Bundle, names: "tuple[str, ...] | frozenset[str]", route: tuple[Step, ...], *, above: bool
) -> Counter[str]:
    below = bundle.parent.children if bundle.whole else bundle.parent.parts
    total: Counter[str] = Counter()
    for name in names:
        node: Node | None = below[name]
        for way, step in route:
            if node is None:
                break
            if way == "child":
                node = node.children.get(step)
            elif way == "part":
                node = node.parts.get(step)
            else:
                node = node.inside if way == "inside" else node.plus
        if node is not None:
            total.update(node.strictly_below() if above else node.owners)
    return total


def advance(alive: tuple[RuleNode, ...], best: int, segment: str) -> tuple[tuple[RuleNode, ...], int]:
    """Return where the rules are one segment on, and the best rank that holds all from there."""
    after: list[RuleNode] = []
    for node in alive:
        following = node.children.get(segment)
        if following is not None:
            after.append(following)
        if node.plus is not None:
            after.append(node.plus)
        parts = node.parts
        if parts:
            if len(parts) <= _FEW:
                for start, rank in parts.items():
                    if rank < best and segment.startswith(start):
                        best = rank
            else:
                for end in range(len(segment) + 1):
                    best = min(best, parts.get(segment[:end], best))
    return tuple(node for node in after if node.top < best), best


def may_touch(acl: Acl, operation: str, territories: Territories, own: str) -> bool:
    """Whether some clause that grants the operation may meet what others than the asking owner hold.

    A quick test that never misses one: it follows each clause's literal segments and gives up at anything wild.
    """
    return any(
        operation in rule.capabilities and _meets(rule, territories.root, own)
        for rules in (acl.exact.values(), acl.ordered)
        for rule in rules
    )


def _meets(rule: Rule, root: Node, own: str) -> bool:
    node: Node | None = root
    parts = rule.text.split("/")
    last = parts.pop() if rule.prefix else ""
    for part in parts:
        if node is None:
            return False
        if node.sole in (None, own):
            return False
        if (
            node.plus is not None or node.inside is not None or (rule.kind is RuleKind.SEGMENTS and part == "+")
            or (part == "" and node.zone) or (node.parts and related((part,), node.parts))
        ):  # fmt: skip
            return True
        node = node.children.get(part)
    if node is None or node.sole in (None, own):
        return False
    if not last or node.plus is not None or node.inside is not None:
        return True
    names = (*node.children, *node.parts) if len(node.children) + len(node.parts) <= _FEW else None
    return names is None or any(name.startswith(last) or last.startswith(name) for name in names)


def usable(segment: str) -> bool:
    """Whether a segment can stand in a request that the server takes."""
    return segment not in ("", ".", "..") and segment.isprintable()


def fresh(start: str, literals: set[str], starts: list[str]) -> str:
    """Return the start with something behind it that no rule names."""
    tail = "x"
    while True:
        segment = start + tail
        if segment not in literals and not any(other.startswith(segment) or segment == other for other in starts):
            return segment
        tail += "x"
