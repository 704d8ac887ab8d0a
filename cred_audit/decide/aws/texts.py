"""Texts, indexed: which of many a pattern matches, without looking at all of them."""

import re
from bisect import bisect_left
from collections.abc import Iterable

from cred_audit.decide.aws.pattern import compiled, glob_expression


class Texts:
    """Texts by the things that carry them: which of them a pattern matches."""

    def __init__(self, entries: Iterable[tuple[str, int]]) -> None:
        """Take (text, number of the thing)."""
        self.by_text: dict[str, list[int]] = {}
        for text, number in entries:
            self.by_text.setdefault(text, []).append(number)
        self._sorted = sorted(self.by_text)
        self._joined = "\0".join(self._sorted)
        self._starts: list[int] = []
        position = 0
        for text in self._sorted:
            self._starts.append(position)
            position += len(text) + 1
        self._folded: dict[str, list[int]] = {}
        for text, numbers in self.by_text.items():
            self._folded.setdefault(text.lower(), []).extend(numbers)

    def equal(self, text: str, *, fold: bool = False) -> list[int]:
        """Return the things with a text."""
        return (self._folded.get(text.lower()) if fold else self.by_text.get(text)) or []

    def matching(self, runs: tuple[tuple[str, bool], ...], limit: int) -> list[int] | None:
        """Return the things whose text a pattern matches; None where more than `limit` texts are candidates.

        What is literal in the pattern finds the candidates.
        """
        pieces = _literals(runs)
        first, longest = pieces[0], max(pieces, key=len)
        if len(pieces) == 1:
            return list(self.by_text.get(first, ()))
        if len(first) >= 2 and len(first) >= len(longest) // 2:
            low = bisect_left(self._sorted, first)
            high = bisect_left(self._sorted, first + "\U0010ffff")
            candidates = self._sorted[low:high] if high - low <= limit else None
        elif len(longest) >= 2:
            candidates = self._holding(longest, limit)
        else:
            candidates = self._sorted if len(self._sorted) <= limit else None
        if candidates is None:
            return None
        if not any(special and "?" in text for text, special in runs):
            candidates = [text for text in candidates if _holds(text, pieces)]
        else:
            expression = compiled(glob_expression(runs))
            candidates = [text for text in candidates if expression.fullmatch(text)]
        return [number for text in candidates for number in self.by_text[text]]

    def _holding(self, piece: str, limit: int) -> list[str] | None:
        found: list[str] = []
        position = self._joined.find(piece)
        while position >= 0:
            if len(found) >= limit:
                return None
            index = bisect_left(self._starts, position + 1) - 1
            found.append(self._sorted[index])
            position = self._joined.find(piece, self._starts[index] + len(self._sorted[index]))
        return found


def _holds(text: str, pieces: list[str]) -> bool:
    """Whether a text is made of some pieces in their order, with any run between them."""
    first, *rest = pieces
    if not rest:
        return text == first
    if not text.startswith(first):
        return False
    position = len(first)
    for piece in rest[:-1]:
        # The first place where a piece fits leaves most to the others.
        found = text.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece)
    return len(text) - position >= len(rest[-1]) and text.endswith(rest[-1])


def _literals(runs: Iterable[tuple[str, bool]]) -> list[str]:
    """Return the literal pieces between wildcards; the first is what every match starts with."""
    pieces = [""]
    for text, special in runs:
        if not special:
            pieces[-1] += text
            continue
        for index, piece in enumerate(re.split(r"[*?]", text)):
            if index:
                pieces.append(piece)
            else:
                pieces[-1] += piece
    return pieces
