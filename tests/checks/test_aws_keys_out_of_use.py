"""Keys that are disabled or were not seen: what an agent reads behind them."""

from typing import Any

import pytest

from cred_audit.decide.aws.world import Key
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict
from tests import aws_lab as lab
from tests.checks.hidden import assert_hiding_improves_nothing
from tests.checks.judged import judged

READ = "aws_no_cross_tenant_read"
BOTH = [lab.READ, "kms:Decrypt"]
FAR = f"arn:aws:kms:{lab.REGION}:{lab.OTHER_ACCOUNT}:key/far"
SECRET, READS = lab.statement(), lab.statement(BOTH)


def behind(*keys: Key, statements: Any = (READS,), arn: str = "") -> Snapshot:
    """Return two tenants with one secret each behind the first key, or the one of an ARN."""
    names = ("acme", "beta")
    secrets = [lab.secret(name, key=arn or keys[0].arn) for name in names]
    return lab.shared_role(lab.document(*statements), names=names, secrets=secrets, keys=keys)


def of_secrets(snapshot: Snapshot, check: str = READ) -> Finding:
    (found,) = [one for one in judged(check, snapshot) if one.tenant == "acme" and not one.subject.endswith(" keys")
                and not any("kms" in action for action in one.note.split()[1:])]  # fmt: skip
    return found


@pytest.mark.parametrize(("enabled", "said"), [(True, False), (False, True), (None, False)])
def test_reading_behind_a_disabled_key_fails_under_the_assumption_that_it_is_enabled(
    enabled: bool | None, said: bool
) -> None:
    found = of_secrets(behind(lab.key("k", enabled=enabled)))
    assert found.verdict is Verdict.FAIL
    assert any("enabled again" in text for text in found.assuming) is said


def test_keys_in_use_and_out_of_use_are_told_apart() -> None:
    off, on = lab.key("off", enabled=False), lab.key("on")
    secrets = [lab.secret("acme"), lab.secret("beta", "a", key=off.arn), lab.secret("beta", "b", key=on.arn)]
    snapshot = lab.shared_role(lab.document(lab.statement(BOTH)), names=("acme", "beta"), secrets=secrets,
                               keys=[off, on])  # fmt: skip
    found = [one for one in judged(READ, snapshot) if one.tenant == "acme" and lab.READ in one.note]
    assert sorted((one.count, bool(one.assuming)) for one in found) == [(1, False), (1, True)]
    assert {one.verdict for one in found} == {Verdict.FAIL}


def test_a_direct_use_of_a_disabled_key_is_said_too() -> None:
    key = lab.key("k", tags={"TenantId": "beta"}, enabled=False)
    snapshot = lab.shared_role(lab.document(lab.statement("kms:*")), names=("acme", "beta"), secrets=(), keys=[key])
    (found,) = [one for one in judged(READ, snapshot) if one.verdict is Verdict.FAIL]
    assert any("enabled again" in text for text in found.assuming)
    changes = [one for one in judged("aws_no_cross_tenant_write", snapshot) if one.verdict is Verdict.FAIL]
    assert changes
    assert not any(one.assuming for one in changes)


def test_metadata_behind_a_disabled_key_needs_no_key() -> None:
    snapshot = behind(lab.key("k", enabled=False), statements=[lab.statement("secretsmanager:DescribeSecret")])
    (found,) = [one for one in judged("aws_no_cross_tenant_list", snapshot) if one.tenant == "acme" and one.count]
    assert (found.verdict, found.assuming) == (Verdict.FAIL, ())


def test_the_state_that_was_not_seen_changes_no_verdict() -> None:
    assert_hiding_improves_nothing(READ, behind(lab.key("k", enabled=False)))


DENY = lab.statement("kms:*", effect="Deny")


@pytest.mark.parametrize(
    ("statements", "verdict", "says"),
    [
        ((READS,), Verdict.UNKNOWN, "the key that encrypts it was not seen"),
        ((SECRET,), Verdict.UNKNOWN, "no policy of the agent allows kms:Decrypt, but a grant of that key might"),
        ((READS, DENY), Verdict.PASS, "denies"),
        ((SECRET, lab.statement("kms:Decrypt", FAR, "Deny")), Verdict.PASS, "denies"),
        ((SECRET, lab.statement("kms:Decrypt", FAR.replace("/far", "/near"), "Deny")), Verdict.UNKNOWN, "a grant"),
    ],
)
def test_a_key_of_an_account_that_was_not_read_is_asked_about_with_the_agents_own_policies(
    statements: Any, verdict: Verdict, says: str
) -> None:
    found = of_secrets(behind(statements=statements, arn=FAR))
    assert found.verdict is verdict
    assert any(says in one.shows for one in found.evidence)


@pytest.mark.parametrize("statements", [(READS,), (SECRET,), (SECRET, DENY)])
def test_not_reading_the_keys_account_improves_nothing(statements: Any) -> None:
    """Whatever the key's account holds, a grant to the agent included, what is said without it is no better."""
    names = ("acme", "beta")
    blind = of_secrets(behind(statements=statements, arn=FAR))
    grant = lab.KmsGrant(grantee=lab.role_arn("agent"), operations=frozenset({"Decrypt"}))
    for grants in ((), (grant,)):
        for principal in (lab.ACCOUNT, lab.OTHER_ACCOUNT):
            policy = lab.document(lab.statement("kms:*", Principal={"AWS": f"arn:aws:iam::{principal}:root"}))
            key = lab.key("far", account=lab.OTHER_ACCOUNT, policy=policy, grants=grants)
            seen = behind(statements=statements, arn=FAR)
            assert seen.aws is not None
            tenants = [lab.tenant(name, lab.agent(f"{name}-agent", "agent", session_tags={"TenantId": name}))
                       for name in names]  # fmt: skip
            both = [*seen.aws.world.accounts, lab.account(id=lab.OTHER_ACCOUNT, keys=[key])]
            found = of_secrets(lab.snapshot(both, tenants))
            assert blind.verdict is not Verdict.PASS or found.verdict is Verdict.PASS
            assert blind.verdict is not Verdict.FAIL
