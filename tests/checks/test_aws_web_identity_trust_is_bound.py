"""Roles that identity providers open name their users and clients."""

from typing import Any

import pytest

from cred_audit.check import Skip
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict
from tests import aws_lab as lab
from tests.checks.hidden import assert_hiding_improves_nothing
from tests.checks.judged import judged

CHECK = "aws_web_identity_trust_is_bound"
HOST = "oidc.eks.us-east-1.amazonaws.com/id/0123ABCD"
GITHUB = "token.actions.githubusercontent.com"
WEB = "sts:AssumeRoleWithWebIdentity"
POOL = "us-east-1:0f0f0f0f-1111-2222-3333-444444444444"
COGNITO = "cognito-identity.amazonaws.com"
PODS = {"Service": "pods.eks.amazonaws.com"}
POD_ACTIONS = ["sts:AssumeRole", "sts:TagSession"]


def oidc(host: str = HOST, action: Any = WEB, **conditions: Any) -> str:
    provider = {"Federated": f"arn:aws:iam::{lab.ACCOUNT}:oidc-provider/{host}"}
    return lab.trust(provider, action, **({"Condition": conditions} if conditions else {}))


def one(trust: str, **more: Any) -> Snapshot:
    role = lab.role("agent-acme", trust=trust, **more)
    return lab.snapshot([lab.account(roles=[role])], [lab.tenant("acme", lab.agent("a", "agent-acme"))])


def judge_one(trust: str) -> Finding:
    (finding,) = judged(CHECK, one(trust))
    return finding


def pinned(sub: Any, host: str = HOST, operator: str = "StringEquals") -> dict[str, Any]:
    if operator == "StringEquals":
        return {"StringEquals": {f"{host}:sub": sub, f"{host}:aud": "sts.amazonaws.com"}}
    return {operator: {f"{host}:sub": sub}, "StringEquals": {f"{host}:aud": "sts.amazonaws.com"}}


BOUND = {
    "service account": oidc(**pinned("system:serviceaccount:acme:agent")),
    "a tenant's namespace": oidc(**pinned("system:serviceaccount:acme:*", operator="StringLike")),
    "branches of a repository": oidc(GITHUB, **pinned("repo:org/app:*", GITHUB, "StringLike")),
    "another claim": oidc(
        GITHUB, StringEquals={f"{GITHUB}:aud": "sts.amazonaws.com", f"{GITHUB}:repository_id": "4711"}
    ),
    "saml": lab.trust(
        {"Federated": f"arn:aws:iam::{lab.ACCOUNT}:saml-provider/corp"}, "sts:AssumeRoleWithSAML",
        Condition={"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
    ),
    "cognito": lab.trust(
        {"Federated": COGNITO}, WEB,
        Condition={"StringEquals": {f"{COGNITO}:aud": POOL},
                   "ForAnyValue:StringLike": {f"{COGNITO}:amr": "authenticated"}},
    ),
    "pods of a namespace": lab.trust(
        PODS, POD_ACTIONS, Condition={"StringEquals": {"aws:RequestTag/kubernetes-namespace": "acme"}}
    ),
    "pods of a cluster": lab.trust(
        PODS, POD_ACTIONS,
        Condition={"ArnEquals": {"aws:SourceArn": f"arn:aws:eks:us-east-1:{lab.ACCOUNT}:cluster/acme"}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("trust", BOUND.values(), ids=BOUND)
def test_a_bound_trust_holds(trust: str) -> None:
    assert judge_one(trust).verdict is Verdict.PASS


OPEN = {
    "no condition": (oidc(), "any user"),
    "no user": (oidc(StringEquals={f"{HOST}:aud": "sts.amazonaws.com"}), "any user"),
    "every user": (oidc(**pinned("*", operator="StringLike")), "any user"),
    "user if exists": (oidc(**pinned("system:serviceaccount:acme:agent", operator="StringNotEquals")), "any user"),
    "no audience": (oidc(StringEquals={f"{HOST}:sub": "system:serviceaccount:acme:agent"}), "any client"),
    "any namespace": (oidc(**pinned("system:serviceaccount:*:agent", operator="StringLike")), "every user like"),
    "an account of any namespace": (
        oidc(**pinned("system:serviceaccount:*:acme", operator="StringLike")), "every user like",
    ),
    "any repository": (oidc(GITHUB, **pinned("repo:org/*", GITHUB, "StringLike")), "every user like"),
    "a name's beginning": (oidc(GITHUB, **pinned("repo:org/acme*", GITHUB, "StringLike")), "every user like"),
    "google": (lab.trust({"Federated": "accounts.google.com"}, WEB), "any user"),
    "amazon": (
        lab.trust({"Federated": "www.amazon.com"}, WEB, Condition={"StringEquals": {"www.amazon.com:app_id": "x"}}),
        "any user",
    ),
    "saml": (
        lab.trust({"Federated": f"arn:aws:iam::{lab.ACCOUNT}:saml-provider/corp"}, "sts:AssumeRoleWithSAML"),
        "any audience",
    ),
    "cognito pools": (lab.trust({"Federated": COGNITO}, WEB), "any identity pool"),
    "cognito guests": (
        lab.trust({"Federated": COGNITO}, WEB, Condition={"StringEquals": {f"{COGNITO}:aud": POOL}}), "guests",
    ),
    "pods": (lab.trust(PODS, POD_ACTIONS), "pods of any namespace"),
}  # fmt: skip


@pytest.mark.parametrize(("trust", "says"), OPEN.values(), ids=OPEN)
def test_an_open_trust_fails(trust: str, says: str) -> None:
    finding = judge_one(trust)
    assert finding.verdict is Verdict.FAIL
    assert says in finding.summary
    assert finding.reaches.tenants == ("acme",)
    assert finding.evidence[0].quote


def test_the_witness_is_a_token_that_is_taken() -> None:
    witness = judge_one(oidc(StringEquals={f"{HOST}:aud": "sts.amazonaws.com"})).witness
    assert witness is not None
    assert witness.fields["action"] == WEB
    assert witness.fields["context"][f"{HOST}:aud".lower()] == "sts.amazonaws.com"


def test_all_accounts_of_a_namespace_that_no_tenant_is_named_after_are_not_judged() -> None:
    finding = judge_one(oidc(**pinned("system:serviceaccount:agents:*", operator="StringLike")))
    assert finding.verdict is Verdict.UNKNOWN


def test_a_statement_that_another_denies_lets_nobody_in() -> None:
    denied = lab.statement(WEB, None, "Deny", Principal="*")
    provider = {"Federated": f"arn:aws:iam::{lab.ACCOUNT}:oidc-provider/{HOST}"}
    with pytest.raises(Skip):
        judged(CHECK, one(lab.document(lab.statement(WEB, None, Principal=provider), denied)))


def test_roles_without_a_provider_are_another_claim() -> None:
    with pytest.raises(Skip):
        judged(CHECK, one(lab.trust({"Service": "lambda.amazonaws.com"})))


def test_hiding_a_fact_never_improves_a_verdict() -> None:
    for trust in (oidc(), BOUND["service account"], BOUND["pods of a namespace"]):
        assert_hiding_improves_nothing(CHECK, one(trust))
