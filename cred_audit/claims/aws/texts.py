"""The policy texts that bind the target's agents in AWS, and what in them is about tags that tell tenants apart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from cred_audit.claims.aws.isolation import Acting, AwsIsolation, aws_isolation
from cred_audit.decide import Effect, Reason, Unknown
from cred_audit.decide.aws import reach
from cred_audit.decide.aws.atoms import tag_of
from cred_audit.decide.aws.cells import documents_of
from cred_audit.decide.aws.clause import Clause
from cred_audit.decide.aws.document import read_document
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.estate import ActionClass, Thing, actions_of, requests
from cred_audit.decide.aws.free import Search
from cred_audit.decide.aws.model import (
    Condition,
    Document,
    Kind,
    Principal,
    PrincipalPolicies,
    Request,
    ResourcePolicies,
    Statement,
)
from cred_audit.decide.aws.pattern import Variable, action_matcher, parts_of
from cred_audit.decide.kept import of_the_last
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Reaches, Verdict

NOBODY = "x0-nobody-yet"
"""A tenant, a name and a tag value that no policy mentions: what is still to come."""
SERVICES = ("secretsmanager", "ssm", "kms")
CLASSES = (ActionClass.READ, ActionClass.WRITE, ActionClass.CONTROL, ActionClass.LIST)
_PRINCIPAL_TAG = "aws:principaltag/"
_ORDER = {Verdict.FAIL: 0, Verdict.UNKNOWN: 1, Verdict.PASS: 2}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Actor:
    """One declared agent whose policies are known, ready to be asked."""

    acting: Acting
    agent: reach.Agent
    evaluator: Evaluator
    search: Search

    @property
    def principal(self) -> Principal:
        """Who signs its requests."""
        return self.agent.principal

    @property
    def policies(self) -> PrincipalPolicies:
        """All that binds it."""
        return self.agent.policies

    @property
    def tenant(self) -> str:
        """Whose agent it is."""
        return self.acting.tenant

    @property
    def name(self) -> str:
        """Tenant and agent, as the target calls them."""
        return f"{self.acting.tenant}/{self.acting.agent}"

    @property
    def account(self) -> str:
        """The account of its role or user."""
        return self.evaluator.caller.account

    @property
    def tags(self) -> Mapping[str, str]:
        """Its principal tags that are known, those of the session in place of the role's."""
        session = {key.lower() for key in self.principal.session_tags}
        kept = {key: value for key, value in (self.principal.tags or {}).items() if key.lower() not in session}
        return kept | dict(self.principal.session_tags)

    def place(self, document: Document) -> str:
        """Return the name of a policy, with its role or user where the name alone does not tell."""
        return document.name if document.name.startswith("arn:") else f"{document.name} of {self.acting.arn}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of asking for an action on a thing, by the call itself and by what the service asks for beside it."""

    effect: Effect
    because: tuple[Reason, ...]
    assuming: tuple[str, ...]
    requests: tuple[Request, ...]


