"""Random rules, identities and requests, from an alphabet in which everything collides."""

import json
import random
from typing import Any

from tests.fuzz.replay import Case

NAMESPACES = ["t1/", "t1/sub/", "t1x/"]
MOUNTS: list[dict[str, Any]] = [
    {"namespace": "", "path": "secret/", "type": "kv", "version": 2},
    {"namespace": "", "path": "k/", "type": "kv", "version": 1},
    {"namespace": "t1/", "path": "k/", "type": "kv", "version": 1},
    {"namespace": "t1/sub/", "path": "secret/", "type": "kv", "version": 2},
    {"namespace": "", "path": "auth/approle/", "type": "approle"},
    {"namespace": "", "path": "auth/userpass/", "type": "userpass"},
    {"namespace": "t1/", "path": "auth/approle/", "type": "approle"},
]
SERVER = {"product": "openbao", "version": "2.7.2"}
CAPABILITIES = ("create", "read", "update", "delete", "list", "scan", "patch", "sudo")
_PARTS = (
    "a", "b", "ab", "+", "+", "a*", "+a", "a+", "", "é", "k", "secret", "data", "metadata", "t1", "t1x", "sub", "x",
)  # fmt: skip
_STARTS = (
    "", "", "k/", "k/", "secret/", "secret/data/", "secret/metadata/", "t1/", "t1/k/", "t1/sub/secret/data/", "+/",
    "t1",
    "+/k/", "sys/", "sys/policies/acl/", "sys/auth/", "auth/approle/role/", "auth/token/", "sys/leases/lookup/",
    "+/+/",
    "auth/", "identity/", "cubbyhole/", "/", "//", "t1/sys/", "sys/raw/",
)  # fmt: skip
_DIRECTIVES = (
    "identity.entity.name", "identity.entity.id", "identity.entity.metadata.m", "identity.entity.metadata.n",
    "identity.entity.metadata.none", "identity.entity.metadata.o-p", "identity.groups.names.g.name",
    "identity.groups.names.g.id", "identity.groups.names.g.metadata.m", "identity.groups.names.h.metadata.m",
    "identity.groups.ids.GROUP-ID-g.metadata.m", "identity.groups.ids.GROUP-ID-g.name", "identity.nonsense",
    "identity.entity.aliases.ACCESSOR-auth/userpass.name",
    "identity.entity.aliases.ACCESSOR-auth/userpass.custom_metadata.m",
    "identity.entity.aliases.ACCESSOR-auth/approle.name", "identity.entity.aliases.nowhere.name",
    "identity.entity.metadata",
    "time.now.plus.x", "time.now.plus", " identity.entity.metadata.m ", "identity.entity.groups.names",
)  # fmt: skip
VALUES = ("a", "b", "ab", "", "*", "+", "/", "a/b", "a*", "A", "x+", "é", "{{x}}", "..", "a b")
PARAMETERS = ("A", "b", "*", "limit", "ttl")
"""In upper and lower case: never both at once in a stanza, of which the server takes either, by chance."""
FIELD_VALUES: tuple[Any, ...] = (
    "x", "y", "xy", "*", "", "1", "x*", 1, 0, 1.5, True, False, None, ["x"], ["x", "y"], [], {}, {"x": "y"},
    {"x": ["y"]},
    [1], {"x": {"y": "z"}},
)  # fmt: skip
_LITERALS = (
    '"x"', '"y"', '"x*"', '"*y"', '"*"', '"*x*"', '"**"', '""', "1", "1.5", "true", "false", '["x"]', '["x", "y"]',
    "[]",
    '{ x = "y" }', '{ x = ["y"] }', '{ x = { y = "z" } }', '"xy"', '"1"',
)  # fmt: skip


def path(source: random.Random, *, templated: bool = False) -> str:
    """A path of a stanza."""
    parts = [source.choice(_PARTS) for _ in range(source.randint(0, 3))]
    if templated and source.random() < 0.7:
        directive = "{{" + source.choice(_DIRECTIVES) + "}}"
        part = source.choice(("", "", "a")) + directive + source.choice(("", "", "*"))
        parts.insert(source.randint(0, len(parts)), part)
    text = source.choice(_STARTS) + "/".join(parts) + source.choice(("", "", "*", "/*", "/", "/+"))
    return text.replace("+*", "+/*")


def literal(source: random.Random) -> str:
    return source.choice(_LITERALS)


def parameters(source: random.Random) -> str:
    pairs = []
    for name in source.sample(PARAMETERS, source.randint(0, 3)):
        values = ", ".join(literal(source) for _ in range(source.randint(0, 2)))
        pairs.append(f'"{name}" = [{values}]')
    return "{ " + "\n ".join(pairs) + " }"


def restrictions(source: random.Random) -> list[str]:
    """Whatever a stanza can hold beside its capabilities."""
    kinds = [name for name in ("allowed_parameters", "denied_parameters") if source.random() < 0.3]
    found = [f"{name} = {parameters(source)}" for name in kinds]
    if source.random() < 0.25:
        names = ", ".join(f'"{name}"' for name in source.sample(PARAMETERS, source.randint(0, 2)))
        found.append(f"required_parameters = [{names}]")
    times = [source.choice((0, 5, 10, 60, "5s", "1m", "-5s", "0", "90")) for _ in range(2)]
    if source.random() < 0.2:
        found.append(f"min_wrapping_ttl = {json.dumps(times[0])}")
    if source.random() < 0.2:
        found.append(f"max_wrapping_ttl = {json.dumps(times[1])}")
    if source.random() < 0.2:
        found.append(f"pagination_limit = {source.choice((-1, 0, 1, 5, 10))}")
    if source.random() < 0.15:
        found.append(f"expiration = {json.dumps(source.choice(('2020-01-01T00:00:00Z', '2099-01-01T00:00:00Z', '1')))}")
    if source.random() < 0.1:
        names = ", ".join(f'"{name}"' for name in source.sample(("read", "list", "update", "create"), 2))
        ttl = source.choice(("", 'ttl = "1h"'))
        found.append(
            f'control_group {{ {ttl}\n factor "f" {{ controlled_capabilities = [{names}]\n'
            ' identity { group_names = ["g"]\n approvals = 1 } } }'
        )
    return found


