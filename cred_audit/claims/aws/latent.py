"""Grants in AWS that wait for a name or a tag which nothing has yet."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cred_audit.claims.aws.commands import reproduce_of
from cred_audit.claims.aws.isolation import (
    Acting,
    AwsIsolation,
    aws_isolation,
    gap_evidence,
    reason_evidence,
    witness_of,
)
from cred_audit.claims.aws.mend import fix_of
from cred_audit.claims.isolation import who_acts
from cred_audit.decide import Effect, Reason, Unknown
from cred_audit.decide.aws.estate import ActionClass
from cred_audit.decide.aws.foresight import Foresight
from cred_audit.decide.aws.latent import Coming, Own
from cred_audit.decide.aws.model import Principal
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Verdict
from cred_audit.target.model import Tenant

_MANY = 20
"""Parts that were not seen of which a finding names each."""
_VERBS = {ActionClass.READ: "read", ActionClass.WRITE: "change", ActionClass.LIST: "see the description of"}


@dataclass(slots=True)
class _Case:
    """One statement of one tenant's agents; the first thing that it would reach stands for all."""

    acting: Acting
    one: Coming
    wanted: ActionClass
    agents: dict[str, None] = field(default_factory=dict)
    actions: dict[str, None] = field(default_factory=dict)
    open: bool = False
    """Whether it is not known if the statement already reaches something."""


