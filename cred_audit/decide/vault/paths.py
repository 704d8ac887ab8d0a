"""Paths with rules of their own: those that need sudo, those that need no token, those that tell create from update.

Source: the path catalogue of OpenBao 2.7.2 (`sys/internal/specs/openapi`) and its answers to real requests.
"""

import posixpath
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

from cred_audit.decide.vault.hcl import GO_SPACE
from cred_audit.decide.vault.routes import Routes

_SUDO = re.compile(
    r"(?:sys/(?:auth/.*|audit|audit/.*|remount|raw|raw/.*|rotate|rotate/keyring|rotate/root|config/cors|config/auditing/.*"
    r"|config/ui/headers/.*|plugins/catalog/.*|leases|leases/lookup/.*|(?:leases/)?revoke-(?:prefix|force)/.*"
    r"|internal/inspect/.*|storage/raft/snapshot-auto/config/.*|seal|step-down)"
    r"|auth/token/(?:accessors.*|revoke-orphan/.*))\Z",
    re.DOTALL,
)
_OPEN = re.compile(
    r"(?:sys/(?:decode-token|generate-root/(?:attempt|update)|health|init|internal/specs/openapi|internal/ui/mounts"
    r"|internal/ui/mounts/.*|internal/ui/namespaces|leader|mfa/validate|rekey(?:-recovery-key)?/(?:init|update|verify)"
    r"|replication/status|seal-status|storage/raft/(?:bootstrap|bootstrap/answer|bootstrap/challenge|join)|unseal"
    r"|wrapping/(?:lookup|pubkey))"
    r"|identity/oidc/(?:provider/[^/]+/)?\.well-known/.*|identity/oidc/provider/[^/]+/token)\Z",
    re.DOTALL,
)
_OPEN_LOGIN: Mapping[str, re.Pattern[str]] = {
    "approle": re.compile(r"login\Z"),
    "cert": re.compile(r"login\Z"),
    "jwt": re.compile(r"(?:cel/)?login\Z|oidc/(?:auth_url|callback|poll)\Z"),
    "oidc": re.compile(r"(?:cel/)?login\Z|oidc/(?:auth_url|callback|poll)\Z"),
    "kubernetes": re.compile(r"login\Z"),
    "ldap": re.compile(r"login/.*", re.DOTALL),
    "radius": re.compile(r"login(?:/.*)?\Z", re.DOTALL),
    "userpass": re.compile(r"login/.*", re.DOTALL),
}
_OPEN_ENGINE: Mapping[str, re.Pattern[str]] = {
    "pki": re.compile(
        r"(?:ca|ca/pem|ca_chain|crl|crl/pem|crl/delta|crl/delta/pem|cert/.*|issuers/|ocsp|ocsp/.*"
        r"|issuer/[^/]*/(?:crl|crl/der|crl/pem|crl/delta|crl/delta/der|crl/delta/pem|der|json|pem)"
        r"|(?:issuer/[^/]*/)?(?:roles/[^/]*/)?acme/(?:directory|new-nonce|new-account|new-order|revoke-cert|orders"
        r"|account/[^/]*|authorization/[^/]*|challenge/[^/]*/[^/]*|order/[^/]*(?:/cert|/finalize)?))\Z",
        re.DOTALL,
    ),
    "ssh": re.compile(r"(?:public_key|verify|issuer/[^/]*/public_key)\Z"),
}
_ONE = r"\w(?:[\w.-]*\w)?\Z"
"""A name as the engines' own path patterns have it; at any other name they know no object to check for."""


def _named(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern + _ONE, re.ASCII)


_CREATES = re.compile(
    rf"cubbyhole(?:/|\Z)|auth/token/roles/{_ONE}|identity/oidc/(?:assignment|client|key|provider|role|scope)/{_ONE}",
    re.ASCII,
)
_CREATES_RAW = re.compile(r"sys/raw/.")
_CREATES_LOGIN: Mapping[str, re.Pattern[str]] = {
    "approle": _named("role/"),
    "jwt": _named("role/"),
    "oidc": _named("role/"),
    "kubernetes": _named("role/"),
    "userpass": _named("users/"),
}
_CREATES_ENGINE: Mapping[str, re.Pattern[str]] = {
    "kubernetes": _named("roles/"),
    "database": _named("(?:config|roles|static-roles)/"),
    "transit": _named("encrypt/"),
}
_CREATES_KV_2 = re.compile(r"(?:data|metadata|detailed-metadata)/")
_SUDO_PKI = re.compile(r"root(?:/sign-self-issued)?\Z")


class Own(Enum):
    """What the server does with a request that names a token or a lease."""

    NAMESPACE = "asks the policies about the token's own namespace"
    REFUSED = "refuses it before it asks the policies"


