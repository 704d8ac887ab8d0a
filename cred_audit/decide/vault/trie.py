"""Territories and rules as tries over path segments, so that a rule meets only what it can touch.

Children of one territory node that look alike (the folders of ten thousand tenants) form one group, which a
search walks once, by its first member.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from cred_audit.decide.vault.acl import Acl, Rule, RuleKind
from cred_audit.decide.vault.territory import Keys, Region


class Node:
    """One point of the territories' paths."""

    __slots__ = (
        "_everyone",
        "base",
        "body",
        "children",
        "groups",
        "inside",
        "keys",
        "kind",
        "listing",
        "namespace",
        "owners",
        "parts",
        "plus",
        "shape",
        "sole",
        "sure",
        "zone",
    )  # fmt: skip

    def __init__(self) -> None:
        self.children: dict[str, Node] = {}
        self.parts: dict[str, Node] = {}
        """Owners of every segment that starts so, and of all below it."""
        self.plus: Node | None = None
        """What follows any one segment."""
        self.inside: Node | None = None
        """Owners of everything below this node."""
        self.owners: tuple[str, ...] = ()
        """Owners of exactly this path, or, on a node that `parts` or `inside` hold, of all from there on."""
        self.keys = Keys.RAW
        self.kind = ""
        self.namespace = ""
        self.body: Mapping[str, Any] | None = None
        """What a write must say; None where any body will do."""
        self.sure = True
        self.listing = False
        self.zone = False
        """Whether this is part of a mount's keys."""
        self.base = False
        """Whether this is the folder that holds them all."""
        self.shape = 0
        self.sole: str | None = None
        """The only owner of all below; empty when there are several; None when there is none."""
        self.groups: dict[tuple[bool, int], tuple[str, ...]] = {}
        """Sorted names of the children (True) or parts (False) of each shape."""
        self._everyone: Counter[str] | None = None

    def below(self) -> "Iterator[Node]":
        """Yield the nodes right below."""
        yield from self.children.values()
        yield from self.parts.values()
        if self.plus is not None:
            yield self.plus
        if self.inside is not None:
            yield self.inside

    def everyone(self) -> Counter[str]:
        """Return how often each owner occurs here and below."""
        if self._everyone is None:
            total = Counter(self.owners)
            for node in self.below():
                total.update(node.everyone())
            self._everyone = total
        return self._everyone

    def strictly_below(self) -> Counter[str]:
        """Return how often each owner occurs below: what a listing of this folder shows."""
        if not self.owners:
            return self.everyone()
        below = Counter(self.everyone())
        below.subtract(self.owners)
        return +below


class Territories:
    """The regions of one class of one operation. Many are never asked for, so the trie is made when it is."""

    def __init__(self, regions: Iterable[tuple[str, Region]]) -> None:
        self._regions = regions
        self._owners: dict[Node, set[str]] = {}
        self._shapes: dict[object, int] = {}

    @cached_property
    def root(self) -> Node:
        """Where all paths begin."""
        root = Node()
        for owner, region in self._regions:
            self._add(root, owner, region)
        for node, owners in self._owners.items():
            node.owners = tuple(sorted(owners))
        self._owners.clear()
        self._finish(root)
        return root

    def _add(self, root: Node, owner: str, region: Region) -> None:
        node = root
        last = len(region.segments) - 1
        for depth, segment in enumerate(region.segments):
            if depth == region.base:
                _mark(node, region)
            if depth == last and region.open and segment is not None:
                following = node.inside if segment == "" else node.parts.get(segment)
                if following is None:
                    following = Node()
                    if segment:
                        node.parts[segment] = following
                    else:
                        node.inside = following
            elif segment is None:
                following = node.plus = node.plus or Node()
            else:
                following = node.children.setdefault(segment, Node())
            if depth >= region.base:
                following.keys, following.namespace = region.keys, region.namespace
                following.listing, following.zone = node.listing, True
                following.kind = following.kind or region.kind
            node = following
        if region.base > last:
            _mark(node, region)
        node.kind, node.sure, node.body = region.kind, region.sure, region.body
        if region.open and region.segments[last] is None:
            node.inside = node.inside or Node()
            _copy(node, node.inside)
            node = node.inside
        self._owners.setdefault(node, set()).add(owner)

    def _finish(self, root: Node) -> None:
        """Give every node its shape, children before parents, without recursion (prefixes may be deep)."""
        order, stack = [], [root]
        while stack:
            node = stack.pop()
            order.append(node)
            stack.extend(node.below())
        for node in reversed(order):
            self._shape(node)

    def _shape(self, node: Node) -> None:
        sole = node.owners[0] if len(node.owners) == 1 else ("" if node.owners else None)
        for below in node.below():
            if below.sole is not None and below.sole != sole:
                sole = below.sole if sole is None else ""
        node.sole = sole
        groups: dict[tuple[bool, int], list[str]] = {}
        for here, names in ((True, node.children), (False, node.parts)):
            for name in sorted(names):
                groups.setdefault((here, names[name].shape), []).append(name)
        node.groups = {key: tuple(names) for key, names in groups.items()}
        signature = (
            tuple((name, child.shape) for name, child in sorted(node.children.items())),
            tuple((name, child.shape) for name, child in sorted(node.parts.items())),
            node.plus.shape if node.plus else -1, node.inside.shape if node.inside else -1,
            bool(node.owners), node.keys, node.kind, node.sure, node.listing,
        )  # fmt: skip
        node.shape = self._shapes.setdefault(signature, len(self._shapes))


