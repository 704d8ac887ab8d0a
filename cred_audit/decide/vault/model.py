"""What a Vault or OpenBao server holds, as far as a decision depends on it.

These are the documents as the server gives them, unparsed and unjudged, so the collector fills them and
a snapshot saves them. The rule everywhere: `None` means "exists or may exist, was not seen"; an empty
tuple means "seen, there is none". No type here has a field for a secret value.

Paths of namespaces end with a slash; the root namespace is the empty string. Paths of mounts end with a
slash and are relative to their namespace.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = Any
"""A value as JSON has it; only ever inspected with isinstance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Product and version: they change decisions, in both directions."""

    product: str | None = None
    """`openbao` or `vault`; None when it could not be told."""
    version: str | None = None
    flags: Mapping[str, Json] | None = None
    """Sanitized server configuration (`sys/config/state/sanitized`); None when not seen."""
    group_policy_application: str | None = None
    """Vault Enterprise: `within_namespace_hierarchy` or `any`; None where the server has no such setting or where it
    was not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDocument:
    """One ACL policy as stored."""

    namespace: str = ""
    name: str
    text: str | None
    """HCL or JSON, plain (the API's base64 form is decoded by `policy.decode_text`); None when not seen."""
    expiration: datetime | None = None
    """OpenBao: the whole policy is ignored afterwards."""
    allow_wildcards: bool = False
    """OpenBao: `allow_wildcards_in_identity_templates`."""
    allow_slashes: bool = False
    """OpenBao: `allow_slashes_in_identity_templates`."""
    source: str = ""
    """Where the text was read: an API path, or a file when offline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineObject:
    """One object of a secrets engine: a role, key or configuration, with its public fields only."""

    kind: str
    """API segment below the mount: `roles`, `keys`, `config`, `static-roles` ..."""
    name: str
    data: Mapping[str, Json] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One secrets engine."""

    path: str
    type: str
    accessor: str = ""
    version: int | None = None
    """KV only: 1 or 2; None when it could not be told."""
    tune: Mapping[str, Json] | None = None
    """Non-default values of `sys/mounts/<path>/tune`; None when not seen."""
    objects: tuple[EngineObject, ...] | None = ()
    """Roles, keys and configuration of the engine; None when the lists could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthRole:
    """One object of an auth method that a login resolves to policies through."""

    kind: str
    """API segment below the mount: `role`, `roles`, `users`, `groups`, `certs`, `cel/role`."""
    name: str
    data: Mapping[str, Json] | None
    """Public fields only; None when not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthMount:
    """One auth method."""

    path: str
    """For example `approle/`; the API prefix is `auth/approle/`."""
    type: str
    accessor: str = ""
    tune: Mapping[str, Json] | None = None
    config: Mapping[str, Json] | None = None
    roles: tuple[AuthRole, ...] | None = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """One login name that an entity is known by."""

    id: str = ""
    name: str
    mount_accessor: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    custom_metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One identity of its namespace."""

    namespace: str = ""
    id: str
    name: str = ""
    policies: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    disabled: bool = False
    aliases: tuple[Alias, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One identity group of its namespace. Policies of a group also apply to members of groups inside it."""

    namespace: str = ""
    id: str
    name: str = ""
    type: str = "internal"
    policies: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    member_entity_ids: tuple[str, ...] = ()
    member_group_ids: tuple[str, ...] = ()
    alias: Alias | None = None
    """External groups: the name under which the auth method knows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFacts:
    """What `auth/token/lookup-accessor` says of one token; never its id."""

    accessor: str
    data: Mapping[str, Json] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """One namespace and everything read in it."""

    path: str = ""
    id: str = ""
    policies: tuple[PolicyDocument, ...] | None = ()
    mounts: tuple[Mount, ...] | None = ()
    auth_mounts: tuple[AuthMount, ...] | None = ()
    token_roles: tuple[AuthRole, ...] | None = ()
    entities: tuple[Entity, ...] | None = ()
    groups: tuple[Group, ...] | None = ()
    tokens: tuple[TokenFacts, ...] | None = ()
    lease_prefixes: tuple[str, ...] | None = ()
    mfa_enforcements: tuple[str, ...] | None = ()
    locked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything of one server (or of one offline bundle) that decisions depend on."""

    server: Server
    namespaces: tuple[Namespace, ...]
    """Sorted by path; the root namespace first where it is the server's own or was read."""
    namespaces_complete: bool = True
    """False when the tree of namespaces could not be listed in full: a path may lie in one not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who asks: one token, by what hangs on it."""

    namespace: str = ""
    """The token's namespace."""
    policies: tuple[str, ...] = ()
    """The token's own policy names."""
    entity: Entity | None = None
    groups: tuple[Group, ...] = ()
    """Every group that the entity is in, directly or through other groups."""
    free: Mapping[str, str] = field(default_factory=dict)
    """Template values not known in advance (a JWT user's name): directive -> who chooses it.
    `decide` answers UNKNOWN where they matter; `reach` searches over them and says what it assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it goes over the wire."""

    method: str
    """HTTP method, LIST and SCAN included."""
    path: str
    """What stands after /v1/, percent-encoded, with its query."""
    namespace: str = ""
    """X-Vault-Namespace as sent, uncleaned."""
    body: Mapping[str, Json] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    exists: bool | None = None
    """Whether a written object is already there: create or update. None when not known."""
