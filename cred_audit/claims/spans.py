"""Whose things the pattern of a clause holds: several tenants', or those of a tenant that is not there yet.

This judges the text of one clause, whatever other clauses deny. A pattern holds the things of tenants to come
where its wildcard stands in the very place in which tenants are told apart, and matches a tenant's name there.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from cred_audit.claims.isolation import Isolation
from cred_audit.claims.policytext import Clause
from cred_audit.decide.vault.holders import Held, holders, is_sure
from cred_audit.decide.vault.patterns import TEMPLATE, parts_of
from cred_audit.decide.vault.reach import Owners
from cred_audit.decide.vault.territory import KvHolding, NamespaceHolding, OperationClass
from cred_audit.decide.vault.trie import Node, Territories, starting

_MANY = 16
"""Tenants from which on a set of all of them is not listed by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Whose things a pattern holds, where that is more than one tenant's."""

    owners: Owners
    unborn: bool
    """Whether it would hold those of a new tenant."""
    sure: bool
    """False where that depends on an engine or a version that was not seen."""


class Spans:
    """The territories of one snapshot, asked clause by clause."""

    def __init__(self, asked: Isolation) -> None:
        """Take the prepared snapshot."""
        self.asked = asked
        self._known: dict[tuple[str, frozenset[str]], Span | None] = {}
        world = asked.world
        self._mounts = {entry.path + mount.path for entry in world.namespaces for mount in entry.mounts or ()}
        for holding in asked.holdings:
            if isinstance(holding.what, KvHolding):
                self._mounts.add(holding.what.namespace + holding.what.mount)
        self.owned = {
            holding.what.namespace for holding in asked.holdings if isinstance(holding.what, NamespaceHolding)
        }
        """Namespaces that belong to a tenant."""
        self._versioned = {
            entry.path + mount.path
            for entry in world.namespaces
            for mount in entry.mounts or ()
            if mount.type == "kv" and mount.version != 1
        }
        self._territories: dict[frozenset[str], tuple[Territories, ...]] = {}
        self._totals: dict[int, tuple[tuple[str, ...], Counter[str]]] = {}
        self._shared: dict[int, tuple[str, ...]] = {}
        self._whole: dict[int, bool] = {}

    def of(self, clause: Clause) -> Span | None:
        """Return whose things a granting clause holds; None where that is no more than one tenant's."""
        parts, is_open = parts_of(clause.pattern)
        if not is_open and None not in parts:
            return None
        key = (clause.pattern, clause.granted)
        if key not in self._known:
            self._known[key] = self._span(clause, parts, is_open=is_open)
        return self._known[key]

    def _span(self, clause: Clause, parts: tuple[str | None, ...], *, is_open: bool) -> Span | None:
        found: list[Held] = []
        beside: list[Node] = []
        if clause.granted not in self._territories:
            # What DELETE touches, WRITE touches too.
            self._territories[clause.granted] = tuple(
                territories
                for wanted, territories in self.asked.index.territories(clause.granted)
                if wanted is not OperationClass.DELETE
            )
        for territories in self._territories[clause.granted]:
            if TEMPLATE not in clause.pattern and self._several(territories, parts, is_open=is_open):
                found += holders(territories.root, (parts, is_open), self._totals)
            beside += self._unborn(territories.root, parts, 0, (), is_open=is_open)
        owners = self._united(found)
        if owners.count < 2 and not beside:
            return None
        known = self._united([one for one in found if one.sure])
        sure = known.count > 1 or any(is_sure(node) for node in beside)
        if owners.count == 0:
            names = sorted({node.sole for node in beside if node.sole})
            owners = Owners(names=tuple(names), count=len(names))
        return Span(owners=owners, unborn=bool(beside), sure=sure)

    def _united(self, found: list[Held]) -> Owners:
        """Return all the owners; a set of everybody is not listed by name."""
        everybody = len(self.asked.index.owners)
        if any(len(one.owners) == everybody > _MANY for one in found):
            return Owners(all_except=(), count=everybody)
        names = {name for one in found for name in one.owners}
        return Owners(names=tuple(sorted(names)), count=len(names))

    def _several(self, territories: Territories, parts: tuple[str | None, ...], *, is_open: bool) -> bool:
        """Whether several tenants own something below the literal beginning of the pattern."""
        nodes = [territories.root]
        for position, part in enumerate(parts):
            if part is None or TEMPLATE in part or (is_open and position == len(parts) - 1):
                break
            if part == "":
                return bool(position)
            nodes = [following for node in nodes for following in _literal(node, part)]
        soles = {node.sole for node in nodes} - {None}
        return "" in soles or len(soles) > 1

    def _unborn(
        self, node: Node, parts: tuple[str | None, ...], position: int, trail: tuple[str, ...], *, is_open: bool
    ) -> Iterator[Node]:
        """Yield places of tenants beside which a new tenant's things would be held too."""
        if node.inside is not None or node.sole is None:
            return
        part, last = parts[position], position == len(parts) - 1
        if part is not None and TEMPLATE not in part and not (last and is_open):
            if not last:
                for following in _literal(node, part):
                    yield from self._unborn(following, parts, position + 1, (*trail, part), is_open=is_open)
            return
        if last and is_open:
            yield from self._at_the_star(node, part or "", trail)
            return
        if part is not None:
            if not last:
                yield from self._behind_template(node, parts, position, trail, is_open=is_open)
        else:
            yield from self._behind_plus(node, parts, position, trail, is_open=is_open)

    def _at_the_star(self, node: Node, start: str, trail: tuple[str, ...]) -> Iterator[Node]:
        if start == "":
            if self._fork(node, trail):
                yield node
            return
        start = start.partition(TEMPLATE)[0]
        inside = any(start[:end] in node.parts for end in range(1, len(start)))
        if inside or ((node.zone or self._settled(trail)) and not self._fork(node, trail)):
            return
        for (whole, _), names in node.groups.items():
            for name in starting(names, start)[:1]:
                yield (node.children if whole else node.parts)[name]

    def _behind_template(
        self, node: Node, parts: tuple[str | None, ...], position: int, trail: tuple[str, ...], *, is_open: bool
    ) -> Iterator[Node]:
        """A directive stands for one name at a time: look behind names that several tenants share."""
        if id(node) not in self._shared:
            self._shared[id(node)] = tuple(name for name, child in node.children.items() if child.sole == "")
        for name in self._shared[id(node)]:
            yield from self._unborn(node.children[name], parts, position + 1, (*trail, name), is_open=is_open)

    def _behind_plus(
        self, node: Node, parts: tuple[str | None, ...], position: int, trail: tuple[str, ...], *, is_open: bool
    ) -> Iterator[Node]:
        named = node.zone and not self._shows_views(trail)
        fork = self._fork(node, trail) if named else not self._settled(trail)
        for (whole, _), names in node.groups.items():
            child = (node.children if whole else node.parts)[names[0]]
            if fork and (not whole or _held(child, parts, position + 1, is_open=is_open)):
                yield child
            elif whole and position + 1 < len(parts):
                yield from self._unborn(child, parts, position + 1, (*trail, names[0]), is_open=is_open)
        if node.plus is not None and position + 1 < len(parts):
            yield from self._unborn(node.plus, parts, position + 1, (*trail, "+"), is_open=is_open)

    def _fork(self, node: Node, trail: tuple[str, ...]) -> bool:
        """Whether tenants are told apart by the name that follows here."""
        if node.inside is not None or not (node.children or node.parts):
            return False
        if node.zone and not self._shows_views(trail):
            return node.base or node.sole == "" or not any(_names_tenant(part, node.sole) for part in trail)
        return not self._settled(trail) or (not self._owned(trail) and not self._is_whole(node))

    def _owned(self, trail: tuple[str, ...]) -> bool:
        return any("/".join(trail[:end]) + "/" in self.owned for end in range(1, len(trail) + 1))

    def _shows_views(self, trail: tuple[str, ...]) -> bool:
        """Whether a path ends at the root of a KV version 2 mount: `data`, `metadata` ... come next, not names."""
        return "/".join(trail) + "/" in self._versioned

    def _settled(self, trail: tuple[str, ...]) -> bool:
        """Whether a path has come to a mount, or into a namespace that one tenant owns."""
        return self._owned(trail) or any(
            "/".join(trail[:end]) + "/" in self._mounts for end in range(1, len(trail) + 1)
        )

    def _is_whole(self, node: Node) -> bool:
        """Whether every folder of keys from here on belongs to somebody as a whole."""
        known = self._whole.get(id(node))
        if known is None:
            known = node.inside is not None or (
                not node.base and all(self._is_whole(child) for child in node.children.values())
            )
            self._whole[id(node)] = known
        return known


