"""Where territories overlap: paths that two owners hold."""

from collections.abc import Iterable
from itertools import pairwise

from cred_audit.decide.vault.trie import Node

_STATES = 200_000
"""Places that are looked at; patterns that start with a wildcard multiply them."""


def overlaps(root: Node, found: dict[tuple[str, str, str], None]) -> None:
    """Add pairs of owners with a path that both hold, neighbours by name, the owners of all above it included."""
    stack: list[tuple[tuple[Node, ...], str, tuple[str, ...]]] = [((root,), "", ())]
    for _ in range(_STATES):
        if not stack:
            return
        nodes, path, above = stack.pop()
        _pairs((*above[:1], *(owner for node in nodes for owner in node.owners)), path, found)
        inside = tuple(
            dict.fromkeys(owner for node in nodes if node.inside is not None for owner in node.inside.owners)
        )
        _pairs((*above[:1], *inside), f"{path}/", found)
        further = above or inside
        wild = tuple(node.plus for node in nodes if node.plus is not None)
        for name in dict.fromkeys(name for node in nodes for name in node.children):
            following = tuple(node.children[name] for node in nodes if name in node.children)
            stack.append(((*following, *wild), f"{path}/{name}".lstrip("/"), further or _covering(nodes, name)))
        if wild:
            stack.append((wild, f"{path}/+".lstrip("/"), further))
        for node in nodes:
            for name, part in node.parts.items():
                covering = further or _covering(nodes, name[:-1])
                stack.append(((part,), f"{path}/{name}*".lstrip("/"), covering))
                if wild:
                    stack.append((wild, f"{path}/{name}".lstrip("/"), covering or part.owners))


def _pairs(owners: Iterable[str], path: str, found: dict[tuple[str, str, str], None]) -> None:
    for first, second in pairwise(dict.fromkeys(owners)):
        low, high = sorted((first, second))
        found[low, high, path] = None


def _covering(nodes: Iterable[Node], name: str) -> tuple[str, ...]:
    """Return the owners of a beginning of a name."""
    for node in nodes:
        for end in range(1, len(name) + 1) if node.parts else ():
            part = node.parts.get(name[:end])
            if part is not None:
                return part.owners
    return ()
