"""Random requests near a case's rules, in every form that the wire allows."""

import random
import re
from typing import Any
from urllib.parse import quote

from tests.fuzz import rules
from tests.fuzz.replay import Case

_LABEL = re.compile(r'path "([^"]*)"')
_METHODS = ("GET", "GET", "LIST", "SCAN", "DELETE", "POST", "PUT", "PATCH", "HEAD")
_QUERIES = (
    "list=true", "list=1", "list=0", "scan=true", "scan=T", "list=maybe", "list=true&scan=true", "help=1", "help=",
    "limit=5",
    "limit=max", "limit=20", "limit=-1", "a=x", "a=x&a=y", "A=y", "b=1", "list=true&limit=3", "a=%zz", "a=x;b=y",
    "limit=",
    "list=true&limit=6", "a=xy&b=", "ttl=1", "list=", "list=false&a=x",
)  # fmt: skip
_HEADERS = (
    "", "", "", "t1", "/t1", "t1/", "t1//", "t1/.", "t1/../t1x", "root", "nowhere", "t1/sub", "T1", "../t1", "/", ".",
)  # fmt: skip
_WRAPS = ("5", "10s", "1m", "0", "-1", "x", "90", "1h", "60", "5s", "1d", "1.5s", "7.5")
# A write here would change what later cases see, or take the server down.
_DANGEROUS = re.compile(
    r"(?:^|/)(?:sys/(?:seal|step-down|namespaces|mounts|auth|remount|policies|policy|rotate|rekey|init|unseal|quotas|config"
    r"|generate-root|plugins|leases|monitor|pprof|storage|audit|raw|workflows|internal/ui/mounts/)|auth/token|identity/"
    r"|auth/approle|auth/userpass|cubbyhole)",
    re.IGNORECASE,
)
_CATALOGUE = (
    "sys/audit", "sys/auth", "sys/auth/approle", "sys/auth/approle/tune", "sys/config/cors",
    "sys/config/ui/headers/x",
    "sys/config/auditing/request-headers", "sys/config/state/sanitized", "sys/health", "sys/host-info", "sys/init",
    "sys/internal/specs/openapi", "sys/internal/ui/namespaces", "sys/internal/ui/resultant-acl", "sys/key-status",
    "sys/leader", "sys/leases/lookup/x", "sys/leases/count", "sys/mounts", "sys/mounts/k/tune", "sys/namespaces",
    "sys/plugins/catalog", "sys/plugins/catalog/auth/approle", "sys/policies/acl", "sys/policies/acl/P0",
    "sys/policy/P0",
    "sys/quotas/config", "sys/quotas/rate-limit/x", "sys/raw/x", "sys/replication/status", "sys/rotate",
    "sys/seal-status",
    "sys/version-history", "sys/wrapping/lookup", "sys/workflows/manage/A", "auth/token/accessors",
    "auth/token/lookup-self",
    "auth/token/roles", "auth/token/roles/X", "auth/approle/role", "auth/approle/role/A",
    "auth/approle/role/Ab/policies",
    "auth/approle/role/A/secret-id", "auth/approle/login", "auth/userpass/users/A", "auth/userpass/users/A/policies",
    "auth/userpass/login/A", "identity/entity/id", "identity/entity/name/A", "identity/oidc/.well-known/keys",
    "cubbyhole/a",
    "sys/internal/inspect/router/root", "sys/ha-status", "sys/loggers", "sys/remount", "sys/config/reload/x",
    "sys/rekey/init",
    "sys/in-flight-req", "sys/internal/counters/activity", "sys/internal/counters/tokens",
    "sys/generate-root/attempt",
)  # fmt: skip
_NEVER = re.compile(r"sys/(?:seal|step-down|monitor|pprof|metrics)", re.IGNORECASE)


def labels(case: Case) -> list[str]:
    """The paths of the stanzas, with their namespaces in front."""
    return [
        entry.get("namespace", "") + label.removeprefix("/")
        for entry in case["policies"]
        for label in _LABEL.findall(entry["text"])
    ]


def capabilities(source: random.Random, case: Case, count: int) -> Case:
    """Many paths for `sys/capabilities`; what the server trims away is not the same path twice."""
    home = source.choice((case["subject"]["namespace"], case["subject"]["namespace"], "", *rules.NAMESPACES))
    texts = [label.removeprefix(home) for label in labels(case)]
    paths = {rules.near(source, texts) for _ in range(count)}
    known = sorted(path for path in paths if path.strip() and len(path) < 200)
    return {**case, "namespace": home, "capabilities": known}


def request(source: random.Random, texts: list[str], headed: float) -> dict[str, Any]:
    """One request; its path is encoded in one of the many ways that mean the same or nearly so."""
    method = source.choice(_METHODS)
    path = rules.near(source, texts).removeprefix("/" if source.random() < 0.9 else "\0")
    if source.random() < 0.06:
        method, start = source.choice(("GET", "GET", "LIST", "DELETE")), source.choice(("", "", "t1/", "t1/sub/"))
        path = start + source.choice(_CATALOGUE) + source.choice(("", "", "/", "/x"))
    elif source.random() < 0.02:
        method, path = "GET", "sys/internal/ui/mounts/" + path
    wire = encoded(source, path)
    if source.random() < 0.2:
        wire += "?" + source.choice(_QUERIES)
    found: dict[str, Any] = {"method": method, "path": wire}
    if source.random() < headed:
        found["namespace"] = source.choice(_HEADERS)
    headers = {}
    if method == "PATCH" and source.random() < 0.9:
        headers["Content-Type"] = "application/merge-patch+json"
    if source.random() < 0.2:
        headers["X-Vault-Wrap-TTL"] = source.choice(_WRAPS)
    if headers:
        found["headers"] = headers
    if method in ("POST", "PUT", "PATCH") and source.random() < 0.8:
        names = source.sample(("a", "A", "b", "ttl", "limit", "c", "data", "options"), source.randint(0, 3))
        found["body"] = {name: source.choice(rules.FIELD_VALUES) for name in names}
    return found


def encoded(source: random.Random, path: str) -> str:
    kind = source.random()
    safe = "/+*$&=:@!'(),;~" if kind < 0.8 else "/"
    text = quote(path, safe=safe)
    text = "%2F" + text[1:] if text.startswith("/") and source.random() < 0.9 else text
    while "//" in text and source.random() < 0.95:
        text = text.replace("//", "/%2F", 1)
    if kind > 0.95 and text:
        position = source.randrange(len(text))
        odd = ("%2e%2e/", "%2e/", "./", "../", "%2F", "//", "%0a", "%zz", "%C3%A9", ".", "%00", "%ff", "%20", "%25")
        text = text[:position] + source.choice(odd) + text[position:]
    return text


def requests(source: random.Random, case: Case, count: int) -> list[dict[str, Any]]:
    """Requests that may be sent one after the other: no two writes to what may be the same object."""
    texts = labels(case)
    headed = 0.3 if any(entry.get("namespace") for entry in case["policies"]) else 0.04
    found: list[dict[str, Any]] = []
    touched: set[str] = set()
    while len(found) < count:
        made = request(source, texts, headed)
        changes = made["method"] in ("POST", "PUT", "PATCH", "DELETE")
        whole = f"{made.get('namespace', '')}/{made['path']}"
        if _NEVER.search(whole) or (changes and _DANGEROUS.search(whole)):
            continue
        if changes:
            key = re.sub(r"[^a-z0-9]", "", made["path"].partition("?")[0].lower())
            if key in touched:
                continue
            touched.add(key)
        found.append(made)
    return found
