"""Text from outside, made safe to look at: no control or direction characters, and never longer than it helps."""

import re
from collections.abc import Iterable, Sequence

_NAME_LIMIT = 120
_TEXT_LIMIT = 4_000
# Control characters but tab and newline, direction overrides and other invisible characters, line
# separators, surrogates (which no encoder takes) and tags: all can make text look like something else.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def block(text: str, limit: int = _TEXT_LIMIT) -> str:
    """Return text of several lines with what cannot be seen written as an escape, cut with a count."""
    cut = len(text) - limit
    shown = _INVISIBLE.sub(_escape, text[:limit]).expandtabs(4)
    return f"{shown} [{cut:,} more characters]" if cut > 0 else shown


def line(text: str, limit: int = _TEXT_LIMIT) -> str:
    """Return text as one line; a line break in it is written as an escape."""
    return block(text, limit).replace("\n", "\\n")


def name(text: str) -> str:
    """Return a name of a tenant, agent, policy or path."""
    return line(text, _NAME_LIMIT)


def names(all_names: Sequence[str], first: int = 3) -> str:
    """Return `a, b, c and 39 more`."""
    shown = ", ".join(name(each) for each in all_names[:first])
    rest = len(all_names) - first
    return f"{shown} and {rest:,} more" if rest > 0 else shown


def plural(count: int, singular: str, many: str | None = None) -> str:
    """Return `1 tenant`, `2 tenants`."""
    return f"{count:,} {singular if count == 1 else many or singular + 's'}"


def sentence(parts: Iterable[str]) -> str:
    """Join half sentences with `and`."""
    return " and ".join(line(part).rstrip(".") for part in parts)
