"""The `{{directives}}` in the path of a stanza, as the servers resolve them at request time.

Sources: OpenBao 2.7.2 as measured. A directive without a value drops its stanza, also when it denies; an
empty metadata value is a value; a wildcard or slash in a value is the profile's business.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from cred_audit.decide.vault.duration import seconds_of
from cred_audit.decide.vault.model import Group, Subject
from cred_audit.decide.vault.profile import Profile, Special

_DIRECTIVE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


class Outcome(Enum):
    """What became of a stanza's path."""

    RESOLVED = "resolved"
    DROPPED = "dropped"
    FAILED = "failed"
    FREE = "free"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """A path with its directives replaced, or why there is none."""

    outcome: Outcome
    path: str = ""
    why: str = ""
    free: frozenset[str] = frozenset()


def directives(path: str) -> tuple[str, ...]:
    """Return the directives of a path in order, trimmed."""
    return tuple(match.strip() for match in _DIRECTIVE.findall(path))


def substitute(  # noqa: PLR0913  (all that a value can depend on)
    path: str,
    subject: Subject,
    profile: Profile,
    *,
    namespace: str,
    now: datetime,
    assume: Mapping[str, str],
    allow_wildcards: bool,
    allow_slashes: bool,
) -> Resolution:
    """Replace each directive of a stanza's path. `namespace` is the policy's: group names are looked up there."""
    if "{{" not in path:
        return Resolution(outcome=Outcome.RESOLVED, path=path)
    out: list[str] = []
    free: set[str] = set()
    position = 0
    for match in _DIRECTIVE.finditer(path):
        name = match.group(1).strip()
        out.append(path[position : match.start()])
        position = match.end()
        if name in assume:
            value: str | None = assume[name]
        elif name in subject.free:
            free.add(name)
            continue
        else:
            value = _value(name, subject, namespace, now)
        if value is None:
            return Resolution(outcome=Outcome.DROPPED, why=f"{{{{{name}}}}} has no value, so the clause is ignored")
        for characters, allowed, special in (
            ("*+", allow_wildcards, profile.wildcards),
            ("/", allow_slashes, profile.slashes),
        ):
            if not allowed and special is not Special.INSERT and any(character in value for character in characters):
                outcome = Outcome.FAILED if special is Special.FAIL else Outcome.DROPPED
                return Resolution(outcome=outcome, why=f"the value of {{{{{name}}}}} holds one of {characters!r}")
        out.append(value)
    out.append(path[position:])
    if free:
        return Resolution(outcome=Outcome.FREE, path=path, free=frozenset(free))
    return Resolution(outcome=Outcome.RESOLVED, path="".join(out))


def _value(name: str, subject: Subject, namespace: str, now: datetime) -> str | None:
    if name.startswith("time."):
        return _time(name, now)
    if name.startswith("identity.entity.") and subject.entity is not None:
        entity = subject.entity
        if name == "identity.entity.id":
            return entity.id or None
        if name == "identity.entity.name":
            return entity.name or None
        if name.startswith("identity.entity.metadata."):
            return entity.metadata.get(name.removeprefix("identity.entity.metadata."))
        if name.startswith("identity.entity.aliases."):
            return _alias_value(name.removeprefix("identity.entity.aliases."), subject)
    if name.startswith("identity.groups."):
        return _group_value(name.removeprefix("identity.groups."), subject, namespace)
    return None


def _alias_value(rest: str, subject: Subject) -> str | None:
    accessor, _, key = rest.partition(".")
    aliases = subject.entity.aliases if subject.entity is not None else ()
    alias = next((one for one in aliases if one.mount_accessor == accessor), None)
    if alias is None:
        return None
    if key == "id":
        return alias.id or None
    if key == "name":
        return alias.name or None
    if key.startswith("metadata."):
        return alias.metadata.get(key.removeprefix("metadata."))
    if key.startswith("custom_metadata."):
        return alias.custom_metadata.get(key.removeprefix("custom_metadata."))
    return None


def _group_value(rest: str, subject: Subject, namespace: str) -> str | None:
    """Return a group's value. The name ends at the first dot, so one that holds a dot is never found."""
    kind, _, rest = rest.partition(".")
    tag, dot, key = rest.partition(".")
    for group in subject.groups if dot and kind in ("ids", "names") else ():
        if (group.id if kind == "ids" else group.name) == tag and (kind == "ids" or group.namespace == namespace):
            return _of_group(group, key)
    return None


def _of_group(group: Group, key: str) -> str | None:
    if key == "id":
        return group.id
    if key == "name":
        return group.name or None
    return group.metadata.get(key.removeprefix("metadata.")) if key.startswith("metadata.") else None


def _time(name: str, now: datetime) -> str | None:
    parts = name.split(".", 3)
    if parts[1] != "now" or len(parts) == 3:
        return None
    moment = now.timestamp()
    if len(parts) > 3:
        shift = seconds_of(parts[3])
        if shift is None or parts[2] not in ("plus", "minus"):
            return None
        moment = moment + shift if parts[2] == "plus" else moment - shift
    return str(math.floor(moment))
