"""Each example of a check's page: the broken document breaks the claim on its small platform, the mended one holds."""

import json
import re
import textwrap
from typing import Any

import pytest

from cred_audit import cli
from cred_audit.bundled import bundled
from cred_audit.catalog import load_checks
from cred_audit.facts import Snapshot
from cred_audit.finding import Verdict
from cred_audit.render.example import Example, example_of, shown
from cred_audit.target.model import Agent, AwsPrincipal, AwsTerritory
from tests import aws_lab as lab
from tests.checks.judged import judged

IDS = sorted(file.stem for file in (bundled("checks") / "examples").glob("*.json"))
NEEDED = {
    "aws_abac_tag_conditions_hold", "aws_keys_are_per_tenant", "aws_no_cross_tenant_list", "aws_no_cross_tenant_read",
    "aws_no_cross_tenant_write", "aws_no_takeover_path", "aws_session_tags_are_pinned", "aws_tags_are_trustworthy",
    "aws_trust_needs_external_id",
}  # fmt: skip


def filled(part: Any, document: Any) -> Any:
    """Return a part of the world with the document in its place."""
    if part == "HERE":
        return document
    if isinstance(part, dict):
        return {name: filled(value, document) for name, value in part.items()}
    return [filled(value, document) for value in part] if isinstance(part, list) else part


def platform(check_id: str, which: str) -> Snapshot:
    """Return the small platform of an example around its broken or mended document."""
    found = json.loads((bundled("checks") / "examples" / f"{check_id}.json").read_text("utf-8"))
    world = filled(found["world"], found[which])
    assert json.dumps(world) != json.dumps(found["world"])
    accounts = [account(number, fields) for number, fields in world["accounts"].items()]
    return lab.snapshot(accounts, [tenant(name, fields) for name, fields in world["tenants"].items()])


def account(number: str, fields: Any) -> Any:
    roles = []
    for name, role in fields.get("roles", {}).items():
        more = {"trust": json.dumps(role["trust"])} if "trust" in role else {}
        documents = [json.dumps(role["policy"])] if "policy" in role else []
        roles.append(lab.role(name, *documents, account=number, tags=role.get("tags", {}), **more))
    return lab.account(
        id=number, roles=roles, keys=[lab.key(name, account=number) for name in fields.get("keys", ())],
        secrets=list(secrets(number, fields.get("secrets", ()))),
    )  # fmt: skip


def secrets(number: str, fields: Any) -> Any:
    if isinstance(fields, dict):
        for path, secret in fields.items():
            owner, _, name = path.partition("/")
            yield lab.secret(owner, name, account=number, key=secret["KmsKeyId"])
        return
    for secret in fields:
        if isinstance(secret, str):
            yield lab.secret(secret, account=number)
        else:
            yield lab.secret(secret["owner"], secret["name"], account=number, tags=secret["tags"])


def tenant(name: str, fields: Any) -> Any:
    territory = None
    if "account" in fields:
        territory = [AwsTerritory(account=fields["account"])]
    elif "arns" in fields:
        territory = [AwsTerritory(arns=tuple(fields["arns"]))]
    principal = AwsPrincipal(role=fields["role"], session_tags=fields.get("session_tags", {}))
    return lab.tenant(name, Agent(id=f"{name}-agent", aws=principal), territory=territory)


def test_every_example_is_of_a_check_and_none_is_missing() -> None:
    assert set(IDS) <= {check.id for check in load_checks()}
    assert set(IDS) >= NEEDED


@pytest.mark.parametrize("check_id", IDS)
def test_the_broken_one_fails(check_id: str) -> None:
    assert Verdict.FAIL in {finding.verdict for finding in judged(check_id, platform(check_id, "broken"))}


@pytest.mark.parametrize("check_id", IDS)
def test_the_mended_one_passes(check_id: str) -> None:
    findings = judged(check_id, platform(check_id, "mended"))
    assert findings
    assert {finding.verdict for finding in findings} == {Verdict.PASS}, findings


def test_wide_terminals_show_both_beside_each_other_and_narrow_ones_below() -> None:
    example = Example(of="a policy", differs="One is wider.", broken='{\n "a": 1\n}', mended='{\n "a": 1,\n "b": 2\n}')
    wide, narrow = shown(example, 120), shown(example, 80)
    row = next(line for line in wide.splitlines() if "Broken" in line)
    assert "Mended" in row
    assert re.search(r'^ +\| +"b": 2$', wide, re.MULTILINE)
    assert re.search(r"^  \{ +\{$", wide, re.MULTILINE)
    assert narrow.index("Broken") < narrow.index("Mended")
    assert not any("Broken" in line and "Mended" in line for line in narrow.splitlines())


@pytest.mark.parametrize("width", [40, 80, 100, 133, 500])
@pytest.mark.parametrize("check_id", IDS)
def test_both_documents_are_shown_whole_and_fit(check_id: str, width: int) -> None:
    example = example_of(check_id)
    assert example is not None
    text = shown(example, width)
    if width < 100:
        assert all(textwrap.indent(document, "    ") in text for document in (example.broken, example.mended))
        return
    column = (min(width, 160) - 7) // 2
    rows = text.splitlines()
    assert max(map(len, rows)) <= min(width, 160)
    start = next(number for number, row in enumerate(rows) if row.startswith("  ---")) + 1
    left = "".join(row[2 : 2 + column] for row in rows[start:])
    right = "".join(row[5 + column :] for row in rows[start:])
    assert ["".join(part.split()) for part in (left, right)] == [
        "".join(part.split()) for part in (example.broken, example.mended)
    ]


def test_explain_prints_the_page_and_the_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    assert cli.run(["explain", "aws_no_cross_tenant_read"]) == 0
    page = capsys.readouterr().out
    assert page.index("\nFix\n") < page.index("\nExample\n") < page.index("Broken")
    assert cli.run(["explain", "vault_no_cross_tenant_read"]) == 0
    assert "\nExample\n" not in capsys.readouterr().out