class Texts:
    """One snapshot's agents with their policy texts, and the tags that tell its tenants apart."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Take the snapshot."""
        self.snapshot = snapshot
        self.asked: AwsIsolation = aws_isolation(snapshot)
        self._owned: dict[str, list[Thing]] | None = None
        self._compared: dict[Document, frozenset[str]] = {}
        self._on_things: frozenset[str] | None = None
        self.actors = tuple(
            _actor(self.asked, acting, acting.who)
            for acting in self.asked.acting
            if not isinstance(acting.who, Unknown)
        )
        self.values: dict[str, set[str]] = {}
        """Tag value or id -> tenants that it stands for."""
        self.own: dict[str, set[str]] = {}
        """Tenant -> its id and the tag values of its territory."""
        self.keys: dict[str, str] = {}
        """Lower-case tag keys that tell tenants apart -> as the target, or else a policy, spells them."""
        for tenant in snapshot.target.tenants:
            known = self.own.setdefault(tenant.id, {tenant.id})
            for part in tenant.territory.aws:
                for key, value in (part.tags or {}).items():
                    self.keys.setdefault(key.lower(), key)
                    known.add(value)
            for value in known:
                self.values.setdefault(value, set()).add(tenant.id)
        self.documents: dict[Document, Actor] = {}
        """Every policy on the side of an agent -> the first agent that it binds."""
        for actor in self.actors:
            for document in documents_of(actor.policies):
                self.documents.setdefault(document, actor)
        self.on_things: dict[Document, Thing] = {}
        """Every policy that stands on a thing -> the first such thing."""
        for thing in self.asked.holdings.all:
            if thing.policies.policy is not None:
                self.on_things.setdefault(thing.policies.policy, thing)
        for document in (*self.documents, *self.on_things):
            for statement in document.statements:
                for condition in statement.conditions:
                    self._learn(condition)

    def _learn(self, condition: Condition) -> None:
        """Take a tag key that a policy compares with a tag of the principal, or with a tenant's value."""
        tag = tag_of(condition.key.lower())
        if tag is not None and (compares(condition, _PRINCIPAL_TAG) or self.names(condition)):
            self.keys.setdefault(tag, condition.key.partition("/")[2])
        elif condition.key.lower().startswith(_PRINCIPAL_TAG):
            for key in variables_of(condition.values):
                read = tag_of(key)
                if read is not None:
                    self.keys.setdefault(read, read)

    @property
    def blind(self) -> tuple[Evidence, ...]:
        """What was not seen of policies that may compare tags: of agents, and on secrets and keys."""
        found = [
            Evidence(where=actor.acting.arn, shows=f"its {kind.value} was not seen")
            for actor in self.actors
            for kind in sorted(actor.policies.unseen, key=lambda kind: kind.value)
        ]
        found += (
            Evidence(where=call, shows=f"the {part} were not seen")
            for part, call in self.asked.holdings.unseen.items()
            if not part.startswith("parameters")
        )
        found += (
            Evidence(where=thing.arn, shows="its policy was not seen")
            for thing in self.asked.holdings.all
            if Kind.RESOURCE in thing.policies.unseen
        )
        return tuple(found)

    def compared(self, document: Document) -> frozenset[str]:
        """Return the tag keys (lower case) of principals that a policy compares."""
        known = self._compared.get(document)
        if known is None:
            found: set[str] = set()
            for statement in document.statements:
                values = [*(statement.resources or ()), *(one for c in statement.conditions for one in c.values)]
                found |= {condition.key.lower() for condition in statement.conditions}
                if document.variables:
                    found |= variables_of(tuple(values))
            known = self._compared[document] = frozenset(
                key.removeprefix(_PRINCIPAL_TAG) for key in found if key.startswith(_PRINCIPAL_TAG)
            )
        return known

    def deciding(self, actor: Actor) -> frozenset[str]:
        """Return the tag keys (lower case) of an agent that some policy on either side compares."""
        if self._on_things is None:
            self._on_things = frozenset().union(*map(self.compared, self.on_things))
        return self._on_things.union(*map(self.compared, documents_of(actor.policies)))

    def names(self, condition: Condition) -> set[str]:
        """Return the values of a condition that stand for tenants, without wildcards at their ends."""
        return {value.strip("*?") for value in condition.values} & self.values.keys()

    def tells_tenants(self, condition: Condition) -> bool:
        """Whether a condition is there to tell tenants apart by a tag of the thing or of the principal."""
        key = condition.key.lower()
        if tag_of(key) is not None:
            return tag_of(key) in self.keys
        if key.startswith(_PRINCIPAL_TAG):
            return any(tag_of(one) in self.keys for one in variables_of(condition.values)) or bool(
                self.names(condition)
            )
        return False

    def foreign_values(self, tenant: str) -> Iterator[str]:
        """Yield tag values of other tenants: one of a declared tenant, and one that nobody has yet."""
        own = self.own.get(tenant, {tenant})
        for value, tenants in self.values.items():
            if tenant not in tenants and value not in own:
                yield value
                break
        yield NOBODY

    def owned(self, tenant: str) -> tuple[Thing, ...]:
        """Return the things of a tenant."""
        if self._owned is None:
            self._owned = {}
            for thing in self.asked.holdings.all:
                if thing.collection is None:
                    for owner in thing.owners:
                        self._owned.setdefault(owner, []).append(thing)
        return tuple(self._owned.get(tenant, ()))

    def unknown_agents(self, question: str) -> Iterator[Finding]:
        """Yield the UNKNOWN for each agent of which it is not known who it is in AWS. `question`: half a sentence."""
        for acting in self.asked.acting:
            if isinstance(acting.who, Unknown):
                yield Finding(
                    verdict=Verdict.UNKNOWN,
                    subject=f"agent:{acting.tenant}/{acting.agent}",
                    tenant=acting.tenant,
                    agents=(acting.agent,),
                    summary=f"{question} is not known of {acting.tenant}/{acting.agent}: {acting.who.reason}.",
                    evidence=(Evidence(where=acting.who.where, shows=acting.who.reason),),
                )


@of_the_last
def texts_of(snapshot: Snapshot) -> Texts:
    """Return the policy texts of a snapshot that has AWS's facts."""
    return Texts(snapshot)


def _actor(asked: AwsIsolation, acting: Acting, agent: reach.Agent) -> Actor:
    search = asked.search(agent)
    return Actor(acting=acting, agent=agent, evaluator=search.evaluator, search=search)


def variables_of(values: tuple[str, ...]) -> frozenset[str]:
    """Return the names (lower case) of what is written as a variable, whether or not the policy's Version reads it."""
    return frozenset(
        part.key for value in values for part in parts_of(value, variables=True) if isinstance(part, Variable)
    )


def compares(condition: Condition, prefix: str) -> bool:
    """Whether a variable that begins so stands in a condition's values."""
    return any(key.startswith(prefix) for key in variables_of(condition.values))


