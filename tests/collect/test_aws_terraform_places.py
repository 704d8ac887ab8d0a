"""Plans of several accounts and regions: what one of them holds or loses is not another's."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from cred_audit.collect import collect
from cred_audit.decide.aws.world import Account
from cred_audit.facts import Snapshot
from cred_audit.target.model import AwsFiles, AwsSource, Target
from tests import aws_lab as lab
from tests.collect import aws_plans as plans

OTHER_REGION = "eu-west-1"
BOTH = (lab.ACCOUNT, lab.OTHER_ACCOUNT)
PROVIDERS = {
    f"aws.{account}": {
        "name": "aws", "alias": account,
        "expressions": {
            "region": {"constant_value": lab.REGION}, "allowed_account_ids": {"constant_value": [account]},
        },
    }
    for account in BOTH
}  # fmt: skip
POLICY = f"arn:aws:iam::{lab.OTHER_ACCOUNT}:policy/limit"


def details(account: str) -> dict[str, Any]:
    start = f"arn:aws:iam::{account}"
    return {
        "RoleDetailList": [{
            "Arn": f"{start}:role/agent", "AssumeRolePolicyDocument": json.loads(plans.TRUST),
            "RolePolicyList": [{"PolicyName": "old", "PolicyDocument": json.loads(plans.OWN)}],
            "AttachedManagedPolicies": [{"PolicyName": "b", "PolicyArn": "arn:aws:iam::aws:policy/B"}],
        }],
        "UserDetailList": [{"Arn": f"{start}:user/bot", "GroupList": ["readers"]}],
        "GroupDetailList": [{"Arn": f"{start}:group/readers"}],
        "Policies": [],
    }  # fmt: skip


def read(folder: Path, *resources: plans.Planned, accounts: tuple[str, ...] = BOTH, **more: Any) -> Snapshot:
    """Return what one plan says that is given for these accounts, on top of what each of them holds."""
    (folder / "plan.json").write_text(json.dumps(plans.plan(resources, **more)))
    for account in accounts:
        (folder / f"{account}.json").write_text(json.dumps(details(account)))
    files = {
        account: AwsFiles(terraform=(folder / "plan.json",), authorization_details=(folder / f"{account}.json",))
        for account in accounts
    }
    source = AwsSource(regions=(lab.REGION, OTHER_REGION), files=files)
    target = Target(name="t", tenants=(), aws=source, path=folder / "target.yaml")
    return collect(target, allow_commands=False, progress=lambda *_: None, environ={})


def account(snapshot: Snapshot, name: str) -> Account:
    assert snapshot.aws is not None
    return next(one for one in snapshot.aws.world.accounts if one.id == name)


def attached(snapshot: Snapshot, name: str) -> tuple[str, ...] | None:
    (role,) = account(snapshot, name).roles or ()
    return role.attached


def test_policies_and_groups_of_one_account_are_not_those_of_another(tmp_path: Path) -> None:
    many = plans.new(
        "aws_iam_policy_attachment.many", name="m", roles=["agent"], users=[], groups=[], policy_arn=POLICY,
        _provider=f"aws.{lab.OTHER_ACCOUNT}",
    )  # fmt: skip
    member = plans.new(
        "aws_iam_group_membership.more", name="m", group="others", users=["bot"],
        _provider=f"aws.{lab.OTHER_ACCOUNT}",
    )  # fmt: skip
    seen = read(tmp_path, many, member, providers=PROVIDERS)
    assert attached(seen, lab.ACCOUNT) == ("arn:aws:iam::aws:policy/B",)
    assert attached(seen, lab.OTHER_ACCOUNT) == ("arn:aws:iam::aws:policy/B", POLICY)
    assert [user.groups for user in account(seen, lab.ACCOUNT).users or ()] == [("readers",)]
    assert [user.groups for user in account(seen, lab.OTHER_ACCOUNT).users or ()] == [("readers", "others")]


def test_a_link_of_nobody_knows_which_account_blinds_both(tmp_path: Path) -> None:
    many = plans.new("aws_iam_policy_attachment.many", name="m", roles=["agent"], policy_arn=POLICY)
    seen = read(tmp_path, many)
    assert [attached(seen, one) for one in BOTH] == [None, None]
    assert any("does not say in which one it lies" in gap.reason for gap in seen.gaps)


REMOVALS = (
    plans.deleted("aws_iam_role_policy.old", role="agent", name="old", policy=plans.OWN),
    plans.deleted("aws_iam_role_policy_attachment.b", role="agent", policy_arn="arn:aws:iam::aws:policy/B"),
    plans.deleted("aws_iam_user_group_membership.bot", user="bot", groups=["readers"]),
)


def test_what_a_plan_takes_from_somebody_whom_it_does_not_hold_goes(tmp_path: Path) -> None:
    seen = account(read(tmp_path, *REMOVALS, accounts=(lab.ACCOUNT,)), lab.ACCOUNT)
    assert [(role.inline, role.attached) for role in seen.roles or ()] == [((), ())]
    assert [user.groups for user in seen.users or ()] == [()]


def test_what_a_plan_takes_from_somebody_in_one_of_two_accounts_is_not_known(tmp_path: Path) -> None:
    seen = read(tmp_path, *REMOVALS)
    for name in BOTH:
        found = account(seen, name)
        assert [(role.inline, role.attached) for role in found.roles or ()] == [(None, None)]
        assert [user.groups for user in found.users or ()] == [None]
        assert any(f"iam::{name}:role/agent" in gap.what for gap in seen.gaps)
        assert any(f"iam::{name}:user/bot" in gap.what for gap in seen.gaps)


def key(kind: str, region: str, **more: Any) -> plans.Planned:
    arn = f"arn:aws:kms:{region}:{lab.ACCOUNT}:key/mrk-1"
    return plans.there(f"{kind}.{region}", arn=arn, key_id="mrk-1", policy="{}", tags_all={}, region=region, **more)


@pytest.mark.parametrize("kind", ["aws_kms_replica_key", "aws_kms_replica_external_key"])
def test_an_alias_is_of_the_key_of_its_region(tmp_path: Path, kind: str) -> None:
    alias = plans.there("aws_kms_alias.acme", name="alias/acme", target_key_id="mrk-1", region=lab.REGION)
    keys = (key("aws_kms_key", lab.REGION, is_enabled=True), key(kind, OTHER_REGION, enabled=False))
    seen = account(read(tmp_path, *keys, alias, accounts=(lab.ACCOUNT,)), lab.ACCOUNT)
    found = {one.arn.split(":")[3]: one for region in seen.regions for one in region.keys or ()}
    assert found[lab.REGION].aliases == ("alias/acme",)
    assert found[lab.REGION].enabled is True
    assert found[OTHER_REGION].aliases == ()
    assert found[OTHER_REGION].enabled is False


def test_a_grant_of_nobody_knows_which_region_leaves_the_grants_unseen(tmp_path: Path) -> None:
    grant = plans.there("aws_kms_grant.g", key_id="mrk-1", grantee_principal=POLICY, operations=["Decrypt"])
    keys = (key("aws_kms_key", lab.REGION), key("aws_kms_replica_key", OTHER_REGION))
    silent = {"aws": {"name": "aws", "expressions": {}}}
    seen = read(tmp_path, *keys, grant, accounts=(lab.ACCOUNT,), providers=silent)
    found = [one for region in account(seen, lab.ACCOUNT).regions for one in region.keys or ()]
    assert [one.grants for one in found] == [None, None]
    assert any("is in several regions" in gap.reason for gap in seen.gaps)


def test_a_parameter_of_unknown_type_is_under_an_unknown_key(tmp_path: Path) -> None:
    parameter = plans.new(
        "aws_ssm_parameter.p", name="/acme/p", tags_all={}, key_id="alias/acme", region=lab.REGION,
        _unknown={"type": True},
    )  # fmt: skip
    seen = read(tmp_path, parameter, accounts=(lab.ACCOUNT,))
    (found,) = [one for region in account(seen, lab.ACCOUNT).regions for one in region.parameters or ()]
    assert (found.key or "").startswith("unknown key")
    assert any(gap.what.endswith("aws_ssm_parameter.p.type") for gap in seen.gaps)


def test_an_expression_of_many_references_costs_little_and_tells_nothing(tmp_path: Path) -> None:
    link = plans.new(
        "aws_iam_role_policy.p", name="p", policy=plans.OWN, _unknown={"role": True},
        _refers={"role": [f"aws_iam_role.r{number}" for number in range(20_000)]},
    )  # fmt: skip
    began = time.process_time()
    seen = read(tmp_path, link, accounts=(lab.ACCOUNT,))
    assert time.process_time() - began < 5
    assert [role.inline for role in account(seen, lab.ACCOUNT).roles or ()] == [None]


def test_thousands_of_prefixed_names_are_one_sentence(tmp_path: Path) -> None:
    workers = [
        plans.new(
            f"aws_iam_role.w{number}", name_prefix=f"w{number}-", path="/", assume_role_policy=plans.TRUST,
            _unknown={"name": True},
        )
        for number in range(50)
    ]  # fmt: skip
    seen = read(tmp_path, *workers, accounts=(lab.ACCOUNT,))
    assert seen.aws is not None
    assert sum("only the beginning is known" in sentence for sentence in seen.aws.assumed) == 1
