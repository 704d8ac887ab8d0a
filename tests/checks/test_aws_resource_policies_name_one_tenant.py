"""The policies of a tenant's secrets and keys let in nobody but that tenant."""

from typing import Any

import pytest

from cred_audit.check import Skip
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict
from cred_audit.target.model import AwsTerritory
from tests import aws_lab as lab
from tests.checks.hidden import assert_hiding_improves_nothing
from tests.checks.judged import judged

CHECK = "aws_resource_policies_name_one_tenant"
OTHER = {"AWS": f"arn:aws:iam::{lab.OTHER_ACCOUNT}:root"}


def named(name: str) -> dict[str, str]:
    return {"AWS": lab.role_arn(f"agent-{name}")}


def allows(principal: Any, action: Any = lab.READ, **more: Any) -> str:
    return lab.document(lab.statement(action, "*", Principal=principal, **more))


def with_policy(policy: str | None, **more: Any) -> Snapshot:
    texts = dict.fromkeys(("acme", "beta"), lab.document(lab.statement(Condition=lab.EQUAL)))
    secrets = [lab.secret("acme", policy=policy), lab.secret("beta")]
    return lab.role_each(texts, secrets=secrets, **more)


def only(snapshot: Snapshot) -> Finding:
    (finding,) = judged(CHECK, snapshot)
    return finding


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (allows("*"), "anyone in any account"),
        (allows({"AWS": "*"}), "anyone in any account"),
        (allows(OTHER), lab.OTHER_ACCOUNT),
        (allows({"AWS": lab.OTHER_ACCOUNT}, "secretsmanager:*"), lab.OTHER_ACCOUNT),
        (allows({"AWS": lab.role_arn("any", lab.OTHER_ACCOUNT)}), lab.OTHER_ACCOUNT),
        (allows(named("beta")), "agent-beta"),
        (allows("*", Condition={"StringEquals": {"aws:PrincipalAccount": lab.OTHER_ACCOUNT}}), lab.OTHER_ACCOUNT),
        (allows("*", Condition={"StringEquals": {"aws:PrincipalAccount": lab.ACCOUNT}}), "everybody in its account"),
        (allows("*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}), "anyone in any account"),
    ],
)
def test_others_that_are_let_in_fail(policy: str, says: str) -> None:
    finding = only(with_policy(policy))
    assert finding.verdict is Verdict.FAIL
    assert says in finding.summary
    assert finding.reaches.tenants == ("acme",)
    assert finding.witness is not None
    assert finding.evidence[0].quote
    assert finding.tenant == ("beta" if "agent-beta" in says else None)


@pytest.mark.parametrize(
    "policy",
    [
        allows(named("acme")),
        allows({"AWS": f"arn:aws:iam::{lab.ACCOUNT}:root"}),
        allows({"Service": "lambda.amazonaws.com"}),
        lab.document(lab.statement("secretsmanager:*", "*", "Deny", Principal="*")),
        lab.document(
            lab.statement(lab.READ, "*", Principal="*"),
            lab.statement(
                "secretsmanager:*", "*", "Deny", Principal="*",
                Condition={"ArnNotEquals": {"aws:PrincipalArn": lab.role_arn("agent-acme")}},
            ),
        ),
    ],
)  # fmt: skip
def test_whoever_is_not_let_in_is_none(policy: str) -> None:
    assert only(with_policy(policy)).verdict is Verdict.PASS


def test_aws_own_key_closes_the_value_to_other_accounts() -> None:
    finding = only(with_policy(allows(OTHER)))
    assert any("AWS's own key" in text for text in finding.assuming)


