"""The cross-tenant questions about the AWS accounts of one snapshot, prepared once and asked by several checks.

Brings three things together: who the target's agents are in AWS, what each tenant owns there, and the engine that
decides. Nothing here judges; the checks do.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from cred_audit.check import Skip
from cred_audit.claims.aws.commands import reproduce_of
from cred_audit.claims.aws.mend import fix_of
from cred_audit.claims.aws.refused import Refused
from cred_audit.claims.isolation import holds, sentence_of, who_acts
from cred_audit.decide import OTHERS, Effect, Reason, Unknown
from cred_audit.decide.aws import reach
from cred_audit.decide.aws.context import whole_context
from cred_audit.decide.aws.dependent import Setting
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.estate import ActionClass
from cred_audit.decide.aws.free import Search
from cred_audit.decide.aws.holdings import Holding, Holdings
from cred_audit.decide.aws.model import Kind, Principal, Request
from cred_audit.decide.aws.principals import Documents, Principals
from cred_audit.decide.kept import of_the_last
from cred_audit.facts import AwsFacts, Gap, Snapshot
from cred_audit.finding import Evidence, Finding, Reaches, Verdict, Witness
from cred_audit.target.model import Agent, Tenant

_FEW = 3
_ON_THINGS = frozenset({"key policy", "resource policy of the secret"})
"""Names of policies that many things have: they do not tell one grant from another."""
_SUMMARIES = {
    (False, False): "No request of {name} can {verb} a {what} that another tenant owns.",
    (True, False): "{name} can {verb} no {what} of another tenant that was seen; not everything was seen.",
    (
        True,
        True,
    ): "Whether {name} can {verb} yet another {what} of other tenants is not known; not everything was seen.",
}
"""By whether something was not seen, and whether the agent is known to reach something."""
_MANY = 20
"""Parts that were not seen of which a finding names each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """One declared agent as AWS knows it."""

    tenant: str
    agent: str
    arn: str
    """Of the role or user that the target names."""
    who: reach.Agent | Unknown


