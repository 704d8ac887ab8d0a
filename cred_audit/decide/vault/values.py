"""The values of a policy's keys, with the types that the servers' decoder wants and turns them into."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cred_audit.decide.vault import duration, hcl
from cred_audit.decide.vault.fields import go_integer
from cred_audit.decide.vault.hcl import Item, Kind, ListNode, Literal, Node, ObjectNode, PolicySyntaxError

Json = Any
"""A parameter value with its type: 1, 1.0, "1", True, lists and objects stay apart."""


class Values:
    """Reads values of one document; an error names the place in its text."""

    text: str

    def error(self, message: str, offset: int) -> PolicySyntaxError:
        """Return an error at a place of the text."""
        return PolicySyntaxError(message, *hcl.place(self.text, min(offset, len(self.text))))

    def string(self, item: Item) -> str:
        """Return one scalar as text."""
        if len(item.keys) > 1 or not isinstance(item.value, Literal):
            message = f"{item.keys[0]} needs one plain value"
            raise self.error(message, item.start)
        return item.value.value

    def boolean(self, item: Item) -> bool:
        """Return true or false."""
        if len(item.keys) > 1 or not isinstance(item.value, Literal) or item.value.kind is not Kind.BOOL:
            message = f"{item.keys[0]} is true or false"
            raise self.error(message, item.start)
        return item.value.text == "true"

    def last_string(self, fields: Mapping[str, list[Item]], key: str) -> str:
        """Return the text of the last of several keys; empty where there is none."""
        value = ""
        for item in fields.get(key, ()):
            value = self.string(item)
        return value

    def strings(self, fields: Mapping[str, list[Item]], key: str) -> tuple[str, ...]:
        """A list of plain values; repeated keys add up, an empty block is an empty list."""
        found: list[str] = []
        for item in fields.get(key, ()):
            value = item.value
            elements: list[Node] = []
            if isinstance(value, ListNode):
                elements = value.elements
            if len(item.keys) > 1 or isinstance(value, Literal) or (isinstance(value, ObjectNode) and value.items):
                message = f"{key} needs a list"
                raise self.error(message, item.start)
            for element in elements:
                if not isinstance(element, Literal):
                    message = f"{key} takes plain values only"
                    raise self.error(message, element.start)
                found.append(element.value)
        return tuple(found)

    def integer(self, item: Item) -> int:
        """Return a whole number, written as a number or as text."""
        value = item.value
        if len(item.keys) == 1 and isinstance(value, Literal) and value.kind in (Kind.NUMBER, Kind.STRING):
            return self.go_integer(value.value, value.start)
        message = f"{item.keys[0]} needs a whole number"
        raise self.error(message, item.start)

    def go_integer(self, text: str, offset: int) -> int:
        """Return a whole number from its text."""
        number = go_integer(text)
        if number is None:
            message = f"{text[:40]!r} is no 64-bit whole number"
            raise self.error(message, offset)
        return number

    def go_float(self, text: str, offset: int) -> float:
        """Return a decimal number from its text."""
        try:
            return float(text)
        except ValueError:
            message = f"{text[:40]!r} is no number"
            raise self.error(message, offset) from None

    def scalar(self, items: "list[Item] | tuple[()]") -> Json:
        """A free value; a repetition is read with the type of the first."""
        value: Json = None
        for item in items:
            decoded = self.value(item.value, in_list=False) if len(item.keys) == 1 else []
            if isinstance(value, str) and isinstance(item.value, Literal):
                decoded = item.value.value
            elif isinstance(value, int) and not isinstance(value, bool):
                decoded = self.integer(item)
            elif value is not None and type(decoded) is not type(value):
                message = f"{item.keys[0]} is set twice with different types"
                raise self.error(message, item.start)
            value = decoded
        return value

    def value(self, node: Node, *, in_list: bool) -> Json:
        """A parameter value. Objects that stand in objects become tuples of objects, which equal no JSON list."""
        if isinstance(node, Literal):
            if node.kind is Kind.BOOL:
                return node.text == "true"
            if node.kind is Kind.NUMBER:
                return self.go_integer(node.text, node.start)
            return self.go_float(node.text, node.start) if node.kind is Kind.FLOAT else node.value
        if isinstance(node, ListNode):
            return [self.value(element, in_list=True) for element in node.elements]
        if in_list:
            return self.mapping(node.items)
        return tuple(self.mapping([item]) for item in node.items)

    def mapping(self, items: list[Item]) -> dict[str, Json]:
        """Return the items of an object as values."""
        found: dict[str, Json] = {}
        for item in items:
            value = self.value(item.value, in_list=False)
            for key in reversed(item.keys[1:]):
                value = ({key: value},)
            old = found.get(item.keys[0])
            found[item.keys[0]] = old + value if isinstance(old, tuple) and isinstance(value, tuple) else value
        return found

    def parameters(self, items: list[Item] | None) -> Mapping[str, tuple[Json, ...]] | None:
        """Return lists of values by name, in lower case; None where the key is not there."""
        if items is None:
            return None
        found: dict[str, tuple[Json, ...]] = {}
        for item in items:
            inner = item.value
            if not isinstance(inner, ObjectNode):
                message = f"{item.keys[0]} needs a block of lists"
                raise self.error(message, item.start)
            pairs = [Item(item.keys[1:], item.start, inner)] if len(item.keys) > 1 else inner.items
            for pair in pairs:
                value = pair.value
                if isinstance(value, Literal):
                    message = f"{item.keys[0]}: {pair.keys[0]} needs a list"
                    raise self.error(message, pair.start)
                if len(pair.keys) > 1:
                    message = f"{item.keys[0]}: {pair.keys[0]} needs a list"
                    raise self.error(message, pair.start)
                if isinstance(value, ListNode):
                    values: list[Json] = [self.value(element, in_list=True) for element in value.elements]
                else:
                    values = [self.mapping(value.items)]
                found[pair.keys[0]] = found.get(pair.keys[0], ()) + tuple(values)
        return {key.lower(): values for key, values in found.items()}

    def seconds(self, value: Json, offset: int) -> float:
        """Return a duration in seconds; 0 where there is none."""
        if value is None or value == "":
            return 0.0
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(int(value)) if abs(value) < duration.LIMIT else 0.0
        if isinstance(value, str):
            seconds = duration.seconds_of(value)
            if seconds is not None:
                return seconds
        message = f"{str(value)[:40]!r} is no duration"
        raise self.error(message, offset)

    def expiration(self, text: str, offset: int) -> datetime:
        """Return a moment."""
        moment = duration.moment_of(text)
        if moment is None:
            message = f"{text[:40]!r} is neither an RFC 3339 time nor epoch seconds"
            raise self.error(message, offset)
        return moment

    def fields(self, body: ObjectNode, allowed: set[str], place: str) -> dict[str, list[Item]]:
        """Return the items of a block by key. A key that is not allowed is an error."""
        found: dict[str, list[Item]] = {}
        for item in body.items:
            if item.keys[0] not in allowed:
                message = f"unknown key {item.keys[0]!r} in {place}"
                raise self.error(message, item.start)
            found.setdefault(item.keys[0], []).append(item)
        return found
