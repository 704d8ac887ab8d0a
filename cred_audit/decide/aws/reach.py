"""What one principal reaches of what other tenants own: a witness for each grant, or the statements that stop it.

Exact over all things given and all requests for them: keys that nobody knows are searched (see `free`). Things that no
test of any policy tells apart are decided once; the few that a principal's own values touch are found by an index and
decided by themselves, so nothing loops over pairs of tenants. Every witness is a request that `decide` answered.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from cred_audit.decide import OTHERS, Effect, Reason
from cred_audit.decide.aws.asker import Agent, Asker, Judged
from cred_audit.decide.aws.atoms import TextAtom
from cred_audit.decide.aws.caller import session_of
from cred_audit.decide.aws.cells import Cell, Cells, Division, documents_of
from cred_audit.decide.aws.condition import filled, resolved
from cred_audit.decide.aws.estate import ActionClass, Question, Thing, actions_of, requests
from cred_audit.decide.aws.keys import FREE, Either, Keys
from cred_audit.decide.aws.model import Request

LIMIT = 64
"""Things that a pattern may touch to be decided one by one; what touches more divides all things in two."""
_CLOSEST = 5
_MERGES = 4096
"""Unions of cells that are remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """A set of owners: by name, or everyone but a few."""

    names: tuple[str, ...] = ()
    all_except: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Statements that let an agent touch what others own."""

    effect: Effect
    """ALLOW, or UNKNOWN where something was not seen or is not settled."""
    owners: Owners
    things: int
    """How many things it reaches."""
    actions: tuple[str, ...]
    witness: tuple[Request, ...]
    """Requests that must all be allowed, on one of the things: with a customer key also kms:Decrypt of the key."""
    because: tuple[Reason, ...]
    assuming: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """All grants, or, without any, the statements that come closest."""

    grants: tuple[Grant, ...]
    closest: tuple[Reason, ...] = ()


@dataclass(slots=True)
class _Sum:
    """A grant in the making."""

    judged: Judged
    thing: Thing
    """The thing of the witness."""
    actions: dict[str, None] = field(default_factory=dict)
    cells: dict[Cell, None] = field(default_factory=dict)
    numbers: set[int] = field(default_factory=set)


class _Total:
    """The grants of one agent, by the statements that make them, and the denials that come closest."""

    def __init__(self) -> None:
        self.sums: dict[tuple[object, ...], _Sum] = {}
        self._closest: dict[tuple[Reason, ...], None] = {}

    def add(
        self, judged: Judged, action: str, *, thing: Thing, cell: Cell | None = None, number: int | None = None
    ) -> None:
        """Add one answer on a thing, which stands for a cell or for itself."""
        if judged.effect is Effect.DENY:
            if len(self._closest) < _CLOSEST:
                self._closest.setdefault(judged.because)
            return
        found = self.sums.setdefault((judged.effect, judged.because, judged.assuming), _Sum(judged, thing))
        found.actions[action] = None
        if cell is not None:
            found.cells[cell] = None
        if number is not None:
            found.numbers.add(number)

    def shown(self) -> tuple[Reason, ...]:
        """Return the reasons of the denials, the first two of each."""
        return tuple(reason for because in self._closest for reason in because[:2])


class Estate:
    """Everybody's things, ready to be asked about any of the agents."""

    def __init__(
        self, things: Iterable[Thing], agents: Sequence[Agent], *, limit: int = LIMIT, since: datetime | None = None
    ) -> None:
        """Take what there is and everyone who will be asked about: their policies say what tells things apart.

        `since`: requests are sent at this time or later; without it, at any time.
        """
        self._since = since
        self.things = tuple(sorted(things, key=lambda thing: thing.arn))
        self.agents = tuple(agents)
        documents = dict.fromkeys(document for agent in self.agents for document in documents_of(agent.policies))
        self._cells = Cells(self.things, documents, limit)
        self._own: dict[str, list[int]] = {}
        """Owner -> what is not foreign to it."""
        owners: set[str] = set()
        for number, thing in enumerate(self.things):
            owners.update(thing.owners or (OTHERS,))
            if thing.collection is None or len(thing.owners) == 1:
                for owner in thing.owners:
                    self._own.setdefault(owner, []).append(number)
        self.owners = tuple(sorted(owners))
        self._sessions = self._named_sessions()
        self._memo: dict[tuple[object, ...], Judged] = {}
        self._merges: dict[frozenset[Cell], Counter[str]] = {}
        self._absences: dict[frozenset[Cell], tuple[str, ...]] = {}

    def reach(self, agent: Agent, wanted: ActionClass | Question) -> Answer:
        """Return what an agent reaches, by actions of a class, of what others than its tenant own."""
        unknown = (atoms.unknown for atoms in self._cells.atoms(agent.policies))
        asker = Asker(agent, frozenset().union(*unknown), self._since)
        related = self._related(asker)
        alike = self._alike(asker)
        division = self._cells.division(agent.policies)
        total = _Total()
        account = asker.caller.account
        cells = (*self._cells.visible(account), *(cell for cell in division.cells if cell.visible(account)))
        for cell in cells:
            actions = actions_of(wanted, cell.sort)
            thing = self._generic(cell, agent.tenant, related, division) if actions else None
            if thing is not None:
                self._cell(asker, (alike, wanted, cell), actions, thing, total)
        for number, sessions in related.items():
            thing = self.things[number]
            if thing.foreign(agent.tenant):
                for action in actions_of(wanted, thing.sort):
                    if not asker.cannot(action, thing):
                        judged = asker.best(action, thing, wanted, sessions)
                        total.add(judged, action, number=number, thing=thing)
        for one in total.sums.values():
            one.judged = _confirmed(asker, one, wanted)
        grants = tuple(self._grant(one, agent.tenant, related, division) for one in total.sums.values())
        return Answer(grants=grants, closest=() if grants else total.shown())

    def _cell(
        self,
        asker: Asker,
        question: tuple[object, ActionClass | Question, Cell],
        actions: tuple[str, ...],
        thing: Thing,
        total: _Total,
    ) -> None:
        """Decide a thing for all of its cell that is not looked at one by one."""
        _, wanted, cell = question
        for action in actions:
            key = (*question, action)
            judged = self._memo.get(key)
            if judged is None:
                if asker.cannot(action, thing):
                    continue
                judged = self._memo[key] = asker.judge(action, thing, wanted)
            total.add(judged, action, cell=cell, thing=thing)

    def _generic(self, cell: Cell, own: str, related: dict[int, tuple[str, ...]], division: Division) -> Thing | None:
        """Return a foreign thing that stands for the rest of its cell."""
        for number in cell.numbers:
            apart = number in related or not self.things[number].foreign(own)
            if not apart and division.taken.get(number, cell) is cell:
                return self.things[number]
        return None

    def _named_sessions(self) -> dict[str, dict[str, list[int]]]:
        found: dict[str, dict[str, list[int]]] = {}
        for arn, numbers in self._cells.named.items():
            if ":assumed-role/" in arn and arn.count("/") == 2:
                role = f"{arn.split(':')[4]}/{arn.split('/')[1]}"
                found.setdefault(role, {})[arn] = numbers
        return found

    def _related(self, asker: Asker) -> dict[int, tuple[str, ...]]:
        """Return what the agent's own values and the narrow patterns of its policies touch, with session names."""
        cells, keys = self._cells, asker.keys
        found: dict[int, tuple[str, ...]] = {}
        for atoms in cells.atoms(asker.agent.policies):
            for atom in atoms.texts:
                found.update(dict.fromkeys(self._touched(atom, keys), ()))
            for tag in atoms.tag_variables:
                for value in _own_values(keys):
                    found.update(dict.fromkeys(cells.tagged(tag, value), ()))
        for value in _own_values(keys):
            found.update(dict.fromkeys(cells.literals.get(value.lower(), ()), ()))
        caller = asker.caller
        for arn in {caller.arn, caller.role} - {""}:
            found.update(dict.fromkeys(cells.named.get(arn, ()), ()))
        if caller.arn == caller.role:
            role = f"{caller.account}/{caller.role.rpartition('/')[2]}"
            for session, numbers in self._sessions.get(role, {}).items():
                for number in numbers:
                    found[number] = (*found.get(number, ()), session)
        return found

    def _touched(self, atom: TextAtom, keys: Keys) -> Iterator[int]:
        """Yield the things that one value touches, its variables filled in."""
        if not atom.moving:
            return
        for values in resolved(atom.parts(), keys):
            if values is FREE:
                yield from self._cells.touched(replace(atom, wild=True), (("*", True),))
            elif values is not None:
                yield from self._cells.touched(atom, filled(atom.parts(), values))

    def _alike(self, asker: Asker) -> tuple[object, ...]:
        """Return what two agents must share to be decided once."""
        policies, keys, caller = asker.agent.policies, asker.keys, asker.caller
        documents = (policies.identity, policies.boundary, policies.session, policies.vpc_endpoint, policies.scps)
        compared = self._cells.atoms(policies)
        user = any("aws:userid" in atoms.keys for atoms in compared)
        session = (session_of(caller.arn), asker.agent.principal.unique_id) if user else ()
        states = tuple(_state(keys[name]) for atoms in compared for name in sorted(atoms.variables))
        results = tuple(holds(keys) for atoms in compared for holds in atoms.principal)
        principal = asker.agent.principal
        return (documents, policies.unseen, caller.type, caller.account, caller.service_linked,
                principal.tags is None, principal.alone, asker.agent.mfa, session, states, results)  # fmt: skip

    def _grant(self, total: _Sum, own: str, related: dict[int, tuple[str, ...]], division: Division) -> Grant:
        cells = frozenset(total.cells)
        base = self._merged(cells)
        less: Counter[str] = Counter()
        things = sum(len(cell.numbers) for cell in total.cells) + len(total.numbers)
        apart = {*related, *self._own.get(own, ())}
        outside = (number for number in division.taken if self._cells.cell_of[number] in total.cells)
        inside = (number for number in apart if self._now(number, division) in total.cells)
        for number in (*outside, *inside):
            things -= 1
            less.update(self.things[number].owners or (OTHERS,))
        more = {owner for number in total.numbers for owner in self.things[number].owners or (OTHERS,)} - {own}
        gone = {owner for owner, count in less.items() if base[owner] <= count} | {own}
        present = (
            len(base) - sum(owner in base for owner in gone) + sum(owner not in base or owner in gone for owner in more)
        )
        if present * 2 > len(self.owners):
            owners = Owners(all_except=tuple(sorted({*self._absent(cells, base), *gone, own} - more)))
        else:
            owners = Owners(names=tuple(sorted(({*base} - gone) | more)))
        judged = total.judged
        return Grant(
            effect=judged.effect, owners=owners, things=things, actions=tuple(total.actions), witness=judged.witness,
            because=judged.because, assuming=judged.assuming,
        )  # fmt: skip

    def _now(self, number: int, division: Division) -> Cell:
        return division.taken.get(number) or self._cells.cell_of[number]

    def _merged(self, cells: frozenset[Cell]) -> Counter[str]:
        """Return how many things each owner has in some cells."""
        if len(cells) == 1:
            return next(iter(cells)).owners
        known = self._merges.get(cells)
        if known is None:
            base: Counter[str] = Counter()
            for cell in cells:
                base.update(cell.owners)
            if len(self._merges) >= _MERGES:
                self._merges.clear()
            known = self._merges[cells] = base
        return known

    def _absent(self, cells: frozenset[Cell], base: Counter[str]) -> tuple[str, ...]:
        """Return who has nothing in some cells."""
        known = self._absences.get(cells)
        if known is None:
            if len(self._absences) >= _MERGES:
                self._absences.clear()
            known = self._absences[cells] = tuple(owner for owner in self.owners if owner not in base)
        return known


