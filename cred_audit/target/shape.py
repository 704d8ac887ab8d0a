"""The shapes that single values of a target file have. Each checks a value and prints itself as JSON Schema.

Both come from the same object, so the loader and the schema cannot disagree. Patterns are written without
anchors and in the part of the language that Python and JSON Schema share.
"""

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from cred_audit.target.node import plain
from cred_audit.target.problem import Place, Problems, nearest, quoted, shown_path


class _Bad(Enum):
    BAD = "bad"


BAD = _Bad.BAD
"""What a check returns for a value whose problem it has noted."""


@dataclass(slots=True)
class Context:
    """What a check needs besides the value."""

    problems: Problems
    base: Path
    """The target's folder, resolved."""
    allow_outside: bool = False
    partial: bool = False
    """Whether what is required may stand elsewhere: in `defaults`."""
    row: bool = False
    """Whether texts may hold `{{ column }}`: in `each`, before it is filled in."""


@dataclass(slots=True)
class Writing:
    """One schema being written."""

    definitions: dict[str, Any] = field(default_factory=dict)
    partial: bool = False
    row: bool = False


class Shape(Protocol):
    """What a value may look like."""

    def check(self, value: Any, place: Place, name: str, context: Context) -> Any:
        """Return the value as plain data (secret references as SecretRef), or BAD with the problem noted."""

    def schema(self, writing: Writing) -> dict[str, Any]:
        """Return the shape as JSON Schema 2020-12."""


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "a text"),
    (dict, "a mapping"),
    (list, "a list"),
)


def kind_of(value: Any) -> str:
    """Return what a value is, in words."""
    if value is None:
        return "empty"
    return next(word for kind, word in _KINDS if isinstance(value, kind))


def wrong_kind(  # noqa: PLR0913  (what a message is made of)
    value: Any, place: Place, name: str, wanted: str, context: Context, *, secret: bool = False
) -> _Bad:
    """Note that a value is of another kind than wanted."""
    got = kind_of(value)
    hint = ""
    if value is None:
        hint = "; write {} where nothing needs to be said" if wanted == "a mapping" else ""
    elif isinstance(value, str) and not secret:
        hint = f" ({quoted(value)})"
    if wanted == "a list" and value is not None:
        hint += "; begin each of its entries with '- '"
    context.problems.add(place, f"`{name}` must be {wanted}, not {got}{hint}")
    return BAD


@dataclass(frozen=True)
class Text:
    """A text."""

    pattern: str = ""
    what: str = ""
    """What the pattern asks for, in words."""
    choices: tuple[str, ...] = ()
    empty: bool = False
    longest: int = 16_384
    secret: bool = False
    """Whether a wrong value might be a secret, so that no message shows it."""
    null: bool = False

    @cached_property
    def _match(self) -> "re.Pattern[str] | None":
        return re.compile(self.pattern) if self.pattern else None

    def check(self, value: Any, place: Place, name: str, context: Context) -> Any:
        if not isinstance(value, str):
            if value is None and self.null:
                return None
            return self._no_text(value, place, name, context)
        if context.row and "{{" in value:
            return value
        if (not value and not self.empty) or len(value) > self.longest:
            why = f"is longer than {self.longest:,} characters" if value else "is an empty text"
            context.problems.add(place, f"`{name}` {why}")
            return BAD
        if self.choices and value not in self.choices:
            context.problems.add(place, f"`{name}` cannot be {quoted(value)}; {nearest(value, self.choices)}")
            return BAD
        if self._match and not self._match.fullmatch(value):
            shown = "" if self.secret else f", not {quoted(value)}"
            context.problems.add(place, f"`{name}` must be {self.what}{shown}")
            return BAD
        return value

    def _no_text(self, value: Any, place: Place, name: str, context: Context) -> Any:
        if isinstance(value, int | float):  # true and false included
            shown = "" if self.secret else f': "{str(value).lower() if isinstance(value, bool) else value}"'
            context.problems.add(place, f"`{name}` must be a text, not {kind_of(value)}; quote it{shown}")
            return BAD
        return wrong_kind(value, place, name, "a text", context)

    def schema(self, writing: Writing) -> dict[str, Any]:
        if self.choices:
            out: dict[str, Any] = {"enum": list(self.choices)}
        else:
            out = {"type": ["string", "null"] if self.null else "string", "maxLength": self.longest}
            if not self.empty:
                out["minLength"] = 1
            if self.pattern:
                out["pattern"] = f"^(?:{self.pattern})$"
        if writing.row and (self.choices or self.pattern):
            return {"anyOf": [{"type": "string", "pattern": "\\{\\{"}, out]}
        return out