@lru_cache(maxsize=65536)
def on_tags(statement: Statement) -> tuple[Condition, ...]:
    """Return the conditions of a statement that look at a tag of the thing or of the principal."""
    return tuple(
        condition
        for condition in statement.conditions
        if tag_of(condition.key.lower()) is not None or condition.key.lower().startswith(_PRINCIPAL_TAG)
    )


def ask(actor: Actor, action: str, thing: Thing, **more: object) -> Answer:
    """Decide whether some request for an action on a thing is allowed. `more`: fields of the request."""
    because: tuple[Reason, ...] = ()
    assuming: tuple[str, ...] = ()
    sent: tuple[Request, ...] = ()
    effect = Effect.ALLOW
    for number, (request, side) in enumerate(requests(action, thing)):
        wanted = replace(request, **more) if more and not number else request  # type: ignore[arg-type]
        found = actor.search.possible(wanted, side)
        if found.decision.effect is Effect.DENY:
            return Answer(effect=Effect.DENY, because=found.decision.because, assuming=(), requests=(found.request,))
        because += found.decision.because
        assuming += found.decision.assuming
        sent += (found.request,)
        if found.decision.effect is Effect.UNKNOWN or not thing.key_known:
            effect = Effect.UNKNOWN
    return Answer(effect=effect, because=because, assuming=assuming, requests=sent)


@dataclass(frozen=True, slots=True)
class Group:
    """Actions of one service that meet the same statements, so that one of them speaks for all."""

    action: str
    actions: tuple[str, ...]
    clauses: tuple[Clause, ...]


def groups_of(actor: Actor, thing: Thing) -> Iterator[Group]:
    """Yield the actions on a thing that some statement may allow, divided by the statements that they meet."""
    on_thing = (thing.policies.policy, *(document for level in thing.policies.rcps for document in level))
    documents = dict.fromkeys(one for one in (*documents_of(actor.policies), *on_thing) if one is not None)
    met: dict[str, list[int]] = {}
    for number, statement in enumerate(one for document in documents for one in document.statements):
        for action in actions_met(statement.actions, thing.service, negated=statement.not_action):
            met.setdefault(action, []).append(number)
    found: dict[tuple[int, ...], list[str]] = {}
    for action, numbers in met.items():
        found.setdefault(tuple(numbers), []).append(action)
    for actions in found.values():
        clauses = actor.evaluator.clauses(actions[0].lower(), thing.policies)
        if any(clause.allow and clause.document.kind in {Kind.IDENTITY, Kind.RESOURCE} for clause in clauses):
            yield Group(actions[0], tuple(actions), clauses)


@lru_cache(maxsize=8192)
def actions_met(patterns: tuple[str, ...], service: str, *, negated: bool) -> tuple[str, ...]:
    """Return the actions on things of a service that an Action element holds; a NotAction element, if `negated`."""
    tests = [action_matcher(pattern) for pattern in patterns]
    actions = dict.fromkeys(action for wanted in CLASSES for action in actions_of(wanted, service))
    return tuple(action for action in actions if any(test(action.lower()) for test in tests) is not negated)


def fresh(texts: Texts, service: str, region: str, account: str, tags: Mapping[str, str] | None) -> Thing:
    """Return a thing of a service that is not there yet, with the policies that every new thing has."""
    names = {"secretsmanager": "secret:{0}/db-x0x0x0", "ssm": "parameter/{0}/db", "kms": "key/{0}"}
    arn = f"arn:aws:{service}:{region}:{account}:{names[service].format(NOBODY)}"
    rcps, seen = texts.asked.principals.levels(account, Kind.RCP)
    policy = delegates(account) if service == "kms" else None
    unseen = frozenset() if seen else frozenset({Kind.RCP})
    return Thing(arn=arn, tags=tags, policies=ResourcePolicies(policy=policy, rcps=rcps, unseen=unseen))


@lru_cache(maxsize=1024)
def delegates(account: str) -> Document:
    """Return the key policy that AWS gives a new key: the account's own policies decide (KMS: "Default key policy")."""
    statement = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "kms:*", "Resource": "*"}
    return read_document({"Version": "2012-10-17", "Statement": statement}, Kind.RESOURCE, "default key policy")


@dataclass(slots=True)
class Cases:
    """Findings of one subject of one tenant, found for several of its agents: the worst stands."""

    _known: dict[tuple[str, str], Finding] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        """Add what was found for one agent."""
        key = (finding.tenant or "", finding.subject)
        known = self._known.get(key)
        if known is None or _ORDER[finding.verdict] < _ORDER[known.verdict]:
            self._known[key] = finding
        elif finding.verdict is known.verdict and not set(finding.agents) <= set(known.agents):
            # Agents of one tenant may reach different things by one statement.
            shown = finding if finding.reaches.count > known.reaches.count else known
            self._known[key] = replace(shown, agents=(*known.agents, *finding.agents))

    def __iter__(self) -> Iterator[Finding]:
        """Yield one finding a subject and tenant."""
        return iter(self._known.values())


def tenants_reach(tenants: set[str]) -> Reaches:
    """Return a few tenants as the findings hold them."""
    return Reaches(tenants=tuple(sorted(tenants)), count=len(tenants))
