"""The IAM actions that reading needs, each with the reason; nothing here can read the value of a secret."""

PERMISSIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Caller", "whose credentials these are; AWS lets everybody ask", ("sts:GetCallerIdentity",)),
    (
        "Identities",
        "roles, users, groups and their policies; session lengths; dates of access keys",
        ("iam:GetAccountAuthorizationDetails", "iam:ListAccessKeys", "iam:ListRoles"),
    ),
    (
        "Secrets",
        "names, tags, keys, rotation and resource policies of secrets; never values",
        ("secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy", "secretsmanager:ListSecrets"),
    ),
    (
        "Parameters",
        "names, keys and tags of parameters; never values",
        ("ssm:DescribeParameters", "ssm:ListTagsForResource"),
    ),
    (
        "Keys",
        "who may decrypt: key policies, grants, tags and aliases; a key's own policy must leave them to IAM",
        (
            "kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListAliases", "kms:ListGrants", "kms:ListKeys",
            "kms:ListResourceTags",
        ),
    ),
    ("RotationFunctions", "the role of each function that rotates secrets", ("lambda:GetFunctionConfiguration",)),
    (
        "Trails",
        "whether reading a secret is recorded",
        ("cloudtrail:DescribeTrails", "cloudtrail:GetEventSelectors", "cloudtrail:GetTrailStatus"),
    ),
    (
        "Organization",
        "SCPs and RCPs; shown to the management account and delegated administrators only",
        (
            "organizations:DescribeOrganization", "organizations:DescribePolicy", "organizations:ListParents",
            "organizations:ListPolicies", "organizations:ListRoots", "organizations:ListTargetsForPolicy",
        ),
    ),
)  # fmt: skip
"""Sid, why, actions."""

ROLES = ("ReaderRoles", "aws.role_arn, in each account", "sts:AssumeRole")
