"""One question about what one agent of a snapshot may do in AWS.

The agent's policies, the resource's and the organization's are the snapshot's. What nobody knows of the request (its
time, its network) is searched for values with which it goes through, as the checks do: the answer says what it assumes.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cred_audit.ask.agents import acting_of
from cred_audit.claims.aws.isolation import AwsIsolation, aws_isolation
from cred_audit.decide import Decision, Effect, Reason, Unknown
from cred_audit.decide.aws import catalogue
from cred_audit.decide.aws.atoms import unknown_variables
from cred_audit.decide.aws.combination import TRUST_ACTIONS
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.estate import Thing, requests
from cred_audit.decide.aws.model import Kind, Request, ResourcePolicies, Value
from cred_audit.decide.aws.world import Account
from cred_audit.errors import UsageError
from cred_audit.facts import Snapshot

_WITHOUT_POLICIES = frozenset({"iam", "ssm"})
"""Services whose resources have no policy of their own in one account, trust policies apart."""
_SENT, _SENT_KEYS = "aws:requesttag/", "aws:tagkeys"
_READS = ("secretsmanager:GetSecretValue", "ssm:GetParameter")
"""What actions that answer with a value begin with: the value's key has to be known."""
_SUFFIX = re.compile(r"-[A-Za-z0-9]{6}")
"""What Secrets Manager puts behind the name of a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of the calls that must all go through, and its answer."""

    request: Request
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was asked, and what became of it."""

    agent: str
    """`tenant/agent`."""
    principal: str
    """Its ARN."""
    parts: tuple[Part, ...]
    """What the agent calls, then what the service calls on its behalf."""
    notes: tuple[str, ...] = ()
    """What was taken from where, and what was not found, as sentences."""

    @property
    def effect(self) -> Effect:
        """Whether all calls go through."""
        effects = {part.decision.effect for part in self.parts}
        return next((one for one in (Effect.DENY, Effect.UNKNOWN) if one in effects), Effect.ALLOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the question says of the request beside action and resource."""

    resource_tags: Mapping[str, str] | None = None
    """None: those that the facts have."""
    request_tags: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, Value] = field(default_factory=dict)


def ask_one(snapshot: Snapshot, agent_id: str, action: str, resource: str, given: Given | None = None) -> Answer:
    """Decide one action of a declared agent (`id` or `tenant/id`) on an ARN, or on `*` where it takes no resource.

    Raises UsageError for an agent or action that does not exist, a resource that does not fit the action, and where
    the snapshot has nothing of AWS.
    """
    given = given or Given()
    action = _action(action)
    _check_resource(action, resource)
    if snapshot.aws is None:
        raise UsageError("the snapshot holds nothing of AWS; declare it in the target")
    asked = aws_isolation(snapshot)
    acting = acting_of(asked.acting, agent_id, "AWS")
    name = f"{acting.tenant}/{acting.agent}"
    found = _Resource(asked, action, resource, given)
    if isinstance(acting.who, Unknown):
        reason = Reason(policy="", why=f"who the agent is in AWS is not known: {acting.who.reason}")
        decision = Decision(effect=Effect.UNKNOWN, because=(reason,))
        alone = (Part(request=found.calls[0][0], decision=decision),)
        return Answer(agent=name, principal=acting.arn, parts=alone, notes=tuple(found.notes))
    search = asked.search(acting.who)
    evaluator = search.evaluator
    parts: tuple[Part, ...] = ()
    for request, policies in found.calls:
        possible = search.possible(_sending_only_its_tags(evaluator, request, policies), policies)
        parts += (Part(request=possible.request, decision=possible.decision),)
    if not found.key_known and parts[0].decision.effect is Effect.ALLOW:
        reason = Reason(policy="", why="the key that encrypts it was not seen, and reading asks for kms:Decrypt too")
        parts = (replace(parts[0], decision=Decision(effect=Effect.UNKNOWN, because=(reason,))),)
    return Answer(agent=name, principal=acting.who.principal.arn, parts=parts, notes=tuple(found.notes))


def _action(written: str) -> str:
    """Return an action as the reference spells it. Raises UsageError, with the nearest one, for an unknown one."""
    details = catalogue.action_details(written)
    service, colon, name = written.partition(":")
    if details is not None:
        return f"{service.lower()}:{details['name']}"
    shown = repr(written[:80])
    if not colon or not name:
        raise UsageError(f"{shown} is no action; write service:Action, as secretsmanager:GetSecretValue")
    known = {one.lower(): one for one in catalogue.actions(service)}
    if known:
        near = difflib.get_close_matches(name[:80].lower(), known, n=1)
        more = f"; did you mean {service.lower()}:{known[near[0]]}?" if near else ""
        raise UsageError(f"AWS's service reference knows no action {shown}{more}")
    close = difflib.get_close_matches(service[:80].lower(), catalogue.services(), n=1)
    raise UsageError(
        f"AWS's service reference knows no service of {shown}{f'; did you mean {close[0]}?' if close else ''}"
    )


