"""Condition operators.

IAM User Guide: "IAM JSON policy elements: Condition operators", "Conditions with multiple context keys or values",
"Policy variables with no value". All conditions of a statement must hold; of an operator's values one must match,
of a negated operator's none. An absent key makes positive operators false and negated ones true.
"""

import base64
import binascii
import ipaddress
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from cred_audit.decide.aws.document import NEGATED
from cred_audit.decide.aws.keys import FREE, Either, Keys
from cred_audit.decide.aws.model import Condition
from cred_audit.decide.aws.pattern import (
    MAYBE,
    NO,
    YES,
    Part,
    Variable,
    arn_expression,
    compiled,
    glob_expression,
    parts_of,
)

Holds = Callable[[Keys], int]
"""Whether a condition holds: NO, MAYBE or YES."""
_Single = Callable[[str, Keys], int]
"""Whether one value of the key satisfies the operator."""
_CACHED = 512


@lru_cache(maxsize=4096)
def compile_condition(condition: Condition, *, variables: bool) -> Holds:
    """Return the test of one operator and key; equal ones, which many policies share, are compiled once."""
    key = condition.key.lower()
    if condition.operator == "Null":
        return _null(key, condition.values)
    negated = condition.operator in NEGATED
    single = _single(condition, negated=negated, variables=variables)
    if condition.every or condition.some:
        return _of_set(key, single, every=condition.every, absent=condition.every or condition.if_exists)
    absent = YES if negated or condition.if_exists else NO
    if condition.operator == "StringEquals" and not any("${" in value for value in condition.values):
        return _equals_literal(key, frozenset(condition.values), absent)
    return _of_one(key, single, absent)


def _of_one(key: str, single: _Single, absent: int) -> Holds:
    def holds(keys: Keys) -> int:
        value = keys[key]
        if type(value) is str:
            return single(value, keys)
        if value is None:
            return absent
        if isinstance(value, Either):
            return _agreed(single(one, keys) for one in value.values)
        # A multivalued key without a set operator matches nothing, negated or not.
        return MAYBE if value is FREE else NO

    return holds


def _equals_literal(key: str, wanted: frozenset[str], absent: int) -> Holds:
    def holds(keys: Keys) -> int:
        value = keys[key]
        if type(value) is str:
            return YES if value in wanted else NO
        if value is None:
            return absent
        if isinstance(value, Either):
            return _agreed(YES if one in wanted else NO for one in value.values)
        return MAYBE if value is FREE else NO

    return holds


def _of_set(key: str, single: _Single, *, every: bool, absent: bool) -> Holds:
    choose = min if every else max

    def holds(keys: Keys) -> int:
        value = keys[key]
        if value is None:
            return YES if absent else NO
        if value is FREE:
            return MAYBE
        if isinstance(value, Either):
            return _agreed(single(one, keys) for one in value.values)
        values = (value,) if type(value) is str else value
        result = choose(single(one, keys) for one in values)
        if every and result == NO and not any(values):
            # The Guide: it "also returns true if the key values resolve to a null data set, such as an empty string".
            return MAYBE
        return result

    return holds


def _null(key: str, values: tuple[str, ...]) -> Holds:
    wanted = {value.lower() for value in values}

    def holds(keys: Keys) -> int:
        value = keys[key]
        if value is FREE:
            return YES if wanted >= {"true", "false"} else MAYBE
        return YES if ("true" if value is None else "false") in wanted else NO

    return holds


def _agreed(results: Iterable[int]) -> int:
    found = set(results)
    return found.pop() if len(found) == 1 else MAYBE


def _single(condition: Condition, *, negated: bool, variables: bool) -> _Single:
    operator = condition.operator
    if operator.startswith(("String", "Arn")):
        matchers = [_text_matcher(operator, value, variables=variables) for value in condition.values]
        if operator.startswith("ArnNot"):
            return _arn_not(matchers)
        return _negation(matchers) if negated else _disjunction(matchers)
    read, compare = _TYPED[operator.replace("Not", "")]
    return _typed(read, compare, condition.values, negated=negated)


def _disjunction(matchers: list[_Single]) -> _Single:
    if len(matchers) == 1:
        return matchers[0]

    def any_matches(value: str, keys: Keys) -> int:
        best = NO
        for matcher in matchers:
            result = matcher(value, keys)
            if result == YES:
                return YES
            best = max(best, result)
        return best

    return any_matches


def _negation(matchers: list[_Single]) -> _Single:
    positive = _disjunction(matchers)
    return lambda value, keys: YES - positive(value, keys)


def _arn_not(matchers: list[_Single]) -> _Single:
    negative = _negation(matchers)

    def none_matches(value: str, keys: Keys) -> int:
        # AWS's text does not say what ArnNotLike makes of a value that is no ARN.
        return negative(value, keys) if value.count(":") > 4 and value.startswith("arn:") else MAYBE

    return none_matches


