"""Roles that agents assume on their way: whom they serve, and what they reach from there.

A role that belongs to no tenant and that agents may assume, directly or through other such roles, is a hop. It serves
the tenants whose agents come by and those whose things or roles it reaches.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cred_audit.claims.aws.assuming import assumption_witness, reaches_of, unknown_agent
from cred_audit.claims.aws.isolation import Acting, reason_evidence, witness_of
from cred_audit.claims.aws.outside import outsiders
from cred_audit.claims.aws.roles import Alike, Assumed, AwsRoles, aws_roles
from cred_audit.claims.aws.trust import role_not_seen
from cred_audit.claims.isolation import sentence_of
from cred_audit.decide import OTHERS, Effect, Unknown
from cred_audit.decide.aws.estate import ActionClass
from cred_audit.decide.aws.model import Kind, Principal, PrincipalPolicies
from cred_audit.decide.aws.reach import Agent, Estate, Grant
from cred_audit.decide.aws.world import Role
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Verdict, Witness

_POWERS = (ActionClass.READ, ActionClass.WRITE, ActionClass.CONTROL)
_SHOWN = 3
_FIX = "give each tenant a role of its own on the way, or let the shared one reach nothing that belongs to a tenant"
_FIX_ADMIN = "let no agent's policies and no trust of the role lead to it; break-glass access is for people with MFA"


@dataclass(slots=True)
class _Hop:
    """One role that agents may assume."""

    role: Role
    tenants: set[str] = field(default_factory=set)
    """Whose agents may."""
    maybe: set[str] = field(default_factory=set)
    """Those, and whose agents perhaps may."""
    witness: Witness | None = None
    assuming: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


@dataclass(slots=True)
class _Beyond:
    """What a hop reaches."""

    sure: set[str] = field(default_factory=set)
    maybe: set[str] = field(default_factory=set)
    witness: Witness | None = None
    evidence: tuple[Evidence, ...] = ()
    assuming: tuple[str, ...] = ()
    onward: list[tuple[Role, Assumed]] = field(default_factory=list)
    """Roles of no tenant that it may assume."""


class Hops:
    """Every hop of one snapshot."""

    def __init__(self, roles: AwsRoles) -> None:
        """Follow every agent."""
        self.roles = roles
        self.hops: dict[str, _Hop] = {}
        self.assumed: dict[object, tuple[Alike, list[tuple[Acting, Assumed]]]] = {}
        """Roles that a decision does not tell apart -> the agents that may assume them."""
        self._beyond: dict[str, _Beyond] = {}
        for acting in roles.facts.acting:
            for found in roles.assumable(acting):
                self.assumed.setdefault(found.alike.key, (found.alike, []))[1].append((acting, found))
        for alike, agents in self.assumed.values():
            self._arrive(alike, agents)
        self._estate = self._ready()
        self._follow()

    def _arrive(self, alike: Alike, agents: list[tuple[Acting, Assumed]]) -> None:
        sure = {acting.tenant for acting, found in agents if found.decision.effect is Effect.ALLOW}
        maybe = {acting.tenant for acting, _ in agents}
        acting, found = next((one for one in agents if one[1].decision.effect is Effect.ALLOW), agents[0])
        for role in alike.roles:
            if not self.roles.owners(role):
                hop = self.hops.setdefault(role.arn, _Hop(role))
                hop.tenants |= sure
                hop.maybe |= maybe
                if hop.witness is None:
                    hop.witness = assumption_witness(acting, found)
                    hop.assuming = found.decision.assuming
                    hop.evidence = tuple(reason_evidence(reason) for reason in found.decision.because)

    def side(self, role: Role) -> tuple[Principal, PrincipalPolicies]:
        """Return a role's session without tags of its own."""
        principal = Principal(arn=role.arn, role=role.arn, unique_id=role.unique_id, tags=role.tags)
        return principal, self.roles.facts.principals.policies(role)

    def _ready(self) -> Estate:
        """Return everybody's things, ready to be asked about any hop, those behind other hops included."""
        found: dict[str, Role] = {}
        queue = [hop.role for hop in self.hops.values()]
        while queue:
            role = queue.pop()
            if role.arn not in found:
                found[role.arn] = role
                self._beyond[role.arn] = self._onward(role)
                queue += (onward for onward, _ in self._beyond[role.arn].onward)
        sides = {arn: self.side(role) for arn, role in found.items()}
        facts = self.roles.facts
        self.agents = {arn: Agent(tenant="", principal=one, policies=policies, mfa=facts.may_carry_mfa(arn))
                       for arn, (one, policies) in sides.items()}  # fmt: skip
        return facts.estate_of(self.agents.values())

    def _onward(self, role: Role) -> _Beyond:
        beyond = _Beyond()
        principal, policies = self.side(role)
        for found in self.roles.assumed_by(principal, policies, role.arn):
            known = found.decision.effect is Effect.ALLOW
            if found.alike.owners:
                (beyond.sure if known else beyond.maybe).update(found.alike.owners)
                if known and beyond.witness is None:
                    beyond.witness = witness_of(principal, (found.request,))
                    beyond.evidence = tuple(reason_evidence(reason) for reason in found.decision.because)
                    beyond.assuming = found.decision.assuming
            beyond.onward += ((one, found) for one in found.alike.roles if not self.roles.owners(one))
        return beyond

    def _follow(self) -> None:
        """Let the tenants of each hop arrive at those that it leads to, until nothing changes."""
        queue = list(self.hops)
        while queue:
            hop = self.hops[queue.pop()]
            for role, found in self._beyond[hop.role.arn].onward:
                after = self.hops.setdefault(role.arn, _Hop(role))
                sure = hop.tenants if found.decision.effect is Effect.ALLOW else set()
                if hop.maybe <= after.maybe and sure <= after.tenants:
                    continue
                after.maybe |= hop.maybe
                after.tenants |= sure
                if after.witness is None and hop.witness is not None:
                    one = witness_of(self.side(hop.role)[0], (found.request,))
                    after.witness = Witness(system=one.system, fields=one.fields, before=_chain(hop.witness))
                    after.evidence = tuple(reason_evidence(reason) for reason in found.decision.because)
                queue.append(role.arn)

    def beyond(self, hop: _Hop) -> _Beyond:
        """Return whose things and roles a hop reaches."""
        beyond = self._beyond[hop.role.arn]
        for wanted in _POWERS:
            for grant in self._estate.reach(self.agents[hop.role.arn], wanted).grants:
                names = self._names(grant)
                known = grant.effect is Effect.ALLOW
                (beyond.sure if known else beyond.maybe).update(names)
                if known and beyond.witness is None and grant.witness:
                    beyond.witness = witness_of(self.agents[hop.role.arn].principal, grant.witness)
                    beyond.evidence = tuple(reason_evidence(reason) for reason in grant.because)
                    beyond.assuming = grant.assuming
        return beyond

    def _names(self, grant: Grant) -> set[str]:
        if grant.owners.all_except is None:
            return set(grant.owners.names) - {OTHERS}
        return set(self._estate.owners) - set(grant.owners.all_except) - {OTHERS}


