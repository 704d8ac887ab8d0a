"""Which statements cannot apply as they are written, and what that does."""

import json
from typing import Any

import pytest

from cred_audit.check import Finding, Skip, Snapshot, Verdict
from tests import aws_lab as lab
from tests.checks.hidden import assert_hiding_improves_nothing
from tests.checks.judged import judged

ID = "aws_conditions_fit_their_actions"
OWN = "${aws:PrincipalTag/TenantId}"
SENT = {"StringEquals": {"aws:RequestTag/TenantId": OWN}}
NAMED = "arn:aws:secretsmanager:*:*:secret:acme/*"


def shared(*statements: Any, version: str = "2012-10-17", **more: Any) -> Snapshot:
    return lab.shared_role(lab.document(*statements, version=version), **more)


def failed(snapshot: Snapshot) -> list[Finding]:
    return [finding for finding in judged(ID, snapshot) if finding.verdict is Verdict.FAIL]


CLOSES, OPENS = "closes", "opens"
CASES = {
    "RequestTag on a read": (lab.statement(Condition=SENT), "not sent with secretsmanager:GetSecretValue", CLOSES),
    "in a Deny": (lab.statement(effect="Deny", Condition=SENT), "never holds", OPENS),
    "with IfExists": (lab.statement(Condition={"StringEqualsIfExists": SENT["StringEquals"]}), "always holds", OPENS),
    "negated": (lab.statement(Condition={"StringNotEquals": SENT["StringEquals"]}), "always holds", OPENS),
    "negated in a Deny": (
        lab.statement(effect="Deny", Condition={"StringNotEquals": SENT["StringEquals"]}), "always holds", CLOSES),
    "for all values": (
        lab.statement(Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["Name"]}}), "always holds", OPENS),
    "absent by Null": (lab.statement(Condition={"Null": {"aws:RequestTag/TenantId": "true"}}), "always holds", OPENS),
    "a password": (lab.statement("secretsmanager:GetRandomPassword", Condition=lab.EQUAL),
                   "not sent with secretsmanager:GetRandomPassword", CLOSES),
    "a list": (lab.statement("secretsmanager:ListSecrets", Condition=lab.EQUAL), "never holds", CLOSES),
    "a list in a pattern": (lab.statement("secretsmanager:*", Condition={
        "StringEqualsIfExists": lab.EQUAL["StringEquals"]}), "ListSecrets", OPENS),
    "a key of another service": (
        lab.statement(Condition={"StringEquals": {"kms:ViaService": "x"}}), "not sent with", CLOSES),
    "an unknown action": (lab.statement("secretsmanager:GetSecretValues"), "which AWS does not have", CLOSES),
    "an unknown action denied": (
        lab.statement("secretsmanager:GetSecretValues", effect="Deny"), "which AWS does not have", OPENS),
    "a pattern of nothing": (lab.statement("secretsmanager:Fetch*"), "which AWS does not have", CLOSES),
    "an unknown service": (lab.statement("secretmanager:GetSecretValue"), "the service 'secretmanager'", CLOSES),
    "an unknown global key": (
        lab.statement(Condition={"StringEquals": {"aws:PrincipleTag/TenantId": "x"}}), "key 'aws:PrincipleTag", CLOSES),
    "an unknown key of a service": (
        lab.statement(Condition={"StringEquals": {"secretsmanager:Owner": "x"}}), "secretsmanager:Owner", CLOSES),
    "a Resource for a list": (lab.statement("secretsmanager:ListSecrets", NAMED), "takes none", CLOSES),
    "a Resource for a denied list": (
        lab.statement("secretsmanager:ListSecrets", NAMED, effect="Deny"), "takes none", OPENS),
    "a tag that nothing has": (
        lab.statement(Condition={"StringEquals": {"aws:ResourceTag/tenant_id": OWN}}), "tag tenant_id", CLOSES),
    "a tag that no agent has": (lab.statement(Condition={
        "StringEquals": {"aws:ResourceTag/TenantId": "${aws:PrincipalTag/tenant_id}"}}), "principal's tag", CLOSES),
}  # fmt: skip


@pytest.mark.parametrize(("statement", "shows", "does"), CASES.values(), ids=CASES)
def test_a_statement_that_does_not_fit(statement: Any, shows: str, does: str) -> None:
    (found,) = failed(shared(statement))
    assert any(shows in evidence.shows for evidence in found.evidence)
    assert found.note.startswith(does)
    assert found.evidence[0].quote == json.dumps(statement)
    assert found.fix


