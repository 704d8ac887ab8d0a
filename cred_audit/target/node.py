"""Plain data that knows where it stands in its file, and the bounded reading of a file's text."""

import re
from pathlib import Path
from typing import Any

from cred_audit.target.problem import Place, Point, Problems

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 40
MAX_VALUES = 4_000_000
"""Bounds on what a target may hold; 10,000 tenants written out are 2.5 MB and 200,000 values."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufffe\uffff]")
"""What YAML does not take as a character of its text."""


class Stopped(Exception):
    """Reading cannot go on after the problem that was just noted."""


class Map(dict[str, Any]):
    """A mapping; `places` holds the points of each key and its value."""

    __slots__ = ("place", "places")

    place: Place
    places: dict[str, tuple[Place, Place]]

    def at(self, key: str) -> Place:
        """Return where the value of a key stands, or the mapping itself when it has no such key."""
        both = self.places.get(key)
        return both[1] if both else self.place


class Seq(list[Any]):
    """A list; `places` holds the point of each item."""

    __slots__ = ("place", "places")

    place: Place
    places: list[Place]


def plain(value: Any) -> Any:
    """Return the value as plain data."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def read_text(path: Path, shown: str, problems: Problems) -> str:
    """Return the text of a file of at most 64 MB in UTF-8. Raises Stopped with the problem noted in `problems`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "it has no valid name"
        problems.add(Point(0, 0), f"cannot read {shown}: {why.lower()}")
        raise Stopped from error
    if len(data) > MAX_BYTES:
        problems.add(Point(0, 0), f"{shown} is larger than {MAX_BYTES // 1024 // 1024} MB")
        raise Stopped
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start)
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1)
        hint = (
            "it looks like UTF-16; save it as UTF-8" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "save it as UTF-8"
        )
        problems.add(Point(line, column), f"this is not UTF-8 text (byte 0x{data[error.start]:02x}): {hint}")
        raise Stopped from error
    bad = _CONTROL.search(text)
    if bad:
        point = Point(text.count("\n", 0, bad.start()), bad.start() - (text.rfind("\n", 0, bad.start()) + 1))
        problems.add(point, f"a control character (U+{ord(bad.group()):04X}) stands here: this is not a text file")
        raise Stopped
    if not text.strip():
        problems.add(Point(0, 0), f"{shown} is empty")
        raise Stopped
    return text
