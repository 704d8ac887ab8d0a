"""Principals that an agent can hold, and the requests that lead from one to another."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from cred_audit.decide import Effect, Reason
from cred_audit.decide.aws.clause import Clause
from cred_audit.decide.aws.engine import NO_RESOURCE_SIDE, Evaluator
from cred_audit.decide.aws.free import Search
from cred_audit.decide.aws.model import Document, Kind, Principal, PrincipalPolicies, Request, ResourcePolicies, Value
from cred_audit.decide.aws.pattern import action_matcher
from cred_audit.decide.aws.principals import Principals
from cred_audit.decide.aws.world import Role, User

ADMINISTRATOR = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
"""A policy that a chain writes where it may write any."""
ADMINISTRATOR_ARN = "arn:aws:iam::aws:policy/AdministratorAccess"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request of a chain, which the engine let through."""

    request: Request
    by: Principal
    """Who sends it."""
    also: tuple[Request, ...] = ()
    """What the same call must be allowed beside it, as sts:TagSession."""
    shows: str
    """What it does, as half a sentence without a subject."""
    because: tuple[Reason, ...]
    assuming: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    """Words of the AWS command line that send it; empty where a service sends it by itself."""
    holder: str = "agent"
    """Whose credentials the command uses: `agent`, or the ARN that an earlier step gave."""
    gives: str = ""
    """ARN of the principal whose credentials the answer holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """The answer to one request of a way."""

    effect: Effect
    request: Request
    because: tuple[Reason, ...]
    assuming: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """Whether the request goes through, or may."""
        return self.effect is not Effect.DENY


def _allows_all(document: Document) -> bool:
    return any(
        statement.allow and "*" in statement.actions and statement.resources == ("*",) and not statement.conditions
        and not statement.not_action and not statement.not_resource
        for statement in document.statements
    )  # fmt: skip


def services_of(documents: Iterable[Document]) -> frozenset[str]:
    """Return the services whose actions some Allow of the documents may hold; `*` for any."""
    found: set[str] = set()
    for document in documents:
        for statement in document.statements:
            if not statement.allow:
                continue
            if statement.not_action:
                found.add("*")
            for action in statement.actions:
                service = action.partition(":")[0].lower()
                found.add("*" if "*" in service or "?" in service else service)
    return frozenset(found)


def holds_any(documents: Iterable[Document], actions: frozenset[str]) -> bool:
    """Whether some Allow of the documents holds one of some lower-case actions."""
    return any(
        statement.allow and (statement.not_action or any(_holds(pattern, actions) for pattern in statement.actions))
        for document in documents
        for statement in document.statements
    )


@lru_cache(maxsize=65536)
def _holds(pattern: str, actions: frozenset[str]) -> bool:
    if "*" not in pattern and "?" not in pattern:
        return pattern.lower() in actions
    return any(map(action_matcher(pattern), actions))


class Held:
    """One principal that can be held: a role's session or a user, as a chain may have changed it."""

    def __init__(
        self,
        principals: Principals,
        entity: Role | User,
        *,
        session_tags: Mapping[str, str] | None = None,
        session_name: str | None = None,
        policies: PrincipalPolicies | None = None,
    ) -> None:
        """Take the role or user with all that a chain changed of it."""
        self.entity = entity
        self.principals = principals
        self.session_tags = dict(session_tags or {})
        self.session_name = session_name
        self._policies = policies
        tags = None if entity.tags is None else tuple(sorted(entity.tags.items()))
        groups = entity.groups if isinstance(entity, User) else None
        self.key: tuple[object, ...] = (
            entity.arn, tags, entity.inline, entity.attached, entity.boundary, groups,
            tuple(sorted(self.session_tags.items())), session_name,
        )  # fmt: skip
        self.asked: dict[object, tuple[Tried, tuple[Request, ...]]] = {}
        """Calls that were decided before, each with what it must be allowed beside it."""

    def __eq__(self, other: object) -> bool:
        """Whether two are the same principal with the same policies and tags."""
        return isinstance(other, Held) and self.key == other.key

    def __hash__(self) -> int:
        """Hash what makes it itself."""
        return hash(self.key)

    @property
    def arn(self) -> str:
        """ARN of the role or user."""
        return self.entity.arn

    @cached_property
    def account(self) -> str:
        """Its account."""
        return self.arn.split(":", 5)[4]

    @cached_property
    def policies(self) -> PrincipalPolicies:
        """All that binds it."""
        return self._policies if self._policies is not None else self.principals.policies(self.entity)

    @cached_property
    def principal(self) -> Principal:
        """The principal as the engine takes it."""
        acting = self.arn
        is_role = isinstance(self.entity, Role)
        if is_role and self.session_name:
            fields = self.arn.split(":")
            acting = (
                f"{fields[0]}:{fields[1]}:sts::{fields[4]}:assumed-role/"
                f"{self.arn.rpartition('/')[2]}/{self.session_name}"
            )
        return Principal(
            arn=acting, role=self.arn if is_role else "", unique_id=self.entity.unique_id, tags=self.entity.tags,
            session_tags=self.session_tags,
        )  # fmt: skip

    @cached_property
    def evaluator(self) -> Evaluator:
        """Its requests, decided."""
        return Evaluator(self.principal, self.policies)

    @cached_property
    def search(self) -> Search:
        """Its requests, with what nobody knows searched."""
        return Search(self.evaluator)

    @cached_property
    def services(self) -> frozenset[str]:
        """The services that its identity policies may allow something of; `*` also where one was not seen."""
        found = services_of(self.policies.identity)
        return found | {"*"} if Kind.IDENTITY in self.policies.unseen else found

    def uses(self, service: str) -> bool:
        """Whether its identity policies may allow anything of a service."""
        return service in self.services or "*" in self.services

    @cached_property
    def unbound(self) -> bool:
        """Whether its policies allow everything and nothing on its side denies or limits anything."""
        policies = self.policies
        documents = (*policies.identity, *(document for level in policies.scps for document in level))
        return (
            not policies.unseen and policies.boundary is None and policies.session is None
            and any(_allows_all(document) for document in policies.identity)
            and all(any(map(_allows_all, level)) for level in policies.scps)
            and all(statement.allow for document in documents for statement in document.statements)
        )  # fmt: skip

    def named(self, session_name: str) -> "Held":
        """Return the same session under a name."""
        return Held(
            self.principals, self.entity, session_tags=self.session_tags, session_name=session_name,
            policies=self.policies,
        )  # fmt: skip

    def allows(self, action: str) -> tuple[Clause, ...]:
        """Return the Allow clauses of its identity policies that hold an action."""
        return tuple(
            clause
            for clause in self.evaluator.clauses(action.lower())
            if clause.allow and clause.document.kind is Kind.IDENTITY
        )

    def may(self, action: str) -> bool:
        """Whether its identity policies can allow an action on anything."""
        if not self.uses(action.partition(":")[0]):
            return False
        return Kind.IDENTITY in self.policies.unseen or bool(self.allows(action))

    def ask(  # noqa: PLR0913  (the parts of a request)
        self,
        action: str,
        resource: str,
        *,
        tags: Mapping[str, str] | None = None,
        tags_known: bool = True,
        request_tags: Mapping[str, str] | None = None,
        context: Mapping[str, Value] | None = None,
        side: ResourcePolicies = NO_RESOURCE_SIDE,
        account: str = "",
    ) -> Tried:
        """Decide one request, with what the caller or nobody knows searched; tags that are not sent are absent."""
        sent = dict(request_tags or {})
        given: dict[str, Value] = dict(context or {})
        lowered = {tag.lower() for tag in sent}
        if action.startswith("iam:"):
            # IAM's one endpoint is in us-east-1 (Guide, "aws:RequestedRegion").
            given.setdefault("aws:RequestedRegion", "us-east-1")
        for clause in self.evaluator.clauses(action.lower(), side):
            for condition in clause.statement.conditions:
                key = condition.key.lower()
                if (key == "aws:tagkeys" and not sent) or (
                    key.startswith("aws:requesttag/") and key.partition("/")[2] not in lowered
                ):
                    # Without this the search would choose a tag that no other part of the request knows of.
                    given.setdefault(key, ())
        request = Request(
            action=action, resource=resource, request_tags=sent, context=given,
            resource_tags=dict(tags or {}) if tags_known else None, resource_account=account,
        )  # fmt: skip
        found = self.search.possible(request, side)
        shown = replace(
            found.request, context={key: value for key, value in found.request.context.items() if value != ()}
        )
        return Tried(
            effect=found.decision.effect, request=shown, because=found.decision.because,
            assuming=found.decision.assuming,
        )  # fmt: skip


