"""The chains of requests by which agents take over what others own in AWS, as findings.

What the search finds is in `decide.aws.takeover`; here it becomes sentences, evidence and commands.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cred_audit.claims.aws.chain_commands import commands_of
from cred_audit.claims.aws.isolation import (
    Acting,
    AwsIsolation,
    aws_isolation,
    gap_evidence,
    reason_evidence,
    request_fields,
    witness_of,
)
from cred_audit.claims.aws.mend import fix_of
from cred_audit.claims.isolation import holds, sentence_of, who_acts
from cred_audit.decide import Unknown
from cred_audit.decide.aws.chains import Chain, Holder, Outcome
from cred_audit.decide.aws.takeover import Takeovers
from cred_audit.decide.aws.ways import Blind, Held, Step
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Reaches, Verdict, Witness

_FEW = 3
"""Tenants that a finding always names."""
_FIX = "remove the first statement's action from the agent, or narrow it to what only this tenant stands on"


class _Sets:
    """Sets of owners as findings hold them: many findings share one set, which is looked at once."""

    def __init__(self, tenants: Iterable[str]) -> None:
        self._tenants = frozenset(tenants)
        self._others: dict[frozenset[str], frozenset[str]] = {}

    def reaches(self, owners: frozenset[str], own: str) -> Reaches:
        """Return a set of owners without the acting tenant."""
        count = len(owners) - (own in owners)
        if count <= _FEW or count * 2 <= len(self._tenants):
            return Reaches(tenants=tuple(sorted(owners - {own})), count=count)
        others = self._others.get(owners)
        if others is None:
            others = self._others[owners] = self._tenants - owners
        return Reaches(all_except=tuple(sorted(others | {own})), count=count)


@dataclass(slots=True)
class _Case:
    """One chain of one tenant, with all of its agents that have it."""

    acting: Acting
    """The first of them."""
    chain: Chain
    agents: list[str] = field(default_factory=list)
    blind: dict[Blind, None] = field(default_factory=dict)
    """What else may lead them further."""


def judge_aws_takeovers(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield a FAIL for each statement of each tenant that a chain starts with, and a PASS for each agent without."""
    asked = aws_isolation(snapshot)
    tags = {
        tenant.id: part.tags
        for tenant in snapshot.target.tenants
        for part in reversed(tenant.territory.aws)
        if part.tags
    }
    holders = _holders(snapshot, asked, tags)
    takeovers = Takeovers(
        asked.principals, asked.holdings, holders.values(),
        tuple((acting.tenant, acting.arn) for acting in asked.acting), asked.tenants,
    )  # fmt: skip
    unseen = tuple(gap_evidence(snapshot.gaps, part, call) for part, call in asked.holdings.unseen.items())
    found: dict[tuple[object, ...], _Case] = {}
    for acting in asked.acting:
        if isinstance(acting.who, Unknown):
            yield _not_known(acting, acting.who)
            continue
        outcome = takeovers.outcome(holders[acting.tenant, acting.agent])
        for chain in outcome.chains:
            key = (acting.tenant, _subject(chain), chain.sure, chain.owners)
            known = found.setdefault(key, _Case(acting, chain))
            known.agents.append(acting.agent)
            known.blind.update(dict.fromkeys(outcome.blind))
        if not outcome.chains:
            yield _without(snapshot, acting, outcome, unseen)
    sets = _Sets(asked.tenants)
    for case in found.values():
        tenant = case.acting.tenant
        yield _finding(sets, case, asked.tag_key(tenant), by_tag=tenant in tags)


def _holders(
    snapshot: Snapshot, asked: AwsIsolation, tags: Mapping[str, Mapping[str, str]]
) -> dict[tuple[str, str], Holder]:
    named = {
        (tenant.id, agent.id): agent.aws.session_name
        for tenant in snapshot.target.tenants
        for agent in tenant.agents
        if agent.aws is not None
    }
    found = {}
    for acting in asked.acting:
        entity = asked.principals.found(acting.arn)
        if not isinstance(acting.who, Unknown) and not isinstance(entity, Unknown):
            key = (acting.tenant, acting.agent)
            held = Held(
                asked.principals, entity, session_tags=acting.who.principal.session_tags, session_name=named[key],
                policies=acting.who.policies,
            )  # fmt: skip
            found[key] = Holder(tenant=acting.tenant, held=held, tags=tags.get(acting.tenant, {}))
    return found


def _not_known(acting: Acting, unknown: Unknown) -> Finding:
    name = f"{acting.tenant}/{acting.agent}"
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject=f"agent:{name}",
        tenant=acting.tenant,
        agents=(acting.agent,),
        summary=f"Whether {name} can take over others is not known: {unknown.reason}.",
        evidence=(Evidence(where=unknown.where, shows=unknown.reason),),
    )


