"""CloudTrail trails that record the calls of one region, its own and those of other regions that reach here."""

from collections.abc import Callable

from cred_audit.collect.aws.live.answers import Fields, arn, entries, text, texts, truth
from cred_audit.collect.aws.live.failures import NotSeen, malformed
from cred_audit.collect.aws.live.gaps import Gaps
from cred_audit.collect.aws.live.service import Service
from cred_audit.decide.aws.world import Trail

_MANAGEMENT, _SECRETS = "Management", "secretsmanager.amazonaws.com"


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
        reads=_judged(home, "get_event_selectors", {"TrailName": name}, records_reads, gaps),
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


def records_reads(data: Fields) -> bool | None:
    """Return whether a trail records calls that read secrets, which are management events; None when not known."""
    basic, advanced = entries(data, "EventSelectors"), entries(data, "AdvancedEventSelectors")
    if data.get("EventSelectors") is None and data.get("AdvancedEventSelectors") is None:
        raise malformed("EventSelectors")
    if not basic and not advanced:
        # The default (CloudTrail API: PutEventSelectors): all management events.
        return True
    answers = [
        truth(one, "IncludeManagementEvents", default=True) is True
        and text(one, "ReadWriteType", "All") in ("All", "ReadOnly")
        and _SECRETS not in texts(one, "ExcludeManagementEventSources")
        for one in basic
    ]
    found: list[bool | None] = [*answers, *(_advanced(one) for one in advanced)]
    return True if True in found else None if None in found else False


def _advanced(selector: Fields) -> bool | None:
    """Return whether an advanced selector takes them (CloudTrail API: AdvancedFieldSelector); all fields must agree."""
    taken: bool | None = True
    for field in entries(selector, "FieldSelectors"):
        name, equals = text(field, "Field"), texts(field, "Equals")
        sample = {"eventCategory": _MANAGEMENT, "readOnly": "true", "eventSource": _SECRETS}.get(name)
        if sample is not None and set(field) <= {"Field", "Equals", "NotEquals"}:
            if (equals and sample not in equals) or sample in texts(field, "NotEquals"):
                return False
        else:
            taken = None
    return taken