def _confirmed(asker: Asker, total: _Sum, wanted: ActionClass | Question) -> Judged:
    """Decide the witness again as this agent's own request: it may have been found for an agent like it.

    Where the same request is denied, another one on the same thing is searched; where there is none the agents were
    not alike, which is a fault of ours, and nothing is proven.
    """
    judged = total.judged
    if judged.effect is not Effect.ALLOW or judged.session:
        return judged
    action = next(iter(total.actions))
    sides = tuple(zip(judged.witness, requests(action, total.thing, wanted), strict=True))
    # The other agent's thing may be this one's own.
    same = all(request.resource == own.resource for request, (own, _) in sides)
    if same and all(asker.evaluator.decide(request, side).effect is Effect.ALLOW for request, (_, side) in sides):
        return judged
    found = asker.judge(action, total.thing, wanted)
    if found.effect is not Effect.DENY:
        return found
    reason = Reason(policy="", why="an equal request of another agent was allowed and this one is not")
    return Judged(Effect.UNKNOWN, (reason, *found.because), (), judged.witness)


def _own_values(keys: Keys) -> set[str]:
    found: set[str] = set()
    for value in keys.values():
        if isinstance(value, str) and value:
            found.add(value)
        elif isinstance(value, Either):
            found.update(value.values)
    return found


def _state(value: object) -> str:
    if value is None or value is FREE:
        return repr(value)
    if isinstance(value, Either):
        return f"either {tuple(map(bool, value.values))}"
    return "value" if value else "empty"


__all__ = ["LIMIT", "Agent", "Answer", "Estate", "Grant", "Owners"]
