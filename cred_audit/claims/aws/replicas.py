"""Secrets that are kept in several regions: whether each copy has the tags and the policy of its primary."""

import json
from collections.abc import Iterator

from cred_audit.check import Skip
from cred_audit.claims.aws.isolation import AwsIsolation, aws_isolation, gap_evidence
from cred_audit.claims.aws.texts import tenants_reach
from cred_audit.decide.aws.world import Account, Secret, asked
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Verdict

_FIX = "remove the replica and replicate the secret again, or give it the tags and the policy of its primary"


def judge_replicas(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding a secret with replicas. Raises Skip where no secret has any."""
    facts = aws_isolation(snapshot)
    found = False
    for account in facts.world.accounts:
        for finding in _account(snapshot, facts, account):
            found = True
            yield finding
    if not found:
        raise Skip("no secret has a replica; the secrets of all regions were read")


def _account(snapshot: Snapshot, facts: AwsIsolation, account: Account) -> Iterator[Finding]:
    secrets = {(region.name, _name(secret)): secret for region in account.regions for secret in region.secrets or ()}
    families: dict[tuple[str, str], set[str]] = {}
    """(Region, name) of a primary -> regions of its replicas, as both sides tell."""
    for (place, name), secret in secrets.items():
        if secret.primary_region and secret.primary_region != place:
            families.setdefault((secret.primary_region, name), set()).add(place)
        for replica in secret.replicas:
            families.setdefault((place, name), set()).add(replica.region)
    read = {region.name for region in account.regions if region.secrets is not None}
    for region in account.regions:
        if region.secrets is None:
            call = asked("secrets", account.id, region.name)
            yield Finding(
                verdict=Verdict.UNKNOWN,
                subject=f"secrets of {region.name} in {account.id}",
                summary=f"The secrets of {region.name} in {account.id} were not seen, so neither were replicas there.",
                evidence=(gap_evidence(snapshot.gaps, "secrets", call),),
            )
    for (place, name), regions in families.items():
        yield _family(facts, account.id, secrets, read, (place, name, sorted(regions - {place})))


def _family(
    facts: AwsIsolation,
    account: str,
    secrets: dict[tuple[str, str], Secret],
    read: set[str],
    family: tuple[str, str, list[str]],
) -> Finding:
    region, name, regions = family
    primary = secrets.get((region, name))
    differs: list[Evidence] = []
    doubts: list[Evidence] = []
    tenants: set[str] = set()
    if primary is None:
        doubts.append(Evidence(where=f"{region} in {account}", shows=f"the primary {name} was not seen"))
    for place in regions:
        replica = secrets.get((place, name))
        if replica is None:
            why = "is not among the secrets that were read" if place in read else "was not seen"
            doubts.append(Evidence(where=f"{place} in {account}", shows=f"the replica of {name} {why}"))
        elif primary is not None:
            for evidence, sure in _compared(primary, replica):
                (differs if sure else doubts).append(evidence)
            owners = [set(facts.holdings.territories.owners(one.arn, one.tags)) for one in (primary, replica)]
            tenants |= owners[0] ^ owners[1]
    verdict = Verdict.FAIL if differs else Verdict.UNKNOWN if doubts else Verdict.PASS
    words = {
        Verdict.FAIL: "has other tags or another policy than its primary",
        Verdict.UNKNOWN: "may differ from its primary: not everything was seen",
        Verdict.PASS: "has the tags and the policy of its primary",
    }
    same = Evidence(where=primary.arn if primary else name, shows=f"is the same in {', '.join(regions)}")
    return Finding(
        verdict=verdict,
        subject=f"secret {name} of {region} in {account}",
        reaches=tenants_reach(tenants if differs else set()),
        count=len(regions),
        summary=f"A replica of the secret {name} of {region} in {account} {words[verdict]}."
        if verdict is not Verdict.PASS
        else f"Each replica of the secret {name} of {region} in {account} {words[verdict]}.",
        evidence=tuple(differs or doubts) or (same,),
        fix=_FIX if differs else None,
    )


def _compared(primary: Secret, replica: Secret) -> Iterator[tuple[Evidence, bool]]:
    """Yield what differs, and what may because it was not seen (False)."""
    if primary.tags is None or replica.tags is None:
        yield Evidence(where=replica.arn, shows="its tags or its primary's were not seen"), False
    elif dict(primary.tags) != dict(replica.tags):
        keys = sorted(key for key in {*primary.tags, *replica.tags} if primary.tags.get(key) != replica.tags.get(key))
        shows = ", ".join(f"{key}: {replica.tags.get(key)!r}, not {primary.tags.get(key)!r}" for key in keys[:5])
        yield Evidence(where=replica.arn, shows=f"has other tags than its primary ({shows})"), True
    if not (primary.policy_seen and replica.policy_seen):
        yield Evidence(where=replica.arn, shows="its policy or its primary's was not seen"), False
    elif _meaning(primary) != _meaning(replica):
        shows = (
            "has no policy, and its primary has" if replica.policy is None else "has another policy than its primary"
        )
        yield Evidence(where=replica.arn, shows=shows, quote=replica.policy or primary.policy or ""), True


def _meaning(secret: Secret) -> object:
    """Return a policy such that two that differ by spaces, order of keys or the region in ARNs are equal."""
    if secret.policy is None:
        return None
    text = secret.policy.replace(f":{_region(secret)}:", ":region:")
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except (ValueError, RecursionError):
        return text


def _name(secret: Secret) -> str:
    return secret.arn.rpartition(":")[2]


def _region(secret: Secret) -> str:
    fields = secret.arn.split(":", 4)
    return fields[3] if len(fields) > 3 else ""
