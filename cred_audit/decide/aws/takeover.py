"""Takeover paths: the chains of requests by which an agent becomes a principal that reaches what others own.

A graph of principals. Ways from one to the next are requests that `decide` lets through (see `sessions`,
`escalation`, `compute`); what a principal reaches is asked of the same exact search as any agent's reach. Sets of
owners are joined along the ways, once for each principal, so that a role which everybody may assume is looked at once.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from cred_audit.decide import Effect
from cred_audit.decide.aws.chains import Chain, Holder, Outcome, add, commanded, first_of, label
from cred_audit.decide.aws.compute import Compute
from cred_audit.decide.aws.encrypting import encrypting_keys
from cred_audit.decide.aws.ends import NOBODY, Ends, foreign, union
from cred_audit.decide.aws.escalation import Escalation
from cred_audit.decide.aws.holdings import Holdings
from cred_audit.decide.aws.joint import Joint
from cred_audit.decide.aws.mastery import Mastery, Owned
from cred_audit.decide.aws.principals import Principals
from cred_audit.decide.aws.profiles import Profiles
from cred_audit.decide.aws.sessions import Sessions
from cred_audit.decide.aws.sides import Sides
from cred_audit.decide.aws.standing import Standing
from cred_audit.decide.aws.trusts import Trusts
from cred_audit.decide.aws.ways import Blind, Found, Held, Node, Step, Way
from cred_audit.decide.aws.widening import Widening

_PRINCIPALS = 60_000
"""Principals of one audit that are looked at; beyond, what they reach is not known."""
_TRIES = 50
"""Ends of one way that are tried for its chain."""
_NEAR = 4
"""Principals of one way that are looked at for a shorter chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    """Whom a principal reaches, itself or by what it can become."""

    sure: frozenset[str] = NOBODY
    maybe: frozenset[str] = NOBODY
    blind: tuple[Blind, ...] = ()
    widens: bool = False
    """Whether one of them has rights of IAM, and so may change others that are held."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Hop:
    """One principal on the way, with how it was come by."""

    held: Held
    way: Way | None = None
    before: "_Hop | None" = None


class Source(Protocol):
    """One kind of ways."""

    def add(self, held: Held, found: Found) -> None:
        """Add the ways from a principal."""


class Takeovers:
    """Everybody's ways, ready to be asked about any agent."""

    def __init__(
        self, principals: Principals, holdings: Holdings, holders: Iterable[Holder], agents: Iterable[tuple[str, str]],
        tenants: Iterable[str],
    ) -> None:  # fmt: skip
        """Take who there is, whose is what, and the agents: their (tenant, ARN) even where no more is known."""
        self.principals = principals
        self.holders = tuple(holders)
        keys = encrypting_keys(holdings)
        self.things = (*holdings.things, *keys)
        self._owned = Owned(holdings.things, keys)
        self.standing = Standing(principals, holdings.territories, agents)
        self.ends = Ends(holdings.things, keys, self.standing, self._everyone)
        self.trusts = Trusts(principals)
        acting = [holder.held.principal for holder in self.holders]
        tags = [thing.tags or {} for thing in self.things]
        self.profiles = Profiles(acting, tags, tenants)
        sides = Sides(self.things)
        self.sessions = Sessions(self.trusts, self.profiles, sides.documents, sides.crossing(self.trusts))
        self._sources: tuple[Source, ...] = (
            self.sessions,
            Escalation(self.sessions, (one.held for one in self.holders)),
            Compute(self.sessions),
        )
        self._found: dict[Held, Found] = {}
        self._reached: dict[object, _Reached] = {}
        self._all: tuple[Held, ...] | None = None
        self._complete = True
        self._widening = Widening(principals)

    def found(self, held: Held) -> Found:
        """Return the ways from one principal."""
        known = self._found.get(held)
        if known is None:
            known = self._found[held] = Found()
            for source in self._sources:
                source.add(held, known)
        return known

    def _everyone(self) -> tuple[Held, ...]:
        """Return everyone that can be held by some agent."""
        if self._all is None:
            everyone = dict.fromkeys(holder.held for holder in self.holders)
            queue = deque(everyone)
            nodes: set[object] = set()
            while queue:
                for way in self.found(queue.popleft()).ways:
                    if way.to.key in nodes:
                        continue
                    nodes.add(way.to.key)
                    for member in way.to.members:
                        if member not in everyone and len(everyone) < _PRINCIPALS:
                            everyone[member] = None
                            queue.append(member)
                        self._complete = self._complete and member in everyone
            self._all = tuple(everyone)
        return self._all

    def reached(self, node: Node) -> _Reached:
        """Return whom the principals of a node reach, and those that they can become."""
        known = self._reached.get(node.key)
        if known is not None:
            return known
        sure, maybe = set[frozenset[str]](), set[frozenset[str]]()
        blind: dict[Blind, None] = {}
        seen: dict[Held, bool] = {}
        widens = False
        queue: deque[tuple[Node, bool]] = deque([(node, True)])
        while queue:
            here, is_sure = queue.popleft()
            part = self._reached.get(here.key)
            if part is not None:
                (sure if is_sure else maybe).add(part.sure)
                maybe.add(part.maybe)
                blind.update(dict.fromkeys(part.blind))
                widens = widens or part.widens
                continue
            for held in here.members:
                if seen.get(held, False) or (held in seen and not is_sure):
                    continue
                seen[held] = is_sure
                widens = widens or held.uses("iam")
                direct = self.ends.direct(held)
                (sure if is_sure else maybe).add(direct.sure)
                maybe.add(direct.maybe)
                found = self.found(held)
                blind.update(dict.fromkeys(found.blind))
                queue.extend((way.to, is_sure and way.sure) for way in found.ways)
        if not self._complete:
            blind[Blind(reason="there are more principals to be held than were looked at", where="roles")] = None
        result = _Reached(sure=union(sure), maybe=union(maybe), blind=tuple(blind), widens=widens)
        self._reached[node.key] = result
        return result

    def outcome(self, holder: Holder) -> Outcome:
        """Return the chains that start with an agent."""
        own = holder.tenant
        found = self.found(holder.held)
        chains: dict[tuple[str, str], Chain] = {}
        blind = dict.fromkeys(found.blind)
        harmless: dict[str, None] = {}
        for way in found.ways:
            reached = self.reached(way.to)
            blind.update(dict.fromkeys(reached.blind))
            owners = reached.sure
            is_sure = way.sure and foreign(owners, own)
            if not is_sure:
                owners = union({reached.maybe, reached.sure})
            if not foreign(owners, own):
                harmless.update(dict.fromkeys(member.arn for member in way.to.members[:3]))
                continue
            known = chains.get(label(way.first[0]))
            if known is not None and known.owners == owners and known.sure >= is_sure and known.verb == "read":
                longer = len(known.steps) > 1 and is_sure and self._ends_at(way, own)
                if not longer:
                    continue
            chain = self._chain(holder, way, owners, sure=is_sure)
            if chain is not None:
                add(chains, replace(chain, first=way.first[0]))
            else:
                blind[Blind(
                    reason="a chain of requests may lead to others, but no single one was found",
                    where=way.first[0].policy, because=way.first,
                )] = None  # fmt: skip
        joint = Joint(holder.held, self.found, self._widening)
        if any(self.reached(way.to).widens for way in found.ways):
            for chain in self._joined(holder, joint):
                add(chains, chain)
            blind.update(dict.fromkeys(joint.blind))
        for chain in (*self._controls(holder), *self._commands(holder)):
            add(chains, chain)
        return Outcome(chains=tuple(chains.values()), blind=tuple(blind), harmless=tuple(harmless))

    def _ends_at(self, way: Way, own: str) -> bool:
        """Whether the first of those that a way leads to reach others themselves."""
        return any(foreign(self.ends.direct(member).sure, own) for member in way.to.members[:_NEAR])

    def _joined(self, holder: Holder, joint: Joint) -> Iterator[Chain]:
        """Yield the chains that take two principals at once."""
        for got in joint.found():
            direct = self.ends.direct(got.held)
            sure = got.sure and foreign(direct.sure, holder.tenant)
            owners = direct.sure if sure else union({direct.sure, direct.maybe})
            if foreign(owners, holder.tenant):
                steps = got.steps()
                chain = None if steps is None else self._end(holder, got.held, steps, owners, sure=sure)
                if chain is not None:
                    yield chain

    def _chain(self, holder: Holder, way: Way, owners: frozenset[str], *, sure: bool) -> Chain | None:
        """Return the shortest chain that starts with a way and reaches one of some owners."""
        tried = 0
        for hop in self._hops(holder.held, way, sure=sure):
            direct = self.ends.direct(hop.held)
            ends = (direct.sure,) if sure else (direct.sure, direct.maybe)
            if not any(foreign(end, holder.tenant) for end in ends):
                continue
            steps = _steps(hop)
            chain = None if steps is None else self._end(holder, hop.held, steps, owners, sure=sure)
            if chain is not None:
                return chain
            tried += 1
            if tried >= _TRIES:
                break
        return None

    def _hops(self, start: Held, way: Way, *, sure: bool) -> Iterator[_Hop]:
        """Yield the principals that a way leads to, nearest first."""
        seen = {start}
        first = _Hop(held=start)
        queue: deque[tuple[Way, _Hop]] = deque([(way, first)])
        while queue:
            taken, before = queue.popleft()
            for held in taken.to.members:
                if held in seen:
                    continue
                seen.add(held)
                hop = _Hop(held=held, way=taken, before=before)
                yield hop
                queue.extend((after, hop) for after in self.found(held).ways if after.sure or not sure)

    def _end(
        self, holder: Holder, held: Held, steps: tuple[Step, ...], owners: frozenset[str], *, sure: bool
    ) -> Chain | None:
        """Return the chain with its last request, decided for the principal reached."""
        assuming = tuple(dict.fromkeys(text for step in steps for text in step.assuming))
        for end in self.ends.of(held, holder.tenant):
            grant = end.grant
            if grant.witness and (not sure or grant.effect is Effect.ALLOW):
                return Chain(
                    sure=sure, steps=steps, last=grant.witness, by=held.principal, verb=end.verb, what=end.what,
                    holder=held.arn, owners=owners, because=grant.because, first=steps[0].because[0],
                    actions=grant.actions,
                    assuming=tuple(dict.fromkeys((*assuming, *grant.assuming))),
                )  # fmt: skip
        for command in self.standing.commands(held, holder.tenant):
            if command.sure or not sure:
                return commanded(command, held, steps, sure=sure, first=steps[0].because[0], owners=owners)
        return None

    def _controls(self, holder: Holder) -> Iterator[Chain]:
        """Yield what an agent itself may take control of, with what that leads to."""
        mastery = Mastery(holder.held, holder.tenant, self._owned, holder.tags)
        for end in self.ends.controlled(holder.held, holder.tenant):
            grant = end.grant
            if not grant.witness:
                continue
            chain = Chain(
                sure=grant.effect is Effect.ALLOW, steps=(), last=grant.witness, by=holder.held.principal,
                holder=holder.held.arn, verb=end.verb, what=end.what, owners=end.owners, first=first_of(grant.because),
                because=grant.because, assuming=grant.assuming, actions=grant.actions,
            )  # fmt: skip
            followed = mastery.followed(grant, end.owners) if chain.sure else None
            if followed is not None:
                chain = replace(
                    chain, steps=followed.steps, last=followed.last, because=followed.because, command=followed.command,
                    assuming=followed.assuming, opened=followed.opened, stop=followed.why, untried=followed.untried,
                    verb="read" if followed.opened else end.verb,
                )  # fmt: skip
            yield chain

    def _commands(self, holder: Holder) -> Iterator[Chain]:
        for command in self.standing.commands(holder.held, holder.tenant):
            yield commanded(
                command, holder.held, (), sure=command.sure, first=command.because[0], owners=command.owners
            )


def _steps(hop: _Hop) -> tuple[Step, ...] | None:
    """Return the requests that lead to a principal; None where one of them is refused."""
    found: list[tuple[Step, ...]] = []
    here: _Hop | None = hop
    while here is not None and here.way is not None:
        steps = here.way.enter(here.held)
        if steps is None:
            return None
        found.append(steps)
        here = here.before
    return tuple(step for steps in reversed(found) for step in steps)