def stanza(source: random.Random, *, templated: bool = False, restricted: bool = False) -> str:
    held = source.sample(CAPABILITIES, source.choice((0, 1, 2, 3, 5, 7, 8)))
    if source.random() < 0.15:
        held.append("deny")
    lines = [f"capabilities = {json.dumps(held)}"] if held or source.random() < 0.5 else []
    if source.random() < 0.1:
        lines.append(f'policy = "{source.choice(("read", "write", "sudo", "deny"))}"')
    if restricted:
        lines += restrictions(source)
    return f'path "{path(source, templated=templated)}" {{ ' + "\n  ".join(lines) + " }"


def policy(source: random.Random, *, templated: bool = False, restricted: bool = False) -> str:
    return "\n".join(
        stanza(source, templated=templated, restricted=restricted) for _ in range(source.choice((1, 2, 2, 3, 4, 6)))
    )


def policies(source: random.Random, *, templated: bool, restricted: bool, namespaces: bool) -> list[dict[str, Any]]:
    found = []
    for number in range(source.randint(1, 3)):
        entry: dict[str, Any] = {
            "namespace": source.choice(("", "", *NAMESPACES)) if namespaces else "",
            "name": f"p{number}",
            "text": policy(source, templated=templated, restricted=restricted),
        }
        if templated and source.random() < 0.3:
            entry["options"] = {
                f"allow_{name}_in_identity_templates": source.random() < 0.5 for name in ("wildcards", "slashes")
            }
        found.append(entry)
    return found


def subject(source: random.Random, namespace: str, *, identity: bool) -> dict[str, Any]:
    names = source.sample(("p0", "p1", "p2", "nowhere"), source.randint(1, 4))
    if source.random() < 0.1:
        names.append("default")
    found: dict[str, Any] = {"namespace": namespace, "policies": names}
    if not identity:
        return found
    metadata = {name: source.choice(VALUES) for name in ("m", "n", "o-p") if source.random() < 0.7}
    entity: dict[str, Any] = {
        "id": "ENTITY-ID",
        "name": source.choice(("a", "ab", "entity", "b+")) + str(source.randint(0, 10**9)),
        "metadata": metadata,
        "policies": source.sample(("p0", "p1"), source.randint(0, 1)),
        "aliases": [],
        "groups": [],
    }
    if source.random() < 0.5 and namespace == "":
        entity["aliases"].append(
            {
                "id": "ALIAS-ID",
                "mount_accessor": "ACCESSOR-auth/userpass",
                "name": source.choice(("a", "ab", "b")) + str(source.randint(0, 10**9)),
                "custom_metadata": {"m": source.choice(VALUES)},
            }
        )
    for name in ("g", "h"):
        if source.random() < 0.5:
            entity["groups"].append(
                {
                    "id": f"GROUP-ID-{name}",
                    "name": name,
                    "metadata": {"m": source.choice(VALUES)} if source.random() < 0.8 else {},
                    "policies": source.sample(("p1", "p2"), source.randint(0, 1)),
                }
            )
    if source.random() < 0.03:
        entity["disabled"] = True
    found["entity"] = entity
    return found


def near(source: random.Random, texts: list[str]) -> str:
    """A path that some stanza may hold: one of theirs with its wildcards filled, or a fresh one."""
    text = path(source) if not texts or source.random() < 0.2 else source.choice(texts)
    out = []
    for part in text.removeprefix("/").split("/"):
        filled = part
        if part == "+" and source.random() < 0.8:
            filled = source.choice(("a", "b", "", "x", "zz", "+", "t1"))
        if part.endswith("*") and source.random() < 0.8:
            filled = part[:-1] + source.choice(("", "a", "z", "a/b", "/", "*"))
        out.append(filled)
    found = "/".join(out)
    while "{{" in found and "}}" in found:
        start, end = found.index("{{"), found.index("}}") + 2
        found = found[:start] + (source.choice(VALUES) if end > start else "") + found[max(end, start + 2) :]
    if source.random() < 0.05:
        head, slash, last = found.rpartition("/")
        found = head + slash + last.upper()
    if source.random() < 0.2:
        odd = (found + "/", found.removesuffix("/"), found + "a", found[:-1], "/" + found, found.upper())
        found = source.choice(odd)
    return found


def base(source: random.Random, number: int) -> Case:
    """Rules of a kind: plain, with identities, with restrictions, with namespaces, with everything."""
    kind = number % 5
    namespaces, identity = kind in (3, 4), kind in (1, 4)
    restricted = kind in (2, 4)
    home = source.choice(("", "", *NAMESPACES)) if namespaces else ""
    written = policies(source, templated=identity, restricted=restricted, namespaces=namespaces)
    if namespaces:
        for entry in written:
            entry["namespace"] = source.choice((home, home, entry["namespace"]))
    return {
        "id": number,
        "server": SERVER,
        "namespaces": NAMESPACES,
        "mounts": MOUNTS,
        "policies": written,
        "subject": subject(source, home, identity=identity),
    }
