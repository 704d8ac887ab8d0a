"""What one or more AWS accounts hold, as their APIs tell it: who can act, what there is, which policies stand where.

None is "not seen", never "none": an empty tuple is what a full reading found to be empty. Policy documents stay the
JSON text that the API gave; they are read where they are decided on. No type has a field for a secret value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cred_audit.decide.aws.model import KmsGrant


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyText:
    """One policy document."""

    name: str
    """The name of an inline policy, the ARN of a managed one, the id of an organization's."""
    text: str | None
    """Its JSON as the API gave it (a default version, for managed policies); None when not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One IAM role."""

    arn: str
    """With its path."""
    unique_id: str = ""
    """RoleId (`AROA...`), which stands in aws:userid of its sessions; empty when not seen."""
    tags: Mapping[str, str] | None = field(default_factory=dict)
    trust: str | None = None
    """Its trust policy, as JSON text."""
    inline: tuple[PolicyText, ...] | None = ()
    attached: tuple[str, ...] | None = ()
    """ARNs of its managed policies."""
    boundary: str | None = ""
    """ARN of its permissions boundary; empty without one, None when not seen."""
    max_session: int | None = None
    """MaxSessionDuration, in seconds."""
    instance_profiles: tuple[str, ...] = ()
    """ARNs of the instance profiles that hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One IAM user."""

    arn: str
    unique_id: str = ""
    """UserId (`AIDA...`), which is aws:userid of its requests; empty when not seen."""
    tags: Mapping[str, str] | None = field(default_factory=dict)
    inline: tuple[PolicyText, ...] | None = ()
    attached: tuple[str, ...] | None = ()
    boundary: str | None = ""
    groups: tuple[str, ...] | None = ()
    """Names of its groups."""
    access_keys: tuple[datetime, ...] | None = None
    """When each of its access keys was made; None when not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One IAM group."""

    arn: str
    inline: tuple[PolicyText, ...] | None = ()
    attached: tuple[str, ...] | None = ()

    @property
    def name(self) -> str:
        """Its name, without its path."""
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """A secret's copy in another region."""

    region: str
    key: str | None = None
    """KmsKeyId; None for AWS's own key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One secret of Secrets Manager."""

    arn: str
    """With the six characters at its end."""
    tags: Mapping[str, str] | None = field(default_factory=dict)
    key: str | None = None
    """KmsKeyId as given: an ARN, id or alias; None for aws/secretsmanager."""
    key_seen: bool = True
    policy: str | None = None
    """Its resource policy; None without one, or when not seen."""
    policy_seen: bool = True
    rotated_by: str | None = None
    """ARN of its rotation Lambda; None without one."""
    rotation: bool | None = None
    """Whether rotation is switched on; None when not seen."""
    rotates_every: int | None = None
    """Days, where the schedule says days."""
    last_rotated: datetime | None = None
    last_changed: datetime | None = None
    primary_region: str = ""
    """Region of the secret that this is a replica of; empty for one that is none."""
    replicas: tuple[Replica, ...] = ()
    owning_service: str = ""
    """The service that manages it (`rds`); empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of Systems Manager."""

    arn: str
    type: str
    """String, StringList or SecureString."""
    tags: Mapping[str, str] | None = field(default_factory=dict)
    key: str | None = None
    """KeyId of a SecureString as given; None or alias/aws/ssm for AWS's own key."""
    last_changed: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One KMS key."""

    arn: str
    policy: str | None
    """The key policy; None when not seen."""
    grants: tuple[KmsGrant, ...] | None = ()
    """None when not seen."""
    tags: Mapping[str, str] | None = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    """`alias/...`."""
    customer: bool | None = True
    """False for a key that AWS manages; None when not seen."""
    enabled: bool | None = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One Lambda function that rotates secrets."""

    arn: str
    role: str | None
    """ARN of its execution role; None when not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """One CloudTrail trail that records calls of the account."""

    arn: str
    logging: bool | None
    """None when not seen."""
    every_region: bool
    reads: bool | None
    """Whether all management events that read secrets, parameters and keys are recorded (GetSecretValue and kms:Decrypt
    are two); None when not seen."""
    bucket: str = ""
    """Name of the S3 bucket that it writes to."""
    key: str | None = None
    """ARN of the KMS key that encrypts its files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """What one account holds in one region."""

    name: str
    secrets: tuple[Secret, ...] | None = None
    parameters: tuple[Parameter, ...] | None = None
    keys: tuple[Key, ...] | None = None
    functions: tuple[Function, ...] | None = None
    """The functions that rotate secrets of this region."""
    trails: tuple[Trail, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One AWS account."""

    id: str
    regions: tuple[Region, ...]
    """The regions that were asked for, read or not."""
    roles: tuple[Role, ...] | None = None
    users: tuple[User, ...] | None = None
    groups: tuple[Group, ...] | None = None
    policies: tuple[PolicyText, ...] | None = None
    """Managed policies, AWS's own included where something has them attached."""


Levels = tuple[tuple[PolicyText, ...], ...]
"""The policies that bind an account, one tuple a level: root, organizational units, account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """The organization of the accounts. Without one: no fields."""

    management: str = ""
    """Id of the management account, which SCPs and RCPs do not bind; empty when there is none or it is not known."""
    scps: Mapping[str, Levels | None] = field(default_factory=dict)
    """Account -> its service control policies; None when not seen. An account that is not here is bound by none."""
    rcps: Mapping[str, Levels | None] = field(default_factory=dict)
    """Account -> its resource control policies, RCPFullAWSAccess left in or out; as `scps`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsWorld:
    """All accounts that were read."""

    accounts: tuple[Account, ...]
    organization: Organization | None
    """None when it is not known whether there is one, or nothing of it could be read."""


_UNIQUE_ID = re.compile(r"\w{16,128}", re.ASCII)


def unique_id_of(value: object) -> str:
    """Return a RoleId or UserId as IAM writes it (IAM API Reference, "RoleDetail"), empty for anything else."""
    return value if isinstance(value, str) and _UNIQUE_ID.fullmatch(value) else ""


CALLS = {
    "iam": "iam get-account-authorization-details",
    "secrets": "secretsmanager list-secrets",
    "parameters": "ssm describe-parameters",
    "keys": "kms list-keys",
    "functions": "lambda get-function-configuration",
    "trails": "cloudtrail describe-trails",
    "organization": "organizations describe-organization",
}
"""Part of the facts -> the call that shows it, as the AWS command line names it."""


def asked(part: str, account: str = "", region: str = "") -> str:
    """Return how a gap names the call of a part: `kms list-keys (111122223333, eu-west-1)`."""
    place = ", ".join(word for word in (account, region) if word)
    return f"{CALLS[part]} ({place})" if place else CALLS[part]
