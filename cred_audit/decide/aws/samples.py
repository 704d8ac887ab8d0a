"""Values of a condition key, one for every way in which some tests of it can turn out."""

import ipaddress
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from cred_audit.decide.aws.condition import filled, resolved
from cred_audit.decide.aws.keys import FREE, Keys
from cred_audit.decide.aws.model import Condition
from cred_audit.decide.aws.pattern import parts_of
from cred_audit.decide.aws.words import Pattern, Wanted, pattern, words

Tests = Iterable[tuple[Condition, bool]]
"""Conditions on one key, each with whether `${...}` in its values are variables."""


def values_of(
    conditions: Tests, keys: Keys, *, also: Iterable[Pattern] = (), forms: tuple[Pattern, ...] = ()
) -> tuple[tuple[str, ...], bool]:
    """Return one value of a key for each outcome of its tests, and whether none is missing.

    `also`: patterns that are told apart besides. `forms`: what a value must look like, where it can't be any text.
    """
    patterns: list[Pattern] = [*also]
    found: dict[str, None] = {}
    complete = True
    for condition, variables in conditions:
        operator = condition.operator
        for text in condition.values:
            if operator.startswith(("String", "Arn")):
                parts = parts_of(text, variables=variables)
                for values in resolved(parts, keys):
                    if values is FREE:
                        complete = False
                    elif values is not None:
                        arn = operator.startswith("Arn")
                        wild = arn or "Like" in operator
                        runs = filled(parts, values)
                        patterns.append(pattern(runs, arn=arn, wild=wild, fold="IgnoreCase" in operator))
            elif operator != "Null":
                found.update(dict.fromkeys(_around(operator, text)))
    literal: tuple[str, ...] = ()
    whole = True
    if patterns or forms:
        literal, whole = words(tuple(dict.fromkeys(patterns)), wanted=Wanted(some=forms))
    found.update(dict.fromkeys(literal))
    if not found:
        found["x"] = None
    return tuple(found), complete and whole


def moments_of(conditions: Tests) -> tuple[datetime, ...]:
    """Return the moments around those that conditions on the time name."""
    found: dict[datetime, None] = {}
    for condition, _ in conditions:
        for text in condition.values:
            moment = moment_of(text)
            if moment is not None:
                found.update(dict.fromkeys(moment + timedelta(seconds=shift) for shift in (-1, 0, 1)))
    return tuple(found)


def moment_of(text: str) -> datetime | None:
    """Read ISO 8601 or seconds since 1970."""
    try:
        moment = datetime.fromtimestamp(float(text), UTC) if _is_number(text) else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _is_number(text: str) -> bool:
    return len(text) > 4 and text.replace(".", "", 1).isdigit()


def _around(operator: str, text: str) -> Iterator[str]:
    """Yield values below, at and above a bound."""
    if operator.startswith("Numeric"):
        try:
            bound = Decimal(text)
        except InvalidOperation:
            return
        yield from (str(bound - 1), str(bound), str(bound + 1))
    elif operator.startswith("Date"):
        moment = moment_of(text)
        if moment is not None:
            yield from ((moment + timedelta(seconds=shift)).isoformat() for shift in (-1, 0, 1))
    elif "IpAddress" in operator:
        yield from _addresses(text)
    elif operator == "Bool":
        yield from ("true", "false")
    else:
        yield from (text, "eA==")


def _addresses(text: str) -> Iterator[str]:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return
    first, last = int(network.network_address), int(network.broadcast_address)
    kind = ipaddress.IPv4Address if network.version == 4 else ipaddress.IPv6Address
    highest = 2**network.max_prefixlen - 1
    yield from (str(kind(number)) for number in (first, last, first - 1, last + 1) if 0 <= number <= highest)