def _check_resource(action: str, resource: str) -> None:
    details = catalogue.action_details(action) or {"resourceTypes": ()}
    types = details["resourceTypes"]
    if resource == "*":
        if any(kind["required"] for kind in types):
            names = " or ".join(sorted({str(kind["name"]) for kind in types if kind["required"]}))
            raise UsageError(f"{action} is about one {names}: give its ARN in place of *")
        return
    if not resource.startswith("arn:") or resource.count(":") < 5 or not resource.split(":", 5)[5]:
        raise UsageError(f"{resource[:120]!r} is no ARN; write arn:aws:SERVICE:REGION:ACCOUNT:NAME, or *")
    if any(wild in resource for wild in "*?"):
        raise UsageError(f"{resource[:120]!r} is a pattern; ask about one resource (scan asks about all)")
    if not types:
        raise UsageError(f"{action} takes no resource; write * in place of the ARN")


def _sending_only_its_tags(evaluator: Evaluator, request: Request, resource: ResourcePolicies) -> Request:
    """Return the request in which tags that are not given are not sent, rather than unknown."""
    sent = {f"{_SENT}{tag.lower()}" for tag in request.request_tags} | ({_SENT_KEYS} if request.request_tags else set())
    sent |= {key.lower() for key in request.context}
    asked: set[str] = set()
    for clause in evaluator.clauses(request.action.lower(), resource):
        asked |= {condition.key.lower() for condition in clause.statement.conditions}
        asked |= {name.lower() for name in unknown_variables(clause.statement, clause.document)}
    absent = (key for key in asked if key.startswith((_SENT, _SENT_KEYS)) and key not in sent)
    return replace(request, context={**request.context, **dict.fromkeys(sorted(absent), ())})


class _Resource:
    """What the facts have of the resource that is asked about."""

    def __init__(self, asked: AwsIsolation, action: str, resource: str, given: Given) -> None:
        self.asked = asked
        self.action = action
        self.given = given
        self.notes: list[str] = []
        self.key_known = True
        self.calls = self._calls(resource)

    def _calls(self, resource: str) -> tuple[tuple[Request, ResourcePolicies], ...]:
        thing = self._thing(resource)
        if thing is not None:
            (own, policies), *others = requests(self.action, thing)
            self.key_known = thing.key_known or not self.action.startswith(_READS)
            return ((self._as_given(own), policies), *others)
        tags, policies = self._elsewhere(resource)
        region = resource.split(":")[3] if resource != "*" else ""
        context: dict[str, Value] = {"aws:RequestedRegion": region} if region else {}
        own = Request(action=self.action, resource=resource, resource_tags=tags, context=context)
        return ((self._as_given(own), policies),)

    def _as_given(self, request: Request) -> Request:
        """Return the request with what the question says of it."""
        tags = self.given.resource_tags
        if tags is not None and request.resource_tags is not None and tags != request.resource_tags:
            self.notes.append("The resource's tags are those given, not those of the facts.")
        return replace(
            request,
            resource_tags=request.resource_tags if tags is None else tags,
            request_tags=self.given.request_tags,
            context={**request.context, **self.given.context},
        )

    def _thing(self, resource: str) -> Thing | None:
        """Return the secret, parameter or key of the facts; a secret's ARN may lack the characters at its end."""
        things = {thing.arn: thing for thing in self.asked.holdings.all}
        if resource in things or ":secretsmanager:" not in resource:
            return things.get(resource)
        same = [arn for arn in things if arn.startswith(resource) and _SUFFIX.fullmatch(arn[len(resource) :])]
        if len(same) != 1:
            return None
        self.notes.append(f"{resource} is taken as {same[0]}.")
        return things[same[0]]

    def _elsewhere(self, resource: str) -> tuple[Mapping[str, str] | None, ResourcePolicies]:
        """Return tags and policies of what is no secret, parameter or key of the facts."""
        if resource == "*":
            return {}, ResourcePolicies()
        principals = self.asked.principals
        account = resource.split(":")[4]
        rcps, seen = principals.levels(account, Kind.RCP) if account in principals.accounts else ((), False)
        unseen: set[Kind] = set() if seen or not account else {Kind.RCP}
        holder = principals.roles.get(resource) or principals.users.get(resource)
        policy = None
        if self.action.lower() in TRUST_ACTIONS:
            role = principals.roles.get(resource)
            trust = role.trust if role is not None else None
            policy = principals.documents.read(trust, Kind.RESOURCE, f"trust policy of {resource}")
            if policy is None:
                unseen.add(Kind.RESOURCE)
        elif not self._has_no_policy(resource, account):
            unseen.add(Kind.RESOURCE)
        if holder is None:
            self.notes.append(
                f"{resource} is not in the facts: its tags and policies are not known beyond what is given."
            )
        tags = holder.tags if holder is not None else None
        return tags, ResourcePolicies(policy=policy, rcps=rcps, unseen=frozenset(unseen))

    def _has_no_policy(self, resource: str, account: str) -> bool:
        """Whether it is known that no policy is attached to a resource that is not there."""
        service = resource.split(":")[2]
        facts: Account | None = self.asked.principals.accounts.get(account)
        if service in _WITHOUT_POLICIES:
            return True
        regions = facts.regions if facts is not None else ()
        region = next((one for one in regions if one.name == resource.split(":")[3]), None)
        # A new secret begins without a policy; a key never is without one.
        return service == "secretsmanager" and region is not None and region.secrets is not None
