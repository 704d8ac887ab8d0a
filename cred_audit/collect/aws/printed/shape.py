"""What answers of AWS are made of, looked at before it is believed: ARNs, tags, policy documents, times."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

from cred_audit.collect.aws.files import Notes, bounded

Fact = TypeVar("Fact")
_MOST = 2_048
"""Characters of an ARN."""
_ARN = re.compile(r"arn:(aws[a-z-]*):([a-z0-9-]+):([a-z0-9-]*):([0-9]{12}|aws|):([!-~]+)")
_NUMBER = re.compile(r"\[[0-9]+\]")
_RATE = re.compile(r"rate\(\s*([0-9]{1,4})\s+days?\s*\)")
_TRUNCATED = ("IsTruncated", "Truncated")
_NEXT = ("NextToken", "Marker", "NextMarker", "nextToken")


class ShapeError(Exception):
    """A value that is not what AWS prints there. The message says which, where, and what it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arn:
    """The parts of an ARN."""

    text: str
    partition: str
    service: str
    region: str
    account: str
    name: str


@dataclass(slots=True)
class Listing(Generic[Fact]):
    """The things of one kind in one account, by ARN."""

    found: dict[str, Fact] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    """Why they are not all there; empty for a full reading."""

    def add(self, arn: str, fact: Fact) -> None:
        """Add one. What is there twice must be the same both times."""
        if arn in self.found and self.found[arn] != fact:
            self.missing.append(f"{bounded(arn)} stands there twice with different content; keep the newer one")
        self.found.setdefault(arn, fact)

    def whole(self) -> "tuple[Fact, ...] | None":
        """Return all of them, in the order of their ARNs; None where some are missing."""
        return None if self.missing else tuple(self.found[arn] for arn in sorted(self.found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which file is being read, and for which account."""

    file: str
    account: str
    regions: tuple[str, ...]
    """As the target names them; may be none."""
    notes: Notes

    def unseen(self, path: str, reason: str) -> None:
        """Note a value that could not be taken."""
        kind = f"{self.file}: {_NUMBER.sub('[...]', path)}"
        self.notes.detail(kind, f"{self.file}: {path}", reason)

    def arn(self, value: Any, path: str, *, service: str, kind: str, accounts: tuple[str, ...] = ()) -> Arn:
        """Return an ARN of this account. Raises ShapeError. `accounts`: others that may stand there."""
        match = _ARN.fullmatch(value) if isinstance(value, str) and len(value) <= _MOST else None
        if match is None or match[2] != service or not match[5].startswith(kind):
            raise ShapeError(f"{path} is {shown(value)}; it must be an ARN such as arn:aws:{service}:...:{kind}...")
        if match[4] != self.account and match[4] not in accounts:
            raise ShapeError(
                f"{path} belongs to the account {match[4] or 'of nobody'}, but the file is given for {self.account}; "
                "give each account its own files"
            )
        return Arn(text=value, partition=match[1], service=match[2], region=match[3], account=match[4], name=match[5])


def entries(document: Any, key: str, place: Place, missing: list[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the objects of a list of an answer, each with its path; note in `missing` why it is not whole."""
    if not isinstance(document, Mapping):
        missing.append(f"{place.file}: it must be an object with {key}, not {kind_of(document)}")
        return
    more = [name for name in _TRUNCATED if document.get(name) not in (None, False)]
    more += [name for name in _NEXT if document.get(name) not in (None, "")]
    if more:
        missing.append(f"{place.file}: {more[0]} says that pages are missing; print all of them (without --max-items)")
    listed = document.get(key)
    if not isinstance(listed, list):
        has = "has no" if key not in document else f"has {kind_of(listed)} as"
        missing.append(f"{place.file}: it {has} {key}, which must be a list")
        return
    for number, entry in enumerate(listed):
        path = f"{key}[{number}]"
        if isinstance(entry, Mapping):
            yield path, entry
        else:
            missing.append(f"{place.file}: {path} must be an object, not {kind_of(entry)}")


def members(value: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the objects of a list within an answer; an absent one is empty. Raises ShapeError."""
    if value is None:
        return
    if not isinstance(value, list):
        raise ShapeError(f"{path} must be a list, not {kind_of(value)}")
    for number, entry in enumerate(value):
        if not isinstance(entry, Mapping):
            raise ShapeError(f"{path}[{number}] must be an object, not {kind_of(entry)}")
        yield f"{path}[{number}]", entry


def text_of(value: Any, path: str, *, empty: bool = False) -> str:
    """Return a text. Raises ShapeError."""
    if not isinstance(value, str) or not (value or empty):
        raise ShapeError(f"{path} is {shown(value)}; it must be a text")
    return value


def texts_of(value: Any, path: str) -> tuple[str, ...]:
    """Return a list of texts; an absent one is empty. Raises ShapeError."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ShapeError(f"{path} must be a list, not {kind_of(value)}")
    return tuple(text_of(entry, f"{path}[{number}]") for number, entry in enumerate(value))


def document_of(value: Any) -> str | None:
    """Return a policy document as JSON text, given as text (percent-encoded or not) or as an object; None for none.

    What AWS would refuse stays as it is: whoever decides on it says so.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        try:
            return json.dumps(value, ensure_ascii=False)
        except (ValueError, RecursionError):
            return "null"
    return unquote(value) if value[:12].lstrip().lower().startswith("%7b") else value


def tags_of(value: Any, path: str) -> dict[str, str]:
    """Return tags, given as a list of pairs in either of AWS's spellings or as an object. Raises ShapeError."""
    if isinstance(value, Mapping):
        return {key: text_of(entry, f"{path}.{bounded(str(key), 60)}", empty=True) for key, entry in value.items()}
    found = {}
    for where, entry in members(value, path):
        key, given = ("TagKey", "TagValue") if "TagKey" in entry else ("Key", "Value")
        found[text_of(entry.get(key), f"{where}.{key}")] = text_of(entry.get(given, ""), f"{where}.{given}", empty=True)
    return found


def moment_of(value: Any) -> datetime | None:
    """Return a time, given as text or as seconds; None for none and for what is no time."""
    try:
        if isinstance(value, str):
            time = datetime.fromisoformat(value)
            time = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
            time.astimezone(UTC)  # fails for one that UTC has no year for
            return time
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def days_of(rules: Any) -> int | None:
    """Return how often a secret is rotated, in days, where its rules say days."""
    if not isinstance(rules, Mapping):
        return None
    days = rules.get("AutomaticallyAfterDays")
    if isinstance(days, int) and not isinstance(days, bool):
        return days
    schedule = rules.get("ScheduleExpression")
    match = _RATE.fullmatch(schedule) if isinstance(schedule, str) else None
    return int(match[1]) if match else None


def kind_of(value: Any) -> str:
    """Return what a value is, in words."""
    if value is None:
        return "null"
    names = ((bool, "true or false"), (str, "a text"), (list, "a list"), (Mapping, "an object"))
    return next((word for kind, word in names if isinstance(value, kind)), "a number")


def shown(value: Any) -> str:
    """Return a value in a message: short texts in quotes, of all else the kind only."""
    return repr(bounded(value, 80)) if isinstance(value, str) else "missing" if value is None else kind_of(value)