class AwsIsolation:
    """One snapshot's agents, things and engine."""

    def __init__(self, snapshot: Snapshot, aws: AwsFacts) -> None:
        """Read every policy that binds an agent, and find out who owns what."""
        self.world = aws.world
        self.tenants = tuple(tenant.id for tenant in snapshot.target.tenants)
        self.documents = Documents()
        self.principals = Principals(aws.world, self.documents)
        self.refused = Refused(self.principals)
        self.holdings = Holdings(
            self.principals,
            (
                Holding(owner=tenant.id, tags=part.tags, arns=part.arns, account=part.account)
                for tenant in snapshot.target.tenants
                for part in tenant.territory.aws
            ),
            others=snapshot.target.others,
        )
        self.acting = tuple(
            self._acting(tenant, agent)
            for tenant in snapshot.target.tenants
            for agent in tenant.agents
            if agent.aws is not None
        )
        self.agents = tuple(acting.who for acting in self.acting if not isinstance(acting.who, Unknown))
        self._tag_keys = {
            tenant.id: next(iter(part.tags))
            for tenant in snapshot.target.tenants
            for part in tenant.territory.aws
            if part.tags
        }
        self._declared = tuple(
            tenant.id
            for tenant in snapshot.target.tenants
            if any(part.tags or part.arns for part in tenant.territory.aws)
        )
        self._estate: reach.Estate | None = None
        self._answers: dict[tuple[reach.Agent, ActionClass], reach.Answer] = {}
        self._kept: dict[bool, set[str]] | None = None
        """Who owns a key (True), who a secret or parameter (False)."""
        self._unowned: dict[bool, str] | None = None
        """The first key (True), secret or parameter (False) of which it was not seen whose it is."""
        self.since = snapshot.taken_at
        """Requests are sent after the facts were read."""
        self._owners: frozenset[str] = frozenset()
        self._landless: frozenset[str] = frozenset()

    @cached_property
    def landless(self) -> tuple[str, ...]:
        """The tenants to whom nothing that was read belongs, though their territory names tags or ARNs."""
        territories = self.holdings.territories
        owners = {owner for thing in self.holdings.all for owner in thing.owners} | self.holdings.perhaps_owners()
        for role in self.principals.roles.values():
            owners.update(territories.owners(role.arn, role.tags) if role.tags is not None else territories.taggers)
        return tuple(name for name in self._declared if name not in owners)

    @property
    def estate(self) -> reach.Estate:
        """Everybody's things, ready to be asked about any of the agents."""
        if self._estate is None:
            self._estate = self.estate_of(self.agents)
            self._owners = frozenset(self._estate.owners)
            self._landless = frozenset(self.tenants) - self._owners
        return self._estate

    def answer(self, agent: reach.Agent, wanted: ActionClass) -> reach.Answer:
        """Return what an agent reaches, asked once for all checks."""
        known = self._answers.get((agent, wanted))
        if known is None:
            known = self._answers[agent, wanted] = self.estate.reach(agent, wanted)
        return known

    def _acting(self, tenant: Tenant, agent: Agent) -> Acting:
        principal = agent.aws
        if principal is None:
            raise LookupError("only agents with an AWS principal are asked about")
        arn = principal.role or principal.user
        found = self.principals.principal(arn, session_tags=principal.session_tags, session_name=principal.session_name)
        who = found if isinstance(found, Unknown) else reach.Agent(
            tenant=tenant.id, principal=found[0], policies=found[1], mfa=self.may_carry_mfa(arn)
        )  # fmt: skip
        return Acting(tenant=tenant.id, agent=agent.id, arn=arn, who=who)

    def estate_of(self, agents: Iterable[reach.Agent]) -> reach.Estate:
        """Return everybody's things, ready to be asked about other agents than the target's, at the same time."""
        return reach.Estate(self.holdings.things, tuple(agents), since=self.since)

    def search(self, agent: reach.Agent) -> Search:
        """Return a search over the requests of one agent that knows of them what the estate knows."""
        setting = Setting(mfa=agent.mfa, since=self.since)
        return Search(Evaluator(agent.principal, agent.policies), setting)

    def may_carry_mfa(self, arn: str) -> bool | None:
        """Whether somebody other than a service or a provider may assume a role; only they can come with MFA.

        None where its trust policy was not seen.
        """
        role = self.principals.roles.get(arn)
        if role is None:
            return False
        trust = self.documents.read(role.trust, Kind.RESOURCE, f"trust policy of {arn}")
        if trust is None:
            return None
        return any(
            one.allow and (one.not_principal or any(named.type in {"AWS", "*"} for named in one.principals or ()))
            for one in trust.statements
        )

    def has_of_others(self, tenant: str, *, keys: bool) -> bool:
        """Whether somebody else than a tenant owns a KMS key, or else a secret or parameter."""
        if self._kept is None:
            self._kept = {True: set(), False: set()}
            for thing in self.holdings.things:
                if thing.collection is None and (thing.owners or thing.owners_known):
                    self._kept[thing.service == "kms"].update(thing.owners or (OTHERS,))
        kept = self._kept[keys]
        return len(kept) > (tenant in kept)

    def perhaps_of_others(self, *, keys: bool) -> str | None:
        """Return a KMS key, or else a secret or parameter, of which it was not seen whose it is; None without any."""
        if self._unowned is None:
            self._unowned = {}
            for thing in self.holdings.things:
                if thing.collection is None and not thing.owners_known:
                    self._unowned.setdefault(thing.service == "kms", thing.arn)
        return self._unowned.get(keys)

    def tag_key(self, tenant: str) -> str:
        """Return the tag key that tells a tenant's things apart; a usual one where its territory has none."""
        return self._tag_keys.get(tenant, "TenantId")

    def reaches(self, owners: reach.Owners, acting: str | None = None) -> Reaches:
        """Return a set of owners as the findings hold it: by name where that is shorter."""
        known = self.estate.owners
        if owners.all_except is None:
            return Reaches(tenants=owners.names, count=len(owners.names))
        spared = set(owners.all_except)
        count = len(known) - len(spared & self._owners)
        if count <= _FEW:
            reached = tuple(owner for owner in known if owner not in spared)
            return Reaches(tenants=reached, count=count)
        spared |= self._landless | ({acting} if acting else set())
        return Reaches(all_except=tuple(sorted(spared - {OTHERS})), count=count)


@of_the_last
def aws_isolation(snapshot: Snapshot) -> AwsIsolation:
    """Return the prepared questions of a snapshot that has AWS's facts."""
    if snapshot.aws is None:
        raise LookupError("AWS was not read")
    return AwsIsolation(snapshot, snapshot.aws)


def unseen_findings(snapshot: Snapshot, what: str) -> Iterator[Finding]:
    """Yield an UNKNOWN for each part of AWS that was not seen. `what`: the claim's question, as half a sentence."""
    asked = aws_isolation(snapshot)
    for part, call in asked.holdings.unseen.items():
        yield Finding(
            verdict=Verdict.UNKNOWN,
            subject=f"unseen:{part}",
            summary=f"The {part} were not seen, so {what} is not known.",
            evidence=(gap_evidence(snapshot.gaps, part, call),),
        )


def gap_evidence(gaps: Iterable[Gap], part: str, call: str) -> Evidence:
    """Return the gap of a part that was not seen as evidence."""
    shows = next((gap.reason for gap in gaps if gap.source == "aws" and gap.what == call), f"the {part} were not seen")
    return Evidence(where=call, shows=shows)


