"""The README holds: its commands run and print what it shows, its target loads, its make targets exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cred_audit.target.load import load_target

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONSOLE = re.findall(r"```console\n\$ (.+)\n((?:.*\n)*?)```", README)
YAML = re.findall(r"```yaml\n((?:.*\n)*?)```", README)


def run(command: str) -> subprocess.CompletedProcess[str]:
    words = command.split()
    assert words[0] == "cred-audit"
    environ = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "cred_audit", *words[1:]],
        capture_output=True, text=True, timeout=120, check=False, cwd=ROOT, env=environ,
    )  # fmt: skip


@pytest.mark.parametrize(("command", "shown"), CONSOLE, ids=[command for command, _ in CONSOLE])
def test_a_command_of_the_readme_prints_what_the_readme_shows(command: str, shown: str) -> None:
    printed = _undated(run(command).stdout)
    start, elided, _ = _undated(shown).partition("[...]\n")
    assert len(start) > 100
    assert printed.startswith(start) if elided else printed == start


def _undated(text: str) -> str:
    return re.sub(r"read \d{4}-\d\d-\d\d \d\d:\d\d UTC", "read DATE", text)


def test_the_readme_shows_commands() -> None:
    assert len(CONSOLE) >= 3


@pytest.mark.parametrize("line", re.findall(r"^    (cred-audit [a-z].*?)(?:  +#.*)?$", README, re.MULTILINE))
def test_every_option_that_the_readme_names_exists(line: str) -> None:
    words = line.split()
    usage = run(f"cred-audit {words[1]} --help" if not words[1].startswith("-") else "cred-audit --help").stdout
    for word in words[1:]:
        if word.startswith("-"):
            assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", usage), f"{word} is not in the help"


def test_the_target_of_the_readme_loads(tmp_path: Path) -> None:
    whole = next(text for text in YAML if "tenants:" in text)
    accepted = next(text for text in YAML if text.startswith("accepted:"))
    file = tmp_path / "target.yaml"
    file.write_text(whole + accepted, encoding="utf-8")
    target = load_target(file)
    assert [tenant.id for tenant in target.tenants] == ["acme", "beta"]
    assert len(target.accepted) == 1


def test_the_make_targets_of_the_docs_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`?make ([a-z]+)", README + contributing)) - {"and"}
    assert {"demo", "test"} <= named
    for name in named:
        assert re.search(rf"^{name}:", makefile, re.MULTILINE), name
