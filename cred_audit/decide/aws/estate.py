"""What tenants own in AWS, and which calls touch it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache

from cred_audit.decide.aws import catalogue
from cred_audit.decide.aws.model import Request, ResourcePolicies, Value

_REGION = "aws:RequestedRegion"
_READS = frozenset({
    "secretsmanager:GetSecretValue", "ssm:GetParameter", "ssm:GetParameters", "ssm:GetParameterHistory",
    "ssm:GetParametersByPath", "kms:Decrypt", "kms:ReEncryptFrom", "kms:GenerateDataKey", "kms:GenerateDataKeyPair",
})  # fmt: skip
"""Actions whose answer is a secret value or a key. The reference's access levels do not tell these from metadata."""
_WRITES_VALUE = "secretsmanager:PutSecretValue"
"""Encrypts a new version with the secret's own key; every other change can do without that key."""
_MAKES = frozenset({"secretsmanager:CreateSecret"})
"""Actions on a type that never touch a thing that is there."""
_BY_PATH = "ssm:GetParametersByPath"
"""Authorised on a folder: "If a user has access to a path, then the user can access all levels of that path", whatever
is denied below (Systems Manager API Reference, "GetParametersByPath")."""
_LISTS = {
    # Names, descriptions, tags and keys of every secret of the account and region.
    "secretsmanager": ("secretsmanager:ListSecrets",),
    # The same of parameters.
    "ssm": ("ssm:DescribeParameters",),
    # Ids and names of keys.
    "kms": ("kms:ListAliases", "kms:ListKeys"),
    # ARNs and tags of everything that has tags (Resource Groups Tagging API).
    "tag": ("tag:GetResources",),
}
"""Service -> actions that take no resource and list everybody's things. The reference says which take no resource,
not what they answer; secretsmanager:BatchGetSecretValue takes none either and gives nothing by itself."""
_BY_ITSELF: Mapping[str, Value] = {
    "kms:ViaService": (), "aws:ViaAWSService": "false",
    "aws:CalledVia": (), "aws:CalledViaFirst": (), "aws:CalledViaLast": (),
}  # fmt: skip
"""A call of KMS that the agent sends itself. What a service asks of KMS for it is part of the call of that service."""
_TYPES = {"secretsmanager": "Secret", "ssm": "parameter", "kms": "key"}
_CONTROL = frozenset({"Permissions management", "Tagging"})


class ActionClass(Enum):
    """What a request does to a thing."""

    READ = "read"
    """Gives a secret value, or the key that opens one."""
    LIST = "list"
    """Gives names, tags, policies or other metadata."""
    WRITE = "write"
    """Changes something, deletion included."""
    DELETE = "delete"
    """The part of WRITE that removes."""
    CONTROL = "control"
    """Changes who may do what: policies, tags, grants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question by actions of its own, beside the classes."""

    actions: tuple[str, ...]


class Collection(Enum):
    """What stands for several things, which one call gives together."""

    EVERYTHING = "everything"
    """All things of a service in one account and region: a call without a resource."""
    FOLDER = "folder"
    """The parameters below a path."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thing:
    """One secret, parameter or key, or a collection of them."""

    arn: str
    owners: tuple[str, ...] = ()
    """Tenants whose territory it is in; none where nobody owns it."""
    tags: Mapping[str, str] | None = field(default_factory=dict)
    """None when they were not read."""
    policies: ResourcePolicies = field(default_factory=ResourcePolicies)
    key: "Thing | None" = None
    """The customer key that encrypts it; None for AWS's own."""
    key_known: bool = True
    """False when the key that encrypts it was not seen: which it is, or, where `key` names it, all but its ARN."""
    usable: bool = True
    """False for a key that KMS uses for nothing, as long as nobody enables it again (KMS: "Key states")."""
    known: Mapping[str, Value] = field(default_factory=dict)
    """Condition keys (lower case) whose value is a fact of the thing, tags apart."""
    collection: Collection | None = None
    within: str = ""
    """For a folder: ARN of the one parameter below it that is meant, where customer keys tell them apart."""
    owners_known: bool = True
    """False when its tags, which may make it somebody's, were not seen."""

    def foreign(self, tenant: str) -> bool:
        """Whether it is, or for a collection holds or may hold, what is not a tenant's own."""
        if self.collection is not None:
            return any(owner != tenant for owner in self.owners) or not self.owners or not self.owners_known
        return tenant not in self.owners

    @property
    def sort(self) -> str:
        """What decides on the actions that touch it."""
        if self.collection is None:
            return self.service
        return f"{self.collection.value} of {self.service}"

    @property
    def service(self) -> str:
        """The service in the ARN."""
        return self.arn.split(":", 3)[2]

    @property
    def region(self) -> str:
        """The region in the ARN."""
        return self.arn.split(":", 4)[3]

    @property
    def account(self) -> str:
        """The account in the ARN."""
        return self.arn.split(":", 5)[4]

    @property
    def name(self) -> str:
        """What stands behind the fifth colon."""
        return self.arn.split(":", 5)[5]


