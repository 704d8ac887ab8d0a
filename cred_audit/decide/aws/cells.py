"""Everybody's things, divided into those that no policy tells apart, and indexed by what a narrow test touches."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from cred_audit.decide import OTHERS
from cred_audit.decide.aws.atoms import Atoms, TextAtom, is_principal_key, tag_of
from cred_audit.decide.aws.clause import compile_document
from cred_audit.decide.aws.condition import compile_condition
from cred_audit.decide.aws.estate import Collection, Thing
from cred_audit.decide.aws.keys import Keys, tag_spellings
from cred_audit.decide.aws.model import Condition, Document, Kind, PrincipalPolicies, ResourcePolicies, Statement
from cred_audit.decide.aws.pattern import YES, Variable
from cred_audit.decide.aws.texts import Texts

_MANY = 8
"""Policies that must have a value for it to divide the things of everybody."""
_DIVISIONS = 64
"""Divisions of single principals that are remembered."""
_EXACT = frozenset({"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"})


_Runs = tuple[tuple[str, bool], ...]


class _Part(IntEnum):
    """What of a thing a value is compared with. Two calls decide on a thing with a key, one on each."""

    OWN = 0
    KEY = 1
    WITHIN = 2
    """The one parameter that is meant, for a folder."""


_Mark = tuple[TextAtom, _Part]


@dataclass(slots=True, eq=False)
class Cell:
    """Things that no policy tells apart, but for tests with an agent's own values."""

    sort: str
    account: str
    open_to: frozenset[str] | None
    """Accounts whose principals a policy of the things may let in without naming them; None for all accounts."""
    numbers: list[int] = field(default_factory=list)
    owners: Counter[str] = field(default_factory=Counter)
    """How many of them each owner has."""

    def visible(self, account: str) -> bool:
        """Whether a principal that nothing names can reach them at all: across accounts both sides must allow."""
        return self.open_to is None or account == self.account or account in self.open_to


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """Cells that one principal's policies cut out of the others."""

    cells: tuple[Cell, ...]
    taken: Mapping[int, Cell]
    """The things in them."""


def documents_of(policies: PrincipalPolicies) -> Iterator[Document]:
    """Yield every document on a principal's side."""
    yield from policies.identity
    yield from (one for one in (policies.boundary, policies.session, policies.vpc_endpoint) if one is not None)
    yield from (one for level in policies.scps for one in level)


