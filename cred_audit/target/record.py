"""The shapes of lists and mappings: what a target file is made of, down to its single values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from cred_audit.target.model import SecretRef
from cred_audit.target.node import Map, Seq
from cred_audit.target.problem import Place, nearest, quoted
from cred_audit.target.shape import BAD, Context, Shape, Text, Writing, wrong_kind

_MANY = 100_000


@dataclass(frozen=True)
class Many:
    """A list."""

    of: Shape
    least: int = 0
    most: int = _MANY
    secret: bool = False
    """Whether something else than a list might be a secret, so that no message shows it."""
    merged: bool = False
    """Whether `defaults` are merged into each entry, so that an entry may hold a part only."""

    def check(self, value: Any, place: Place, name: str, context: Context) -> Any:
        if not isinstance(value, Seq):
            return wrong_kind(value, place, name, "a list", context, secret=self.secret)
        if not self.least <= len(value) <= self.most:
            why = f"holds more than {self.most:,} entries" if value else "is empty"
            context.problems.add(place, f"`{name}` {why}")
            return BAD
        if context.partial and not self.merged:
            context = replace(context, partial=False)
        check = self.of.check
        items = [check(item, at, name, context) for item, at in zip(value, value.places, strict=True)]
        return BAD if BAD in items else items

    def schema(self, writing: Writing) -> dict[str, Any]:
        of = self.of.schema(writing if self.merged else replace(writing, partial=False))
        out: dict[str, Any] = {"type": "array", "items": of, "maxItems": self.most}
        return {**out, "minItems": self.least} if self.least else out


@dataclass(frozen=True)
class Named:
    """A mapping whose keys are the writer's own."""

    of: Shape
    keys: str = ""
    """Pattern of the keys."""
    keys_are: str = ""
    least: int = 0

    @cached_property
    def _match(self) -> "re.Pattern[str] | None":
        return re.compile(self.keys) if self.keys else None

    def check(self, value: Any, place: Place, name: str, context: Context) -> Any:
        if not isinstance(value, Map):
            return wrong_kind(value, place, name, "a mapping", context)
        if len(value) < self.least:
            context.problems.add(place, f"`{name}` is empty")
            return BAD
        out: dict[str, Any] = {}
        bad = False
        for key, item in value.items():
            at, item_at = value.places[key]
            if self._match and not self._match.fullmatch(key):
                context.problems.add(at, f"a key of `{name}` must be {self.keys_are}, not {quoted(key)}")
                bad = True
                continue
            out[key] = self.of.check(item, item_at, f"{name}.{quoted(key)[1:-1]}", context)
            bad = bad or out[key] is BAD
        return BAD if bad else out

    def schema(self, writing: Writing) -> dict[str, Any]:
        of = self.of.schema(writing)
        out: dict[str, Any] = {"type": "object", **({"minProperties": self.least} if self.least else {})}
        if not self.keys:
            return {**out, "additionalProperties": of}
        return {**out, "patternProperties": {f"^(?:{self.keys})$": of}, "additionalProperties": False}


@dataclass(frozen=True)
class ListOr:
    """A list of one shape, or something else of another."""

    many: Many
    other: Shape

    def check(self, value: Any, place: Place, name: str, context: Context) -> Any:
        return (self.many if isinstance(value, list) else self.other).check(value, place, name, context)

    def schema(self, writing: Writing) -> dict[str, Any]:
        return {"anyOf": [self.many.schema(writing), self.other.schema(writing)]}


@dataclass(frozen=True)
class Field:
    """One key of a record."""

    key: str
    shape: Shape
    says: str
    """What the key means, one sentence."""
    required: bool = False


class Values(dict[str, Any]):
    """A record's checked values, with the mapping that they were written in."""

    __slots__ = ("node",)

    node: Map


