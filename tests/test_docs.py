"""The README holds: its commands run and print what it shows, its target loads, its make targets exist."""

import json
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


def _help(command: str) -> str:
    words = command.split()
    part = words[1:3] if words[1] == "ask" else words[1:2] if not words[1].startswith("-") else []
    return run(" ".join(["cred-audit", *part, "--help"])).stdout


NAMED = re.findall(r"^    (cred-audit [a-z-].*?)(?:  +#.*)?$", README, re.MULTILINE)
NAMED += re.findall(r"`(cred-audit [a-z-][^`]*)`", README.replace("\n", " "))
NAMED += re.findall(r"^- run: (cred-audit .*?)(?:  +#.*)?$", README, re.MULTILINE)


@pytest.mark.parametrize("line", dict.fromkeys(NAMED))
def test_every_option_that_the_readme_names_exists(line: str) -> None:
    usage = _help(line)
    assert "Usage:" in usage
    for word in line.split()[1:]:
        if word.startswith("-"):
            assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", usage), f"{word} is not in the help"


def test_every_option_that_stands_alone_is_one_of_some_command() -> None:
    commands = ("scan", "collect", "ask aws", "ask vault", "checks", "demo", "init")
    usage = " ".join(_help(f"cred-audit {command}") for command in commands)
    for option in re.findall(r"`(--[a-z][a-z-]+)", README):
        assert re.search(rf"{option}(?![\w-])", usage), option


def test_the_first_command_is_near_the_top() -> None:
    assert any(line.startswith("    make demo") for line in README.splitlines()[:20])


def test_what_the_readme_links_to_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert len(links) >= 5
    assert not [link for link in links if not (ROOT / link.partition("#")[0]).exists()]


def test_the_targets_of_the_readme_load(tmp_path: Path) -> None:
    vault, aws = (text for text in YAML if text.startswith("schema:"))
    accepted = next(text for text in YAML if text.startswith("accepted:"))
    file = tmp_path / "target.yaml"
    file.write_text(vault + accepted, encoding="utf-8")
    target = load_target(file)
    assert [tenant.id for tenant in target.tenants] == ["acme", "beta"]
    assert len(target.accepted) == 1
    file.write_text(aws, encoding="utf-8")
    target = load_target(file)
    assert [tenant.id for tenant in target.tenants] == ["acme", "beta"]
    assert target.aws is not None
    assert target.aws.accounts == ("111122223333", "444455556666")
    assert all(agent.aws is not None for tenant in target.tenants for agent in tenant.agents)


@pytest.mark.parametrize(("example", "check", "acting"), [
    ("offline/target.yaml", "vault_no_cross_tenant_read", {"beta"}),
    ("aws-offline/target.yaml", "aws_no_cross_tenant_read", {"beta"}),
    ("aws-offline/plan.yaml", "aws_no_cross_tenant_read", {"beta"}),
    ("aws-offline/policies.yaml", "aws_abac_tag_conditions_hold", {"acme", "beta"}),
])  # fmt: skip
def test_each_example_is_whole_and_has_its_mistake(example: str, check: str, acting: set[str]) -> None:
    assert f"examples/{example}" in README
    done = run(f"cred-audit scan examples/{example} --check {check} -f json")
    (result,) = [one for one in json.loads(done.stdout)["results"] if one["check"]["id"] == check]
    assert done.returncode == 1
    assert {one["tenant"] for one in result["findings"] if one["verdict"] == "fail"} == acting
    assert not [one for one in result["findings"] if one["verdict"] == "unknown"]


def test_the_make_targets_of_the_docs_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`?make ([a-z]+)", README + contributing)) - {"and"}
    assert {"demo", "test"} <= named
    for name in named:
        assert re.search(rf"^{name}:", makefile, re.MULTILINE), name
