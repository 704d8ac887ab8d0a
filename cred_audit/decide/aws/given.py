"""Facts of a request that its sender cannot choose and nobody read, or AWS does not document: what they may be."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from cred_audit.decide.aws.caller import Caller, Type, session_of
from cred_audit.decide.aws.combination import owner_of
from cred_audit.decide.aws.context import spelled
from cred_audit.decide.aws.dependent import MFA, ORGANIZATIONS, is_absent_alone
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.keys import Keys
from cred_audit.decide.aws.model import Condition, Request
from cred_audit.decide.aws.samples import values_of
from cred_audit.decide.aws.words import Pattern, pattern

USER_ID = "aws:userid"
IN_PART = frozenset({USER_ID, MFA})
"""Keys of which a fact settles a part only: the name of a session, and whether it comes with MFA, are free."""
Tests = dict[str, list[tuple[Condition, bool]]]
"""Lower-case key -> the conditions on it, each with whether variables are read."""
Known = Mapping[str, str | None]
"""Fact -> a value that it may have: of aws:userid the id, of MFA what sessions without it carry; None for absence."""

_ORGANIZATIONS = ("o-7zj0qxk7wz", "o-5wz3jq0vn5")
"""Two that no policy names."""
_ID = "????????????*"
"""What stands behind the four letters of an id, sixteen characters or more (IAM API Reference, "RoleDetail")."""
_ANY_SESSION = ("?*", True)
_ABOUT_MFA = "whether a role's session without MFA has aws:MultiFactorAuthPresent, which is not documented"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The facts that some tests look at."""

    alternatives: tuple[Known, ...]
    """One for each way in which the tests can turn out."""
    open: tuple[str, ...]
    """What is not known, in words."""
    whole: bool
    """Whether none is missing."""


def facts_of(evaluator: Evaluator, request: Request, tests: Tests) -> Facts:
    """Return what the facts may be that the conditions on a request's unknown keys look at."""
    alternatives: list[dict[str, str | None]] = [{}]
    open_: list[str] = []
    whole = True
    organizations = [key for key in ORGANIZATIONS if key in tests]
    if organizations:
        pairs, whole = _organizations(evaluator, request, [one for key in organizations for one in tests[key]])
        alternatives = [dict(zip(ORGANIZATIONS, pair, strict=True)) for pair in pairs]
        if len(pairs) > 1:
            open_.append(f"{' and '.join(map(spelled, organizations))}, which nobody read")
    if USER_ID in tests:
        known = evaluator.principal.unique_id
        ids, complete = ((known,), True) if known else _ids(evaluator, request, tests)
        whole = whole and complete
        alternatives = [{**one, USER_ID: given} for one in alternatives for given in ids]
        if not known:
            open_.append(f"{USER_ID}, which nobody read")
    if MFA in tests and evaluator.caller.type is Type.SESSION:
        alternatives = [{**one, MFA: given} for one in alternatives for given in (None, "false")]
        open_.append(_ABOUT_MFA)
    return Facts(alternatives=tuple(alternatives), open=tuple(open_), whole=whole)


def user_id(caller: Caller, unique_id: str) -> Pattern:
    """Return what aws:userid looks like (IAM User Guide: "IAM policy elements: Variables and tags")."""
    return pattern([(unique_id, False), *_session(caller)])


def _session(caller: Caller) -> list[tuple[str, bool]]:
    if caller.type is not Type.SESSION:
        return []
    named = session_of(caller.arn)
    return [(":", False), (named, False) if named else _ANY_SESSION]


def _organizations(
    evaluator: Evaluator, request: Request, conditions: list[tuple[Condition, bool]]
) -> tuple[list[tuple[str | None, str | None]], bool]:
    """Return the pairs of organizations of the principal's and the resource's account; None for none."""
    plain = [(one, False) for one, _ in conditions if "${" not in "".join(one.values)]
    values, whole = values_of(plain, Keys())
    ids: tuple[str | None, ...] = (*dict.fromkeys((*filter(None, values), *_ORGANIZATIONS)), None)
    one_account = owner_of(request, evaluator.caller) == evaluator.caller.account
    own, others = (
        (None,) if evaluator.principal.alone and is_absent_alone(key, one_account=one_account) else ids
        for key in ORGANIZATIONS
    )
    pairs = list(itertools.product(own, others))
    return [pair for pair in pairs if pair[0] == pair[1] or not one_account], whole


def _ids(evaluator: Evaluator, request: Request, tests: Tests) -> tuple[tuple[str, ...], bool]:
    """Return ids that a role or user may have: one that meets each outcome of the tests, and one that none names."""
    caller = evaluator.caller
    start = "AIDA" if caller.type is Type.USER else "AROA"
    form = pattern([(start, False), (_ID, True), *_session(caller)])
    values, whole = values_of(tests[USER_ID], evaluator.keys(request), forms=(form,))
    return tuple(dict.fromkeys(value.partition(":")[0] for value in values)), whole