@dataclass(frozen=True)
class Record:
    """A mapping with known keys."""

    name: str
    """For the schema's definitions."""
    says: str
    fields: tuple[Field, ...]
    any_of: tuple[str, ...] = ()
    """Keys of which at least one is needed."""
    apart: tuple[tuple[str, str], ...] = ()
    """Pairs of keys that exclude each other."""
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """A key -> the keys of which it needs at least one beside it."""
    whole: bool = False
    """Whether it is never merged, so that all of it must be there even where parts would do."""
    rest: Field | None = None
    """Every other key that matches this field's key, a pattern."""
    rest_is: str = ""
    """What such a key is, in words."""

    @cached_property
    def _shapes(self) -> dict[str, Shape]:
        return {each.key: each.shape for each in self.fields}

    @cached_property
    def _required(self) -> tuple[str, ...]:
        return tuple(each.key for each in self.fields if each.required)

    def check(self, value: Any, place: Place, name: str, context: Context) -> Any:
        if not isinstance(value, Map):
            return wrong_kind(value, place, name, "a mapping", context)
        out = Values()
        out.node = value
        bad = unknown = False
        shapes, places = self._shapes, value.places
        for key, item in value.items():
            shape = shapes.get(key)
            if shape is None:
                shape = self.rest.shape if self.rest and re.fullmatch(self.rest.key, key) else None
                if shape is None:
                    hint = "" if context.problems.full else nearest(key, shapes)
                    hint += f", or {self.rest_is}" if self.rest_is else ""
                    hint = "merge keys are not supported; use `defaults:`" if key == "<<" else hint
                    context.problems.add(places[key][0], f"unknown key {quoted(key)} in {self.says}; {hint}")
                    bad = unknown = True
                    continue
            out[key] = checked = shape.check(item, places[key][1], key, context)
            if checked is BAD:
                bad = True
        if self.whole or not context.partial:
            bad = self._incomplete(value, context, told=unknown) or bad
        for one, other in self.apart:
            if one in value and other in value:
                context.problems.add(
                    places[other][0], f"`{one}` and `{other}` exclude each other in {self.says}; leave one out"
                )
                bad = True
        return BAD if bad else out

    def _incomplete(self, value: Map, context: Context, *, told: bool) -> bool:
        bad = False
        for key in self._required:
            if key not in value:
                context.problems.add(value.place, f"{self.says} needs `{key}`")
                bad = True
        for key, others in self.needs.items():
            if key in value and not any(other in value for other in others):
                context.problems.add(value.places[key][0], f"`{key}` needs {_keys(others)} beside it")
                bad = told = True
        if self.any_of and not told and not any(key in value for key in self.any_of):
            context.problems.add(value.place, f"{self.says} needs one of {_keys(self.any_of)}")
            bad = True
        return bad

    def schema(self, writing: Writing) -> dict[str, Any]:
        label = self.name + ("-partial" if writing.partial else "") + ("-row" if writing.row else "")
        if label not in writing.definitions:
            writing.definitions[label] = {}  # a place for it, should it hold itself
            writing.definitions[label] = self.body(writing)
        return {"$ref": f"#/$defs/{label}"}

    def body(self, writing: Writing) -> dict[str, Any]:
        """Return the record's own schema, for a definition or the root."""
        properties = {each.key: {"description": each.says, **each.shape.schema(writing)} for each in self.fields}
        out: dict[str, Any] = {"type": "object", "description": _sentence(self.says), "properties": properties}
        if self.rest:
            rest = {"description": self.rest.says, **self.rest.shape.schema(writing)}
            out["patternProperties"] = {f"^(?:{self.rest.key})$": rest}
        out["additionalProperties"] = False
        rules: list[dict[str, Any]] = [{"not": {"required": list(pair)}} for pair in self.apart]
        if self.whole or not writing.partial:
            if self._required:
                out["required"] = list(self._required)
            if self.any_of:
                rules.append({"anyOf": [{"required": [key]} for key in self.any_of]})
            if self.needs:
                out["dependentSchemas"] = {
                    key: {"anyOf": [{"required": [other]} for other in others]} for key, others in self.needs.items()
                }
        return {**out, "allOf": rules} if rules else out


@dataclass(frozen=True)
class Secret:
    """A secret reference; never a secret."""

    record: Record

    def check(self, value: Any, place: Place, name: str, context: Context) -> Any:
        if not isinstance(value, Map):
            context.problems.add(
                place,
                f"`{name}` must say where the secret is, not be it: "
                "write {env: NAME}, {file: path} or {command: [program, argument]}",
            )
            return BAD
        values = self.record.check(value, place, name, context)
        if values is BAD:
            return BAD
        command = values.get("command")
        return SecretRef(
            env=values.get("env"), file=values.get("file"), command=tuple(command) if command is not None else None
        )

    def schema(self, writing: Writing) -> dict[str, Any]:
        return self.record.schema(replace(writing, partial=False))


@dataclass(frozen=True)
class TextOrSecret:
    """A text that may be seen, or a reference to one that may not."""

    text: Text
    secret: Secret

    def check(self, value: Any, place: Place, name: str, context: Context) -> Any:
        return (self.secret if isinstance(value, Map) else self.text).check(value, place, name, context)

    def schema(self, writing: Writing) -> dict[str, Any]:
        return {"anyOf": [self.text.schema(writing), self.secret.schema(writing)]}


@dataclass(frozen=True)
class Partial:
    """A shape of which only a part need be there: what `defaults` hold."""

    of: Shape

    def check(self, value: Any, place: Place, name: str, context: Context) -> Any:
        return self.of.check(value, place, name, replace(context, partial=True))

    def schema(self, writing: Writing) -> dict[str, Any]:
        return self.of.schema(replace(writing, partial=True))


@dataclass(frozen=True)
class Row:
    """A shape whose texts may hold `{{ column }}`."""

    of: Shape

    def check(self, value: Any, place: Place, name: str, context: Context) -> Any:
        return self.of.check(value, place, name, replace(context, row=True))

    def schema(self, writing: Writing) -> dict[str, Any]:
        return self.of.schema(replace(writing, row=True))


@dataclass(frozen=True)
class Merged:
    """A shape that is checked after merging, so that the file itself may hold a part of it."""

    of: Shape

    def check(self, value: Any, place: Place, name: str, context: Context) -> Any:
        return self.of.check(value, place, name, context)

    def schema(self, writing: Writing) -> dict[str, Any]:
        return self.of.schema(replace(writing, partial=True))


def _keys(keys: tuple[str, ...]) -> str:
    named = [f"`{key}`" for key in keys]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} or {named[-1]}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
