"""What the server's lists say: policies with their texts, engines and auth methods."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cred_audit.collect.vault.client import Answer
from cred_audit.collect.vault.documents import mapping_of, text_of
from cred_audit.collect.vault.public_fields import tune_fields
from cred_audit.decide.vault.model import AuthMount, Mount


@dataclass(frozen=True, slots=True, kw_only=True)
class MountFrame:
    """One entry of `sys/mounts` or `sys/auth`."""

    path: str
    type: str
    accessor: str
    uuid: str
    version: int | None
    tune: Mapping[str, Any]


def policy_names(listed: Answer) -> tuple[str, ...]:
    """Return the policies that a list names; `root` has no text."""
    return tuple(name for name in listed.names or () if name != "root")


def policy_texts(detailed: Answer) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """Yield the policies of a detailed list; None for one that is named without its text."""
    entries = mapping_of((detailed.data or {}).get("key_info"))
    for name in policy_names(detailed):
        entry = entries.get(name)
        yield name, entry if isinstance(entry, dict) and isinstance(entry.get("policy"), str) else None


def mount_frames(answer: Answer) -> Iterator[MountFrame]:
    """Yield the entries of `sys/mounts` or `sys/auth`, sorted by path."""
    for path, entry in sorted((answer.data or {}).items()):
        if path.endswith("/") and isinstance(entry, dict):
            yield _mount_entry(path, entry)


def _mount_entry(path: str, entry: Mapping[str, Any]) -> MountFrame:
    kind = text_of(entry.get("type"))
    version = text_of(mapping_of(entry.get("options")).get("version"))
    return MountFrame(
        path=path,
        type=kind,
        accessor=text_of(entry.get("accessor")),
        uuid=text_of(entry.get("uuid")),
        version={"": 1, "1": 1, "2": 2}.get(version) if kind == "kv" else None,
        tune=tune_fields(mapping_of(entry.get("config"))),
    )


def late_engine(path: str, entry: Mapping[str, Any]) -> Mount:
    """Return an engine that appeared or changed while the server was read: what is in it was not seen."""
    frame = _mount_entry(path, entry)
    return Mount(
        path=path, type=frame.type, accessor=frame.accessor, version=frame.version, tune=frame.tune, objects=None
    )


def late_method(path: str, entry: Mapping[str, Any]) -> AuthMount:
    """Return an auth method that appeared or changed while the server was read."""
    frame = _mount_entry(path, entry)
    return AuthMount(path=path, type=frame.type, accessor=frame.accessor, tune=frame.tune, config=None, roles=None)
