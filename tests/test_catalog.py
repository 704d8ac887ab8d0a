"""The loader: what is a check, what is refused and where, and that nothing vanishes silently."""

import hashlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cred_audit.bundled import bundled
from cred_audit.catalog import load_checks, page, rows, skeleton
from cred_audit.check import Skip
from cred_audit.decide.vault.model import Entity, Namespace, Server, World
from cred_audit.errors import CheckError, UsageError
from cred_audit.facts import Snapshot, VaultFacts
from cred_audit.finding import Severity, Verdict
from cred_audit.target.model import Target

_GOOD = '''"""A claim that holds.

Why: because.
How: by looking.
Fix: look away.
"""

from cred_audit.check import Severity

SEVERITY = Severity.LOW
NEEDS = ("vault",)
MAPS_TO = ()


def run(snapshot):
    return ()
'''

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that saves a check's text and gives its folder."""

    def save(text: str | bytes = _GOOD, name: str = "vault_mine.py") -> Path:
        data = text.encode() if isinstance(text, str) else text
        (tmp_path / name).write_bytes(data)
        return tmp_path

    return save


def _snapshot(entities: tuple[Entity, ...] | None) -> Snapshot:
    world = World(server=Server(product="openbao", version="2.7.2"), namespaces=(Namespace(entities=entities),))
    vault = VaultFacts(address="", world=world, audit_devices=(), seal={}, coverage={})
    return Snapshot(
        target=Target(name="t", tenants=()), taken_at=datetime(2026, 1, 1, tzinfo=UTC), tool_version="0", vault=vault
    )


def test_the_bundled_folder_is_loaded_whole_and_sorted() -> None:
    files = sorted(path.stem for path in bundled("checks").glob("*.py"))
    assert [check.id for check in load_checks()] == files
    assert all(not check.origin and not check.sha256 for check in load_checks())


def test_loading_is_fast() -> None:
    load_checks()
    best = min(_seconds(load_checks) for _ in range(5))
    assert best / len(load_checks()) < 0.1 / 40


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def test_a_check_of_a_foreign_folder_names_its_file_and_digest(write: Write) -> None:
    folder = write()
    found = next(check for check in load_checks([folder]) if check.id == "vault_mine")
    assert found.origin == str(folder / "vault_mine.py")
    assert found.sha256 == hashlib.sha256(_GOOD.encode()).hexdigest()
    assert (found.title, found.severity, found.needs) == ("A claim that holds", Severity.LOW, ("vault",))


def test_the_hashed_bytes_are_run_and_no_cached_form_of_them(write: Write) -> None:
    folder = write()
    load_checks([folder])
    assert not (folder / "__pycache__").exists()
    stamp = (folder / "vault_mine.py").stat()
    write(_GOOD.replace("A claim that holds", "A claim, changed!!"))
    os.utime(folder / "vault_mine.py", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    found = next(check for check in load_checks([folder]) if check.id == "vault_mine")
    assert found.title == "A claim, changed!!"


def test_readme_underscore_and_other_files_are_not_loaded(write: Write) -> None:
    folder = write()
    for name in ("_shared.py", "README.py", "README.md", "notes.txt", ".#vault_mine.py"):
        (folder / name).write_text("raise SystemExit(3)")
    assert [check.id for check in load_checks([folder]) if check.origin] == ["vault_mine"]


def test_a_dataclass_with_postponed_annotations_loads(write: Write) -> None:
    text = _GOOD.replace(
        "from cred_audit.check",
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom cred_audit.check",
    )
    folder = write(text + "\n\n@dataclass(kw_only=True)\nclass Case:\n    name: str\n")
    assert any(check.id == "vault_mine" for check in load_checks([folder]))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "the docstring is missing"),
        (_GOOD.replace("Why: because.\n", ""), 1, "no paragraph `Why:`"),
        (_GOOD.replace("How: by looking.", "How:"), 1, "no paragraph `How:`"),
        (_GOOD.replace("Fix: look away.\n", ""), 1, "no paragraph `Fix:`"),
        (_GOOD.replace("Why:", "Then:").replace("Fix:", "Why:").replace("Then:", "Fix:"), 1, "another order"),
        (_GOOD.replace("SEVERITY = Severity.LOW\n", ""), 1, "SEVERITY is missing"),
        (_GOOD.replace("NEEDS = (", "NEEDED = ("), 1, "NEEDS is missing"),
        (_GOOD.replace("MAPS_TO = ()\n", ""), 1, "MAPS_TO is missing"),
        (_GOOD.replace("def run(", "def ran("), 1, "run is missing"),
        (_GOOD.replace("Severity.LOW", '"low"'), 10, "SEVERITY is of type str"),
        (_GOOD.replace('("vault",)', '"vault"'), 11, "NEEDS is of type str"),
        (_GOOD.replace('("vault",)', '("vualt",)'), 11, "NEEDS names 'vualt'"),
        (_GOOD.replace("MAPS_TO = ()", "MAPS_TO = (1,)"), 12, "MAPS_TO is of type tuple"),
        (_GOOD.replace("def run(snapshot)", "def run()"), 15, "run is of type function"),
        (_GOOD.replace("def run(", "async def run("), 15, "run is of type function"),
        (_GOOD.replace("def run(snapshot):\n    return ()", "run = 3"), 15, "run is of type int"),
        (_GOOD + "\n\nNEEDS = lost\n", 19, "NameError: name 'lost' is not defined"),
        (_GOOD + "\n\nimport no_such_module\n", 19, "ModuleNotFoundError"),
        (_GOOD + "\n\nraise SystemExit(0)\n", 19, "SystemExit: 0"),
        (_GOOD + "\n\nif:\n", 19, "SyntaxError: invalid syntax"),
        (b"\xff\xfe\x00", 1, "the check cannot be loaded"),
        (_GOOD + '\n\nraise ValueError("\\x1b[2J" + "x" * 10_000_000)\n', 19, "ValueError: \\u001b[2Jxxx"),
    ],
)
def test_an_incomplete_check_is_refused_with_file_and_line(
    write: Write, text: str | bytes, line: int, said: str
) -> None:
    folder = write(text)
    with pytest.raises(CheckError) as caught:
        load_checks([folder])
    assert str(caught.value).startswith(f"{folder / 'vault_mine.py'}:{line}: ")
    assert said in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert "cred_audit_checks.vault_mine" not in sys.modules or line in (1, 10, 11, 12, 15)


