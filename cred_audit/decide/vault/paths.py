"""Paths with rules of their own: those that need sudo, those that need no token, those that tell create from update.

Source: the path catalogue of OpenBao 2.7.2 (`sys/internal/specs/openapi`) and its answers to real requests.
"""

import re
from collections.abc import Mapping

from cred_audit.decide.vault.model import Namespace, World

_SUDO = re.compile(
    r"(?:sys/(?:auth/.+|audit|audit/.*|remount|raw|raw/.*|rotate|rotate/keyring|rotate/root|config/cors|config/auditing/.*"
    r"|config/ui/headers/.*|plugins/catalog/.+|leases|leases/lookup/.*|leases/revoke-prefix/.*|leases/revoke-force/.*"
    r"|internal/inspect/.*|seal)"
    r"|auth/token/accessors.*)\Z",
    re.DOTALL,
)
_OPEN = re.compile(
    r"(?:sys/(?:decode-token|generate-root/(?:attempt|update)|health|init|internal/specs/openapi|internal/ui/mounts"
    r"|internal/ui/mounts/.*|internal/ui/namespaces|leader|mfa/validate|rekey/(?:init|update|verify)|seal-status|unseal"
    r"|wrapping/lookup)"
    r"|identity/oidc/(?:provider/[^/]+/)?\.well-known/.*|identity/oidc/provider/[^/]+/token)\Z",
    re.DOTALL,
)
_OPEN_LOGIN: Mapping[str, re.Pattern[str]] = {
    "approle": re.compile(r"login\Z"),
    "cert": re.compile(r"login\Z"),
    "jwt": re.compile(r"(?:cel/)?login\Z|oidc/(?:auth_url|callback|poll)\Z"),
    "oidc": re.compile(r"(?:cel/)?login\Z|oidc/(?:auth_url|callback|poll)\Z"),
    "kubernetes": re.compile(r"login\Z"),
    "ldap": re.compile(r"login/.+", re.DOTALL),
    "radius": re.compile(r"login(?:/.*)?\Z", re.DOTALL),
    "userpass": re.compile(r"login/.+", re.DOTALL),
}
_OPEN_ENGINE: Mapping[str, re.Pattern[str]] = {
    "pki": re.compile(
        r"(?:ca|ca/pem|ca_chain|crl|crl/.*|cert/.+|ocsp|ocsp/.*|issuer/[^/]+/(?:crl|crl/.*|der|json|pem))\Z"
        r"|(?:issuer/[^/]+/)?(?:roles/[^/]+/)?acme/.*",
        re.DOTALL,
    ),
    "ssh": re.compile(r"(?:public_key|issuer/[^/]+/public_key)\Z"),
}
_CREATES = re.compile(
    r"(?:cubbyhole/.*|sys/raw(?:/.*)?|auth/token/roles/.+|identity/oidc/(?:assignment|client|key|provider|role|scope)/.+)\Z",
    re.DOTALL,
)
_CREATES_LOGIN: Mapping[str, re.Pattern[str]] = {
    "approle": re.compile(r"role/[^/]+\Z"),
    "jwt": re.compile(r"role/.+", re.DOTALL),
    "oidc": re.compile(r"role/.+", re.DOTALL),
    "kubernetes": re.compile(r"role/[^/]+\Z"),
    "userpass": re.compile(r"users/[^/]+\Z"),
}
_CREATES_ENGINE: Mapping[str, re.Pattern[str]] = {
    "database": re.compile(r"(?:config|roles|static-roles)/.+", re.DOTALL),
    "transit": re.compile(r"(?:encrypt/.+|cache-config)\Z", re.DOTALL),
}
_CREATES_KV_2 = re.compile(r"(?:config|(?:data|metadata|delete|undelete|destroy)/.*)\Z", re.DOTALL)
_DELETE_ROOT = re.compile(r"root(?:/sign-self-issued)?\Z")


def needs_sudo(world: World, namespace: str, path: str, operation: str) -> bool:
    """Whether the winning clause must also hold `sudo`."""
    if path.startswith(("sys/", "auth/")):
        return _SUDO.match(path) is not None
    found = engine_of(world, namespace, path)
    if found is None or found[0] != "pki" or _DELETE_ROOT.match(found[2]) is None:
        return False
    return found[2] != "root" or operation == "delete"


def needs_no_token(world: World, namespace: str, path: str) -> bool:
    """Whether the server answers this path without looking at a token or a policy."""
    if _OPEN.match(path) is not None:
        return True
    found = engine_of(world, namespace, path)
    table = _OPEN_LOGIN if path.startswith("auth/") else _OPEN_ENGINE
    return found is not None and found[0] in table and table[found[0]].match(found[2]) is not None


def tells_create(world: World, namespace: str, path: str) -> bool | None:
    """Whether a write to a new object is `create` here; None when the engine at the path is not known."""
    if path.startswith(("sys/", "auth/token/", "identity/", "cubbyhole/")):
        return _CREATES.match(path) is not None
    found = engine_of(world, namespace, path)
    if found is None:
        known = _entry(world, namespace)
        return None if known is None or known.mounts is None or known.auth_mounts is None else False
    kind, version, rest = found
    if kind in ("kv", "generic"):
        return True if version == 1 else None if version is None else _CREATES_KV_2.match(rest) is not None
    table = _CREATES_LOGIN if path.startswith("auth/") else _CREATES_ENGINE
    return kind in table and table[kind].match(rest) is not None


def engine_of(world: World, namespace: str, path: str) -> tuple[str, int | None, str] | None:
    """Return type, KV version and the rest of the path for the mount that serves it, the longest mount first."""
    entry = _entry(world, namespace)
    if entry is None:
        return None
    best: tuple[int, str, int | None] | None = None
    if path.startswith("auth/"):
        for auth in entry.auth_mounts or ():
            start = f"auth/{auth.path}"
            if path.startswith(start) and (best is None or len(start) > best[0]):
                best = (len(start), auth.type, None)
    else:
        for mount in entry.mounts or ():
            if path.startswith(mount.path) and (best is None or len(mount.path) > best[0]):
                best = (len(mount.path), mount.type, mount.version)
    return (best[1], best[2], path[best[0] :]) if best is not None else None


def _entry(world: World, namespace: str) -> Namespace | None:
    return next((entry for entry in world.namespaces if entry.path == namespace), None)
