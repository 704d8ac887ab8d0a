"""A word for each way in which texts can match several patterns at once: the product of their automata, lazily.

Every text of any length falls into one of the classes, so a search over one word a class is a search over all texts.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

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
    before: str = ""
    """What stands before the word in the text that is matched."""
    after: str = ""
    """What stands behind it."""


def pattern(  # noqa: PLR0913  (what a pattern may be)
    runs: Iterable[tuple[str, bool]],
    *,
    arn: bool = False,
    wild: bool = True,
    fold: bool = False,
    before: str = "",
    after: str = "",
) -> Pattern:
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
    return Pattern(tuple(tokens), fold, before, after)


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


def _begun(one: Pattern) -> frozenset[int]:
    positions = _closed(one.tokens, {0})
    for character in one.before:
        positions = _step(one, positions, character)
    return positions


def _accepts(one: Pattern, positions: frozenset[int]) -> bool:
    for character in one.after:
        positions = _step(one, positions, character)
    return len(one.tokens) in positions


def _for_good(one: Pattern, positions: frozenset[int]) -> bool:
    """Whether whatever follows matches."""
    return bool(one.tokens) and one.tokens[-1] == (None, False) and len(one.tokens) - 1 in positions


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which words are looked for; what cannot become one is not followed."""

    some: tuple[Pattern, ...] = ()
    """A word must match one of these, where there are any."""
    none: tuple[Pattern, ...] = ()
    """It must match none of these."""
    letters: frozenset[str] | None = None
    """The characters that it may have; None for all."""


class _Automaton:
    """One pattern's steps, each taken once: the product of several patterns takes the same ones again and again."""

    __slots__ = ("_steps", "pattern")

    def __init__(self, one: Pattern) -> None:
        self.pattern = one
        self._steps: dict[tuple[frozenset[int], str], frozenset[int]] = {}

    def step(self, positions: frozenset[int], letter: str) -> frozenset[int]:
        found = self._steps.get((positions, letter))
        if found is None:
            found = self._steps[positions, letter] = _step(self.pattern, positions, letter)
        return found


@lru_cache(maxsize=4096)
def words(
    patterns: tuple[Pattern, ...], limit: int = LIMIT, wanted: Wanted | None = None
) -> tuple[tuple[str, ...], bool]:
    """Return a shortest word for each combination of matches, and whether these are all combinations."""
    wanted = wanted or Wanted()
    every = (*patterns, *wanted.some, *wanted.none)
    first_none = len(patterns) + len(wanted.some)
    alphabet = _alphabet(every, wanted.letters)
    automata = tuple(map(_Automaton, every))
    start = tuple(map(_begun, every))
    seen = {start}
    queue = deque([(start, "")])
    found: dict[tuple[bool, ...], str] = {}
    while queue:
        state, word = queue.popleft()
        ends = tuple(map(_accepts, every, state))
        suits = not any(ends[first_none:]) and (not wanted.some or any(ends[len(patterns) : first_none]))
        # The empty text is a value of its own (see `Either`); a longer one stands for it where there is one.
        if suits and (ends not in found or not found[ends]):
            found[ends] = word
        if len(seen) > limit:
            return tuple(found.values()), False
        for letter in alphabet:
            after = tuple([one.step(positions, letter) for one, positions in zip(automata, state, strict=True)])
            if after in seen or any(map(_for_good, wanted.none, after[first_none:])):
                continue
            if wanted.some and not any(after[len(patterns) : first_none]):
                continue
            seen.add(after)
            queue.append((after, word + letter))
    return tuple(found.values()), True


def _alphabet(patterns: tuple[Pattern, ...], allowed: frozenset[str] | None) -> tuple[str, ...]:
    """Return the letters that patterns tell apart, one that they do not first."""
    letters = {token for one in patterns for token, _ in one.tokens if token}
    if any(one.fold for one in patterns):
        letters |= {letter.swapcase() for letter in letters}
    if any(keeps_out for one in patterns for _, keeps_out in one.tokens):
        letters.add(":")
    fresh = (letter for letter in (*_FRESH, *sorted(allowed or ())) if allowed is None or letter in allowed)
    first = next((letter for letter in fresh if letter not in letters), None)
    kept = sorted(letters if allowed is None else letters & allowed)
    return (*([] if first is None else [first]), *kept)
