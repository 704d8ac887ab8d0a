from pathlib import Path

import pytest

from cred_audit.errors import TargetError
from cred_audit.target.load import load_target
from cred_audit.target.model import KvTerritory, PrincipalKind, Tenant, VaultPrincipal

TARGET = """\
schema: 1
name: many
tenants:
  from: {file}
  each:
    id: "{{{{ id }}}}"
    agents: [{{vault: {{role: "auth/approle/role/{{{{id}}}}-{{{{ kind }}}}"}}}}]
    territory: {{vault: [{{kv: secret, prefix: "{{{{ id }}}}/"}}]}}
"""


def tenants(folder: Path, table: str | bytes, name: str = "tenants.csv", target: str = TARGET) -> tuple[Tenant, ...]:
    (folder / "t.yaml").write_text(target.format(file=name), encoding="utf-8")
    (folder / name).write_bytes(table if isinstance(table, bytes) else table.encode())
    return load_target(folder / "t.yaml").tenants


def refused(folder: Path, table: str | bytes, name: str = "tenants.csv", target: str = TARGET) -> list[str]:
    with pytest.raises(TargetError) as raised:
        tenants(folder, table, name, target)
    return [line.removeprefix(f"{folder}/") for line in str(raised.value).split("\n")]


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("tenants.csv", "id,kind\nacme,bot\nbeta,run\n"),
        ("tenants.csv", '\ufeffid , kind\r\n"acme",bot\r\n\r\nbeta,run'),
        ("tenants.ndjson", '{"id": "acme", "kind": "bot"}\n\n{"kind": "run", "id": "beta"}\n'),
        ("TENANTS.JSONL", '{"id": "acme", "kind": "bot"}\r\n{"kind": "run", "id": "beta"}'),
    ],
)
def test_each_row_becomes_a_tenant(tmp_path: Path, name: str, table: str) -> None:
    acme, beta = tenants(tmp_path, table, name)
    assert (acme.id, beta.id) == ("acme", "beta")
    assert acme.agents[0].vault == VaultPrincipal(kind=PrincipalKind.ROLE, role="auth/approle/role/acme-bot")
    assert beta.territory.vault == (KvTerritory(mount="secret/", prefix="beta/"),)
    assert acme.line == 2 if name == "tenants.csv" else 1


def test_numbers_of_a_table_are_text(tmp_path: Path) -> None:
    (tenant,) = tenants(tmp_path, '{"id": 1.50, "kind": true}', "t.ndjson")
    assert tenant.id == "1.50"
    assert tenant.agents[0].vault is not None
    assert tenant.agents[0].vault.role == "auth/approle/role/1.50-true"


def test_values_are_text_and_never_read_again(tmp_path: Path) -> None:
    (tenant,) = tenants(tmp_path, 'id,kind\n"{{ kind }}: [x]","*a"\n')
    assert tenant.id == "{{ kind }}: [x]"


def test_defaults_lie_below_each_row(tmp_path: Path) -> None:
    target = TARGET + "defaults: {{agent: {{vault: {{namespace: agents}}}}}}\n"
    (tenant,) = tenants(tmp_path, "id,kind\na,b\n", target=target)
    assert tenant.agents[0].vault is not None
    assert tenant.agents[0].vault.namespace == "agents/"


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("id\na\n", "t.yaml:7:29: tenants.csv has no column 'kind'; did you mean 'id'?"),
        ("id,kin\na,b\n", "t.yaml:7:29: tenants.csv has no column 'kind'; did you mean 'kin'?"),
        ("id,kind\na,b\na,c\n", "tenants.csv:3: tenant id 'a' is given twice (first on line 2)"),
        ("id,kind\na\n", "tenants.csv:2: the row has 1 cells, but the header has 2"),
        ("id,kind\na,b,c\n", "tenants.csv:2: the row has 3 cells, but the header has 2"),
        ("id,id\na,b\n", "tenants.csv:1: column 'id' is given twice"),
        ("id,\na,b\n", "tenants.csv:1: a column has no name"),
        ("id,kind\n", "tenants.csv:1: the table has no rows"),
        ("", "tenants.csv:1: tenants.csv is empty"),
        ('id,kind\n"a,b\n', "tenants.csv:2: this is not CSV: unexpected end of data"),
        ('id,kind\n"a"x,b\n', "tenants.csv:2: this is not CSV: ',' expected after '\"'"),
        (b"id,kind\na,\xff\n", "tenants.csv:2: this is not UTF-8 text (byte 0xff): save it as UTF-8"),
        (b"id,kind\na,\x00\n", "tenants.csv:2: a control character (U+0000) stands here: this is not a text file"),
        (
            "id,kind\n,b\n",
            "tenants.csv:2: `id` is an empty text",
        ),
        (
            'id,kind\n"x\ny",b\n',
            "tenants.csv:2: `id` must be a name without control characters or spaces around it, not 'x\\ny'",
        ),
    ],
)
def test_a_wrong_row_names_table_and_row(tmp_path: Path, table: str | bytes, problem: str) -> None:
    assert problem in refused(tmp_path, table)


