"""One line of a batch, read strictly: JSON that is not what it should be is an error that names the place.

What has a default may be left out. A key that is misspelt is an error; other unknown keys are notes of the
writer and are passed over.
"""

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

MAXIMUM_LINE = 32 * 1024 * 1024
"""Bytes in one line; the server itself takes no larger request."""
_NOTES = frozenset({"expected", "note", "comment", "source", "title", "tags"})


class LineError(ValueError):
    """The line cannot be answered; whoever wrote it has to act. `line_id` is what the line calls itself."""

    def __init__(self, message: str, line_id: Any = None) -> None:
        """Take the message, and the line's `id` where it could be read."""
        super().__init__(message)
        self.line_id = line_id


def parse(line: str | bytes) -> dict[str, Any]:
    """Read one line as an object. Raises LineError for everything that JSON does not allow."""
    if len(line) > MAXIMUM_LINE:
        message = f"the line is longer than {MAXIMUM_LINE} bytes; split it"
        raise LineError(message)
    try:
        text = line.decode("utf-8") if isinstance(line, bytes) else line
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        message = f"byte {error.start + 1} is not UTF-8"
        raise LineError(message) from None
    except RecursionError:
        raise LineError("the line is nested too deeply") from None
    except ValueError as error:
        message = f"the line is not JSON: {error}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise LineError(message[:300]) from None
    if not isinstance(value, dict):
        raise LineError("a line is one JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                message = f"the key {name[:80]!r} is set twice in one object"
                raise ValueError(message)
            seen.add(name)
    return found


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON"
    raise ValueError(message)


class Reader:
    """An object of the line, and where it stands."""

    def __init__(self, value: Any, place: str, known: Iterable[str]) -> None:
        """Take a value that should be an object; `known` are the keys that mean something here."""
        if not isinstance(value, Mapping):
            message = f"{place or 'the line'}: an object is expected"
            raise LineError(message)
        self.value = value
        self.place = f"{place}." if place else ""
        names = frozenset(known)
        for key in value:
            if key not in names and key not in _NOTES:
                near = difflib.get_close_matches(key[:80], names, n=1, cutoff=0.75)
                if near:
                    message = f"{self.place}{key[:80]}: unknown key; did you mean {near[0]}"
                    raise LineError(message)

    def fail(self, key: str, expected: str) -> NoReturn:
        """Raise the error that the value of a key is not what it should be."""
        message = f"{self.place}{key}: {expected} is expected"
        raise LineError(message)

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; one without a default has to be there."""
        value = self.value.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            self.fail(key, "a text")
        return value

    def flag(self, key: str) -> bool | None:
        """Return true, false or None."""
        value = self.value.get(key)
        if value is not None and not isinstance(value, bool):
            self.fail(key, "true, false or null")
        return value

    def list(self, key: str, *, required: bool = False) -> list[Any]:
        """Return a list, empty where it may be left out."""
        value = self.value.get(key)
        if value is None and not required:
            return []
        if not isinstance(value, list):
            self.fail(key, "a list")
        return value

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self.list(key, required=required)
        if not all(isinstance(entry, str) for entry in value):
            self.fail(key, "a list of texts")
        return tuple(value)

    def map(self, key: str) -> dict[str, str]:
        """Return an object whose values are texts; null is the empty object."""
        value = self.value.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
            self.fail(key, "an object of texts")
        return dict(value)
