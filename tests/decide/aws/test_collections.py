"""Calls that give many things at once: account-wide lists and parameters by path."""

from typing import Any

import pytest

from cred_audit.decide.aws import catalogue
from cred_audit.decide.aws.estate import ActionClass, Collection, actions_of
from cred_audit.decide.aws.holdings import Holding, Holdings
from cred_audit.decide.aws.principals import Documents, Principals
from cred_audit.decide.aws.reach import Agent, Estate, Owners
from cred_audit.decide.aws.world import AwsWorld
from tests import aws_lab as lab

KEY = lab.key("k1")
ROOT = f"arn:aws:ssm:{lab.REGION}:{lab.ACCOUNT}:parameter/"


def estate_of(account: Any, *, others: bool = False, role_account: str = lab.ACCOUNT) -> tuple[Estate, Agent]:
    accounts = account if isinstance(account, tuple) else (account,)
    principals = Principals(AwsWorld(accounts=accounts, organization=lab.NO_ORGANIZATION), Documents())
    territories = (Holding(owner=name, tags={"TenantId": name}) for name in lab.TENANTS)
    holdings = Holdings(principals, territories, others=others)
    found = principals.principal(lab.role_arn("agent", role_account), session_tags={"TenantId": "acme"})
    assert isinstance(found, tuple)
    agent = Agent(tenant="acme", principal=found[0], policies=found[1])
    return Estate(holdings.things, [agent]), agent


def grants(
    wanted: ActionClass, *statements: Any, others: bool = False, **parts: Any
) -> list[tuple[str, Owners, tuple[str, ...]]]:
    role = lab.role("agent", lab.document(*statements))
    estate, agent = estate_of(lab.account(roles=[role], **parts), others=others)
    return [(one.effect.value, one.owners, one.actions) for one in estate.reach(agent, wanted).grants]


SECRETS = [lab.secret(name) for name in lab.TENANTS]
PARAMETERS = [lab.parameter(name, type="String") for name in lab.TENANTS]
OTHERS = Owners(all_except=("acme",))


@pytest.mark.parametrize(("action", "parts", "expected"), [
    ("secretsmanager:ListSecrets", {"secrets": SECRETS}, OTHERS),
    ("secretsmanager:BatchGetSecretValue", {"secrets": SECRETS}, None),
    ("secretsmanager:ListSecrets", {"secrets": SECRETS[:1]}, None),
    ("secretsmanager:ListSecrets", {"parameters": PARAMETERS}, None),
    ("ssm:DescribeParameters", {"parameters": PARAMETERS}, OTHERS),
    ("tag:GetResources", {"secrets": SECRETS[:1], "keys": [lab.key("b", tags={"TenantId": "beta"})]},
     Owners(all_except=("acme",))),
    ("kms:ListAliases", {"keys": [lab.key("b", tags={"TenantId": "beta"})]}, Owners(all_except=())),
])  # fmt: skip
def test_a_list_without_a_resource_shows_everybody(action: str, parts: dict[str, Any], expected: Owners | None) -> None:
    found = grants(ActionClass.LIST, lab.statement(action), **parts)
    if expected is None:
        assert found == []
    else:
        ((effect, owners, actions),) = found
        assert effect == "allow"
        assert actions == (action,)
        assert {*(owners.all_except or ())} <= {"acme"}


def test_what_a_list_reaches_is_named() -> None:
    assert grants(ActionClass.LIST, lab.statement("secretsmanager:ListSecrets"), secrets=SECRETS) == [
        ("allow", OTHERS, ("secretsmanager:ListSecrets",))
    ]


def test_a_list_needs_a_resource_of_star() -> None:
    narrow = lab.statement("secretsmanager:ListSecrets", f"arn:aws:secretsmanager:*:{lab.ACCOUNT}:secret:*")
    assert grants(ActionClass.LIST, narrow, secrets=SECRETS) == []
    elsewhere = lab.statement(
        "secretsmanager:ListSecrets", Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}
    )
    assert grants(ActionClass.LIST, elsewhere, secrets=SECRETS) == []
    here = lab.statement("secretsmanager:ListSecrets", Condition={"StringEquals": {"aws:RequestedRegion": lab.REGION}})
    assert grants(ActionClass.LIST, here, secrets=SECRETS) == [("allow", OTHERS, ("secretsmanager:ListSecrets",))]


