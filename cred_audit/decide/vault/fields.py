"""Fields of a write that KV v2 checks before the policies are asked: it reads them to say whether the object exists.

Source: OpenBao 2.7.2 as measured, value by value.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from cred_audit.decide.vault.duration import LIMIT, seconds_of
from cred_audit.decide.vault.routes import Routes

BOOLEANS: Mapping[str, bool] = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("", "0", "f", "F", "FALSE", "false", "False"), False),
}
"""Texts that stand for true and false."""
_BASE_0 = re.compile(
    r"[+-]?(?:0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0(?:_?[0-7])*|[1-9](?:_?[0-9])*)"
)


def go_integer(text: str) -> int | None:
    """Return a 64-bit whole number in Go's own notation (`0x10`, `1_000`), or None."""
    if not _BASE_0.fullmatch(text):
        return None
    digits = text.replace("_", "").lower()
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    # Longer than this is out of range in every base, and int() refuses thousands of digits.
    if len(digits) > 100:
        return None
    octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    number = sign * (int(digits, 8) if octal else int(digits, 0))
    return number if -LIMIT <= number < LIMIT else None


def _map(value: Any) -> bool:
    if isinstance(value, list):
        return all(entry is None or isinstance(entry, Mapping) for entry in value)
    return isinstance(value, Mapping)


def _integer(value: Any) -> bool:
    if isinstance(value, str):
        return not value or go_integer(value) is not None
    return isinstance(value, int) and -LIMIT <= value < LIMIT


def _boolean(value: Any) -> bool:
    return value in BOOLEANS if isinstance(value, str) else isinstance(value, int) and value in (0, 1)


def _duration(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return False
    seconds = seconds_of(str(value))
    return seconds is not None and seconds >= 0


def _text(value: Any) -> bool:
    return isinstance(value, str | int | float)


_LISTED = {"limit": _integer, "after": _text}
_KINDS: Mapping[str, Mapping[str, Callable[[Any], bool]]] = {
    "data": {"data": _map, "options": _map, "version": _integer},
    "metadata": {
        **_LISTED,
        "max_versions": _integer,
        "cas_required": _boolean,
        "metadata_cas": _integer,
        "metadata_cas_required": _boolean,
        "delete_version_after": _duration,
        "custom_metadata": _map,
    },
    "detailed-metadata": _LISTED,
}


def bad_field(routes: Routes, namespace: str, path: str, data: Mapping[str, Any]) -> str | None:
    """Return the name of a field that makes KV v2 refuse a write before the policies are asked."""
    found = routes.engine_of(namespace, path)
    if found is None or found.type != "kv" or found.version != 2:
        return None
    view, slash, _ = path[len(found.start) :].partition("/")
    kinds = _KINDS.get(view) if slash else None
    if kinds is None:
        return None
    for name, value in data.items():
        kind = kinds.get(name)
        if kind is not None and value is not None and not kind(value):
            return name
    return None
