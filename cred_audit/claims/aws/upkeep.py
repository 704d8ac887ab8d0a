"""Upkeep of AWS accounts: guardrails above them, rotation of secrets, length of sessions.

Sources: Organizations User Guide, "Service control policies (SCPs)"; Secrets Manager User Guide, "Rotate AWS Secrets
Manager secrets"; IAM User Guide, "Modify a role: maximum session duration".
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cred_audit.claims.aws.assuming import reaches_of, unknown_agent
from cred_audit.claims.aws.isolation import aws_isolation
from cred_audit.decide import Unknown
from cred_audit.decide.aws.model import Document, Kind
from cred_audit.decide.aws.world import Parameter, Role, Secret, User
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Verdict

_SHOWN = 3
_OLDEST = timedelta(days=90)
_GRACE = timedelta(days=3)
"""A rotation window is hours long, and a failed rotation is tried again."""
_LONGEST = 4 * 3600
"""Seconds; one hour is what a role has unless somebody raises it, twelve what AWS lets it have."""


def judge_guardrails(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each account that a tenant owns: whether a service control policy limits it."""
    facts = aws_isolation(snapshot)
    organization = facts.world.organization
    for account, owners in tenants_accounts(snapshot).items():
        documents: tuple[Document, ...] = ()
        if organization is None:
            verdict, shows = Verdict.UNKNOWN, "it is not known whether an organization binds it"
        elif account == organization.management:
            verdict, shows = Verdict.FAIL, "it is the management account, which service control policies do not bind"
        elif account not in organization.scps:
            verdict, shows = Verdict.FAIL, "no organization binds it"
        else:
            levels, seen = facts.principals.levels(account, Kind.SCP)
            documents = tuple(document for level in levels for document in level if _limits(document))
            if documents:
                names = ", ".join(document.name for document in documents[:_SHOWN])
                verdict, shows = Verdict.PASS, f"service control policies limit it: {names}"
            elif not seen:
                verdict, shows = Verdict.UNKNOWN, "its service control policies were not seen"
            else:
                verdict, shows = Verdict.FAIL, "every service control policy above it allows everything"
        reaches = reaches_of(facts, owners)
        failed = verdict is Verdict.FAIL
        yield Finding(
            verdict=verdict,
            subject=f"account:{account}",
            reaches=reaches if failed else reaches_of(facts, ()),
            summary=f"The account {account} of {', '.join(sorted(owners)[:_SHOWN])}: {shows}.",
            evidence=(
                Evidence(
                    where=f"organizations list-policies-for-target {account}", shows=shows,
                    quote=documents[0].statements[0].text if documents else "",
                ),
            ),
            fix="attach a policy to the tenants' unit that denies what no tenant's account needs" if failed else None,
        )  # fmt: skip


def tenants_accounts(snapshot: Snapshot) -> dict[str, set[str]]:
    """Return the accounts that belong to tenants as a whole, with the tenants."""
    found: dict[str, set[str]] = {}
    for tenant in snapshot.target.tenants:
        for part in tenant.territory.aws:
            if part.account is not None:
                found.setdefault(part.account, set()).add(tenant.id)
    return found


def _limits(document: Document) -> bool:
    """Whether a policy does anything but allow everything."""
    return not any(
        statement.allow and not statement.not_action and not statement.conditions and "*" in statement.actions
        for statement in document.statements
    ) or any(not statement.allow for statement in document.statements)


@dataclass(slots=True)
class _Kept:
    """What was judged of one tenant's things."""

    faults: list[tuple[str, str]] = field(default_factory=list)
    unsure: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0


