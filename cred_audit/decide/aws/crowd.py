"""Many named things, of which statements touch few or which statements do not tell apart.

Nobody's request is decided for each of ten thousand roles: a statement with a narrow name or a tag's value finds its
few things by an index, and of things that no statement tells apart one is decided for all.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cred_audit.decide.aws.atoms import tag_of
from cred_audit.decide.aws.clause import Clause
from cred_audit.decide.aws.condition import filled, resolved
from cred_audit.decide.aws.keys import FREE, Keys
from cred_audit.decide.aws.model import Kind
from cred_audit.decide.aws.pattern import Variable, parts_of
from cred_audit.decide.aws.texts import Texts

FEW = 64
"""Things that a pattern may touch to be found by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class One:
    """One role, user, group, policy or function."""

    arn: str
    tags: Mapping[str, str] | None
    """None when not seen."""
    mark: Hashable = None
    """What else tells it from others: its trust policy, its permissions boundary."""


class Crowd:
    """Things by name and tag."""

    def __init__(self, things: Iterable[One]) -> None:
        """Index them."""
        self.things = tuple(things)
        self._names = Texts((one.arn.split(":", 5)[5], number) for number, one in enumerate(self.things))
        self._tags: dict[str, Texts] = {}
        self._unseen_tags = any(one.tags is None for one in self.things)
        self._groups: dict[tuple[object, ...], tuple[tuple[int, ...], ...]] = {}

    def meant(self, clauses: Iterable[Clause], keys: Keys) -> set[int] | None:
        """Return what the Allow statements of identity policies can be about; None where that is many."""
        found: set[int] = set()
        for clause in clauses:
            if clause.allow and clause.document.kind is Kind.IDENTITY:
                numbers = self._covered(clause, keys)
                if numbers is None:
                    return None
                found |= numbers
        return found

    def _covered(self, clause: Clause, keys: Keys) -> set[int] | None:
        by_tag = self._by_tag(clause, keys)
        if by_tag is not None:
            return by_tag
        statement = clause.statement
        if statement.not_resource or statement.resources is None:
            return None
        found: set[int] = set()
        for resource in statement.resources:
            fields = resource.split(":", 5)
            if len(fields) < 6:
                return None
            parts = parts_of(fields[5], variables=clause.document.variables)
            runs_past = "*:" in ":".join(fields[:5]) + ":"
            for values in resolved(parts, keys):
                if values is None:
                    continue
                if values is FREE:
                    return None
                runs = filled(parts, values)
                matched = self._names.matching((("*", True), *runs) if runs_past else runs, FEW)
                if matched is None:
                    return None
                found.update(matched)
        return found

    def _by_tag(self, clause: Clause, keys: Keys) -> set[int] | None:
        """Return what has a tag that a statement asks for by value; None where it asks for none."""
        if self._unseen_tags:
            return None
        for condition in clause.statement.conditions:
            tag = tag_of(condition.key.lower())
            if tag is None or condition.operator != "StringEquals" or condition.if_exists or condition.every:
                continue
            found: set[int] = set()
            free = False
            for value in condition.values:
                parts = parts_of(value, variables=clause.document.variables)
                for values in resolved(parts, keys):
                    if values is FREE:
                        free = True
                    elif values is not None:
                        found.update(self._tagged(tag).equal("".join(run for run, _ in filled(parts, values))))
            if not free:
                return found
        return None

    def _tagged(self, tag: str) -> Texts:
        known = self._tags.get(tag)
        if known is None:
            known = self._tags[tag] = Texts(
                (value, number)
                for number, one in enumerate(self.things)
                for name, value in (one.tags or {}).items()
                if name.lower() == tag
            )
        return known

    def divided(
        self, numbers: Sequence[int], clauses: Sequence[Clause], keys: Keys, name: str = ""
    ) -> tuple[tuple[int, ...], ...]:
        """Put those together that no statement of one principal's side tells apart.

        `name`: of a list that many principals share, so that its division is remembered; empty for others.
        """
        tests = [
            clause for clause in clauses
            if clause.statement.resources not in (("*",), None) or clause.statement.not_resource
        ]  # fmt: skip
        tags = frozenset(tag for clause in clauses for tag in _tags_of(clause))
        memo: tuple[object, ...] | None = None
        if name and not any(map(_moves, tests)):
            shown = tuple(
                (clause.statement.resources, clause.statement.not_resource, clause.document.kind) for clause in tests
            )
            memo = (name, shown, tags)
            known = self._groups.get(memo)
            if known is not None:
                return known
        groups: dict[tuple[object, ...], list[int]] = {}
        for number in dict.fromkeys(numbers):
            one = self.things[number]
            bits = tuple(2 if test.covers is None else test.covers(one.arn, keys) for test in tests)
            states = None if one.tags is None else tuple(
                sorted((tag.lower(), value) for tag, value in one.tags.items() if tag.lower() in tags)
            )  # fmt: skip
            groups.setdefault((one.arn.split(":", 5)[4], one.mark, bits, states), []).append(number)
        found = tuple(tuple(group) for group in groups.values())
        if memo is not None:
            self._groups[memo] = found
        return found


def _tags_of(clause: Clause) -> Iterable[str]:
    for condition in clause.statement.conditions:
        tag = tag_of(condition.key.lower())
        if tag is not None:
            yield tag
    for part in _parts(clause, conditions=True):
        tag = tag_of(part.key)
        if tag is not None:
            yield tag


def _moves(clause: Clause) -> bool:
    return any(True for _ in _parts(clause, conditions=False))


def _parts(clause: Clause, *, conditions: bool) -> Iterable[Variable]:
    texts = list(clause.statement.resources or ())
    if conditions:
        texts += (value for condition in clause.statement.conditions for value in condition.values)
    for text in texts:
        for part in parts_of(text, variables=clause.document.variables):
            if isinstance(part, Variable):
                yield part
