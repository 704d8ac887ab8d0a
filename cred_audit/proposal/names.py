"""Names and paths taken apart, for guessing what belongs together."""

import re
from collections.abc import Iterable, Iterator

from cred_audit.decide.vault.model import Mount

LONGEST_NAME = 200
NOT_TENANTS = frozenset({
    "admin", "common", "config", "default", "global", "infra", "internal", "ops", "platform", "public", "shared",
    "system",
})  # fmt: skip
"""Names that rarely are a tenant's; they are named in the file and not proposed."""
SEPARATOR = re.compile(r"[-_./]")
_DEEPEST = 20
"""Segments of a path in which a namespace or mount is looked for."""
_KV2_FOLDERS = frozenset({"data", "metadata", "detailed-metadata", "subkeys", "delete", "undelete", "destroy"})
_NAMES_FOLDER = frozenset({"metadata", "detailed-metadata"})


def heads(name: str) -> Iterator[str]:
    """Yield a name and what stands before each of its separators, the longest first."""
    yield name
    for match in reversed(list(SEPARATOR.finditer(name[:LONGEST_NAME]))):
        yield name[: match.start()]


def distinct(names: Iterable[str]) -> dict[str, str]:
    """Return an id for each name: without what an id cannot hold, and different from the others."""
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        text = "".join(char if char.isprintable() else "_" for char in name.partition("\0")[0]).strip()[:LONGEST_NAME]
        text = text.strip("() ") or "unnamed"
        identity, number = text, 1
        while identity in taken:
            number += 1
            identity = f"{text}-{number}"
        taken.add(identity)
        ids[name] = identity
    return ids


def first_segment(mount: Mount, rest: str) -> tuple[str, bool]:
    """Return the first segment of a key as a policy's path has it, and whether it is a whole folder's name."""
    segments = rest.split("/")
    names = False
    if mount.version != 1 and segments[0] in _KV2_FOLDERS:
        names = segments[0] in _NAMES_FOLDER
        segments = segments[1:]
    elif mount.version == 2:
        return "", False
    return (segments[0], len(segments) > 1 or names) if segments else ("", False)


def differences(names: list[str]) -> list[str]:
    """Return the names without what all of them begin and end with, up to a separator."""
    parts = [name.strip("/") for name in names]
    first, last = min(parts), max(parts)
    length = next((at for at, char in enumerate(first) if last[at : at + 1] != char), len(first))
    start = max((match.end() for match in SEPARATOR.finditer(first, 0, length)), default=0)
    turned = [part[start:][::-1] for part in parts]
    first, last = min(turned), max(turned)
    length = next((at for at, char in enumerate(first) if last[at : at + 1] != char), len(first))
    end = max((match.end() for match in SEPARATOR.finditer(first, 0, length)), default=0)
    return [part[start : len(part) - end].replace("/", "-") for part in parts]


def parent(path: str) -> str:
    """Return the namespace above a namespace."""
    above = path.rstrip("/").rpartition("/")[0]
    return f"{above}/" if above else ""


def ancestors(path: str) -> Iterator[str]:
    """Yield the namespaces that a path may lie in, the longest first."""
    parts = path.split("/", _DEEPEST)
    for count in range(len(parts) - 1, 0, -1):
        yield "/".join(parts[:count]) + "/"
    yield ""
