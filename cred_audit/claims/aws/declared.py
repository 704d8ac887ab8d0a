"""Where the target's territories fit badly what is there in AWS, so that claims hold for want of anything to judge."""

from collections.abc import Iterable, Iterator, Sequence

from cred_audit.claims.aws.isolation import aws_isolation
from cred_audit.facts import Snapshot

_NAMED = 3


def territory_warnings(snapshot: Snapshot) -> Iterator[str]:
    """Yield what to look at in the target: tenants who own nothing that was read, and things that several own."""
    if snapshot.aws is None:
        return
    asked = aws_isolation(snapshot)
    if asked.landless:
        yield (
            f"Nothing that was read in AWS belongs to {_some(asked.landless)} by the tags and ARNs of the target, so "
            "no claim about AWS judged anything of theirs. Compare their territory with the tags and names in AWS"
        )
    shared = tuple(thing for thing in asked.holdings.all if thing.collection is None and len(thing.owners) > 1)
    if shared:
        first = shared[0]
        what = f"{len(shared)} things in AWS belong" if len(shared) > 1 else "a thing in AWS belongs"
        yield (
            f"By the target {what} to several tenants, such as {first.arn} to {_some(first.owners)}: that one of them "
            "reaches it is no finding. Narrow their territories unless they share it on purpose"
        )


def _some(names: Sequence[str] | Iterable[str]) -> str:
    """Return a few names as words, and how many more there are."""
    known = tuple(names)
    more = len(known) - _NAMED
    return f"{', '.join(known[:_NAMED])}{f' and {more} more' if more > 0 else ''}"
