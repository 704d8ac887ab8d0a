"""checks/README.md holds: its table is the catalogue, its example is a check that works."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cred_audit.catalog import load_checks
from cred_audit.check import Check, Verdict
from cred_audit.decide.vault.model import Namespace, PolicyDocument, Server, World
from cred_audit.facts import Snapshot, VaultFacts
from cred_audit.target.model import Target
from tests.docs import CHECKS, GENERATED, example, main, written


@pytest.mark.parametrize("file", GENERATED, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_what_is_generated_is_up_to_date(file: Path) -> None:
    assert file.read_text(encoding="utf-8") == written(file), "run: make docs"


def test_comparing_tells_what_is_out_of_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "README.md"
    copy.write_text(CHECKS.read_text(encoding="utf-8").replace("| critical |", "| low |"), encoding="utf-8")
    monkeypatch.setattr("tests.docs.GENERATED", {copy: GENERATED[CHECKS]})
    assert main([]) == 1
    assert main(["--write"]) == 0
    assert main([]) == 0
    assert copy.read_text(encoding="utf-8") == CHECKS.read_text(encoding="utf-8")
    assert capsys.readouterr().out == f"out of date: {copy}\nwrote: {copy}\n"


def snapshot(*texts: str | None, listed: bool = True) -> Snapshot:
    policies = tuple(PolicyDocument(name=f"p{number}", text=text) for number, text in enumerate(texts))
    world = World(server=Server(), namespaces=(Namespace(policies=policies if listed else None),))
    vault = VaultFacts(address="", world=world, audit_devices=(), seal={}, coverage={})
    target = Target(name="t", tenants=())
    return Snapshot(target=target, taken_at=datetime(2026, 1, 1, tzinfo=UTC), tool_version="0", vault=vault)


@pytest.fixture
def check(tmp_path: Path) -> Check:
    name, code = example()
    (tmp_path / name).write_text(code, encoding="utf-8")
    return next(each for each in load_checks([tmp_path]) if each.origin)


def test_the_example_is_short_and_judges(check: Check) -> None:
    assert [one.verdict for one in check.run(snapshot('path "secret/acme" {}'))] == [Verdict.PASS]
    assert [one.verdict for one in check.run(snapshot('path "secret/Acme" {}'))] == [Verdict.FAIL]
    assert [one.verdict for one in check.run(snapshot(None))] == [Verdict.UNKNOWN]
    assert [one.verdict for one in check.run(snapshot(listed=False))] == [Verdict.UNKNOWN]
    body = example()[1].partition("def run")[2]
    assert len(body.splitlines()) <= 20


def test_the_page_names_no_weakness_twice() -> None:
    text = CHECKS.read_text(encoding="utf-8").partition("## Not covered")[2]
    reasons = [line.split("|") for line in text.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(reasons) >= 10
    assert all(len(cells) == 4 and cells[2].strip().endswith(".") for cells in reasons)
    assert len({cells[1] for cells in reasons}) == len(reasons)
