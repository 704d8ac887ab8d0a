"""Which agents are alike up to the names of their tenants, so that one of them is decided for all.

An agent's own values are blocks of text. Two agents are alike when their policies read the same with the blocks
replaced by their numbers, and when the blocks are of equal length and agree, at every shift against each other and
against every literal piece that the policies compare with, in the same places. Whether a text matches a set of
patterns depends on nothing else of a block: where two literals meet, they agree or they don't.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from cred_audit.decide.aws.atoms import Atoms, is_principal_key
from cred_audit.decide.aws.model import Condition, Document, Statement
from cred_audit.decide.aws.pattern import Variable, parts_of

_PREFIXES = ("secret:", "parameter/")
_NUMBER = re.compile(r"\0(\d+)\0")
_SPLIT = re.compile(r"[*?]|\0\d+\0")


class Blocks:
    """One agent's own values, each with its number."""

    def __init__(self, values: Iterable[str], account: str = "") -> None:
        """Take the values in an order that alike agents share, and the account, which no name is compared with."""
        own = dict.fromkeys(value for value in values if value)
        self._compared = tuple(own)
        self.values = tuple(own | dict.fromkeys([account] if account else ()))
        self.numbers = {value: number for number, value in enumerate(self.values)}
        longest = sorted(self.values, key=len, reverse=True)
        self._any = re.compile("|".join(map(re.escape, longest))) if len(longest) > 1 else None

    def within(self, text: str) -> str:
        """Return a text with the values replaced by their numbers."""
        if self._any is not None:
            return self._any.sub(lambda found: f"\0{self.numbers[found[0]]}\0", text)
        return text.replace(self.values[0], "\00\0") if self.values else text

    def filled(self, text: str) -> str:
        """Return a text with numbers replaced by the values."""
        return _NUMBER.sub(lambda found: self.values[int(found[1])], text) if "\0" in text else text

    def shape(self, pieces: Iterable[str], *, fold: bool, letters: Sequence[frozenset[str]]) -> tuple[object, ...]:
        """Return what of the values a pattern can see."""
        found: list[object] = []
        constants = sorted(set(pieces) - {""})
        for spelled in (str, str.lower) if fold else (str,):
            values = [spelled(value) for value in self._compared]
            others = [*values, *map(spelled, constants)]
            found += ((len(value), tuple(_agreements(value, other) for other in others)) for value in values)
        allowed = tuple(tuple(set(value) <= one for one in letters) for value in self._compared)
        return tuple(found), tuple(constants), allowed


def _agreements(value: str, other: str) -> tuple[int, ...]:
    """Return the shifts at which two texts overlap and agree."""
    if set(value).isdisjoint(other):
        return ()
    found = []
    for shift in range(1 - len(other), len(value)):
        if shift >= 0:
            agrees = value.startswith(other[: len(value) - shift], shift)
        else:
            agrees = other.startswith(value[: len(other) + shift], -shift)
        if agrees:
            found.append(shift)
    return tuple(found)


@lru_cache(maxsize=16384)
def texts_of(document: Document) -> str:
    """Return all that a document compares, in one text."""
    found: list[str] = []
    for statement in document.statements:
        found += statement.actions
        found += statement.resources or ()
        for condition in statement.conditions:
            found += (condition.key, *condition.values)
    return "\n".join(found)


def document_shape(document: Document, blocks: Blocks) -> tuple[object, frozenset[str]]:
    """Return what alike agents' documents have in common, and the literal pieces that they compare with."""
    text = texts_of(document)
    if not any(value in text for value in blocks.values):
        return _shape_of(document), _pieces_of(document)
    pieces: set[str] = set()
    for one in document.statements:
        _add_pieces(one, blocks, document, pieces)
    return _structure(document, blocks), frozenset(pieces)


@lru_cache(maxsize=16384)
def _shape_of(document: Document) -> object:
    return _token(_structure(document, Blocks(())))


@lru_cache(maxsize=16384)
def _token(structure: tuple[object, ...]) -> object:  # noqa: ARG001  (what it stands for)
    """Return an object that stands for a structure and is quick to compare."""
    return object()


def _structure(document: Document, blocks: Blocks) -> tuple[object, ...]:
    within = blocks.within
    statements: list[object] = []
    for one in document.statements:
        conditions = tuple(
            (condition.written, within(condition.key), tuple(map(within, condition.values)))
            for condition in one.conditions
        )
        statements.append((one.index, one.allow, one.not_principal, one.principals is None, one.actions, one.not_action,
                           None if one.resources is None else tuple(map(within, one.resources)), one.not_resource,
                           conditions))  # fmt: skip
    return document.kind, document.variables, tuple(statements)


@lru_cache(maxsize=16384)
def _pieces_of(document: Document) -> frozenset[str]:
    found: set[str] = set()
    for statement in document.statements:
        _add_pieces(statement, Blocks(()), document, found)
    return frozenset(found)


def _add_pieces(statement: Statement, blocks: Blocks, document: Document, found: set[str]) -> None:
    for resource in statement.resources or ():
        found.update(pieces_of(resource, blocks, variables=document.variables))
    for condition in statement.conditions:
        if not is_principal_key(condition.key.lower()) or any("${" in value for value in condition.values):
            for value in condition.values:
                found.update(_literals(value, blocks, variables=document.variables))


def pieces_of(resource: str, blocks: Blocks, *, variables: bool) -> Iterable[str]:
    """Return the literal pieces of a Resource text that a name is compared with."""
    tail = resource.split(":", 5)[5] if resource.count(":") >= 5 else ""
    for prefix in _PREFIXES:
        tail = tail.removeprefix(prefix)
    return _literals(tail, blocks, variables=variables)


def _literals(text: str, blocks: Blocks, *, variables: bool) -> Iterable[str]:
    for part in parts_of(text, variables=variables):
        if not isinstance(part, Variable):
            yield from _SPLIT.split(blocks.within(part[0]))
        elif part.default:
            yield part.default


def folds(documents: Iterable[Document]) -> bool:
    """Whether some test ignores case."""
    return any(_folds(document) for document in documents)


@lru_cache(maxsize=16384)
def _folds(document: Document) -> bool:
    return any(_ignores_case(one) for statement in document.statements for one in statement.conditions)


def _ignores_case(condition: Condition) -> bool:
    return "IgnoreCase" in condition.operator


@lru_cache(maxsize=16384)
def atoms_of(document: Document) -> Atoms:
    """Return what a document compares, sorted."""
    atoms = Atoms()
    atoms.add(document)
    return atoms


def moved(text: str, old: Blocks, new: Blocks) -> str:
    """Return a text about one agent as it reads for one that is alike."""
    return new.filled(old.within(text))