def judge_latent(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the findings of the claim: one a statement and acting tenant, and a PASS an agent without any.

    A statement that already reaches what is there is left to the checks that say so.
    """
    asked = aws_isolation(snapshot)
    regions = {one.id: tuple(region.name for region in one.regions) for one in asked.world.accounts}
    sides = {account: asked.holdings.side_of(account) for account in regions}
    foresight = Foresight(asked.holdings.all, regions, sides=sides, since=asked.since)
    tenants = {tenant.id: tenant for tenant in snapshot.target.tenants}
    found: dict[tuple[object, ...], _Case] = {}
    for acting in asked.acting:
        name = f"{acting.tenant}/{acting.agent}"
        if isinstance(acting.who, Unknown):
            yield Finding(
                verdict=Verdict.UNKNOWN, subject=f"agent:{name}", tenant=acting.tenant, agents=(acting.agent,),
                summary=f"What {name} would reach is not known: {acting.who.reason}.",
                evidence=(Evidence(where=acting.who.where, shows=acting.who.reason),),
            )  # fmt: skip
            continue
        own = own_of(tenants[acting.tenant], acting.who.principal)
        closest: dict[Reason, None] = {}
        some, told = False, 0
        for wanted in _VERBS:
            known, maybe, unnamed = _known(asked, acting, wanted)
            told += bool(known)
            foreseen = foresight.foreseen(acting.who, own, wanted, known)
            closest.update(dict.fromkeys(foreseen.closest))
            for one in foreseen.coming:
                some = True
                open_ = unnamed or any((reason.policy, reason.clause) in maybe for reason in one.because)
                key = (acting.tenant, _subject(one), one.effect)
                case = found.setdefault(key, _Case(acting, one, wanted, open=open_))
                if case.open and not open_:
                    # What is sure of one agent or action is not less so for what is not known of another.
                    case.acting, case.one, case.wanted, case.open = acting, one, wanted, False
                case.agents[acting.agent] = None
                case.actions.update(dict.fromkeys(one.actions))
        if not some:
            yield _nothing(acting, tuple(closest), told=bool(told))
    for case in found.values():
        yield _finding(snapshot, case)


def own_of(tenant: Tenant, principal: Principal) -> Own:
    """Return what is a tenant's own for one of its agents."""
    named = {"tenant": tenant.id}
    arns: list[str] = []
    accounts: set[str] = set()
    for number, part in enumerate(tenant.territory.aws):
        named.update({f"territory {number} {tag}": value for tag, value in (part.tags or {}).items()})
        arns += part.arns or ()
        if part.account is not None:
            accounts.add(part.account)
    for tags in (principal.tags or {}, principal.session_tags):
        named.update({f"principal {tag}": value for tag, value in tags.items()})
    return Own(arns=tuple(arns), accounts=frozenset(accounts), named=named)


def _known(
    asked: AwsIsolation, acting: Acting, wanted: ActionClass
) -> tuple[frozenset[Reason], frozenset[tuple[str, str]], bool]:
    """Return the statements that let the agent reach what is there, those that may, and whether any other may."""
    if isinstance(acting.who, Unknown):
        return frozenset(), frozenset(), True
    grants = asked.answer(acting.who, wanted).grants
    sure = frozenset(reason for one in grants if one.effect is Effect.ALLOW for reason in one.because)
    maybe = frozenset((reason.policy, reason.clause) for one in grants for reason in one.because)
    # An answer that is open because something was not seen does not say which statements it waits for.
    unnamed = any(one.effect is not Effect.ALLOW and any(not reason.policy for reason in one.because) for one in grants)
    return sure, maybe, unnamed


def _subject(one: Coming) -> str:
    reason = next((reason for reason in one.because if reason.policy), one.because[0])
    return f"{reason.policy or one.effect.value}: {reason.why}"


def _nothing(acting: Acting, closest: tuple[Reason, ...], *, told: bool) -> Finding:
    name = f"{acting.tenant}/{acting.agent}"
    beyond = " beyond what the aws_no_cross_tenant_* checks say of its statements" if told else ""
    evidence = tuple(reason_evidence(reason, acting.arn) for reason in closest)
    return Finding(
        verdict=Verdict.PASS,
        subject=f"agent:{name}",
        tenant=acting.tenant,
        agents=(acting.agent,),
        summary="Whatever names and tags others give to new secrets and parameters where it was read, "
        f"{name} reaches none{beyond}.",
        evidence=evidence
        or (Evidence(where=acting.arn, shows="no statement of its policies lets it act on a name that it may meet"),),
    )


def _finding(snapshot: Snapshot, case: _Case) -> Finding:
    acting, one, agents = case.acting, case.one, tuple(case.agents)
    asked = aws_isolation(snapshot)
    # Whether the statement already reaches something, and whether the name is taken, depends on what was not seen.
    unseen = tuple(itertools.islice(asked.holdings.unseen_of_others(acting.tenant), _MANY))
    known = one.effect is Effect.ALLOW and not unseen and not case.open
    principal = acting.who.principal if not isinstance(acting.who, Unknown) else None
    thing = thing_of(one.sort.name, one.name, one.tags)
    who = who_acts(acting.tenant, agents)
    evidence = tuple(reason_evidence(reason, acting.arn) for reason in one.because)
    evidence += tuple(gap_evidence(snapshot.gaps, part, call) for part, call in unseen)
    if case.open:
        evidence += (Evidence(where=acting.arn, shows="it is not known whether the statement already reaches a thing"),)
    shown = principal is not None and one.witness is not None and one.effect is Effect.ALLOW
    summary = f"{who} {'could' if known else 'may be able to'} {_VERBS[case.wanted]} {thing} if another tenant had one."
    if not one.name and one.effect is Effect.UNKNOWN:
        summary = (
            f"Whether {who} could {_VERBS[case.wanted]} a {one.sort.name} that another tenant may get is not known."
        )
    return Finding(
        verdict=Verdict.FAIL if known else Verdict.UNKNOWN,
        subject=f"{acting.tenant}: {_subject(one)}",
        tenant=acting.tenant,
        agents=agents,
        summary=summary,
        evidence=evidence,
        witness=witness_of(principal, (one.witness,)) if shown and principal and one.witness else None,
        assuming=(f"there is {thing}", *one.assuming) if shown else one.assuming,
        reproduce=reproduce_of(f"{acting.tenant}/{acting.agent}", (one.witness,))
        if shown and principal and one.witness
        else None,
        fix=fix_of(one.because, one.actions, asked.tag_key(acting.tenant)) if known else None,
        note=f"actions: {', '.join(case.actions)}",
    )


def thing_of(sort: str, name: str, tags: Mapping[str, str]) -> str:
    """Return a thing that is not there in words."""
    marked = ", ".join(f"{tag}={value!r}" for tag, value in tags.items())
    named = repr(name) if name else "'/'"
    return f"a {sort} named {named}, {f'tagged {marked}' if marked else 'without tags'}"