class Node:
    """Principals that one way leads to: all of them may be taken."""

    __slots__ = ("_make", "_members", "key")

    def __init__(self, key: object, make: Callable[[], Iterable[Held]]) -> None:
        """Take what makes them; it is asked for once."""
        self.key = key
        self._make = make
        self._members: tuple[Held, ...] | None = None

    @property
    def members(self) -> tuple[Held, ...]:
        """The principals."""
        if self._members is None:
            self._members = tuple(self._make())
        return self._members


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Way:
    """Requests of one principal that lead to others."""

    to: Node
    sure: bool
    """False where a request was not settled or something was not seen."""
    first: tuple[Reason, ...]
    """What lets the first request through, or leaves it open."""
    enter: Callable[[Held], tuple[Step, ...] | None]
    """The requests for one of the principals; None where one of them is refused for just this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """Something that was not seen and may open a way."""

    reason: str
    where: str
    """What would have to be read."""
    because: tuple[Reason, ...] = ()


@dataclass(slots=True)
class Found:
    """The ways from one principal."""

    ways: list[Way] = field(default_factory=list)
    blind: list[Blind] = field(default_factory=list)


def single(held: Held) -> Node:
    """Return the node of one principal."""
    return Node(held.key, lambda: (held,))


def fixed(held: Held, steps: Sequence[Step | None], *, sure: bool) -> Way:
    """Return the way to one principal by requests that were decided."""
    taken = tuple(step for step in steps if step is not None)
    return Way(to=single(held), sure=sure, first=taken[0].because, enter=lambda _: taken)


def matches_action(patterns: Iterable[str], action: str, *, negated: bool) -> bool:
    """Whether an Action or NotAction element holds a lower-case action."""
    return any(action_matcher(one)(action) for one in patterns) is not negated


def step_of(held: Held, tried: Tried, shows: str, command: tuple[str, ...], assuming: str = "") -> Step:
    """Return an answered request as a step of a chain."""
    return Step(
        request=tried.request, by=held.principal, shows=shows, because=tried.because, command=command,
        assuming=(*tried.assuming, assuming) if assuming else tried.assuming, holder=held.arn,
    )  # fmt: skip


def name_of(arn: str) -> str:
    """Return the name of a role or user, without its path."""
    return arn.rpartition("/")[2]
