"""CloudTrail: whether reads of secrets are recorded, and who reads the records.

CloudTrail User Guide: "Logging management events" (a trail records management events of its kind, read or write, in
its region or in all); Secrets Manager User Guide: "AWS CloudTrail entries for Secrets Manager" (GetSecretValue is one
of them, and it reads). S3 User Guide: a bucket's policy can grant and deny; it is not read here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from cred_audit.claims.aws.assuming import reason_subject, unknown_agent
from cred_audit.claims.aws.isolation import (
    Acting,
    AwsIsolation,
    aws_isolation,
    gap_evidence,
    reason_evidence,
    witness_of,
)
from cred_audit.claims.isolation import who_acts
from cred_audit.decide import Effect, Unknown
from cred_audit.decide.aws.asker import ENABLED
from cred_audit.decide.aws.engine import NO_RESOURCE_SIDE
from cred_audit.decide.aws.free import Possible, Search
from cred_audit.decide.aws.model import Request
from cred_audit.decide.aws.world import Account, Region, Trail, asked
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Reaches, Verdict

_SHOWN = 3
_LOOK_UP = "cloudtrail:LookupEvents"


def judge_recording(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each region that holds secrets of tenants."""
    facts = aws_isolation(snapshot)
    for account in facts.world.accounts:
        for region in account.regions:
            owners = _owners(facts, region)
            if owners:
                yield _recorded(snapshot, account, region, owners)


def _owners(facts: AwsIsolation, region: Region) -> set[str]:
    found: set[str] = set()
    for secret in region.secrets or ():
        found.update(facts.holdings.territories.owners(secret.arn, secret.tags))
    for parameter in region.parameters or ():
        if parameter.type == "SecureString":
            found.update(facts.holdings.territories.owners(parameter.arn, parameter.tags))
    return found


def _recorded(snapshot: Snapshot, account: Account, region: Region, owners: set[str]) -> Finding:
    place = f"{region.name} in {account.id}"
    trails = {
        trail.arn: trail
        for one in account.regions
        for trail in one.trails or ()
        if trail.every_region or trail.arn.split(":", 4)[3:4] == [region.name]
    }
    good = [trail for trail in trails.values() if trail.logging and trail.reads]
    dark = [trail for trail in trails.values()
            if trail.logging is not False and trail.reads is not False and trail not in good]  # fmt: skip
    unread = [one.name for one in account.regions if one.trails is None]
    evidence = tuple(
        Evidence(where=trail.arn, shows=_says(trail)) for trail in (good or list(trails.values()))[:_SHOWN]
    )
    if good:
        verdict, summary = Verdict.PASS, f"Reads of secrets of {place} are recorded by {good[0].arn}."
    elif dark or unread:
        verdict, summary = Verdict.UNKNOWN, f"Whether reads of secrets of {place} are recorded is not known."
        call = asked("trails", account.id, unread[0]) if unread else ""
        evidence = (*evidence, *((gap_evidence(snapshot.gaps, "trails", call),) if unread else ()))
    else:
        verdict, summary = Verdict.FAIL, f"No trail records all reads of secrets of {place}."
    failed = verdict is Verdict.FAIL
    tenants = tuple(sorted(owners))
    return Finding(
        verdict=verdict,
        subject=f"region:{account.id}/{region.name}",
        reaches=Reaches(tenants=tenants, count=len(tenants)) if failed else Reaches(),
        summary=summary,
        evidence=evidence or (Evidence(where=asked("trails", account.id, region.name), shows="there is no trail"),),
        fix="let a trail of all regions record all management events that read, and switch it on" if failed else None,
    )


def _says(trail: Trail) -> str:
    state = {True: "is switched on", False: "is switched off", None: "may be switched on"}[trail.logging]
    reads = {
        True: "records reads",
        False: "leaves out calls that read secrets, parameters or keys",
        None: "may record reads",
    }[trail.reads]
    return f"{state} and {reads}"


@dataclass(slots=True)
class _Way:
    acting: Acting
    possible: Possible
    what: str
    sure: bool
    assuming: tuple[str, ...]
    agents: dict[str, None] = field(default_factory=dict)


