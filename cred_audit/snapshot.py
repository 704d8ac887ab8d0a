"""A snapshot as a file: versioned JSON with a digest, and without any secret or reference to one.

The digest is the SHA-256 of the canonical JSON text of everything but itself. It detects accidents; a text that
somebody changed on purpose can carry a new digest, so what counts as evidence is the digest that was handed over
by another way.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import msgspec

from cred_audit.errors import SnapshotError
from cred_audit.facts import Gap, Snapshot, VaultFacts
from cred_audit.target.model import (
    Accepted,
    Agent,
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

VERSION = 1
_HEAD = '{"digest":"'
_DIGEST = 64
"""Hexadecimal digits of a SHA-256."""


def save(snapshot: Snapshot) -> str:
    """Return the text of a snapshot file."""
    plain = cast("dict[str, Any]", msgspec.to_builtins(replace(snapshot, target=_without_secrets(snapshot.target))))
    plain.pop("digest")
    body = _canonical({**plain, "snapshot": VERSION})
    return f'{_HEAD}{hashlib.sha256(body.encode()).hexdigest()}",{body[1:]}\n'


def digested(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with the digest that its file will have."""
    return replace(snapshot, digest=save(snapshot)[len(_HEAD) : len(_HEAD) + _DIGEST])


def load(text: str | bytes, *, source: str) -> Snapshot:
    """Return the snapshot that a file holds; `source` names the file in errors.

    Raises SnapshotError where the text is no snapshot, is one of a newer version, or was damaged on the way.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise SnapshotError(f"{source}: not a snapshot: no readable JSON; was the file copied in full?") from None
    if not isinstance(data, dict) or not isinstance(data.get("snapshot"), int):
        raise SnapshotError(f"{source}: not a snapshot; `cred-audit collect TARGET -o FILE` writes one")
    if data["snapshot"] != VERSION:
        raise SnapshotError(f"{source}: version {data['snapshot']} of the format; this cred-audit reads {VERSION}")
    digest = data.pop("digest", None)
    if digest != _digest(data):
        raise SnapshotError(f"{source}: the digest does not match the content; the file was damaged or edited")
    del data["snapshot"]
    try:
        return Snapshot(
            target=_target(data["target"]),
            taken_at=msgspec.convert(data["taken_at"], datetime),
            tool_version=str(data["tool_version"]),
            vault=msgspec.convert(data["vault"], VaultFacts | None),
            gaps=msgspec.convert(data["gaps"], tuple[Gap, ...]),
            digest=str(digest),
        )
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise SnapshotError(f"{source}: not a snapshot that this version wrote: {error}") from None


def _canonical(data: Mapping[str, Any]) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _digest(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(data).encode()).hexdigest()


def _without_secrets(target: Target) -> Target:
    """Return what judging needs of a target: no references to secrets, no paths of the collecting machine."""
    source = target.vault
    return replace(
        target,
        tenants=tuple(
            replace(
                tenant,
                agents=tuple(_agent(agent) for agent in tenant.agents),
                territory=replace(
                    tenant.territory,
                    platform=_plain(tenant.territory.platform),
                    credentials=_plain(tenant.territory.credentials),
                ),
            )
            for tenant in target.tenants
        ),
        vault=replace(source, token=None, policies=None, bundle=None, ca_cert=None) if source is not None else None,
        sections=_plain(target.sections),
        path=None,
    )


def _agent(agent: Agent) -> Agent:
    vault = replace(agent.vault, token=None) if agent.vault is not None else None
    platform = replace(agent.platform, token=None) if agent.platform is not None else None
    return replace(agent, vault=vault, platform=platform)


def _plain(value: Any) -> Any:
    """Return plain data without the entries that refer to a secret."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items() if not isinstance(each, SecretRef)}
    if isinstance(value, list | tuple):
        return tuple(_plain(each) for each in value if not isinstance(each, SecretRef))
    return value


def _target(data: Mapping[str, Any]) -> Target:
    return Target(
        name=str(data["name"]),
        tenants=tuple(_tenant(tenant) for tenant in data["tenants"]),
        others=msgspec.convert(data["others"], bool),
        vault=msgspec.convert(data["vault"], VaultSource | None),
        sections=msgspec.convert(data["sections"], dict[str, Any]),
        accepted=msgspec.convert(data["accepted"], tuple[Accepted, ...]),
        warnings=msgspec.convert(data["warnings"], tuple[str, ...]),
    )


def _tenant(data: Mapping[str, Any]) -> Tenant:
    held = data["territory"]
    return Tenant(
        id=msgspec.convert(data["id"], str),
        agents=msgspec.convert(data["agents"], tuple[Agent, ...]),
        territory=Territory(
            vault=tuple(_vault_territory(each) for each in held["vault"]),
            aws=msgspec.convert(held["aws"], tuple[AwsTerritory, ...]),
            platform=msgspec.convert(held["platform"], dict[str, Any] | None),
            credentials=msgspec.convert(held["credentials"], tuple[dict[str, Any], ...]),
        ),
        line=msgspec.convert(data["line"], int),
    )


def _vault_territory(data: Mapping[str, Any]) -> VaultTerritory:
    """Return one part of a territory: its fields tell its kind."""
    if "mount" in data:
        return msgspec.convert(data, KvTerritory)
    return msgspec.convert(data, PathTerritory) if "path" in data else msgspec.convert(data, NamespaceTerritory)
