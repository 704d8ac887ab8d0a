"""What the report says keeps the tenants of a store apart."""

from dataclasses import replace
from typing import Any

from cred_audit.decide.aws.world import Account, Replica
from cred_audit.facts import Snapshot
from cred_audit.separation import separation
from cred_audit.target.model import AwsTerritory
from tests.aws_lab import (
    ACCOUNT,
    OTHER_ACCOUNT,
    account,
    agent,
    document,
    key,
    parameter,
    role,
    secret,
    snapshot,
    statement,
    tenant,
)

SHARED = f"account {ACCOUNT}"


def rows(facts: Snapshot) -> dict[str, tuple[str, str]]:
    return {row.store: (row.enforced_by, row.evidence) for row in separation(facts)}


def shared(**more: Any) -> Snapshot:
    """Return two tenants in one account."""
    parts: dict[str, Any] = {"secrets": [secret("acme"), secret("beta")]} | more
    roles = [role("agent-acme", document(statement())), role("agent-beta", document(statement()))]
    tenants = [tenant(name, agent(f"{name}-agent", f"agent-{name}")) for name in ("acme", "beta")]
    return snapshot([account(roles=roles, **parts)], tenants)


def hidden(facts: Snapshot, **parts: Any) -> Snapshot:
    """Return the facts with parts of the first account's region not seen."""
    if facts.aws is None:
        raise LookupError("the lab has AWS facts")
    first, *others = facts.aws.world.accounts
    dark: Account = replace(first, regions=tuple(replace(region, **parts) for region in first.regions))
    world = replace(facts.aws.world, accounts=(dark, *others))
    return replace(facts, aws=replace(facts.aws, world=world))


def test_an_account_of_several_tenants_is_policy_only() -> None:
    assert rows(shared()) == {SHARED: ("policy only", "2 tenants have things or agents in it")}


def test_an_account_per_tenant_is_shown() -> None:
    accounts = [
        account(id=ACCOUNT, secrets=[secret("acme")], roles=[role("agent")]),
        account(
            id=OTHER_ACCOUNT, secrets=[secret("beta", account=OTHER_ACCOUNT)],
            roles=[role("agent", account=OTHER_ACCOUNT)],
        ),
    ]  # fmt: skip
    tenants = [
        tenant("acme", agent("a", "agent"), territory=[AwsTerritory(account=ACCOUNT)]),
        tenant("beta", agent("b", "agent", account=OTHER_ACCOUNT), territory=[AwsTerritory(account=OTHER_ACCOUNT)]),
    ]
    facts = snapshot(accounts, tenants)
    assert {store: by for store, (by, _) in rows(facts).items()} == {
        SHARED: "own account",
        f"account {OTHER_ACCOUNT}": "own account",
    }
    assert rows(facts)[SHARED][1] == "only acme has secrets, parameters, keys or agents in it"
    dark = rows(hidden(facts, secrets=None))
    assert dark[SHARED] == ("", "")
    assert dark[f"account {OTHER_ACCOUNT}"][0] == "own account"


def test_an_account_with_what_is_nobodys_or_was_not_read_is_not_shown() -> None:
    tenants = [tenant("acme", agent("a", "agent")), tenant("beta")]
    alone = [secret("acme")]
    for secrets, shown in (
        (alone, "own account"),
        ([*alone, secret("x", tags={})], ""),
        ([secret("acme", replicas=(Replica(region="eu-west-1"),))], ""),
    ):
        facts = snapshot([account(secrets=secrets, roles=[role("agent")])], tenants)
        assert rows(facts)[SHARED][0] == shown
    apart = [tenant("acme"), tenant("beta", territory=[AwsTerritory(account=OTHER_ACCOUNT)])]
    found = rows(snapshot([account(secrets=alone)], apart))
    assert {store: by for store, (by, _) in found.items()} == {SHARED: "own account", f"account {OTHER_ACCOUNT}": ""}


def test_another_tenants_agent_in_the_account_takes_its_border_away() -> None:
    tenants = [tenant("acme", agent("a", "agent")), tenant("beta", agent("b", "agent"))]
    facts = snapshot([account(secrets=[secret("acme")], roles=[role("agent")])], tenants)
    assert rows(facts)[SHARED][0] == "policy only"


def test_a_key_of_its_own_is_shown_with_its_evidence() -> None:
    own = key("k-acme", tags={"TenantId": "acme"})
    secrets = [secret("acme", key=own.arn), secret("beta")]
    facts = shared(secrets=secrets, keys=[own], parameters=[parameter("acme", type="String")])
    store = f"secrets of acme in {SHARED}"
    assert rows(facts)[store] == (
        "own KMS key, and policy",
        f"{own.arn} encrypts all 1 of them and nothing of others",
    )
    assert not any("beta" in name for name in rows(facts))
    assert store not in rows(hidden(facts, keys=None))
    assert store not in rows(hidden(facts, parameters=None))


def test_a_shared_key_or_a_secret_without_one_is_no_key_of_its_own() -> None:
    one = key("k-1")
    both = shared(secrets=[secret("acme", key=one.arn), secret("beta", key=one.arn)], keys=[one])
    partly = shared(secrets=[secret("acme", key=one.arn), secret("acme", "api"), secret("beta")], keys=[one])
    nobody = shared(
        secrets=[secret("acme", key=one.arn), secret("beta"), secret("x", tags={}, key=one.arn)], keys=[one]
    )
    for facts in (both, partly, nobody):
        assert list(rows(facts)) == [SHARED]


def test_many_stores_are_counted() -> None:
    names = [f"t{number:02}" for number in range(30)]
    keys = [key(f"k-{name}") for name in names]
    secrets = [secret(name, key=one.arn) for name, one in zip(names, keys, strict=True)]
    facts = snapshot([account(secrets=secrets, keys=keys)], [tenant(name) for name in names])
    found = separation(facts)
    assert len(found) == 22
    assert found[-1].store == "10 more stores"


def test_what_nobody_owns_has_no_row() -> None:
    facts = snapshot([account(secrets=[secret("x", tags={})])], [tenant("acme")])
    assert rows(facts) == {}