def _without(snapshot: Snapshot, acting: Acting, outcome: Outcome, unseen: tuple[Evidence, ...]) -> Finding:
    name = f"{acting.tenant}/{acting.agent}"
    gaps = {gap.what: gap.reason for gap in snapshot.gaps if gap.source == "aws"}
    blind = tuple(
        Evidence(where=one.where, shows=one.reason + (f" ({gaps[one.where]})" if one.where in gaps else ""))
        for one in outcome.blind
    ) + unseen  # fmt: skip
    if blind:
        verdict = Verdict.UNKNOWN
        summary = f"Whether {name} can take over others is not known: {blind[0].shows}."
    else:
        verdict = Verdict.PASS
        summary = f"No chain of requests makes {name} a principal that reaches another tenant."
    harmless = tuple(
        Evidence(where=arn, shows="can be held by the agent and reaches nothing of other tenants")
        for arn in outcome.harmless[:5]
    )
    if not harmless:
        harmless = (Evidence(
            where=acting.arn,
            shows="no statement of its policies, of a trust policy or of a resource's lets it become another "
            "principal or control what others own",
        ),)  # fmt: skip
    return Finding(
        verdict=verdict,
        subject=f"agent:{name}",
        tenant=acting.tenant,
        agents=(acting.agent,),
        summary=summary,
        evidence=blind or harmless,
    )


def _subject(chain: Chain) -> str:
    """Return the stable name of a chain: the statement that it starts with."""
    return f"{chain.first.policy}: {chain.first.why}" if chain.first.policy else chain.first.why


def _finding(sets: _Sets, case: _Case, tag: str, *, by_tag: bool) -> Finding:
    acting, chain, agents = case.acting, case.chain, tuple(case.agents)
    reaches = sets.reaches(chain.owners, acting.tenant)
    summary = _summary(who_acts(acting.tenant, agents), chain, reaches, by_tag=by_tag)
    evidence = [
        Evidence(where=made.where, shows=f"step {number}: {step.shows} ({made.shows})", quote=made.quote)
        for number, step in enumerate(chain.steps, 1)
        for made in map(reason_evidence, step.because)
    ]
    evidence += map(reason_evidence, chain.because)
    last = witness_of(chain.by, chain.last)
    fix = None if chain.steps or not chain.actions else fix_of((chain.first,), chain.actions, tag)
    before = tuple(_witness(step) for step in chain.steps)
    return Finding(
        verdict=Verdict.FAIL if chain.sure else Verdict.UNKNOWN,
        subject=f"{acting.tenant}: {_subject(chain)}",
        tenant=acting.tenant,
        agents=agents,
        reaches=reaches,
        summary=summary,
        evidence=tuple(evidence),
        witness=Witness(system="aws", fields=last.fields, before=before),
        assuming=chain.assuming,
        note=_note(chain, case.blind),
        reproduce=commands_of(chain, f"{acting.tenant}/{agents[0]}"),
        fix=fix or _FIX,
    )


def _summary(who: str, chain: Chain, reaches: Reaches, *, by_tag: bool) -> str:
    """Return a chain as sentences. `by_tag`: whether tags say which things are the agent's tenant's."""
    whose = sentence_of(reaches) if chain.owners else "other tenants perhaps"
    hold = holds(reaches) if chain.owners else "hold"
    theirs = f"what {whose} {hold} in AWS"
    stands = f"{chain.what}, which {whose} {hold.replace('hold', 'stand')} on"
    told = ", then ".join(step.shows for step in chain.steps)
    if chain.opened:
        last, changed = chain.last[0].resource, chain.steps[-1].request.resource
        end = f"read {'it' if last == changed else last}; it has the same control of "
        end += stands if chain.what else theirs
    else:
        end = f"{_does(chain)} {stands if chain.what else theirs}"
        if by_tag and "tags" in _does(chain):
            end += ": by its tags it is told whose it is"
    may = "can" if chain.sure else "may be able to"
    if told:
        summary = f"{who} {told}, and {may} then {end}." if chain.sure else f"Perhaps {who} {told}, and can then {end}."
    else:
        summary = f"{who} {may} {end}."
    return f"{summary} Reading it afterwards does not go through: {chain.stop}." if chain.stop else summary


_CHANGED = (("tag", "tags"), ("policy", "policies"), ("grant", "grants"))
"""Part of a control action's name -> what it changes."""


def _does(chain: Chain) -> str:
    """Return what the last request of a chain does, without its object."""
    words = [word for part, word in _CHANGED if any(part in action.lower() for action in chain.actions)]
    if chain.verb != "take control of" or not words:
        return chain.verb
    return f"change the {', '.join(words[:-1])}{' and ' if words[1:] else ''}{words[-1]} of"


def _note(chain: Chain, blind: Iterable[Blind]) -> str:
    """Return what keeps the reach of a chain from being all that there is."""
    reasons = tuple(dict.fromkeys((*chain.untried, *(one.reason for one in blind))))
    if not reasons:
        return ""
    more = f", and for {len(reasons) - 1} more reasons" if len(reasons) > 1 else ""
    return f"reaches these at least: {reasons[0]}{more}"


def _witness(step: Step) -> Witness:
    fields = request_fields(step.by, step.request)
    if step.also:
        fields["also"] = [request_fields(step.by, request) for request in step.also]
    return Witness(system="aws", fields=fields)
