"""The live AWS collector against an emulator: what it reads, what it asks, and the whole way to a verdict."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from cred_audit.collect.auditor import auditor_iam_policy
from cred_audit.collect.aws import collect_aws
from cred_audit.collect.aws.live.permissions import PERMISSIONS, ROLES
from cred_audit.decide.aws.world import AwsWorld, Organization, Region, Replica
from cred_audit.facts import AwsFacts, Gap
from cred_audit.target.model import AwsSource, Target
from tests.aws_server import KEY_ID, OWN_ACCOUNT, REGION, SECRET_KEY, AwsServer
from tests.collect import aws_planted as planted

ROOT = Path(__file__).parents[2]
OTHER_ACCOUNT = "444455556666"
READER = "arn:aws:iam::{account}:role/audit"


def read(server: AwsServer, source: AwsSource | None = None, **environ: str) -> tuple[AwsFacts, tuple[Gap, ...]]:
    return collect_aws(
        source or AwsSource(),
        Target(name="t", tenants=()),
        environ={**server.environ(), **environ},
        progress=lambda *_: None,
    )


def only_region(world: AwsWorld) -> Region:
    ((region,),) = (account.regions for account in world.accounts)
    return region


def by_name(things: Any) -> dict[str, Any]:
    return {thing.arn.split(":")[-1].rpartition("-")[0] or thing.arn: thing for thing in things}


def test_everything_is_read_and_nothing_secret(planted_server: AwsServer) -> None:
    facts, gaps = read(planted_server)
    assert gaps == ()
    assert planted.CANARY not in repr(facts)
    (account,) = facts.world.accounts
    assert account.id == OWN_ACCOUNT

    roles = {role.arn.rpartition("/")[2]: role for role in account.roles or ()}
    worker = roles["worker"]
    assert worker.arn == f"arn:aws:iam::{OWN_ACCOUNT}:role/platform/worker"
    assert json.loads(worker.trust or "") == planted.TRUST
    assert worker.max_session == 7200
    assert worker.unique_id.startswith("AROA")
    assert worker.boundary == f"arn:aws:iam::{OWN_ACCOUNT}:policy/boundary"
    assert worker.attached == (f"arn:aws:iam::{OWN_ACCOUNT}:policy/shared",)
    assert worker.instance_profiles == (f"arn:aws:iam::{OWN_ACCOUNT}:instance-profile/worker",)
    assert (roles["agent-acme"].tags, roles["agent-acme"].boundary) == ({"TenantId": "acme"}, "")
    (inline,) = roles["agent-acme"].inline or ()
    assert (inline.name, json.loads(inline.text or "")) == ("read", json.loads(planted.reading(condition=True)))

    (user,) = account.users or ()
    assert (user.arn, user.tags, user.groups) == (
        f"arn:aws:iam::{OWN_ACCOUNT}:user/people/ann", {"TenantId": "acme"}, ("people",),
    )  # fmt: skip
    assert len(user.access_keys or ()) == 1
    assert user.unique_id
    (group,) = account.groups or ()
    assert [policy.name for policy in group.inline or ()] == ["read"]
    policies = {policy.name: json.loads(policy.text or "") for policy in account.policies or ()}
    assert policies[worker.boundary] == json.loads(planted.reading(condition=False)), "not the default version"
    assert set(policies) == {worker.boundary, *worker.attached}


def test_the_things_of_a_region(planted_server: AwsServer) -> None:
    facts, gaps = read(planted_server, AwsSource(regions=(REGION, "eu-west-1")))
    assert gaps == ()
    here, there = facts.world.accounts[0].regions
    secrets = by_name(here.secrets)
    copied = secrets["acme/copied"]
    assert (copied.tags, copied.key) == ({"TenantId": "acme"}, "alias/acme")
    assert json.loads(copied.policy) == json.loads(planted.reading(condition=False))
    assert copied.replicas == (Replica(region="eu-west-1", key="alias/aws/secretsmanager"),)
    turned = secrets["acme/turned"]
    assert (turned.rotation, turned.rotates_every) == (True, 30)
    assert (secrets["acme/db"].rotation, secrets["acme/db"].policy, secrets["acme/db"].policy_seen) == (
        False, None, True,
    )  # fmt: skip
    (function,) = here.functions or ()
    assert function.arn == turned.rotated_by
    assert function.role == f"arn:aws:iam::{OWN_ACCOUNT}:role/platform/worker"

    (parameter,) = here.parameters or ()
    assert parameter.arn == f"arn:aws:ssm:{REGION}:{OWN_ACCOUNT}:parameter/acme/db"
    assert (parameter.type, parameter.key, parameter.tags) == ("SecureString", "alias/acme", {"TenantId": "acme"})

    key = next(key for key in here.keys or () if "alias/acme" in key.aliases)
    assert (key.tags, key.customer, key.enabled) == ({"TenantId": "acme"}, True, True)
    assert "kms:*" in (key.policy or "")
    (grant,) = key.grants or ()
    assert (grant.operations, grant.context_subset, grant.context_equals) == (
        frozenset({"Decrypt"}), {"SecretARN": "x"}, None,
    )  # fmt: skip
    (trail,) = here.trails or ()
    assert (trail.logging, trail.every_region, trail.reads, trail.bucket) == (True, True, True, "trail-of-the-tests")

    (copy,) = there.secrets or ()
    assert (copy.primary_region, copy.policy) == (REGION, copied.policy)
    assert [trail.arn for trail in there.trails or ()] == [trail.arn]
    assert facts.coverage["regions"] == 2
    assert facts.coverage["trails"] == 1


def test_no_call_is_made_that_the_printed_policy_lacks_and_none_is_listed_in_vain(
    planted_server: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: Counter[str] = Counter()
    real = BaseClient._make_api_call

    def recorded(client: Any, operation: str, parameters: Any) -> Any:
        made[f"{client.meta.service_model.service_name}:{operation}"] += 1
        return real(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    source = AwsSource(accounts=(planted.member(planted_server), OWN_ACCOUNT), role_arn=READER)
    made.clear()
    facts, _ = read(planted_server, source)
    policy = json.loads(auditor_iam_policy(source))
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert set(made) == allowed
    assert not {action for action in allowed if "GetSecretValue" in action or "GetParameter" in action}
    roles = next(statement["Resource"] for statement in policy["Statement"] if statement["Sid"] == ROLES[0])
    assert roles == [READER.replace("{account}", account) for account in source.accounts]

    secrets = facts.coverage["secrets"]
    assert secrets == 4
    assert made["secretsmanager:GetResourcePolicy"] == secrets
    assert made["secretsmanager:DescribeSecret"] == 1, "only the one that is replicated"
    assert made["secretsmanager:ListSecrets"] == 2 * len(source.accounts)
    assert made["ssm:ListTagsForResource"] == facts.coverage["parameters"]
    assert made["kms:DescribeKey"] == made["kms:GetKeyPolicy"] == facts.coverage["keys"]


def test_a_caller_without_other_roles_needs_no_assume_role() -> None:
    assert "sts:AssumeRole" not in auditor_iam_policy(None)
    assert "sts:AssumeRole" not in auditor_iam_policy(AwsSource())


def test_the_organization_binds_members_and_not_its_management_account(planted_server: AwsServer) -> None:
    member = planted.member(planted_server)
    facts, gaps = read(planted_server, AwsSource(accounts=(OWN_ACCOUNT, member), role_arn=READER))
    assert gaps == ()
    organization = facts.world.organization
    assert organization is not None
    assert organization.management == OWN_ACCOUNT
    assert set(organization.scps) == set(organization.rcps) == {member}
    levels = organization.scps[member]
    assert levels is not None
    root, unit, _ = levels
    assert [policy.name for policy in root] == ["p-FullAWSAccess"]
    assert any("sts:*" in (policy.text or "") for policy in unit)


def test_accounts_without_an_organization_are_bound_by_nothing(aws_server: AwsServer) -> None:
    facts, gaps = read(aws_server)
    assert facts.world.organization == Organization()
    assert gaps == ()


def test_a_policy_type_that_is_not_in_use_binds_nobody(aws_server: AwsServer) -> None:
    organizations = aws_server.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    status = organizations.create_account(Email="a@example.test", AccountName="a")["CreateAccountStatus"]
    facts, gaps = read(aws_server, AwsSource(accounts=(status["AccountId"],), role_arn=READER))
    assert facts.world.organization == Organization(management=OWN_ACCOUNT)
    assert gaps == ()


def test_each_account_is_read_through_its_role(aws_server: AwsServer) -> None:
    for account in (OWN_ACCOUNT, OTHER_ACCOUNT):
        manager = aws_server.client("secretsmanager", account=account)
        manager.create_secret(Name=f"of-{account}", SecretString="x")
    facts, gaps = read(aws_server, AwsSource(accounts=(OWN_ACCOUNT, OTHER_ACCOUNT), role_arn=READER))
    assert gaps == ()
    for found in facts.world.accounts:
        (secret,) = found.regions[0].secrets or ()
        assert f":{found.id}:secret:of-{found.id}-" in secret.arn
    assert facts.coverage["accounts"] == 2


def test_credentials_and_region_come_from_the_given_variables_and_files(
    aws_server: AwsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws_server.client("secretsmanager", region="eu-west-1").create_secret(Name="x", SecretString="x")
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "not-this-one")
    before = dict(os.environ)
    files = tmp_path / "config"
    files.write_text(
        f"[profile audit]\nregion = eu-west-1\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET_KEY}\n",
        encoding="utf-8",
    )
    environ = {
        "AWS_CONFIG_FILE": str(files), "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    source = AwsSource(profile="audit", endpoint_url=aws_server.url)
    facts, _ = collect_aws(source, Target(name="t", tenants=()), environ=environ, progress=lambda *_: None)
    region = only_region(facts.world)
    assert region.name == "eu-west-1"
    assert len(region.secrets or ()) == 1
    assert dict(os.environ) == before


def test_progress_counts_to_its_total(aws_server: AwsServer) -> None:
    planted.tenants(aws_server)
    told: list[tuple[str, int, int | None]] = []
    collect_aws(
        AwsSource(), Target(name="t", tenants=()), environ=aws_server.environ(), progress=lambda *one: told.append(one)
    )
    step, done, total = [one for one in told if one[0].startswith("parts")][-1]
    assert (step, done) == ("parts of AWS accounts", total)
    assert total == 6


TARGET = """schema: 1
name: live
tenants:
  - id: acme
    agents: [{{id: acme-agent, aws: {{role: "arn:aws:iam::{account}:role/agent-acme"}}}}]
    territory: {{aws: [{{tags: {{TenantId: acme}}}}]}}
  - id: beta
    agents: [{{id: beta-agent, aws: {{role: "arn:aws:iam::{account}:role/agent-beta"}}}}]
    territory: {{aws: [{{tags: {{TenantId: beta}}}}]}}