def judge_readers(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield which agents may read the records of everybody's calls; a PASS for each that may not."""
    facts = aws_isolation(snapshot)
    trails = {trail.bucket: trail for account in facts.world.accounts for region in account.regions
              for trail in region.trails or () if trail.bucket}  # fmt: skip
    ways: dict[tuple[object, ...], _Way] = {}
    for acting in facts.acting:
        if isinstance(acting.who, Unknown):
            yield unknown_agent(acting, acting.who)
            continue
        search = facts.search(acting.who)
        found = [*_history(acting, search)]
        for trail in trails.values():
            found += _files(facts, acting, search, trail)
        for way in found:
            because = way.possible.decision.because
            key = (acting.tenant, way.what, way.sure, because)
            ways.setdefault(key, way).agents[acting.agent] = None
        if not found:
            yield _kept_out(acting, tuple(trails))
    for way in ways.values():
        yield _reads(facts, way)


def _history(acting: Acting, search: Search) -> Iterator[_Way]:
    found = search.possible(Request(action=_LOOK_UP), NO_RESOURCE_SIDE)
    if found.decision.effect is not Effect.DENY:
        sure = found.decision.effect is Effect.ALLOW
        yield _Way(acting, found, "the account's event history", sure, found.decision.assuming)


def _files(facts: AwsIsolation, acting: Acting, search: Search, trail: Trail) -> Iterator[_Way]:
    home = trail.arn.split(":")[4] if trail.arn.count(":") > 4 else ""
    account = search.evaluator.caller.account
    key = f"arn:aws:s3:::{trail.bucket}/AWSLogs/{home}/CloudTrail/any.json.gz"
    request = Request(action="s3:GetObject", resource=key, resource_account=account, resource_tags=None)
    found = search.possible(request, NO_RESOURCE_SIDE)
    if found.decision.effect is Effect.DENY:
        return
    sure = found.decision.effect is Effect.ALLOW and home == account
    assuming = [
        *found.decision.assuming,
        f"the policy of the bucket {trail.bucket}, which is not read, does not deny it",
    ]
    if trail.key is not None:
        thing = facts.holdings.keys.get(trail.key)
        if thing is None:
            assuming.append(f"the key {trail.key}, which was not read, opens to it")
            place = trail.key.split(":")
            # Where the keys of its region could have been read, that they were not is a gap and no assumption.
            sure = sure and f"keys of {place[3]} in {place[4]}" not in facts.holdings.unseen
        else:
            key_thing, _ = facts.holdings.key_of(thing.arn.split(":")[4], thing.arn.split(":")[3], thing.arn)
            side = key_thing.policies if key_thing is not None else NO_RESOURCE_SIDE
            context = {"kms:ViaService": f"s3.{trail.key.split(':')[3]}.amazonaws.com"}
            opened = search.possible(
                Request(action="kms:Decrypt", resource=trail.key, resource_tags=thing.tags, context=dict(context)), side
            )
            if opened.decision.effect is Effect.DENY:
                return
            sure = sure and opened.decision.effect is Effect.ALLOW
            if thing.enabled is False:
                assuming.append(ENABLED)
    yield _Way(acting, found, f"the files of the trail {trail.arn}", sure, tuple(assuming))


def _kept_out(acting: Acting, buckets: tuple[str, ...]) -> Finding:
    name = f"{acting.tenant}/{acting.agent}"
    assumed = f"the policies of the buckets {', '.join(buckets[:_SHOWN])}, which are not read, do not name it"
    return Finding(
        verdict=Verdict.PASS,
        subject=f"agent:{name}",
        tenant=acting.tenant,
        agents=(acting.agent,),
        summary=f"{name} may read neither the event history nor the files of a trail.",
        evidence=(Evidence(where=acting.arn, shows="no statement of its policies lets it"),),
        assuming=(assumed,) if buckets else (),
    )


def _reads(facts: AwsIsolation, way: _Way) -> Finding:
    tenant, decision = way.acting.tenant, way.possible.decision
    others = len(facts.tenants) - 1
    who = who_acts(tenant, tuple(way.agents))
    witness = None
    if way.sure and not isinstance(way.acting.who, Unknown):
        witness = witness_of(way.acting.who.principal, (way.possible.request,))
    return Finding(
        verdict=Verdict.FAIL if way.sure else Verdict.UNKNOWN,
        subject=f"{tenant}: {way.what}: {reason_subject(decision.because[0])}",
        tenant=tenant,
        agents=tuple(way.agents),
        reaches=Reaches(all_except=(tenant,), count=others),
        summary=f"{who} {'can' if way.sure else 'may be able to'} read {way.what}, where everybody's calls stand.",
        evidence=tuple(reason_evidence(reason) for reason in decision.because),
        witness=witness,
        assuming=way.assuming,
        fix="keep logs in an account of their own, and cloudtrail actions out of agents' policies"
        if way.sure
        else None,
    )
