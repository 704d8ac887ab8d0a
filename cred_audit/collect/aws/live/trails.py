"""CloudTrail trails that record the calls of one region, its own and those of other regions that reach here."""

from collections.abc import Callable

from cred_audit.collect.aws.live.answers import Fields, arn, entries, text, truth
from cred_audit.collect.aws.live.failures import NotSeen, malformed
from cred_audit.collect.aws.live.gaps import Gaps
from cred_audit.collect.aws.live.service import Service
from cred_audit.collect.aws.selectors import records_reads
from cred_audit.decide.aws.world import Trail


def read_trails(
    cloudtrail: Callable[[str], Service], account: str, region: str, gaps: Gaps
) -> tuple[Trail, ...] | None:
    """Read them. `cloudtrail`: the service in a region, since a trail is described in the one that is its home."""
    here = cloudtrail(region)
    try:
        listed = entries(here.ask("describe_trails", includeShadowTrails=True), "trailList", required=True)
        return tuple(_trail(cloudtrail, one, region, gaps) for one in listed)
    except NotSeen as why:
        gaps.part("trails", account, region, why)
        return None


def _trail(cloudtrail: Callable[[str], Service], data: Fields, region: str, gaps: Gaps) -> Trail:
    name = arn(data, "TrailARN", "cloudtrail")
    home = cloudtrail(text(data, "HomeRegion", region))
    return Trail(
        arn=name,
        logging=_judged(home, "get_trail_status", {"Name": name}, is_logging, gaps),
        every_region=truth(data, "IsMultiRegionTrail", default=False) is True,
        reads=_judged(home, "get_event_selectors", {"TrailName": name}, reads_recorded, gaps),
        bucket=text(data, "S3BucketName", ""),
        key=text(data, "KmsKeyId", "") or None,
    )


def _judged(
    home: Service, operation: str, named: Fields, judge: Callable[[Fields], bool | None], gaps: Gaps
) -> bool | None:
    try:
        found = judge(home.ask(operation, **named))
    except NotSeen as why:
        gaps.call(home.named(operation), why, next(iter(named.values())))
        return None
    if found is None:
        gaps.call(home.named(operation), "the answer leaves it open what is recorded", next(iter(named.values())))
    return found


def is_logging(data: Fields) -> bool | None:
    """Return whether a trail is switched on."""
    return truth(data, "IsLogging")


def reads_recorded(data: Fields) -> bool | None:
    """Return whether a trail records every call that reads secrets; None when not known."""
    basic, advanced = data.get("EventSelectors"), data.get("AdvancedEventSelectors")
    if basic is None and advanced is None:
        raise malformed("EventSelectors")
    return records_reads(basic, advanced)