def judge_aws_reach(snapshot: Snapshot, wanted: ActionClass, verb: str) -> Iterator[Finding]:
    """Yield the findings of the claim "no agent can <verb> what another tenant owns in AWS".

    One finding is one grant of one acting tenant, held by all agents of that tenant that have it; an agent
    without any grant gives one PASS, whose evidence names the statements that come closest. KMS keys are a case of
    their own: where they were not seen, what is known of secrets and parameters stays known. Raises Skip where no
    agent's tenant has another one beside it.
    """
    asked = aws_isolation(snapshot)
    gaps = {gap.what: gap.reason for gap in snapshot.gaps if gap.source == "aws"}
    grants: dict[tuple[object, ...], tuple[Acting, reach.Grant, list[str]]] = {}
    judged = False
    for acting in asked.acting:
        if isinstance(acting.who, Unknown):
            judged = True
            yield _not_known(acting, verb, acting.who)
            continue
        answer = asked.answer(acting.who, wanted)
        for grant in answer.grants:
            # Statements of one name may differ: two roles have each a policy of that name, two keys each its own.
            key = (acting.tenant, grant.effect, grant.because, grant.owners, grant.things, grant.assuming)
            grants.setdefault(key, (acting, grant, []))[2].append(acting.agent)
        closest = tuple(reason_evidence(reason, acting.arn) for reason in answer.closest)
        granted = {keys for grant in answer.grants for action in grant.actions for keys in _of_keys(action)}
        for keys in (False, True):
            unseen = _unseen(asked, acting.tenant, gaps, keys=keys)
            # Beside what it is known to reach there may be more where nobody looked.
            if not unseen and keys not in granted and not asked.has_of_others(acting.tenant, keys=keys):
                unseen = _unowned(asked, keys=keys)
                if not unseen:
                    continue
            if unseen or keys not in granted:
                judged = True
                yield _without_grant(acting, verb, closest, unseen, keys=keys, more=keys in granted)
    for acting, grant, agents in grants.values():
        yield grant_finding(asked, acting, tuple(agents), grant, verb)
    lost = _without_owner(asked)
    if lost is not None:
        yield lost
    elif asked.acting and not grants and not judged:
        raise Skip("nothing that was read in AWS belongs to another tenant than the agents' own; AWS was read in full")


def _without_owner(asked: AwsIsolation) -> Finding | None:
    """Return an UNKNOWN where a tenant owns nothing while other things are nobody's: its territory may be misspelt."""
    # Keys that are nobody's are usual: the platform's own encrypt what is tagged.
    nobodys = [thing for thing in asked.holdings.all
               if thing.collection is None and thing.service != "kms" and not thing.owners]  # fmt: skip
    if asked.holdings.others or not asked.landless or not nobodys:
        return None
    more = len(asked.landless) - _FEW
    who = f"{', '.join(asked.landless[:_FEW])}{f' and {more} more' if more > 0 else ''}"
    shows = "belongs to nobody by the target" + (f", and so do {len(nobodys) - 1} more" if len(nobodys) > 1 else "")
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject="territory: nothing is owned",
        summary=f"Nothing that was read in AWS belongs to {who}, so whether others reach what is theirs is not known.",
        evidence=(Evidence(where=nobodys[0].arn, shows=shows),),
        count=len(asked.landless),
        fix="compare the tags and ARNs of the tenants' territories in the target with those in AWS",
    )


def _of_keys(action: str) -> tuple[bool, ...]:
    """Whether an action is about keys, or else about secrets and parameters; tag:GetResources is about all."""
    return (False, True) if action.startswith("tag:") else (action.startswith("kms:"),)


def _unseen(asked: AwsIsolation, tenant: str, gaps: Mapping[str, str], *, keys: bool) -> tuple[Evidence, ...]:
    """Return the first few parts (those with keys, or the others) not seen that may hold what is another tenant's."""
    found = (one for one in asked.holdings.unseen_of_others(tenant) if _holds(one[0], keys=keys))
    parts = itertools.islice(found, _MANY)
    return tuple(Evidence(where=call, shows=gaps.get(call, f"the {part} were not seen")) for part, call in parts)


def _unowned(asked: AwsIsolation, *, keys: bool) -> tuple[Evidence, ...]:
    """Return a thing that may be another tenant's, where nothing is so for sure."""
    arn = asked.perhaps_of_others(keys=keys)
    return () if arn is None else (Evidence(where=arn, shows="its tags were not seen, so whose it is is not known"),)


def _holds(part: str, *, keys: bool) -> bool:
    """Whether a part that was not seen holds keys, or else secrets or parameters; a whole account holds both."""
    return " keys of " in f" {part}" if keys else not part.startswith("keys of ")


