"""An AWS account with one of everything that the collector reads, made through the emulator's own API."""

import io
import json
import zipfile
from typing import Any

from tests.aws_server import OWN_ACCOUNT, AwsServer

EQUAL = {"StringEquals": {"aws:ResourceTag/TenantId": "${aws:PrincipalTag/TenantId}"}}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
CANARY = "canary-value-of-a-secret-4711"


def reading(*, condition: bool) -> str:
    """Return a policy that reads secrets: the tenant's own, or every one."""
    statement: dict[str, Any] = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    if condition:
        statement["Condition"] = EQUAL
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def tagged(tenant: str) -> list[dict[str, str]]:
    return [{"Key": "TenantId", "Value": tenant}]


def tenants(server: AwsServer) -> None:
    """Make two tenants: acme's agent may read its own secrets, beta's every one."""
    iam, manager = server.client("iam"), server.client("secretsmanager")
    for tenant in ("acme", "beta"):
        iam.create_role(RoleName=f"agent-{tenant}", AssumeRolePolicyDocument=json.dumps(TRUST), Tags=tagged(tenant))
        iam.put_role_policy(
            RoleName=f"agent-{tenant}", PolicyName="read", PolicyDocument=reading(condition=tenant == "acme")
        )
        manager.create_secret(Name=f"{tenant}/db", SecretString=CANARY, Description=CANARY, Tags=tagged(tenant))


def everything(server: AwsServer) -> None:
    """Add one of each thing to the tenants' roles and secrets."""
    tenants(server)
    _identities(server.client("iam"))
    _things(server)
    _organization(server.client("organizations"))


def _identities(iam: Any) -> None:
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=reading(condition=True))["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=boundary, PolicyDocument=reading(condition=False), SetAsDefault=True)
    iam.create_role(
        RoleName="worker", Path="/platform/", AssumeRolePolicyDocument=json.dumps(TRUST), MaxSessionDuration=7200,
        PermissionsBoundary=boundary,
    )  # fmt: skip
    shared = iam.create_policy(PolicyName="shared", PolicyDocument=reading(condition=True))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="worker", PolicyArn=shared)
    iam.create_instance_profile(InstanceProfileName="worker")
    iam.add_role_to_instance_profile(InstanceProfileName="worker", RoleName="worker")
    iam.create_group(GroupName="people")
    iam.put_group_policy(GroupName="people", PolicyName="read", PolicyDocument=reading(condition=False))
    iam.create_user(UserName="ann", Path="/people/", Tags=tagged("acme"))
    iam.add_user_to_group(GroupName="people", UserName="ann")
    iam.create_access_key(UserName="ann")


def _things(server: AwsServer) -> None:
    manager, kms = server.client("secretsmanager"), server.client("kms")
    key = kms.create_key(Tags=[{"TagKey": "TenantId", "TagValue": "acme"}])["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/acme", TargetKeyId=key)
    kms.create_grant(
        KeyId=key, GranteePrincipal=f"arn:aws:iam::{OWN_ACCOUNT}:role/agent-acme", Operations=["Decrypt"], Name="own",
        Constraints={"EncryptionContextSubset": {"SecretARN": "x"}},
    )  # fmt: skip
    manager.create_secret(
        Name="acme/copied", SecretString=CANARY, KmsKeyId="alias/acme", Tags=tagged("acme"),
        AddReplicaRegions=[{"Region": "eu-west-1"}],
    )  # fmt: skip
    manager.put_resource_policy(SecretId="acme/copied", ResourcePolicy=reading(condition=False))
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("rotate.py", "def handler(event, context): pass")
    function = server.client("lambda").create_function(
        FunctionName="rotate", Runtime="python3.12", Handler="rotate.handler", Code={"ZipFile": code.getvalue()},
        Role=f"arn:aws:iam::{OWN_ACCOUNT}:role/platform/worker",
    )["FunctionArn"]  # fmt: skip
    manager.create_secret(Name="acme/turned", SecretString=CANARY, Tags=tagged("acme"))
    manager.rotate_secret(
        SecretId="acme/turned", RotationLambdaARN=function, RotationRules={"AutomaticallyAfterDays": 30},
        RotateImmediately=False,
    )  # fmt: skip
    server.client("ssm").put_parameter(
        Name="/acme/db", Value=CANARY, Type="SecureString", KeyId="alias/acme", Tags=tagged("acme")
    )
    server.client("s3").create_bucket(Bucket="trail-of-the-tests")
    trails = server.client("cloudtrail")
    trails.create_trail(Name="all", S3BucketName="trail-of-the-tests", IsMultiRegionTrail=True)
    trails.start_logging(Name="all")


def _organization(organizations: Any) -> None:
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    for kind in ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"):
        organizations.enable_policy_type(RootId=root, PolicyType=kind)
    unit = organizations.create_organizational_unit(ParentId=root, Name="tenants")["OrganizationalUnit"]["Id"]
    status = organizations.create_account(Email="a@example.test", AccountName="acme")["CreateAccountStatus"]
    organizations.move_account(AccountId=status["AccountId"], SourceParentId=root, DestinationParentId=unit)
    content = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "sts:*", "Resource": "*"}]}
    policy = organizations.create_policy(
        Name="no-sts", Description="", Type="SERVICE_CONTROL_POLICY", Content=json.dumps(content)
    )["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=policy, TargetId=unit)


def member(server: AwsServer) -> str:
    """Return the id of the organization's member account."""
    accounts = server.client("organizations").list_accounts()["Accounts"]
    return next(str(account["Id"]) for account in accounts if account["Id"] != OWN_ACCOUNT)
