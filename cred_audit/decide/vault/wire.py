"""From a request on the wire to the operation and the path that the policies are asked about.

Everything that the server does before it looks at a policy: decoding, redirects, namespaces, verbs, the
folding of some names. Source: OpenBao 2.7.2 as measured, request by request.
"""

import posixpath
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_plus, unquote_to_bytes

from cred_audit.decide.vault.duration import seconds_of
from cred_audit.decide.vault.fields import BOOLEANS
from cred_audit.decide.vault.model import Request, World
from cred_audit.decide.vault.paths import Own, fold, in_own_namespace
from cred_audit.decide.vault.profile import Profile
from cred_audit.decide.vault.routes import Routes, routes_of

_NAME = r"[\w~$&=:@!'()*+,-][\w.~$&=:@!'()*+,-]*"
_PLAIN = re.compile(rf"(?:{_NAME}/)*(?:{_NAME})?", re.ASCII)
"""A path that is its own decoded and cleaned form: no escapes, no empty or dotted segments."""
_UNSENDABLE = re.compile(r"[\x00-\x20\x7f]")
_BAD_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")
_WRITES = {"POST": "update", "PUT": "update", "PATCH": "patch"}
_WRITING = frozenset({"update", "patch"})
_LISTING = frozenset({"list", "scan"})
_QUERIED = {"GET": "read", "LIST": "list", "SCAN": "scan", "DELETE": "delete", "HEAD": "header"}
_NO_DATA: Mapping[str, Any] = {}

_ROOT_ONLY = re.compile(
    r"sys/(?:audit|audit-hash|config/(?:auditing|cors|reload|state|ui)|generate-recovery-token|generate-root|health"
    r"|host-info|in-flight-req|init|internal/counters/(?:activity|config)|internal/inspect/router|loggers|metrics"
    r"|mfa/method|monitor|pprof|quotas/(?:config|lease-count|rate-limit)|raw|rekey|rekey-recovery-key"
    r"|replication/(?:merkle-check|recover|reindex|status)|seal|sealwrap/rewrap|step-down|storage|sync/config|unseal"
    r")(?:/|\Z)"
)
"""System paths that a namespace other than root refuses before it looks at a policy."""
_NO_HEADER = re.compile(
    r"sys/(?:raw|generate-recovery-token|init|seal|step-down|unseal|health|rekey-recovery-key|rekey|storage"
    r"|generate-root|metrics|pprof|in-flight-req)(?:/|\Z)"
)
"""System paths that any namespace header closes, `root` included."""
_SLASH_DUE = frozenset({"sys", "sys/pprof", "sys/config/state", "sys/audit-hash"})
"""Paths that the server redirects to themselves with a slash."""


_UNLOCK = "sys/namespaces/api-lock/unlock"


is_plain = _PLAIN.fullmatch
"""Whether a path is its own decoded and cleaned form, without a query."""


class Resolved(NamedTuple):
    """A request as the policies see it."""

    operation: str
    """`read`, `list`, `scan`, `update`, `patch`, `delete`, or `help` and `header`."""
    namespace: str
    path: str
    """Decoded, relative to the namespace."""
    data: Mapping[str, Any] = _NO_DATA
    wrap_ttl: float | None = None
    """Seconds; None when no wrapping is asked for."""

    @property
    def full(self) -> str:
        """The path that rules are compared with."""
        return self.namespace + self.path if self.namespace else self.path.lstrip("/")


HANDLED: Mapping[str, tuple[str, ...]] = {
    "sys/health": ("GET", "HEAD"), "sys/leader": ("GET",), "sys/seal-status": ("GET",), "sys/init": ("GET", "PUT",
    "POST"),
    "sys/unseal": ("PUT", "POST"), "sys/seal": ("PUT", "POST"), "sys/step-down": ("PUT", "POST"),
}  # fmt: skip
"""Paths with handlers of their own, and the methods that they answer."""


class Rejected(NamedTuple):
    """The server answers before it looks at the policies."""

    why: str


class Unresolved(NamedTuple):
    """Where the request goes is not known: the tree of namespaces was not read in full."""

    why: str