def _not_known(acting: Acting, verb: str, unknown: Unknown) -> Finding:
    name = f"{acting.tenant}/{acting.agent}"
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject=f"agent:{name}",
        tenant=acting.tenant,
        agents=(acting.agent,),
        summary=f"What {name} may {verb} is not known: {unknown.reason}.",
        evidence=(Evidence(where=unknown.where, shows=unknown.reason),),
    )


def _without_grant(  # noqa: PLR0913  (one value per part of the finding)
    acting: Acting, verb: str, closest: tuple[Evidence, ...], unseen: tuple[Evidence, ...], *, keys: bool, more: bool
) -> Finding:
    name = f"{acting.tenant}/{acting.agent}"
    what = "KMS key" if keys else "secret or parameter"
    evidence = closest
    if not unseen and not evidence:
        evidence = (
            Evidence(where=acting.arn, shows=f"no statement of its policies or of a resource's lets it {verb}"),
        )
    return Finding(
        verdict=Verdict.UNKNOWN if unseen else Verdict.PASS,
        subject=f"agent:{name} keys" if keys else f"agent:{name}",
        tenant=acting.tenant,
        agents=(acting.agent,),
        summary=_SUMMARIES[bool(unseen), more].format(name=name, verb=verb, what=what),
        evidence=(*unseen, *evidence),
    )


def _grant_subject(grant: reach.Grant, holder: str) -> str:
    """Return the stable name of a grant: the statement of the principal that makes it, or of the resource."""
    identity = (one for one in grant.because if one.policy and one.policy not in _ON_THINGS)
    reason = next(identity, grant.because[0])
    if not reason.policy:
        return f"{grant.effect.value}:{reason.why}"
    return f"{_place(reason, holder)}: {reason.why}"


def grant_finding(
    asked: AwsIsolation, acting: Acting, agents: tuple[str, ...], grant: reach.Grant, verb: str
) -> Finding:
    """Return a grant as a finding."""
    reaches = asked.reaches(grant.owners, acting.tenant)
    whose = sentence_of(reaches)
    who = who_acts(acting.tenant, agents)
    known = grant.effect is Effect.ALLOW
    principal = acting.who.principal if not isinstance(acting.who, Unknown) else None
    return Finding(
        verdict=Verdict.FAIL if known else Verdict.UNKNOWN,
        subject=f"{acting.tenant}: {_grant_subject(grant, acting.arn)}",
        tenant=acting.tenant,
        agents=agents,
        reaches=reaches,
        count=grant.things,
        summary=f"{who} {'can' if known else 'may be able to'} {verb} what {whose} {holds(reaches)} in AWS.",
        evidence=tuple(
            one
            for reason in grant.because
            for one in asked.refused.evidence(reason, acting.arn, grant.witness)
            or (reason_evidence(reason, acting.arn),)
        ),
        witness=witness_of(principal, grant.witness) if principal is not None and grant.witness else None,
        assuming=grant.assuming,
        note=f"actions: {', '.join(grant.actions)}",
        reproduce=reproduce_of(f"{acting.tenant}/{acting.agent}", grant.witness)
        if principal is not None and grant.witness and known
        else None,
        fix=fix_of(grant.because, grant.actions, asked.tag_key(acting.tenant)) if known else None,
    )


def reason_evidence(reason: Reason, holder: str = "") -> Evidence:
    """Return a statement as evidence. `holder`: ARN of whom the policies on the principal's side bind."""
    return Evidence(where=_place(reason, holder) or "AWS's rules", shows=reason.why, quote=reason.clause)


def _place(reason: Reason, holder: str) -> str:
    """Return the name of a policy, with its role or user where the name alone does not tell."""
    return f"{reason.policy} of {holder}" if holder and reason.policy.startswith("inline policy ") else reason.policy


def witness_of(principal: Principal, requests: tuple[Request, ...]) -> Witness:
    """Return the requests that must all go through as the result's witness; the first is what the agent sends."""
    first, *more = (Witness(system="aws", fields=request_fields(principal, request)) for request in requests)
    if not more:
        return first
    # What the service asks for on the agent's behalf, such as kms:Decrypt of the secret's key.
    return Witness(system="aws", fields={**first.fields, "also": [dict(one.fields) for one in more]})


def request_fields(principal: Principal, request: Request) -> dict[str, object]:
    """Return one request with its whole context, as `ask aws` takes it."""
    return {
        "action": request.action,
        "resource": request.resource,
        "principal": principal.arn,
        "session_tags": dict(principal.session_tags),
        "resource_tags": None if request.resource_tags is None else dict(request.resource_tags),
        "request_tags": dict(request.request_tags),
        "context": {
            name: value if isinstance(value, str) else list(value)
            for name, value in whole_context(principal, request).items()
        },
    }
