"""What each kind of engine and auth method holds, as its API lays it out. The reader and the auditor's policy share it.

Only lists of names and objects whose reading shows no secret stand here. A type that is missing is not read.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Objects of one kind, relative to the mount: LIST `<listed>/` names them, GET `<kind>/<name>` reads one."""

    kind: str
    listed: str = ""
    """Where it is not the kind itself."""

    @property
    def folder(self) -> str:
        """The path that is listed, with its trailing slash."""
        return f"{self.listed or self.kind}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Everything that is read of one type of engine or method."""

    folders: tuple[Folder, ...] = ()
    single: tuple[str, ...] = ()
    """Paths of single objects: `config`, `config/acme`."""


def _shape(*folders: str, single: tuple[str, ...] = ()) -> Shape:
    made = []
    for text in folders:
        listed, _, kind = text.rpartition("=")
        made.append(Folder(kind=kind, listed=listed))
    return Shape(folders=tuple(made), single=single)


_NOTHING = Shape()
KV2 = _shape(single=("config",))
"""KV version 2. In version 1 the same path would be a secret, so nothing of it is read."""
ENGINES = {
    "cubbyhole": _NOTHING, "generic": _NOTHING, "identity": _NOTHING, "kv": _NOTHING, "ns_cubbyhole": _NOTHING,
    "ns_identity": _NOTHING, "ns_system": _NOTHING, "system": _NOTHING,
    "ad": _shape("roles", "library"),
    "alicloud": _shape("role"),
    "aws": _shape("roles", "static-roles", single=("config/root", "config/lease")),
    "azure": _shape("roles", single=("config",)),
    "consul": _shape("roles"),
    "database": _shape("config", "roles", "static-roles"),
    "gcp": _shape("rolesets=roleset", "static-accounts=static-account", "impersonated-accounts=impersonated-account"),
    "gcpkms": _shape("keys"),
    "kubernetes": _shape("roles", single=("config",)),
    "ldap": _shape("role", "static-role", "library", single=("config",)),
    "mongodbatlas": _shape("roles"),
    "nomad": _shape("role"),
    "openldap": _shape("role", "static-role", "library", single=("config",)),
    "pki": _shape("roles", "issuers=issuer", single=("config/acme", "config/issuers")),
    "rabbitmq": _shape("roles"),
    "ssh": _shape("roles"),
    "terraform": _shape("role"),
    "totp": _shape("keys"),
    "transform": _shape("role", "transformation"),
    "transit": _shape("keys", single=("config/keys",)),
}  # fmt: skip
METHODS = {
    "ns_token": _NOTHING,
    "token": _NOTHING,
    "alicloud": _shape("roles=role"),
    "approle": _shape("role"),
    "aws": _shape("roles=role", single=("config/identity",)),
    "azure": _shape("role", single=("config",)),
    "cert": _shape("certs", single=("config",)),
    "cf": _shape("roles"),
    "gcp": _shape("roles=role", single=("config",)),
    "github": _shape("map/teams", "map/users", single=("config",)),
    "jwt": _shape("role", "cel/role", single=("config",)),
    "kerberos": _shape("groups", single=("config/ldap",)),
    "kubernetes": _shape("role", single=("config",)),
    "ldap": _shape("users", "groups", single=("config",)),
    "oci": _shape("role", single=("config",)),
    "oidc": _shape("role", "cel/role", single=("config",)),
    "okta": _shape("users", "groups", single=("config",)),
    "radius": _shape("users", single=("config",)),
    "saml": _shape("role", single=("config",)),
    "userpass": _shape("users"),
}


def engine_shape(kind: str, version: int | None) -> Shape | None:
    """Return what is read of an engine; None for a type that is not known."""
    return KV2 if kind == "kv" and version == 2 else ENGINES.get(kind)
