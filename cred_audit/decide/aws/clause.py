"""Policy documents made ready: each statement's elements as tests, found by action."""

from collections.abc import Callable
from functools import lru_cache

from cred_audit.decide import Decision, Effect, Reason
from cred_audit.decide.aws.condition import Holds, anything, compile_condition, filled, only_variable, resolved
from cred_audit.decide.aws.keys import FREE, Keys
from cred_audit.decide.aws.model import Document, Kind, Statement
from cred_audit.decide.aws.pattern import (
    MAYBE,
    NO,
    YES,
    Part,
    Variable,
    action_matcher,
    arn_expression,
    arn_matcher,
    compiled,
    glob_expression,
    parts_of,
    runs_past,
)  # fmt: skip

_CACHED = 512
_ACTIONS = 4096
"""Actions remembered per document; a caller may ask about any text."""

_FEW = 4
"""Patterns that are tested one by one; more are compiled together."""

_COMPLETED = frozenset({Kind.IDENTITY, Kind.BOUNDARY, Kind.SESSION})
"""Policy types in which AWS completes an ARN of fewer than six components with stars."""

_Runs = tuple[tuple[str, bool], ...]
_Covers = Callable[[str, Keys], int]
"""Whether a Resource element covers a resource: NO, MAYBE or YES."""


class Clause:
    """One statement, ready to be tested."""

    __slots__ = ("_reasons", "allow", "conditions", "covers", "denied", "document", "statement")

    def __init__(self, document: Document, statement: Statement) -> None:
        """Compile a statement's Resource and Condition elements; its action and principal are tested by others."""
        self.document = document
        self.statement = statement
        self.allow = statement.allow
        self.conditions: tuple[Holds, ...] = tuple(
            compile_condition(condition, variables=document.variables) for condition in statement.conditions
        )
        self.covers = None if statement.resources is None else _resource(
            statement.resources, statement.not_resource, document.variables, document.kind in _COMPLETED
        )  # fmt: skip
        self._reasons: dict[str, Reason] = {}
        self.denied = Decision(effect=Effect.DENY, because=(self.reason("denies"),))

    def reason(self, why: str) -> Reason:
        """Return the statement as a reason. `why` is one of few texts."""
        known = self._reasons.get(why)
        if known is None:
            sid = f" ({self.statement.sid})" if self.statement.sid else ""
            known = self._reasons[why] = Reason(
                policy=self.document.name,
                clause=self.statement.text,
                why=f"statement {self.statement.index}{sid} {why}",
            )
        return known

    def test(self, resource: str, keys: Keys) -> int:
        """Whether the statement applies, its action and principal granted."""
        covers = self.covers
        result = YES if covers is None else covers(resource, keys)
        if result == NO:
            return NO
        for holds in self.conditions:
            found = holds(keys)
            if found == NO:
                return NO
            if found < result:  # noqa: PLR1730  (a call costs more than the rest, in the hottest loop)
                result = found
        return result

    def miss(self, resource: str, keys: Keys) -> str | None:
        """Return what keeps the statement from applying for sure, None where nothing does."""
        covers = self.covers
        found = YES if covers is None else covers(resource, keys)
        if found != YES:
            element = "NotResource" if self.statement.not_resource else "Resource"
            return f"{element} does not cover the resource" if found == NO else f"{element} may or may not cover it"
        for condition, holds in zip(self.statement.conditions, self.conditions, strict=True):
            found = holds(keys)
            if found != YES:
                name = f"{condition.written} {condition.key}"
                return f"{name} does not hold" if found == NO else f"{name} may or may not hold"
        return None


class Compiled:
    """One document's clauses, by action. A statement is compiled when an action meets it first."""

    __slots__ = ("_by_action", "_clauses", "_tests", "document")

    def __init__(self, document: Document) -> None:
        """Take a document."""
        self.document = document
        self._clauses: list[Clause | None] = [None] * len(document.statements)
        self._tests = tuple(
            tuple(action_matcher(action) for action in statement.actions) for statement in document.statements
        )
        self._by_action: dict[str, tuple[Clause, ...]] = {}

    def for_action(self, action: str) -> tuple[Clause, ...]:
        """Return the clauses whose Action or NotAction holds a lower-case action."""
        known = self._by_action.get(action)
        if known is None:
            if len(self._by_action) >= _ACTIONS:
                self._by_action.clear()
            known = self._by_action[action] = tuple(
                self._clause(index)
                for index, (statement, tests) in enumerate(zip(self.document.statements, self._tests, strict=True))
                if any(test(action) for test in tests) is not statement.not_action
            )
        return known

    def clause(self, statement: Statement) -> Clause:
        """Return one of the document's statements, compiled."""
        return self._clause(self.document.statements.index(statement))

    def _clause(self, index: int) -> Clause:
        known = self._clauses[index]
        if known is None:
            known = self._clauses[index] = Clause(self.document, self.document.statements[index])
        return known


