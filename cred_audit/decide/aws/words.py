"""A word for each way in which texts can match several patterns at once: the product of their automata, lazily.

Every text of any length falls into one of the classes, so a search over one word a class is a search over all texts.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

LIMIT = 4000
"""States of a product that are visited; beyond, the classes are not known to be complete."""
_FRESH = "x0ZqJ7~\u00b5\u4e2d"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A wildcard text, taken apart into (character or wildcard, whether a colon is kept out)."""

    tokens: tuple[tuple[str | None, bool], ...]
    """A character; "" for any one character; None for any run."""
    fold: bool = False
    """Whether case does not matter."""


def pattern(runs: Iterable[tuple[str, bool]], *, arn: bool = False, wild: bool = True, fold: bool = False) -> Pattern:
    """Return the pattern of runs of text (see `pattern.parts_of`). `arn`: stars stay within the first five parts."""
    tokens: list[tuple[str | None, bool]] = []
    colons = 0
    for text, special in runs:
        for character in text:
            inner = arn and colons < 5
            if special and wild and character in "*?":
                tokens.append((None if character == "*" else "", inner))
                continue
            colons += character == ":"
            tokens.append((character.lower() if fold else character, False))
    return Pattern(tuple(tokens), fold)


def _closed(tokens: tuple[tuple[str | None, bool], ...], positions: set[int]) -> frozenset[int]:
    found = set(positions)
    for position in positions:
        while position < len(tokens) and tokens[position][0] is None:
            position += 1  # noqa: PLW2901  (a star may be passed)
            found.add(position)
    return frozenset(found)


def _step(one: Pattern, positions: frozenset[int], character: str) -> frozenset[int]:
    wanted = character.lower() if one.fold else character
    found: set[int] = set()
    for position in positions:
        if position == len(one.tokens):
            continue
        token, no_colon = one.tokens[position]
        if token is None or not token:
            if not (no_colon and character == ":"):
                found.add(position if token is None else position + 1)
        elif token == wanted:
            found.add(position + 1)
    return _closed(one.tokens, found)


def words(patterns: tuple[Pattern, ...], limit: int = LIMIT) -> tuple[tuple[str, ...], bool]:
    """Return a shortest word for each combination of matches, and whether these are all combinations."""
    letters = sorted({token for one in patterns for token, _ in one.tokens if token})
    if any(one.fold for one in patterns):
        letters = sorted({*letters, *(letter.swapcase() for letter in letters)})
    if any(keeps_out for one in patterns for _, keeps_out in one.tokens):
        letters = sorted({*letters, ":"})
    fresh = [letter for letter in _FRESH if letter not in letters][:1]
    start = tuple(_closed(one.tokens, {0}) for one in patterns)
    seen = {start}
    queue = deque([(start, "")])
    found: dict[tuple[bool, ...], str] = {}
    while queue:
        state, word = queue.popleft()
        ends = tuple(len(one.tokens) in positions for one, positions in zip(patterns, state, strict=True))
        # The empty text is a value of its own (see `Either`); a longer one stands for it where there is one.
        if ends not in found or not found[ends]:
            found[ends] = word
        if len(seen) > limit:
            return tuple(found.values()), False
        for letter in (*fresh, *letters):
            after = tuple(_step(one, positions, letter) for one, positions in zip(patterns, state, strict=True))
            if after not in seen:
                seen.add(after)
                queue.append((after, word + letter))
    return tuple(found.values()), True