@dataclass(frozen=True)
class PathText(Text):
    """A path, relative to the target's folder; it may leave that folder only where the caller allows it."""

    glob: bool = False
    url_path: bool = False
    """Whether a leading slash means a path at the platform's address instead of a file."""
    anywhere: bool = False
    """Whether it may lie outside without being allowed to: a file of the system, such as a certificate."""
    pattern: str = r"[^\u0000-\u001f\u007f]+"
    what: str = "a path without control characters"
    longest: int = 4_096

    def check(self, value: Any, place: Place, name: str, context: Context) -> Any:
        text = Text.check(self, value, place, name, context)
        if text is BAD or context.allow_outside or self.anywhere or (context.row and "{{" in text):
            return text
        if self.url_path and text.startswith("/"):
            return text
        if not inside(context.base, text, glob=self.glob):
            context.problems.add(
                place,
                f"`{name}` leaves the target's folder {shown_path(context.base)} ({quoted(text)}); "
                "use --allow-outside if you trust this target",
            )
            return BAD
        return text


def inside(base: Path, text: str, *, glob: bool = False) -> bool:
    """Tell whether a path, links followed, stays in a resolved folder; a pattern's literal part and no `..` after."""
    literal = re.split(r"[*?\[]", text, maxsplit=1)[0] if glob else text
    if glob and literal != text:
        if ".." in text[len(literal) :].split("/"):
            return False
        literal = literal.rpartition("/")[0] or ("/" if literal.startswith("/") else ".")
    try:
        return (base / literal).resolve().is_relative_to(base)
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name too long
        return False


_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
_ZONE = r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_MOMENT = rf"[1-9][0-9]{{3}}-[0-9]{{2}}-[0-9]{{2}}(?:[Tt]{_TIME}{_ZONE})?"


@dataclass(frozen=True)
class Moment(Text):
    """A day, or a time of a day with its zone (RFC 3339)."""

    pattern: str = _MOMENT
    what: str = "a day (2027-01-31) or a time with its zone (2027-01-31T12:00:00Z)"

    def check(self, value: Any, place: Place, name: str, context: Context) -> Any:
        text = Text.check(self, value, place, name, context)
        if isinstance(text, str):
            try:
                date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
            except ValueError:
                context.problems.add(place, f"`{name}` is no day of the calendar: {quoted(text)}")
                return BAD
        return text

    def schema(self, writing: Writing) -> dict[str, Any]:
        return {**Text.schema(self, writing), "anyOf": [{"format": "date"}, {"format": "date-time"}]}


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def check(self, value: Any, place: Place, name: str, context: Context) -> Any:
        return value if isinstance(value, bool) else wrong_kind(value, place, name, "true or false", context)

    def schema(self, writing: Writing) -> dict[str, Any]:
        del writing
        return {"type": "boolean"}


@dataclass(frozen=True)
class Number:
    """A number within bounds."""

    least: float = 0
    most: float = 1_000_000_000
    whole: bool = False

    def check(self, value: Any, place: Place, name: str, context: Context) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return wrong_kind(value, place, name, "a whole number" if self.whole else "a number", context)
        if self.whole and value != int(value):
            context.problems.add(place, f"`{name}` must be a whole number, not {value}")
            return BAD
        if not self.least <= value <= self.most:
            context.problems.add(place, f"`{name}` must be from {self.least:g} to {self.most:g}, not {value:g}")
            return BAD
        return int(value) if self.whole else value

    def schema(self, writing: Writing) -> dict[str, Any]:
        del writing
        return {"type": "integer" if self.whole else "number", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True)
class Version:
    """The version of the format."""

    number: int

    def check(self, value: Any, place: Place, name: str, context: Context) -> Any:
        if isinstance(value, bool) or value != self.number:
            shown = quoted(value) if isinstance(value, str) else value if isinstance(value, int) else kind_of(value)
            context.problems.add(
                place, f"`{name}` must be {self.number}, the format that this version reads, not {shown}"
            )
            return BAD
        return self.number

    def schema(self, writing: Writing) -> dict[str, Any]:
        del writing
        return {"const": self.number}


@dataclass(frozen=True)
class Anything:
    """Any JSON value: a request's body."""

    def check(self, value: Any, place: Place, name: str, context: Context) -> Any:
        del place, name, context
        return plain(value)

    def schema(self, writing: Writing) -> dict[str, Any]:
        del writing
        return {}


@dataclass(frozen=True)
class NumberOr:
    """A number, or a text that stands for one: `30` or `30s`."""

    number: Number
    text: Text

    def check(self, value: Any, place: Place, name: str, context: Context) -> Any:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return (self.number if number else self.text).check(value, place, name, context)

    def schema(self, writing: Writing) -> dict[str, Any]:
        return {"anyOf": [self.number.schema(writing), self.text.schema(writing)]}
