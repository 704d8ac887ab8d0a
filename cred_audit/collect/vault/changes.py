"""What changed on the server while it was read: it is not known which state the other facts belong to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cred_audit.collect.vault.client import Answer, Call
from cred_audit.collect.vault.gaps import Gaps
from cred_audit.collect.vault.listings import policy_texts

_REASON = "it changed while the server was being read; collect again when nobody edits"
_POLICY = "sys/policies/acl/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What must count as not seen."""

    policies: frozenset[str] = frozenset()
    mounts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Engines that appeared or changed: path -> entry of the later list."""
    methods: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def changes(namespace: str, before: Mapping[Call, Answer], after: Mapping[Call, Answer], gaps: Gaps) -> Changes:
    """Compare two readings of a namespace's policies and mounts, and note a gap for everything that differs."""
    first: dict[str, object] = {}
    second: dict[str, object] = {}
    found: dict[str, Mapping[str, Mapping[str, Any]]] = {}
    for call, answer in before.items():
        if call.namespace != namespace:
            continue
        later = after[call]
        if call.verb == "GET" and not call.path.startswith(_POLICY):
            found[call.path] = _mounts(call, answer, later, gaps)
        elif answer.data is not None and later.data is None and not later.absent:
            gaps.add(f"{call!r} (second time)", later.reason)
        elif call.verb == "GET":
            _add(first, call, answer)
            _add(second, call, later)
        else:
            first.update(_policies(call, answer))
            second.update(_policies(call, later))
    policies = frozenset(name for name in {*first, *second} if first.get(name) != second.get(name))
    for name in sorted(policies):
        gaps.add(f"GET {namespace}{_POLICY}{name}", _REASON)
    return Changes(policies=policies, mounts=found.get("sys/mounts", {}), methods=found.get("sys/auth", {}))


def _policies(call: Call, answer: Answer) -> dict[str, object]:
    if call.path == _POLICY:
        # The texts come one by one; here it matters only which there are.
        return {name: "" for name in answer.names or () if name != "root"}
    return {name: _essence(entry) for name, entry in policy_texts(answer)}


def _add(found: dict[str, object], call: Call, answer: Answer) -> None:
    name = call.path.removeprefix(_POLICY)
    if answer.data is not None:
        found[name] = _essence(answer.data)
    elif answer.absent:
        found.pop(name, None)


def _essence(entry: Mapping[str, Any] | None) -> object:
    names = (
        "policy",
        "rules",
        "expiration",
        "allow_wildcards_in_identity_templates",
        "allow_slashes_in_identity_templates",
    )
    return None if entry is None else tuple(repr(entry.get(name)) for name in names)


def _mounts(call: Call, before: Answer, after: Answer, gaps: Gaps) -> Mapping[str, Mapping[str, Any]]:
    if before.data is None:
        return {}
    if after.data is None:
        gaps.add(f"{call!r} (second time)", after.reason)
        return {}
    first, second = before.data, after.data
    different: dict[str, Mapping[str, Any]] = {}
    for path in sorted(_paths(first) | _paths(second)):
        if _mount(first.get(path)) != _mount(second.get(path)):
            gaps.add(f"{call!r} ({path})", _REASON)
            if isinstance(second.get(path), dict):
                different[path] = second[path]
    return different


def _paths(data: Mapping[str, Any]) -> set[str]:
    return {path for path in data if path.endswith("/")}


def _mount(entry: object) -> Iterable[object]:
    if not isinstance(entry, dict):
        return ()
    return [entry.get(name) for name in ("type", "accessor", "uuid", "options", "config")]
