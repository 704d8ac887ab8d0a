"""The search for granted paths on the territories' mounts that belong to nobody."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from string import ascii_lowercase, digits

from cred_audit.decide.vault.search import NO_RANK, STATES, Found, Walk, advance, usable
from cred_audit.decide.vault.territory import Keys
from cred_audit.decide.vault.trie import Node, RuleNode

_TAILS: tuple[str, ...] = (*reversed(ascii_lowercase), *digits, *map(chr, range(0x4E00, 0x4F00)))


State = tuple[tuple[RuleNode, ...], int, tuple[Node, ...], Node, tuple[str, ...]]
"""Rules still matching, best rank that holds all from here on, places, the last known node, the word so far."""


def outside(walk: Walk) -> Iterator[Found]:
    """Yield granted words that no owner's territory holds; sets `walk.full` when cut short.

    Unlike an owner's words, these must miss every territory at once, so the walk keeps all the places where
    it is in the territories together, and drops a word as soon as one of them holds it.
    """
    root = walk.territories.root
    queue: deque[State] = deque([((walk.rules.root,), NO_RANK, (root,), root, ())])
    seen: set[tuple[object, ...]] = set()
    while queue:
        alive, best, nodes, last, word = queue.popleft()
        for segment in _segments(walk, alive, nodes, last):
            following = _follow(walk, nodes, last, segment)
            if following is None or (not following and not last.zone):
                continue
            zone = min(following, key=lambda node: not node.zone, default=last)
            after, rank = advance(alive, best, segment)
            if not walk.lives(after, rank):
                continue
            key = (tuple(node.number for node in after), rank, tuple(map(id, following)), id(zone), segment == "")
            if key in seen:
                continue
            if len(seen) >= STATES:
                walk.full = True
                return
            seen.add(key)
            longer = (*word, segment)
            if zone.zone and (walk.listing or not zone.base or not following):
                yield from _end(walk, following, zone, longer)
            queue.append((after, rank, following, zone, longer))


def _segments(walk: Walk, alive: tuple[RuleNode, ...], nodes: tuple[Node, ...], last: Node) -> Iterator[str]:
    literals = sorted({name for rule in alive for name in rule.children if usable(name)})
    starts = sorted({name for rule in alive for name in rule.parts if name})
    if not last.zone and all(node.plus is None for node in nodes):
        # Above the mounts only what the territories name counts; look-alikes need one representative.
        yield from literals
        yield from _representatives(walk, nodes, starts, set(literals))
        return
    yield from literals
    for start in ("", *starts):
        segment = _fresh(start, set(literals), starts, nodes)
        if segment is not None:
            yield segment
    yield from _representatives(walk, nodes, starts, set(literals))
    if walk.keys(last) is not Keys.PLAIN:
        yield ""


def _representatives(walk: Walk, nodes: tuple[Node, ...], starts: list[str], literals: set[str]) -> Iterator[str]:
    for node in nodes:
        for (whole, _), names in node.groups.items():
            if not whole:
                continue
            for members, others in walk.classes(names, starts):
                mine = (name for name in members if name not in others)
                if len(nodes) > 1:
                    yield from mine
                else:
                    yield from (name for name in islice(mine, len(literals) + 1) if name not in literals)


def _fresh(start: str, literals: set[str], starts: Iterable[str], nodes: tuple[Node, ...]) -> str | None:
    """Return the start with something behind it that neither a rule nor a territory names; None if all is owned."""
    parts = {part for node in nodes for part in node.parts}
    if any(start.startswith(part) for part in parts):
        return None
    taken = (*(other for other in chain(literals, starts) if other.startswith(start)),
             *(part for part in parts if part.startswith(start)))  # fmt: skip
    firsts = {other[len(start)] for other in taken if len(other) > len(start)}
    for tail in _TAILS:
        segment = start + tail
        if tail not in firsts and all(segment not in node.children for node in nodes):
            return segment
    return None


def _follow(walk: Walk, nodes: tuple[Node, ...], last: Node, segment: str) -> tuple[Node, ...] | None:
    """Return the places one segment on; None where somebody owns what is there."""
    keys = walk.keys(last)
    if segment == "" and last.zone and keys is Keys.CLEANED:
        return nodes
    following: list[Node] = []
    for node in nodes:
        if node.inside is not None or any(segment[:end] in node.parts for end in range(1, len(segment) + 1)):
            return None
        child = node.children.get(segment)
        if child is not None:
            following.append(child)
        if node.plus is not None:
            following.append(node.plus)
    return tuple(following)


def _end(walk: Walk, nodes: tuple[Node, ...], zone: Node, word: tuple[str, ...]) -> Iterator[Found]:
    if any(node.owners for node in nodes) or (walk.listing and any(node.inside is not None for node in nodes)):
        return
    if not walk.may_end(zone, word):
        return
    path = "/".join(word) + ("/" if walk.listing else "")
    rule = walk.acl.rule_for(walk.operation, path)
    if rule is not None and walk.operation in rule.capabilities:
        yield Found(rule, path, zone, zone.kind, Counter(), Counter())