@lru_cache(maxsize=65536)
def compile_document(document: Document) -> Compiled:
    """Compile a document once."""
    return Compiled(document)


@lru_cache(maxsize=4096)
def _resource(resources: tuple[str, ...], negated: bool, variables: bool, completed: bool) -> _Covers | None:
    if resources == ("*",) and not negated:
        return None
    plain: set[str] = set()
    fixed: list[_Runs] = []
    doubtful: list[tuple[int, _Runs]] = []
    everything = False
    moving: list[_Covers] = []
    for text in resources:
        if text.count(":") > 4 and not any(character in text for character in "*?$"):
            # Most roles of a large platform name their own things: an expression for each would cost more than all.
            plain.add(text)
            continue
        head, colon, tail = _split(text)
        parts = parts_of(tail, variables=variables)
        if any(isinstance(part, Variable) for part in parts):
            moving.append(_template(head + colon, parts))
            continue
        runs = ((head + colon, True), *(part for part in parts if not isinstance(part, Variable)))
        everything = everything or (bool(text) and not text.strip("*"))
        fixed.append(runs)
        if runs_past(text):
            doubtful.append((text.count(":"), runs))
    sure = _anything if everything else _fixed(fixed, completed=completed)
    positive = _union(frozenset(plain), sure, doubtful, moving)
    return (lambda resource, keys: YES - positive(resource, keys)) if negated else positive


def _split(text: str) -> tuple[str, str, str]:
    """Return the first five components, the colon behind them, and the rest, where variables may stand."""
    fields = text.split(":", 5)
    return (":".join(fields[:5]), ":", fields[5]) if len(fields) == 6 else (text, "", "")


def _fixed(patterns: list[_Runs], *, completed: bool) -> Callable[[str], object] | None:
    """Return the test whether one of some patterns without variables matches; None where none does."""
    if len(patterns) > _FEW:
        expressions = (arn_expression(runs, short=True, completed=completed) for runs in patterns)
        known = [expression for expression in expressions if expression is not None]
        return compiled("|".join(known)).fullmatch if known else None
    tests = [test for runs in patterns if (test := arn_matcher(runs, short=True, completed=completed)) is not None]
    if len(tests) < 2:
        return tests[0] if tests else None
    return lambda resource: any(test(resource) for test in tests)


def _anything(_: str) -> bool:
    return True


def _nothing(_: str) -> bool:
    return False


def _union(
    plain: frozenset[str],
    sure: Callable[[str], object] | None,
    doubtful: list[tuple[int, _Runs]],
    moving: list[_Covers],
) -> _Covers:
    fewest = min((colons for colons, _ in doubtful), default=0)
    if sure is None and not doubtful and not plain and len(moving) == 1:
        return moving[0]

    def covers(resource: str, keys: Keys) -> int:
        if resource in plain or (sure is not None and sure(resource)):
            return YES
        best = NO
        # A star can only have run past a colon where the resource has more of them than the pattern.
        if doubtful and resource.count(":") > fewest:
            unsure = compiled("|".join(glob_expression(runs) for _, runs in doubtful))
            best = MAYBE if unsure.fullmatch(resource) else NO
        for one in moving:
            best = max(best, one(resource, keys))
        return best

    return covers


def _template(head: str, parts: tuple[Part, ...]) -> _Covers:
    """Return the test of a pattern with variables behind the fifth colon."""
    known: dict[tuple[str, ...], Callable[[str], object]] = {}
    only = only_variable(parts)
    widest = arn_matcher([(head, True), ("*", True)], short=True) or _nothing
    whole = compiled(glob_expression([(head, True)]) + anything(parts)).fullmatch

    def matcher(values: tuple[str, ...]) -> Callable[[str], object]:
        if len(known) >= _CACHED:
            known.clear()
        found = known[values] = arn_matcher(((head, True), *filled(parts, values)), short=True) or _nothing
        return found

    def covers(resource: str, keys: Keys) -> int:
        if not widest(resource):
            return NO
        if only is not None:
            one = keys[only]
            if type(one) is str and one:
                return YES if (known.get((one,)) or matcher((one,)))(resource) else NO
        alternatives = resolved(parts, keys)
        if len(alternatives) == 1:
            values = alternatives[0]
            if values is None:
                return NO
            if values is not FREE:
                return YES if (known.get(values) or matcher(values))(resource) else NO
        results = {
            NO if values is None
            else (MAYBE if whole(resource) else NO) if values is FREE
            else (YES if (known.get(values) or matcher(values))(resource) else NO)
            for values in alternatives
        }  # fmt: skip
        return results.pop() if len(results) == 1 else MAYBE

    return covers