def judge_rotation(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each tenant: whether its secrets and encrypted parameters change."""
    facts = aws_isolation(snapshot)
    kept: dict[str, _Kept] = {}
    for account in facts.world.accounts:
        for region in account.regions:
            things: tuple[Secret | Parameter, ...] = (*(region.secrets or ()), *(region.parameters or ()))
            for thing in things:
                found = _rotated(thing, snapshot.taken_at)
                if found is None:
                    continue
                for owner in facts.holdings.territories.owners(thing.arn, thing.tags):
                    one = kept.setdefault(owner, _Kept())
                    one.count += 1
                    verdict, shows = found
                    if verdict is not Verdict.PASS:
                        (one.faults if verdict is Verdict.FAIL else one.unsure).append((thing.arn, shows))
    for tenant, one in kept.items():
        told = one.faults or one.unsure
        verdict = Verdict.FAIL if one.faults else Verdict.UNKNOWN if one.unsure else Verdict.PASS
        shows = f"{len(told)} of {one.count} secrets and parameters" if told else f"all {one.count}"
        ends = {
            Verdict.PASS: "changed in time",
            Verdict.FAIL: "did not change in time",
            Verdict.UNKNOWN: "changed at a time that is not known",
        }[verdict]
        yield Finding(
            verdict=verdict,
            subject=f"tenant:{tenant}",
            reaches=reaches_of(facts, (tenant,)) if one.faults else reaches_of(facts, ()),
            count=len(told) or one.count,
            summary=f"Of {tenant}, {shows} {ends}.",
            evidence=tuple(Evidence(where=arn, shows=text) for arn, text in told[:_SHOWN])
            or (Evidence(where=f"tenant {tenant}", shows="every change is as recent as its schedule says"),),
            fix="switch rotation on, and find out why a rotation that is on does not happen" if one.faults else None,
        )


def _rotated(thing: Secret | Parameter, now: datetime) -> tuple[Verdict, str] | None:
    """Return whether a thing changes in time; None for what holds no secret of its own."""
    if isinstance(thing, Parameter):
        return _age(thing.last_changed, now, _OLDEST, "changed") if thing.type == "SecureString" else None
    if thing.primary_region or thing.owning_service:
        # A copy changes with its primary; what a service manages is changed by it.
        return None
    if thing.rotation is None:
        return Verdict.UNKNOWN, "whether it is rotated was not seen"
    if not thing.rotation:
        verdict, shows = _age(thing.last_changed, now, _OLDEST, "changed")
        return verdict, f"is not rotated and {shows}"
    limit = timedelta(days=thing.rotates_every) + _GRACE if thing.rotates_every is not None else _OLDEST
    if thing.last_rotated is None:
        verdict, shows = _age(thing.last_changed, now, limit, "changed")
        return (Verdict.FAIL if verdict is Verdict.FAIL else Verdict.UNKNOWN), f"was never rotated, and {shows}"
    return _age(thing.last_rotated, now, limit, "rotated")


def _age(then: datetime | None, now: datetime, limit: timedelta, what: str) -> tuple[Verdict, str]:
    if then is None:
        return Verdict.UNKNOWN, f"when it {what} last was not seen"
    days = (now - then).days
    return (Verdict.PASS if now - then <= limit else Verdict.FAIL), f"{what} {days} days ago"


def judge_sessions(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each agent: how long its credentials last."""
    facts = aws_isolation(snapshot)
    for acting in facts.acting:
        found = facts.principals.found(acting.arn)
        if isinstance(found, Unknown):
            yield unknown_agent(acting, found)
            continue
        verdict, shows, fix = _lasting(found, snapshot.taken_at)
        name = f"{acting.tenant}/{acting.agent}"
        yield Finding(
            verdict=verdict,
            subject=f"agent:{name}",
            tenant=acting.tenant,
            agents=(acting.agent,),
            summary=f"{name}: {shows}.",
            evidence=(Evidence(where=acting.arn, shows=shows),),
            fix=fix if verdict is Verdict.FAIL else None,
        )


def _lasting(found: Role | User, now: datetime) -> tuple[Verdict, str, str]:
    if isinstance(found, Role):
        if found.max_session is None:
            return Verdict.UNKNOWN, "how long a session of its role may last was not seen", ""
        hours = found.max_session / 3600
        verdict = Verdict.FAIL if found.max_session > _LONGEST else Verdict.PASS
        return verdict, f"a session of its role may last {hours:g} hours", "set MaxSessionDuration to 3600"
    if found.access_keys is None:
        return Verdict.UNKNOWN, "the access keys of its user were not seen", ""
    if not found.access_keys:
        return Verdict.PASS, "its user has no access key", ""
    days = (now - min(found.access_keys)).days
    old = f", {days} days old" if days > _OLDEST.days else ""
    shows = f"it acts as a user with an access key that never ends{old}"
    return Verdict.FAIL, shows, "let the agent assume a role, and delete the access key"
