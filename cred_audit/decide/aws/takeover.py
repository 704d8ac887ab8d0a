"""Takeover paths: the chains of requests by which an agent becomes a principal that reaches what others own.

A graph of principals. Ways from one to the next are requests that `decide` lets through (see `sessions`,
`escalation`, `compute`); what a principal reaches is asked of the same exact search as any agent's reach. Sets of
owners are joined along the ways, once for each principal, so that a role which everybody may assume is looked at once.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from cred_audit.decide import Effect, Reason
from cred_audit.decide.aws.cells import documents_of
from cred_audit.decide.aws.chains import Chain, Holder, Outcome
from cred_audit.decide.aws.compute import Compute
from cred_audit.decide.aws.escalation import Escalation
from cred_audit.decide.aws.estate import ActionClass, Thing, actions_of
from cred_audit.decide.aws.holdings import Holdings
from cred_audit.decide.aws.joint import Joint
from cred_audit.decide.aws.mastery import Mastery, Owned
from cred_audit.decide.aws.model import Document, Kind
from cred_audit.decide.aws.principals import Principals
from cred_audit.decide.aws.profiles import Profiles
from cred_audit.decide.aws.reach import Agent, Estate, Grant, Owners
from cred_audit.decide.aws.sessions import Sessions
from cred_audit.decide.aws.standing import Command, Standing
from cred_audit.decide.aws.trusts import Trusts
from cred_audit.decide.aws.ways import Blind, Found, Held, Node, Step, Way, holds_any
from cred_audit.decide.aws.widening import Widening

_PRINCIPALS = 60_000
"""Principals of one audit that are looked at; beyond, what they reach is not known."""
_TRIES = 50
"""Ends of one way that are tried for its chain."""
_ENDS = ((ActionClass.READ, "read"), (ActionClass.WRITE, "change"), (ActionClass.CONTROL, "take control of"))
_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    """Whom a principal reaches, itself or by what it can become."""

    sure: frozenset[str] = _NOBODY
    maybe: frozenset[str] = _NOBODY
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
        self.things = holdings.things
        self._owned = Owned(self.things)
        sorts = dict.fromkeys(thing.sort for thing in self.things)
        self._actions = {
            wanted: frozenset(action.lower() for sort in sorts for action in actions_of(wanted, sort))
            for wanted, _ in _ENDS
        }
        self._guarded = any(map(_grants_by_itself, self.things))
        """Whether the side of some thing lets somebody in who has no policy for it."""
        self.standing = Standing(principals, holdings.territories, agents)
        self.trusts = Trusts(principals)
        acting = [holder.held.principal for holder in self.holders]
        tags = [thing.tags or {} for thing in self.things]
        self.profiles = Profiles(acting, tags, tenants)
        self.sessions = Sessions(self.trusts, self.profiles, self._shared(), self._crossing())
        self._sources: tuple[Source, ...] = (
            self.sessions,
            Escalation(self.sessions, (one.held for one in self.holders)),
            Compute(self.sessions),
        )
        self._found: dict[Held, Found] = {}
        self._reached: dict[object, _Reached] = {}
        self._direct: dict[Held, _Reached] = {}
        self._sets: dict[Owners, frozenset[str]] = {}
        self._complete = True
        self._estate: Estate | None = None
        self._registered: frozenset[Document] = frozenset()
        self._estates: dict[frozenset[Document], Estate] = {}
        self._widening = Widening(principals)

    def _shared(self) -> Iterator[Document]:
        """Yield the policies on the side of what may be reached."""
        for thing in self.things:
            for one in (thing, thing.key):
                if one is not None:
                    if one.policies.policy is not None:
                        yield one.policies.policy
                    yield from (document for level in one.policies.rcps for document in level)

    def _crossing(self) -> frozenset[str] | None:
        """Return the roles that policies of other accounts let in; None where a deny may leave out any role."""
        named = dict(self.trusts.named())
        for thing in self.things:
            for one in (thing, thing.key):
                if one is None:
                    continue
                policies = one.policies
                if policies.unseen:
                    return None
                named |= dict.fromkeys(grant.grantee for grant in policies.grants)
                documents = (policies.policy, *(document for level in policies.rcps for document in level))
                for document in documents:
                    for statement in () if document is None else document.statements:
                        if not statement.allow or statement.not_principal or statement.conditions:
                            return None
                        named |= dict.fromkeys(one.value for one in statement.principals or ())
        return None if self.trusts.by_value else frozenset(named)

    def found(self, held: Held) -> Found:
        """Return the ways from one principal."""
        known = self._found.get(held)
        if known is None:
            known = self._found[held] = Found()
            for source in self._sources:
                source.add(held, known)
        return known

    @property
    def estate(self) -> Estate:
        """What tenants own, ready to be asked about everyone that can be held."""
        if self._estate is None:
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
            agents = {documents_key(held): _agent(held, "") for held in everyone}
            self._registered = frozenset(document for key in agents for document in key)
            self._estate = Estate(self.things, tuple(agents.values()))
        return self._estate

    def _estate_of(self, held: Held) -> Estate:
        """Return an estate that knows a principal's policies: the common one, or for a rare combination its own."""
        estate = self.estate
        documents = frozenset(documents_of(held.policies))
        if documents <= self._registered:
            return estate
        known = self._estates.get(documents)
        if known is None:
            known = self._estates[documents] = Estate(self.things, (_agent(held, ""),))
        return known

    def direct(self, held: Held) -> _Reached:
        """Return whom a principal reaches by its own requests."""
        known = self._direct.get(held)
        if known is None:
            sure, maybe = set[frozenset[str]](), set[frozenset[str]]()
            for wanted, _ in _ENDS:
                for grant in self._grants(held, "", wanted):
                    (sure if grant.effect is Effect.ALLOW else maybe).add(self._names(grant.owners))
            for command in self.standing.commands(held, ""):
                (sure if command.sure else maybe).add(command.owners)
            known = self._direct[held] = _Reached(sure=_union(sure), maybe=_union(maybe))
        return known

    def _grants(self, held: Held, own: str, wanted: ActionClass) -> Iterator[Grant]:
        """Yield what a principal reaches; most allow nothing of a class, and nothing of a thing's side lets them."""
        side = self._guarded or Kind.IDENTITY in held.policies.unseen
        if side or holds_any(held.policies.identity, self._actions[wanted]):
            yield from grants_of(self._estate_of(held), _agent(held, own), wanted)

    def _names(self, owners: Owners) -> frozenset[str]:
        known = self._sets.get(owners)
        if known is None:
            names = set(owners.names) if owners.all_except is None else {*self.estate.owners} - {*owners.all_except}
            known = self._sets[owners] = frozenset(names)
        return known

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
                direct = self.direct(held)
                (sure if is_sure else maybe).add(direct.sure)
                maybe.add(direct.maybe)
                found = self.found(held)
                blind.update(dict.fromkeys(found.blind))
                queue.extend((way.to, is_sure and way.sure) for way in found.ways)
        if not self._complete:
            blind[Blind(reason="there are more principals to be held than were looked at", where="roles")] = None
        result = _Reached(sure=_union(sure), maybe=_union(maybe), blind=tuple(blind), widens=widens)
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
                owners = _union({reached.maybe, reached.sure})
            if not foreign(owners, own):
                harmless.update(dict.fromkeys(member.arn for member in way.to.members[:3]))
                continue
            known = chains.get(_label(way.first[0]))
            if known is not None and known.owners == owners and known.sure >= is_sure and known.verb == "read":
                continue
            chain = self._chain(holder, way, owners, sure=is_sure)
            if chain is not None:
                _add(chains, replace(chain, first=way.first[0]))
            elif known is None:
                blind[Blind(
                    reason="a chain of requests may lead to others, but no single one was found",
                    where=way.first[0].policy, because=way.first,
                )] = None  # fmt: skip
        joint = Joint(holder.held, self.found, self._widening)
        if any(self.reached(way.to).widens for way in found.ways):
            for chain in self._joined(holder, joint):
                _add(chains, chain)
            blind.update(dict.fromkeys(joint.blind))
        for chain in (*self._controls(holder), *self._commands(holder)):
            _add(chains, chain)
        return Outcome(chains=tuple(chains.values()), blind=tuple(blind), harmless=tuple(harmless))

    def _joined(self, holder: Holder, joint: Joint) -> Iterator[Chain]:
        """Yield the chains that take two principals at once."""
        for got in joint.found():
            direct = self.direct(got.held)
            sure = got.sure and foreign(direct.sure, holder.tenant)
            owners = direct.sure if sure else _union({direct.sure, direct.maybe})
            if foreign(owners, holder.tenant):
                steps = got.steps()
                chain = None if steps is None else self._end(holder, got.held, steps, owners, sure=sure)
                if chain is not None:
                    yield chain

    def _chain(self, holder: Holder, way: Way, owners: frozenset[str], *, sure: bool) -> Chain | None:
        """Return the shortest chain that starts with a way and reaches one of some owners."""
        tried = 0
        for hop in self._hops(holder.held, way, sure=sure):
            direct = self.direct(hop.held)
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
        for wanted, verb in _ENDS:
            for grant in self._grants(held, holder.tenant, wanted):
                if grant.witness and (not sure or grant.effect is Effect.ALLOW):
                    return Chain(
                        sure=sure, steps=steps, last=grant.witness, by=held.principal, verb=verb, what="",
                        holder=held.arn, owners=owners, because=grant.because, first=steps[0].because[0],
                        assuming=tuple(dict.fromkeys((*assuming, *grant.assuming))),
                    )  # fmt: skip
        for command in self.standing.commands(held, holder.tenant):
            if command.sure or not sure:
                return _commanded(command, held, steps, sure=sure, first=steps[0].because[0], owners=owners)
        return None

    def _controls(self, holder: Holder) -> Iterator[Chain]:
        """Yield what an agent itself may take control of, with what that leads to."""
        mastery = Mastery(holder.held, holder.tenant, self._owned)
        for grant in self._grants(holder.held, holder.tenant, ActionClass.CONTROL):
            sure = grant.effect is Effect.ALLOW
            opened = mastery.opened(grant) if sure else None
            if grant.witness:
                yield Chain(
                    sure=sure, steps=opened.steps if opened else (), last=opened.last if opened else grant.witness,
                    by=holder.held.principal, holder=holder.held.arn, verb="read" if opened else "take control of",
                    what="", opened=opened is not None, owners=self._names(grant.owners),
                    first=grant.because[0], because=opened.because if opened else grant.because,
                    assuming=opened.assuming if opened else grant.assuming,
                )  # fmt: skip

    def _commands(self, holder: Holder) -> Iterator[Chain]:
        for command in self.standing.commands(holder.held, holder.tenant):
            yield _commanded(
                command, holder.held, (), sure=command.sure, first=command.because[0], owners=command.owners
            )


