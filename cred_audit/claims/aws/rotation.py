"""Functions that rotate secrets: whose secrets each may touch, and which agents may change or call it.

Secrets Manager User Guide: "Lambda rotation function execution role permissions". A function's own policy is not
read; that nobody is let in by it is an assumption, and said.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from cred_audit.claims.aws.assuming import reaches_of, reason_subject, unknown_agent
from cred_audit.claims.aws.isolation import Acting, AwsIsolation, aws_isolation, reason_evidence, witness_of
from cred_audit.claims.aws.sight import doubted
from cred_audit.claims.isolation import sentence_of, who_acts
from cred_audit.decide import OTHERS, Effect, Unknown
from cred_audit.decide.aws import reach
from cred_audit.decide.aws.clause import compile_document
from cred_audit.decide.aws.engine import NO_RESOURCE_SIDE
from cred_audit.decide.aws.estate import ActionClass
from cred_audit.decide.aws.free import Possible, Search
from cred_audit.decide.aws.model import Kind, PrincipalPolicies, Request
from cred_audit.decide.aws.pattern import Variable, compiled, glob_expression, parts_of
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Reaches, Verdict

ACTIONS = ("lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration", "lambda:InvokeFunction")
"""What an agent can do to a function, worst first."""
_ONE_BY_ONE = 64
"""Foreign functions that an agent gets at to be named; one that gets at more is broken enough."""
_SHOWN = 3
_FIX = "give each tenant's secrets a rotation function of their own, whose role reads and writes these secrets only"
_FIX_AGENT = "let no agent's policies allow lambda actions on functions that rotate secrets"
_ASSUMING = "the function's own policy, which is not read, changes nothing about it"


@dataclass(slots=True)
class _Rotating:
    """One function that rotates tenants' secrets."""

    arn: str
    tenants: set[str] = field(default_factory=set)
    secrets: list[str] = field(default_factory=list)
    role: str | None = None
    """None when not seen."""


class Rotating:
    """All functions that rotate secrets of tenants."""

    def __init__(self, facts: AwsIsolation) -> None:
        """Find who is served by which function, and with which role it runs."""
        self.facts = facts
        self.functions: dict[str, _Rotating] = {}
        self.unseen: list[str] = []
        """Secrets of tenants of which it was not seen whether a function rotates them."""
        roles: dict[str, str | None] = {}
        for account in facts.world.accounts:
            for region in account.regions:
                roles |= {function.arn: function.role for function in region.functions or ()}
                for secret in region.secrets or ():
                    owners = facts.holdings.territories.owners(secret.arn, secret.tags)
                    if secret.rotated_by and owners:
                        arn = _unqualified(secret.rotated_by)
                        one = self.functions.setdefault(arn, _Rotating(arn))
                        one.tenants.update(owners)
                        one.secrets.append(secret.arn)
                    elif secret.rotation is None and owners:
                        self.unseen.append(secret.arn)
        for arn, role in roles.items():
            if _unqualified(arn) in self.functions:
                self.functions[_unqualified(arn)].role = role
        self.by_role: dict[str, set[str]] = {}
        """ARN of a role -> tenants whose secrets functions with it rotate."""
        for one in self.functions.values():
            if one.role is not None:
                self.by_role.setdefault(one.role, set()).update(one.tenants)
        self._estate, self.agents = self._ready()
        self._matches: dict[str, tuple[_Rotating, ...]] = {}

    def _ready(self) -> tuple[reach.Estate, dict[str, reach.Agent | Unknown]]:
        agents: dict[str, reach.Agent | Unknown] = {}
        for arn, tenants in self.by_role.items():
            found = self.facts.principals.principal(arn)
            # The function gets its credentials from Lambda, so without MFA, whoever else may assume its role.
            agents[arn] = found if isinstance(found, Unknown) else reach.Agent(
                tenant=min(tenants) if len(tenants) == 1 else "", principal=found[0], policies=found[1]
            )  # fmt: skip
        known = tuple(agent for agent in agents.values() if not isinstance(agent, Unknown))
        return self.facts.estate_of(known), agents

    def reads(self, role: str) -> tuple[tuple[reach.Grant, ...], Unknown | None]:
        """Return what a function's role reads of others than the one tenant that it serves."""
        agent = self.agents[role]
        if isinstance(agent, Unknown):
            return (), agent
        return self._estate.reach(agent, ActionClass.READ).grants, None

    def names(self, owners: reach.Owners) -> set[str]:
        """Return a set of owners by name."""
        if owners.all_except is None:
            return set(owners.names) - {OTHERS}
        return set(self._estate.owners) - set(owners.all_except) - {OTHERS}

    def candidates(self, policies: PrincipalPolicies) -> list[_Rotating]:
        """Return the functions on which a principal's own policies may allow something."""
        if Kind.IDENTITY in policies.unseen:
            return list(self.functions.values())
        found: dict[str, _Rotating] = {}
        for document in policies.identity:
            compiled_document = compile_document(document)
            for action in ACTIONS:
                for clause in compiled_document.for_action(action.lower()):
                    statement = clause.statement
                    texts = ("*",) if statement.not_resource or statement.resources is None else statement.resources
                    for text in texts if statement.allow else ():
                        parts = parts_of(text, variables=document.variables)
                        plain = "".join("*" if isinstance(part, Variable) else part[0] for part in parts)
                        found |= {one.arn: one for one in self._matching(plain)}
        return list(found.values())

    def _matching(self, pattern: str) -> tuple[_Rotating, ...]:
        known = self._matches.get(pattern)
        if known is None:
            if "*" not in pattern and "?" not in pattern:
                one = self.functions.get(_unqualified(pattern))
                known = (one,) if one is not None else ()
            else:
                matches = compiled(glob_expression([(pattern, True)])).fullmatch
                known = tuple(one for one in self.functions.values() if matches(one.arn))
            self._matches[pattern] = known
        return known