_OWN = frozenset({
    "auth/token/lookup-self", "auth/token/renew-self", "auth/token/revoke-self",
    "sys/wrapping/lookup", "sys/wrapping/rewrap", "sys/wrapping/unwrap",
})  # fmt: skip
_LEASES = re.compile(r"sys/leases/(?:(?:lookup|renew|revoke)\Z|(?:renew|revoke)/)")
_WORD = r"(\w(?:[\w.-]*\w)?)"
_FOLDED: Mapping[str, re.Pattern[str]] = {
    "approle": re.compile(
        rf"(role/){_WORD}((?:/(?:bind-secret-id|bound-cidr-list|custom-secret-id|local-secret-ids|period|policies|role-id"
        r"|secret-id-(?:bound-cidrs|num-uses|ttl)|token-(?:bound-cidrs|max-ttl|num-uses|ttl)"
        r"|secret-id/?|secret-id(?:-accessor)?/(?:destroy|lookup)/?))?)\Z",
        re.ASCII,
    ),
    "cert": re.compile(rf"((?:certs|crls)/){_WORD}(\Z)", re.ASCII),
    "kubernetes": re.compile(rf"(role/){_WORD}(\Z)", re.ASCII),
    "userpass": re.compile(rf"(users/){_WORD}(\Z)", re.ASCII),
}
"""Where auth methods lower-case a name: exactly the paths that they know."""
_FOLDED_SYSTEM = re.compile(r"(sys/(?:policies/acl|policy|workflows/(?:manage|execute|trace))/)(.+)\Z", re.DOTALL)


def needs_sudo(routes: Routes, namespace: str, path: str) -> bool:
    """Whether the winning clause must also hold `sudo`."""
    if path.startswith(("sys/", "auth/")):
        return _SUDO.match(path) is not None
    found = routes.engine_of(namespace, path)
    return found is not None and found.type == "pki" and _SUDO_PKI.match(path, len(found.start)) is not None


def needs_no_token(routes: Routes, namespace: str, path: str) -> bool:
    """Whether the server answers this path without looking at a token or a policy."""
    if path.startswith(("sys/", "identity/")):
        return _OPEN.match(path) is not None
    found = routes.engine_of(namespace, path)
    if found is None:
        return False
    pattern = (_OPEN_LOGIN if path.startswith("auth/") else _OPEN_ENGINE).get(found.type)
    return pattern is not None and pattern.match(path, len(found.start)) is not None


def tells_create(routes: Routes, namespace: str, path: str) -> bool | None:
    """Whether a write to a new object is `create` here; None when the engine at the path is not known."""
    if path.startswith("sys/"):
        raw = (routes.world.server.flags or {}).get("raw_storage_endpoint") is True
        return raw and _CREATES_RAW.match(path) is not None
    if path.startswith(("auth/token/", "identity/", "cubbyhole/")) or path == "cubbyhole":
        return _CREATES.match(path) is not None
    found = routes.engine_of(namespace, path)
    login = path.startswith("auth/")
    if found is None:
        entry = routes.entries.get(namespace)
        return None if entry is None or (entry.auth_mounts if login else entry.mounts) is None else False
    if found.type in ("kv", "generic"):
        if found.version is None:
            return None
        return found.version == 1 or _CREATES_KV_2.match(path, len(found.start)) is not None
    pattern = (_CREATES_LOGIN if login else _CREATES_ENGINE).get(found.type)
    return pattern is not None and pattern.match(path, len(found.start)) is not None


def in_own_namespace(path: str, data: Mapping[str, Any]) -> Own | None:
    """Return what becomes of a request that names a token or a lease rather than a path."""
    if path in _OWN or (path == "auth/token/lookup" and "token" not in data):
        # Nothing but a wrapping token may unwrap itself.
        unwraps = path.startswith("sys/wrapping/")
        return Own.REFUSED if unwraps and "token" not in data else Own.NAMESPACE
    if "lease_id" in data and _LEASES.match(path) and not isinstance(data["lease_id"], str | None):
        return Own.REFUSED
    return None


def fold(routes: Routes, namespace: str, path: str, folds: frozenset[str]) -> str:
    """Return the path as OpenBao 2.7 rewrites it before it asks the policies: some names are lower-cased."""
    if path.startswith("sys/"):
        named = _FOLDED_SYSTEM.match(path) if "system" in folds else None
        return named.group(1) + _plain_name(named.group(2)) if named is not None else path
    found = routes.engine_of(namespace, path)
    expression = _FOLDED.get(found.type) if found is not None and found.type in folds else None
    if found is None or expression is None:
        return path
    parts = expression.match(path, len(found.start))
    if parts is None or (parts.group(1) == "crls/" and "crls" not in folds):
        return path
    # One path comes out misspelt; the server then finds nothing there.
    rest = "/bind-secret-ids" if parts.group(3) == "/bind-secret-id" else parts.group(3)
    return found.start + parts.group(1) + parts.group(2).lower() + rest


def _plain_name(name: str) -> str:
    """Trim and lower-case a policy's name, and drop its empty segments but not a slash at its end."""
    trimmed = name.strip(GO_SPACE).lower()
    if not trimmed:
        return ""
    cleaned = posixpath.normpath(trimmed)
    if cleaned.startswith("//"):
        cleaned = cleaned[1:]
    return cleaned + "/" if name.endswith("/") else cleaned