class Cells:
    """The division and the index."""

    def __init__(self, things: Sequence[Thing], documents: Iterable[Document], limit: int) -> None:
        """Take the things, the policies of all who will be asked about, and how many things are few."""
        self.things = things
        self.limit = limit
        self.named: dict[str, list[int]] = {}
        """ARN of a principal -> things whose policy or grants name it."""
        self.literals: dict[str, list[int]] = {}
        """Lower-case value of a principal's key -> things whose policy compares with it, as the owner's name."""
        self._all = dict.fromkeys(documents)
        self._atoms = {document: _atoms_of(document) for document in self._all}
        self.shared = Atoms()
        """What the policies on the things' side compare."""
        self._open: list[frozenset[str] | None] = []
        self._own: list[object] = [self._side(number, thing) for number, thing in enumerate(things)]
        self._keys = self.shared.keys.union(*(atoms.keys for atoms in self._atoms.values()))
        self.tags = self.shared.tags.union(*(atoms.tags for atoms in self._atoms.values()))
        self.raw = self.shared.raw.union(*(atoms.raw for atoms in self._atoms.values()))
        self._index()
        self._divisions: dict[tuple[Document, ...], Division] = {}
        self.cell_of: list[Cell] = []
        """The cell of each thing."""
        self.cells = self._divided()
        self._local: dict[str, list[Cell]] = {}
        self._unlimited: list[Cell] = []
        for cell in self.cells:
            if cell.open_to is None:
                self._unlimited.append(cell)
            else:
                for account in {cell.account, *cell.open_to}:
                    self._local.setdefault(account, []).append(cell)

    def visible(self, account: str) -> Iterator[Cell]:
        """Yield the cells that a principal of an account can reach."""
        yield from self._unlimited
        yield from self._local.get(account, ())

    def atoms(self, policies: PrincipalPolicies) -> list[Atoms]:
        """Return what the policies that decide on a principal's requests compare."""
        return [self.shared, *(self._atoms[document] for document in documents_of(policies))]

    def division(self, policies: PrincipalPolicies) -> Division:
        """Return how the values without variables in a principal's policies divide the cells further."""
        documents = tuple(dict.fromkeys(documents_of(policies)))
        known = self._divisions.get(documents)
        if known is None:
            if len(self._divisions) >= _DIVISIONS:
                self._divisions.clear()
            known = self._divisions[documents] = self._divide_further(documents)
        return known

    def _divide_further(self, documents: tuple[Document, ...]) -> Division:
        marks: dict[int, list[_Mark]] = {}
        for atom in dict.fromkeys(atom for document in documents for atom in self._atoms[document].texts):
            if not atom.moving and atom not in self._spread:
                for number, part in self._fixed(atom):
                    marks.setdefault(number, []).append((atom, part))
        cells: dict[tuple[Cell, tuple[_Mark, ...]], Cell] = {}
        taken: dict[int, Cell] = {}
        for number in sorted(marks):
            key = (self.cell_of[number], tuple(marks[number]))
            cell = cells.get(key)
            if cell is None:
                cell = cells[key] = Cell(key[0].sort, key[0].account, key[0].open_to)
            cell.numbers.append(number)
            cell.owners.update(self.things[number].owners or (OTHERS,))
            taken[number] = cell
        return Division(cells=tuple(cells.values()), taken=taken)

    def _fixed(self, atom: TextAtom) -> list[tuple[int, _Part]]:
        """Return the things that a value without variables touches, in order, each with what of it is touched."""
        runs = tuple(part for part in atom.parts() if not isinstance(part, Variable))
        found = sorted({*(self._found(atom, runs) or ())})
        return [(one // len(_Part), _Part(one % len(_Part))) for one in found]

    def touched(self, atom: TextAtom, runs: _Runs) -> list[int]:
        """Return the things that a value touches, by what is their own or by their key."""
        return [found // len(_Part) for found in self._found(atom, runs) or ()]

    def tagged(self, tag: str, value: str) -> list[int]:
        """Return the things that have a value, in whatever case, under a lower-case tag key, or whose key has it."""
        return [found // len(_Part) for found in self.by_tag[tag].equal(value, fold=True)]

    def _found(self, atom: TextAtom, runs: _Runs, limit: int | None = None) -> list[int] | None:
        """Return what a value touches, as it is indexed; None where this is more than the limit."""
        most = sys.maxsize if limit is None else limit
        index = self.by_tag.get(atom.key) if atom.key and not atom.key.startswith("kms:") else self.by_name
        if index is None or atom.past >= self._colons:
            return []
        if not atom.wild:
            found = index.equal("".join(text for text, _ in runs), fold=atom.fold)
            return found if len(found) <= most else None
        matched = index.matching(runs, most)
        return matched if matched is not None and len(matched) <= most else None

    def _index(self) -> None:
        """Index names and tags. What is a thing's own and what is its key's are told apart: both are compared."""
        own = [(thing, number * len(_Part) + _Part.OWN) for number, thing in enumerate(self.things)]
        keys = [
            (thing.key, number * len(_Part) + _Part.KEY)
            for number, thing in enumerate(self.things)
            if thing.key is not None
        ]
        names = [(thing.name, found) for thing, found in (*own, *keys)]
        names += [
            (thing.within.split(":", 5)[5], number * len(_Part) + _Part.WITHIN)
            for number, thing in enumerate(self.things)
            if thing.within
        ]
        self._colons = max((name.count(":") for name, _ in names), default=0)
        self.by_name = Texts(names)
        self.by_tag = {
            wanted: Texts(
                (value, found)
                for thing, found in (*own, *keys)
                for tag, value in (thing.tags or {}).items()
                if tag.lower() == wanted
            )
            for wanted in self.tags
        }

    def _divided(self) -> list[Cell]:
        """Divide by what the things are, and by the values that many policies have and that touch many things."""
        uses = Counter(
            atom for atoms in (self.shared, *self._atoms.values()) for atom in atoms.texts if not atom.moving
        )
        bits: list[list[tuple[int, _Part]]] = [[] for _ in self.things]
        self._spread: set[TextAtom] = set()
        for place, (atom, documents) in enumerate(uses.items()):
            runs = tuple(part for part in atom.parts() if not isinstance(part, Variable))
            most = self.limit if documents >= _MANY else max(self.limit, len(self.things) // 2)
            if atom in self.shared.texts or self._found(atom, runs, most) is None:
                self._spread.add(atom)
                for number, part in self._fixed(atom):
                    bits[number].append((place, part))
        cells: dict[tuple[object, ...], Cell] = {}
        for number, thing in enumerate(self.things):
            key = (tuple(bits[number]), self._own[number], self._sort(thing), self._open[number], thing.key_known,
                   thing.owners_known, None if thing.key is None else self._sort(thing.key))  # fmt: skip
            cell = cells.get(key)
            if cell is None:
                cell = cells[key] = Cell(thing.sort, thing.account, self._open[number])
            cell.numbers.append(number)
            cell.owners.update(thing.owners or (OTHERS,))
            self.cell_of.append(cell)
        return list(cells.values())

    def _sort(self, thing: Thing) -> tuple[object, ...]:
        known = tuple(sorted(item for item in thing.known.items() if item[0] in self._keys))
        return thing.sort, thing.region, thing.account, thing.usable, self._tag_states(thing.tags), known

    def _tag_states(self, tags: Mapping[str, str] | None) -> object:
        if tags is None:
            return None
        states: dict[str, list[str]] = {}
        for tag, value in tags.items():
            lowered = tag.lower()
            if lowered in self.tags:
                states.setdefault(lowered, []).append(value if lowered in self.raw else "value" if value else "")
        return tuple(sorted((tag, tuple(sorted(values))) for tag, values in states.items()))

    def _side(self, number: int, thing: Thing) -> object:
        """Return what of the policies of a thing and its key can matter to a principal that they do not name."""
        sides = []
        opened: set[str] | None = set()
        for one in (thing, thing.key):
            if one is None:
                continue
            policies = one.policies
            if one is thing:
                opened = _opened(policies)
            for grant in policies.grants:
                self._name(grant.grantee, number)
            documents = (policies.policy, *(document for level in policies.rcps for document in level))
            statements = tuple(
                self._statement(number, one, thing, document, statement)
                for document in documents
                if document is not None
                for statement in document.statements
                if self._is_broad(statement, number)
            )
            sides.append((policies.policy is None, statements, policies.unseen))
        self._open.append(None if opened is None else frozenset(opened))
        return tuple(sides)

    def _name(self, arn: str, number: int) -> None:
        known = self.named.setdefault(arn, [])
        if not known or known[-1] != number:
            known.append(number)

    def _is_broad(self, statement: Statement, number: int) -> bool:
        """Whether a statement can matter to principals that it does not name; those that it names are noted."""
        if statement.principals is None:
            return False
        broad = statement.not_principal
        for named in statement.principals:
            if named.value == "*" or named.type == "*" or named.value.isdigit() or named.value.endswith(":root"):
                broad = True
            elif named.type == "AWS":
                self._name(named.value, number)
        return broad

    def _statement(
        self, number: int, holder: Thing, thing: Thing, document: Document, statement: Statement
    ) -> tuple[object, ...]:
        """Return a statement such that two things with equal ones are the same to whoever they do not name."""
        resources = _covered(holder, document, statement)
        self.shared.add_moving(statement, document)
        conditions = tuple(self._condition(number, holder, thing, document, one) for one in statement.conditions)
        principals = tuple((named.type, named.value) for named in statement.principals or ())
        return (document.variables, statement.allow, principals, statement.not_principal, statement.actions,
                statement.not_action, resources, conditions)  # fmt: skip

    def _condition(
        self, number: int, holder: Thing, thing: Thing, document: Document, condition: Condition
    ) -> tuple[object, ...]:
        key = condition.key.lower()
        if not any("${" in value for value in condition.values):
            if tag_of(key) is not None and holder.tags is not None:
                keys = Keys()
                for tag, value in holder.tags.items():
                    for prefix in tag_spellings(holder.service):
                        keys.setdefault(prefix + tag.lower(), value)
                if len({tag.lower() for tag in holder.tags}) == len(holder.tags):
                    return key, compile_condition(condition, variables=document.variables)(keys)
            if is_principal_key(key) and condition.operator in _EXACT and not condition.every and not condition.some:
                values = tuple("\0owner" if value in thing.owners else value for value in condition.values)
                for value in set(condition.values) & set(thing.owners):
                    self.literals.setdefault(value.lower(), []).append(number)
                rest = tuple(value for value in values if value != "\0owner")
                if rest:
                    self.shared.principal_test(condition, rest, document)
                self.shared.variables.add(key)
                return condition.written, key, values
        self.shared.add_condition(condition, document)
        values = tuple(value.replace(thing.arn, "\0thing") for value in condition.values)
        return condition.written, key, values


def _covered(holder: Thing, document: Document, statement: Statement) -> object:
    """Return whether a statement's Resource element covers its holder; where variables decide, what it says of it."""
    if statement.resources in {None, ("*",)} and not statement.not_resource:
        return YES
    if document.variables and any("${" in text for text in statement.resources or ()):
        resources = tuple(text.replace(holder.arn, "\0self") for text in statement.resources or ())
        return statement.not_resource, resources
    covers = compile_document(document).clause(statement).covers
    asked = "*" if holder.collection is Collection.EVERYTHING else holder.arn
    return YES if covers is None else covers(asked, Keys())


def _opened(policies: ResourcePolicies) -> set[str] | None:
    """Return the accounts of which a policy may let in principals that it does not name; None for all."""
    if Kind.RESOURCE in policies.unseen:
        return None
    found: set[str] = set()
    for statement in () if policies.policy is None else policies.policy.statements:
        if not statement.allow or statement.principals is None:
            continue
        if statement.not_principal:
            return None
        for named in statement.principals:
            if named.value == "*" or named.type == "*":
                return None
            if named.value.isdigit():
                found.add(named.value)
            elif named.value.endswith(":root"):
                found.add(named.value.split(":")[4] if named.value.count(":") >= 5 else "")
    return found


def _atoms_of(document: Document) -> Atoms:
    atoms = Atoms()
    atoms.add(document)
    return atoms
