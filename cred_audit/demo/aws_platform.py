"""The AWS half of the demo's platform: the same tenants in one account, a role, a key and two secrets each.

One ABAC policy compares the tag of the secret with the tag of the role. acme's agent has a second policy whose name
pattern lacks the slash, globex's own copy has an `IfExists` too many (and initech has a secret that nobody tagged),
initech's agent may tag whatever it likes; the others are built as they should be.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from cred_audit.demo.aws_server import ACCOUNT, REGION
from cred_audit.demo.platform import TENANTS

_SAME = {"aws:ResourceTag/TenantId": "${aws:PrincipalTag/TenantId}"}
_THROUGH = {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}
_READ = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
_KEYS = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/*"
_DECRYPT = {
    "Effect": "Allow", "Action": "kms:Decrypt", "Resource": _KEYS, "Condition": {"StringEquals": _SAME | _THROUGH},
}  # fmt: skip
_ABAC: list[dict[str, Any]] = [
    {"Effect": "Allow", "Action": _READ, "Resource": "*", "Condition": {"StringEquals": _SAME}},
    _DECRYPT,
]
_OWN: dict[str, list[dict[str, Any]]] = {
    "acme": [
        # Nothing before the star ends the name: acme's agent reads acme-labs as well.
        {"Effect": "Allow", "Action": _READ, "Resource": f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:acme*"},
        {
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": _KEYS,
            "Condition": {"StringEquals": _THROUGH, "ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/acme*"}},
        },
    ],
    "globex": [
        # A secret without the tag passes.
        {"Effect": "Allow", "Action": _READ, "Resource": "*", "Condition": {"StringEqualsIfExists": _SAME}},
        _DECRYPT,
    ],
    "initech": [
        # Whoever may change a tag may choose whose secret it is.
        {"Effect": "Allow", "Action": ["secretsmanager:TagResource", "secretsmanager:UntagResource"], "Resource": "*"},
        *_ABAC,
    ],
}
"""Tenant -> the statements of its role, where they are not just the ABAC policy."""
_UNTAGGED = "initech/legacy"
_BUCKET = "demo-agents-trail"


def build_aws(environ: Mapping[str, str], progress: Callable[[str, int, int | None], None]) -> None:
    """Write the platform to an empty emulator. The secrets are random and die with it."""
    clients = _Clients(environ)
    policy = clients.iam.create_policy(PolicyName="agents-abac", PolicyDocument=_document(*_ABAC))["Policy"]["Arn"]
    for number, tenant in enumerate(TENANTS):
        progress("demo platform in AWS", number, len(TENANTS))
        clients.tenant(tenant, policy)
    clients.secrets.create_secret(Name=_UNTAGGED, SecretString=secrets.token_urlsafe(24))
    clients.trail()
    progress("demo platform in AWS", len(TENANTS), len(TENANTS))


class _Clients:
    """The administrator's clients."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        from cred_audit.collect.aws.live.connect import base_access

        # Made as the collector makes it: by these variables alone, whatever the user has configured.
        session = base_access(None, "", environ).session

        def client(name: str) -> Any:
            return session.client(name, region_name=REGION, endpoint_url=environ["AWS_ENDPOINT_URL"])

        self.iam = client("iam")
        self.secrets = client("secretsmanager")
        self.kms = client("kms")
        self.trails = client("cloudtrail")
        self.buckets = client("s3")

    def tenant(self, tenant: str, policy: str) -> None:
        """Build what one tenant has."""
        tags = [{"Key": "TenantId", "Value": tenant}]
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        role = f"agent-{tenant}"
        self.iam.create_role(RoleName=role, AssumeRolePolicyDocument=_document(trust), Tags=tags)
        if tenant in _OWN:
            self.iam.put_role_policy(RoleName=role, PolicyName=role, PolicyDocument=_document(*_OWN[tenant]))
        else:
            self.iam.attach_role_policy(RoleName=role, PolicyArn=policy)
        account = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        statement = {"Effect": "Allow", "Principal": account, "Action": "kms:*", "Resource": "*"}
        key = self.kms.create_key(
            Policy=_document(statement), Tags=[{"TagKey": "TenantId", "TagValue": tenant}], Description=tenant
        )["KeyMetadata"]["KeyId"]
        self.kms.create_alias(AliasName=f"alias/{tenant}", TargetKeyId=key)
        for provider in ("openai", "anthropic"):
            self.secrets.create_secret(
                Name=f"{tenant}/{provider}", SecretString=secrets.token_urlsafe(24), Tags=tags, KmsKeyId=key
            )

    def trail(self) -> None:
        """Record the calls of the account."""
        self.buckets.create_bucket(Bucket=_BUCKET)
        self.trails.create_trail(Name=_BUCKET, S3BucketName=_BUCKET, IsMultiRegionTrail=True)
        self.trails.start_logging(Name=_BUCKET)


def _document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
