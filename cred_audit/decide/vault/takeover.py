"""Takeover paths: the chains of requests by which a token becomes one that reaches what others own.

A search over tokens. Each way from one token to another is offered by `gains` and `kinship`, request by
request; a way's end is judged by the same exact search as any token's reach. A token is a state of its own,
since more policies can reach less.
"""

from collections import ChainMap, deque
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import islice
from urllib.parse import unquote

from cred_audit.decide import Effect, Reason
from cred_audit.decide.vault.acl import Rule
from cred_audit.decide.vault.choose import NOBODY
from cred_audit.decide.vault.control import Controls, Holder, control_regions, raw_storage
from cred_audit.decide.vault.engine import Engine
from cred_audit.decide.vault.gains import (
    EVERYTHING,
    Asker,
    Gap,
    Made,
    Offer,
    Step,
    by_policies,
    missing,
    writing,
)  # fmt: skip
from cred_audit.decide.vault.kinship import by_identity, by_new_method, by_remount, retitled, templated
from cred_audit.decide.vault.logins import by_logins
from cred_audit.decide.vault.model import Namespace, PolicyDocument, Request, Subject
from cred_audit.decide.vault.reach import Grant, Owners, TerritoryIndex
from cred_audit.decide.vault.territory import Holding, KvHolding, NamespaceHolding, OperationClass, PathHolding
from cred_audit.decide.vault.tokens import by_tokens
from cred_audit.decide.vault.witness import why

