"""From a request on the wire to the operation and the path that the policies are asked about.

Everything that the server does before it looks at a policy: decoding, redirects, namespaces, verbs, the
folding of some names. Source: OpenBao 2.7.2 as measured, request by request.
"""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes

from cred_audit.decide.vault.model import Request, World
from cred_audit.decide.vault.profile import Profile

_BAD_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"", "0", "f", "F", "FALSE", "false", "False"})
_WRITES = {"POST": "update", "PUT": "update", "PATCH": "patch"}

_ROOT_ONLY = re.compile(
    r"sys/(?:audit|audit-hash|config/(?:auditing|cors|reload|state|ui)|generate-root[^/]*|health|host-info|in-flight-req"
    r"|init|internal/counters|internal/inspect/router|loggers|metrics|monitor|pprof|quotas|raw|rekey[^/]*|replication"
    r"|seal|sealwrap|step-down|storage|unseal)(?:/|\Z)"
)
"""System paths that a namespace other than root refuses before it looks at a policy."""

_FOLDED = (
    ("approle", re.compile(r"(auth/%s)(role/)([^/]+)(.*)\Z", re.DOTALL)),
    ("cert", re.compile(r"(auth/%s)((?:certs|crls)/)([^/]+)(\Z)", re.DOTALL)),
    ("kubernetes", re.compile(r"(auth/%s)(role/)([^/]+)(\Z)", re.DOTALL)),
    ("userpass", re.compile(r"(auth/%s)(users/)([^/]+)(\Z)", re.DOTALL)),
)
_FOLDED_SYSTEM = re.compile(r"(sys/(?:policies/acl|policy)/)(.+)\Z", re.DOTALL)
_FOLDED_WORKFLOWS = re.compile(r"(sys/workflows/(?:manage|execute|trace)/)(.+)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A request as the policies see it."""

    operation: str
    """`read`, `list`, `scan`, `update`, `patch`, `delete`, or `help` and `header`."""
    namespace: str
    path: str
    """Decoded, relative to the namespace."""
    data: Mapping[str, Any]
    wrap_ttl: float = 0
    """Seconds; 0 when no wrapping is asked for."""

    @property
    def full(self) -> str:
        """The path that rules are compared with."""
        return self.namespace + self.path.lstrip("/") if not self.namespace else self.namespace + self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The server answers before it looks at the policies."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """Where the request goes is not known: the tree of namespaces was not read in full."""

    why: str


def resolve(request: Request, world: World, profile: Profile) -> Resolved | Rejected | Unresolved:
    """Return what the policies are asked about, or why they are not asked."""
    raw, _, query = request.path.partition("?")
    decoded = _decoded(raw, profile)
    if isinstance(decoded, Rejected):
        return decoded
    namespaces = {namespace.path for namespace in world.namespaces}
    header = _header(request.namespace)
    if header and header not in namespaces:
        if world.namespaces_complete:
            return Rejected(why=f"there is no namespace {header}")
        return Unresolved(why=f"the namespace {header} was not seen")
    namespace, path = _placed(header, decoded, namespaces)
    verb = _operation(request.method.upper(), query, request.headers)
    if isinstance(verb, Rejected):
        return verb
    operation, parameters = verb
    if operation in ("update", "patch") and path.endswith("/"):
        return Rejected(why="the server does not write to a path that ends with a slash")
    if operation in ("list", "scan") and not path.endswith("/"):
        path += "/"
    if namespace and _ROOT_ONLY.match(path):
        return Rejected(why="the server answers this only in the root namespace")
    if any(entry.locked and namespace.startswith(entry.path) for entry in world.namespaces):
        return Rejected(why="the namespace is locked")
    if profile.folds_case:
        path = fold(path, namespace, world)
    data: Mapping[str, Any] = (request.body or {}) if operation in ("update", "patch") else parameters
    ttl = _wrap_ttl(request.headers)
    if isinstance(ttl, Rejected):
        return ttl
    return Resolved(operation=operation, namespace=namespace, path=path, data=data, wrap_ttl=ttl)


def _decoded(raw: str, profile: Profile) -> str | Rejected:
    if _BAD_PERCENT.search(raw):
        return Rejected(why="the path holds a broken percent-encoding")
    whole = "/v1/" + raw
    cleaned = posixpath.normpath(whole) + ("/" if whole.endswith("/") and whole != "/v1/" else "")
    if raw and cleaned != whole:
        return Rejected(why="the server redirects to the cleaned path")
    decoded = unquote_to_bytes(raw).decode("utf-8", "surrogateescape")
    # An invalid byte is read as U+FFFD, which counts as printable.
    shown = decoded.encode("utf-8", "replace").decode()
    if not all(character.isprintable() for character in shown):
        return Rejected(why="the path holds a character that cannot be printed")
    segments = decoded.split("/")
    if profile.refuses_relative and any(segment in (".", "..") for segment in segments):
        return Rejected(why="the server refuses relative paths")
    if profile.refuses_empty_segments and "" in segments[1:-1]:
        return Rejected(why="the server refuses empty segments")
    return decoded


def _header(value: str) -> str:
    cleaned = posixpath.normpath("/" + value.strip()).strip("/")
    return "" if cleaned in ("", ".", "root") else cleaned + "/"


def _placed(header: str, decoded: str, namespaces: set[str]) -> tuple[str, str]:
    """Return the longest namespace that the header and the path name, and the rest of the path."""
    whole = header + decoded
    namespace = header
    start = len(header)
    while (end := whole.find("/", start)) >= 0 and whole[: end + 1] in namespaces:
        namespace = whole[: end + 1]
        start = end + 1
    rest = whole[len(namespace) :]
    if f"{whole}/" in namespaces and rest and "/" not in rest:
        # A path that is a namespace's name goes to that namespace and is not shortened.
        return f"{whole}/", whole
    return namespace, rest


def _operation(method: str, query: str, headers: Mapping[str, str]) -> tuple[str, dict[str, Any]] | Rejected:
    values = {name: entries[-1] if len(entries) == 1 else entries
              for name, entries in parse_qs(query, keep_blank_values=True).items()}  # fmt: skip
    if method in _WRITES:
        if method == "PATCH":
            kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
            if kind.split(";")[0].strip().lower() != "application/merge-patch+json":
                return Rejected(why="a PATCH needs the content type application/merge-patch+json")
        return _WRITES[method], {}
    if method == "OPTIONS":
        return Rejected(why="the server does not answer OPTIONS here")
    if method == "HEAD":
        return "header", {}
    if method in ("LIST", "SCAN", "DELETE"):
        return method.lower(), values
    if method != "GET":
        return Rejected(why=f"the server does not know the method {method}")
    if "help" in values:
        return "help", {}
    wanted = []
    for name in ("list", "scan"):
        value = str(values.pop(name, ""))
        if value not in _TRUE | _FALSE:
            return Rejected(why=f"the value of {name} is neither true nor false")
        if value in _TRUE:
            wanted.append(name)
    if len(wanted) == 2:
        return Rejected(why="a request is either a list or a scan")
    return (wanted[0] if wanted else "read"), values


def _wrap_ttl(headers: Mapping[str, str]) -> float | Rejected:
    value = next((value for name, value in headers.items() if name.lower() == "x-vault-wrap-ttl"), "")
    if not value:
        return 0
    seconds = seconds_of(value)
    return Rejected(why="the wrapping time cannot be read") if seconds is None or seconds < 0 else seconds


_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds_of(text: str) -> float | None:
    """Return a duration in seconds (`90`, `5m`, `1h30m`), or None where it is none."""
    text = text.strip()
    if re.fullmatch(r"\d+", text):
        return float(text)
    if not text or _PART.sub("", text):
        return None
    return sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(text))


def fold(path: str, namespace: str, world: World) -> str:
    """Return the path with the name part lower-cased where OpenBao 2.7 does so before it asks the policies."""
    if path.startswith("sys/"):
        policies = _FOLDED_SYSTEM.match(path)
        if policies is not None:
            return policies.group(1) + policies.group(2).strip().lower()
        workflows = _FOLDED_WORKFLOWS.match(path)
        return workflows.group(1) + workflows.group(2).lower() if workflows is not None else path
    if not path.startswith("auth/"):
        return path
    for entry in world.namespaces:
        if entry.path != namespace:
            continue
        for mount in entry.auth_mounts or ():
            if not path.startswith(f"auth/{mount.path}"):
                continue
            for kind, expression in _FOLDED:
                if kind == mount.type:
                    return _folded(path, expression, mount.path)
    return path


def _folded(path: str, expression: re.Pattern[str], mount: str) -> str:
    found = re.match(expression.pattern % re.escape(mount), path, re.DOTALL)
    return found.group(1) + found.group(2) + found.group(3).lower() + found.group(4) if found else path
