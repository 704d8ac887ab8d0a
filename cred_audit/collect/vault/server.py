"""Find out what answers at the address, whether the token is good, and read what belongs to the whole server."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from cred_audit.collect.vault.client import Answer, Call, Client, explain
from cred_audit.collect.vault.documents import mapping_of, text_of, texts_of
from cred_audit.collect.vault.gaps import Gaps
from cred_audit.collect.vault.public_fields import device_options, quota_fields, seal_fields, server_flags
from cred_audit.decide.vault.model import Server
from cred_audit.errors import CollectError
from cred_audit.facts import AuditDevice

FLAGS = "sys/config/state/sanitized"
AUDIT = "sys/audit"
AUDITED_HEADERS = "sys/config/auditing/request-headers"
QUOTAS = "sys/quotas/rate-limit/"
GROUP_POLICIES = "sys/config/group-policy-application"
NAMESPACES = "sys/namespaces/"
_DEEPEST = 50
"""Levels of namespaces; Vault itself allows fewer."""


@dataclass(slots=True)
class ServerFacts:
    """What belongs to the server as a whole."""

    server: Server
    seal: dict[str, Any]
    audit_devices: tuple[AuditDevice, ...] | None = None
    audited_headers: tuple[str, ...] | None = None
    quotas: tuple[dict[str, Any], ...] | None = None
    spaces: list[tuple[str, str, bool]] = field(default_factory=list)
    """Path, id, locked of every namespace."""
    complete: bool = True
    """Whether every namespace was listed."""


def greet(client: Client) -> dict[str, Any]:
    """Return the server's seal status. Raises CollectError where no usable Vault or OpenBao answers."""
    where = f"vault: {client.settings.address}"
    try:
        reply = client.send(Call("", "GET", "sys/seal-status"))
    except Exception as error:  # noqa: BLE001  (whatever a hostile or broken server provokes)
        raise CollectError(f"{where}: {explain(error)}") from None
    if 300 <= reply.status < 400 and client.redirected(reply.headers.get("Location") or ""):
        reply = client.send(Call("", "GET", "sys/seal-status"))
    try:
        said = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = None
    if b"HTTP request to an HTTPS server" in reply.body[:200]:
        raise CollectError(f"{where}: the server speaks TLS; write https:// in the address")
    if not isinstance(said, dict) or not isinstance(said.get("sealed"), bool):
        kind = "HTML" if b"<html" in reply.body[:2000].lower() else f"status {reply.status}"
        raise CollectError(
            f"{where}: this is neither Vault nor OpenBao (sys/seal-status gave {kind}); check the address"
        )
    if said.get("initialized") is False:
        raise CollectError(f"{where}: the server is not initialized, so there is nothing to read")
    if said["sealed"]:
        raise CollectError(f"{where}: the server is sealed; unseal it, then collect")
    return said


def check_token(client: Client) -> str:
    """Return the path of the token's namespace. Raises CollectError where the token is not valid.

    A token that may not even look itself up is valid all the same: the help of a path tells.
    """
    base = client.settings.namespace
    own = client.ask(Call(base, "GET", "auth/token/lookup-self"))
    if 300 <= own.status < 400:
        return _follow(client)
    if own.data is not None:
        return text_of(own.data.get("namespace_path"))
    where = f"vault: {client.settings.address}"
    if "namespace not found" in own.reason:
        raise CollectError(f"{where}: there is no namespace {base!r}; check vault.namespace and VAULT_NAMESPACE")
    if own.status == 403:
        if client.ask(Call(base, "GET", "sys/mounts", query="help=1")).status == 403:
            raise CollectError(
                f"{where}: the token is not valid here, or has expired; log in again and set VAULT_TOKEN"
            )
        return base
    raise CollectError(f"{where}: {own.reason}")


def _follow(client: Client) -> str:
    reply = client.send(Call(client.settings.namespace, "GET", "auth/token/lookup-self"))
    where = f"vault: {client.settings.address}"
    if not client.redirected(reply.headers.get("Location") or ""):
        raise CollectError(f"{where}: the server redirects elsewhere; give the address of the active node")
    own = client.ask(Call(client.settings.namespace, "GET", "auth/token/lookup-self"))
    if own.data is None:
        raise CollectError(f"{where}: the active node says: {own.reason}")
    return text_of(own.data.get("namespace_path"))


