"""Which agents may assume which roles: those of other tenants, and those that several tenants share on their way."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cred_audit.claims.aws.commands import reproduce_of
from cred_audit.claims.aws.isolation import Acting, AwsIsolation, reason_evidence, witness_of
from cred_audit.claims.aws.roles import Assumed, AwsRoles, aws_roles
from cred_audit.claims.isolation import sentence_of, who_acts
from cred_audit.decide import Effect, Reason, Unknown
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Reaches, Verdict, Witness

_FEW = 3
_FIX = (
    "name the tenant's own role in the Resource of the statement that allows sts:AssumeRole, and the agent's own role "
    "in the other role's trust policy"
)


def reaches_of(facts: AwsIsolation, names: Iterable[str], own: str | None = None) -> Reaches:
    """Return declared tenants as the findings hold them: by name where they are few or that is shorter."""
    reached = frozenset(names) - {own}
    left = len(facts.tenants) - len(reached)
    if len(reached) <= max(_FEW, left):
        return Reaches(tenants=tuple(sorted(reached)), count=len(reached))
    spared = tuple(sorted(name for name in facts.tenants if name not in reached))
    return Reaches(all_except=spared, count=len(reached))


def reason_subject(reason: Reason) -> str:
    """Return the stable name of a reason: its policy and statement."""
    return f"{reason.policy}: {reason.why}" if reason.policy else reason.why


def unknown_agent(acting: Acting, unknown: Unknown) -> Finding:
    """Return the finding of an agent of which AWS's facts say nothing."""
    name = f"{acting.tenant}/{acting.agent}"
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject=f"agent:{name}",
        tenant=acting.tenant,
        agents=(acting.agent,),
        summary=f"What {name} may do is not known: {unknown.reason}.",
        evidence=(Evidence(where=unknown.where, shows=unknown.reason),),
    )


def assumption_witness(acting: Acting, found: Assumed) -> Witness | None:
    """Return the request to assume the role as the result's witness."""
    if isinstance(acting.who, Unknown):
        return None
    return witness_of(acting.who.principal, (found.request,))


@dataclass(slots=True)
class _Grant:
    """Statements that let agents of one tenant assume others' roles."""

    acting: Acting
    found: Assumed
    agents: dict[str, None] = field(default_factory=dict)
    owners: dict[frozenset[str], None] = field(default_factory=dict)
    count: int = 1


def judge_foreign_roles(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield who may assume a role that belongs to another tenant; a PASS for each agent that may not."""
    roles = aws_roles(snapshot)
    unread = _Unread(roles, snapshot)
    grants: dict[tuple[object, ...], _Grant] = {}
    for acting in roles.facts.acting:
        if isinstance(acting.who, Unknown):
            yield unknown_agent(acting, acting.who)
            continue
        none = True
        for found in roles.assumable(acting):
            owners = found.alike.owners
            if len(owners) > (acting.tenant in owners):
                none = False
                key = (acting.tenant, found.decision.effect, found.decision.because)
                grant = grants.setdefault(key, _Grant(acting, found))
                grant.agents[acting.agent] = None
                grant.owners[owners] = None
                grant.count = max(grant.count, len(found.alike.roles))
        maybe = unread.finding(acting)
        if maybe is not None:
            yield maybe
        elif none:
            yield _none(acting, "No statement lets {} assume a role that belongs to another tenant.")
    for grant in grants.values():
        yield _foreign(roles, grant)


def _none(acting: Acting, summary: str) -> Finding:
    name = f"{acting.tenant}/{acting.agent}"
    return Finding(
        verdict=Verdict.PASS,
        subject=f"agent:{name}",
        tenant=acting.tenant,
        agents=(acting.agent,),
        summary=summary.format(name),
        evidence=(Evidence(where=acting.arn, shows="every role was decided for it, and none of these is open to it"),),
    )


def _foreign(roles: AwsRoles, grant: _Grant) -> Finding:
    known = grant.found.decision.effect is Effect.ALLOW
    tenant = grant.acting.tenant
    reaches = roles.reaches(grant.owners, tenant)
    who = who_acts(tenant, tuple(grant.agents))
    first = next(iter(grant.found.decision.because), Reason(policy="", why="no policy was seen"))
    return Finding(
        verdict=Verdict.FAIL if known else Verdict.UNKNOWN,
        subject=f"{tenant}: {grant.found.request.resource}: {reason_subject(first)}",
        tenant=tenant,
        agents=tuple(grant.agents),
        reaches=reaches,
        count=grant.count,
        summary=f"{who} {'can' if known else 'may be able to'} assume roles of {sentence_of(reaches)}.",
        evidence=tuple(reason_evidence(reason) for reason in grant.found.decision.because),
        witness=assumption_witness(grant.acting, grant.found) if known else None,
        reproduce=reproduce_of(f"{tenant}/{grant.acting.agent}", (grant.found.request,)) if known else None,
        assuming=grant.found.decision.assuming,
        fix=_FIX if known else None,
    )


class _Unread:
    """Tenants' accounts that were not read: what an agent's own policies would let it assume there is not known."""

    def __init__(self, roles: AwsRoles, snapshot: Snapshot) -> None:
        self._roles = roles
        read = roles.facts.principals.accounts
        self._owners: dict[str, set[str]] = {}
        for account, owner in _accounts(snapshot):
            if account not in read:
                self._owners.setdefault(account, set()).add(owner)
        self._everyone = frozenset().union(*self._owners.values()) if self._owners else frozenset()

    def finding(self, acting: Acting) -> Finding | None:
        """Return an UNKNOWN for an agent that its own policies let assume roles there."""
        if isinstance(acting.who, Unknown) or not self._owners:
            return None
        accounts = self._roles.accounts_allowed(acting.who.policies)
        owners = self._everyone if accounts is None else frozenset().union(
            *(self._owners.get(account, set()) for account in accounts)
        )  # fmt: skip
        owners -= {acting.tenant}
        if not owners:
            return None
        reaches = reaches_of(self._roles.facts, owners, acting.tenant)
        name = f"{acting.tenant}/{acting.agent}"
        shows = f"its own policies may let it assume roles in accounts of {sentence_of(reaches)}, which were not read"
        return Finding(
            verdict=Verdict.UNKNOWN,
            subject=f"agent:{name}",
            tenant=acting.tenant,
            agents=(acting.agent,),
            reaches=reaches,
            summary=f"Whether {name} can assume roles of {sentence_of(reaches)} is not known: {shows}.",
            evidence=(Evidence(where=acting.arn, shows=shows),),
        )


def _accounts(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Yield the accounts in which tenants own things, as far as the target names them, with the tenant."""
    for tenant in snapshot.target.tenants:
        for part in tenant.territory.aws:
            if part.account is not None:
                yield part.account, tenant.id
            for pattern in part.arns or ():
                fields = pattern.split(":", 5)
                if len(fields) == 6 and fields[2] == "iam" and fields[4].isdigit():
                    yield fields[4], tenant.id
