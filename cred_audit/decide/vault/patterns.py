"""How two patterns of policies lie to each other: whether some path matches both, or one holds all of the other.

A template directive stands for a value that is not known, so it overlaps with everything in its place and
holds nothing but itself.
"""

import re
from functools import lru_cache

from cred_audit.decide.vault.acl import RuleKind, classify

_DIRECTIVE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
TEMPLATE = "\0"
"""Stands for a directive in a normal pattern; no path holds it."""

Parts = tuple[tuple[str | None, ...], bool]
"""Segments (None for any one), and whether the last is only the beginning of what may follow."""


def normal(path: str) -> str:
    """Return a stanza's path without its leading slash, each directive replaced by TEMPLATE."""
    return _DIRECTIVE.sub(TEMPLATE, path.removeprefix("/"))


@lru_cache(maxsize=65536)
def parts_of(pattern: str) -> Parts:
    """Return the segments of a normal pattern."""
    kind, text, prefix = classify(pattern)
    names = text.split("/")
    wild = kind is RuleKind.SEGMENTS
    return tuple(None if wild and name == "+" else name for name in names), prefix


def overlap(first: str, second: str) -> bool:
    """Whether some path matches both patterns."""
    (ours, our_open), (theirs, their_open) = parts_of(first), parts_of(second)
    for position in range(max(len(ours), len(theirs))):
        if position >= len(ours) or position >= len(theirs):
            return False
        mine, other = ours[position], theirs[position]
        my_end = our_open and position == len(ours) - 1
        other_end = their_open and position == len(theirs) - 1
        if my_end or other_end:
            return _starts_meet(mine, other, my_end=my_end, other_end=other_end)
        if not _meet(mine, other):
            return False
    return True


def _meet(mine: str | None, other: str | None) -> bool:
    return mine is None or other is None or mine == other or TEMPLATE in mine or TEMPLATE in other


def _starts_meet(mine: str | None, other: str | None, *, my_end: bool, other_end: bool) -> bool:
    if mine is None or other is None or TEMPLATE in mine or TEMPLATE in other:
        return True
    if my_end and other_end:
        return mine.startswith(other) or other.startswith(mine)
    return other.startswith(mine) if my_end else mine.startswith(other)


def contains(outer: str, inner: str) -> bool:
    """Whether every path of the inner pattern matches the outer one."""
    (around, around_open), (within, within_open) = parts_of(outer), parts_of(inner)
    if len(within) < len(around) or (not around_open and (within_open or len(within) != len(around))):
        return False
    for position, wanted in enumerate(around):
        have = within[position]
        end = within_open and position == len(within) - 1
        if around_open and position == len(around) - 1:
            return wanted == "" or (wanted is not None and have is not None and have.startswith(wanted))
        if end or (wanted is not None and wanted != have):
            return False
    return True