def _chain(witness: Witness) -> tuple[Witness, ...]:
    return (*witness.before, Witness(system=witness.system, fields=witness.fields))


def judge_hops(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each hop, one for each administrator's role, and a PASS for each agent without a hop."""
    roles = aws_roles(snapshot)
    for acting in roles.facts.acting:
        if isinstance(acting.who, Unknown):
            yield unknown_agent(acting, acting.who)
    hops = Hops(roles)
    for hop in hops.hops.values():
        yield _judged(roles, hop, hops.beyond(hop))
    yield from _administrators(hops)
    coming = {
        (acting.tenant, acting.agent)
        for alike, agents in hops.assumed.values()
        if any(role.arn in hops.hops for role in alike.roles)
        for acting, _ in agents
    }
    for acting in roles.facts.acting:
        if not isinstance(acting.who, Unknown) and (acting.tenant, acting.agent) not in coming:
            yield _stays(acting)


def _stays(acting: Acting) -> Finding:
    name = f"{acting.tenant}/{acting.agent}"
    return Finding(
        verdict=Verdict.PASS,
        subject=f"agent:{name}",
        tenant=acting.tenant,
        agents=(acting.agent,),
        summary=f"{name} may assume no role that is not a tenant's own.",
        evidence=(Evidence(where=acting.arn, shows="every role was decided for it, and no such role is open to it"),),
    )


def _judged(roles: AwsRoles, hop: _Hop, beyond: _Beyond) -> Finding:
    served = hop.tenants | beyond.sure
    perhaps = hop.maybe | beyond.sure | beyond.maybe
    arn = hop.role.arn
    if hop.tenants and beyond.sure and len(served) > 1:
        verdict, names = Verdict.FAIL, served
    elif not hop.tenants or ((beyond.sure or beyond.maybe) and len(perhaps) > 1):
        # Where nobody surely comes by, there is no case that could hold.
        verdict, names = Verdict.UNKNOWN, perhaps
    else:
        verdict, names = Verdict.PASS, served
    reaches = reaches_of(roles.facts, names)
    if verdict is Verdict.PASS:
        whom = sentence_of(reaches) if names else "nobody"
        summary = f"{arn} is assumed by agents of {whom} and reaches nothing of another tenant."
        return Finding(verdict=verdict, subject=f"role:{arn}", summary=summary, evidence=hop.evidence[:_SHOWN])
    witness = beyond.witness
    if witness is not None and hop.witness is not None:
        witness = Witness(system=witness.system, fields=witness.fields, before=_chain(hop.witness))
    may = "may assume" if verdict is Verdict.FAIL else "may perhaps assume"
    whose = sentence_of(reaches_of(roles.facts, hop.tenants or hop.maybe))
    reached = beyond.sure or beyond.maybe
    what = f"what belongs to {sentence_of(reaches_of(roles.facts, reached))}" if reached else "nothing of tenants"
    return Finding(
        verdict=verdict,
        subject=f"role:{arn}",
        reaches=reaches,
        summary=f"Agents of {whose} {may} {arn}, which reaches {what}.",
        evidence=(*hop.evidence, *beyond.evidence),
        witness=witness if verdict is Verdict.FAIL else None,
        assuming=tuple(dict.fromkeys((*hop.assuming, *beyond.assuming))),
        fix=_FIX if verdict is Verdict.FAIL else None,
    )


def _administrators(hops: Hops) -> Iterator[Finding]:
    """Yield one finding for each administrator's role that another account or an agent may assume."""
    known: dict[str, list[tuple[Acting, Assumed]]] = {}
    administrators = {
        role.arn: (role, power)
        for role in hops.roles.all
        if (power := _administers(hops.roles, role)) is not Effect.DENY
    }
    for alike, agents in hops.assumed.values():
        for role in alike.roles:
            if role.arn in administrators:
                known.setdefault(role.arn, []).extend(agents)
    for arn, (role, power) in administrators.items():
        agents = known.get(arn, [])
        if agents:
            yield _administered(hops.roles, role, power, agents)
        elif hops.roles.trust(role) is None:
            yield role_not_seen(role)
        elif _lets_others_in(hops.roles, role):
            sure = power is Effect.ALLOW
            shows = "another account may assume it, and no agent may"
            yield Finding(
                # Of a role whose rights were not seen, it is not known whether there is a case at all.
                verdict=Verdict.PASS if sure else Verdict.UNKNOWN,
                subject=f"administrator:{arn}",
                summary=f"No agent may assume {arn}, which may do everything in its account."
                if sure
                else f"Whether {arn} may do everything in its account is not known: not all of its policies were seen.",
                evidence=(Evidence(where=arn, shows=shows),),
            )


def _administered(roles: AwsRoles, role: Role, power: Effect, agents: Iterable[tuple[Acting, Assumed]]) -> Finding:
    agents = tuple(agents)
    sure = tuple(one for one in agents if one[1].decision.effect is power is Effect.ALLOW)
    acting, found = (sure or agents)[0]
    reaches = reaches_of(roles.facts, {one.tenant for one, _ in sure or agents})
    can = "may" if sure else "may perhaps"
    does = "may do" if power is Effect.ALLOW else "may perhaps do"
    return Finding(
        verdict=Verdict.FAIL if sure else Verdict.UNKNOWN,
        subject=f"administrator:{role.arn}",
        reaches=reaches,
        summary=f"Agents of {sentence_of(reaches)} {can} assume {role.arn}, which {does} everything in its account.",
        evidence=tuple(reason_evidence(reason) for reason in found.decision.because),
        witness=assumption_witness(acting, found) if sure else None,
        assuming=found.decision.assuming if sure else (),
        fix=_FIX_ADMIN if sure else None,
    )


def _administers(roles: AwsRoles, role: Role) -> Effect:
    """Whether a statement without a condition allows everything on everything."""
    policies = roles.facts.principals.policies(role)
    for document in policies.identity:
        for statement in document.statements:
            plain = statement.allow and not (statement.not_action or statement.not_resource or statement.conditions)
            if plain and {"*", "*:*"} & set(statement.actions) and "*" in (statement.resources or ()):
                return Effect.ALLOW
    return Effect.UNKNOWN if Kind.IDENTITY in policies.unseen else Effect.DENY


def _lets_others_in(roles: AwsRoles, role: Role) -> bool:
    document = roles.trust(role)
    home = role.arn.split(":")[4]
    return document is not None and any(
        statement.allow and any(outsiders(statement, home)) for statement in document.statements
    )
