"""The JSON Schema and the loader come from one table: here they are held against each other."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cred_audit.errors import TargetError
from cred_audit.target.events import read_yaml
from cred_audit.target.load import load_target
from cred_audit.target.node import plain
from cred_audit.target.problem import Problems
from cred_audit.target.schema import target_schema

SCHEMA = target_schema()
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA, validate_formats=True)
FULL: Any = plain(read_yaml(Path(__file__).with_name("full.yaml").read_text(), Problems(file=""))[0])
TENANT = {"id": "a"}


def target(**keys: Any) -> dict[str, Any]:
    return {"schema": 1, "name": "x", "tenants": [TENANT], **keys}


def agent(**keys: Any) -> dict[str, Any]:
    return target(tenants=[{"id": "a", "agents": [keys]}])


def territory(**keys: Any) -> dict[str, Any]:
    return target(tenants=[{"id": "a", "territory": {"vault": [keys]}}])


GOOD = [
    FULL,
    target(),
    target(vault={}),
    target(vault={"timeout": 3}, aws={}, logs=[]),
    target(vault={"policies": {"": "p", "a/b": "q"}, "mounts": {"kv": {"type": "kv"}}, "namespaces": {"a": {}}}),
    target(aws={"accounts": {"acme": "111122223333"}, "files": {"111122223333": {"secrets": "s.json"}}}),
    target(aws={"files": {"111122223333": {"secrets": ["a.json", "b.json"], "keys": [], "terraform": "plan.json"}}}),
    target(aws={"files": {"111122223333": {"roles": {"teams/a": {"policies": "p.json", "tags": {"a": ""}}, "b": {}}}}}),
    target(
        platform={"base_url": "http://h", "call": {"request": {"method": "GET", "path": "/"}, "provider_headers": None}}
    ),
    agent(),
    agent(vault={"entity": "e", "policies": ["p"]}),
    agent(vault={"policies": []}),
    agent(vault={"token": {"command": ["a", "b"]}, "namespace": ""}),
    territory(kv="secret"),
    territory(kv="secret", prefix="", namespace="n"),
    territory(paths=["*"]),
    territory(namespace="/"),
    agent(vault={"role": "auth/a/role/r"}) | {"defaults": {"agent": {"vault": {"namespace": "n"}}}},
    agent(vault={"namespace": "n"}) | {"defaults": {"agent": {"vault": {"role": "auth/a/role/r"}}}},
    target(
        tenants={"from": "t.csv", "each": {"id": "{{ id }}", "agents": [{"vault": {"role": "auth/x/role/{{ id }}"}}]}}
    ),
    target(accepted=[{"check": "c", "subject": "s", "reason": "r", "until": "2028-02-29"}]),
]
BAD = [
    [],
    {},
    target(name=""),
    target(name=None),
    target(schema="1"),
    target(schema=True),
    target(schema=2),
    target(tenants=[]),
    target(tenants="a"),
    target(tenants=None),
    target(tenants={"from": "t.csv"}),
    target(tenants={"from": "t.csv", "each": {"id": "{{ id }}", "x": 1}}),
    target(tenants=[{"id": 1}]),
    target(tenants=[{}]),
    target(tenants=[None]),
    target(others="yes"),
    target(x=1),
    target(vault=None),
    target(vault={"address": "h:1"}),
    target(vault={"address": "https://u:p@h"}),
    target(vault={"token": "hvs.x"}),
    target(vault={"token": {}}),
    target(vault={"token": {"env": "A", "file": "b"}}),
    target(vault={"token": {"env": "A-B"}}),
    target(vault={"timeout": "1"}),
    target(vault={"timeout": -1}),
    target(vault={"address": "https://h", "policies": {"": "p"}}),
    target(vault={"mounts": {"kv": {"type": "kv"}}}),
    target(vault={"bundle": "b", "mounts": {"kv": {"type": "kv", "version": 3}}}),
    target(vault={"bundle": "b", "mounts": {"kv": {}}}),
    target(vault={"policies": {}}),
    target(vault={"policies": {"a//b": "x"}}),
    target(aws={"accounts": ["1"]}),
    target(aws={"files": {"1": {}}}),
    target(aws={"files": {"111122223333": {"secrets": {}}}}),
    target(aws={"files": {"111122223333": {"secrets": [""]}}}),
    target(aws={"files": {"111122223333": {"roles": {"a b": {}}}}}),
    target(aws={"files": {"111122223333": {"users": {"a": {"policy": "p.json"}}}}}),
    target(aws={"files": {}, "role_arn": "arn:aws:iam::111122223333:role/x"}),
    target(platform={}),
    target(platform={"base_url": "http://h", "openapi": "/a", "har": "b"}),
    target(platform={"base_url": "http://h", "skip": ["x"]}),
    target(logs=[{"format": "syslog", "path": "x"}]),
    target(declared=[{"service": "s", "isolation": "none"}]),
    target(authorization={"by": "x"}),
    target(accepted=[{"check": "c", "subject": "s", "reason": "r", "until": "2027-02-29"}]),
    target(accepted=[{"check": "c", "subject": "s", "reason": "r", "until": "2027-02-28T24:00:00Z"}]),
    target(accepted=[{"check": "c", "subject": "s"}]),
    agent(vault={}),
    agent(vault={"namespace": "n"}),
    agent(vault={"role": "r"}),
    agent(vault={"role": "auth/a/role/r", "policies": []}),
    agent(aws={"role": "arn:aws:iam::1:role/x"}),
    agent(aws={"user": "arn:aws:iam::111122223333:user/x", "session_name": "s"}),
    agent(platform={}),
    territory(),
    territory(prefix="a/"),
    territory(kv="secret", paths=["a"]),
    territory(kv="a//b"),
    territory(kv="secret", prefix="/a"),
    territory(kv="secret", prefix="a*"),
    territory(paths=[]),
    territory(paths=["a*b"]),
    target(defaults={"agent": {"vault": {"rolle": "x"}}}),
    target(defaults={"territory": {"credentials": [{"provider": "x"}]}}),
]


def refusal(data: Any, folder: Path) -> str:
    file = folder / "t.json"
    file.write_text(json.dumps(data))
    (folder / "t.csv").write_text("id\na\n")
    try:
        load_target(file)
    except TargetError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("data", GOOD)
def test_both_take_what_is_right(data: Any, tmp_path: Path) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(data)] == []
    assert refusal(data, tmp_path) == ""


@pytest.mark.parametrize("data", BAD)
def test_both_refuse_what_is_wrong(data: Any, tmp_path: Path) -> None:
    assert not VALIDATOR.is_valid(data)
    assert refusal(data, tmp_path)


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from places(value, (*path, key))


PLACES = [path for path in places(FULL) if path]
VALUES = st.sampled_from(
    [
        None,
        True,
        0,
        1,
        -1,
        2.5,
        "",
        "a",
        "a/b",
        "*",
        "https://h",
        "auth/a/role/b",
        {},
        [],
        ["a"],
        {"env": "A"},
        {"a": "b"},
    ]
)


@settings(max_examples=400, deadline=None)
@given(path=st.sampled_from(PLACES), value=VALUES, action=st.sampled_from(["replace", "remove", "add"]))
def test_both_agree_on_any_change_of_a_right_target(
    path: tuple[Any, ...], value: Any, action: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = copy.deepcopy(FULL)
    inside = data
    for key in path[:-1]:
        inside = inside[key]
    if action == "replace":
        inside[path[-1]] = value
    elif action == "remove":
        del inside[path[-1]]
    elif isinstance(inside, dict):
        inside["another"] = value
    told = refusal(data, tmp_path_factory.getbasetemp())
    beyond = ("given twice", "leaves the target's folder", "both called")  # no schema can say these
    if not any(words in told for words in beyond):
        assert VALIDATOR.is_valid(data) == (not told), told


def test_every_key_has_a_description() -> None:
    def undescribed(schema: Any, path: str = "") -> Iterator[str]:
        for key, inside in schema.get("properties", {}).items():
            if not str(inside.get("description", "")).endswith((".", "...")):
                yield f"{path}.{key}"
        for key, inside in schema.get("$defs", {}).items():
            yield from undescribed(inside, key)

    assert list(undescribed(SCHEMA)) == []
    assert SCHEMA["$defs"]["territory-vault"]["properties"]["prefix"]["description"].startswith("Start of the keys")


def test_the_schema_is_a_schema() -> None:
    jsonschema_rs.meta.validate(SCHEMA)
    json.dumps(SCHEMA, allow_nan=False)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
