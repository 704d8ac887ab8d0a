"""Reads the case files: short YAML into the lines that `ask vault --requests` takes, each with its expected answer.

A file starts with its world (namespaces and mounts). `asks` are lines like `GET k/a {"namespace": "t1"} => allow`;
`stored` and `refused` are policy texts; `capabilities` is what `sys/capabilities` answers.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "cases" / "vault"
SERVER = {"product": "openbao", "version": "2.7.2"}
_ASK = re.compile(r"(?P<method>\S+) (?P<path>\S*?)(?: (?P<more>\{.*\}))? => (?P<expect>\w+)\Z", re.DOTALL)
_ANY = [{"method": "GET", "path": "x"}]


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultCase:
    """One line and its answer."""

    file: str
    name: str
    line: dict[str, Any]
    expected: Any
    """A list of decisions, or an object of capabilities; `stored` for a text that only has to be stored."""
    labels: tuple[str, ...] = field(default=())

    @property
    def id(self) -> str:
        return f"{self.file}: {self.name}"


def files() -> list[Path]:
    return sorted(FOLDER.glob("*.yaml")) + sorted(FOLDER.glob("*.ndjson"))


def cases(path: Path) -> Iterator[VaultCase]:
    """Yield the cases of a file; NDJSON is what the comparison with live servers writes."""
    if path.suffix == ".ndjson":
        for number, text in enumerate(path.read_text("utf-8").splitlines()):
            line = json.loads(text)
            yield VaultCase(file=path.stem, name=f"{number + 1}", line=line, expected=line.pop("theirs"))
        return
    world: dict[str, Any] = {}
    for entry in yaml.safe_load(path.read_text("utf-8")):
        if "world" in entry:
            world = entry["world"]
        else:
            yield from _entry(path.stem, entry, {"server": SERVER, **world})


def _entry(file: str, entry: Mapping[str, Any], base: dict[str, Any]) -> Iterator[VaultCase]:
    name = entry["name"]
    for kind in ("stored", "refused"):
        for number, text in enumerate(entry.get(kind, ())):
            yield _text(file, f"{name}, {kind} {number + 1}", base, {"name": "p", "text": text}, kind)
        for number, options in enumerate(entry.get(f"{kind}_with", ())):
            policy = {"name": "p", "text": 'path "a" { policy = "read" }', "options": options}
            yield _text(file, f"{name}, {kind} {number + 1}", base, policy, kind)
        for number, called in enumerate(entry.get(f"{kind}_as", ())):
            policy = {"name": called, "text": 'path "a" { policy = "read" }'}
            yield _text(file, f"{name}, {kind} {number + 1}", base, policy, kind)
    if "asks" not in entry and "capabilities" not in entry:
        return
    policies = _policies(entry["policies"])
    subject = {"policies": [policy["name"] for policy in policies]} | entry.get("subject", {})
    line = {**base, "policies": policies, "subject": subject}
    if "capabilities" in entry:
        held = entry["capabilities"]
        line |= {"capabilities": list(held)} | ({"namespace": entry["namespace"]} if "namespace" in entry else {})
        yield VaultCase(file=file, name=name, line=line, expected=held)
        return
    asked = [_ASK.match(ask) for ask in entry["asks"]]
    if not all(asked):
        raise ValueError(f"{file}: {name}: {entry['asks'][asked.index(None)]}")
    found = [match for match in asked if match is not None]
    requests = [
        {"method": match["method"], "path": match["path"], **json.loads(match["more"] or "{}")} for match in found
    ]
    yield VaultCase(
        file=file,
        name=name,
        line={**line, "requests": requests},
        expected=[match["expect"] for match in found],
        labels=tuple(entry["asks"]),
    )


def _text(file: str, name: str, base: dict[str, Any], policy: dict[str, Any], kind: str) -> VaultCase:
    line = {**base, "policies": [policy], "subject": {"policies": ["p"]}, "requests": _ANY}
    expected: Any = ["invalid_policy"] if kind == "refused" else "stored"
    return VaultCase(file=file, name=name, line=line, expected=expected, labels=(str(policy),))


def _policies(given: Any) -> list[dict[str, Any]]:
    if isinstance(given, list):
        return given
    return [{"name": name, **(value if isinstance(value, dict) else {"text": value})} for name, value in given.items()]
