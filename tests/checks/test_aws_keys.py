"""Keys of tenants' secrets: one for each tenant, customer keys, and bound where tenants share one."""

from typing import Any

import pytest

from cred_audit.check import Skip
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict
from tests import aws_lab as lab
from tests.checks.hidden import assert_hiding_improves_nothing, verdict
from tests.checks.judged import judged

PER_TENANT, CUSTOMER, BOUND = "aws_keys_are_per_tenant", "aws_secrets_have_customer_keys", "aws_key_use_is_bound"
K1, K2 = lab.key("k1"), lab.key("k2")
READS = lab.statement(Condition=lab.EQUAL)
OWN_SECRETS = "arn:aws:secretsmanager:*:*:secret:${aws:PrincipalTag/TenantId}/*"
THROUGH = {"kms:ViaService": f"secretsmanager.{lab.REGION}.amazonaws.com"}


def keyed(*decrypts: Any, keys: Any = (K1, K2), of: Any = (K1, K2), **more: Any) -> Snapshot:
    text = lab.document(READS, *decrypts)
    secrets = [lab.secret(name, key=key.arn if key else None) for name, key in zip(("acme", "beta"), of, strict=True)]
    return lab.shared_role(
        text, names=("acme", "beta"), keys=keys, secrets=[*secrets, *more.pop("secrets", ())], **more
    )


def one(check: str, snapshot: Snapshot, kind: str) -> Finding:
    (finding,) = [finding for finding in judged(check, snapshot) if finding.subject.startswith(kind)]
    return finding


def test_one_key_for_two_tenants_fails() -> None:
    finding = one(PER_TENANT, keyed(of=(K1, K1)), "key:")
    assert finding.verdict is Verdict.FAIL
    assert finding.reaches.tenants == ("acme", "beta")
    assert finding.count == 2
    assert verdict(PER_TENANT, keyed()) is Verdict.PASS


def test_a_key_by_id_or_alias_is_the_same_key() -> None:
    key = lab.key("k1", aliases=("alias/platform",))
    secrets = [lab.secret("acme", key="alias/platform"), lab.secret("beta", key="k1")]
    snapshot = lab.shared_role(lab.document(READS), names=("acme", "beta"), keys=[key], secrets=secrets)
    assert one(PER_TENANT, snapshot, "key:").verdict is Verdict.FAIL


def test_parameters_count_where_they_are_encrypted() -> None:
    for kind, expected in (("SecureString", Verdict.FAIL), ("String", Verdict.PASS)):
        snapshot = keyed(of=(K1, K2), parameters=[lab.parameter("beta", type=kind, key=K1.arn)])
        assert verdict(PER_TENANT, snapshot) is expected


def test_a_key_that_is_one_tenants_own_and_encrypts_anothers_secret_fails() -> None:
    owned = lab.key("k1", tags={"TenantId": "acme"})
    assert one(PER_TENANT, keyed(keys=(owned,), of=(None, owned)), "key:").reaches.tenants == ("acme", "beta")


def test_aws_own_key_is_no_case_of_keys_per_tenant_but_of_customer_keys() -> None:
    snapshot = keyed(of=(None, None))
    with pytest.raises(Skip):
        judged(PER_TENANT, snapshot)
    with pytest.raises(Skip):
        judged(BOUND, snapshot)
    assert {(one.subject, one.verdict) for one in judged(CUSTOMER, snapshot)} == {
        ("tenant:acme", Verdict.FAIL), ("tenant:beta", Verdict.FAIL),
    }  # fmt: skip
    assert verdict(CUSTOMER, keyed()) is Verdict.PASS
    assert verdict(CUSTOMER, keyed(of=(K1, None))) is Verdict.FAIL


def test_without_secrets_there_is_nothing_to_encrypt() -> None:
    for check in (PER_TENANT, CUSTOMER, BOUND):
        with pytest.raises(Skip):
            judged(check, lab.shared_role(lab.document(READS), secrets=()))


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": THROUGH},
        {"StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"}},
        {"StringLike": {"kms:EncryptionContext:SecretARN": OWN_SECRETS}},
        {"Bool": {"aws:ViaAWSService": "true"}},
    ],
)  # fmt: skip
def test_a_bound_use_of_a_shared_key_holds(condition: Any) -> None:
    snapshot = keyed(lab.statement("kms:Decrypt", K1.arn, Condition=condition), of=(K1, K1))
    assert [(one.tenant, one.verdict) for one in judged(BOUND, snapshot)] == [
        ("acme", Verdict.PASS), ("beta", Verdict.PASS),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (lab.statement("kms:Decrypt", K1.arn), "decrypt anything"),
        (lab.statement("kms:*", "*"), "decrypt anything"),
        (lab.statement("kms:Decrypt", K1.arn, Condition={"StringEqualsIfExists": THROUGH}), "decrypt anything"),
        (
            lab.statement(
                "kms:Decrypt", K1.arn,
                Condition={"StringLike": {"kms:EncryptionContext:SecretARN": "arn:aws:secretsmanager:*"}},
            ),
            "decrypt anything",
        ),
        (lab.statement("kms:CreateGrant", K1.arn), "give others the use"),
        (lab.statement("kms:PutKeyPolicy", K1.arn), "write the policy"),
    ],
)  # fmt: skip
def test_an_unbound_use_of_a_shared_key_fails(statement: Any, says: str) -> None:
    findings = judged(BOUND, keyed(statement, of=(K1, K1)))
    assert [(one.tenant, one.verdict, one.reaches.tenants) for one in findings] == [
        ("acme", Verdict.FAIL, ("beta",)), ("beta", Verdict.FAIL, ("acme",)),
    ]  # fmt: skip
    assert says in findings[0].summary
    assert findings[0].witness is not None
    assert findings[0].witness.fields["resource"] == K1.arn
    assert {one.verdict for one in judged(PER_TENANT, keyed(statement))} == {Verdict.PASS}


def test_a_key_policy_that_names_the_role_counts() -> None:
    policy = lab.document(lab.statement("kms:Decrypt", "*", Principal={"AWS": lab.role_arn("agent")}))
    key = lab.key("k1", policy=policy)
    assert verdict(BOUND, keyed(keys=(key,), of=(key, key))) is Verdict.FAIL
    limited = lab.document(
        lab.statement("kms:Decrypt", "*", Principal={"AWS": lab.role_arn("agent")}, Condition={"StringEquals": THROUGH})
    )
    key = lab.key("k1", policy=limited)
    assert verdict(BOUND, keyed(keys=(key,), of=(key, key))) is Verdict.PASS


def test_a_grant_without_an_encryption_context_fails() -> None:
    for context, expected in ((None, Verdict.FAIL), ({"SecretARN": "x"}, Verdict.PASS)):
        grant = lab.KmsGrant(
            grantee=lab.role_arn("worker"), operations=frozenset({"Decrypt"}), context_subset=context, name="g"
        )
        key = lab.key("k1", grants=(grant,))
        assert one(BOUND, keyed(keys=(key,), of=(key, key)), "grant:").verdict is expected


def test_hiding_a_fact_never_improves_a_verdict() -> None:
    for snapshot in (
        keyed(), keyed(of=(K1, K1)), keyed(of=(K1, None)),
        keyed(lab.statement("kms:Decrypt", K1.arn), of=(K1, K1)),
        keyed(lab.statement("kms:Decrypt", K1.arn, Condition={"StringEquals": THROUGH}), of=(K1, K1)),
    ):  # fmt: skip
        for check in (PER_TENANT, CUSTOMER, BOUND):
            assert_hiding_improves_nothing(check, snapshot)
