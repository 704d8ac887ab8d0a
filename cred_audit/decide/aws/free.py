"""Searches the values of keys that nobody knows for one with which a request goes through.

For each such key finitely many values are tried, one for every way in which the policies' tests of it can turn out,
absence included; a request decided as a whole stands for all requests with the same outcomes.
"""

import ipaddress
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from cred_audit.decide import Decision, Effect, Reason
from cred_audit.decide.aws import catalogue
from cred_audit.decide.aws.atoms import is_principal_key, tag_of, unknown_variables
from cred_audit.decide.aws.condition import filled, resolved
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.keys import FREE, Keys, tag_spellings
from cred_audit.decide.aws.model import Condition, Request, ResourcePolicies, Value
from cred_audit.decide.aws.pattern import parts_of
from cred_audit.decide.aws.words import Pattern, pattern, words

_TRIES = 20_000
"""Decisions of one search; beyond, the answer is UNKNOWN."""
_CONTEXT = "kms:encryptioncontext:"
_TAG = "aws:resourcetag/"
_SET_VALUES = 6
"""Values of a multivalued key of which all subsets are tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Possible:
    """The answer: a request that goes through, with what it assumes; or that there is none."""

    decision: Decision
    request: Request


class Search:
    """Searches over the unknown keys of one principal's requests."""

    def __init__(self, evaluator: Evaluator) -> None:
        """Take the principal with its policies."""
        self.evaluator = evaluator

    def possible(
        self, request: Request, resource: ResourcePolicies, tags: Mapping[str, tuple[str | None, ...]] | None = None
    ) -> Possible:
        """Return a request like this one that is allowed, if there is one; its context is what was chosen.

        `tags`: for a thing that is not there yet, tag key -> values that it may have, None for none.
        """
        request = replace(request, free=request.free | self._unknown(request, resource))
        tests = list(self._tests(request, resource))
        if not tests and not tags:
            return Possible(decision=self.evaluator.decide(request, resource), request=request)
        choices, complete = self._choices(request, tests)
        choices |= {f"{_TAG}{tag}": values for tag, values in (tags or {}).items()}
        budget = [_TRIES]
        best = self._tried(request, resource, choices, {}, budget)
        sure = budget[0] == _TRIES - 1 or (complete and budget[0] > 0)
        if best.decision.effect is not Effect.DENY or sure:
            return best
        reason = Reason(policy="", why="there are too many combinations of condition values to try them all")
        return Possible(decision=Decision(effect=Effect.UNKNOWN, because=(reason,)), request=request)

    def _tried(
        self,
        request: Request,
        resource: ResourcePolicies,
        choices: Mapping[str, tuple[Value | None, ...]],
        chosen: dict[str, Value | None],
        budget: list[int],
    ) -> Possible:
        """Return the best answer with the keys chosen so far; keys not yet chosen are unknown to the engine."""
        open_keys = [key for key in choices if key not in chosen]
        asked = _asked(request, open_keys, {key: value for key, value in chosen.items() if value is not None})
        decision = self.evaluator.decide(asked, resource)
        budget[0] -= 1
        if decision.effect is not Effect.UNKNOWN or not open_keys:
            return Possible(decision=_assuming(decision, chosen), request=replace(asked, free=request.free))
        mentioned = {text.removesuffix(" is not known").lower() for text in decision.assuming}
        mentioned |= {f"{_TAG}{tag}" for tag in map(tag_of, mentioned) if tag is not None}
        key = next((key for key in open_keys if key.lower() in mentioned), open_keys[0])
        best: Possible | None = None
        for value in choices[key]:
            if budget[0] <= 0:
                break
            if value is not None and _excluded(key, chosen):
                continue
            found = self._tried(request, resource, choices, {**chosen, key: value}, budget)
            if found.decision.effect is Effect.ALLOW:
                return found
            if best is None or found.decision.effect is Effect.UNKNOWN:
                best = found
        return best if best is not None else Possible(decision=decision, request=asked)

    def _unknown(self, request: Request, resource: ResourcePolicies) -> frozenset[str]:
        """Return the variables of the policies whose value nobody knows; it is not searched."""
        return frozenset(
            name
            for clause in self.evaluator.clauses(request.action.lower(), resource)
            for name in unknown_variables(clause.statement, clause.document)
            if name not in {key.lower() for key in request.context}
        )

    def _tests(self, request: Request, resource: ResourcePolicies) -> Iterator[tuple[Condition, bool]]:
        """Yield the conditions on keys whose value is not known, with whether variables are read."""
        keys = self.evaluator.keys(request)
        for clause in self.evaluator.clauses(request.action.lower(), resource):
            for condition in clause.statement.conditions:
                if self._is_free(request, keys, condition.key.lower()):
                    yield condition, clause.document.variables

    @staticmethod
    def _is_free(request: Request, keys: Keys, key: str) -> bool:
        if is_principal_key(key) or tag_of(key) is not None:
            # Facts, like the tags of the thing: known, or unknown to the engine itself.
            return False
        if key.startswith(_CONTEXT) and keys[f"{_CONTEXT[:-1]}keys"] is not None and key not in request.free:
            # The service sends a whole encryption context of its own.
            return False
        if (keys[key] is not None and key not in request.free) or key in {name.lower() for name in request.context}:
            return False
        return catalogue.may_carry(request.action, key)

    def _choices(
        self, request: Request, tests: list[tuple[Condition, bool]]
    ) -> tuple[dict[str, tuple[Value | None, ...]], bool]:
        keys = self.evaluator.keys(request)
        by_key: dict[str, list[tuple[Condition, bool]]] = {}
        for condition, variables in tests:
            by_key.setdefault(condition.key.lower(), []).append((condition, variables))
        choices: dict[str, tuple[Value | None, ...]] = {}
        complete = True
        for key, conditions in by_key.items():
            if key == "secretsmanager:secretid":
                choices[key] = _spellings(request.resource)
                continue
            values, whole = values_of(conditions, keys)
            complete = complete and whole
            single: tuple[Value | None, ...] = (None, *values)
            if any(condition.every or condition.some for condition, _ in conditions):
                complete = complete and len(values) <= _SET_VALUES
                kept = values[:_SET_VALUES]
                sets = (set_ for size in range(1, len(kept) + 1) for set_ in itertools.combinations(kept, size))
                single = (None, *sets)
            choices[key] = single
        return choices, complete


