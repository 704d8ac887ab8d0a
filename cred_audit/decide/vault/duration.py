"""Durations and moments as the servers read them: whole seconds, whole days, Go's notation (`1h30m`), RFC 3339."""

import re
from datetime import UTC, datetime, timedelta

LIMIT = 2**63
"""Whole numbers and nanoseconds are of 64 bits."""
_INTEGER = re.compile(r"[+-]?[0-9]+")
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))",
    re.ASCII,
)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_UNITS = {
    "ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6,
    "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9,
}  # fmt: skip


def whole(text: str) -> int | None:
    """Return a decimal whole number of 64 bits; None where it is none."""
    if not _INTEGER.fullmatch(text) or len(text) > 100:
        return None
    number = int(text)
    return number if -LIMIT <= number < LIMIT else None


def seconds_of(text: str) -> float | None:
    """Return a duration in seconds, negative ones too; None where it is none. An empty text is 0."""
    if not text:
        return 0.0
    number = whole(text)
    if number is not None:
        return _wrapped(number * 10**9)
    if text.endswith("d"):
        days = whole(text[:-1])
        return None if days is None else _wrapped(days * 86400 * 10**9)
    nanoseconds = _go(text)
    return None if nanoseconds is None else nanoseconds / 10**9


def _wrapped(nanoseconds: int) -> float:
    """Return seconds after the overflow that 64 bits have."""
    return ((nanoseconds + LIMIT) % (2 * LIMIT) - LIMIT) / 10**9


def _go(text: str) -> int | None:
    unsigned = text[1:] if text[:1] in ("+", "-") else text
    if unsigned == "0":
        return 0
    total = 0
    position = 0
    while position < len(unsigned):
        match = _PART.match(unsigned, position)
        if match is None or not (match[1] or match[2]) or len(match[1]) > 19:
            return None
        unit = _UNITS[match[3]]
        fraction = (match[2] or "")[:18]
        total += int(match[1] or "0") * unit + int(fraction or "0") * unit // 10 ** len(fraction)
        position = match.end()
    if not unsigned or total > LIMIT - 1:
        return None
    return -total if text.startswith("-") else total


def moment_of(text: str) -> datetime | None:
    """Return an RFC 3339 time or epoch seconds as a moment; None where it is neither."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        number = whole(text)
        return None if number is None else epoch(number)
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction = int(((match[7] or "") + "000000")[:6])
    shift = timedelta()
    if match[8]:
        shift = timedelta(hours=int(match[9]), minutes=int(match[10])) * (-1 if match[8] == "-" else 1)
    try:
        return datetime(year, month, day, hour, minute, second, fraction, tzinfo=UTC) - shift
    except (ValueError, OverflowError):
        return None


def epoch(seconds: float) -> datetime:
    """Return seconds since 1970 as a moment, the first or the last one where it lies outside all of them."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return _LAST if seconds > 0 else _FIRST
