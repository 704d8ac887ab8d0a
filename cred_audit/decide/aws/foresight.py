"""What would be reached if somebody else had it, for all agents: alike ones are decided once (see `likeness`)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from cred_audit.decide import Effect, Reason
from cred_audit.decide.aws.caller import session_of
from cred_audit.decide.aws.cells import documents_of
from cred_audit.decide.aws.condition import filled, resolved
from cred_audit.decide.aws.dependent import Setting
from cred_audit.decide.aws.engine import NO_RESOURCE_SIDE, Evaluator
from cred_audit.decide.aws.estate import ActionClass, Thing
from cred_audit.decide.aws.keys import FREE, Either, Keys
from cred_audit.decide.aws.latent import SORTS, Around, Coming, Latent, Own
from cred_audit.decide.aws.likeness import Blocks, atoms_of, document_shape, folds, moved, pieces_of
from cred_audit.decide.aws.model import Document, PrincipalPolicies, Request, ResourcePolicies
from cred_audit.decide.aws.pattern import parts_of
from cred_audit.decide.aws.reach import Agent

_RANDOM = "-??????"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What may come and would be reached; without any, the statements that come closest."""

    coming: tuple[Coming, ...]
    closest: tuple[Reason, ...] = ()


class Foresight:
    """All agents' questions about what may come."""

    def __init__(
        self,
        things: Iterable[Thing],
        regions: Mapping[str, tuple[str, ...]],
        *,
        sides: Mapping[str, ResourcePolicies] | None = None,
        since: datetime | None = None,
    ) -> None:
        """Take what is there and the regions of each account that were read.

        `sides`: account -> what binds everything in it. `since`: as for `Estate`.
        """
        self._sides = sides or {}
        self._since = since
        self.regions = regions
        self._there = frozenset(_place(thing) for thing in things if thing.collection is None)
        self._memo: dict[tuple[object, ...], tuple[_Side, Foreseen]] = {}

    def foreseen(self, agent: Agent, own: Own, wanted: ActionClass, told: frozenset[Reason]) -> Foreseen:
        """Return what an agent would reach by actions of a class. `told`: statements that are known to reach."""
        evaluator = Evaluator(agent.principal, agent.policies)
        account = evaluator.caller.account
        if account in own.accounts:
            reason = Reason(policy="", why=f"everything in the account {account} is the tenant's own")
            return Foreseen(coming=(), closest=(reason,))
        keys = evaluator.keys(Request(action="x:x"))
        there = frozenset(self._spelled_out(agent, keys, account))
        side = self._sides.get(account, NO_RESOURCE_SIDE)
        blocks = Blocks((*(own.named[name] for name in sorted(own.named)), *_values(agent, keys)), account)
        # Where a pattern names a part of an account's number, the number itself matters.
        place = account if _names_accounts_in_part(agent) else blocks.numbers.get(account)
        regions = self.regions.get(account, ())
        around = Around(regions=regions, there=there, side=side)
        key = (wanted, self._shape(agent, side, own, keys, blocks), _marks(agent, told), evaluator.caller.type, place,
               regions, evaluator.caller.service_linked, agent.principal.tags is None, agent.mfa,
               tuple(sorted(map(blocks.within, there))))  # fmt: skip
        known = self._memo.get(key)
        if known is not None:
            latent = Latent(evaluator, own, around)
            found = _renamed(known, _Side(blocks, agent.policies), latent)
            if found is not None:
                return found
        latent = Latent(evaluator, own, around, Setting(mfa=agent.mfa, since=self._since))
        coming = latent.coming(wanted, told)
        found = Foreseen(coming=coming, closest=() if coming else tuple(latent.closest))
        self._memo.setdefault(key, (_Side(blocks, agent.policies), found))
        return found

    def _spelled_out(self, agent: Agent, keys: Keys, account: str) -> Iterator[str]:
        """Yield the names that the agent's policies spell out and that something has."""
        for document in agent.policies.identity:
            for statement in document.statements:
                for text in statement.resources or ():
                    tail = text.split(":", 5)[5].removesuffix(_RANDOM) if text.count(":") >= 5 else "*"
                    if "*" in tail or "?" in tail:
                        continue
                    for values in resolved(parts_of(tail, variables=document.variables), keys):
                        if values is not None and values is not FREE:
                            name = "".join(
                                run for run, _ in filled(parts_of(tail, variables=document.variables), values)
                            )
                            for region in self.regions.get(account, ()):
                                if f"{account}:{region}:{name}" in self._there:
                                    yield f"{region}:{name}"

    def _shape(self, agent: Agent, side: ResourcePolicies, own: Own, keys: Keys, blocks: Blocks) -> tuple[object, ...]:
        documents = (*documents_of(agent.policies), *(one for level in side.rcps for one in level))
        shapes = []
        pieces: set[str] = set()
        for document in documents:
            shape, found = document_shape(document, blocks)
            shapes.append(shape)
            pieces |= found
        for arn in own.arns:
            pieces.update(pieces_of(arn, blocks, variables=False))
        policies = agent.policies
        layout = (len(policies.identity), policies.boundary is None, policies.session is None,
                  policies.vpc_endpoint is None, tuple(map(len, policies.scps)), policies.unseen,
                  side.unseen)  # fmt: skip
        named = tuple((name, blocks.numbers.get(own.named[name])) for name in sorted(own.named))
        atoms = [atoms_of(document) for document in documents]
        used = sorted({name for one in atoms for name in one.variables})
        values = tuple((name, _state(keys[name], blocks)) for name in used)
        user = any("aws:userid" in one.keys for one in atoms)
        session = (session_of(agent.principal.arn), agent.principal.unique_id) if user else ()
        results = tuple(holds(keys) for one in atoms for holds in one.principal)
        seen = blocks.shape(pieces, fold=folds(documents), letters=[sort.letters for sort in SORTS])
        territory = tuple(map(blocks.within, own.arns))
        return tuple(shapes), layout, named, values, results, seen, territory, session


