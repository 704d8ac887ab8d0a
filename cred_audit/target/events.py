"""YAML read from PyYAML's events: a point for every value, bounded, and nothing that a reader can overlook.

Scalars are those of YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema): `no` is a text and
`010` is ten. Aliases, anchors and tags are refused, as are duplicate keys. Building from events is three times as
fast as PyYAML's own constructor, and its C form ends the process on a deeply nested file.
"""

import re
from collections.abc import Callable
from typing import Any

import yaml

from cred_audit.target.node import MAX_DEPTH, MAX_VALUES, Map, Seq, Stopped
from cred_audit.target.problem import Place, Point, Problems, quoted

_Parser: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # some platforms lack libyaml

_MAYBE = frozenset("-+.0123456789tTfFnN~")
"""First characters of the plain scalars that may be something else than text."""
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_LONGEST_NUMBER = 40
_TOO_DEEP = f"this is nested too deeply (more than {MAX_DEPTH} levels)"


class _Builder:
    """One pass over a parser's events."""

    def __init__(self, next_event: Callable[[], Any], problems: Problems) -> None:
        self.next_event = next_event
        self.problems = problems
        self.left = MAX_VALUES

    def node(self, event: Any, depth: int) -> Any:
        kind = event.__class__
        if kind is yaml.ScalarEvent:
            if event.anchor is not None or event.tag is not None:
                raise self.refused(event)
            text = event.value
            if event.implicit[0]:
                return self.scalar(text, event.start_mark) if not text or text[0] in _MAYBE else text
            if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
                raise self.stop(event.start_mark, "half a surrogate pair stands here: it is no character")
            return text
        if kind is yaml.AliasEvent or event.anchor is not None or event.tag is not None:
            raise self.refused(event)
        if depth >= MAX_DEPTH:
            raise self.stop(event.start_mark, _TOO_DEEP)
        return self.mapping(event, depth + 1) if kind is yaml.MappingStartEvent else self.sequence(event, depth + 1)

    def mapping(self, start: Any, depth: int) -> Map:
        next_event, node, end = self.next_event, self.node, yaml.MappingEndEvent
        scalar: Any = yaml.ScalarEvent
        out = Map()
        out.place = start.start_mark
        places: dict[str, tuple[Place, Place]] = {}
        out.places = places
        event: Any = next_event()
        while event.__class__ is not end:
            if event.__class__ is not scalar:
                if event.__class__ is yaml.AliasEvent:
                    raise self.refused(event)
                raise self.stop(event.start_mark, "a key must be a text")
            if event.anchor is not None or event.tag is not None:
                raise self.refused(event)
            key = event.value
            value = next_event()
            if key in out:
                first = places[key][0].line + 1
                self.problems.add(event.start_mark, f"key {quoted(key)} is given twice (first on line {first})")
            places[key] = (event.start_mark, value.start_mark)
            out[key] = node(value, depth)
            event = next_event()
        self.count(len(out), start.start_mark)
        return out

    def sequence(self, start: Any, depth: int) -> Seq:
        next_event, node, end = self.next_event, self.node, yaml.SequenceEndEvent
        out = Seq()
        out.place = start.start_mark
        places: list[Place] = []
        out.places = places
        event: Any = next_event()
        while event.__class__ is not end:
            places.append(event.start_mark)
            out.append(node(event, depth))
            if not len(out) % 100_000:
                self.count(100_000, start.start_mark)
            event = next_event()
        self.count(len(out) % 100_000 + 1, start.start_mark)
        return out

    def count(self, values: int, place: Place) -> None:
        self.left -= values
        if self.left < 0:
            raise self.stop(place, f"the file holds more than {MAX_VALUES:,} values")

    def scalar(self, text: str, place: Place) -> Any:
        if text in _WORDS:
            return _WORDS[text]
        if _NOT_FINITE.fullmatch(text):
            raise self.stop(place, f"{quoted(text)} is no number that can be used here; quote it if it is a text")
        based, whole = _BASED.fullmatch(text), _INTEGER.fullmatch(text)
        if not (based or whole or _FLOAT.fullmatch(text)):
            return text
        if len(text) > _LONGEST_NUMBER:
            raise self.stop(place, f"the number {quoted(text)} is too long; quote it if it is a text")
        if based:
            return int(text[2:], 8 if text[1] == "o" else 16)
        number = int(text) if whole else float(text)
        if abs(number) == float("inf"):
            raise self.stop(place, f"the number {quoted(text)} is too large; quote it if it is a text")
        return number

    def refused(self, event: Any) -> Stopped:
        if event.__class__ is yaml.AliasEvent or event.anchor is not None:
            return self.stop(
                event.start_mark,
                "aliases and anchors (`*name`, `&name`) are not supported; "
                "write what all tenants share once under `defaults:`, or quote a text that begins so",
            )
        return self.stop(event.start_mark, f"tags (here {quoted(event.tag)}) are not supported; quote a text instead")

    def stop(self, place: Place, message: str) -> Stopped:
        self.problems.add(place, message)
        return Stopped(message)


def read_yaml(text: str, problems: Problems) -> tuple[Any, Place]:
    """Return the one document of a YAML text, and where it begins. Raises Stopped with the problem noted."""
    try:
        parser = _Parser(text)
        builder = _Builder(parser.get_event, problems)
        parser.get_event()  # the stream's start
        event = parser.get_event()
        if event.__class__ is yaml.StreamEndEvent:
            raise builder.stop(Point(0, 0), "the file is empty but for comments")
        event = parser.get_event()
        root = builder.node(event, 0)
        place: Place = event.start_mark
        parser.get_event()  # the document's end
        event = parser.get_event()
        if event.__class__ is not yaml.StreamEndEvent:
            raise builder.stop(event.start_mark, "a second document begins here; a target file holds one")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Point(mark.line, mark.column) if mark else Point(0, 0)
        deep = "nesting depth" in str(error.problem)  # libyaml's own bound, met first when it looks ahead
        problems.add(at, _TOO_DEEP if deep else _one_line(error.problem or "this is not YAML"))
        raise Stopped from error
    except yaml.YAMLError as error:
        problems.add(Point(0, 0), _one_line(getattr(error, "reason", None) or "this is not YAML"))
        raise Stopped from error
    return root, place


def _one_line(text: Any) -> str:
    words = " ".join(str(text)[:200].split())
    return "".join(char for char in words if char.isprintable())