def resolve(request: Request, world: World, profile: Profile, *, own: str = "") -> Resolved | Rejected | Unresolved:
    """Return what the policies are asked about, or why they are not asked. `own` is the token's namespace."""
    routes = routes_of(world)
    raw, marked, query = request.path.partition("?")
    method = "HEAD" if request.method == "OPTIONS" and profile.options_reach_policies else request.method
    asked = _asked(method, parsed_query(query) if marked else {}, request.headers)
    if isinstance(asked, Rejected):
        return asked
    operation, data = asked
    decoded = raw if _PLAIN.fullmatch(raw) else _decoded(raw, profile, cleans=operation != "help")
    if isinstance(decoded, Rejected):
        return decoded
    if operation != "help" and raw.startswith("sys"):
        if raw in _SLASH_DUE:
            return Rejected("the server redirects to the path with a slash")
        handled = HANDLED.get(raw)
        if handled is not None:
            return _handled(request, operation, raw, handled)
    if operation in _LISTING and not decoded.endswith("/"):
        decoded += "/"
    placed = ("", decoded)
    if request.namespace or routes.nested:
        found = _namespace(request.namespace, decoded, routes)
        if isinstance(found, Rejected | Unresolved):
            return found
        placed = found
    wrap_ttl = _wrap_ttl(request.headers) if request.headers and operation != "help" else None
    if isinstance(wrap_ttl, Rejected):
        return wrap_ttl
    if operation in _WRITING:
        fault = _writes(request.body, placed[1])
        if fault is not None:
            return fault
        data = request.body or _NO_DATA
    return _routed(Resolved(operation, *placed, data, wrap_ttl), routes, profile, own)


def _handled(request: Request, operation: str, raw: str, methods: tuple[str, ...]) -> Resolved | Rejected:
    """Resolve a path with a handler of its own, which looks at no other header than that for the namespace."""
    if request.method not in methods:
        return Rejected(f"the server does not answer {request.method} there")
    if request.namespace.strip(" \t") and _NO_HEADER.match(raw):
        return Rejected("the server does not answer this with a namespace header")
    return Resolved(operation, "", raw)


def _routed(resolved: Resolved, routes: Routes, profile: Profile, own: str) -> Resolved | Rejected:
    """Apply what depends on where the request goes."""
    _, namespace, path, data, _ = resolved
    if namespace and _ROOT_ONLY.match(path):
        return Rejected("the server answers this only in the root namespace")
    if routes.locked and path != _UNLOCK and any(namespace.startswith(entry) for entry in routes.locked):
        return Rejected("the namespace is locked")
    if path.startswith(("sys/", "auth/")):
        if profile.folds:
            path = fold(routes, namespace, path, profile.folds)
        moved = in_own_namespace(path, data)
        if moved is Own.REFUSED:
            return Rejected("the server refuses the token or lease that the request names")
        return resolved._replace(namespace=own if moved is Own.NAMESPACE else namespace, path=path)
    return resolved


def _asked(
    method: str, values: dict[str, list[str]], headers: Mapping[str, str]
) -> tuple[str, Mapping[str, Any]] | Rejected:
    """Return operation and query fields. Help is answered by a handler of its own, whatever the method."""
    if method != "HELP" and not any(values.get("help", ())[:1]):
        return _operation(method, values, headers)
    asked = _operation(method, values, headers) if method == "GET" else None
    return asked if isinstance(asked, Rejected) else ("help", _NO_DATA)


def _writes(body: object, path: str) -> Rejected | None:
    if path.endswith("/"):
        return Rejected("the server does not write to a path that ends with a slash")
    if body is not None and not isinstance(body, Mapping):
        return Rejected("the body is not a JSON object")
    return None