def _asked(request: Request, open_keys: Iterable[str], given: Mapping[str, Value]) -> Request:
    """Return a request with some keys chosen and others open; tags of the thing are keys in both spellings."""
    tags = {
        key.removeprefix(_TAG): value for key, value in given.items() if key.startswith(_TAG) and isinstance(value, str)
    }
    free: set[str] = set()
    for key in open_keys:
        if key.startswith(_TAG):
            spellings = tag_spellings(request.action.partition(":")[0].lower())
            free.update(f"{spelling}{key.removeprefix(_TAG)}" for spelling in spellings)
        else:
            free.add(key)
    context = {key: value for key, value in given.items() if not key.startswith(_TAG)}
    asked = replace(request, context={**request.context, **context}, free=request.free | free)
    if not tags:
        return asked
    return replace(asked, resource_tags={**(request.resource_tags or {}), **tags})


def _spellings(arn: str) -> tuple[str, ...]:
    """Return how a request may name a secret: by ARN, with or without the six characters at its end, or by name."""
    short = arn[:-7]
    return (arn, short, short.split(":", 6)[-1])


def _excluded(key: str, chosen: Mapping[str, Value | None]) -> bool:
    """Whether a key cannot be there beside those chosen: a request through a VPC endpoint has no public address."""
    through = {"aws:sourcevpce", "aws:sourcevpc"}
    others = {"aws:sourceip"} if key in through else through if key == "aws:sourceip" else set()
    return any(chosen.get(other) is not None for other in others)


def _assuming(decision: Decision, chosen: Mapping[str, Value | None]) -> Decision:
    chosen = {key: value for key, value in chosen.items() if not key.startswith(_TAG)}
    if decision.effect is not Effect.ALLOW or not chosen:
        return decision
    texts = tuple(
        f"{key} is {value if isinstance(value, str) else ', '.join(value)}" if value is not None else f"{key} is absent"
        for key, value in sorted(chosen.items())
    )
    return replace(decision, assuming=texts)


def values_of(conditions: Iterable[tuple[Condition, bool]], keys: Keys) -> tuple[tuple[str, ...], bool]:
    """Return one value of a key for each outcome of its tests, and whether none is missing."""
    patterns: list[Pattern] = []
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
    literal, whole = words(tuple(dict.fromkeys(patterns))) if patterns else ((), True)
    found.update(dict.fromkeys(literal))
    if not found:
        found["x"] = None
    return tuple(found), complete and whole


def _around(operator: str, text: str) -> Iterator[str]:
    """Yield values below, at and above a bound."""
    if operator.startswith("Numeric"):
        try:
            bound = Decimal(text)
        except InvalidOperation:
            return
        yield from (str(bound - 1), str(bound), str(bound + 1))
    elif operator.startswith("Date"):
        try:
            moment = datetime.fromtimestamp(float(text), UTC) if text.isdigit() else datetime.fromisoformat(text)
        except (ValueError, OverflowError, OSError):
            return
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
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