def _literal(node: Node, part: str) -> Iterator[Node]:
    child = node.children.get(part)
    if child is not None:
        yield child
    if node.plus is not None:
        yield node.plus
    if node.inside is not None:
        yield node.inside
    for end in range(1, len(part) + 1):
        if part[:end] in node.parts:
            yield node.parts[part[:end]]


def _held(node: Node, parts: tuple[str | None, ...], position: int, *, is_open: bool) -> bool:
    """Whether the rest of the pattern holds something that is owned below a node."""
    if node.inside is not None:
        return True
    if position == len(parts):
        return bool(node.owners)
    part, last = parts[position], position == len(parts) - 1
    if last and is_open:
        start = (part or "").partition(TEMPLATE)[0]
        return node.sole is not None and (
            start == ""
            or any(name.startswith(start) or start.startswith(name) for name in node.parts)
            or any(name.startswith(start) for name in node.children)
            or node.plus is not None
        )
    if part is not None and TEMPLATE not in part:
        return any(_held(following, parts, position + 1, is_open=is_open) for following in _literal(node, part))
    if node.plus is not None and _held(node.plus, parts, position + 1, is_open=is_open):
        return True
    if node.parts:
        return True
    return any(
        _held(node.children[names[0]], parts, position + 1, is_open=is_open)
        for (whole, _), names in node.groups.items()
        if whole
    )


def _names_tenant(part: str, tenant: str | None) -> bool:
    return bool(tenant) and str(tenant).lower() in part.lower()
