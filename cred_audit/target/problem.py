"""What is wrong in a target file, and where: gathered while reading, told all at once."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cred_audit.errors import TargetError

SHOWN = 20
"""How many problems an error names; the rest is counted."""
_KEPT = 5_000
_QUOTED = 60
_PATH = 300


class Place(Protocol):
    """A point of a file, counted from 0 (as the YAML parser's marks are)."""

    @property
    def line(self) -> int:
        """Lines before it."""

    @property
    def column(self) -> int:
        """Characters before it on its line."""


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the target file."""

    line: int
    column: int


START = Point(0, 0)


@dataclass(frozen=True, slots=True)
class RowPoint:
    """A value that was filled in from a row of a table; `line` is the row's line in the table's file."""

    table: str
    line: int
    column: int = 0


def quoted(text: str) -> str:
    """Return a text of the file for a message: on one line, without control characters, cut."""
    cut = text[:_QUOTED]
    return f"{cut!r}..." if len(text) > _QUOTED else repr(cut)


def shown_path(path: Path | str) -> str:
    """Return a file's name without control characters, cut in its middle."""
    text = "".join(char if char.isprintable() else repr(char)[1:-1] for char in str(path)[: 10 * _PATH])
    return text if len(text) <= _PATH else f"{text[: _PATH // 2]}...{text[-_PATH // 2 :]}"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the hint that follows an unknown word: the nearest known one, else all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(word[:_QUOTED].lower(), names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    few = ", ".join(quoted(name)[1:-1] for name in names[:15])
    return f"known here: {few}{', ...' if len(names) > 15 else ''}" if names else "no key is known here"


@dataclass(slots=True)
class Problems:
    """The problems of one target file."""

    file: str
    """The target file's name as shown."""
    found: dict[tuple[str, int, int, str], None] = field(default_factory=dict)
    """(table or empty, line, column, message); what a default or a table repeats is told once."""
    dropped: int = 0

    @property
    def full(self) -> bool:
        """Whether further problems are only counted, so that no words need to be found for them."""
        return len(self.found) >= _KEPT

    def add(self, place: Place, message: str) -> None:
        """Note one problem."""
        if not self.full:
            table = place.table if isinstance(place, RowPoint) else ""
            self.found[table, place.line, place.column, message] = None
        else:
            self.dropped += 1

    def error(self) -> TargetError:
        """Return all problems as one error, sorted by line, those of tables last."""
        ordered = sorted(self.found)
        lines = [self._line(*problem) for problem in ordered[:SHOWN]]
        more = len(ordered) - SHOWN + self.dropped
        if more > 0:
            lines.append(f"and {more:,} more problem{'s' if more > 1 else ''} in {self.file}")
        return TargetError("\n".join(lines))

    def _line(self, table: str, line: int, column: int, message: str) -> str:
        return f"{table}:{line + 1}: {message}" if table else f"{self.file}:{line + 1}:{column + 1}: {message}"
