"""What is audited: the target file as types. Every key of the file has its field here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRef:
    """Where a secret is to be found; never the secret. Exactly one field is given."""

    env: str | None = None
    file: str | None = None
    command: tuple[str, ...] | None = None


class PrincipalKind(Enum):
    """How the target names an agent's Vault principal."""

    ROLE = "role"
    ENTITY = "entity"
    POLICIES = "policies"
    TOKEN = "token"  # noqa: S105  (a key of the file)


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultPrincipal:
    """One agent's principal in Vault."""

    kind: PrincipalKind
    namespace: str = ""
    """With its trailing slash; empty for the root namespace."""
    role: str = ""
    """`auth/<mount>/role|roles|users|groups|certs/<name>`."""
    entity: str = ""
    policies: tuple[str, ...] | None = None
    """The token's own policies; alone: exactly these."""
    token: SecretRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsPrincipal:
    """One agent's principal in AWS."""

    role: str = ""
    user: str = ""
    session_tags: Mapping[str, str] = field(default_factory=dict)
    session_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformPrincipal:
    """One agent's user of the platform's API."""

    token: SecretRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One acting principal of a tenant, under its names in each system."""

    id: str
    vault: VaultPrincipal | None = None
    aws: AwsPrincipal | None = None
    platform: PlatformPrincipal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KvTerritory:
    """Every API path of the secrets under a prefix of a KV mount."""

    mount: str
    """With its trailing slash, relative to the namespace."""
    prefix: str = ""
    """Literal: `acme` also owns `acme-eu/`. Empty: the whole mount."""
    namespace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceTerritory:
    """Everything in a namespace and below it."""

    namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathTerritory:
    """Paths in Vault's own syntax (a final `*`, `+` for one segment), for engines other than KV."""

    path: str
    namespace: str = ""


VaultTerritory = KvTerritory | NamespaceTerritory | PathTerritory


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsTerritory:
    """Things in AWS that belong to a tenant; exactly one field is given."""

    tags: Mapping[str, str] | None = None
    arns: tuple[str, ...] | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Territory:
    """Everything that belongs to one tenant."""

    vault: tuple[VaultTerritory, ...] = ()
    aws: tuple[AwsTerritory, ...] = ()
    platform: Mapping[str, Any] | None = None
    """`ids`, `canaries`, `own_provider` as written, secret references as SecretRef."""
    credentials: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One tenant: its agents and what is its own."""

    id: str
    agents: tuple[Agent, ...] = ()
    territory: Territory = field(default_factory=Territory)
    line: int = 0
    """Where the target file declares it; its row's line when it comes from a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSource:
    """Where Vault's facts come from: a live server, or files."""

    address: str | None = None
    ca_cert: str | None = None
    namespace: str = ""
    timeout: float = 30.0
    """Seconds for one request."""
    token: SecretRef | None = None
    policies: Mapping[str, Path] | None = None
    """Offline: namespace -> folder of .hcl and .json files, one policy each."""
    bundle: Path | None = None
    product: str | None = None
    version: str | None = None
    mounts: Mapping[str, Mapping[str, Mapping[str, Any]]] | None = None
    """Offline: namespace -> mount path -> {type, version}."""
    namespaces: tuple[str, ...] = ()
    """Offline: namespaces that exist besides the root, with their trailing slashes."""

    @property
    def offline(self) -> bool:
        """Whether files stand for the server."""
        return self.policies is not None or self.bundle is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsPrincipalFiles:
    """The plain policy files of one role or user."""

    policies: tuple[Path, ...] = ()
    trust: Path | None = None
    boundary: Path | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsFiles:
    """One account's files: what `aws ... --output json` prints, plans of Terraform, policy documents.

    None: not given. An empty tuple: the target says that there is nothing of the kind.
    """

    authorization_details: tuple[Path, ...] | None = None
    secrets: tuple[Path, ...] | None = None
    keys: tuple[Path, ...] | None = None
    parameters: tuple[Path, ...] | None = None
    trails: tuple[Path, ...] | None = None
    functions: tuple[Path, ...] | None = None
    terraform: tuple[Path, ...] | None = None
    """What `terraform show -json PLAN` prints."""
    roles: Mapping[str, AwsPrincipalFiles] = field(default_factory=dict)
    """By name, with the path before it: `teams/a/agent`."""
    users: Mapping[str, AwsPrincipalFiles] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSource:
    """Where AWS's facts come from: live accounts, or files."""

    profile: str | None = None
    """None: boto3's own chain."""
    regions: tuple[str, ...] = ()
    """None given: the session's own."""
    role_arn: str | None = None
    """The role to read with, `{account}` in it."""
    endpoint_url: str | None = None
    """Of an emulator, for every service."""
    accounts: tuple[str, ...] = ()
    """Ids of the accounts to read; none given: the caller's own."""
    files: Mapping[str, AwsFiles] | None = None
    """Offline: account id -> its files."""
    organization: Path | None = None
    """Offline: `{"scps": {...}, "rcps": {...}}`; `{}` says that there is none."""

    @property
    def offline(self) -> bool:
        """Whether files stand for the accounts."""
        return self.files is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One accepted risk."""

    check: str
    subject: str
    reason: str
    ticket: str | None = None
    until: datetime | None = None
    """With its zone; a day counts to its end in UTC."""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is audited."""

    name: str
    tenants: tuple[Tenant, ...]
    others: bool = False
    """Whether everything on the same mounts that no tenant owns is a territory too, `(others)`."""
    vault: VaultSource | None = None
    aws: AwsSource | None = None
    sections: Mapping[str, Any] = field(default_factory=dict)
    """Validated parts that nothing reads yet: platform, providers, logs, declared, authorization."""
    accepted: tuple[Accepted, ...] = ()
    path: Path | None = None
    """The file it was loaded from."""
    warnings: tuple[str, ...] = ()