def _grants_by_itself(thing: Thing) -> bool:
    """Whether a thing's policy may grant more than what it leaves to accounts."""
    policies = thing.policies
    if policies.grants or Kind.RESOURCE in policies.unseen:
        return True
    statements = policies.policy.statements if policies.policy is not None else ()
    return any(
        statement.allow
        and (
            statement.not_principal
            or not all(
                named.value.endswith(":root") or named.value.isdigit() or named.type in {"Service", "Federated"}
                for named in statement.principals or ()
            )
        )
        for statement in statements
    )


def documents_key(held: Held) -> tuple[Document, ...]:
    """Return all documents on a principal's side: the estate needs each once."""
    return tuple(documents_of(held.policies))


def grants_of(estate: Estate, agent: Agent, wanted: ActionClass) -> Iterator[Grant]:
    """Yield what a principal reaches, without control that changes nothing."""
    for grant in estate.reach(agent, wanted).grants:
        if wanted is ActionClass.CONTROL:
            if _HARMLESS.issuperset(grant.actions):
                continue
            context = grant.witness[0].context if grant.witness else {}
            if {name.lower(): value for name, value in context.items()}.get("kms:grantisforawsresource") == "true":
                # Such a grant is one that an AWS service makes for its own use.
                continue
        yield grant


