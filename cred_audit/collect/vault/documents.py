"""Read the server's answers as the model has them. Whatever has another type than the API documents is left out."""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cred_audit.decide.vault.model import Alias, Entity, Group, PolicyDocument


def text_of(value: Any) -> str:
    """Return a text, or an empty one for anything else."""
    return value if isinstance(value, str) else ""


def mapping_of(value: Any) -> Mapping[str, Any]:
    """Return a mapping, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def texts_of(value: Any) -> tuple[str, ...]:
    """Return the texts of a list."""
    return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, list) else ()


def time_of(value: Any) -> datetime | None:
    """Return a time with its zone, or None where there is none: the zero of Go's times counts as none."""
    if not isinstance(value, str) or not value or value.startswith("0001-01-01"):
        return None
    with contextlib.suppress(ValueError):
        # Python reads six digits of a second's fraction, the server writes nine.
        head, point, rest = value.partition(".")
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        moment = datetime.fromisoformat(f"{head}{point}{digits[:6]}{rest[len(digits) :]}")
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return None


def policy_of(namespace: str, name: str, data: Mapping[str, Any] | None) -> PolicyDocument:
    """Return a policy; its text is None when it was not seen."""
    source = f"{namespace}sys/policies/acl/{name}"
    text = None if data is None else data.get("policy", data.get("rules"))
    if data is None or not isinstance(text, str):
        return PolicyDocument(namespace=namespace, name=name, text=None, source=source)
    return PolicyDocument(
        namespace=namespace,
        name=name,
        text=text,
        expiration=time_of(data.get("expiration")),
        allow_wildcards=data.get("allow_wildcards_in_identity_templates") is True,
        allow_slashes=data.get("allow_slashes_in_identity_templates") is True,
        source=source,
    )


def entity_of(namespace: str, identity: str, data: Mapping[str, Any]) -> Entity:
    """Return an entity with its aliases."""
    aliases = data.get("aliases")
    return Entity(
        namespace=namespace,
        id=text_of(data.get("id")) or identity,
        name=text_of(data.get("name")),
        policies=texts_of(data.get("policies")),
        metadata=_texts(data.get("metadata")),
        disabled=data.get("disabled") is True,
        aliases=tuple(_alias(one) for one in aliases if isinstance(one, dict)) if isinstance(aliases, list) else (),
    )


def group_of(namespace: str, identity: str, data: Mapping[str, Any]) -> Group:
    """Return a group with its members."""
    alias = mapping_of(data.get("alias"))
    return Group(
        namespace=namespace,
        id=text_of(data.get("id")) or identity,
        name=text_of(data.get("name")),
        type=text_of(data.get("type")) or "internal",
        policies=texts_of(data.get("policies")),
        metadata=_texts(data.get("metadata")),
        member_entity_ids=texts_of(data.get("member_entity_ids")),
        member_group_ids=texts_of(data.get("member_group_ids")),
        alias=_alias(alias) if alias.get("name") else None,
    )


def _alias(data: Mapping[str, Any]) -> Alias:
    return Alias(
        id=text_of(data.get("id")),
        name=text_of(data.get("name")),
        mount_accessor=text_of(data.get("mount_accessor")),
        metadata=_texts(data.get("metadata")),
        custom_metadata=_texts(data.get("custom_metadata")),
    )


def _texts(value: Any) -> dict[str, str]:
    return {key: text for key, text in mapping_of(value).items() if isinstance(text, str)}
