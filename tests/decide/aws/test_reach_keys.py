"""What tells secrets apart by their own names and tags, and by those of the keys that encrypt them."""

from dataclasses import replace
from typing import Any

import pytest

from cred_audit.decide.aws.collections import collections
from cred_audit.decide.aws.estate import ActionClass, Thing
from cred_audit.decide.aws.model import Kind, ResourcePolicies
from cred_audit.decide.aws.reach import Estate, Owners
from tests.decide.aws.test_reach import (
    ACCOUNT,
    READ,
    SECRETS,
    TENANTS,
    Platform,
    agent,
    allow,
    by_pairs,
    document,
    reached,
    secret,
)

_ROOT = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"}
_DELEGATES = ResourcePolicies(policy=document(_ROOT, kind=Kind.RESOURCE))


def key(name: str, team: str) -> Thing:
    arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{name}"
    return Thing(arn=arn, tags={"Team": team}, policies=_DELEGATES)


def crossed(name: str) -> list[Thing]:
    """Return two secrets of which each has the tag that the other's key has."""
    first = secret("beta", f"{name}1", tags={"Team": "red"}, key=key("k1", "blue"))
    return [secret("acme"), first, secret("gamma", f"{name}2", tags={"Team": "blue"}, key=key("k2", "red"))]


@pytest.mark.parametrize(("team", "owner"), [("red", "beta"), ("blue", "gamma")])
@pytest.mark.parametrize("of_key", [False, True])
def test_secrets_with_crossed_tags_of_their_keys_are_told_apart(team: str, owner: str, *, of_key: bool) -> None:
    condition = {"StringEquals": {"aws:ResourceTag/Team": team}}
    own, use = (allow(), allow("kms:Decrypt", Condition=condition)) if of_key else (
        allow(Condition=condition), allow("kms:Decrypt")
    )  # fmt: skip
    whose = ({"beta", "gamma"} - {owner}).pop() if of_key else owner
    things = crossed("db")
    assert reached(agent("acme", document(own, use)), things) == [("allow", Owners(names=(whose,)), 1)]


def test_secrets_whose_names_are_crossed_with_those_of_their_keys_are_told_apart() -> None:
    things = [secret("acme"), *(
        secret(owner, key=key(other, ""), tags={}) for owner, other in (("beta", "gamma"), ("gamma", "beta"))
    )]  # fmt: skip
    use = allow("kms:Decrypt", "arn:aws:*:*:*:*beta*")
    acting = agent("acme", document(allow(), use))
    assert reached(acting, things) == [("allow", Owners(names=("gamma",)), 1)]


@pytest.mark.parametrize(("resource", "owners"), [
    (SECRETS + "beta/*", ("gamma",)), (SECRETS + "gamma/*", ("beta",)), (SECRETS + "*", ()),
    (SECRETS + "*/db-??????", ()), (SECRETS + "beta/db", ("beta", "gamma")),
])  # fmt: skip
@pytest.mark.parametrize("kind", [Kind.RCP, Kind.RESOURCE])
def test_a_deny_on_the_side_of_the_things_covers_those_that_it_names(
    resource: str, owners: tuple[str, ...], kind: Kind
) -> None:
    statement: dict[str, Any] = allow("secretsmanager:*", resource, "Deny", Principal="*")
    denies = document(statement, kind=kind)
    policies = ResourcePolicies(rcps=((denies,),)) if kind is Kind.RCP else ResourcePolicies(policy=denies)
    things = [secret(tenant, policies=policies) for tenant in TENANTS]
    found = reached(agent("acme", document(allow(READ))), things)
    assert {name for _, names, _ in found for name in names.names or ("beta", "gamma")} == set(owners)


class Crossed(Platform):
    """An estate in which little tells secrets apart: few tags, crossed at random with those of their keys."""

    def thing(self, number: int) -> Thing:
        pick = self.source.choice
        arn = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{pick('ab')}{number}"
        key = self.key() if self.source.random() < 0.8 else None
        return Thing(
            arn=arn, owners=(pick("ab"),), tags=self.tags(), key=key, policies=ResourcePolicies(rcps=self.rcps)
        )

    def key(self) -> Thing:
        arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{self.source.choice('ab')}{self.source.randint(0, 9)}"
        return Thing(arn=arn, tags=self.tags(), policies=_DELEGATES)

    def tags(self) -> dict[str, str]:
        return {"T": self.source.choice("ab")} if self.source.random() < 0.9 else {}

    def statement(self) -> dict[str, Any]:
        pick = self.source.choice
        entry = allow(
            pick((READ, "kms:Decrypt", "*")), pick(("*", "*", "*", "arn:*:*:*:*:*b*", "arn:*:*:*:*:secret:a*")),
            pick(("Allow", "Allow", "Deny")),
        )  # fmt: skip
        if self.source.random() < 0.7:
            operator = pick(("StringEquals", "StringNotEquals", "StringLike", "StringEqualsIfExists"))
            entry["Condition"] = {operator: {"aws:ResourceTag/T": pick(("a", "b", "${aws:PrincipalTag/T}"))}}
        return entry


@pytest.mark.parametrize("limit", [0, 64])
def test_reach_equals_deciding_every_pair_where_tags_are_crossed(limit: int) -> None:
    granted = 0
    for seed in range(60):
        platform = Crossed(seed)
        estate = Estate(platform.things, platform.agents, limit=limit)
        for acting in platform.agents:
            found: dict[str, int] = {}
            for grant in estate.reach(acting, ActionClass.READ).grants:
                found[grant.effect.value] = found.get(grant.effect.value, 0) + grant.things
            pairs = {effect: count for effect, (_, count) in by_pairs(platform, acting).items()}
            assert found == pairs, (seed, acting.tenant)
            granted += bool(found)
    assert granted > 50


def test_a_list_of_keys_is_a_call_that_the_agent_sends_itself() -> None:
    """AWS services do not list keys for their callers."""
    keys = [replace(key("k1", ""), owners=("beta",)), replace(key("k2", ""), owners=("acme",))]
    things = list(collections(ACCOUNT, "us-east-1", keys, others=False))
    via = {"StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"}}
    for condition, found in ((via, False), ({"StringNotLike": via["StringLike"]}, True)):
        acting = agent("acme", document(allow("kms:List*", Condition=condition)))
        assert bool(Estate(things, [acting]).reach(acting, ActionClass.LIST).grants) is found