def test_a_module_that_fails_leaves_nothing_behind(write: Write) -> None:
    with pytest.raises(CheckError):
        load_checks([write(_GOOD + "\nraise KeyError\n", "vault_fails.py")])
    assert "cred_audit_checks.vault_fails" not in sys.modules


def test_ctrl_c_while_loading_is_not_an_error_of_the_check(write: Write) -> None:
    with pytest.raises(KeyboardInterrupt):
        load_checks([write(_GOOD + "\nraise KeyboardInterrupt\n", "vault_stopped.py")])
    assert "cred_audit_checks.vault_stopped" not in sys.modules


def test_an_id_that_exists_already_is_refused(write: Write) -> None:
    folder = write(_GOOD, "vault_no_cross_tenant_read.py")
    with pytest.raises(CheckError, match=r"vault_no_cross_tenant_read\.py:1: a check with the id .* exists already"):
        load_checks([folder])


def test_the_same_folder_twice_is_refused(write: Write) -> None:
    folder = write()
    with pytest.raises(CheckError, match="exists already"):
        load_checks([folder, folder])


def test_a_clash_is_found_before_its_code_runs(write: Write, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    folder = write(_GOOD + f"\nopen({str(mark)!r}, 'w')\n", "vault_no_cross_tenant_read.py")
    with pytest.raises(CheckError):
        load_checks([folder])
    assert not mark.exists()


@pytest.mark.parametrize("name", ["vault-mine.py", "Vault_Mine.py", "mine.py", "vault mine.py", "vault_.py"])
def test_a_file_whose_name_is_no_id_is_refused(write: Write, name: str) -> None:
    with pytest.raises(CheckError, match=":1: the file's name is no id"):
        load_checks([write(_GOOD, name)])


def test_a_missing_an_empty_and_a_plain_file_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckError, match="no such folder"):
        load_checks([tmp_path / "absent"])
    with pytest.raises(CheckError, match="holds no check"):
        load_checks([tmp_path])
    (tmp_path / "README.md").write_text("nothing else")
    with pytest.raises(CheckError, match="holds no check"):
        load_checks([tmp_path])
    with pytest.raises(CheckError, match="no such folder"):
        load_checks([tmp_path / "README.md"])


def test_a_huge_file_and_a_pipe_are_refused_unread(write: Write, tmp_path: Path) -> None:
    with pytest.raises(CheckError, match="a check has at most"):
        load_checks([write(b"#" * (2 << 20))])
    (tmp_path / "vault_mine.py").unlink()
    os.mkfifo(tmp_path / "vault_mine.py")
    with pytest.raises(CheckError, match="a check is a plain file"):
        load_checks([tmp_path])


def test_the_skeleton_runs_and_has_a_case_of_each_verdict(write: Write) -> None:
    folder = write(skeleton("vault_entities_name_their_tenant"), "vault_entities_name_their_tenant.py")
    check = next(each for each in load_checks([folder]) if each.origin)
    named = Entity(id="1", name="a", metadata={"tenant": "acme"})
    nameless = Entity(id="2", name="b")
    assert [found.verdict for found in check.run(_snapshot((named,)))] == [Verdict.PASS]
    assert [found.verdict for found in check.run(_snapshot((nameless,)))] == [Verdict.FAIL]
    assert [found.verdict for found in check.run(_snapshot(None))] == [Verdict.UNKNOWN]
    with pytest.raises(Skip):
        list(check.run(_snapshot(())))


@pytest.mark.parametrize("check_id", ["", "Mine", "vault-mine", "../vault_mine", "vault_mine\n", "x" * 10_000])
def test_a_skeleton_needs_an_id_that_a_file_may_have(check_id: str) -> None:
    with pytest.raises(UsageError) as caught:
        skeleton(check_id)
    assert "is no id of a check" in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_a_page_shows_everything_of_the_check() -> None:
    check = next(each for each in load_checks() if each.id == "vault_no_cross_tenant_read")
    text = page(check)
    shown = " ".join(text.split())
    assert text.startswith(f"{check.title}.\n")
    for part in (check.id, "critical", "vault", *check.maps_to):
        assert part in shown
    for line in check.doc.splitlines():
        words = " ".join(line.removeprefix("Why:").removeprefix("How:").removeprefix("Fix:").split())
        assert words in shown
    assert max(map(len, text.splitlines())) <= 80
    foreign = page(replace(check, origin="/x/y.py", sha256="ab" * 32))
    assert "/x/y.py" in foreign
    assert "ab" * 32 in foreign


def test_the_rows_name_id_severity_needs_and_title() -> None:
    check = next(each for each in load_checks() if each.id == "vault_no_cross_tenant_read")
    assert rows([check]) == (("vault_no_cross_tenant_read", "critical", "vault", check.title),)
    assert rows([replace(check, needs=())])[0][2] == "-"
