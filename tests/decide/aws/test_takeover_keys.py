"""Control of keys that encrypt what others own, whoever the keys belong to: each planted, each with a negative twin."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from cred_audit.finding import Verdict
from tests import aws_lab as lab
from tests.decide.aws.test_takeover import ROOT, TARGET, chain, found, target, world

KEY, OTHER = lab.key("k1"), lab.key("k2")
GRANT, PUT_POLICY = "kms:CreateGrant", "kms:PutKeyPolicy"
READS_ALL = lab.statement([lab.READ, "ssm:GetParameter"])


def encrypted(*statements: Mapping[str, Any], key: Any = KEY, beta: Any = KEY.arn, **more: Any) -> Any:
    """Return a world in which a key that is nobody's encrypts beta's secret."""
    more.setdefault("secrets", [lab.secret("acme"), lab.secret("beta", key=beta)])
    return world(*statements, keys=[key, OTHER], **more)


@pytest.mark.parametrize("action", [GRANT, PUT_POLICY])
def test_control_of_a_key_that_is_nobodys_opens_what_it_encrypts(action: str) -> None:
    assert chain(encrypted(READS_ALL, lab.statement(action))) == [action, lab.READ]
    assert chain(encrypted(READS_ALL, lab.statement(action, KEY.arn))) == [action, lab.READ]
    assert chain(encrypted(READS_ALL, lab.statement(action, OTHER.arn))) == []
    assert chain(encrypted(READS_ALL)) == []
    own = [lab.secret("acme", key=KEY.arn), lab.secret("beta", key=OTHER.arn)]
    assert chain(encrypted(READS_ALL, lab.statement(action, KEY.arn), secrets=own)) == []


def test_without_a_read_it_is_control_of_the_key() -> None:
    one = found(encrypted(lab.statement(GRANT)))
    assert one.verdict is Verdict.FAIL
    assert one.reaches.tenants == ("beta",)
    assert f"the key {KEY.arn}, which beta stands on" in one.summary
    service = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    assert chain(encrypted(lab.statement(GRANT, Condition=service))) == []
    assert chain(encrypted(lab.statement(["kms:Decrypt", "kms:DescribeKey"]))) == []


def test_a_key_that_is_shared_or_the_agents_own_counts_for_the_others() -> None:
    shared = [lab.secret("acme", key=KEY.arn), lab.secret("beta", key=KEY.arn)]
    own = replace(KEY, tags={"TenantId": "acme"})
    for key in (KEY, own):
        assert chain(encrypted(READS_ALL, lab.statement(GRANT), key=key, secrets=shared)) == [GRANT, lab.READ]
    alone = [lab.secret("acme", key=KEY.arn), lab.secret("beta")]
    assert chain(encrypted(lab.statement(GRANT), key=own, secrets=alone)) == []


def test_a_principal_that_it_becomes_controls_the_key() -> None:
    assume = lab.statement("sts:AssumeRole", TARGET)
    roles = [target(lab.document(lab.statement(GRANT)), trust=lab.trust(ROOT))]
    assert chain(encrypted(assume, roles=roles)) == ["sts:AssumeRole", GRANT]
    roles = [target(lab.document(lab.statement(GRANT, OTHER.arn)), trust=lab.trust(ROOT))]
    assert chain(encrypted(assume, roles=roles)) == []


def test_a_key_policy_that_names_the_agent_is_enough() -> None:
    policy = lab.document(lab.statement(GRANT, Principal={"AWS": lab.role_arn("agent")}))
    assert chain(encrypted(key=replace(KEY, policy=policy))) == [GRANT]
    policy = lab.document(lab.statement(GRANT, Principal={"AWS": lab.role_arn("other")}))
    assert chain(encrypted(key=replace(KEY, policy=policy))) == []


def test_parameters_are_encrypted_too() -> None:
    parameters = [lab.parameter("beta", key=KEY.arn)]
    secrets = [lab.secret("acme")]
    assert chain(encrypted(READS_ALL, lab.statement(GRANT), secrets=secrets, parameters=parameters)) == [
        GRANT, "ssm:GetParameter",
    ]  # fmt: skip
    plain = [lab.parameter("beta", key=KEY.arn, type="String")]
    assert chain(encrypted(lab.statement(GRANT), secrets=secrets, parameters=plain)) == []


AWAY = f"arn:aws:kms:{lab.REGION}:{lab.OTHER_ACCOUNT}:key/far"


@pytest.mark.parametrize(("statement", "more", "expected"), [
    (lab.statement(GRANT), {"secrets": [lab.secret("beta", key=KEY.arn, key_seen=False)]}, Verdict.UNKNOWN),
    (lab.statement(), {"secrets": [lab.secret("beta", key_seen=False)]}, Verdict.PASS),
    (lab.statement(GRANT), {"secrets": [lab.secret("x", key=KEY.arn, tags=None)]}, Verdict.UNKNOWN),
    (lab.statement(GRANT), {"key": replace(KEY, policy=None)}, Verdict.UNKNOWN),
    (lab.statement(GRANT), {"key": replace(KEY, tags=None)}, Verdict.FAIL),
    (lab.statement(GRANT), {"beta": AWAY}, Verdict.UNKNOWN),
    (lab.statement(GRANT, KEY.arn), {"beta": AWAY}, Verdict.UNKNOWN),
    (lab.statement(GRANT), {"beta": "alias/unheard-of"}, Verdict.UNKNOWN),
    (lab.statement(GRANT), {"secrets": [lab.secret("acme", key_seen=False), lab.secret("beta")]}, Verdict.PASS),
])  # fmt: skip
def test_what_was_not_seen_of_a_key_is_not_passed(statement: Any, more: dict[str, Any], expected: Verdict) -> None:
    assert found(encrypted(statement, **more)).verdict is expected