aws: {{regions: [{region}]}}
"""
CHECK = "aws_no_cross_tenant_read"


def cred_audit(environ: dict[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [sys.executable, "-m", "cred_audit", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False, env={**kept, **environ, "NO_COLOR": "1"}, cwd=ROOT,
    )  # fmt: skip


def verdicts(text: str) -> dict[str, str]:
    (result,) = json.loads(text)["results"]
    return {finding["tenant"]: finding["verdict"] for finding in result["findings"]}


def test_a_scan_finds_the_break_and_the_snapshot_says_the_same(aws_server: AwsServer, tmp_path: Path) -> None:
    planted.tenants(aws_server)
    target, snapshot = tmp_path / "target.yaml", tmp_path / "snapshot.json"
    target.write_text(TARGET.format(account=OWN_ACCOUNT, region=REGION), encoding="utf-8")
    live = cred_audit(aws_server.environ(), "scan", target, "-f", "json", "--check", CHECK)
    assert live.returncode == 1, live.stderr
    assert verdicts(live.stdout) == {"acme": "pass", "beta": "fail"}
    collected = cred_audit(aws_server.environ(), "collect", target, "-o", snapshot)
    assert collected.returncode == 0, collected.stderr
    offline = cred_audit({}, "scan", "--snapshot", snapshot, "-f", "json", "--check", CHECK)
    assert offline.returncode == 1, offline.stderr
    assert json.loads(offline.stdout)["results"] == json.loads(live.stdout)["results"]
    for text in (live.stdout, live.stderr, collected.stderr, snapshot.read_text(encoding="utf-8")):
        assert planted.CANARY not in text
        assert SECRET_KEY not in text


def test_the_policy_is_printed_without_an_account_and_its_help_gives_the_reasons(tmp_path: Path) -> None:
    printed = cred_audit({}, "collect", "--print-policy", "--aws")
    assert printed.returncode == 0, printed.stderr
    assert printed.stdout == auditor_iam_policy(None)
    target = tmp_path / "target.yaml"
    text = TARGET.format(account=OWN_ACCOUNT, region=REGION)
    target.write_text(text.replace("aws: {regions:", f'aws: {{role_arn: "{READER}", regions:'), encoding="utf-8")
    assert "arn:aws:iam::*:role/audit" in cred_audit({}, "collect", "--print-policy", "--aws", target).stdout
    shown = " ".join(cred_audit({"COLUMNS": "100"}, "collect", "--help").stdout.split())
    for sid, why, _ in PERMISSIONS:
        assert f"{sid}: {why}" in shown
    assert f"{ROLES[0]}: {ROLES[1]}" in shown
    assert cred_audit({}, "collect", "--aws", "-o", tmp_path / "x.json", target).returncode == 2
