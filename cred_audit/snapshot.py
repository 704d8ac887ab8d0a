"""Write a snapshot as text and read it again: JSON, versioned, with a digest that detects accidents.

The text is canonical (keys sorted, no white space, UTF-8), and the digest is the SHA-256 of the same text without
the field `digest`; so anybody can compute it again. A target's secret references are left out: whoever gets a
snapshot needs no hint where its secrets are.
"""

import gc
import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import msgspec

from cred_audit.errors import SnapshotError
from cred_audit.facts import AwsFacts, Gap, Snapshot, VaultFacts
from cred_audit.target.model import (
    Accepted,
    Agent,
    AwsSource,
    AwsTerritory,
    KvTerritory,
    NamespaceTerritory,
    PathTerritory,
    SecretRef,
    Target,
    Tenant,
    Territory,
    VaultSource,
    VaultTerritory,
)

FORM = 1
"""Version of the form; a newer one is refused."""
LARGEST = 1024 * 1024 * 1024
"""Bytes of a snapshot that are read at most."""
_DIGEST = re.compile(rb'\{"digest":"([0-9a-f]{64})",')
_ARN = re.compile(r"arn:[^:]+:([^:]+):[^:]*:[^:]*:.+", re.DOTALL)
_SERVICES = {
    "secrets": "secretsmanager", "parameters": "ssm", "keys": "kms", "functions": "lambda", "trails": "cloudtrail",
    **dict.fromkeys(("roles", "users", "groups"), "iam"),
}  # fmt: skip
"""Part of the facts of AWS -> the service that its ARNs name."""
_DEPTH = 60


class _Head(msgspec.Struct):
    snapshot: Any = None
    digest: Any = None


class _SavedPart(msgspec.Struct):
    """A territory of any kind."""

    kind: Literal["KvTerritory", "NamespaceTerritory", "PathTerritory"]
    mount: str = ""
    prefix: str = ""
    namespace: str = ""
    path: str = ""


class _SavedTerritory(msgspec.Struct):
    vault: tuple[_SavedPart, ...] = ()
    aws: tuple[AwsTerritory, ...] = ()
    platform: dict[str, Any] | None = None
    credentials: tuple[dict[str, Any], ...] = ()


class _SavedTenant(msgspec.Struct):
    id: str
    territory: _SavedTerritory
    agents: tuple[Agent, ...] = ()
    line: int = 0


class _SavedTarget(msgspec.Struct):
    name: str
    tenants: tuple[_SavedTenant, ...]
    others: bool = False
    vault: VaultSource | None = None
    aws: AwsSource | None = None
    sections: dict[str, Any] = {}
    accepted: tuple[Accepted, ...] = ()
    path: Path | None = None
    warnings: tuple[str, ...] = ()


class _Saved(msgspec.Struct, kw_only=True):
    """The form in the file."""

    snapshot: int
    digest: str
    taken_at: datetime
    tool_version: str
    target: _SavedTarget
    vault: VaultFacts | None
    gaps: tuple[Gap, ...]
    aws: AwsFacts | None = None


def save(snapshot: Snapshot) -> str:
    """Return a snapshot as JSON text with its digest."""
    body = _canonical(snapshot)
    digest = hashlib.sha256(body).hexdigest()
    return f'{{"digest":"{digest}",{body[1:].decode()}'


def with_digest(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with the digest of its saved form."""
    return replace(snapshot, digest=hashlib.sha256(_canonical(snapshot)).hexdigest())


def load(text: str | bytes, *, source: str) -> Snapshot:
    """Return the snapshot that a text holds; `source` names it in errors.

    Raises SnapshotError where it is no snapshot, was cut off or altered, or has a form newer than this program knows.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    where = source[:200]
    if len(raw) > LARGEST:
        raise SnapshotError(f"{where}: larger than {LARGEST // 2**20} MiB; this is no snapshot of cred-audit")
    with _no_collection():
        return _load(raw, where)


def _load(raw: bytes, where: str) -> Snapshot:
    try:
        head = msgspec.json.decode(raw, type=_Head)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise SnapshotError(
            f"{where}: not a whole JSON object; this is no snapshot of cred-audit, or it was cut off"
        ) from None
    if not isinstance(head.snapshot, int) or isinstance(head.snapshot, bool) or head.snapshot < 1:
        raise SnapshotError(f"{where}: no snapshot of cred-audit; give the file that `cred-audit collect -o` wrote")
    if head.snapshot > FORM:
        raise SnapshotError(f"{where}: form {head.snapshot} is newer than this program knows; upgrade cred-audit")
    computed = _digest_of(raw)
    if head.digest != computed:
        given = head.digest[:12] if isinstance(head.digest, str) else "none"
        raise SnapshotError(
            f"{where}: altered since it was collected (digest {given!r}, content has {computed[:12]!r}); collect again"
        )
    try:
        saved = msgspec.json.decode(raw, type=_Saved, dec_hook=_path)
        target = _target(saved.target)
        _check_times(saved, target)
        _check_arns(saved)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())[:200]
        raise SnapshotError(f"{where}: the digest fits but the content does not ({said}); collect again") from None
    return Snapshot(
        target=target,
        taken_at=saved.taken_at,
        tool_version=saved.tool_version,
        vault=saved.vault,
        aws=saved.aws,
        gaps=saved.gaps,
        digest=computed,
    )