def test_a_list_shows_the_callers_own_account_only() -> None:
    text = lab.document(lab.statement("secretsmanager:ListSecrets"))
    accounts = (
        lab.account(roles=[lab.role("agent", text)]),
        lab.account(id=lab.OTHER_ACCOUNT, secrets=[lab.secret("beta", account=lab.OTHER_ACCOUNT)]),
    )
    estate, agent = estate_of(accounts)
    assert estate.reach(agent, ActionClass.LIST).grants == ()


def test_the_lists_take_no_resource_by_the_reference() -> None:
    for service in ("secretsmanager", "ssm", "kms", "tag"):
        for action in actions_of(ActionClass.LIST, f"{Collection.EVERYTHING.value} of {service}"):
            details = catalogue.action_details(action)
            assert details is not None
            assert not details["resourceTypes"]
            assert not catalogue.changes(action)


def by_path(folder: str, **more: Any) -> Any:
    return lab.statement("ssm:GetParametersByPath", ROOT + folder, **more)


@pytest.mark.parametrize(("folder", "expected"), [
    ("", [("allow", OTHERS)]),
    ("*", [("allow", OTHERS)]),
    ("acme", []),
    ("beta", [("allow", Owners(names=("beta",)))]),
    ("beta/*", []),
    ("acme*", []),
])  # fmt: skip
def test_a_folder_gives_all_that_is_below(folder: str, expected: list[tuple[str, Owners]]) -> None:
    for wanted in (ActionClass.READ, ActionClass.LIST):
        found = grants(wanted, by_path(folder), parameters=PARAMETERS)
        assert [(effect, owners) for effect, owners, _ in found] == expected


def test_a_deny_below_does_not_stop_a_folder() -> None:
    deny = lab.statement("ssm:*", f"{ROOT}beta/db", effect="Deny")
    found = grants(ActionClass.READ, by_path("beta"), deny, parameters=PARAMETERS)
    assert [(effect, owners) for effect, owners, _ in found] == [("allow", Owners(names=("beta",)))]


def test_a_value_below_needs_its_key() -> None:
    keyed = [lab.parameter(name, key=KEY.arn) for name in lab.TENANTS]
    parts: dict[str, Any] = {"parameters": keyed, "keys": [KEY]}
    assert grants(ActionClass.READ, by_path(""), **parts) == []
    assert [one[:2] for one in grants(ActionClass.LIST, by_path(""), **parts)] == [("allow", OTHERS)]
    bound = {"StringLike": {"kms:EncryptionContext:PARAMETER_ARN": f"{ROOT}beta/*"}}
    decrypt = lab.statement("kms:Decrypt", Condition=bound)
    found = [one[:2] for one in grants(ActionClass.READ, by_path(""), decrypt, **parts)]
    assert found == [("allow", Owners(names=("beta",)))]


def test_a_parameter_is_read_by_name_not_by_path() -> None:
    assert grants(ActionClass.READ, by_path("beta/db"), parameters=PARAMETERS) == []


def test_tags_that_were_not_seen_make_no_proof() -> None:
    hidden = [lab.secret("acme"), lab.secret("beta", tags=None)]
    found = grants(ActionClass.READ, lab.statement(), secrets=hidden)
    assert [effect for effect, _, _ in found] == ["unknown"]
    found = grants(ActionClass.LIST, lab.statement("secretsmanager:ListSecrets"), secrets=hidden)
    assert [effect for effect, _, _ in found] == ["unknown"]
    assert grants(ActionClass.READ, lab.statement("s3:*"), secrets=hidden) == []


def test_what_nobody_owns_counts_where_others_are_a_territory() -> None:
    stray = [lab.secret("acme"), lab.secret("x", tags={})]
    listing = lab.statement("secretsmanager:ListSecrets")
    assert grants(ActionClass.LIST, listing, secrets=stray) == []
    assert [effect for effect, _, _ in grants(ActionClass.LIST, listing, secrets=stray, others=True)] == ["allow"]


def test_whether_a_call_sees_tags_is_not_guessed() -> None:
    lenient = {"StringEqualsIfExists": lab.EQUAL["StringEquals"]}
    found = grants(ActionClass.WRITE, lab.statement("ssm:PutParameter", Condition=lenient), parameters=PARAMETERS)
    assert [effect for effect, _, _ in found] == ["unknown"]
    strict = lab.statement("ssm:PutParameter", Condition=lab.EQUAL)
    assert grants(ActionClass.WRITE, strict, parameters=PARAMETERS) == []
    told = lab.statement("ssm:DeleteParameter", Condition=lenient)
    assert grants(ActionClass.WRITE, told, parameters=PARAMETERS) == []