def _decoded(raw: str, profile: Profile, *, cleans: bool) -> str | Rejected:
    if _UNSENDABLE.search(raw):
        return Rejected("the path holds a space or a control character")
    if _BAD_PERCENT.search(raw):
        return Rejected("the path holds a broken percent-encoding")
    whole = "/v1/" + raw
    cleaned = posixpath.normpath(whole) + ("/" if whole.endswith("/") and whole != "/v1/" else "")
    if raw and cleaned != whole and cleans:
        return Rejected("the server redirects to the cleaned path")
    decoded = unquote_to_bytes(raw).decode("utf-8", "surrogateescape")
    # An invalid byte is read as U+FFFD, which counts as printable.
    shown = decoded.encode("utf-8", "replace").decode()
    if not all(character.isprintable() for character in shown):
        return Rejected("the path holds a character that cannot be printed")
    segments = decoded.split("/")
    if profile.refuses_relative and any(segment in (".", "..") for segment in segments):
        return Rejected("the server refuses relative paths")
    if profile.refuses_empty_segments and "" in segments[1:-1]:
        return Rejected("the server refuses empty segments")
    return decoded


def canonical(header: str) -> str:
    """Return the namespace that a header names: relative, with a slash; empty for the root."""
    cleaned = posixpath.normpath(header.strip(" \t").lstrip("/"))
    return "" if cleaned in (".", "root") else cleaned + "/"


def _namespace(sent: str, decoded: str, routes: Routes) -> tuple[str, str] | Rejected | Unresolved:
    if sent.strip(" \t") and _NO_HEADER.match(decoded):
        return Rejected("the server does not answer this with a namespace header")
    header = canonical(sent)
    if header and header not in routes.paths:
        if routes.world.namespaces_complete:
            return Rejected(f"there is no namespace {header}")
        return Unresolved(f"the namespace {header} was not seen")
    whole = header + decoded
    # The search cleans the path; the namespace is then cut off the path as it was sent, where it stands there.
    searched = whole if _PLAIN.fullmatch(whole) else posixpath.normpath(whole.lstrip("/") or ".")
    searched += "" if searched.endswith("/") else "/"
    namespace = header
    start = len(header)
    while (end := searched.find("/", start)) >= 0 and searched[: end + 1] in routes.paths:
        namespace = searched[: end + 1]
        start = end + 1
    return namespace, whole.removeprefix(namespace)


def parsed_query(query: str) -> dict[str, list[str]]:
    """Return the values of each name, as Go reads a query: a broken pair is left out."""
    found: dict[str, list[str]] = {}
    for pair in query.split("&"):
        if not pair or ";" in pair or _BAD_PERCENT.search(pair):
            continue
        name, _, value = pair.partition("=")
        found.setdefault(_unescaped(name), []).append(_unescaped(value))
    return found


def _unescaped(text: str) -> str:
    return unquote_plus(text, errors="surrogateescape")


def _operation(
    method: str, values: dict[str, list[str]], headers: Mapping[str, str]
) -> tuple[str, Mapping[str, Any]] | Rejected:
    written = _WRITES.get(method)
    if written is not None:
        if method == "PATCH":
            kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
            if kind.split(";")[0].strip().lower() != "application/merge-patch+json":
                return Rejected("a PATCH needs the content type application/merge-patch+json")
        return written, _NO_DATA
    operation = _QUERIED.get(method)
    if operation is None:
        return Rejected(f"the server does not answer the method {method}")
    if not values:
        return operation, _NO_DATA
    if method == "GET":
        for name in ("list", "scan"):
            if values.get(name, [""])[0] not in BOOLEANS:
                return Rejected(f"the value of {name} is neither true nor false")
        wanted = [name for name in ("list", "scan") if BOOLEANS[values.get(name, [""])[0]]]
        if len(wanted) == 2:
            return Rejected("a request is either a list or a scan")
        if wanted:
            operation = wanted[0]
            values = {name: entries for name, entries in values.items() if name != operation}
    return operation, {name: _one(entries) for name, entries in values.items() if name != "help"}


def _one(entries: list[str]) -> str | tuple[str, ...]:
    return entries[0] if len(entries) == 1 else tuple(entries)


def _wrap_ttl(headers: Mapping[str, str]) -> float | Rejected | None:
    value = next((value for name, value in headers.items() if name.lower() == "x-vault-wrap-ttl"), "").strip(" \t")
    if not value:
        return None
    seconds = seconds_of(value)
    return Rejected("the wrapping time cannot be read") if seconds is None or seconds < 0 else seconds
