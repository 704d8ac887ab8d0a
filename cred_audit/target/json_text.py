"""JSON read with a point for every value; duplicate keys are refused. Made for targets, so bounded like YAML."""

import json
import re
from bisect import bisect_right
from json.decoder import scanstring  # type: ignore[attr-defined]  # the C scanner of a string; not in the stubs
from typing import Any

from cred_audit.target.node import MAX_DEPTH, MAX_VALUES, Map, Seq, Stopped
from cred_audit.target.problem import Place, Point, Problems, quoted

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None}
_WORD = re.compile("true|false|null")
_LONGEST_NUMBER = 40


class _Reader:
    """One pass over a text."""

    def __init__(self, text: str, problems: Problems) -> None:
        self.text = text
        self.problems = problems
        self.left = MAX_VALUES
        self.lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def point(self, offset: int) -> Point:
        line = bisect_right(self.lines, offset) - 1
        return Point(line, offset - self.lines[line])

    def stop(self, offset: int, message: str) -> Stopped:
        self.problems.add(self.point(offset), message)
        return Stopped(message)

    def skip(self, offset: int) -> int:
        match = _SPACE.match(self.text, offset)
        return match.end() if match else offset

    def value(self, offset: int, depth: int) -> tuple[Any, int]:
        """Return the value that begins at an offset, and the offset after it."""
        self.left -= 1
        if self.left < 0:
            raise self.stop(offset, f"the file holds more than {MAX_VALUES:,} values")
        char = self.text[offset : offset + 1]
        if char == '"':
            return self.string(offset)
        if char in ("{", "["):
            if depth >= MAX_DEPTH:
                raise self.stop(offset, f"this is nested too deeply (more than {MAX_DEPTH} levels)")
            return self.mapping(offset, depth + 1) if char == "{" else self.sequence(offset, depth + 1)
        number = _NUMBER.match(self.text, offset)
        if number:
            return self.number(number), number.end()
        word = _WORD.match(self.text, offset)
        if word:
            return _WORDS[word.group()], word.end()
        raise self.stop(offset, "a value is missing here" if char else "the file ends too early")

    def number(self, match: re.Match[str]) -> float:
        text = match.group()
        if len(text) > _LONGEST_NUMBER:
            raise self.stop(match.start(), f"the number {quoted(text)} is too long; quote it if it is a text")
        number = float(text) if match.group(2) or match.group(3) else int(text)
        if abs(number) == float("inf"):
            raise self.stop(match.start(), f"the number {quoted(text)} is too large; quote it if it is a text")
        return number

    def string(self, offset: int) -> tuple[str, int]:
        try:
            text, end = scanstring(self.text, offset + 1, True)  # noqa: FBT003  (strict; takes no keywords)
        except json.JSONDecodeError as error:
            raise self.stop(error.pos, error.msg[:1].lower() + error.msg[1:]) from error
        if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
            raise self.stop(offset, "half a surrogate pair stands here: it is no character")
        return text, end

    def mapping(self, offset: int, depth: int) -> tuple[Map, int]:
        out = Map()
        out.place = self.point(offset)
        out.places = {}
        offset = self.skip(offset + 1)
        if self.text[offset : offset + 1] == "}":
            return out, offset + 1
        while True:
            if self.text[offset : offset + 1] != '"':
                raise self.stop(offset, "a key in double quotes is missing here")
            place = self.point(offset)
            key, offset = self.string(offset)
            offset = self.skip(offset)
            if self.text[offset : offset + 1] != ":":
                raise self.stop(offset, "a ':' is missing here")
            offset = self.skip(offset + 1)
            if key in out:
                first = out.places[key][0].line + 1
                self.problems.add(place, f"key {quoted(key)} is given twice (first on line {first})")
            out.places[key] = (place, self.point(offset))
            out[key], offset = self.value(offset, depth)
            offset, done = self.after(offset, "}")
            if done:
                return out, offset

    def sequence(self, offset: int, depth: int) -> tuple[Seq, int]:
        out = Seq()
        out.place = self.point(offset)
        out.places = []
        offset = self.skip(offset + 1)
        if self.text[offset : offset + 1] == "]":
            return out, offset + 1
        while True:
            out.places.append(self.point(offset))
            item, offset = self.value(offset, depth)
            out.append(item)
            offset, done = self.after(offset, "]")
            if done:
                return out, offset

    def after(self, offset: int, end: str) -> tuple[int, bool]:
        """Return the offset of what follows a comma, or the offset after the end."""
        offset = self.skip(offset)
        char = self.text[offset : offset + 1]
        if char == end:
            return offset + 1, True
        if char != ",":
            raise self.stop(offset, f"a ',' or '{end}' is missing here")
        return self.skip(offset + 1), False


def read_json(text: str, problems: Problems) -> tuple[Any, Place]:
    """Return the value of a JSON text, and where it begins. Raises Stopped with the problem noted."""
    reader = _Reader(text, problems)
    start = reader.skip(0)
    value, end = reader.value(start, 0)
    end = reader.skip(end)
    if end < len(text):
        raise reader.stop(end, "something follows the end of the document")
    return value, reader.point(start)