def test_a_role_that_tenants_share_is_decided_for_another_ones_agent() -> None:
    shared = {"AWS": lab.role_arn("agent")}
    text = lab.document(lab.statement(Condition=lab.EQUAL))
    secrets = [lab.secret("acme", policy=allows(shared)), lab.secret("beta")]
    assert only(lab.shared_role(text, names=("acme", "beta"), secrets=secrets)).verdict is Verdict.FAIL
    pinned = allows(shared, Condition={"StringEquals": {"aws:PrincipalTag/TenantId": "acme"}})
    secrets = [lab.secret("acme", policy=pinned), lab.secret("beta")]
    assert only(lab.shared_role(text, names=("acme", "beta"), secrets=secrets)).verdict is Verdict.PASS


@pytest.mark.parametrize("principal", ["*", OTHER, named("beta")])
def test_a_key_that_lets_others_in_fails(principal: Any) -> None:
    key = lab.key("k1", policy=allows(principal, "kms:Decrypt"))
    text = lab.document(lab.statement(Condition=lab.EQUAL))
    snapshot = lab.role_each({"acme": text, "beta": text}, keys=[key], secrets=[lab.secret("acme", key=key.arn)])
    finding = only(snapshot)
    assert finding.verdict is Verdict.FAIL
    assert "kms:Decrypt" in finding.summary
    plain = lab.key("k1")
    snapshot = lab.role_each({"acme": text, "beta": text}, keys=[plain], secrets=[lab.secret("acme", key=plain.arn)])
    assert only(snapshot).verdict is Verdict.PASS


def test_a_grant_to_another_tenants_role_fails() -> None:
    for grantee, verdict in (("beta", Verdict.FAIL), ("acme", Verdict.PASS)):
        grant = lab.KmsGrant(grantee=lab.role_arn(f"agent-{grantee}"), operations=frozenset({"Decrypt"}))
        key = lab.key("k1", grants=(grant,))
        text = lab.document(lab.statement(Condition=lab.EQUAL))
        secrets = [lab.secret("acme", key=key.arn)]
        assert only(lab.role_each({"acme": text, "beta": text}, keys=[key], secrets=secrets)).verdict is verdict


def test_secrets_without_a_policy_are_no_case() -> None:
    with pytest.raises(Skip):
        judged(CHECK, with_policy(None))


def test_a_policy_that_was_not_seen_or_is_none_is_unknown() -> None:
    assert only(with_policy("{")).verdict is Verdict.UNKNOWN


def test_hiding_a_fact_never_improves_a_verdict() -> None:
    for principal in ("*", OTHER, named("acme"), named("beta")):
        assert_hiding_improves_nothing(CHECK, with_policy(allows(principal)))


def test_a_tenant_that_may_own_it_by_tags_that_were_not_seen_is_not_let_in_for_sure() -> None:
    for tags, expected in (({}, Verdict.FAIL), ({"TenantId": "beta"}, Verdict.PASS), (None, Verdict.UNKNOWN)):
        held = lab.secret("acme", tags=tags, policy=allows(named("beta")))
        tenants = [
            lab.tenant("acme", territory=[AwsTerritory(account=lab.ACCOUNT)]),
            lab.tenant("beta", lab.agent("run", "agent-beta")),
        ]
        snapshot = lab.snapshot([lab.account(roles=[lab.role("agent-beta")], secrets=[held])], tenants)
        (finding,) = (one for one in judged(CHECK, snapshot) if one.subject.startswith("secret:"))
        assert finding.verdict is expected, tags


def test_a_key_that_may_encrypt_a_tenants_secret_is_not_left_out() -> None:
    key = lab.key("k", policy=allows(OTHER, "kms:*"), tags={})
    used, dark = lab.secret("acme", key=key.arn), lab.secret("acme", key_seen=False)
    for secret, expected in ((used, {Verdict.FAIL}), (lab.secret("acme"), None), (dark, {Verdict.UNKNOWN})):
        snapshot = lab.snapshot([lab.account(secrets=[secret], keys=[key])], [lab.tenant("acme")])
        if expected is None:
            with pytest.raises(Skip):
                judged(CHECK, snapshot)
        else:
            assert {finding.verdict for finding in judged(CHECK, snapshot)} == expected
