"""What an AWS decision depends on: policy documents, who asks, what is asked, and the policies on both sides.

Words are AWS's own (IAM User Guide: "Policies and permissions", "Policy evaluation logic").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """The type of a policy; it decides which elements the document may have and what it can do."""

    IDENTITY = "identity policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    SCP = "service control policy"
    RCP = "resource control policy"
    RESOURCE = "resource policy"
    """On a secret, key, bucket ..., or the trust policy of a role."""
    VPC_ENDPOINT = "VPC endpoint policy"

    @property
    def not_seen(self) -> str:
        """What is said of a decision that depends on one which was not seen."""
        return f"the {self.value} was not seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One operator with one key of a Condition element."""

    operator: str
    """In AWS's spelling, without set prefix and IfExists: `StringEquals`."""
    every: bool = False
    """Whether `ForAllValues:` stands before it."""
    some: bool = False
    """Whether `ForAnyValue:` stands before it."""
    if_exists: bool = False
    key: str
    """As written in the policy."""
    values: tuple[str, ...]

    @property
    def written(self) -> str:
        """The operator as a policy spells it."""
        prefix = "ForAllValues:" if self.every else "ForAnyValue:" if self.some else ""
        return prefix + self.operator + ("IfExists" if self.if_exists else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One entry of a Principal or NotPrincipal element."""

    type: str
    """`AWS`, `Service`, `Federated`, `CanonicalUser`, or `*` for the bare star."""
    value: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Statement:
    """One statement of a policy document."""

    index: int
    """Position in the document, from 1."""
    sid: str = ""
    allow: bool
    """False for Deny."""
    principals: tuple[Named, ...] | None = None
    """None where neither Principal nor NotPrincipal stands there."""
    not_principal: bool = False
    actions: tuple[str, ...]
    not_action: bool = False
    resources: tuple[str, ...] | None = None
    """None where neither Resource nor NotResource stands there (trust policies)."""
    not_resource: bool = False
    conditions: tuple[Condition, ...] = ()
    text: str
    """The statement as compact JSON, cut where it is very long."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Document:
    """One policy document, read strictly. Equal by identity: a document is read once and compiled once."""

    kind: Kind
    name: str
    """Its ARN or name, for evidence."""
    variables: bool
    """Whether `${...}` are variables: only under Version 2012-10-17."""
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who signs the request."""

    arn: str
    """A role session, role (a session whose name is not known), user, account root, federated user or identity
    provider ARN; the name of a service or web identity provider; or `*` for an unsigned request."""
    role: str = ""
    """The full ARN of a session's role, where the role has a path."""
    unique_id: str = ""
    """The role's or user's id (`AROA...`, `AIDA...`); empty when not known."""
    alone: bool = False
    """Whether its account is known to be in no organization."""
    tags: Mapping[str, str] | None = field(default_factory=dict)
    """Tags of the role or user; None when not known."""
    session_tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the session; they replace tags of the same key, whatever its case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalPolicies:
    """The policies on the principal's side."""

    identity: tuple[Document, ...] = ()
    """All attached, inline and group policies."""
    boundary: Document | None = None
    session: Document | None = None
    scps: tuple[tuple[Document, ...], ...] = ()
    """One tuple a level, root first; none at all where no organization binds the account."""
    vpc_endpoint: Document | None = None
    unseen: frozenset[Kind] = frozenset()
    """Policy types that could not be read: what depends on them is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KmsGrant:
    """One grant on a KMS key."""

    grantee: str
    """ARN of the principal that may use the key."""
    operations: frozenset[str]
    """`Decrypt`, `GenerateDataKey` ..."""
    context_subset: Mapping[str, str] | None = None
    """EncryptionContextSubset: the request's encryption context must contain these pairs."""
    context_equals: Mapping[str, str] | None = None
    """EncryptionContextEquals: the request's encryption context must be exactly these pairs."""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcePolicies:
    """The policies on the resource's side."""

    policy: Document | None = None
    rcps: tuple[tuple[Document, ...], ...] = ()
    """One tuple a level, root first. RCPFullAWSAccess changes nothing and may be left out."""
    grants: tuple[KmsGrant, ...] = ()
    unseen: frozenset[Kind] = frozenset()


Value = str | tuple[str, ...]
"""A condition key's value: one text, or the values of a multivalued key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One API call, as the authorization sees it."""

    action: str
    """`service:Action`, in any case."""
    resource: str = "*"
    """An ARN, or `*` for an action that takes no resource."""
    resource_account: str = ""
    """The account that owns the resource; left out, the ARN's, or the caller's for `*`."""
    resource_tags: Mapping[str, str] | None = field(default_factory=dict)
    """None when the tags are not known."""
    request_tags: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, Value] = field(default_factory=dict)
    """Every other condition key. It wins over a derived key of the same name."""
    free: frozenset[str] = frozenset()
    """Condition keys that nobody knows (any case): a decision that depends on one is UNKNOWN."""
    open: bool = False
    """Whether every global or service key that is not given is unknown rather than absent."""
