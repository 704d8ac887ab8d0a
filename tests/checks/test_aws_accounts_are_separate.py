"""Accounts that belong to one tenant hold nothing of another and let no other tenant's account in."""

from typing import Any

import pytest

from cred_audit.check import Skip
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict
from cred_audit.target.model import AwsTerritory
from tests import aws_lab as lab
from tests.checks.hidden import assert_hiding_improves_nothing
from tests.checks.judged import judged

CHECK = "aws_accounts_are_separate"
HOMES = {"acme": "222233334444", "beta": "333344445555"}
READS = lab.document(lab.statement())


def root(name: str) -> dict[str, str]:
    return {"AWS": f"arn:aws:iam::{HOMES[name]}:root"}


def estate(homes: dict[str, str] | None = None, **more: Any) -> Snapshot:
    """Return an account for each tenant with a role, a secret and a key; `more`: parts of acme's in their place."""
    homes = homes or HOMES
    accounts: dict[str, Any] = {}
    tenants = []
    for name, account in homes.items():
        parts: dict[str, Any] = {
            "roles": [lab.role("agent", READS, account=account)],
            "secrets": [lab.secret(name, account=account)],
            "keys": [lab.key("k", account=account)],
        }
        if name == "acme":
            parts |= more
        accounts.setdefault(account, lab.account(id=account, **parts))
        agent = lab.agent(f"{name}-agent", "agent", account=account)
        tenants.append(lab.tenant(name, agent, territory=[AwsTerritory(account=account)]))
    return lab.snapshot(accounts.values(), tenants)


def failed(snapshot: Snapshot) -> list[Finding]:
    return [finding for finding in judged(CHECK, snapshot) if finding.verdict is Verdict.FAIL]


def test_separate_accounts_hold() -> None:
    found = judged(CHECK, estate())
    assert {finding.verdict for finding in found} == {Verdict.PASS}
    assert len(found) == 4


def test_two_tenants_in_one_account_fail() -> None:
    (finding,) = failed(estate({"acme": HOMES["acme"], "beta": HOMES["acme"]}))
    assert finding.reaches.tenants == ("acme", "beta")


def test_things_of_another_tenant_in_the_account_fail() -> None:
    whole = estate(secrets=[lab.secret("acme", account=HOMES["acme"]), lab.secret("gamma", account=HOMES["acme"])])
    assert whole.aws is not None
    gamma = lab.tenant("gamma", lab.agent("g", "agent", account=HOMES["acme"]))
    found = failed(lab.snapshot(whole.aws.world.accounts, (*whole.target.tenants, gamma)))
    assert [finding.subject.partition(":")[0] for finding in found] == ["account", "agent"]
    assert found[0].reaches.tenants == ("acme", "gamma")
    assert (found[1].tenant, found[1].reaches.tenants) == ("gamma", ("acme",))


@pytest.mark.parametrize("principal", [root("beta"), "*", {"AWS": lab.role_arn("agent", HOMES["beta"])}])
def test_a_policy_that_lets_another_tenants_account_in_fails(principal: Any) -> None:
    home = HOMES["acme"]
    for part in (
        {"roles": [lab.role("agent", READS, account=home), lab.role("x", account=home, trust=lab.trust(principal))]},
        {"secrets": [lab.secret("acme", account=home, policy=lab.document(
            lab.statement("secretsmanager:*", "*", Principal=principal)))]},
        {"keys": [lab.key("k", account=home, policy=lab.document(lab.statement("kms:*", "*", Principal=principal)))]},
    ):  # fmt: skip
        (finding,) = failed(estate(**part))
        assert finding.reaches.tenants == ("acme",)
        assert finding.witness is not None
        assert finding.tenant == (None if principal == "*" else "beta")


def test_a_grant_to_another_tenants_account_fails() -> None:
    grant = lab.KmsGrant(grantee=lab.role_arn("agent", HOMES["beta"]), operations=frozenset({"Decrypt"}))
    (finding,) = failed(estate(keys=[lab.key("k", account=HOMES["acme"], grants=(grant,))]))
    assert finding.tenant == "beta"


def test_the_platform_may_be_trusted() -> None:
    trust = lab.trust({"AWS": f"arn:aws:iam::{lab.ACCOUNT}:root"})
    home = HOMES["acme"]
    roles = [lab.role("agent", READS, account=home), lab.role("byoc", account=home, trust=trust)]
    assert not failed(estate(roles=roles))


def test_what_a_deny_or_a_condition_closes_is_closed() -> None:
    home = HOMES["acme"]
    own = {"StringEquals": {"aws:PrincipalAccount": home}}
    secret = lab.secret(
        "acme", account=home, policy=lab.document(lab.statement(lab.READ, "*", Principal="*", Condition=own))
    )
    assert not failed(estate(secrets=[secret]))


def test_without_accounts_of_tenants_it_does_not_apply() -> None:
    with pytest.raises(Skip):
        judged(CHECK, lab.shared_role(READS))


def test_hiding_a_fact_never_improves_a_verdict() -> None:
    trusting = lab.role("x", account=HOMES["acme"], trust=lab.trust(root("beta")))
    for snapshot in (estate(), estate(roles=[lab.role("agent", READS, account=HOMES["acme"]), trusting])):
        assert_hiding_improves_nothing(CHECK, snapshot)
