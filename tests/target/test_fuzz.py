"""Whatever the bytes are, loading gives a Target or a TargetError."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cred_audit.errors import TargetError
from cred_audit.target.load import load_target
from cred_audit.target.model import Target

FULL = Path(__file__).with_name("full.yaml").read_text()
PIECES = [
    *"{}[]:,-?&*!|>'\"#%@` \n\t", "- ", ": ", "? ", "---\n", "...\n", "%YAML 1.2\n", "&a ", "*a", "!!str ", "<<: ",
    "|-\n", "\x00", "\x85", "\u2028", "\ufeff", "\u202e", "😀", "schema: 1\n", "name: x\n", "tenants:\n", "- id: a\n",
    "id: ", "each: ", "from: t.csv", "{{ id }}", "vault: {", "defaults: {agent: ", "null", "true", "1e9", "0x", ".inf",
    "2026-01-01", "until: ", "token: ", "env: A",
]  # fmt: skip
SOUP = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


def outcome(data: bytes, file: Path) -> None:
    file.write_bytes(data)
    try:
        target = load_target(file)
    except TargetError as error:
        lines = str(error).split("\n")
        assert 0 < len(lines) <= 21
        for line in lines:
            assert line.isprintable()
            assert len(line) < 1_000
    else:
        assert isinstance(target, Target)
        assert target.tenants


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), suffix=st.sampled_from(["yaml", "json"]))
@example(data=b"\xff\xfe", suffix="yaml")
def test_any_bytes(folder: Path, data: bytes, suffix: str) -> None:
    outcome(data, folder / f"t.{suffix}")


@settings(max_examples=200, deadline=None)
@given(text=SOUP, suffix=st.sampled_from(["yaml", "json"]))
@example(text="schema: 1\nname: x\ntenants:\n- id: a\nvault: {timeout: 1e9}", suffix="yaml")
def test_any_pieces_of_yaml(folder: Path, text: str, suffix: str) -> None:
    outcome(text.encode(), folder / f"t.{suffix}")


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=80))
def test_any_text_in_a_table(folder: Path, text: str) -> None:
    (folder / "t.csv").write_bytes(b"id\n" + text.encode("utf-8", "replace"))
    (folder / "t.ndjson").write_bytes(text.encode("utf-8", "replace"))
    for table in ("t.csv", "t.ndjson"):
        each = f"schema: 1\nname: x\ntenants: {{from: {table}, each: {{id: '{{{{ id }}}}'}}}}\n"
        outcome(each.encode(), folder / "t.yaml")


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, len(FULL)), length=st.integers(0, 30), piece=SOUP)
def test_any_change_of_a_right_target(folder: Path, at: int, length: int, piece: str) -> None:
    outcome((FULL[:at] + piece + FULL[at + length :]).encode(), folder / "t.yaml")
