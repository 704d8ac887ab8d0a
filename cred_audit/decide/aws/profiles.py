"""Tags that somebody would choose to look like another: which sets of principal tags can make a difference.

Policies compare a principal's tags with the tags and names of things, with literals, and with each other; so the
values worth choosing are those that things, principals and policies have.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cred_audit.decide.aws.atoms import tag_of
from cred_audit.decide.aws.clause import Clause
from cred_audit.decide.aws.condition import Holds, compile_condition, filled, resolved
from cred_audit.decide.aws.keys import FREE, Keys
from cred_audit.decide.aws.model import Condition, Document, Principal
from cred_audit.decide.aws.pattern import Variable, parts_of

_PREFIX = "aws:principaltag/"
FRESH = "cred-audit"
"""A value that no policy mentions."""
MOST = 2000
"""Sets of tags that are told apart one by one."""

Profile = Mapping[str, str]
"""Tags of a principal, by key as the policies spell it."""


@dataclass(slots=True)
class Compared:
    """What some documents compare with principal tags."""

    spelled: dict[str, str] = field(default_factory=dict)
    """Lower-case key of a principal tag -> as a policy spells it."""
    links: set[tuple[str, str]] = field(default_factory=set)
    """(Principal tag, tag of things), lower case, that are compared with each other."""
    literals: set[tuple[str, str]] = field(default_factory=set)
    """(Principal tag, value) that stand in policies."""
    named: set[str] = field(default_factory=set)
    """Principal tags that are compared with names."""


@lru_cache(maxsize=65536)
def compared(document: Document) -> Compared:
    """Return what one document compares with principal tags."""
    found = Compared()
    for statement in document.statements:
        for text in statement.resources or ():
            for tag in _variables(text, document, found):
                found.named.add(tag)
        for condition in statement.conditions:
            _condition(condition, document, found)
    return found


def _condition(condition: Condition, document: Document, found: Compared) -> None:
    key = condition.key.lower()
    thing = tag_of(key)
    if key.startswith(_PREFIX):
        tag = key.removeprefix(_PREFIX)
        found.spelled.setdefault(tag, condition.key.partition("/")[2])
        for value in condition.values:
            if "${" not in value or not document.variables:
                found.literals.add((tag, value.replace("*", "x").replace("?", "x")))
            parts = parts_of(value, variables=document.variables)
            others = (tag_of(part.key) for part in parts if isinstance(part, Variable))
            found.links |= {(tag, other) for other in others if other is not None}
    for value in condition.values:
        for tag in _variables(value, document, found):
            if thing is not None:
                found.links.add((tag, thing))
            elif not key.startswith(("aws:requesttag/", _PREFIX)):
                found.named.add(tag)


def _variables(text: str, document: Document, found: Compared) -> list[str]:
    """Return the principal tags (lower case) in a text, and note how they are spelled."""
    if "${" not in text or not document.variables:
        return []
    tags = []
    for part in parts_of(text, variables=True):
        if isinstance(part, Variable) and part.key.startswith(_PREFIX):
            tag = part.key.removeprefix(_PREFIX)
            at = text.lower().find(part.key)
            found.spelled.setdefault(tag, text[at + len(_PREFIX) : at + len(part.key)] if at >= 0 else tag)
            tags.append(tag)
    return tags


class Profiles:
    """Everybody's tags, ready to be chosen from."""

    def __init__(
        self, principals: Iterable[Principal], things: Iterable[Mapping[str, str]], names: Iterable[str]
    ) -> None:
        """Take those who act, the tags of what is owned, and the tenants' names."""
        self._principals = tuple({**(one.tags or {}), **one.session_tags} for one in principals)
        self._things = tuple(things)
        self._names = tuple(names)
        self._known: dict[tuple[frozenset[object], ...], Choice] = {}

    def of(self, documents: Iterable[Document]) -> "Choice":
        """Return the sets of principal tags that can make a difference to some documents, equal sets once."""
        spelled: dict[str, str] = {}
        links: set[tuple[str, str]] = set()
        literals: set[tuple[str, str]] = set()
        named: set[str] = set()
        for document in documents:
            found = compared(document)
            for tag, spelling in found.spelled.items():
                spelled[tag] = min(spelling, spelled.get(tag, spelling))
            links |= found.links
            literals |= found.literals
            named |= found.named
        key = (frozenset(spelled.items()), frozenset(links), frozenset(literals), frozenset(named))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._made(spelled, links, literals, named)
        return known

    def _made(
        self, spelled: Mapping[str, str], links: set[tuple[str, str]], literals: set[tuple[str, str]], named: set[str]
    ) -> "Choice":
        profiles: dict[tuple[tuple[str, str], ...], None] = {}

        def add(values: Mapping[str, str]) -> None:
            if values:
                profiles.setdefault(tuple(sorted((spelled[tag], value) for tag, value in values.items())))

        linked = {tag for tag, _ in links} | named
        extras = {tag: value for tag, value in sorted(literals, reverse=True) if tag not in linked}
        for tag, value in sorted(literals):
            add({tag: value})
        add(extras)
        for tag in sorted(spelled):
            add({tag: FRESH})
        for tags in self._principals:
            add({tag.lower(): value for tag, value in tags.items() if tag.lower() in spelled})
        for carried in self._things:
            lowered = {tag.lower(): value for tag, value in carried.items()}
            linked_values = {tag: lowered[other] for tag, other in sorted(links) if other in lowered}
            add(linked_values)
            add({**extras, **linked_values} if linked_values else {})
        for tag in sorted(named):
            for name in self._names:
                add({tag: name})
                add({**extras, tag: name})
        return Choice(tuple(dict(one) for one in profiles))


