"""What of AWS was not seen, for claims that must not pass on what they did not see."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from enum import Enum

from cred_audit.check import Skip
from cred_audit.claims.aws.isolation import AwsIsolation, aws_isolation, gap_evidence
from cred_audit.decide.aws.world import Account, Region, asked
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Verdict

_SHOWN = 5
"""Things without tags that a finding names."""


class Part(Enum):
    """A part of the facts that a claim stands on."""

    ROLES = "roles"
    USERS = "users"
    SECRETS = "secrets"
    PARAMETERS = "parameters"
    KEYS = "keys"
    FUNCTIONS = "functions"
    TRAILS = "trails"
    TAGS = "tags"
    """Of what a tenant owns by its tags: without them it seems to be nobody's."""


_OF_ACCOUNTS: dict[Part, Callable[[Account], object]] = {
    Part.ROLES: lambda account: account.roles,
    Part.USERS: lambda account: account.users,
}
_OF_REGIONS: dict[Part, Callable[[Region], object]] = {
    Part.SECRETS: lambda region: region.secrets,
    Part.PARAMETERS: lambda region: region.parameters,
    Part.KEYS: lambda region: region.keys,
    Part.FUNCTIONS: lambda region: region.functions,
    Part.TRAILS: lambda region: region.trails,
}


def judged_with(
    snapshot: Snapshot, parts: Iterable[Part], findings: Iterable[Finding], nothing: str, *, together: bool = True
) -> Iterator[Finding]:
    """Yield what was not seen, then the findings. Raises Skip with `nothing` where there is neither.

    `together`: whether a case can only pass when all parts were seen, because any of them may hold its other half.
    """
    unseen = tuple(unseen_parts(snapshot, parts))
    yield from unseen
    some = bool(unseen)
    for finding in findings:
        some = True
        yield doubted(finding, unseen) if together and unseen else finding
    if not some:
        raise Skip(nothing)


def doubted(finding: Finding, unseen: Iterable[Finding]) -> Finding:
    """Return a finding as it stands when something was not seen, if anything: a pass becomes unknown."""
    unseen = tuple(unseen)
    if finding.verdict is not Verdict.PASS or not unseen:
        return finding
    evidence = (*(one.evidence[0] for one in unseen), *finding.evidence)
    return replace(
        finding, verdict=Verdict.UNKNOWN, summary=f"Of what was seen: {finding.summary}", evidence=evidence, fix=None
    )


def unseen_parts(snapshot: Snapshot, parts: Iterable[Part]) -> Iterator[Finding]:
    """Yield an UNKNOWN for each part of an account or region that was not seen."""
    parts = tuple(parts)
    facts = aws_isolation(snapshot)
    for account in facts.world.accounts:
        for part in parts:
            if part in _OF_ACCOUNTS and _OF_ACCOUNTS[part](account) is None:
                yield _unseen(snapshot, f"{part.value} of {account.id}", asked("iam", account.id))
        for region in account.regions:
            for part in parts:
                if part in _OF_REGIONS and _OF_REGIONS[part](region) is None:
                    call = asked(part.value, account.id, region.name)
                    yield _unseen(snapshot, f"{part.value} of {region.name} in {account.id}", call)
    if Part.TAGS in parts:
        yield from _untagged(snapshot, facts)


def _unseen(snapshot: Snapshot, part: str, call: str) -> Finding:
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject=f"unseen:{part}",
        summary=f"The {part} were not seen.",
        evidence=(gap_evidence(snapshot.gaps, part, call),),
    )


def _untagged(snapshot: Snapshot, facts: AwsIsolation) -> Iterator[Finding]:
    if not any(part.tags for tenant in snapshot.target.tenants for part in tenant.territory.aws):
        return
    found = [thing.arn for thing in facts.holdings.all if not thing.owners_known]
    found += (role.arn for role in facts.principals.roles.values() if role.tags is None)
    if found:
        yield Finding(
            verdict=Verdict.UNKNOWN,
            subject="unseen:tags",
            count=len(found),
            summary=f"The tags of {len(found)} things were not seen, so whose they are is not known.",
            evidence=tuple(Evidence(where=arn, shows="its tags were not seen") for arn in found[:_SHOWN]),
        )
