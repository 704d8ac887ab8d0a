"""Files that stand for AWS accounts: what `aws ... --output json` prints, and plain policy files."""

import copy
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from cred_audit.collect import collect
from cred_audit.collect.aws import files as reading
from cred_audit.decide.aws.world import Organization, Role, asked
from cred_audit.errors import CollectError
from cred_audit.facts import Snapshot
from cred_audit.finding import Verdict
from cred_audit.snapshot import load, save
from cred_audit.target.load import load_target
from cred_audit.target.model import AwsFiles, AwsPrincipalFiles, AwsSource, Target
from tests import aws_lab as lab
from tests.checks.judged import judged
from tests.collect import aws_plans as plans

EXAMPLE = Path(__file__).parents[2] / "examples" / "aws-offline"
SECRET = f"arn:aws:secretsmanager:{lab.REGION}:{lab.ACCOUNT}:secret:acme/db-AbCdEf"
KEY = f"arn:aws:kms:{lab.REGION}:{lab.ACCOUNT}:key/0f7a6bd8-2e2a-4c52-a3f0-000000000001"
ROLE = lab.role_arn("agent")
OWN = json.loads(lab.document(lab.statement(Condition=lab.EQUAL)))
EMPTY: dict[str, Any] = {"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [], "Policies": []}


def role(**more: Any) -> dict[str, Any]:
    return {
        "Path": "/", "RoleName": "agent", "Arn": ROLE, "AssumeRolePolicyDocument": json.loads(plans.TRUST),
        "InstanceProfileList": [], "AttachedManagedPolicies": [], "Tags": [],
        "RolePolicyList": [{"PolicyName": "own", "PolicyDocument": OWN}], **more,
    }  # fmt: skip


class Account:
    """The files of one account, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.given: dict[str, Any] = {}
        self.regions: tuple[str, ...] = ()
        self.organization: Path | None = None

    def give(self, part: str, content: Any, *, name: str = "") -> Path:
        path = self.folder / (name or f"{part}.json")
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        if part == "organization":
            self.organization = path
        else:
            self.given[part] = (*self.given.get(part, ()), path)
        return path

    def source(self) -> AwsSource:
        return AwsSource(
            regions=self.regions, files={lab.ACCOUNT: AwsFiles(**self.given)}, organization=self.organization
        )

    def read(self, *, allow_outside: bool = False) -> Snapshot:
        tenants = [
            lab.tenant(name, lab.agent(f"{name}-agent", "agent", session_tags={"TenantId": name}))
            for name in ("acme", "beta")
        ]
        target = Target(name="t", tenants=tuple(tenants), aws=self.source(), path=self.folder / "target.yaml")
        return collect(target, allow_commands=False, progress=lambda *_: None, environ={}, allow_outside=allow_outside)


@pytest.fixture
def account(tmp_path: Path) -> Account:
    return Account(tmp_path)


def world(snapshot: Snapshot) -> Any:
    assert snapshot.aws is not None
    return snapshot.aws.world.accounts[0]


def only_role(snapshot: Snapshot) -> Role:
    (found,) = world(snapshot).roles
    assert isinstance(found, Role)
    return found


def said(snapshot: Snapshot) -> str:
    return "\n".join(f"{gap.what}: {gap.reason}" for gap in snapshot.gaps)


def assumed(snapshot: Snapshot) -> str:
    assert snapshot.aws is not None
    return "\n".join(snapshot.aws.assumed)


def reason(snapshot: Snapshot, part: str, *place: str) -> str:
    return "\n".join(gap.reason for gap in snapshot.gaps if gap.what == asked(part, *place))


def test_authorization_details(account: Account) -> None:
    managed = f"arn:aws:iam::{lab.ACCOUNT}:policy/teams/read"
    account.give("authorization_details", {
        "IsTruncated": False,
        "UserDetailList": [{
            "Arn": f"arn:aws:iam::{lab.ACCOUNT}:user/bot", "UserId": "AIDA1234567890ABCDEFG", "GroupList": ["readers"],
            "AttachedManagedPolicies": [],
            "UserPolicyList": [{"PolicyName": "u", "PolicyDocument": json.dumps(OWN)}],
        }],
        "GroupDetailList": [{
            "Arn": f"arn:aws:iam::{lab.ACCOUNT}:group/readers", "AttachedManagedPolicies": [],
            "GroupPolicyList": [{"PolicyName": "g", "PolicyDocument": quote(json.dumps(OWN))}],
        }],
        "RoleDetailList": [role(
            RoleId="AROA1234567890ABCDEFG", AttachedManagedPolicies=[{"PolicyName": "read", "PolicyArn": managed}],
            PermissionsBoundary={"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": managed},
            Tags=[{"Key": "TenantId", "Value": "acme"}],
            InstanceProfileList=[{"Arn": f"arn:aws:iam::{lab.ACCOUNT}:instance-profile/p"}],
        )],
        "Policies": [{"Arn": managed, "DefaultVersionId": "v2", "PolicyVersionList": [
            {"VersionId": "v1", "IsDefaultVersion": False, "Document": {"old": 1}},
            {"VersionId": "v2", "IsDefaultVersion": True, "Document": OWN},
        ]}],
    })  # fmt: skip
    found = world(seen := account.read())
    agent = only_role(seen)
    assert (agent.unique_id, found.users[0].unique_id) == ("AROA1234567890ABCDEFG", "AIDA1234567890ABCDEFG")
    assert agent.inline is not None
    assert json.loads(agent.inline[0].text or "") == OWN
    assert (agent.attached, agent.boundary, agent.tags) == ((managed,), managed, {"TenantId": "acme"})
    assert json.loads(agent.trust or "") == json.loads(plans.TRUST)
    assert agent.instance_profiles == (f"arn:aws:iam::{lab.ACCOUNT}:instance-profile/p",)
    assert found.users[0].groups == ("readers",)
    assert json.loads(found.groups[0].inline[0].text) == OWN
    assert [json.loads(one.text) for one in found.policies] == [OWN]
    assert reason(seen, "iam", lab.ACCOUNT) == ""
    # What no file shows is not seen, and the gap says which command shows it.
    assert [region.secrets for region in found.regions] == [None]
    assert "aws secretsmanager list-secrets" in reason(seen, "secrets", lab.ACCOUNT, "(any region)")
    assert "organization" in reason(seen, "organization")


@pytest.mark.parametrize(
    ("mark", "value"),
    [("IsTruncated", True), ("Marker", "AAEC"), ("NextToken", "x"), ("IsTruncated", "true")],
)
def test_missing_pages_are_not_seen(account: Account, mark: str, value: Any) -> None:
    account.give("authorization_details", EMPTY | {"RoleDetailList": [role()], mark: value})
    account.give("secrets", {"SecretList": [{"ARN": SECRET}], mark: value})
    seen = account.read()
    found = world(seen)
    assert (found.roles, found.users, found.groups, found.policies) == (None,) * 4
    assert found.regions[0].secrets is None
    assert "pages are missing" in reason(seen, "iam", lab.ACCOUNT)
    assert "pages are missing" in reason(seen, "secrets", lab.ACCOUNT, lab.REGION)


def test_secrets(account: Account) -> None:
    account.give("secrets", {"SecretList": [
        {
            "ARN": SECRET, "Name": "acme/db", "KmsKeyId": KEY, "RotationEnabled": True,
            "RotationLambdaARN": f"arn:aws:lambda:{lab.REGION}:{lab.ACCOUNT}:function:r",
            "RotationRules": {"AutomaticallyAfterDays": 7}, "LastChangedDate": "2026-10-02T08:30:00.123000+02:00",
            "LastRotatedDate": 1_790_000_000.5, "Tags": [{"Key": "TenantId", "Value": "acme"}],
            "ReplicationStatus": [{"Region": "eu-west-1", "KmsKeyId": "alias/x", "Status": "InSync"}],
            "OwningService": "rds", "ResourcePolicy": json.dumps(OWN), "Unknown": {"new": "field"},
        },
        {"ARN": SECRET.replace(lab.REGION, "eu-west-1"), "PrimaryRegion": lab.REGION, "ResourcePolicy": None},
        {"ARN": f"{SECRET[:-13]}c-AbCdEf", "ResourcePolicy": {"bad": "policy"}},
    ]})  # fmt: skip
    account.give("secrets", {"SecretList": [{"ARN": SECRET.replace("db-", "x-"), "ResourcePolicy": ""}]}, name="b.json")
    account.regions = ("eu-north-1",)
    seen = account.read()
    regions = {region.name: region for region in world(seen).regions}
    assert set(regions) == {lab.REGION, "eu-west-1", "eu-north-1"}
    assert regions["eu-north-1"].secrets == ()
    first = next(one for one in regions[lab.REGION].secrets if one.arn == SECRET)
    assert (first.key, first.rotation, first.rotates_every, first.owning_service) == (KEY, True, 7, "rds")
    assert first.last_changed is not None
    assert first.last_changed.isoformat() == "2026-10-02T08:30:00.123000+02:00"
    assert first.last_rotated is not None
    assert [(copy.region, copy.key) for copy in first.replicas] == [("eu-west-1", "alias/x")]
    assert json.loads(first.policy or "") == OWN
    # What AWS would refuse stays, so that whoever decides on it says so.
    assert json.loads(next(one for one in regions[lab.REGION].secrets if "c-" in one.arn).policy) == {"bad": "policy"}
    assert regions["eu-west-1"].secrets[0].primary_region == lab.REGION
    assert "no resource policies" not in assumed(seen)


def test_secrets_without_any_resource_policy_are_said_to_have_none(account: Account) -> None:
    account.give("secrets", {"SecretList": [{"ARN": SECRET}]})
    seen = account.read()
    assert "secrets.json are taken to have no resource policies" in assumed(seen)
    assert world(seen).regions[0].secrets[0].policy is None


def test_keys_in_all_their_spellings(account: Account) -> None:
    account.give("keys", {
        "Keys": [
            {"Arn": KEY, "KeyPolicy": OWN, "Grants": [
                {"GranteePrincipal": ROLE, "Operations": ["Decrypt"], "Name": "g",
                 "Constraints": {"EncryptionContextSubset": {"a": "b"}}}], "Tags": [{"TagKey": "T", "TagValue": "v"}]},
            {"KeyMetadata": {"Arn": f"{KEY[:-1]}2", "KeyManager": "CUSTOMER", "KeyState": "PendingDeletion"},
             "Policy": json.dumps(OWN), "Tags": [{"Key": "T", "Value": "w"}]},
            {"KeyArn": f"{KEY[:-1]}3", "KeyManager": "AWS", "Enabled": True, "Aliases": ["alias/aws/ssm"]},
            {"KeyId": "0f7a6bd8-0000", "KeyPolicy": "", "Aliases": [{"AliasName": "alias/own"}]},
        ],
        "Aliases": [{"AliasName": "alias/one", "TargetKeyId": KEY.rpartition("/")[2]}, {"AliasName": "alias/lost"}],
    })  # fmt: skip
    account.regions = (lab.REGION,)
    seen = account.read()
    one, two, three, four = sorted(world(seen).regions[0].keys, key=lambda key: (len(key.arn) < len(KEY), key.arn))
    assert (one.aliases, one.tags, one.customer, one.enabled) == (("alias/one",), {"T": "v"}, True, None)
    assert [(g.grantee, g.operations, g.context_subset, g.context_equals) for g in one.grants] == [
        (ROLE, frozenset({"Decrypt"}), {"a": "b"}, None)
    ]
    assert (two.tags, two.enabled, two.grants) == ({"T": "w"}, False, ())
    assert (three.customer, three.enabled) == (False, True)
    assert four.arn == f"arn:aws:kms:{lab.REGION}:{lab.ACCOUNT}:key/0f7a6bd8-0000"
    assert (four.policy, four.aliases, four.tags) == (None, ("alias/own",), {})
    assert "keys.json: Keys[3].KeyPolicy: add what `aws kms get-key-policy` prints" in said(seen)


def test_keys_without_any_grants_or_tags_have_not_been_asked_for_them(account: Account) -> None:
    account.give("keys", {"Keys": [{"Arn": KEY, "KeyPolicy": OWN}]})
    seen = account.read()
    (key,) = world(seen).regions[0].keys
    assert (key.grants, key.tags) == (None, None)
    assert "list-grants" in said(seen)
    assert "list-resource-tags" in said(seen)


def test_parameters(account: Account) -> None:
    canary = "CANARY-parameter"
    account.regions = (lab.REGION,)
    account.give("parameters", {"Parameters": [
        {"Name": "/acme/db", "Type": "SecureString", "KeyId": "alias/aws/ssm", "Value": canary, "Tags": [],
         "LastModifiedDate": "2026-10-02T08:30:00+00:00"},
        {"Name": "plain", "Type": "String", "ARN": f"arn:aws:ssm:{lab.REGION}:{lab.ACCOUNT}:parameter/plain"},
        {"Name": "odd", "Type": "Other"},
    ]})  # fmt: skip
    seen = account.read()
    odd, plain, secure = sorted(world(seen).regions[0].parameters, key=lambda one: one.arn.replace("acme", "z"))
    assert secure.arn == f"arn:aws:ssm:{lab.REGION}:{lab.ACCOUNT}:parameter/acme/db"
    assert (secure.type, secure.key, secure.tags) == ("SecureString", "alias/aws/ssm", {})
    assert (plain.type, plain.tags) == ("String", {})
    assert odd.type == "SecureString"
    assert canary not in save(seen)
    account.give("parameters", {"Parameters": [{"Name": "x", "Type": "String"}]}, name="untagged.json")
    seen = account.read()
    untagged = next(one for one in world(seen).regions[0].parameters if one.arn.endswith("/x"))
    assert untagged.tags is None
    assert "list-tags-for-resource" in said(seen)
    account.regions = ("us-east-1", "eu-west-1")
    seen = account.read()
    assert world(seen).regions[0].parameters is None
    assert "name the one region" in said(seen)


def test_functions_and_trails(account: Account) -> None:
    function = f"arn:aws:lambda:{lab.REGION}:{lab.ACCOUNT}:function:rotate"
    account.give("functions", {"FunctionArn": function, "Role": ROLE, "Environment": {"Variables": {"K": "CANARY-f"}}})
    arn = f"arn:aws:cloudtrail:{lab.REGION}:{lab.ACCOUNT}:trail/"
    management = {"Field": "eventCategory", "Equals": ["Management"]}
    account.give("trails", {"trailList": [
        {"TrailARN": f"{arn}a", "IsMultiRegionTrail": True, "S3BucketName": "b", "IsLogging": True, "KmsKeyId": KEY,
         "EventSelectors": [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}]},
        {"TrailARN": f"{arn}b", "AdvancedEventSelectors": [{"FieldSelectors": [management]}]},
        {"TrailARN": f"{arn}c"},
        {"TrailARN": f"arn:aws:cloudtrail:{lab.REGION}:{lab.OTHER_ACCOUNT}:trail/org", "IsOrganizationTrail": True},
    ]})  # fmt: skip
    account.regions = (lab.REGION, "eu-west-1")
    seen = account.read()
    away, here = world(seen).regions
    assert [(one.arn, one.role) for one in here.functions] == [(function, ROLE)]
    trails = {one.arn.rpartition("/")[2]: one for one in here.trails}
    assert (trails["a"].reads, trails["a"].logging, trails["a"].bucket, trails["a"].key) == (False, True, "b", KEY)
    assert (trails["b"].reads, trails["b"].logging) == (True, None)
    assert trails["c"].reads is None
    assert "org" in trails
    assert [one.arn for one in away.trails] == [f"{arn}a"]
    assert "CANARY" not in save(seen)


def organization(account: Account, content: Any) -> tuple[Organization | None, Snapshot]:
    account.give("secrets", {"SecretList": []})
    account.give("organization", content)
    seen = account.read()
    assert seen.aws is not None
    return seen.aws.world.organization, seen


def test_no_organization(account: Account) -> None:
    assert organization(account, {})[0] == Organization()


def test_policies_of_an_organization(account: Account) -> None:
    full = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    found, seen = organization(account, {
        "management": "9" * 12,
        "scps": {
            lab.ACCOUNT: [[full], [json.dumps(full), {"PolicySummary": {"Id": "p-1"}, "Content": json.dumps(OWN)}], []],
            lab.OTHER_ACCOUNT: None,
        },
    })  # fmt: skip
    assert found is not None
    levels = found.scps[lab.ACCOUNT]
    assert levels is not None
    assert [[one.name for one in level] for level in levels] == [
        [f"scps.{lab.ACCOUNT}[0][0]"], [f"scps.{lab.ACCOUNT}[0][0]", "p-1"], [],
    ]  # fmt: skip
    assert found.scps[lab.OTHER_ACCOUNT] is None
    assert (found.rcps, found.management) == ({}, "9" * 12)
    assert "No resource control policies bind the accounts" in assumed(seen)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"scps": {lab.OTHER_ACCOUNT: []}, "rcps": {}}, "the account is not listed, others are"),
        ({"scps": {lab.ACCOUNT: [{}]}, "rcps": {}}, "must be a list of levels"),
        ({"scps": [], "rcps": {}}, "must be an object of accounts"),
    ],
)
def test_policies_that_are_not_seen(account: Account, content: Any, why: str) -> None:
    found, seen = organization(account, content)
    assert found is not None
    assert found.scps[lab.ACCOUNT] is None
    assert why in said(seen)


@pytest.mark.parametrize("content", [[], {"policies": {}}, b"{", 7])
def test_an_organization_of_another_form_is_not_known(account: Account, content: Any) -> None:
    found, seen = organization(account, content)
    assert found is None
    assert "organization.json" in reason(seen, "organization")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"SecretList": [\n  {"ARN": "x",}\n]}', "line 2, column 15: this is not JSON"),
        (b"", "it is empty"),
        (b"An error occurred (AccessDenied)", "line 1, column 1"),
        ('{"SecretList": []}'.encode("utf-16"), "looks like UTF-16"),
        (b'{"SecretList": ["\xff"]}', "line 1, column 18: this is not JSON (no utf-8 text)"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"Secrets": []}', "it has no SecretList"),
        (b'{"SecretList": {}}', "it has an object as SecretList"),
        (b"[]", "must be an object with SecretList, not a list"),
        (b'{"SecretList": [7]}', "SecretList[0] must be an object, not a number"),
        (b'{"SecretList": [{"Name": "x"}]}', "SecretList[0].ARN is missing"),
        (b'{"SecretList": [{"ARN": "arn:aws:s3:::b\\u0007"}]}', "SecretList[0].ARN is"),
        (json.dumps({"SecretList": [{"ARN": SECRET.replace(lab.ACCOUNT, lab.OTHER_ACCOUNT)}]}).encode(),
         f"belongs to the account {lab.OTHER_ACCOUNT}, but the file is given for {lab.ACCOUNT}"),
        (json.dumps({"SecretList": [{"ARN": SECRET}, {"ARN": SECRET, "OwningService": "rds"}]}).encode(),
         "stands there twice with different content"),
    ],
)  # fmt: skip
def test_files_that_are_wrong(account: Account, content: bytes, why: str) -> None:
    account.regions = (lab.REGION,)
    account.give("parameters", {"Parameters": []})
    account.give("secrets", content)
    seen = account.read()
    assert world(seen).regions[0].secrets is None
    assert world(seen).regions[0].parameters == ()
    assert "secrets.json" in reason(seen, "secrets", lab.ACCOUNT, lab.REGION) or "stands there" in why
    assert why in reason(seen, "secrets", lab.ACCOUNT, lab.REGION)
    for gap in seen.gaps:
        assert gap.reason.isprintable()
        assert len(gap.reason) <= 600


def test_the_same_entry_twice_is_one(account: Account) -> None:
    account.give("secrets", {"SecretList": [{"ARN": SECRET}, {"ARN": SECRET}]})
    assert len(world(account.read()).regions[0].secrets) == 1


def test_wrong_parts_of_an_entry_hide_only_themselves(account: Account) -> None:
    account.give("authorization_details", EMPTY | {"RoleDetailList": [role(
        Tags=[{"Key": "a"}, {"Value": "b"}], RolePolicyList={}, AttachedManagedPolicies=[{"PolicyArn": 7}],
        PermissionsBoundary="x", AssumeRolePolicyDocument=None, MaxSessionDuration="1",
    )]})  # fmt: skip
    agent = only_role(seen := account.read())
    assert (agent.tags, agent.inline, agent.attached, agent.boundary, agent.trust) == (None,) * 5
    for path in ("Tags", "RolePolicyList", "AttachedManagedPolicies", "PermissionsBoundary"):
        assert f"iam.json: RoleDetailList[0].{path}" in said(seen).replace("authorization_details", "iam")


def test_many_wrong_entries_are_counted(account: Account) -> None:
    account.give("secrets", {"SecretList": [{"ARN": str(number)} for number in range(500)]})
    account.give("authorization_details", EMPTY | {"RoleDetailList": [
        role(Arn=f"{ROLE}{number}", Tags=7) for number in range(500)
    ]})  # fmt: skip
    seen = account.read()
    assert len(seen.gaps) < 40
    assert "and 495 more entries like these" in said(seen)
    assert "the same of 495 more of this kind" in said(seen)


def test_hostile_files(account: Account, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "s.json"
    outside.write_text(json.dumps({"SecretList": [{"ARN": SECRET}]}))
    (account.folder / "secrets.json").symlink_to(outside)
    os.mkfifo(account.folder / "pipe.json")
    account.given = {
        "secrets": (account.folder / "secrets.json",), "keys": (account.folder / "pipe.json",),
        "parameters": (account.folder,), "trails": (account.folder / "none\n.json",),
    }  # fmt: skip
    account.regions = (lab.REGION,)
    with pytest.raises(CollectError, match=r"aws: no file could be read; secrets\.json: it leaves the target's folder"):
        account.read()
    account.give("functions", {"Functions": []})
    seen = account.read()
    assert "--allow-outside" in reason(seen, "secrets", lab.ACCOUNT, lab.REGION)
    assert "this is no file" in reason(seen, "keys", lab.ACCOUNT, lab.REGION)
    assert "this is no file" in reason(seen, "parameters", lab.ACCOUNT, lab.REGION)
    assert "no such file" in reason(seen, "trails", lab.ACCOUNT, lab.REGION)
    assert len(world(account.read(allow_outside=True)).regions[0].secrets) == 1


def test_a_file_that_is_too_large(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGEST", 1024 * 1024)
    account.give("functions", {"Functions": []})
    account.give("secrets", b" " * (1024 * 1024 + 1))
    account.regions = (lab.REGION,)
    assert "larger than 1 MB" in reason(account.read(), "secrets", lab.ACCOUNT, lab.REGION)


def test_a_byte_order_mark_is_no_fault(account: Account) -> None:
    account.give("secrets", b"\xef\xbb\xbf" + json.dumps({"SecretList": [{"ARN": SECRET}]}).encode())
    assert len(world(account.read()).regions[0].secrets) == 1


def test_policy_files(account: Account) -> None:
    for name, text in {
        "own.json": json.dumps(OWN),
        "get.json": json.dumps({"RoleName": "agent", "PolicyName": "x", "PolicyDocument": OWN}),
        "version.json": json.dumps({"PolicyVersion": {"VersionId": "v1", "Document": OWN}}),
        "broken.json": "{",
        "trust.json": plans.TRUST,
    }.items():
        (account.folder / name).write_text(text)
    (account.folder / "binary.json").write_bytes(b"\xff")
    paths = [account.folder / f"{name}.json" for name in ("own", "get", "version", "broken", "binary")]
    agent = AwsPrincipalFiles(
        policies=tuple(paths), trust=account.folder / "trust.json", boundary=paths[0], tags={"TenantId": "acme"}
    )
    account.given = {"roles": {"teams/agent": agent}, "users": {"bot": AwsPrincipalFiles(policies=(paths[0],))}}
    seen = account.read()
    found = only_role(seen)
    assert found.arn == f"arn:aws:iam::{lab.ACCOUNT}:role/teams/agent"
    assert found.inline is not None
    texts = {one.name: one.text for one in found.inline}
    assert list(texts) == ["own.json", "get.json", "version.json", "broken.json", "binary.json"]
    assert [json.loads(texts[name] or "") for name in list(texts)[:3]] == [OWN] * 3
    assert (texts["broken.json"], texts["binary.json"]) == ("{", None)
    assert found.trust == plans.TRUST
    assert found.tags == {"TenantId": "acme"}
    (boundary,) = world(seen).policies
    assert boundary.name == found.boundary == f"arn:aws:iam::{lab.ACCOUNT}:policy/own.json"
    assert [user.arn for user in world(seen).users] == [f"arn:aws:iam::{lab.ACCOUNT}:user/bot"]
    assert "binary.json: byte 0 is not UTF-8" in said(seen)
    assert "and no others" in assumed(seen)


def test_policy_files_stand_in_place_of_what_is_there(account: Account) -> None:
    account.give("authorization_details", EMPTY | {"RoleDetailList": [role()]})
    (account.folder / "new.json").write_text(plans.ALL)
    account.given["roles"] = {"agent": AwsPrincipalFiles(policies=(account.folder / "new.json",))}
    seen = account.read()
    assert [one.name for one in only_role(seen).inline or ()] == ["new.json"]
    assert only_role(seen).trust is not None  # of what is there, since no file gives another
    assert "these files stand in place" in assumed(seen)


TARGET = """\
schema: 1
name: files
tenants:
  - id: acme
    agents: [{aws: {role: "arn:aws:iam::111122223333:role/acme"}}]
    territory: {aws: [{tags: {TenantId: acme}}]}
  - id: beta
    agents: [{aws: {role: "arn:aws:iam::111122223333:role/beta"}}]
    territory: {aws: [{tags: {TenantId: beta}}]}
aws:
  regions: [us-east-1]
  files:
    organization: org.json
    "111122223333":
      roles:
        acme: {policies: own.json, trust: trust.json, tags: {TenantId: acme}}
        beta: {policies: [own.json, all.json], trust: trust.json, tags: {TenantId: beta}}
      secrets: [secrets.json]
      keys: []
      parameters: []
"""


def test_the_whole_way_from_policy_files_to_the_exit_code(tmp_path: Path) -> None:
    secrets = [
        {"ARN": SECRET.replace("acme", name), "Tags": [{"Key": "TenantId", "Value": name}]} for name in ("acme", "beta")
    ]
    for name, content in {
        "own": OWN, "all": json.loads(plans.ALL), "trust": json.loads(plans.TRUST), "org": {},
        "secrets": {"SecretList": secrets},
    }.items():  # fmt: skip
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    target = tmp_path / "target.yaml"
    target.write_text(TARGET)
    out = tmp_path / "out.json"
    command = ("--check", "aws_no_cross_tenant_read", "-o", str(out))
    done = cred_audit("scan", str(target), *command)
    assert done.returncode == 1, done.stderr
    found = {one["tenant"]: one for one in findings(out)}
    assert (found["acme"]["verdict"], found["beta"]["verdict"]) == ("pass", "fail")
    assert "all.json" in json.dumps(found["beta"]["evidence"])
    # What no file shows is missing from the snapshot, and `collect` says so.
    assert cred_audit("collect", str(target), "-o", str(tmp_path / "s.json")).returncode == 3
    before = findings(out)
    assert cred_audit("scan", "--snapshot", str(tmp_path / "s.json"), *command).returncode == 1
    assert findings(out) == before
    target.write_text(TARGET.replace(", all.json", ""))
    assert cred_audit("scan", str(target), *command).returncode == 0


def test_the_example(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = cred_audit("scan", str(EXAMPLE / "target.yaml"), "-o", str(out))
    assert done.returncode == 1, done.stderr
    results = {one["check"]["id"]: one["findings"] for one in json.loads(out.read_text())["results"]}
    reads = {one["tenant"]: (one["verdict"], one["reaches"]) for one in results["aws_no_cross_tenant_read"]}
    assert reads == {"acme": ("pass", []), "beta": ("fail", ["beta-labs"]), "beta-labs": ("pass", [])}


def cred_audit(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cred_audit", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def findings(out: Path) -> list[dict[str, Any]]:
    return [one for result in json.loads(out.read_text())["results"] for one in result["findings"]]


PARTS = ("authorization_details", "secrets", "keys", "parameters", "organization")
RANK = {Verdict.FAIL: 0, Verdict.UNKNOWN: 1, Verdict.PASS: 2}


def whole(folder: Path, policy: Any) -> Account:
    account = Account(folder)
    account.regions = (lab.REGION,)
    account.give("authorization_details", EMPTY | {"RoleDetailList": [
        role(RolePolicyList=[{"PolicyName": "own", "PolicyDocument": policy}])
    ]})  # fmt: skip
    secrets = [
        {"ARN": SECRET.replace("acme", name), "Tags": [{"Key": "TenantId", "Value": name}], "ResourcePolicy": None,
         "KmsKeyId": KEY if name == "beta" else None}
        for name in ("acme", "beta")
    ]  # fmt: skip
    root = {"AWS": f"arn:aws:iam::{lab.ACCOUNT}:root"}
    key_policy = lab.document(lab.statement("kms:*", "*", Principal=root))
    account.give("secrets", {"SecretList": secrets})
    account.give("keys", {"Keys": [{"Arn": KEY, "KeyPolicy": key_policy, "Grants": [], "Tags": []}]})
    account.give("parameters", {"Parameters": []})
    account.give("organization", {})
    return account


@pytest.mark.parametrize("policy", [OWN, json.loads(plans.ALL)], ids=["own", "all"])
@pytest.mark.parametrize("hidden", PARTS)
@pytest.mark.parametrize("how", ["absent", "broken", "a page is missing"])
def test_less_sight_never_gives_a_better_verdict(tmp_path: Path, policy: Any, hidden: str, how: str) -> None:
    account = whole(tmp_path, policy)
    before = {one.tenant: RANK[one.verdict] for one in judged("aws_no_cross_tenant_read", account.read())}
    # Nobody may open the key of beta's secret, so acme reaches nothing either way.
    assert before == {"acme": RANK[Verdict.PASS], "beta": RANK[Verdict.PASS if policy == OWN else Verdict.FAIL]}
    file = tmp_path / f"{hidden}.json"
    if how == "absent":
        account.given.pop(hidden, None)
        account.organization = None if hidden == "organization" else account.organization
    elif how == "broken":
        file.write_bytes(file.read_bytes()[:-1])
    else:
        file.write_text(json.dumps(json.loads(file.read_text()) | {"NextToken": "x", "scps": []}))
    after = judged("aws_no_cross_tenant_read", account.read())
    for one in after:
        if one.tenant is not None and one.verdict is Verdict.PASS:
            assert before[one.tenant] == RANK[Verdict.PASS]
        if hidden not in {"organization", "keys"}:
            # Policies of an organization only take away, so what is proven without them stays so; keys are a case of
            # their own, beside those of secrets and parameters.
            assert one.verdict is not Verdict.PASS
    if hidden == "keys":
        assert Verdict.UNKNOWN in {one.verdict for one in after if one.subject.endswith(" keys")}


def nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every (container, key) of a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(inside):
        yield value, key
        yield from nodes(inner)


ODD: tuple[Callable[[], Any], ...] = (
    lambda: None, lambda: True, lambda: 7, lambda: -1.5, lambda: 1e300, lambda: "", lambda: "x", lambda: "\u202e\x00",
    list, dict, lambda: [None], lambda: [[]], lambda: {"": None}, lambda: {"x": [{}]}, lambda: "arn:aws:iam::1:role/",
    lambda: [{"Key": [], "Value": {}}], lambda: 2**80, lambda: "%7B", lambda: ["delete"], lambda: {"references": [1]},
)  # fmt: skip


def mutated(document: Any, chance: random.Random) -> Any:
    document = copy.deepcopy(document)
    for _ in range(chance.randint(1, 4)):
        places = list(nodes(document))
        if not places:
            break
        container, key = chance.choice(places)
        if chance.random() < 0.2:
            del container[key]
        else:
            container[key] = chance.choice(ODD)()
    return document


@pytest.mark.parametrize("seed", range(250))
def test_files_that_were_tampered_with_end_in_facts_or_gaps(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  (a test's choices)
    account = whole(tmp_path, OWN)
    account.give("functions", {"Functions": [{"FunctionArn": f"arn:aws:lambda:{lab.REGION}:{lab.ACCOUNT}:function:r"}]})
    account.give("trails", {"trailList": [{
        "TrailARN": f"arn:aws:cloudtrail:{lab.REGION}:{lab.ACCOUNT}:trail/a",
        "EventSelectors": [{"ReadWriteType": "All"}], "AdvancedEventSelectors": [{"FieldSelectors": [{}]}],
    }]})  # fmt: skip
    account.give("organization", {"scps": {lab.ACCOUNT: [[OWN], [{"Content": "{}"}]]}, "rcps": {lab.ACCOUNT: []}})
    account.give("terraform", plans.plan([
        *plans.tenants(plans.OWN, "acme", "beta"),
        plans.new("aws_kms_key.k", tags_all={}),
        plans.new("aws_kms_grant.g", key_id=KEY, grantee_principal=ROLE, operations=["Decrypt"], constraints=[{}]),
        plans.new("aws_iam_user_group_membership.m", user="bot", groups=["g"]),
        plans.new("aws_iam_policy.p", name="p", policy=plans.ALL),
        plans.new("aws_iam_role_policy_attachment.p", role="agent", _unknown={"policy_arn": True},
                  _refers={"policy_arn": ["aws_iam_policy.p.arn", "aws_iam_policy.p"]}),
        plans.new("aws_secretsmanager_secret_rotation.r", secret_id=SECRET, rotation_rules=[{}]),
        plans.new("aws_ssm_parameter.p", name="/p", type="String", tags_all={}),
        plans.new("aws_cloudtrail.t", name="t", event_selector=[{"read_write_type": "All"}]),
        plans.there("aws_organizations_organization.o", id="o", roots=[{"id": "r"}]),
        plans.deleted("aws_iam_role.gone", name="gone", arn=ROLE),
        plans.new('module.m["x"].aws_iam_role.this[0]', name="inner", assume_role_policy=plans.TRUST),
    ]))  # fmt: skip
    for part in chance.sample([*PARTS, "functions", "trails", "terraform", "terraform", "terraform"], 3):
        file = tmp_path / f"{part}.json"
        file.write_text(json.dumps(mutated(json.loads(file.read_text()), chance)))
    if chance.random() < 0.3:
        account.organization = None
    seen = account.read()
    assert all(gap.reason.isprintable() and gap.what.isprintable() for gap in seen.gaps)
    assert load(save(seen), source="s") == seen


def test_every_key_of_the_files_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "target.yaml").write_text(TARGET)
    target = load_target(tmp_path / "target.yaml")
    assert target.aws is not None
    assert target.aws.files is not None
    files = target.aws.files[lab.ACCOUNT]
    assert (files.secrets, files.keys, files.parameters) == ((tmp_path / "secrets.json",), (), ())
    assert files.roles["beta"].policies == (tmp_path / "own.json", tmp_path / "all.json")
    assert files.roles["acme"].trust == tmp_path / "trust.json"
    assert files.authorization_details is None


def test_a_region_that_no_file_names_is_said_to_be_taken_for_empty(account: Account) -> None:
    account.regions = (lab.REGION, "eu-west-1")
    account.give("secrets", {"SecretList": [{"ARN": SECRET, "ResourcePolicy": None}]})
    account.give("keys", {"Keys": []})
    seen = account.read()
    assert "no secrets in eu-west-1: its files show none there" in assumed(seen)
    assert f"no keys in {lab.REGION}, eu-west-1" in assumed(seen)
    account.give("secrets", {"SecretList": []}, name="west.json")
    assert "no secrets in" not in assumed(account.read())


@pytest.mark.parametrize(
    ("levels", "says"),
    [(None, "must be a list of levels"), ([[None]], "must be a policy"), ([[""]], "must be a policy")],
)
def test_policies_of_an_organization_that_are_not_there_are_a_gap(account: Account, levels: Any, says: str) -> None:
    account.give("authorization_details", {})
    account.give("organization", {"scps": {lab.ACCOUNT: levels}, "rcps": {}})
    seen = account.read()
    assert seen.aws is not None
    assert seen.aws.world.organization is not None
    assert seen.aws.world.organization.scps == {lab.ACCOUNT: None}
    assert says in said(seen)


def test_a_file_of_too_many_values_is_refused_before_it_is_read(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cred_audit.collect.aws.files._MOST_VALUES", 50)
    account.give("secrets", {"SecretList": [{"ARN": SECRET, "ResourcePolicy": None}]})
    account.give("keys", {"Keys": [{}] * 50})
    seen = account.read()
    assert world(seen).regions[0].secrets is not None
    assert world(seen).regions[0].keys is None
    assert "more than 50 values" in said(seen)


def test_a_time_of_no_year_is_none(account: Account) -> None:
    account.give("secrets", {"SecretList": [{"ARN": SECRET, "LastChangedDate": "0001-01-01T00:00:00+14:00"}]})
    (secret,) = world(account.read()).regions[0].secrets
    assert secret.last_changed is None