FIT = {
    "a tag on a read": lab.statement(Condition=lab.EQUAL),
    "the service's own spelling": lab.statement(
        Condition={"StringEquals": {"secretsmanager:ResourceTag/TenantId": OWN}}),
    "request tags on tagging": lab.statement("secretsmanager:TagResource", Condition={
        **SENT, "ForAllValues:StringEquals": {"aws:TagKeys": ["TenantId"]}}),
    "global keys": lab.statement(Condition={
        "Bool": {"aws:SecureTransport": "true"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
        "StringEquals": {"aws:PrincipalOrgID": "o-1", "aws:SourceVpce": "vpce-1"}}),
    "an encryption context": lab.statement("kms:Decrypt", Condition={
        "StringLike": {"kms:EncryptionContext:SecretARN": NAMED}, "StringEquals": {"kms:ViaService": "x"}}),
    "a pattern of a service": lab.statement("secretsmanager:*", Condition=lab.EQUAL),
    "a pattern in a Deny": lab.statement("secretsmanager:*", effect="Deny", Condition={
        "StringNotEquals": lab.EQUAL["StringEquals"]}),
    "everything": lab.statement("*"),
    "any case": lab.statement("SecretsManager:getsecretvalue", Condition={
        "stringequals": {"AWS:resourcetag/tenantid": OWN}}),
    "a list without a resource": lab.statement(["secretsmanager:ListSecrets", "sts:GetCallerIdentity"]),
    "all but": {"Effect": "Deny", "NotAction": "secretsmanager:*", "Resource": "*"},
    "keys of a workload": lab.statement(Condition={"ArnEquals": {"lambda:SourceFunctionArn": "arn:aws:lambda:x"}}),
    "a tag that no tenant is told by": lab.statement(
        effect="Deny", Condition={"StringEquals": {"aws:ResourceTag/Locked": "yes"}}),
}  # fmt: skip


@pytest.mark.parametrize("statement", FIT.values(), ids=FIT)
def test_a_statement_that_fits(statement: Any) -> None:
    (found,) = judged(ID, shared(statement))
    assert (found.verdict, found.subject, found.count) == (Verdict.PASS, f"account {lab.ACCOUNT}", 1)


@pytest.mark.parametrize(("statement", "does"), [
    (lab.statement(Condition=lab.EQUAL), CLOSES),
    (lab.statement(Condition={"StringNotEquals": lab.EQUAL["StringEquals"]}), OPENS),
    (lab.statement(effect="Deny", Condition=lab.EQUAL), OPENS),
    (lab.statement(effect="Deny", Condition={"StringNotEquals": lab.EQUAL["StringEquals"]}), CLOSES),
    (lab.statement(resource="arn:aws:secretsmanager:*:*:secret:${aws:PrincipalTag/TenantId}/*"), CLOSES),
])  # fmt: skip
def test_a_variable_without_a_version_is_text(statement: Any, does: str) -> None:
    (found,) = failed(shared(statement, version="2008-10-17"))
    assert found.note.startswith(does)
    assert "plain text" in found.summary


def test_the_policy_of_a_thing_is_compared_too() -> None:
    text = lab.document(lab.statement(effect="Deny", Principal="*", Condition=SENT))
    secrets = [lab.secret("acme", policy=text), *(lab.secret(name) for name in ("beta", "gamma"))]
    (found,) = failed(shared(lab.statement(Condition=lab.EQUAL), secrets=secrets))
    assert secrets[0].arn in found.subject
    assert found.note.startswith(OPENS)


def test_a_policy_that_aws_would_refuse() -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": {**lab.statement(), "Principal": "*"}})
    found = judged(ID, lab.shared_role(lab.document(lab.statement(Condition=lab.EQUAL)), text))
    assert {finding.verdict for finding in found} == {Verdict.FAIL, Verdict.UNKNOWN}
    assert any("must not have Principal" in one.shows for finding in found for one in finding.evidence)
    for odd in ("{", "\x00" * 50, "[" * 10_000, "{}"):
        verdicts = {finding.verdict for finding in judged(ID, lab.shared_role(odd))}
        assert Verdict.PASS not in verdicts
        assert Verdict.UNKNOWN in verdicts


def test_without_any_policy_the_claim_is_not_called_for() -> None:
    account = lab.account(roles=[lab.role("agent")], secrets=[lab.secret("acme")])
    with pytest.raises(Skip, match="no policy binds"):
        judged(ID, lab.snapshot([account], [lab.tenant("acme", lab.agent("a", "agent"))]))


@pytest.mark.parametrize(
    "statement",
    [
        CASES["RequestTag on a read"][0],
        CASES["a tag that nothing has"][0],
        CASES["a tag that no agent has"][0],
        FIT["a tag on a read"],
    ],
)
def test_hiding_a_fact_never_improves_a_verdict(statement: Any) -> None:
    assert_hiding_improves_nothing(ID, shared(statement, names=("acme", "beta")))