class Choice:
    """Sets of tags to choose from."""

    def __init__(self, profiles: tuple[Profile, ...]) -> None:
        """Take all of them."""
        self.profiles = profiles
        self._by_keys: dict[tuple[str, ...], list[Profile]] = {}
        for profile in profiles:
            self._by_keys.setdefault(tuple(profile), []).append(profile)
        self._by_value: dict[str, list[int]] = {}
        for number, profile in enumerate(profiles):
            for value in set(profile.values()):
                self._by_value.setdefault(value.lower(), []).append(number)

    def allowed(
        self, keys: Keys, clauses: Sequence[Clause], may: Callable[[Profile], bool | None]
    ) -> tuple[tuple[Profile, ...], tuple[Profile, ...], bool]:
        """Return those that a principal may send, those of which it is not known, and whether all were looked at.

        `may`: decides one; those that no condition on the sent tags tells apart are decided once.
        """
        sure: list[Profile] = []
        unsure: list[Profile] = []
        groups, complete = self._groups(keys, clauses)
        for group in groups:
            answer = may(group[0])
            if answer is True:
                if len(group) == len(self.profiles):
                    return self.profiles, (), complete
                sure += group
            elif answer is None:
                unsure += group
        return tuple(sure), tuple(unsure), complete

    def _groups(self, keys: Keys, clauses: Sequence[Clause]) -> tuple[list[list[Profile]], bool]:
        """Return the profiles, those together that no condition on sent tags tells apart, and whether all are there."""
        tests = _tests_of(keys, clauses)
        if not tests.holds:
            return list(self._by_keys.values()), True
        numbers: Iterable[int] = range(len(self.profiles))
        complete = True
        apart: dict[tuple[str, ...], list[Profile]] = {}
        if len(self.profiles) > MOST and not tests.wild:
            touched = {number for value in tests.literals for number in self._by_value.get(value, ())}
            for number, profile in enumerate(self.profiles):
                if number not in touched:
                    apart.setdefault(tuple(profile), []).append(profile)
            numbers = sorted(touched)
        elif len(self.profiles) > MOST:
            numbers, complete = range(MOST), False
        groups: dict[tuple[object, ...], list[Profile]] = {}
        for number in numbers:
            profile = self.profiles[number]
            sent = Keys(keys)
            for tag, value in profile.items():
                sent[f"aws:requesttag/{tag.lower()}"] = value
            sent["aws:tagkeys"] = tuple(profile)
            groups.setdefault((tuple(profile), *(holds(sent) for holds in tests.holds)), []).append(profile)
        return [*groups.values(), *apart.values()], complete


@dataclass(slots=True)
class _Tests:
    """Conditions on the tags that a request sends."""

    holds: list[Holds] = field(default_factory=list)
    literals: set[str] = field(default_factory=set)
    """Lower-case values that they compare with."""
    wild: bool = False
    """Whether some compare with patterns, or with what is not known."""


def _tests_of(keys: Keys, clauses: Iterable[Clause]) -> _Tests:
    found = _Tests()
    for clause in clauses:
        for condition in clause.statement.conditions:
            key = condition.key.lower()
            other_way = any("aws:requesttag/" in value.lower() for value in condition.values)
            if not (key.startswith("aws:requesttag/") or key == "aws:tagkeys" or other_way):
                continue
            found.holds.append(compile_condition(condition, variables=clause.document.variables))
            found.wild = found.wild or other_way
            if key != "aws:tagkeys":
                for value in condition.values:
                    _literal(found, condition, value, keys, variables=clause.document.variables)
    return found


def _literal(found: _Tests, condition: Condition, value: str, keys: Keys, *, variables: bool) -> None:
    like = "Like" in condition.operator or condition.operator.startswith("Arn")
    parts = parts_of(value, variables=variables)
    for values in resolved(parts, keys):
        if values is FREE:
            found.wild = True
        elif values is not None:
            runs = filled(parts, values)
            found.literals.add("".join(text for text, _ in runs).lower())
            found.wild = found.wild or (
                like and any(special and ("*" in text or "?" in text) for text, special in runs)
            )
