"""Searches the values of keys that nobody knows for one with which a request goes through.

For each such key finitely many values are tried, one for every way in which the policies' tests of it can turn out,
absence included; a request decided as a whole stands for all requests with the same outcomes. Values that no request
has beside each other are not tried (see `dependent`). Facts that nobody read and that the caller cannot choose, such
as the organization's id, must let the request through whatever they are; otherwise the answer is UNKNOWN.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from typing import NamedTuple

from cred_audit.decide import Decision, Effect, Reason
from cred_audit.decide.aws import catalogue
from cred_audit.decide.aws.atoms import is_principal_key, tag_of, unknown_variables
from cred_audit.decide.aws.combination import grants_to, owner_of
from cred_audit.decide.aws.context import own_part, spelled
from cred_audit.decide.aws.dependent import (
    COLLECTIONS,
    MFA,
    TIMES,
    Setting,
    can_be,
    is_absent,
    is_absent_alone,
    is_unread,
    may_be_absent,
    needs_names,
    only_values,
    sendable,
)
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.given import IN_PART, USER_ID, Known, Tests, facts_of, user_id
from cred_audit.decide.aws.keys import Keys, tag_spellings
from cred_audit.decide.aws.model import Condition, Request, ResourcePolicies, Value
from cred_audit.decide.aws.samples import moments_of, values_of
from cred_audit.decide.aws.words import Pattern, pattern

_TRIES = 20_000
"""Decisions of one search; beyond, the answer is UNKNOWN."""
_CONTEXT = "kms:encryptioncontext:"
_TAG = "aws:resourcetag/"
_SET_VALUES = 6
"""Values of a multivalued key of which all subsets are tried."""
_SERVICE = pattern([("?*.amazonaws.com", True)])
_VIA_SERVICE = "kms:viaservice"
_PLAIN = Setting()
_WITH_MFA = "it depends on whether its role may be assumed with MFA, which its trust policy would say"
_TOO_MANY = Reason(policy="", why="there are too many combinations of condition values to try them all")

Choices = dict[str, tuple[Value | None, ...]]
"""Key -> values to try, None for absence."""


class _Open(NamedTuple):
    """What is searched: the keys of one request that nobody knows."""

    request: Request
    resource: ResourcePolicies
    choices: Choices
    names: Mapping[str, str]
    """Key -> its spelling, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Possible:
    """The answer: a request that goes through, with what it assumes; or that there is none."""

    decision: Decision
    request: Request


