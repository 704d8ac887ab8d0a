"""The request context: condition keys with their values, those that AWS derives included.

IAM User Guide: "AWS global condition context keys". Key names and tag keys in them are compared without case,
values with case. A key that is not there is absent, or unknown where the request says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from cred_audit.decide.aws.model import Principal, Request


class Free(Enum):
    """The value of a key that nobody knows."""

    FREE = "free"


FREE = Free.FREE


@dataclass(frozen=True, slots=True)
class Either:
    """Two values of one key: tag keys of a resource that differ by case only. AWS matches one of them."""

    values: tuple[str, ...]


class Keys(dict[str, Any]):
    """Lower-case key -> text, tuple of texts, `FREE` or `Either`; None for a key that is not there."""

    __slots__ = ()

    def __missing__(self, key: str) -> Any:
        return None


_KNOWN_WHEN_OPEN = ("aws:principaltag/", "aws:resourcetag/", "aws:requesttag/", "aws:tagkeys")
"""What is absent, not unknown, in an open request: the tags are given beside it."""


class OpenKeys(Keys):
    """Keys of a request whose other keys nobody knows."""

    __slots__ = ()

    def __missing__(self, key: str) -> Any:
        known = key.startswith(_KNOWN_WHEN_OPEN) or ":resourcetag/" in key
        return None if known else FREE


class _UnknownTags(Keys):
    """Keys where tags under some prefixes are not known."""

    __slots__ = ("others", "prefixes")

    def __init__(self, known: Mapping[str, Any], prefixes: tuple[str, ...], others: Keys) -> None:
        super().__init__(known)
        self.prefixes = prefixes
        self.others = others

    def __missing__(self, key: str) -> Any:
        return FREE if key.startswith(self.prefixes) else self.others.__missing__(key)


@lru_cache(maxsize=1024)
def tag_spellings(service: str) -> tuple[str, ...]:
    """Return the prefixes, in lower case, under which a service's actions carry the tags of the resource."""
    if service == "sts":
        return ("aws:resourcetag/", "iam:resourcetag/")
    return ("aws:resourcetag/", f"{service}:resourcetag/")


def _add(keys: dict[str, Any], name: str, value: str) -> None:
    known = keys.get(name)
    if known is None:
        keys[name] = value
    elif isinstance(known, Either):
        keys[name] = Either((*known.values, value))
    elif known != value:
        keys[name] = Either((known, value))


def principal_keys(principal: Principal, role: str, account: str) -> dict[str, Any]:
    """Return the keys that depend on the principal alone. `role`: the role's ARN for a role session."""
    keys: dict[str, Any] = {}
    arn = principal.arn
    if arn.startswith("arn:"):
        name = arn.split(":", 5)[-1]
        keys["aws:principalarn"] = role or arn
        keys["aws:principalaccount"] = account
        keys["aws:principalisawsservice"] = "false"
        if role:
            keys["aws:principaltype"] = "AssumedRole"
            if principal.unique_id and name.startswith("assumed-role/"):
                keys["aws:userid"] = f"{principal.unique_id}:{name.rpartition('/')[2]}"
        elif name.startswith("user/"):
            keys["aws:principaltype"] = "User"
            keys["aws:username"] = name.rpartition("/")[2]
            if principal.unique_id:
                keys["aws:userid"] = principal.unique_id
        elif name == "root":
            keys["aws:principaltype"] = "Account"
        elif name.startswith("federated-user/"):
            keys["aws:principaltype"] = "FederatedUser"
    for tag, value in (principal.tags or {}).items():
        _add(keys, f"aws:principaltag/{tag.lower()}", value)
    for tag, value in principal.session_tags.items():
        keys[f"aws:principaltag/{tag.lower()}"] = value
    return keys


def request_keys(  # noqa: PLR0913  (the parts of a context)
    base: Mapping[str, Any], request: Request, service: str, account: str, *, tags_known: bool, resource_account: str
) -> Keys:
    """Return all keys of one request. `base`: the principal's; `account`: the principal's, empty if it has none."""
    keys = OpenKeys(base) if request.open else Keys(base)
    keys["aws:resourceaccount"] = resource_account or FREE
    if service == "kms" and account:
        keys["kms:calleraccount"] = account
    if request.resource_tags:
        _add_tags(keys, tag_spellings(service), request.resource_tags)
    if request.request_tags:
        _add_tags(keys, ("aws:requesttag/",), request.request_tags)
        keys["aws:tagkeys"] = tuple(request.request_tags)
    for name, context in request.context.items():
        # An empty list is no value at all.
        keys[name.lower()] = context if isinstance(context, str) else tuple(context) or None
    for name in request.free:
        keys[name.lower()] = FREE
    if request.resource_tags is None or not tags_known:
        prefixes: tuple[str, ...] = () if tags_known else ("aws:principaltag/",)
        if request.resource_tags is None:
            prefixes += tag_spellings(service)
        return _UnknownTags(keys, prefixes, keys)
    return keys


@lru_cache(maxsize=16384)
def _names(prefixes: tuple[str, ...], tag: str) -> tuple[str, ...]:
    lowered = tag.lower()
    return tuple(prefix + lowered for prefix in prefixes)


def _add_tags(keys: Keys, prefixes: tuple[str, ...], tags: Mapping[str, str]) -> None:
    for tag, value in tags.items():
        for name in _names(prefixes, tag):
            if name in keys:
                _add(keys, name, value)
            else:
                keys[name] = value