def _unqualified(arn: str) -> str:
    """Return a function's ARN without version or alias."""
    fields = arn.split(":")
    return ":".join(fields[:7]) if len(fields) > 7 else arn


def judge_rotation_functions(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each function, and one for each agent."""
    facts = aws_isolation(snapshot)
    rotating = Rotating(facts)
    unseen = tuple(_rotation_not_seen(rotating.unseen)) if rotating.unseen else ()
    yield from unseen
    if not rotating.functions:
        return
    dark = tuple(_unknown(one, "its role was not seen", one.arn)
                 for one in rotating.functions.values() if one.role is None)  # fmt: skip
    for one in rotating.functions.values():
        # Any other function may run with the role that was not seen, and any function may rotate those secrets.
        yield doubted(_judged(rotating, one), (*unseen, *dark[:1]))
    for finding in _agents(rotating):
        yield doubted(finding, unseen)


def _rotation_not_seen(secrets: list[str]) -> Iterator[Finding]:
    shows = "whether and by which function it is rotated was not seen"
    yield Finding(
        verdict=Verdict.UNKNOWN,
        subject="unseen:rotation of secrets",
        count=len(secrets),
        summary=f"Which functions rotate {len(secrets)} secrets of tenants was not seen.",
        evidence=tuple(Evidence(where=arn, shows=shows) for arn in secrets[:_SHOWN]),
    )


def _judged(rotating: Rotating, one: _Rotating) -> Finding:
    facts = rotating.facts
    subject = f"function:{one.arn}"
    served = reaches_of(facts, one.tenants)
    if len(one.tenants) > 1:
        shows = f"rotates {len(one.secrets)} secrets of {sentence_of(served)}"
        return Finding(
            verdict=Verdict.FAIL, subject=subject, reaches=served, count=len(one.secrets),
            summary=f"The function {one.arn} {shows}.",
            evidence=(Evidence(where=one.arn, shows=shows), *_secrets(one)), fix=_FIX,
        )  # fmt: skip
    if one.role is None:
        return _unknown(one, "the role that it runs with was not seen", f"lambda get-function-configuration {one.arn}")
    together = rotating.by_role[one.role]
    if len(together) > 1:
        shows = f"runs with {one.role}, as functions for {sentence_of(reaches_of(facts, together))} do"
        return Finding(
            verdict=Verdict.FAIL, subject=subject, reaches=reaches_of(facts, together),
            summary=f"The function {one.arn} {shows}.",
            evidence=(Evidence(where=one.arn, shows=shows), *_secrets(one)), fix=_FIX,
        )  # fmt: skip
    grants, unknown = rotating.reads(one.role)
    if unknown is not None:
        return _unknown(one, f"what its role may do is not known: {unknown.reason}", unknown.where)
    sure = tuple(grant for grant in grants if grant.effect is Effect.ALLOW)
    if grants:
        others = set().union(*(rotating.names(grant.owners) for grant in sure or grants))
        grant = (sure or grants)[0]
        agent = rotating.agents[one.role]
        witness = witness_of(agent.principal, grant.witness) if not isinstance(agent, Unknown) and sure else None
        whose = sentence_of(reaches_of(facts, others))
        return Finding(
            verdict=Verdict.FAIL if sure else Verdict.UNKNOWN, subject=subject,
            reaches=reaches_of(facts, others | one.tenants),
            summary=f"The function {one.arn} of {sentence_of(served)} {'reads' if sure else 'may read'} "
            f"secrets of {whose}.",
            evidence=tuple(reason_evidence(reason) for reason in grant.because), witness=witness,
            assuming=grant.assuming if sure else (), fix=_FIX if sure else None,
        )  # fmt: skip
    shows = f"rotates secrets of {sentence_of(served)}, and its role reads nobody else's"
    return Finding(
        verdict=Verdict.PASS, subject=subject, summary=f"The function {one.arn} {shows}.",
        evidence=(Evidence(where=one.arn, shows=shows),),
    )  # fmt: skip


def _secrets(one: _Rotating) -> tuple[Evidence, ...]:
    return tuple(Evidence(where=arn, shows=f"is rotated by {one.arn}") for arn in one.secrets[:_SHOWN])


def _unknown(one: _Rotating, shows: str, where: str) -> Finding:
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject=f"function:{one.arn}",
        summary=f"Whose secrets the function {one.arn} may read is not known: {shows}.",
        evidence=(Evidence(where=where, shows=shows),),
    )


@dataclass(slots=True)
class _Way:
    """What lets agents of one tenant at functions."""

    acting: Acting
    possible: Possible
    agents: dict[str, None] = field(default_factory=dict)
    tenants: set[str] = field(default_factory=set)
    functions: dict[str, None] = field(default_factory=dict)


def _agents(rotating: Rotating) -> Iterator[Finding]:
    ways: dict[tuple[object, ...], _Way] = {}
    for acting in rotating.facts.acting:
        if isinstance(acting.who, Unknown):
            yield unknown_agent(acting, acting.who)
            continue
        none = True
        search = rotating.facts.search(acting.who)
        foreign = (one for one in rotating.candidates(acting.who.policies) if one.tenants - {acting.tenant})
        left = _ONE_BY_ONE
        for one in foreign:
            found = _possible(search, one)
            if found is not None:
                none = False
                left -= 1
                key = (acting.tenant, found.decision.effect, found.request.action, found.decision.because)
                way = ways.setdefault(key, _Way(acting, found))
                way.agents[acting.agent] = None
                way.tenants |= one.tenants - {acting.tenant}
                way.functions[one.arn] = None
            if not left:
                break
        if none:
            yield _kept_out(acting)
    for way in ways.values():
        yield _way(rotating.facts, way)


def _possible(search: Search, one: _Rotating) -> Possible | None:
    best: Possible | None = None
    for action in ACTIONS:
        found = search.possible(Request(action=action, resource=one.arn, resource_tags=None), NO_RESOURCE_SIDE)
        if found.decision.effect is Effect.ALLOW:
            return found
        if found.decision.effect is Effect.UNKNOWN:
            best = best or found
    return best


def _kept_out(acting: Acting) -> Finding:
    name = f"{acting.tenant}/{acting.agent}"
    return Finding(
        verdict=Verdict.PASS,
        subject=f"agent:{name}",
        tenant=acting.tenant,
        agents=(acting.agent,),
        summary=f"{name} can neither change nor call a function that rotates another tenant's secrets.",
        evidence=(Evidence(where=acting.arn, shows="no statement of its policies lets it"),),
        assuming=(_ASSUMING,),
    )


def _way(facts: AwsIsolation, way: _Way) -> Finding:
    decision, request, tenant = way.possible.decision, way.possible.request, way.acting.tenant
    known = decision.effect is Effect.ALLOW
    reaches: Reaches = reaches_of(facts, way.tenants, tenant)
    witness = None
    if known and not isinstance(way.acting.who, Unknown):
        witness = witness_of(way.acting.who.principal, (request,))
    who = who_acts(tenant, tuple(way.agents))
    return Finding(
        verdict=Verdict.FAIL if known else Verdict.UNKNOWN,
        subject=f"{tenant}: {request.action}: {reason_subject(decision.because[0])}",
        tenant=tenant,
        agents=tuple(way.agents),
        reaches=reaches,
        count=len(way.functions),
        summary=f"{who} {'has' if known else 'may have'} {request.action} on functions that rotate secrets of "
        f"{sentence_of(reaches)}.",
        evidence=tuple(reason_evidence(reason) for reason in decision.because),
        witness=witness,
        assuming=(*decision.assuming, _ASSUMING),
        fix=_FIX_AGENT if known else None,
    )
