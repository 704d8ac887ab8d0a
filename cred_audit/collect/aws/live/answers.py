"""Read AWS's answers strictly: whatever has another type than documented is not seen.

That is the field alone where the facts can say so of it, and else the part that it belongs to.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import unquote

from cred_audit.collect.aws.live.failures import NotSeen, malformed

_ARN = re.compile(r"arn:[a-z0-9-]+:[a-z0-9-]+:[a-z0-9-]*:(\d{12}|aws)?:.+", re.DOTALL)
Fields = Mapping[str, Any]
Lost = Callable[[NotSeen], None]
"""Takes why a field of one object was not seen."""
_Value = TypeVar("_Value")


def text(data: Fields, field: str, default: str | None = None) -> str:
    """Return a text. Raises NotSeen for another type, and for none where there is no default."""
    value = data.get(field)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise malformed(field)
    return clean(value)


def part(read: Callable[[], _Value], lost: Lost) -> _Value | None:
    """Return a field of one object; None, with the reason told, where it is not as documented."""
    try:
        return read()
    except NotSeen as why:
        lost(why)
        return None


def clean(value: str) -> str:
    """Return a text that can be written down: halves of surrogate pairs cannot."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def arn(data: Fields, field: str, service: str = "") -> str:
    """Return an ARN, of this service where one is given."""
    value = text(data, field)
    if _ARN.fullmatch(value) is None or service not in ("", value.split(":", 3)[2]):
        raise malformed(field)
    return value


def truth(data: Fields, field: str, *, default: bool | None = None) -> bool | None:
    """Return a yes or no."""
    value = data.get(field)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise malformed(field)
    return value


def number(data: Fields, field: str) -> int | None:
    """Return a number, or None for none."""
    value = data.get(field)
    if value is None:
        return None
    if not isinstance(value, int):
        raise malformed(field)
    return int(value)


def moment(data: Fields, field: str) -> datetime | None:
    """Return a time in UTC, or None for none."""
    value = data.get(field)
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise malformed(field)
    try:
        return value.astimezone(UTC) if value.tzinfo is not None else value.replace(tzinfo=UTC)
    except (OverflowError, ValueError):
        raise malformed(field) from None


def entries(data: Fields, field: str, *, required: bool = False) -> list[Fields]:
    """Return the objects of a list; none is empty unless it is required."""
    value = data.get(field)
    if value is None and not required:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise malformed(field)
    return value


def texts(data: Fields, field: str) -> tuple[str, ...]:
    """Return the texts of a list."""
    value = data.get(field)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise malformed(field)
    return tuple(clean(entry) for entry in value)


def inner(data: Fields, field: str) -> Fields:
    """Return an object, empty where there is none."""
    value = data.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise malformed(field)
    return value


def pairs(data: Fields, field: str) -> dict[str, str] | None:
    """Return an object of texts, or None for none."""
    if data.get(field) is None:
        return None
    found = inner(data, field)
    return {clean(str(name)): text(found, name) for name in found}


def tags(data: Fields, field: str = "Tags", *, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Return tags."""
    return {text(entry, key): text(entry, value, "") for entry in entries(data, field)}


def document(data: Fields, field: str) -> str:
    """Return a policy document as JSON text: boto3 has read it already, or it is the text that was no JSON."""
    value = data.get(field)
    if isinstance(value, dict):
        try:
            return json.dumps(value, separators=(",", ":"))
        except RecursionError:
            raise malformed(field) from None
    if isinstance(value, str):
        return clean(unquote(value) if value.startswith("%7B") else value)
    raise malformed(field)