class _Side:
    """One agent's own values and statements, by which what is said of another is said of it."""

    def __init__(self, blocks: Blocks, policies: PrincipalPolicies) -> None:
        self.blocks = blocks
        self.policies = policies

    def place(self, reason: Reason) -> tuple[int, int] | None:
        """Return where a reason's statement stands: number of the document and of the statement in it."""
        for number, document in enumerate(documents_of(self.policies)):
            if document.name == reason.policy:
                for index, statement in enumerate(document.statements):
                    if statement.text == reason.clause:
                        return number, index
        return None

    def at(self, place: tuple[int, int], why: str) -> Reason:
        """Return the statement that stands at a place as a reason."""
        number, index = place
        document = tuple(documents_of(self.policies))[number]
        return Reason(policy=document.name, clause=document.statements[index].text, why=why)


def _renamed(known: tuple[_Side, Foreseen], new: _Side, latent: Latent) -> Foreseen | None:
    """Return the answer of an agent that is alike as it reads for this one; None where it can't be shown."""
    old, foreseen = known
    coming = []
    for one in foreseen.coming:
        moved_ = _moved(one, old, new)
        if one.effect is Effect.ALLOW:
            if moved_.witness is None:
                return None
            allowed = latent.evaluator.decide(moved_.witness, latent.side).effect is Effect.ALLOW
            arn, tags = moved_.witness.resource, moved_.tags.values()
            if not allowed or not latent.is_foreign(one.sort, arn, moved_.name, tags):
                return None
        coming.append(moved_)
    return Foreseen(coming=tuple(coming), closest=tuple(_reason(reason, old, new) for reason in foreseen.closest))


def _names_accounts_in_part(agent: Agent) -> bool:
    return any(_in_part(document) for document in documents_of(agent.policies))


@lru_cache(maxsize=16384)
def _in_part(document: Document) -> bool:
    heads = (text.split(":", 5) for statement in document.statements for text in statement.resources or ())
    return any(len(head) > 4 and head[4] != "*" and ("*" in head[4] or "?" in head[4]) for head in heads)


def _place(thing: Thing) -> str:
    name = thing.name[:-7] if thing.service == "secretsmanager" else thing.name
    return f"{thing.account}:{thing.region}:{name}"


def _values(agent: Agent, keys: Keys) -> Iterator[str]:
    """Yield the principal's own values that its policies may use, in an order that alike agents share."""
    used = sorted({name for document in documents_of(agent.policies) for name in atoms_of(document).variables})
    for name in used:
        value = keys[name]
        if isinstance(value, str):
            yield value
        elif isinstance(value, Either):
            yield from value.values


def _state(value: object, blocks: Blocks) -> object:
    if isinstance(value, str):
        return blocks.numbers.get(value, value)
    if isinstance(value, Either):
        return tuple(blocks.numbers.get(one, one) for one in value.values)
    return repr(value)


def _marks(agent: Agent, told: frozenset[Reason]) -> tuple[tuple[int, int], ...]:
    """Return the statements that are known to reach, by their places."""
    named = {(reason.policy, reason.clause) for reason in told}
    return tuple(
        (place, statement.index)
        for place, document in enumerate(agent.policies.identity)
        for statement in document.statements
        if named and (document.name, statement.text) in named
    )


def _reason(reason: Reason, old: _Side, new: _Side) -> Reason:
    why = moved(reason.why, old.blocks, new.blocks)
    place = old.place(reason) if reason.policy else None
    if place is not None:
        return new.at(place, why)
    return replace(reason, why=why)


def _moved(one: Coming, old: _Side, new: _Side) -> Coming:
    def text(value: str) -> str:
        return moved(value, old.blocks, new.blocks)

    witness = one.witness
    if witness is not None:
        witness = replace(
            witness,
            resource=text(witness.resource),
            context={
                key: text(value) if isinstance(value, str) else tuple(map(text, value))
                for key, value in witness.context.items()
            },
            resource_tags={tag: text(value) for tag, value in (witness.resource_tags or {}).items()},
            request_tags={tag: text(value) for tag, value in witness.request_tags.items()},
        )
    return replace(
        one, name=text(one.name), tags={tag: text(value) for tag, value in one.tags.items()},
        because=tuple(_reason(reason, old, new) for reason in one.because),
        assuming=tuple(map(text, one.assuming)), witness=witness,
    )  # fmt: skip