class Search:
    """Searches over the unknown keys of one principal's requests."""

    def __init__(self, evaluator: Evaluator, setting: Setting = _PLAIN) -> None:
        """Take the principal with its policies, and what is known of its requests."""
        self.evaluator = evaluator
        self.setting = setting

    def possible(
        self, request: Request, resource: ResourcePolicies, tags: Mapping[str, tuple[str | None, ...]] | None = None
    ) -> Possible:
        """Return a request like this one that is allowed, if there is one; its context is what was chosen.

        `tags`: for a thing that is not there yet, tag key -> values that it may have, None for none.
        """
        if self.setting.mfa is not None:
            return self._possible(request, resource, tags)
        without, with_mfa = (
            Search(self.evaluator, replace(self.setting, mfa=mfa)).possible(request, resource, tags)
            for mfa in (False, True)
        )
        if without.decision.effect is with_mfa.decision.effect:
            return without
        decided = next(one for one in (with_mfa, without) if one.decision.effect is not Effect.DENY)
        because = (Reason(policy="", why=_WITH_MFA), *decided.decision.because)
        return replace(decided, decision=Decision(effect=Effect.UNKNOWN, because=because))

    def _possible(
        self, request: Request, resource: ResourcePolicies, tags: Mapping[str, tuple[str | None, ...]] | None
    ) -> Possible:
        request = replace(request, free=request.free | self._unknown(request, resource))
        tests = self._tests(request, resource)
        if not tests and not tags:
            found = Possible(decision=self.evaluator.decide(request, resource), request=request)
            return replace(found, request=sendable(request, {}))
        facts = facts_of(self.evaluator, request, tests)
        answers = [self._for_all(request, resource, tests, known, tags or {}) for known in facts.alternatives]
        first = answers[0]
        effects = {answer.decision.effect for answer in answers}
        if effects == {Effect.DENY} and not facts.whole:
            return Possible(decision=Decision(effect=Effect.UNKNOWN, because=(_TOO_MANY,)), request=first.request)
        if len(effects) > 1:
            reason = Reason(policy="", why=f"it depends on {', and on '.join(facts.open)}")
            decided = next(answer for answer in answers if answer.decision.effect is not Effect.DENY)
            because = (reason, *decided.decision.because)
            first = replace(decided, decision=Decision(effect=Effect.UNKNOWN, because=because))
        return first

    def _for_all(
        self,
        request: Request,
        resource: ResourcePolicies,
        tests: Tests,
        known: Known,
        tags: Mapping[str, tuple[str | None, ...]],
    ) -> Possible:
        """Search with the facts that nobody read set to some values."""
        given = {key: value for key, value in known.items() if key not in IN_PART and value is not None}
        free = frozenset(name for name in request.free if name.lower() not in known)
        request = replace(request, context={**request.context, **given}, free=free)
        open_tests = {key: conditions for key, conditions in tests.items() if key not in known or key in IN_PART}
        choices, complete = self._choices(request, open_tests, known)
        choices |= {f"{_TAG}{tag}": values for tag, values in tags.items()}
        budget = [_TRIES]
        names = {
            key: spelled(key, own_part(conditions[0][0].key))
            for key, conditions in open_tests.items()
            if key != MFA or key not in known or self.setting.mfa
        }
        best = self._tried(_Open(request, resource, choices, names), {}, budget)
        written = {
            key.partition("/")[2]: conditions[0][0].key.partition("/")[2] for key, conditions in open_tests.items()
        }
        sure = budget[0] == _TRIES - 1 or (complete and budget[0] > 0)
        if best is not None and (best.decision.effect is not Effect.DENY or sure):
            return replace(best, request=sendable(best.request, written))
        return Possible(decision=Decision(effect=Effect.UNKNOWN, because=(_TOO_MANY,)), request=request)

    def _tried(self, search: _Open, chosen: dict[str, Value | None], budget: list[int]) -> Possible | None:
        """Return the best answer with the keys chosen so far; keys not yet chosen are unknown to the engine.

        None where no request has what was chosen.
        """
        request, choices = search.request, search.choices
        open_keys = [key for key in choices if key not in chosen]
        asked = _asked(request, open_keys, {key: value for key, value in chosen.items() if value is not None})
        decision = self.evaluator.decide(asked, search.resource)
        budget[0] -= 1
        if decision.effect is not Effect.UNKNOWN or not open_keys:
            return Possible(
                decision=_assuming(decision, chosen, search.names), request=replace(asked, free=request.free)
            )
        mentioned = {text.removesuffix(" is not known").lower() for text in decision.assuming}
        mentioned |= {f"{_TAG}{tag}" for tag in map(tag_of, mentioned) if tag is not None}
        key = next((key for key in open_keys if key.lower() in mentioned), open_keys[0])
        best: Possible | None = None
        for value in choices[key]:
            if budget[0] <= 0:
                break
            more = {**chosen, key: value}
            found = self._tried(search, more, budget) if can_be(more, request) else None
            if found is None:
                continue
            if found.decision.effect is Effect.ALLOW:
                return found
            if best is None or found.decision.effect is Effect.UNKNOWN:
                best = found
        return best

    def _unknown(self, request: Request, resource: ResourcePolicies) -> frozenset[str]:
        """Return the variables of the policies, and the facts that they test, whose value nobody knows."""
        given = {key.lower() for key in request.context}
        found: set[str] = set()
        for clause in self.evaluator.clauses(request.action.lower(), resource):
            found |= unknown_variables(clause.statement, clause.document)
            for condition in clause.statement.conditions:
                key = condition.key.lower()
                if is_unread(key) and catalogue.may_carry(request.action, key):
                    found.add(key)
        one_account = owner_of(request, self.evaluator.caller) == self.evaluator.caller.account
        alone = self.evaluator.principal.alone
        return frozenset(
            key for key in found - given
            if not self.evaluator.derives(key) and not (alone and is_absent_alone(key, one_account=one_account))
        )  # fmt: skip

    def _tests(self, request: Request, resource: ResourcePolicies) -> Tests:
        """Return the conditions on keys whose value is not known."""
        keys = self.evaluator.keys(request)
        found: Tests = {}
        for clause in self.evaluator.clauses(request.action.lower(), resource):
            for condition in clause.statement.conditions:
                key = condition.key.lower()
                if self._is_free(request, keys, key):
                    found.setdefault(key, []).append((condition, clause.document.variables))
        for condition in self._constraints(resource):
            if self._is_free(request, keys, condition.key.lower()):
                found.setdefault(condition.key.lower(), []).append((condition, False))
        return found

    def _constraints(self, resource: ResourcePolicies) -> Iterable[Condition]:
        """Yield what grants of a key to the principal ask of the encryption context, which it may choose."""
        for grant in grants_to(self.evaluator.caller, resource.grants):
            for name, value in {**(grant.context_subset or {}), **(grant.context_equals or {})}.items():
                yield Condition(operator="StringEquals", key=f"kms:EncryptionContext:{name}", values=(value,))

    def _is_free(self, request: Request, keys: Keys, key: str) -> bool:
        if is_principal_key(key) or tag_of(key) is not None or is_unread(key):
            # Facts, like the tags of the thing: known, or unknown to the engine itself.
            return False
        if is_absent(key, self.evaluator.caller, self.setting):
            return False
        if key.startswith(_CONTEXT) and keys[f"{_CONTEXT[:-1]}keys"] is not None and key not in request.free:
            # The service sends a whole encryption context of its own.
            return False
        if key.startswith("aws:requesttag/") and request.request_tags:
            return False
        if (keys[key] is not None and key not in request.free) or key in {name.lower() for name in request.context}:
            return False
        return catalogue.may_carry(request.action, key)

    def _choices(self, request: Request, tests: Tests, known: Known) -> tuple[Choices, bool]:
        """Return the values of each key to try, and whether these are all that matter."""
        keys = self.evaluator.keys(request)
        moments = moments_of(one for key in TIMES for one in tests.get(key, ()))
        choices: Choices = {}
        complete = True
        for key, conditions in tests.items():
            values, whole = self._values(request, keys, key, tests, known)
            if key in TIMES:
                since = self.setting.since
                later = [one for one in moments if since is None or one >= since]
                later += [since.astimezone(UTC)] if since is not None else []
                texts = (one.isoformat() if key == TIMES[0] else str(int(one.timestamp())) for one in later)
                values, whole = tuple(dict.fromkeys(texts)) or values, True
            complete = complete and whole
            single: tuple[Value | None, ...] = values
            linked = any(name.startswith(COLLECTIONS.get(key, "\0")) for name in tests)
            if linked or any(condition.every or condition.some for condition, _ in conditions):
                complete = complete and len(values) <= _SET_VALUES
                kept = values[:_SET_VALUES]
                sets = (set_ for size in range(1, len(kept) + 1) for set_ in itertools.combinations(kept, size))
                single = tuple(sets)
            absent = may_be_absent(key) and not (key == "aws:tagkeys" and needs_names(request.action))
            absent = absent and not (key == MFA and known.get(MFA))
            choices[key] = (None, *single) if absent else single
        return choices, complete

    def _values(
        self, request: Request, keys: Keys, key: str, tests: Tests, known: Known
    ) -> tuple[tuple[str, ...], bool]:
        if key == MFA and key in known:
            return tuple(value for value in (known[MFA], "true" if self.setting.mfa else None) if value), True
        only = only_values(request, key)
        if only is not None:
            return only, True
        if key.startswith("aws:calledvia"):
            return values_of(tests[key], keys, forms=(_SERVICE,))
        if key == _VIA_SERVICE:
            return values_of(tests[key], keys, forms=(_via_service(request),))
        if key == USER_ID:
            return values_of(tests[key], keys, forms=(user_id(self.evaluator.caller, known[USER_ID] or ""),))
        prefix = COLLECTIONS.get(key, "\0")
        names = [name.removeprefix(prefix) for name in tests if name.startswith(prefix)]
        return values_of(tests[key], keys, also=[pattern([(name, False)], fold=True) for name in names])


def _via_service(request: Request) -> Pattern:
    """Return how kms:ViaService names a service: with the region of the request (KMS: "AWS KMS condition keys")."""
    fields = request.resource.split(":", 4)
    asked = request.context.get("aws:RequestedRegion") or (fields[3] if len(fields) > 4 else "")
    region = (asked, False) if isinstance(asked, str) and asked and "*" not in asked else ("?*", True)
    return pattern([("?*.", True), region, (".amazonaws.com", False)])


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
    asked = replace(request, context={**request.context, **context}, free=(request.free | free) - context.keys())
    if not tags:
        return asked
    return replace(asked, resource_tags={**(request.resource_tags or {}), **tags})


def _assuming(decision: Decision, chosen: Mapping[str, Value | None], names: Mapping[str, str]) -> Decision:
    chosen = {key: value for key, value in chosen.items() if key in names}
    if decision.effect is not Effect.ALLOW or not chosen:
        return decision
    texts = (
        f"{names[key]} is {'absent' if value is None else value if isinstance(value, str) else ', '.join(value)}"
        for key, value in sorted(chosen.items())
    )
    return replace(decision, assuming=tuple(texts))
