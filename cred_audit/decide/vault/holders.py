"""Who owns something that a pattern matches: a walk down the territories, without any rule's priority."""

from collections import Counter
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from itertools import islice

from cred_audit.decide.vault.patterns import Parts
from cred_audit.decide.vault.trie import Node, starting

_FEW = 64
"""Look-alikes that are walked one by one; of more, one stands for all."""

Totals = MutableMapping[int, tuple[tuple[str, ...], Counter[str]]]
"""Owners of whole groups of look-alikes, by the group's identity; kept by the caller between walks."""


@dataclass(frozen=True, slots=True)
class Held:
    """Owners of one place that a pattern matches."""

    owners: Counter[str]
    sure: bool
    """False where it is not known that the place is served so."""


def holders(root: Node, pattern: Parts, totals: Totals) -> Iterator[Held]:
    """Yield the owners of everything that a pattern without templates matches."""
    parts, is_open = pattern
    yield from _below(root, parts, 0, is_open, totals)


def _below(
    node: Node, parts: tuple[str | None, ...], position: int, is_open: bool, totals: Totals
) -> Iterator[Held]:  # fmt: skip
    if position == len(parts):
        yield from _here(node)
        return
    if node.inside is not None:
        yield from _here(node.inside)
    part = parts[position]
    if is_open and position == len(parts) - 1:
        yield from _from(node, part or "", totals)
    elif part is None:
        yield from _any(node, parts, position, is_open, totals)
    else:
        if part in node.children:
            yield from _below(node.children[part], parts, position + 1, is_open, totals)
        if node.plus is not None:
            yield from _below(node.plus, parts, position + 1, is_open, totals)
        for end in range(1, len(part) + 1):
            if part[:end] in node.parts:
                yield from _here(node.parts[part[:end]])


def _here(node: Node) -> Iterator[Held]:
    if node.owners:
        yield Held(Counter(node.owners), node.sure)


def _from(node: Node, start: str, totals: Totals) -> Iterator[Held]:
    """Yield the owners of every name with a beginning, and of all below it."""
    if start == "":
        yield Held(node.everyone(), is_sure(node))
        return
    for (whole, _), names in node.groups.items():
        below = node.children if whole else node.parts
        chosen = starting(names, start)
        if len(chosen) == len(names):
            yield from _all(node, names, totals, whole=whole)
        else:
            for name in chosen:
                yield Held(below[name].everyone(), is_sure(below[name]))
    for end in range(1, len(start)):
        if start[:end] in node.parts:
            yield from _here(node.parts[start[:end]])
    if node.plus is not None:
        yield Held(node.plus.everyone(), is_sure(node.plus))


def _all(node: Node, names: tuple[str, ...], totals: Totals, *, whole: bool) -> Iterator[Held]:
    below = node.children if whole else node.parts
    known = totals.get(id(names))
    if known is None:
        total: Counter[str] = Counter()
        for name in names:
            total.update(below[name].everyone())
        known = totals[id(names)] = (names, total)
    yield Held(known[1], is_sure(below[names[0]]))


def _any(
    node: Node, parts: tuple[str | None, ...], position: int, is_open: bool, totals: Totals
) -> Iterator[Held]:  # fmt: skip
    for (whole, _), names in node.groups.items():
        if not whole:
            yield from _all(node, names, totals, whole=False)
        elif len(names) <= _FEW:
            for name in names:
                yield from _below(node.children[name], parts, position + 1, is_open, totals)
        elif any(True for _ in _below(node.children[names[0]], parts, position + 1, is_open, totals)):
            yield from _all(node, names, totals, whole=True)
    if node.plus is not None:
        yield from _below(node.plus, parts, position + 1, is_open, totals)


def is_sure(node: Node) -> bool:
    """Whether what lies at or below a place is known to be served there."""
    below = [node]
    while below:
        node = below.pop()
        if node.owners:
            return node.sure
        below.extend(islice(node.below(), 1))
    return node.sure