def clock_of(client: Client) -> tuple[datetime, str]:
    """Return the server's time, or our own, and a sentence where they differ."""
    ours = datetime.now(UTC)
    health = client.ask(Call("", "GET", "sys/health", query="standbyok=true&perfstandbyok=true"))
    seconds = (health.data or {}).get("server_time_utc")
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 < seconds < 32_503_680_000:
        return ours, ""
    theirs = datetime.fromtimestamp(seconds, UTC)
    skew = (theirs - ours).total_seconds()
    if abs(skew) < 5:
        return ours, ""
    way = "ahead of" if skew > 0 else "behind"
    sentence = f"The server's clock is {abs(skew):,.0f} s {way} this machine's; expirations are judged by the server's."
    return theirs, sentence


def server_facts(client: Client, seal: dict[str, Any], gaps: Gaps) -> ServerFacts:
    """Return what belongs to the server as a whole, its namespaces included."""
    product = "openbao" if seal.get("commit_date") else "vault" if seal.get("build_date") else None
    facts = ServerFacts(server=Server(product=product), seal=seal_fields(seal))
    flags = group_policies = None
    if client.settings.namespace:
        base = client.settings.namespace
        for path in (FLAGS, AUDIT, AUDITED_HEADERS, QUOTAS):
            gaps.add(f"GET {path}", f"only the root namespace has it, and the collection was made in {base}")
    else:
        flags = _seen(client, Call("", "GET", FLAGS), gaps).data
        if product != "openbao":
            found = _seen(client, Call("", "GET", GROUP_POLICIES), gaps).data
            setting = (found or {}).get("group_policy_application_mode")
            group_policies = setting if isinstance(setting, str) else None
        facts.audit_devices = _devices(client, gaps)
        facts.audited_headers = _headers(client, gaps)
        facts.quotas = _quotas(client, gaps)
    facts.server = Server(
        product=product,
        version=text_of(seal.get("version")) or None,
        flags=None if flags is None else server_flags(flags),
        group_policy_application=group_policies,
    )
    facts.spaces, facts.complete = namespaces(client, gaps, scan=product != "vault")
    return facts


def _seen(client: Client, call: Call, gaps: Gaps) -> Answer:
    answer = client.ask(call)
    if answer.data is None and not answer.absent:
        gaps.unseen(call, answer)
    return answer


def _devices(client: Client, gaps: Gaps) -> tuple[AuditDevice, ...] | None:
    answer = _seen(client, Call("", "GET", AUDIT), gaps)
    if answer.absent:
        return ()
    if answer.data is None:
        return None
    return tuple(
        AuditDevice(
            path=path, type=text_of(entry.get("type")), options=device_options(mapping_of(entry.get("options")))
        )
        for path, entry in sorted(answer.data.items())
        if path.endswith("/") and isinstance(entry, dict)
    )


def _headers(client: Client, gaps: Gaps) -> tuple[str, ...] | None:
    answer = _seen(client, Call("", "GET", AUDITED_HEADERS), gaps)
    if answer.absent:
        return ()
    return None if answer.data is None else tuple(sorted(mapping_of(answer.data.get("headers"))))


def _quotas(client: Client, gaps: Gaps) -> tuple[dict[str, Any], ...] | None:
    names = _seen(client, Call("", "LIST", QUOTAS), gaps).names
    if names is None:
        return None
    answers = client.each([Call("", "GET", QUOTAS + name) for name in names], lambda call: _seen(client, call, gaps))
    if any(answer.data is None and not answer.absent for answer in answers):
        return None
    return tuple(quota_fields(answer.data) for answer in answers if answer.data is not None)


def namespaces(client: Client, gaps: Gaps, *, scan: bool) -> tuple[list[tuple[str, str, bool]], bool]:
    """Return path, id and lock of the token's namespace and of all below it, and whether that is all of them.

    OpenBao gives the whole tree at once (SCAN); elsewhere, or where that is refused, it is listed level by level.
    """
    base = client.settings.namespace
    found = [(base, "root" if not base else "", False)]
    if scan:
        answer = client.ask(Call(base, "SCAN", NAMESPACES))
        if answer.data is not None:
            return found + _entries(base, answer), True
    complete = True
    level = [base]
    for _ in range(_DEEPEST):
        calls = [Call(name, "LIST", NAMESPACES) for name in level]
        answers = client.each(calls, lambda call: _seen(client, call, gaps))
        below = [
            entry for call, answer in zip(calls, answers, strict=True) for entry in _entries(call.namespace, answer)
        ]
        complete = complete and all(answer.names is not None for answer in answers)
        found += below
        level = [path for path, _, _ in below]
        if not level:
            break
    return found, complete


def _entries(base: str, answer: Answer) -> list[tuple[str, str, bool]]:
    details = mapping_of((answer.data or {}).get("key_info"))
    entries = []
    for key in texts_of(list(answer.names or ())):
        entry = mapping_of(details.get(key))
        entries.append((f"{base}{key.strip('/')}/", text_of(entry.get("id")), entry.get("locked") is True))
    return entries
