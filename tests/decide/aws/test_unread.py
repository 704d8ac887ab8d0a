"""Accounts and regions that a territory names and that nobody read, and copies in regions that were not asked for."""

import pytest

from cred_audit.decide.aws.holdings import Holding, Holdings
from cred_audit.decide.aws.principals import Documents, Principals
from cred_audit.decide.aws.world import AwsWorld, Replica, Secret
from tests import aws_lab as lab

HERE, THERE, ELSEWHERE = lab.ACCOUNT, lab.OTHER_ACCOUNT, "eu-west-1"


def unseen(*holdings: Holding, secrets: tuple[Secret, ...] = (), others: bool = False) -> dict[str, list[str]]:
    """Return each part that was not seen -> the owners to whom it says nothing of others."""
    world = AwsWorld(accounts=(lab.account(secrets=secrets),), organization=lab.NO_ORGANIZATION)
    found = Holdings(Principals(world, Documents()), holdings, others=others)
    spared = {owner: dict(found.unseen_of_others(owner)) for owner in ("acme", "beta")}
    return {part: [owner for owner, parts in spared.items() if part not in parts] for part in found.unseen}


def of_beta(*arns: str) -> Holding:
    return Holding(owner="beta", arns=arns)


def test_an_account_that_a_territory_names_and_that_was_not_read_is_not_seen() -> None:
    part = f"secrets, parameters and keys of the account {THERE}"
    assert unseen(Holding(owner="beta", account=THERE)) == {part: ["beta"]}
    assert unseen(of_beta(f"arn:aws:ssm:*:{THERE}:parameter/beta/*")) == {part: ["beta"]}
    both = (Holding(owner="beta", account=THERE), Holding(owner="acme", arns=(f"arn:aws:kms:*:{THERE}:key/*",)))
    assert unseen(*both) == {part: []}


@pytest.mark.parametrize(("pattern", "part"), [
    (f"arn:aws:secretsmanager:{ELSEWHERE}:{HERE}:secret:beta/*", f"secrets of {ELSEWHERE} in {HERE}"),
    (f"arn:aws:ssm:{ELSEWHERE}:*:parameter/beta/*", f"parameters of {ELSEWHERE} in {HERE}"),
    (f"arn:aws:kms:{ELSEWHERE}:1111*:key/1", f"keys of {ELSEWHERE} in {HERE}"),
    (f"arn:aws:kms:{ELSEWHERE}:2222*:key/1", None),
    (f"arn:aws:secretsmanager:{lab.REGION}:{HERE}:secret:beta/*", None),
    (f"arn:aws:secretsmanager:*:{HERE}:secret:beta/*", None),
    (f"arn:aws:s3:{ELSEWHERE}:{THERE}:bucket/*", None),
    ("arn:aws:secretsmanager:*", None),
    ("*", None),
])  # fmt: skip
def test_a_region_that_a_pattern_names_and_that_was_not_read_is_not_seen(pattern: str, part: str | None) -> None:
    assert unseen(of_beta(pattern)) == ({part: ["beta"]} if part else {})


def test_many_accounts_are_told_together() -> None:
    owned = [Holding(owner=f"t{number}", account=f"{number:012}") for number in range(25)]
    found = unseen(*owned)
    assert len(found) == 21
    assert found["secrets, parameters and keys of 5 more accounts"] == []


def test_a_copy_in_a_region_that_was_not_asked_for_is_not_seen() -> None:
    copied = lab.secret("beta", replicas=(Replica(region=ELSEWHERE), Replica(region=lab.REGION)))
    tagged = Holding(owner="beta", tags={"TenantId": "beta"})
    part = f"secrets of {ELSEWHERE} in {HERE}"
    assert unseen(tagged, secrets=(copied,)) == {part: ["beta"]}
    untagged = lab.secret("beta", tags=None, replicas=copied.replicas)
    assert unseen(tagged, secrets=(untagged,)) == {part: ["beta"]}
    nobodys = lab.secret("gamma", replicas=copied.replicas)
    assert unseen(tagged, secrets=(nobodys,)) == {}
    assert unseen(tagged, secrets=(nobodys,), others=True) == {part: []}