def _mark(node: Node, region: Region) -> None:
    node.keys, node.namespace = region.keys, region.namespace
    node.listing = node.listing or region.listing
    node.zone = node.base = True
    node.kind = node.kind or region.kind


def _copy(node: Node, into: Node) -> None:
    into.keys, into.namespace, into.kind = node.keys, node.namespace, node.kind
    into.sure, into.listing, into.body = node.sure, node.listing, node.body


class RuleNode:
    """One point of the rules' patterns."""

    __slots__ = ("capabilities", "children", "ends", "number", "parts", "plus", "top")

    def __init__(self, number: int) -> None:
        self.number = number
        self.children: dict[str, RuleNode] = {}
        self.plus: RuleNode | None = None
        self.parts: dict[str, int] = {}
        """Rank of the rule that holds every segment that starts so, and all below it."""
        self.ends = False
        self.capabilities: set[str] = set()
        """Everything that some rule from here on grants."""
        self.top = 1 << 60
        """The best rank from here on; -1 for an exact rule."""


class RuleTrie:
    """An access control list's rules; `ranked[i]` is the rule of rank i, the lowest rank wins."""

    def __init__(self, acl: Acl) -> None:
        self.count = 1
        self.root = RuleNode(0)
        self.ranked = acl.ordered
        for rule in acl.exact.values():
            self._add(rule, -1)
        for rank, rule in enumerate(acl.ordered):
            self._add(rule, rank)

    def _add(self, rule: Rule, rank: int) -> None:
        node = self.root
        parts = rule.text.split("/")
        last = parts.pop() if rule.prefix else None
        wild = rule.kind is RuleKind.SEGMENTS
        capabilities = rule.capabilities
        for part in parts:
            node.capabilities |= capabilities
            node.top = min(node.top, rank)
            if wild and part == "+":
                if node.plus is None:
                    node.plus = self._new()
                node = node.plus
            else:
                following = node.children.get(part)
                if following is None:
                    following = node.children[part] = self._new()
                node = following
        node.capabilities |= capabilities
        node.top = min(node.top, rank)
        if last is None:
            node.ends = True
        else:
            key = "" if wild and last == "+" else last
            node.parts[key] = min(rank, node.parts.get(key, rank))

    def _new(self) -> RuleNode:
        self.count += 1
        return RuleNode(self.count)


def starting(names: tuple[str, ...], start: str) -> tuple[str, ...]:
    """Return the names of a sorted tuple that begin with a text."""
    low = bisect_left(names, start)
    return names[low : bisect_left(names, start + "\U0010ffff", low)]


def related(texts: Iterable[str], known: Mapping[str, object]) -> set[str]:
    """Return the known names that are a beginning of one of the texts, or the text itself."""
    return {text[:end] for text in texts for end in range(1, len(text) + 1) if text[:end] in known}
