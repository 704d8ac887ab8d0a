"""Plans of Terraform: what will be, what nobody knows yet, and what must not be read."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cred_audit.collect import collect
from cred_audit.decide.aws.world import Role, Secret, User, asked
from cred_audit.errors import CollectError
from cred_audit.facts import Snapshot
from cred_audit.finding import Verdict
from cred_audit.snapshot import load, save
from cred_audit.target.load import load_target
from cred_audit.target.model import AwsFiles, AwsSource, Target
from tests import aws_lab as lab
from tests.checks.judged import judged
from tests.collect import aws_plans as plans

NAMES = ("acme", "beta")
ROLE = f"arn:aws:iam::{lab.ACCOUNT}:role/agent-"
RECORDED = "aws_secret_reads_are_logged"
SECRET = f"arn:aws:secretsmanager:{lab.REGION}:{lab.ACCOUNT}:secret:"


def read(folder: Path, document: Any, *, regions: tuple[str, ...] = (), details: Any = None, **more: Any) -> Snapshot:
    """Return what a plan says, with an organization that is none."""
    (folder / "plan.json").write_text(json.dumps(document))
    (folder / "org.json").write_text("{}")
    given = None
    if details is not None:
        given = (folder / "iam.json",)
        given[0].write_text(json.dumps(details))
    source = AwsSource(
        regions=regions,
        files={lab.ACCOUNT: AwsFiles(terraform=(folder / "plan.json",), authorization_details=given, **more)},
        organization=folder / "org.json",
    )
    tenants = [lab.tenant(name, lab.agent(f"{name}-agent", f"agent-{name}")) for name in NAMES]
    target = Target(name="t", tenants=tuple(tenants), aws=source, path=folder / "target.yaml")
    return collect(target, allow_commands=False, progress=lambda *_: None, environ={})


def planned(folder: Path, *resources: plans.Planned, **more: Any) -> Snapshot:
    return read(folder, plans.plan(resources, **more))


def roles(snapshot: Snapshot) -> dict[str, Role]:
    assert snapshot.aws is not None
    found = snapshot.aws.world.accounts[0].roles
    assert found is not None
    return {role.arn: role for role in found}


def users(snapshot: Snapshot) -> dict[str, User]:
    assert snapshot.aws is not None
    return {user.arn.rpartition("/")[2]: user for user in snapshot.aws.world.accounts[0].users or ()}


def region(snapshot: Snapshot, name: str = lab.REGION) -> Any:
    assert snapshot.aws is not None
    return next(one for one in snapshot.aws.world.accounts[0].regions if one.name == name)


def secrets(snapshot: Snapshot) -> dict[str, Secret]:
    return {secret.arn.rpartition(":secret:")[2].rpartition("-")[0]: secret for secret in region(snapshot).secrets}


def assumed(snapshot: Snapshot) -> str:
    assert snapshot.aws is not None
    return "\n".join(snapshot.aws.assumed)


def verdicts(snapshot: Snapshot, check: str = "aws_no_cross_tenant_read") -> set[Verdict]:
    return {finding.verdict for finding in judged(check, snapshot)}


def test_a_new_plan_of_equal_tags_is_proven(tmp_path: Path) -> None:
    seen = planned(tmp_path, *plans.tenants(plans.OWN, *NAMES))
    assert set(roles(seen)) == {f"{ROLE}acme", f"{ROLE}beta"}
    acme = roles(seen)[f"{ROLE}acme"]
    assert acme.inline is not None
    assert [(one.name, one.text) for one in acme.inline] == [("secrets", plans.OWN)]
    assert (acme.attached, acme.boundary, acme.tags) == ((), "", {"TenantId": "acme"})
    assert acme.trust == plans.TRUST
    secret = secrets(seen)["acme/db"]
    assert secret.arn == f"{SECRET}acme/db-TfPlan"
    assert (secret.key, secret.key_seen, secret.policy, secret.policy_seen) == (None, True, None, True)
    assert verdicts(seen) == {Verdict.PASS}
    for sentence in ("ends in -TfPlan", "of the same index", "a plan shows what Terraform manages"):
        assert sentence in assumed(seen)


def test_a_star_in_a_plan_fails(tmp_path: Path) -> None:
    findings = judged("aws_no_cross_tenant_read", planned(tmp_path, *plans.tenants(plans.ALL, *NAMES)))
    assert {(one.tenant, one.verdict) for one in findings} == {(name, Verdict.FAIL) for name in NAMES}


@pytest.mark.parametrize("version", ["0.1", "0.2", "1.0", "1.2", "1.99"])
def test_versions_that_are_known(tmp_path: Path, version: str) -> None:
    assert verdicts(planned(tmp_path, *plans.tenants(plans.ALL, *NAMES), version=version)) == {Verdict.FAIL}


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"format_version": "2.0", "planned_values": {}}, "0.x and 1.x are known"),
        ({"format_version": 1, "planned_values": {}}, "no format_version"),
        ({"planned_values": {}}, "no format_version"),
        ({"format_version": "1.2"}, "neither planned_values nor values"),
        ([], "must be the object"),
        ({"format_version": "1.2", "planned_values": {}, "errored": True}, "ended with an error"),
        ({"format_version": "1.2", "planned_values": {}, "complete": False}, "not complete"),
        (
            {"format_version": "1.2", "planned_values": {"root_module": {"resources": [{"mode": "managed"}]}}},
            "no address",
        ),
    ],
)
def test_plans_that_are_not_taken(tmp_path: Path, document: Any, why: str) -> None:
    seen = read(tmp_path, document, regions=(lab.REGION,))
    assert seen.aws is not None
    assert seen.aws.world.accounts[0].roles is None
    assert region(seen).secrets is None
    assert any(why in gap.reason and "plan.json" in gap.reason for gap in seen.gaps)
    assert verdicts(seen) == {Verdict.UNKNOWN}


def test_a_plan_alone_that_is_not_there_ends_the_run(tmp_path: Path) -> None:
    source = AwsSource(files={lab.ACCOUNT: AwsFiles(terraform=(tmp_path / "none.json",))})
    with pytest.raises(CollectError, match=r"none\.json: it cannot be read: no such file"):
        collect(Target(name="t", tenants=(), aws=source), allow_commands=False, progress=lambda *_: None, environ={})


def test_a_policy_that_nobody_knows_yet_is_unknown(tmp_path: Path) -> None:
    late = plans.inline("acme", "", _unknown={"role": True, "policy": True})
    seen = planned(tmp_path, *plans.tenants(plans.OWN, "beta"), plans.role("acme"), plans.secret("acme"), late)
    inline = roles(seen)[f"{ROLE}acme"].inline
    assert inline is not None
    assert inline[0].text is None
    assert any(gap.what.endswith('secrets["acme"].policy') for gap in seen.gaps)
    found = {one.tenant: one.verdict for one in judged("aws_no_cross_tenant_read", seen)}
    assert found == {"acme": Verdict.UNKNOWN, "beta": Verdict.PASS}


@pytest.mark.parametrize(
    "refers",
    [
        ["local.roles"],
        ["aws_iam_role.agent", "each.value"],
        ["aws_iam_role.agent"],
        ["aws_iam_role.agent.path", "aws_iam_role.agent", "each.key"],
        ['aws_iam_role.agent["acme"].name', 'aws_iam_role.agent["beta"].name', "aws_iam_role.agent"],
        ["data.aws_iam_role.other.name", "data.aws_iam_role.other"],
        ["var.role"],
        [],
    ],
)
def test_a_policy_for_nobody_knows_whom_blinds_all_roles(tmp_path: Path, refers: list[str]) -> None:
    late = plans.inline("acme", plans.ALL, _refers={"role": refers})
    seen = planned(tmp_path, *plans.tenants(plans.OWN, "beta"), plans.role("acme"), plans.secret("acme"), late)
    assert {role.inline for role in roles(seen).values()} == {None}
    assert verdicts(seen) == {Verdict.UNKNOWN}


@pytest.mark.parametrize(
    "refers",
    [
        ['aws_iam_role.agent["acme"].name', 'aws_iam_role.agent["acme"]', "aws_iam_role.agent"],
        ["aws_iam_role.agent", "each.key"],
    ],
)
def test_references_that_leave_no_doubt(tmp_path: Path, refers: list[str]) -> None:
    late = plans.inline("acme", plans.ALL, _refers={"role": refers})
    seen = planned(tmp_path, *plans.tenants(plans.OWN, "beta"), plans.role("acme"), plans.secret("acme"), late)
    found = {one.tenant: one.verdict for one in judged("aws_no_cross_tenant_read", seen)}
    assert found == {"acme": Verdict.FAIL, "beta": Verdict.PASS}


def test_references_go_through_modules(tmp_path: Path) -> None:
    resources = [
        plans.role("acme", address='module.agents["acme"].aws_iam_role.this'),
        plans.role("beta", address='module.agents["beta"].aws_iam_role.this'),
        plans.new("aws_iam_policy.read", name="read", path="/", policy=plans.ALL),
        plans.new(
            'aws_iam_role_policy_attachment.read["beta"]',
            _unknown={"role": True, "policy_arn": True},
            _refers={
                "role": ['module.agents["beta"].name', 'module.agents["beta"]', "module.agents"],
                "policy_arn": ["aws_iam_policy.read.arn", "aws_iam_policy.read"],
            },
        ),
        plans.new(
            'module.agents["acme"].aws_iam_role_policy_attachment.read[0]',
            role="agent-acme", _unknown={"policy_arn": True}, _refers={"policy_arn": ["var.policy"]},
        ),
    ]  # fmt: skip
    seen = planned(
        tmp_path, *resources,
        outputs={"module.agents": {"name": ["aws_iam_role.this.name", "aws_iam_role.this"]}},
        calls={"module.agents": {"policy": ["aws_iam_policy.read.arn", "aws_iam_policy.read"]}},
    )  # fmt: skip
    read_all = f"arn:aws:iam::{lab.ACCOUNT}:policy/read"
    assert roles(seen)[f"{ROLE}beta"].attached == (read_all,)
    assert roles(seen)[f"{ROLE}acme"].attached == (read_all,)


def test_managed_policies_of_aws_have_no_text_unless_the_plan_read_it(tmp_path: Path) -> None:
    arn = "arn:aws:iam::aws:policy/SecretsManagerReadWrite"
    resources = [
        *plans.tenants(plans.OWN, *NAMES),
        plans.new("aws_iam_role_policy_attachment.admin", role="agent-acme", policy_arn=arn),
    ]
    seen = planned(tmp_path, *resources)
    assert roles(seen)[f"{ROLE}acme"].attached == (arn,)
    found = {one.tenant: one.verdict for one in judged("aws_no_cross_tenant_read", seen)}
    assert found == {"acme": Verdict.UNKNOWN, "beta": Verdict.PASS}
    data = {"type": "aws_iam_policy", "name": "x", "values": {"arn": arn, "policy": plans.ALL}}
    found = {
        one.tenant: one.verdict
        for one in judged("aws_no_cross_tenant_read", planned(tmp_path, *resources, data=[data]))
    }
    assert found == {"acme": Verdict.FAIL, "beta": Verdict.PASS}


def test_roles_with_blocks_boundaries_and_prefixes(tmp_path: Path) -> None:
    blocks = plans.role(
        "acme",
        inline_policy=[{"name": "a", "policy": plans.OWN}, {"name": None, "policy": None}],
        managed_policy_arns=["arn:aws:iam::aws:policy/ReadOnlyAccess"],
        path="/teams/",
        permissions_boundary=None,
        _unknown={"permissions_boundary": True},
        _refers={"permissions_boundary": ["aws_iam_policy.edge.arn", "aws_iam_policy.edge"]},
    )
    edge = plans.new("aws_iam_policy.edge", name="edge", path="/", policy=plans.OWN)
    prefixed = plans.new(
        "aws_iam_role.worker", name_prefix="worker-", path="/", assume_role_policy=plans.TRUST, _unknown={"name": True}
    )
    profile = plans.new(
        "aws_iam_instance_profile.p", name="p", path="/", _unknown={"role": True},
        _refers={"role": ["aws_iam_role.agent", "aws_iam_role.agent.name"]},
    )  # fmt: skip
    seen = planned(tmp_path, blocks, edge, prefixed, profile)
    acme = roles(seen)[f"arn:aws:iam::{lab.ACCOUNT}:role/teams/agent-acme"]
    assert [one.name for one in acme.inline or ()] == ["a"]
    assert acme.attached == ("arn:aws:iam::aws:policy/ReadOnlyAccess",)
    assert acme.boundary == f"arn:aws:iam::{lab.ACCOUNT}:policy/edge"
    assert acme.max_session == 3600
    assert acme.instance_profiles == (f"arn:aws:iam::{lab.ACCOUNT}:instance-profile/p",)
    lost = plans.new("aws_iam_instance_profile.p", name="p", _unknown={"role": True}, _refers={"role": ["local.r"]})
    unsure = planned(tmp_path, blocks, edge, lost).aws
    assert unsure is not None
    assert unsure.world.accounts[0].roles is None
    assert any(arn.startswith(f"arn:aws:iam::{lab.ACCOUNT}:role/worker-2") for arn in roles(seen))
    assert "a name of which only the beginning is known ends in 2000" in assumed(seen)


def test_a_role_without_a_name_leaves_the_roles_unseen(tmp_path: Path) -> None:
    nameless = plans.role("acme", _unknown={"name": True}, _refers={"name": ["random_pet.x.id", "random_pet.x"]})
    seen = planned(tmp_path, nameless, plans.secret("acme"))
    assert seen.aws is not None
    assert seen.aws.world.accounts[0].roles is None
    assert any("name is not known" in gap.reason for gap in seen.gaps)


def test_tags_that_are_not_all_known_are_not_seen(tmp_path: Path) -> None:
    late = plans.secret("acme", tags={"a": "b"}, _unknown={"tags": {"TenantId": True}, "tags_all": True})
    own = plans.secret("beta", tags_all=None, _unknown={"tags_all": True})
    seen = planned(tmp_path, *plans.tenants(plans.ALL, "beta")[:2], plans.role("acme"), late, own)
    assert secrets(seen)["acme/db"].tags is None
    # A provider without default_tags adds none to those that are written.
    assert secrets(seen)["beta/db"].tags == {"TenantId": "beta"}
    assert verdicts(seen) >= {Verdict.UNKNOWN}


def test_secrets_with_keys_policies_rotation_and_copies(tmp_path: Path) -> None:
    key = plans.new("aws_kms_key.acme", is_enabled=True, tags={"TenantId": "acme"}, tags_all={"TenantId": "acme"})
    resources = [
        key,
        plans.new("aws_kms_alias.acme", name="alias/acme", _unknown={"target_key_id": True},
                  _refers={"target_key_id": ["aws_kms_key.acme.key_id", "aws_kms_key.acme"]}),
        plans.new("aws_kms_grant.acme", name="g", grantee_principal=f"{ROLE}acme", operations=["Decrypt"],
                  constraints=[{"encryption_context_equals": {"SecretARN": "x"}, "encryption_context_subset": None}],
                  _unknown={"key_id": True}, _refers={"key_id": ["aws_kms_key.acme.key_id", "aws_kms_key.acme"]}),
        plans.secret("acme", replica=[{"region": "eu-west-1", "kms_key_id": None}], _unknown={"kms_key_id": True},
                     _refers={"kms_key_id": ["aws_kms_key.acme.arn", "aws_kms_key.acme"]}),
        plans.new("aws_secretsmanager_secret_policy.acme", policy=plans.ALL, _unknown={"secret_arn": True},
                  _refers={"secret_arn": ['aws_secretsmanager_secret.db["acme"].arn', "aws_secretsmanager_secret.db"]}),
        plans.new("aws_secretsmanager_secret_rotation.acme", _unknown={"secret_id": True, "rotation_lambda_arn": True},
                  rotation_rules=[{"automatically_after_days": None, "schedule_expression": "rate(10 days)"}],
                  _refers={"secret_id": ['aws_secretsmanager_secret.db["acme"].id', "aws_secretsmanager_secret.db"],
                           "rotation_lambda_arn": ["aws_lambda_function.rotate.arn", "aws_lambda_function.rotate"]}),
        plans.new("aws_lambda_function.rotate", function_name="rotate", role=f"{ROLE}rotate"),
        plans.new("aws_lambda_function.other", function_name="other", role=f"{ROLE}other"),
        plans.secret("beta", address="aws_secretsmanager_secret.b", _unknown={"kms_key_id": True},
                     _refers={"kms_key_id": ["local.key"]}),
    ]  # fmt: skip
    seen = planned(tmp_path, *resources)
    (made,) = region(seen).keys
    assert made.aliases == ("alias/acme",)
    assert made.policy is not None
    assert f"arn:aws:iam::{lab.ACCOUNT}:root" in made.policy
    assert [(one.grantee, one.context_equals) for one in made.grants] == [(f"{ROLE}acme", {"SecretARN": "x"})]
    acme = secrets(seen)["acme/db"]
    assert (acme.key, acme.key_seen) == (made.arn, True)
    assert (acme.policy, acme.policy_seen) == (plans.ALL, True)
    assert (acme.rotation, acme.rotates_every) == (True, 10)
    assert acme.rotated_by is not None
    assert [function.arn for function in region(seen).functions] == [acme.rotated_by]
    (copy,) = region(seen, "eu-west-1").secrets
    assert (copy.primary_region, copy.policy, copy.tags) == (lab.REGION, plans.ALL, {"TenantId": "acme"})
    beta = secrets(seen)["beta/db"]
    assert (beta.key, beta.key_seen) == (None, False)


@pytest.mark.parametrize("kind", ["aws_secretsmanager_secret_policy", "aws_kms_key_policy", "aws_kms_grant"])
def test_a_change_of_nobody_knows_what_blinds_all_of_its_kind(tmp_path: Path, kind: str) -> None:
    argument = "secret_arn" if "secret" in kind else "key_id"
    key = plans.new("aws_kms_key.acme", tags_all={})
    late = plans.new(f"{kind}.x", policy=plans.ALL, _unknown={argument: True}, _refers={argument: ["local.x"]})
    seen = planned(tmp_path, *plans.tenants(plans.OWN, *NAMES), key, late)
    (made,) = region(seen).keys
    unseen = {
        "aws_secretsmanager_secret_policy": not any(one.policy_seen for one in secrets(seen).values()),
        "aws_kms_key_policy": made.policy is None,
        "aws_kms_grant": made.grants is None,
    }
    assert [name for name, hidden in unseen.items() if hidden] == [kind]


def test_users_and_groups(tmp_path: Path) -> None:
    resources = [
        plans.new("aws_iam_user.bot", name="bot", path="/", permissions_boundary=None, tags_all={}),
        plans.new("aws_iam_group.readers", name="readers", path="/"),
        plans.new("aws_iam_group_policy.read", group="readers", name="read", policy=plans.ALL),
        plans.new("aws_iam_user_group_membership.bot", user="bot", groups=["readers"]),
        plans.new("aws_iam_group_membership.more", name="m", group="others", users=["bot"]),
        plans.new("aws_iam_user_policy.own", user="bot", name="own", policy=plans.OWN),
        plans.new(
            "aws_iam_policy_attachment.many", name="m", users=["bot"], groups=["readers"], roles=[],
            policy_arn="arn:aws:iam::aws:policy/ReadOnlyAccess",
        ),
    ]  # fmt: skip
    seen = planned(tmp_path, *resources)
    bot = users(seen)["bot"]
    assert bot.groups == ("readers", "others")
    assert [one.name for one in bot.inline or ()] == ["own"]
    assert bot.attached == ("arn:aws:iam::aws:policy/ReadOnlyAccess",)
    assert seen.aws is not None
    groups = {one.name: one for one in seen.aws.world.accounts[0].groups or ()}
    assert [one.text for one in groups["readers"].inline or ()] == [plans.ALL]
    assert groups["readers"].attached == bot.attached


DETAILS = {
    "UserDetailList": [],
    "GroupDetailList": [],
    "Policies": [],
    "RoleDetailList": [
        {
            "Arn": f"{ROLE}acme", "AssumeRolePolicyDocument": plans.TRUST, "Tags": [],
            "RolePolicyList": [{"PolicyName": "old", "PolicyDocument": json.loads(plans.ALL)}],
            "AttachedManagedPolicies": [{"PolicyArn": "arn:aws:iam::aws:policy/A", "PolicyName": "A"},
                                        {"PolicyArn": "arn:aws:iam::aws:policy/B", "PolicyName": "B"}],
        },
        {"Arn": f"{ROLE}gone", "AssumeRolePolicyDocument": plans.TRUST},
        {"Arn": f"{ROLE}other", "AssumeRolePolicyDocument": plans.TRUST},
    ],
}  # fmt: skip


def test_a_plan_lies_on_top_of_what_is_there(tmp_path: Path) -> None:
    document = plans.plan(
        [
            plans.role("acme", arn=f"{ROLE}acme"),
            plans.inline("acme", plans.OWN),
            plans.deleted("aws_iam_role_policy.old", role="agent-acme", name="old", policy=plans.ALL),
            plans.deleted(
                "aws_iam_role_policy_attachment.a", role="agent-acme", policy_arn="arn:aws:iam::aws:policy/A"
            ),
            plans.deleted("aws_iam_role.gone", arn=f"{ROLE}gone", name="agent-gone"),
            plans.new("aws_iam_role_policy.foreign", role="agent-other", name="more", policy=plans.ALL),
        ]
    )
    seen = read(tmp_path, document, details=DETAILS)
    assert set(roles(seen)) == {f"{ROLE}acme", f"{ROLE}other"}
    acme = roles(seen)[f"{ROLE}acme"]
    assert [one.name for one in acme.inline or ()] == ["secrets"]
    assert acme.attached == ("arn:aws:iam::aws:policy/B",)
    assert [one.name for one in roles(seen)[f"{ROLE}other"].inline or ()] == ["more"]
    alone = read(tmp_path, document)
    # Without the other file, what a role has that the plan does not manage is not known.
    assert roles(alone)[f"{ROLE}other"].inline is None
    assert any("does not hold the role itself" in gap.reason for gap in alone.gaps)


def test_what_terraform_forgets_stays(tmp_path: Path) -> None:
    kept = plans.Planned(
        address="aws_iam_role.kept", values={}, actions=("forget",),
        before={"name": "kept", "arn": f"arn:aws:iam::{lab.ACCOUNT}:role/kept", "path": "/",
                "assume_role_policy": plans.TRUST, "tags_all": {}},
    )  # fmt: skip
    assert set(roles(planned(tmp_path, kept))) == {f"arn:aws:iam::{lab.ACCOUNT}:role/kept"}


def test_a_state_is_read_like_a_plan(tmp_path: Path) -> None:
    document = plans.plan(plans.tenants(plans.ALL, *NAMES))
    state = {"format_version": "1.0", "values": document["planned_values"]}
    for one in state["values"]["root_module"]["resources"]:
        one["values"]["role"] = f"agent-{one.get('index')}"
    seen = read(tmp_path, state, regions=(lab.REGION,))
    assert verdicts(seen) == {Verdict.FAIL}


def test_what_lies_elsewhere_is_not_taken(tmp_path: Path) -> None:
    foreign = plans.there("aws_iam_role.x", arn=f"arn:aws:iam::{lab.OTHER_ACCOUNT}:role/x", name="x", path="/")
    seen = planned(tmp_path, plans.role("acme"), foreign)
    assert seen.aws is not None
    assert seen.aws.world.accounts[0].roles is None
    assert any(f"belongs to the account {lab.OTHER_ACCOUNT}" in gap.reason for gap in seen.gaps)
    providers = {
        "aws": {"name": "aws", "expressions": {"region": {"references": ["var.region"]}}},
        "aws.other": {
            "name": "aws", "alias": "other",
            "expressions": {
                "region": {"constant_value": "eu-west-1"},
                "assume_role": [{"role_arn": {"constant_value": f"arn:aws:iam::{lab.OTHER_ACCOUNT}:role/deploy"}}],
            },
        },
    }  # fmt: skip
    resources = [
        plans.secret("acme"),
        plans.secret("beta", address="aws_secretsmanager_secret.b", _provider="aws.other"),
    ]
    document = plans.plan(resources, providers=providers, variables={"region": {"value": "us-west-2"}})
    (tmp_path / "plan.json").write_text(json.dumps(document))
    files = AwsFiles(terraform=(tmp_path / "plan.json",))
    source = AwsSource(files={lab.ACCOUNT: files, lab.OTHER_ACCOUNT: files})
    target = Target(name="t", tenants=(), aws=source, path=tmp_path / "t.yaml")
    both = collect(target, allow_commands=False, progress=lambda *_: None, environ={})
    assert both.aws is not None
    first, second = both.aws.world.accounts
    assert second.regions[0].name == "eu-west-1"
    assert second.regions[0].secrets is None
    # The first provider does not say whose account it is, and the plan is given for two.
    assert first.regions[0].secrets is None
    assert any("does not say in which one it lies" in gap.reason for gap in both.gaps)


def test_policies_of_an_organization(tmp_path: Path) -> None:
    scp = lab.document(lab.statement("secretsmanager:*", "*", "Deny"))
    resources = [
        plans.there("aws_organizations_organization.this", id="o-1", roots=[{"id": "r-1"}], master_account_id="9" * 12),
        plans.there("aws_organizations_organizational_unit.t", id="ou-1", parent_id="r-1", name="tenants"),
        plans.there("aws_organizations_account.a", id=lab.ACCOUNT, parent_id="ou-1"),
        plans.there("aws_organizations_policy.deny", id="p-1", type="SERVICE_CONTROL_POLICY", content=scp),
        plans.new("aws_organizations_policy_attachment.deny", policy_id="p-1", target_id="ou-1"),
        *plans.tenants(plans.ALL, *NAMES),
    ]
    (tmp_path / "plan.json").write_text(json.dumps(plans.plan(resources)))
    source = AwsSource(files={lab.ACCOUNT: AwsFiles(terraform=(tmp_path / "plan.json",))})
    tenants = tuple(lab.tenant(name, lab.agent(f"{name}-agent", f"agent-{name}")) for name in NAMES)
    target = Target(name="t", tenants=tenants, aws=source, path=tmp_path / "t.yaml")
    seen = collect(target, allow_commands=False, progress=lambda *_: None, environ={})
    assert seen.aws is not None
    assert seen.aws.world.organization is not None
    levels = seen.aws.world.organization.scps[lab.ACCOUNT]
    assert levels is not None
    assert [[one.name for one in level] for level in levels] == [
        ["p-FullAWSAccess"], ["p-FullAWSAccess", "p-1"], ["p-FullAWSAccess"],
    ]  # fmt: skip
    assert verdicts(seen) == {Verdict.PASS}


def test_no_value_of_a_secret_leaves_a_plan(tmp_path: Path) -> None:
    canary = "CANARY-9f2e1c"
    resources = [
        *plans.tenants(plans.ALL, *NAMES),
        plans.new(
            "aws_ssm_parameter.key", name="/acme/key", type="SecureString", value=canary, insecure_value=canary,
            tags_all={"TenantId": "acme"}, description=canary, _sensitive={"value": True, "description": True},
        ),
        plans.new(
            "aws_secretsmanager_secret_version.db", secret_id="x", secret_string=canary, secret_binary=canary,
            _sensitive={"secret_string": True},
        ),
        plans.new("aws_iam_access_key.bot", user="bot", secret=canary, _sensitive={"secret": True}),
        plans.secret("gamma", tags={"k": canary}, tags_all={"k": canary}, _sensitive={"tags_all": {"k": True}}),
        plans.new("aws_iam_role_policy.h", role="agent-acme", name="h", policy=canary, _sensitive={"policy": True}),
        plans.deleted("aws_ssm_parameter.old", name="old", value=canary),
        plans.new("aws_lambda_function.f", function_name="f", role="r", environment=[{"variables": {"K": canary}}]),
    ]  # fmt: skip
    document = plans.plan(resources, variables={"password": {"value": canary}}, prior_state={"x": canary})
    seen = read(tmp_path, document)
    assert region(seen).parameters[0].arn == f"arn:aws:ssm:{lab.REGION}:{lab.ACCOUNT}:parameter/acme/key"
    assert secrets(seen)["gamma/db"].tags is None
    assert canary not in save(seen)
    assert canary not in repr(seen)


def test_the_example() -> None:
    target = load_target(Path(__file__).parents[2] / "examples" / "aws-offline" / "plan.yaml")
    seen = collect(target, allow_commands=False, progress=lambda *_: None, environ={})
    found = {one.tenant: one.verdict for one in judged("aws_no_cross_tenant_read", seen)}
    assert found == {"acme": Verdict.PASS, "beta": Verdict.FAIL}
    assert [gap.what for gap in seen.gaps] == [asked("trails", lab.ACCOUNT, "eu-central-1")]


def test_a_plan_without_trails_says_nothing_of_those_that_live_elsewhere(tmp_path: Path) -> None:
    agents = (*plans.tenants(plans.OWN, "acme"), *plans.tenants(plans.OWN, "beta"))
    seen = planned(tmp_path, *agents)
    assert region(seen).trails is None
    (gap,) = seen.gaps
    assert gap.what == asked("trails", lab.ACCOUNT, lab.REGION)
    assert "write `trails: []` where there is none" in gap.reason
    assert verdicts(seen, RECORDED) == {Verdict.UNKNOWN}
    deletes = planned(tmp_path, *agents, plans.deleted("aws_cloudtrail.t", name="t"))
    assert verdicts(deletes, RECORDED) == {Verdict.UNKNOWN}


def test_a_plan_with_a_trail_and_a_target_without_any_are_believed(tmp_path: Path) -> None:
    agents = (*plans.tenants(plans.OWN, "acme"), *plans.tenants(plans.OWN, "beta"))
    dark = planned(tmp_path, *agents, plans.new("aws_cloudtrail.t", name="t", enable_logging=False))
    assert dark.gaps == ()
    assert len(region(dark).trails) == 1
    assert verdicts(dark, RECORDED) == {Verdict.FAIL}
    none = read(tmp_path, plans.plan(agents), trails=())
    assert none.gaps == ()
    assert region(none).trails == ()
    assert verdicts(none, RECORDED) == {Verdict.FAIL}


def test_a_snapshot_of_a_plan_gives_the_same_results(tmp_path: Path) -> None:
    seen = planned(tmp_path, *plans.tenants(plans.ALL, "acme"), *plans.tenants(plans.OWN, "beta"))
    again = load(save(seen), source="s.json")
    for check in ("aws_no_cross_tenant_read", "aws_no_cross_tenant_write", "aws_no_cross_tenant_list"):
        assert judged(check, again) == judged(check, seen)


MIXED = [
    *plans.tenants(plans.OWN, "acme"),
    *plans.tenants(plans.ALL, "beta"),
    plans.new("aws_iam_policy.deny", name="deny", path="/", policy=lab.document(lab.statement(effect="Deny"))),
    plans.role("gamma"),
    plans.inline("gamma", plans.ALL),
    plans.new("aws_iam_role_policy_attachment.deny", role="agent-gamma",
              policy_arn=f"arn:aws:iam::{lab.ACCOUNT}:policy/deny"),
    plans.new("aws_iam_role_policy_attachment.edge", role="agent-acme",
              policy_arn="arn:aws:iam::aws:policy/AWSDenyAll"),
    plans.new("aws_kms_key.k", policy=plans.ALL, is_enabled=True, tags_all={"TenantId": "acme"}),
    plans.secret("late", address="aws_secretsmanager_secret.late", tags_all={"TenantId": "acme"}, policy=plans.ALL),
]  # fmt: skip
RANK = {Verdict.FAIL: 0, Verdict.UNKNOWN: 1, Verdict.PASS: 2}


@pytest.mark.parametrize("number", range(len(MIXED)))
def test_what_is_not_known_yet_never_gives_a_better_verdict(tmp_path: Path, number: int) -> None:
    def judge(resources: list[plans.Planned]) -> dict[str | None, int]:
        found: dict[str | None, int] = {}
        for one in judged("aws_no_cross_tenant_read", planned(tmp_path, *resources)):
            found[one.tenant] = min(RANK[one.verdict], found.get(one.tenant, 2))
        return found

    before = judge(MIXED)
    assert before == {"acme": 1, "beta": 0}  # the text of AWSDenyAll is not in the plan
    chosen = MIXED[number]
    for name in chosen.values:
        for refers in ({**chosen.refers, name: ["local.x"]}, {**chosen.refers}):
            for mask in ("unknown", "sensitive"):
                marked: dict[str, Any] = {mask: {**getattr(chosen, mask), name: True}}
                changed = [*MIXED]
                changed[number] = replace(chosen, refers=refers, **marked)
                after = judge(changed)
                for tenant, rank in before.items():
                    assert after.get(tenant, after.get(None, 2)) <= max(rank, 1), (name, refers, mask)


@pytest.mark.parametrize("kind", ["awscc_iam_role", "aws_cloudformation_stack", "awscc_secretsmanager_secret"])
def test_what_other_resources_make_is_not_seen(tmp_path: Path, kind: str) -> None:
    document = plans.plan(plans.tenants(plans.OWN, *NAMES))
    document["planned_values"]["root_module"]["resources"].append({
        "address": f"{kind}.x", "mode": "managed", "type": kind, "name": "x", "values": {},
    })  # fmt: skip
    seen = read(tmp_path, document)
    assert verdicts(seen) == {Verdict.UNKNOWN}
    assert any(kind in gap.what for gap in seen.gaps)


@pytest.mark.parametrize("text", ["{}", "", None])
def test_an_empty_policy_is_none(tmp_path: Path, text: str | None) -> None:
    secret = plans.secret("acme", policy=text)
    assert secrets(planned(tmp_path, secret))["acme/db"].policy is None


def test_many_tenants_in_one_plan(tmp_path: Path) -> None:
    names = [f"tenant-{number}" for number in range(1_500)]
    seen = planned(tmp_path, *plans.tenants(plans.OWN, *names))
    assert len(roles(seen)) == len(region(seen).secrets) == 1_500
    assert all(role.inline for role in roles(seen).values())