def _text_matcher(operator: str, text: str, *, variables: bool) -> _Single:
    arn = operator.startswith("Arn")
    wild = arn or "Like" in operator
    fold = "IgnoreCase" in operator
    parts = parts_of(text, variables=variables)
    if not any(isinstance(part, Variable) for part in parts):
        matches = _constant(tuple(part for part in parts if not isinstance(part, Variable)), arn, wild, fold)
        return lambda value, keys: YES if matches(value) else NO  # noqa: ARG005  (a matcher's form)
    known: dict[tuple[str, ...], Callable[[str], bool]] = {}
    only = only_variable(parts)
    widest = compiled(anything(parts), ignore_case=fold).fullmatch

    def matcher(values: tuple[str, ...]) -> Callable[[str], bool]:
        if len(known) >= _CACHED:
            known.clear()
        found = known[values] = _constant(filled(parts, values), arn, wild, fold)
        return found

    def matches_template(value: str, keys: Keys) -> int:
        if only is not None:
            one = keys[only]
            if type(one) is str and one:
                return YES if (known.get((one,)) or matcher((one,)))(value) else NO
        alternatives = resolved(parts, keys)
        if len(alternatives) == 1:
            values = alternatives[0]
            if values is None:
                return NO
            if values is not FREE:
                return YES if (known.get(values) or matcher(values))(value) else NO
        results = {
            NO if values is None
            else (MAYBE if widest(value) else NO) if values is FREE
            else (YES if (known.get(values) or matcher(values))(value) else NO)
            for values in alternatives
        }  # fmt: skip
        return results.pop() if len(results) == 1 else MAYBE

    return matches_template


def _constant(runs: tuple[tuple[str, bool], ...], arn: bool, wild: bool, fold: bool) -> Callable[[str], bool]:
    if not wild or not any(special and ("*" in text or "?" in text) for text, special in runs):
        literal = "".join(text for text, _ in runs)
        if fold:
            literal = literal.lower()
            return lambda value: value.lower() == literal
        if not arn:
            return literal.__eq__
    expression = arn_expression(runs) if arn else glob_expression(runs)
    if expression is None:
        return lambda value: False  # noqa: ARG005  (a pattern that matches nothing)
    pattern = compiled(expression)
    return lambda value: pattern.fullmatch(value) is not None


def only_variable(parts: tuple[Part, ...]) -> str | None:
    """Return the key of a text's variable where it has just one: the usual case, which needs no alternatives."""
    found = [part.key for part in parts if isinstance(part, Variable)]
    return found[0] if len(found) == 1 else None


def resolved(parts: tuple[Part, ...], keys: Keys) -> list[Any]:
    """Return the alternatives for the values of the variables: a tuple of texts, None (no value) or FREE.

    There are several only where AWS's text leaves it open: an empty value may count as none, and of two tags whose
    keys differ by case one is taken.
    """
    alternatives: list[list[str]] = [[]]
    missing = free = False
    for part in parts:
        if not isinstance(part, Variable):
            continue
        value = keys[part.key]
        if value is None or isinstance(value, tuple):
            value = part.default
        if value is None:
            return [None]
        if value is FREE:
            free = True
            continue
        choices = value.values if isinstance(value, Either) else (value,)
        if "" in choices:
            # Where the variable has a default, it may count instead.
            choices = choices if part.default is None else (*choices, part.default)
            missing = missing or part.default is None
        alternatives = [[*chosen, choice] for chosen in alternatives for choice in choices]
    if free:
        return [FREE]
    return [*map(tuple, alternatives), *([None] if missing else [])]


def filled(parts: tuple[Part, ...], values: tuple[str, ...]) -> tuple[tuple[str, bool], ...]:
    """Return the runs of a text with its variables replaced; a value's own stars are characters, not wildcards."""
    rest = iter(values)
    return tuple((next(rest), False) if isinstance(part, Variable) else part for part in parts)


def anything(parts: tuple[Part, ...]) -> str:
    """Return an expression that matches at least what the text can match with any values of its variables."""
    return glob_expression(("*", True) if isinstance(part, Variable) else part for part in parts)


def _typed(
    read: Callable[[str], Any], compare: Callable[[Any, Any], bool], values: tuple[str, ...], *, negated: bool
) -> _Single:
    wanted = [read(value) for value in values]

    def holds(value: str, _: Keys) -> int:
        found = read(value)
        if found is None or None in wanted:
            # What a negated operator makes of a value of another type is not documented.
            positive = found is not None and any(one is not None and compare(found, one) for one in wanted)
            return (NO if positive else MAYBE) if negated else (YES if positive else NO)
        return YES if any(compare(found, one) for one in wanted) is not negated else NO

    return holds


@lru_cache(maxsize=4096)
def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


@lru_cache(maxsize=4096)
def _moment(text: str) -> datetime | None:
    """Read ISO 8601 or seconds since 1970."""
    try:
        if text.replace(".", "", 1).isdigit() and len(text) > 4:
            return datetime.fromtimestamp(float(text), UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


@lru_cache(maxsize=4096)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _inside(found: Any, wanted: Any) -> bool:
    return found.version == wanted.version and bool(found.subnet_of(wanted))


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


def _binary(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


_TYPED: dict[str, tuple[Callable[[str], Any], Callable[[Any, Any], bool]]] = {
    "IpAddress": (_network, _inside),
    "Bool": (_boolean, lambda found, wanted: found is wanted),
    "BinaryEquals": (_binary, lambda found, wanted: found == wanted),
}
for _name, _read in (("Numeric", _number), ("Date", _moment)):
    _TYPED |= {
        f"{_name}Equals": (_read, lambda found, wanted: found == wanted),
        f"{_name}LessThan": (_read, lambda found, wanted: found < wanted),
        f"{_name}LessThanEquals": (_read, lambda found, wanted: found <= wanted),
        f"{_name}GreaterThan": (_read, lambda found, wanted: found > wanted),
        f"{_name}GreaterThanEquals": (_read, lambda found, wanted: found >= wanted),
    }