_HARMLESS = frozenset({"secretsmanager:ValidateResourcePolicy", "kms:RetireGrant"})


def _agent(held: Held, tenant: str) -> Agent:
    return Agent(tenant=tenant, principal=held.principal, policies=held.policies)


def foreign(owners: frozenset[str], own: str) -> bool:
    """Whether others than one tenant are among some owners."""
    return len(owners) > (own in owners)


def _union(sets: set[frozenset[str]]) -> frozenset[str]:
    sets.discard(_NOBODY)
    return next(iter(sets)) if len(sets) == 1 else _NOBODY.union(*sets)


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


def _label(reason: Reason) -> tuple[str, str]:
    return reason.policy, reason.why


def _add(chains: dict[tuple[str, str], Chain], chain: Chain) -> None:
    """Add a chain, of several with one first statement a sure and then the longer one, with all their owners."""
    key = _label(chain.first)
    known = chains.get(key)
    if known is None or (chain.sure and not known.sure):
        chains[key] = chain
    elif known.sure == chain.sure:
        kept = known if (known.verb == "read") >= (chain.verb == "read") else chain
        chains[key] = replace(kept, owners=_union({known.owners, chain.owners}))


def _commanded(  # noqa: PLR0913  (the parts of a chain)
    command: Command, held: Held, steps: tuple[Step, ...], *, sure: bool, first: Reason, owners: frozenset[str]
) -> Chain:
    assuming = (*(text for step in steps for text in step.assuming), *command.assuming)
    return Chain(
        sure=sure, steps=steps, last=(command.request,), by=held.principal, holder=held.arn, verb="change",
        what=f"the {command.kind} {command.arn}", owners=owners, because=command.because, first=first,
        assuming=tuple(dict.fromkeys(assuming)),
    )  # fmt: skip