def test_a_quoted_line_break_does_not_shift_the_rows(tmp_path: Path) -> None:
    found = refused(tmp_path, 'id,kind\na,"x"\n"b\nb",y\nc\n')
    assert found[-1] == "tenants.csv:5: the row has 1 cells, but the header has 2"


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("[1]\n", "t.ndjson:1: each line of the table must be one JSON object"),
        ('{"id": "a", "kind": "b"}\n{"id"}\n', "t.ndjson:2: this is not JSON: expecting ':' delimiter (column 6)"),
        ('{"id": "a", "id": "b"}\n', "t.ndjson:1: column 'id' is given twice"),
        ('{"id": {"a": 1}, "kind": ""}\n', "t.ndjson:1: column 'id' must be a text, a number, true or false"),
        ('{"id": null, "kind": ""}\n', "t.ndjson:1: column 'id' must be a text, a number, true or false"),
        ('{"id": "\\ud800", "kind": ""}\n', "t.ndjson:1: column 'id' must be a text, a number, true or false"),
        ("[" * 100_000 + "\n", "t.ndjson:1: this is nested too deeply"),
    ],
)
def test_a_wrong_line_of_json_names_its_row(tmp_path: Path, table: str, problem: str) -> None:
    assert problem in refused(tmp_path, table, "t.ndjson")


def test_a_mistake_in_each_is_told_once(tmp_path: Path) -> None:
    rows = "id,kind\n" + "".join(f"t{n},b\n" for n in range(500))
    assert refused(tmp_path, rows, target=TARGET.replace("territory:", "teritory:")) == [
        "t.yaml:8:5: unknown key 'teritory' in a tenant; did you mean 'territory'?"
    ]
    assert refused(tmp_path, rows, target=TARGET.replace("}}}}-", "}}}}-{{{{ ")) != []


@pytest.mark.parametrize("text", ['"{{{{ id"', '"{{{{ }}}}"', '"{{{{ id.x() }}}}"', "\"{{{{ ''.join(id) }}}}\""])
def test_only_columns_can_be_filled_in(tmp_path: Path, text: str) -> None:
    (found,) = refused(tmp_path, "id,kind\na,b\n", target=TARGET.replace('"{{{{ id }}}}"', text))
    assert found.startswith("t.yaml:6:9: ")


def test_a_filled_in_text_is_bounded(tmp_path: Path) -> None:
    target = TARGET.replace('id: "{{{{ id }}}}"', 'id: "' + "{{{{ id }}}}" * 1000 + '"')
    assert refused(tmp_path, f"id,kind\n{'x' * 1000},b\n", target=target) == [
        "tenants.csv:2: a text becomes too long when it is filled in"
    ]


def test_a_table_lies_in_the_targets_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "tenants.csv").write_text("id,kind\na,b\n")
    file = tmp_path / "a/t.yaml"
    file.write_text(TARGET.format(file="../tenants.csv"))
    with pytest.raises(TargetError, match=r"`from` leaves the target's folder .*--allow-outside"):
        load_target(file)
    assert load_target(file, allow_outside=True).tenants[0].id == "a"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("t.txt", "a table must be a .csv, .ndjson or .jsonl file"),
        ("no.csv", "cannot read no.csv: no such file or directory"),
        ("folder.csv", "a table must be a plain file"),
    ],
)
def test_a_table_that_cannot_be_one_is_refused(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "t.yaml").write_text(TARGET.format(file=name))
    with pytest.raises(TargetError, match=rf"{name}:1: {problem}"):
        load_target(tmp_path / "t.yaml")
