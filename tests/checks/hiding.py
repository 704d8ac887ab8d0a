"""Hide facts of a snapshot at random: each field that may be None is replaced by it, with the gap that says so."""

import dataclasses
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from cred_audit.decide.aws.world import asked
from cred_audit.facts import Gap, Snapshot

Place = tuple[str | int, ...]

_VALUES = {
    ("PolicyDocument", "expiration"), ("Group", "alias"), ("Secret", "policy"), ("Secret", "key"),
    ("Secret", "rotated_by"), ("Secret", "rotates_every"), ("Secret", "last_rotated"), ("Replica", "key"),
    ("Parameter", "key"), ("Trail", "key"), ("KmsGrant", "context_subset"), ("KmsGrant", "context_equals"),
}  # fmt: skip
"""None is a value of its own there, not a fact that was not seen."""
_FLAGS = {"namespaces_complete", "key_seen", "policy_seen"}
"""What says by False that something was not seen."""
_BESIDE = {"key_seen": ("key",), "policy_seen": ("policy",), "rotation": ("rotated_by", "rotates_every")}
"""What is not seen without the fact that it comes with."""
_PARTS = {"roles": "iam", "users": "iam", "groups": "iam", "policies": "iam"}


def places(value: object, at: Place = ()) -> Iterator[Place]:
    """Yield where a fact can be hidden: every field that may be None, and what says whether all was seen."""
    if isinstance(value, tuple):
        for number, part in enumerate(value):
            yield from places(part, (*at, number))
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return
    hints = typing.get_type_hints(type(value))
    for entry in dataclasses.fields(value):
        inner, here = getattr(value, entry.name), (*at, entry.name)
        optional = isinstance(hints[entry.name], types.UnionType) and type(None) in typing.get_args(hints[entry.name])
        if (optional and inner is not None and (type(value).__name__, entry.name) not in _VALUES) or (
            entry.name in _FLAGS and inner
        ):
            yield here
        if isinstance(inner, Mapping) and entry.name in {"scps", "rcps"}:
            for account, levels in inner.items():
                if levels is not None:
                    yield (*here, account)
                yield from places(levels, (*here, account))
        else:
            yield from places(inner, here)


def hide(value: Any, place: Place) -> Any:
    """Return the facts without what stands at a place."""
    first, rest = place[0], place[1:]
    if isinstance(first, int):
        return (*value[:first], hide(value[first], rest), *value[first + 1 :])
    if isinstance(value, Mapping):
        return {**value, first: hide(value[first], rest) if rest else None}
    if rest:
        return replace(value, **{first: hide(getattr(value, first), rest)})
    beside = dict.fromkeys(_BESIDE.get(first, ()) if hasattr(value, "key_seen") else ())
    return replace(value, **{first: False if first in _FLAGS else None}, **beside)


def apart(hidden: Iterable[Place]) -> list[Place]:
    """Leave out what is hidden within another that is hidden: it is gone with it."""
    hidden = list(hidden)
    return [place for place in hidden if not any(place[: len(one)] == one for one in hidden if one != place)]


def blind(snapshot: Snapshot, vault: Iterable[Place] = (), aws: Iterable[Place] = ()) -> Snapshot:
    """Return the snapshot with these places of its Vault and of its accounts hidden, each with a gap."""
    server, accounts, gaps = snapshot.vault, snapshot.aws, list(snapshot.gaps)
    for place in sorted(vault, key=len, reverse=True):
        server = hide(server, place)
        gaps.append(Gap(source="vault", what="/".join(map(str, place)), reason="permission denied"))
    for place in sorted(aws, key=len, reverse=True):
        gaps.append(Gap(source="aws", what=_call(snapshot, place), reason="access denied"))
        accounts = hide(accounts, place)
    return replace(snapshot, vault=server, aws=accounts, gaps=tuple(gaps))


def _call(snapshot: Snapshot, place: Place) -> str:
    """Return what the gap of a hidden fact of AWS names."""
    if place[1] == "organization":
        return asked("organization")
    assert snapshot.aws is not None
    account = snapshot.aws.world.accounts[typing.cast("int", place[2])]
    if place[3] != "regions":
        return asked(_PARTS[str(place[3])], account.id)
    region = account.regions[typing.cast("int", place[4])]
    return asked(str(place[5]), account.id, region.name)
