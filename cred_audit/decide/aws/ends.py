"""Where chains of requests end: what a principal reads, changes or controls of what tenants own, by its own requests.

Asked of the same exact search as any agent's reach, once for all who can be held with the same policies.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cred_audit.decide import Effect
from cred_audit.decide.aws.cells import documents_of
from cred_audit.decide.aws.estate import ActionClass, Thing, actions_of
from cred_audit.decide.aws.model import Document, Kind
from cred_audit.decide.aws.reach import Agent, Estate, Grant, Owners
from cred_audit.decide.aws.standing import Standing
from cred_audit.decide.aws.ways import Held, holds_any

VERBS = ((ActionClass.READ, "read"), (ActionClass.WRITE, "change"), (ActionClass.CONTROL, "take control of"))
NOBODY: frozenset[str] = frozenset()
_HARMLESS = frozenset({"secretsmanager:ValidateResourcePolicy", "kms:RetireGrant"})


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Statements that let a principal touch what somebody owns."""

    verb: str
    """read, change, take control of."""
    grant: Grant
    owners: frozenset[str]
    what: str = ""
    """What is touched, where that is not the owners' own: a key that encrypts it; else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Direct:
    """Whom a principal reaches by its own requests."""

    sure: frozenset[str] = NOBODY
    maybe: frozenset[str] = NOBODY


class Ends:
    """Everything that chains can end at, ready to be asked about everyone that can be held."""

    def __init__(
        self, things: tuple[Thing, ...], keys: tuple[Thing, ...], standing: Standing,
        everyone: Callable[[], Iterable[Held]],
    ) -> None:  # fmt: skip
        """Take what is owned, the keys that encrypt it, what is stood on, and what yields everyone; asked once."""
        self.standing = standing
        self._owned = _Reachable(things, everyone)
        self._keys = _Reachable(keys, everyone)
        self._direct: dict[Held, Direct] = {}

    def of(self, held: Held, own: str) -> Iterator[End]:
        """Yield what a principal reaches of others than a tenant, reading first; not what they stand on in IAM."""
        for wanted, verb in VERBS[:-1]:
            for grant, owners in self._owned.grants(held, own, wanted):
                yield End(verb=verb, grant=grant, owners=owners)
        yield from self.controlled(held, own)

    def controlled(self, held: Held, own: str) -> Iterator[End]:
        """Yield those of them at which a principal changes who may do what."""
        wanted, verb = VERBS[-1]
        for grant, owners in self._owned.grants(held, own, wanted):
            yield End(verb=verb, grant=grant, owners=owners)
        for grant, owners in self._keys.grants(held, own, wanted):
            what = f"the key {grant.witness[0].resource}" if grant.witness else "a key"
            yield End(verb=verb, grant=grant, owners=owners, what=what)

    def direct(self, held: Held) -> Direct:
        """Return whom a principal reaches by its own requests."""
        known = self._direct.get(held)
        if known is None:
            sure, maybe = set[frozenset[str]](), set[frozenset[str]]()
            for end in self.of(held, ""):
                (sure if end.grant.effect is Effect.ALLOW else maybe).add(end.owners)
            for command in self.standing.commands(held, ""):
                (sure if command.sure else maybe).add(command.owners)
            known = self._direct[held] = Direct(sure=union(sure), maybe=union(maybe))
        return known


class _Reachable:
    """Some things, ready to be asked about everyone that can be held."""

    def __init__(self, things: tuple[Thing, ...], everyone: Callable[[], Iterable[Held]]) -> None:
        self._things = things
        self._everyone = everyone
        sorts = dict.fromkeys(thing.sort for thing in things)
        self._actions = {
            wanted: frozenset(action.lower() for sort in sorts for action in actions_of(wanted, sort))
            for wanted, _ in VERBS
        }
        self._guarded = any(map(_grants_by_itself, things))
        """Whether the side of some thing lets somebody in who has no policy for it."""
        self._estate: Estate | None = None
        self._registered: frozenset[Document] = frozenset()
        self._estates: dict[frozenset[Document], Estate] = {}
        self._sets: dict[Owners, frozenset[str]] = {}

    def grants(self, held: Held, own: str, wanted: ActionClass) -> Iterator[tuple[Grant, frozenset[str]]]:
        """Yield what a principal reaches, with whose it is; most allow nothing of a class, and nothing lets them in."""
        if not self._things:
            return
        side = self._guarded or Kind.IDENTITY in held.policies.unseen
        if side or holds_any(held.policies.identity, self._actions[wanted]):
            agent = Agent(tenant=own, principal=held.principal, policies=held.policies)
            estate = self._estate_of(held)
            for grant in grants_of(estate, agent, wanted):
                yield grant, self._names(estate, grant.owners)

    def _estate_of(self, held: Held) -> Estate:
        """Return an estate that knows a principal's policies: the common one, or for a rare combination its own."""
        if self._estate is None:
            agents = {
                tuple(documents_of(one.policies)): Agent(tenant="", principal=one.principal, policies=one.policies)
                for one in self._everyone()
            }
            self._registered = frozenset(document for key in agents for document in key)
            self._estate = Estate(self._things, tuple(agents.values()))
        documents = frozenset(documents_of(held.policies))
        if documents <= self._registered:
            return self._estate
        known = self._estates.get(documents)
        if known is None:
            agent = Agent(tenant="", principal=held.principal, policies=held.policies)
            known = self._estates[documents] = Estate(self._things, (agent,))
        return known

    def _names(self, estate: Estate, owners: Owners) -> frozenset[str]:
        # All estates here hold the same things, and so the same owners.
        known = self._sets.get(owners)
        if known is None:
            names = set(owners.names) if owners.all_except is None else {*estate.owners} - {*owners.all_except}
            known = self._sets[owners] = frozenset(names)
        return known


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


def foreign(owners: frozenset[str], own: str) -> bool:
    """Whether others than one tenant are among some owners."""
    return len(owners) > (own in owners)


def union(sets: set[frozenset[str]]) -> frozenset[str]:
    """Return all owners of some sets, which are shared where they can be."""
    sets.discard(NOBODY)
    return next(iter(sets)) if len(sets) == 1 else NOBODY.union(*sets)


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