_TRIES = 40
"""Choices of one way that are followed to their end."""
_STATES = 200
"""Tokens of one agent that are looked at; with more the answer is unknown."""
_NAMESPACES = 200
_ENDS = (OperationClass.READ, OperationClass.WRITE, OperationClass.LIST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One way to what others own, shortest for its first clause."""

    steps: tuple[Step, ...]
    operation: str
    """Of the last request."""
    last: Request
    by: str
    """Whose token the last request carries."""
    owners: Owners
    because: tuple[Reason, ...]
    """Clauses that let the last request through."""
    kind: str
    assuming: tuple[str, ...] = ()

    @property
    def first(self) -> Reason:
        """The clause that the chain starts with."""
        return (self.steps[0].because or self.because)[0] if self.steps else self.because[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was found for one agent; a proof when there is neither a chain nor a gap."""

    chains: tuple[Chain, ...] = ()
    gaps: tuple[Gap, ...] = ()
    harmless: tuple[Reason, ...] = ()
    """Clauses of control that lead to nothing of others."""


@dataclass(slots=True)
class _Search:
    """One agent's search."""

    own: str
    role: str
    chains: dict[tuple[str, str, int], Chain] = field(default_factory=dict)
    gaps: dict[str, Gap] = field(default_factory=dict)
    queue: deque[Made] = field(default_factory=deque)
    seen: set[object] = field(default_factory=set)


class Takeovers:
    """One server's ways from token to token, ready to be asked about any agent."""

    def __init__(
        self, engine: Engine, index: TerritoryIndex, holders: Iterable[Holder], holdings: Iterable[Holding]
    ) -> None:
        self.engine = engine
        self.index = index
        self.holders = tuple(holders)
        self.holdings = tuple(holdings)
        self.controls = Controls(engine.world)
        self._entries = {entry.path: entry for entry in engine.world.namespaces}
        self._control: TerritoryIndex | None = None
        self._owners: dict[tuple[str, str], Owners] = {}
        self._held: dict[tuple[str, str], set[str]] | None = None
        self._mounts: dict[str, dict[str, set[str]]] | None = None
        self._chosen: dict[str, tuple[str, ...]] = {}

    def outcome(self, holder: Holder) -> Outcome:
        """Return the chains that start with an agent's token."""
        subject = holder.subject
        rules = self._rules(self.engine, subject)
        search = _Search(own=holder.tenant, role=holder.role)
        if subject.entity is not None and subject.entity.disabled:
            return Outcome()
        self._hidden(search, subject, rules)
        if not rules and "root" not in subject.policies:
            return Outcome(gaps=tuple(search.gaps.values()))
        search.queue.append(Made(subject=subject, steps=(), token="agent"))  # noqa: S106
        self._walk(search)
        chains = {key: chain for key, chain in search.chains.items() if not _detour(chain, search.chains.values())}
        for direct in self._direct(holder):
            if isinstance(direct, Gap):
                search.gaps.setdefault(direct.reason, direct)
                continue
            key = _first(direct)
            known = chains.setdefault(key, direct)
            if known is not direct:
                # The chain was followed to some of its ends; the clause itself says whom it touches.
                chains[key] = replace(known, owners=self._together([known.owners, direct.owners], holder.tenant))
        gaps = tuple(gap for gap in search.gaps.values() if not chains)
        harmless = () if chains else tuple(why(rule, f"stops at `{rule.written}`") for rule in rules[:3])
        return Outcome(chains=tuple(chains.values()), gaps=gaps, harmless=harmless)

    def _hidden(self, search: _Search, subject: Subject, rules: tuple[Rule, ...]) -> None:
        """Note what may grant control and is not known."""
        for acl in self.engine.acls(subject):
            for unseen in acl.unseen:
                where = f"{unseen.reason.namespace}{unseen.reason.policy}"
                reason = f"what the policy {where} grants was not seen"
                search.gaps.setdefault(reason, Gap(reason=reason, because=(unseen.reason,)))
            for rule in rules if acl.open_clauses else ():
                if any("{{" in source.stanza.path for source in rule.sources):
                    told = "a clause of control depends on a name that the login chooses"
                    search.gaps.setdefault(told, Gap(reason=told, because=(why(rule, "depends on it"),)))

    def _walk(self, search: _Search) -> None:
        """Look at every token that the agent can become, the nearest first."""
        while search.queue:
            made = search.queue.popleft()
            subject = made.subject
            state = (subject.namespace, tuple(sorted(subject.policies)), _identity(subject), str(made.texts))
            if state in search.seen:
                continue
            if len(search.seen) >= _STATES:
                reason = "it can become more tokens than were looked at"
                search.gaps[reason] = Gap(reason=reason, because=made.steps[0].because)
                return
            search.seen.add(state)
            self._from(search, made)

    def _rules(self, engine: Engine, subject: Subject) -> tuple[Rule, ...]:
        return tuple(rule for acl in engine.acls(subject) if acl.broken is None for rule in self.controls.rules(acl))

    def _from(self, search: _Search, made: Made) -> None:
        engine = self._engine_of(made)
        rules = self._rules(engine, made.subject)
        role = search.role
        asker = Asker(engine, made.subject, role, made.token)
        useful = [path for path in self.controls.touched(rules) if self.index.foreign(path, search.own)]
        for path in useful[:_NAMESPACES]:
            entry = self._entries[path]
            for gap in missing(entry, rules):
                search.gaps.setdefault(gap.reason, gap)
            for offer in self._offers(asker, entry, rules, search.own):
                if isinstance(offer, Gap):
                    search.gaps.setdefault(offer.reason, offer)
                else:
                    self._follow(search, asker, rules, made, offer)
            self._retitle(search, asker, made, entry)
            self._raw(search, asker, made, entry)

    def _offers(self, asker: Asker, entry: Namespace, rules: tuple[Rule, ...], own: str) -> Iterator[Offer | Gap]:
        yield from by_policies(asker, entry)
        yield from by_tokens(asker, entry, rules)
        yield from by_logins(asker, entry, rules)
        first = (holder.subject.entity.id for holder in self.holders
                 if holder.tenant != own and holder.subject.entity is not None)  # fmt: skip
        yield from by_identity(asker, entry, rules, first)
        yield from by_new_method(asker, entry, rules)
        yield from by_remount(asker, entry, self._foreign_mounts(entry.path, own))

    def _foreign_mounts(self, namespace: str, own: str) -> tuple[str, ...]:
        """Return the mounts of a namespace in which others have secrets."""
        if self._mounts is None:
            self._mounts = {}
            for holding in self.holdings:
                what = holding.what
                if isinstance(what, KvHolding):
                    self._mounts.setdefault(what.namespace, {}).setdefault(what.mount, set()).add(holding.owner)
        found = (mount for mount, owners in self._mounts.get(namespace, {}).items() if owners - {own})
        return tuple(islice(found, _TRIES))

    def _engine_of(self, made: Made) -> Engine:
        """Return the engine of the server as the chain leaves it."""
        engine = self.engine if made.world is None else Engine(made.world, self.engine.now)
        if not made.texts:
            return engine
        changed = copy(engine)
        written = {key: PolicyDocument(namespace=key[0], name=key[1], text=text) for key, text in made.texts.items()}
        changed.policies = ChainMap(written, engine.policies)  # type: ignore[assignment]
        changed._acls, changed._decisions = {}, {}  # noqa: SLF001  (a copy with caches of its own)
        return changed

    def _follow(self, search: _Search, asker: Asker, rules: tuple[Rule, ...], before: Made, offer: Offer) -> None:
        """Follow the choices of an offer to what they reach; queue those that lead on."""
        names = offer.names if offer.names is not None else self._policies(offer)
        tried = 0
        ends: list[Owners] = []
        best: tuple[Made, Grant] | None = None
        for name in names:
            if offer.names is None and not self._leads(offer.namespace, name, search.own):
                continue
            tried += 1
            if tried > _TRIES:
                break
            made = offer.made(name)
            if isinstance(made, Gap):
                search.gaps.setdefault(made.reason, made)
                continue
            if made is None:
                continue
            made = _behind(before, made)
            end = self._end(search, made)
            if end is None and made.texts:
                made, end = self._pointed(search, made)
            if end is None:
                if self._rules(self._engine_of(made), made.subject):
                    search.queue.append(made)
                continue
            ends.append(end[2])
            best = best or (made, end[1])
        if best is None and offer.names is None:
            best, ends = self._written(search, asker, rules, before, offer)
        if best is not None:
            self._record(search, *best, ends)

    def _written(
        self, search: _Search, asker: Asker, rules: tuple[Rule, ...], before: Made, offer: Offer
    ) -> tuple[tuple[Made, Grant] | None, list[Owners]]:
        """Try the offer with a policy that the token writes first."""
        existing = dict.fromkeys(name for name in islice(self._policies(offer), _TRIES))
        names = [*asker.names(rules, f"{offer.namespace}sys/policies/acl/", existing)]
        names += asker.names(rules, f"{offer.namespace}sys/policy/", existing)
        for name in dict.fromkeys(names):
            if name in ("root", "response-wrapping") or not offer.accepts(name):
                continue
            step = writing(asker, offer.namespace, name, EVERYTHING)
            made = offer.made(name) if step is not None else None
            if step is None or made is None or isinstance(made, Gap):
                continue
            texts = {**made.texts, (offer.namespace, name): EVERYTHING}
            made = _behind(before, replace(made, steps=(step, *made.steps), texts=texts))
            end = self._end(search, made)
            if end is not None:
                return (made, end[1]), [end[2]]
        return None, []

    def _record(self, search: _Search, made: Made, grant: Grant, ends: list[Owners]) -> None:
        if grant.witness is None:
            return
        chain = Chain(
            steps=made.steps, operation=grant.operation, last=grant.witness, by=made.token,
            owners=self._together(ends, search.own), because=grant.because, kind=grant.kind,
            assuming=(*made.assuming, *grant.assuming),
        )  # fmt: skip
        key = _first(chain)
        known = search.chains.get(key)
        if known is None or len(known.steps) > len(chain.steps):
            search.chains[key] = chain

    def _together(self, ends: list[Owners], own: str) -> Owners:
        widest = max(ends, key=lambda owners: owners.count)
        if len(ends) == 1 or widest.all_except is not None or all(owners.names == widest.names for owners in ends):
            return widest
        names = {name for owners in ends for name in owners.names} - {own}
        return Owners(names=tuple(sorted(names)), count=len(names))

    def _end(self, search: _Search, made: Made) -> tuple[OperationClass, Grant, Owners] | None:
        """Return what a token reaches of others: a grant that surely holds, and whom all such grants reach."""
        engine, own = self._engine_of(made), search.own
        index = self.index
        if made.moved:
            holdings = [replace(holding, what=what) for holding in self.holdings
                        if (what := _moved(holding, made.moved)) is not None]  # fmt: skip
            index = TerritoryIndex(engine.world, holdings)
        for wanted in _ENDS:
            answer = index.reach(engine, made.subject, wanted, own=own)
            grants = [
                grant for grant in answer.grants
                if grant.effect is Effect.ALLOW and grant.witness is not None and not grant.values
            ]  # fmt: skip
            if grants:
                return wanted, grants[0], self._together([grant.owners for grant in grants], own)
            if answer.grants:
                because = (*(made.steps[0].because[:1] if made.steps else ()), *answer.grants[0].because)
                reason = "what a token reaches that it can become is not known"
                search.gaps.setdefault(reason, Gap(reason=reason, because=because))
        return None

    def _pointed(self, search: _Search, made: Made) -> "tuple[Made, tuple[OperationClass, Grant, Owners] | None]":
        """Rewrite the policy so that it names one path of others exactly: that wins against a broader deny."""
        where, name = next(iter(made.texts))
        alone = self._end(search, replace(made, subject=Subject(namespace=where, policies=(name,))))
        if alone is None or alone[1].witness is None:
            return made, None
        path = unquote(alone[1].witness.path)
        inside = (alone[1].witness.namespace + path).removeprefix(where)
        text = f'{EVERYTHING}\npath "{inside}" {{ capabilities = ["create", "read", "update", "list"] }}'
        steps = tuple(
            replace(step, request=replace(step.request, body={**step.request.body, "policy": text}))
            if step.request.body is not None and step.request.body.get("policy") == EVERYTHING
            else step
            for step in made.steps
        )
        changed = replace(made, steps=steps, texts={**made.texts, (where, name): text})
        return changed, self._end(search, changed)

    def _policies(self, offer: Offer) -> Iterator[str]:
        """Yield the policies that an offer lets the token choose, those that agents hold first."""
        namespace = offer.namespace
        names = self._chosen.get(namespace)
        if names is None:
            held = {name for where, name in self._holding() if where == namespace}
            every = [policy.name for policy in self._entries[namespace].policies or ()]
            usable = [name for name in every if name not in ("root", "response-wrapping")]
            names = tuple(sorted(usable, key=lambda name: (name not in held, name == "default")))
            self._chosen[namespace] = names
        return (name for name in names if offer.accepts(name))

    def _holding(self) -> dict[tuple[str, str], set[str]]:
        if self._held is None:
            self._held = {}
            for holder in self.holders:
                for name in holder.subject.policies:
                    self._held.setdefault((holder.subject.namespace, name), set()).add(holder.tenant)
        return self._held

    def _leads(self, namespace: str, name: str, own: str) -> bool:
        """Whether a policy alone reaches anything of others, or lets its holder change who may."""
        key = (namespace, name)
        owners = self._owners.get(key)
        if owners is None:
            subject = Subject(namespace=namespace, policies=(name,))
            owners = Owners(count=0)
            if self._rules(self.engine, subject):
                owners = Owners(all_except=(), count=1)
            else:
                for wanted in _ENDS:
                    answer = self.index.reach(self.engine, subject, wanted, own=NOBODY)
                    if answer.grants:
                        owners = self._together([grant.owners for grant in answer.grants], "")
                        break
            if any(acl.open_clauses or acl.unseen for acl in self.engine.acls(subject)) or _templated(self.engine, key):
                owners = Owners(all_except=(), count=1)
            self._owners[key] = owners
        return bool(owners.count) and owners.names != (own,)

    def _retitle(self, search: _Search, asker: Asker, before: Made, entry: Namespace) -> None:
        """Follow the template values that the token can give its own entity."""
        names = templated(asker, entry)
        if not names:
            return
        free = replace(asker.subject, free=dict.fromkeys(names, "the agent itself"))
        for wanted in _ENDS:
            for grant in self.index.reach(asker.engine, free, wanted, own=search.own).grants:
                values = {name: value for name, value in grant.values.items() if value != NOBODY}
                made = retitled(asker, entry, values) if values else None
                if made is None:
                    continue
                made = _behind(before, made)
                end = self._end(search, made)
                if end is not None:
                    self._record(search, made, end[1], [grant.owners])
                    return

    def _raw(self, search: _Search, asker: Asker, before: Made, entry: Namespace) -> None:
        """Follow the storage itself, which holds every namespace's secrets."""
        if entry.path:
            return
        step = asker.may("GET", "sys/raw/core/seal-config", None, "reads the storage below every policy", namespace="")
        if step is None:
            return
        opened, assuming = raw_storage(asker.world)
        if opened is None:
            reason = "whether the server opens its storage (raw_storage_endpoint) was not seen"
            search.gaps.setdefault(reason, Gap(reason=reason, because=step.because))
        elif opened:
            everybody = self.index.owners
            owners = Owners(all_except=(search.own,), count=len([name for name in everybody if name != search.own]))
            chain = Chain(
                steps=before.steps, operation="read", last=step.request, by=before.token, owners=owners,
                because=step.because, kind="the storage of every namespace", assuming=assuming,
            )  # fmt: skip
            search.chains.setdefault(_first(chain), chain)

    def _direct(self, holder: Holder) -> Iterator[Chain | Gap]:
        """Yield the control that an agent has of others' objects without becoming anyone."""
        if self._control is None:
            regions = control_regions(self.engine.world, self.holders, self.holdings)
            whole = [holding for holding in self.holdings if isinstance(holding.what, NamespaceHolding)]
            self._control = TerritoryIndex(self.engine.world, whole, more=regions)
        answer = self._control.reach(self.engine, holder.subject, OperationClass.CONTROL, own=holder.tenant)
        for grant in answer.grants:
            if grant.effect is not Effect.ALLOW or grant.witness is None:
                what = f" of {grant.kind}" if grant.kind else ""
                yield Gap(reason=f"it may have control{what} that others stand on", because=grant.because)
            else:
                yield Chain(
                    steps=(), operation=grant.operation, last=grant.witness, by="agent", owners=grant.owners,
                    because=grant.because, kind=grant.kind, assuming=grant.assuming,
                )  # fmt: skip


def _first(chain: Chain) -> tuple[str, str, int]:
    reason = chain.first
    return reason.namespace, reason.policy, reason.line


def _detour(chain: Chain, others: Iterable[Chain]) -> bool:
    """Whether another chain does with some of the same requests, in the same order."""
    asked = [(step.request.method, step.request.path) for step in chain.steps]
    for other in others:
        if len(other.steps) < len(asked):
            rest = iter(asked)
            if all((step.request.method, step.request.path) in rest for step in other.steps):
                return True
    return False


def _templated(engine: Engine, key: tuple[str, str]) -> bool:
    policy = engine.policies.get(key)
    return policy is not None and key[1] != "default" and "{{" in (policy.text or "")


def _identity(subject: Subject) -> object:
    entity = subject.entity
    if entity is None:
        return None
    groups = tuple((group.namespace, group.name, group.id, group.policies) for group in subject.groups)
    return entity.id, entity.name, entity.policies, tuple(sorted(entity.metadata.items())), groups


def _behind(before: Made, made: Made) -> Made:
    """Return a way with the steps that led to its start."""
    if not before.steps:
        return made
    return replace(
        made,
        steps=before.steps + made.steps,
        texts={**before.texts, **made.texts},
        world=made.world or before.world,
        moved={**before.moved, **made.moved},
        assuming=before.assuming + made.assuming,
    )


def _moved(holding: Holding, moved: Mapping[str, str]) -> KvHolding | PathHolding | None:
    what = holding.what
    if isinstance(what, KvHolding) and what.namespace + what.mount in moved:
        return replace(what, mount=moved[what.namespace + what.mount])
    return None
