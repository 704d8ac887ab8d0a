"""Hide each fact of AWS in turn: what was not seen may make a case unknown, never better."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cred_audit.check import Skip
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict
from tests.checks.judged import judged

_OF_ACCOUNT = ("roles", "users", "groups", "policies")
_OF_REGION = ("secrets", "parameters", "keys", "functions", "trails")
_OF_THINGS: dict[str, tuple[dict[str, Any], ...]] = {
    "roles": tuple({part: None} for part in ("trust", "inline", "attached", "tags", "boundary", "max_session")),
    "users": tuple({part: None} for part in ("inline", "attached", "tags", "boundary", "groups", "access_keys")),
    "secrets": (
        {"tags": None}, {"key": None, "key_seen": False}, {"policy": None, "policy_seen": False},
        {"rotation": None, "rotated_by": None, "rotates_every": None}, {"last_rotated": None}, {"last_changed": None},
    ),
    "parameters": ({"tags": None}, {"last_changed": None}),
    "keys": ({"policy": None}, {"grants": None}, {"tags": None}, {"customer": None}),
    "functions": ({"role": None},),
    "trails": ({"logging": None}, {"reads": None}),
}  # fmt: skip


def hidden(snapshot: Snapshot) -> Iterator[tuple[str, Snapshot]]:
    """Yield the snapshot without one fact, for each fact, with what was hidden."""
    assert snapshot.aws is not None
    world = snapshot.aws.world
    for number, account in enumerate(world.accounts):
        for name, after in _accounts(account):
            accounts = (*world.accounts[:number], after, *world.accounts[number + 1 :])
            yield name, _with(snapshot, replace(world, accounts=accounts))
    yield "organization", _with(snapshot, replace(world, organization=None))
    organization: Any = world.organization
    for part in ("scps", "rcps"):
        for account in getattr(organization, part):
            levels = getattr(organization, part)
            for lost in (
                None,
                tuple(tuple(replace(one, text=None) for one in level) for level in levels[account] or ()),
            ):
                after = replace(organization, **{part: {**levels, account: lost}})
                yield f"{part} of {account}", _with(snapshot, replace(world, organization=after))


def _accounts(account: Any) -> Iterator[tuple[str, Any]]:
    for part in _OF_ACCOUNT:
        yield part, replace(account, **{part: None})
    for part in ("roles", "users"):
        for name, things in _things(part, getattr(account, part)):
            yield name, replace(account, **{part: things})
    for number, region in enumerate(account.regions):
        for part in _OF_REGION:
            before, after = account.regions[:number], account.regions[number + 1 :]
            yield part, replace(account, regions=(*before, replace(region, **{part: None}), *after))
            for name, things in _things(part, getattr(region, part)):
                yield name, replace(account, regions=(*before, replace(region, **{part: things}), *after))


def _things(part: str, things: Any) -> Iterator[tuple[str, Any]]:
    for number, thing in enumerate(things or ()):
        for change in _OF_THINGS[part]:
            yield f"{change} of {thing.arn}", (*things[:number], replace(thing, **change), *things[number + 1 :])


def _with(snapshot: Snapshot, world: Any) -> Snapshot:
    assert snapshot.aws is not None
    return replace(snapshot, aws=replace(snapshot.aws, world=world))


def findings(check: str, snapshot: Snapshot) -> tuple[Finding, ...] | None:
    """Return a check's findings; None where it does not apply."""
    try:
        return judged(check, snapshot)
    except Skip:
        return None


def verdict(check: str, snapshot: Snapshot) -> Verdict | None:
    """Return the worst verdict of a check; None where it does not apply."""
    found = findings(check, snapshot)
    if found is None:
        return None
    assert found, "a check that examined nothing is to raise Skip"
    verdicts = {finding.verdict for finding in found}
    return next(one for one in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS) if one in verdicts)


def passed(check: str, snapshot: Snapshot) -> set[str]:
    """Return the subjects that pass."""
    return {finding.subject for finding in findings(check, snapshot) or () if finding.verdict is Verdict.PASS}


def assert_hiding_improves_nothing(check: str, snapshot: Snapshot) -> None:
    """Hide each fact in turn."""
    known, before = verdict(check, snapshot), passed(check, snapshot)
    some = False
    for what, after in hidden(snapshot):
        some = True
        assert verdict(check, after) in {known, Verdict.UNKNOWN}, what
        assert passed(check, after) <= before, what
    assert some