def _digest_of(raw: bytes) -> str:
    """Return the digest of a saved form; one that was laid out anew (spaces, order of keys) is made canonical first."""
    match = _DIGEST.match(raw)
    if match is not None:
        quick = hashlib.sha256(b"{")
        quick.update(memoryview(raw)[match.end() :])
        if quick.hexdigest() == match[1].decode():
            return quick.hexdigest()
    try:
        content = msgspec.json.decode(raw)
        content.pop("digest", None)
        return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""


@contextmanager
def _no_collection() -> Iterator[None]:
    """Spare the collector of cycles: a snapshot is a million objects and has none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _canonical(snapshot: Snapshot) -> bytes:
    with _no_collection():
        content = {
            "snapshot": FORM,
            "taken_at": snapshot.taken_at,
            "tool_version": snapshot.tool_version,
            "target": _plain(snapshot.target, 0),
            "vault": snapshot.vault,
            "aws": snapshot.aws,
            "gaps": snapshot.gaps,
        }
        try:
            return msgspec.json.encode(content, order="sorted")
        except UnicodeEncodeError:
            # A text with lone surrogates, from a file name for instance, cannot be written as it is.
            return msgspec.json.encode(_well_formed(msgspec.to_builtins(content)), order="sorted")


def _well_formed(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_well_formed(key): _well_formed(inner) for key, inner in value.items()}
    return [_well_formed(inner) for inner in value] if isinstance(value, list | tuple) else value


def _plain(value: Any, depth: int) -> Any:
    """Return a part of the target as JSON has it, without secret references; territories carry their kind."""
    if depth > _DEPTH:
        return None
    if isinstance(value, VaultTerritory):
        return {"kind": type(value).__name__, **{part.name: getattr(value, part.name) for part in fields(value)}}
    if is_dataclass(value) and not isinstance(value, type):
        plain = {}
        for part in fields(value):
            inner = getattr(value, part.name)
            if not isinstance(inner, SecretRef) and inner != part.default:
                plain[part.name] = _plain(inner, depth + 1)
        return plain
    if isinstance(value, Mapping):
        return {str(key): _plain(inner, depth + 1) for key, inner in value.items() if not isinstance(inner, SecretRef)}
    if isinstance(value, list | tuple | frozenset | set):
        return [_plain(inner, depth + 1) for inner in value if not isinstance(inner, SecretRef)]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, str | bool | int | float | date):
        return value
    return str(value)


def _target(saved: _SavedTarget) -> Target:
    return Target(
        name=saved.name,
        tenants=tuple(_tenant(entry) for entry in saved.tenants),
        others=saved.others,
        vault=saved.vault,
        aws=saved.aws,
        sections=saved.sections,
        accepted=saved.accepted,
        path=saved.path,
        warnings=saved.warnings,
    )


def _tenant(saved: _SavedTenant) -> Tenant:
    given = saved.territory
    territory = Territory(
        vault=tuple(_territory(part) for part in given.vault),
        aws=given.aws,
        platform=given.platform,
        credentials=given.credentials,
    )
    return Tenant(id=saved.id, agents=saved.agents, territory=territory, line=saved.line)


def _territory(part: _SavedPart) -> VaultTerritory:
    if part.kind == "KvTerritory":
        return KvTerritory(mount=part.mount, prefix=part.prefix, namespace=part.namespace)
    if part.kind == "NamespaceTerritory":
        return NamespaceTerritory(namespace=part.namespace)
    return PathTerritory(path=part.path, namespace=part.namespace)


def _path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    message = f"expected a text for a {kind.__name__}"
    raise ValueError(message)


def _check_times(saved: _Saved, target: Target) -> None:
    times = [saved.taken_at, *(entry.until for entry in target.accepted)]
    for space in saved.vault.world.namespaces if saved.vault is not None else ():
        times += [policy.expiration for policy in space.policies or () if policy.expiration is not None]
    for account in saved.aws.world.accounts if saved.aws is not None else ():
        times += [time for user in account.users or () for time in user.access_keys or ()]
        for region in account.regions:
            for secret in region.secrets or ():
                times += (secret.last_rotated, secret.last_changed)
            times += [parameter.last_changed for parameter in region.parameters or ()]
    if any(time is not None and time.tzinfo is None for time in times):
        message = "a time without its zone"
        raise ValueError(message)
    try:
        saved.taken_at.astimezone(UTC)
    except OverflowError:
        message = "a time of no year"
        raise ValueError(message) from None


def _check_arns(saved: _Saved) -> None:
    """Raise ValueError where a text is no ARN that every collector and target file gives as one."""
    if saved.aws is None:
        return
    principals = [agent.aws for tenant in saved.target.tenants for agent in tenant.agents if agent.aws is not None]
    arns = [("roles", principal.role or principal.user) for principal in principals]
    for account in saved.aws.world.accounts:
        for place in (account, *account.regions):
            arns += [(part, one.arn) for part in _SERVICES for one in getattr(place, part, None) or ()]
    for part, arn in arns:
        match = _ARN.fullmatch(arn)
        if match is None or match[1] != _SERVICES[part]:
            message = f"an ARN among the {part} that is none of {_SERVICES[part]}"
            raise ValueError(message)