@cache
def actions_of(wanted: ActionClass | Question, sort: str) -> tuple[str, ...]:
    """Return the actions of a class or question on a sort of things."""
    collection, _, service = sort.rpartition(" of ")
    if isinstance(wanted, Question):
        return () if collection else tuple(one for one in wanted.actions if one.startswith(f"{service}:"))
    if collection == Collection.EVERYTHING.value:
        return _LISTS[service] if wanted is ActionClass.LIST else ()
    if collection == Collection.FOLDER.value:
        # It gives names whether or not the values can be decrypted.
        return (_BY_PATH,) if wanted in {ActionClass.READ, ActionClass.LIST} else ()
    return tuple(
        action for action, levels in catalogue.actions_on(service, _TYPES[service])
        if action not in _MAKES and action != _BY_PATH and wanted in _classes(action, levels)
    )  # fmt: skip


def _classes(action: str, levels: frozenset[str]) -> frozenset[ActionClass]:
    if action in _READS:
        return frozenset({ActionClass.READ})
    if not _CONTROL.isdisjoint(levels):
        return frozenset({ActionClass.CONTROL})
    if "Write" not in levels:
        return frozenset({ActionClass.LIST})
    name = action.partition(":")[2]
    removes = name.startswith(("Delete", "ScheduleKeyDeletion", "DisableKey"))
    return frozenset({ActionClass.WRITE, ActionClass.DELETE} if removes else {ActionClass.WRITE})


def uses_key(action: str, wanted: ActionClass | Question) -> bool:
    """Whether an action needs the key that encrypts a secret or parameter."""
    return (action in _READS and wanted is not ActionClass.LIST) or action == _WRITES_VALUE


def requests(
    action: str, thing: Thing, wanted: ActionClass | Question = ActionClass.READ
) -> tuple[tuple[Request, ResourcePolicies], ...]:
    """Return the calls that must all be allowed, each with the policies of what it touches.

    Reading a value that a customer key encrypts is also kms:Decrypt through the service, for this very secret; a new
    value is kms:GenerateDataKey (Secrets Manager User Guide: "Secret encryption and decryption"; Systems Manager User
    Guide: "AWS KMS encryption for Parameter Store SecureString parameters").
    """
    sent = _BY_ITSELF if thing.service == "kms" else {}
    if thing.collection is Collection.EVERYTHING:
        own = Request(action=action, resource_account=thing.account, context={_REGION: thing.region, **sent})
        return ((own, thing.policies),)
    own = Request(
        action=action, resource=thing.arn, resource_tags=thing.tags,
        context={_REGION: thing.region, **sent, **thing.known},
    )  # fmt: skip
    if thing.key is None or thing.service == "kms" or not uses_key(action, wanted):
        return ((own, thing.policies),)
    holder = thing.within or thing.arn
    context: dict[str, Value] = {
        _REGION: thing.region,
        "kms:ViaService": f"{thing.service}.{thing.region}.amazonaws.com",
        "aws:ViaAWSService": "true",
        **thing.key.known,
    }
    free: frozenset[str] = frozenset()
    if thing.service == "secretsmanager":
        context["kms:EncryptionContext:SecretARN"] = holder
        context["kms:EncryptionContextKeys"] = ("SecretARN", "SecretVersionId")
        free = frozenset({"kms:EncryptionContext:SecretVersionId"})
    else:
        context["kms:EncryptionContext:PARAMETER_ARN"] = holder
        context["kms:EncryptionContextKeys"] = ("PARAMETER_ARN",)
    use = Request(
        action="kms:GenerateDataKey" if action == _WRITES_VALUE else "kms:Decrypt",
        resource=thing.key.arn, resource_tags=thing.key.tags, context=context, free=free,
    )  # fmt: skip
    return (own, thing.policies), (use, thing.key.policies)
