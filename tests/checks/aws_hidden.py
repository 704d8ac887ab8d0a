"""Hide one fact after the other of an AWS snapshot: no verdict may get better."""

from collections.abc import Iterator
from dataclasses import replace

from cred_audit.check import Finding, Skip, Snapshot, Verdict
from cred_audit.decide.aws.world import Account, AwsWorld, Region
from cred_audit.facts import Gap
from tests.checks.judged import judged

_WORST = {Verdict.FAIL: 0, Verdict.UNKNOWN: 1, Verdict.PASS: 2}


def hidings(check: str, snapshot: Snapshot) -> int:
    """Compare the verdicts with those on each snapshot that lacks one fact; return how many there were."""
    before = _found(check, snapshot)
    count = 0
    for name, blind in hidden(snapshot):
        count += 1
        after = _found(check, blind)
        if after is None:
            assert before is None, (name, "skipped")
            continue
        assert after, (name, "nothing judged")
        passed = {one.subject for one in after if one.verdict is Verdict.PASS}
        known = {one.subject for one in before or () if one.verdict is Verdict.PASS}
        assert passed <= known, (name, passed - known)
        worst = min((_WORST[one.verdict] for one in before), default=2) if before else 2
        assert min(_WORST[one.verdict] for one in after) <= max(worst, 1) or worst == 2, name
    assert count > 3
    return count


def _found(check: str, snapshot: Snapshot) -> tuple[Finding, ...] | None:
    try:
        return judged(check, snapshot)
    except Skip:
        return None


def hidden(snapshot: Snapshot) -> Iterator[tuple[str, Snapshot]]:
    """Yield snapshots in each of which one fact was not seen, with its name."""
    assert snapshot.aws is not None
    world = snapshot.aws.world

    def made(name: str, changed: AwsWorld) -> tuple[str, Snapshot]:
        assert snapshot.aws is not None
        gap = Gap(source="aws", what=name, reason="not read")
        return name, replace(snapshot, aws=replace(snapshot.aws, world=changed), gaps=(*snapshot.gaps, gap))

    yield made("organization", replace(world, organization=None))
    for place, account in enumerate(world.accounts):
        for name, changed in (*_of_account(account), *_of_regions(account)):
            accounts = (*world.accounts[:place], changed, *world.accounts[place + 1 :])
            yield made(f"{name} of {account.id}", replace(world, accounts=accounts))


def _of_account(account: Account) -> Iterator[tuple[str, Account]]:
    yield "roles", replace(account, roles=None)
    if account.users:
        yield "users", replace(account, users=None)
    for number, role in enumerate(account.roles or ()):
        for name, changed in (
            ("tags", replace(role, tags=None)), ("trust", replace(role, trust=None)),
            ("inline", replace(role, inline=None)), ("attached", replace(role, attached=None)),
            ("boundary", replace(role, boundary=None)),
            *((f"text of {one.name}", replace(role, inline=tuple(
                replace(other, text=None) if other is one else other for other in role.inline or ())))
              for one in role.inline or ()),
        ):  # fmt: skip
            roles = (*(account.roles or ())[:number], changed, *(account.roles or ())[number + 1 :])
            yield f"{name} of {role.arn}", replace(account, roles=roles)
    if account.policies:
        yield "managed policies", replace(account, policies=None)


def _of_regions(account: Account) -> Iterator[tuple[str, Account]]:
    for place, region in enumerate(account.regions):
        for name, changed in _of_region(region):
            regions = (*account.regions[:place], changed, *account.regions[place + 1 :])
            yield f"{name} of {region.name}", replace(account, regions=regions)


def _of_region(region: Region) -> Iterator[tuple[str, Region]]:
    yield "secrets", replace(region, secrets=None)
    yield "parameters", replace(region, parameters=None)
    yield "keys", replace(region, keys=None)
    for number, secret in enumerate(region.secrets or ()):
        for name, changed in (
            ("tags", replace(secret, tags=None)),
            ("policy", replace(secret, policy=None, policy_seen=False)),
            ("key", replace(secret, key=None, key_seen=False)),
        ):
            secrets = (*(region.secrets or ())[:number], changed, *(region.secrets or ())[number + 1 :])
            yield f"{name} of {secret.arn}", replace(region, secrets=secrets)
