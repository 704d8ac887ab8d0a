"""Policies that AWS would refuse: findings that depend on them name them, and say why."""

from dataclasses import replace
from typing import Any

import pytest

from cred_audit.decide.aws.world import AwsWorld
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict
from tests import aws_lab as lab
from tests.checks.judged import judged

READ = "aws_no_cross_tenant_read"
BROKEN = lab.document({"Effect": "Allow", "Action": lab.READ})
"""A statement without Resource."""
OWN = lab.document(lab.statement(Condition=lab.EQUAL))
MANAGED = f"arn:aws:iam::{lab.ACCOUNT}:policy/m"
WHY = "AWS would refuse it: statement 1: there is neither Resource nor NotResource, which a {} needs"


def unknown(snapshot: Snapshot) -> Finding:
    return next(one for one in judged(READ, snapshot) if one.verdict is Verdict.UNKNOWN)


def shown(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [(one.where, one.shows) for one in unknown(snapshot).evidence]


def test_an_inline_policy_is_named_with_its_role() -> None:
    assert shown(lab.shared_role(OWN, BROKEN)) == [
        (f"inline policy p2 of {lab.role_arn('agent')}", WHY.format("identity policy"))
    ]


def test_each_of_two_policies_of_one_name_has_its_own_reason() -> None:
    other = lab.document({"Effect": "Allow", "Resource": "*"})
    found = judged(READ, lab.role_each({"acme": BROKEN, "beta": other}))
    said = {one.tenant: one.evidence[0] for one in found if one.verdict is Verdict.UNKNOWN}
    assert "neither Resource" in said["acme"].shows
    assert "neither Action" in said["beta"].shows
    assert said["beta"].where == f"inline policy p1 of {lab.role_arn('agent-beta')}"


def test_managed_policies_and_boundaries_are_named() -> None:
    role = lab.role("agent", OWN, attached=(MANAGED,))
    names = [lab.tenant(name, lab.agent("a", "agent", session_tags={"TenantId": name})) for name in lab.TENANTS]
    secrets = [lab.secret(name) for name in lab.TENANTS]
    for one, kind in (
        (role, "identity policy"),
        (replace(role, attached=(), boundary=MANAGED, inline=lab.role("x", lab.document(lab.statement())).inline),
         "permissions boundary"),
    ):  # fmt: skip
        account = lab.account(roles=[one], secrets=secrets, policies={MANAGED: BROKEN})
        assert (MANAGED, WHY.format(kind)) in shown(lab.snapshot([account], names))


def test_policies_of_a_users_groups_are_named() -> None:
    group = lab.Group(arn=f"arn:aws:iam::{lab.ACCOUNT}:group/g", inline=(lab.PolicyText(name="own", text=BROKEN),))
    user = lab.User(arn=f"arn:aws:iam::{lab.ACCOUNT}:user/u", groups=("g",))
    acting = lab.agent("a", "x")
    assert acting.aws is not None
    acting = replace(acting, aws=replace(acting.aws, role="", user=user.arn))
    secrets = [lab.secret("acme"), lab.secret("beta")]
    account = lab.account(users=[user], groups=[group], secrets=secrets)
    found = shown(lab.snapshot([account], [lab.tenant("acme", acting), lab.tenant("beta")]))
    assert found == [(f"inline policy own of {group.arn}", WHY.format("identity policy"))]


def with_organization(**bound: Any) -> Snapshot:
    whole = lab.shared_role(lab.document(lab.statement()))
    assert whole.aws is not None
    world = AwsWorld(accounts=whole.aws.world.accounts, organization=lab.Organization(**bound))
    return replace(whole, aws=replace(whole.aws, world=world))


@pytest.mark.parametrize(("bound", "kind"), [("scps", "service control policy"), ("rcps", "resource control policy")])
def test_policies_of_the_organization_are_named(bound: str, kind: str) -> None:
    levels = ((lab.PolicyText(name="p-1", text=BROKEN),),)
    said = shown(with_organization(**{bound: {lab.ACCOUNT: levels}}))
    assert (f"{kind} p-1", WHY.format(kind)) in said
    assert f"the {kind} was not seen" not in str(said)


def test_policies_of_secrets_and_keys_are_named() -> None:
    broken = lab.document({"Effect": "Allow", "Principal": "*", "Resource": "*"})
    why = "AWS would refuse it: statement 1: there is neither Action nor NotAction"
    secrets = [lab.secret(name, policy=broken) for name in lab.TENANTS]
    said = shown(lab.shared_role(lab.document(lab.statement()), secrets=secrets))
    assert said in [[(f"resource policy of the secret {one.arn}", why)] for one in secrets]
    key = lab.key("k", policy=broken)
    secrets = [lab.secret(name, key=key.arn) for name in lab.TENANTS]
    text = lab.document(lab.statement([lab.READ, "kms:Decrypt"]))
    assert (f"key policy of {key.arn}", why) in shown(lab.shared_role(text, secrets=secrets, keys=[key]))


def test_what_was_not_seen_at_all_is_still_said() -> None:
    whole = lab.shared_role(OWN, BROKEN)
    assert whole.aws is not None
    (account,) = whole.aws.world.accounts
    assert account.roles is not None
    roles = tuple(replace(role, attached=None) for role in account.roles)
    world = AwsWorld(accounts=(replace(account, roles=roles),), organization=lab.NO_ORGANIZATION)
    said = shown(replace(whole, aws=replace(whole.aws, world=world)))
    assert [where for where, _ in said] == [f"inline policy p2 of {lab.role_arn('agent')}", "AWS's rules"]
    assert said[1][1] == "the identity policy was not seen"
