"""`ask aws` as typed: one question about a snapshot, a batch, and what cannot be typed."""

import json
from pathlib import Path

import pytest

from cred_audit import cli
from cred_audit.snapshot import save
from tests import aws_lab as lab

ACME, BETA = lab.secret("acme").arn, lab.secret("beta").arn


@pytest.fixture
def snapshot(tmp_path: Path) -> str:
    file = tmp_path / "snapshot.json"
    tags = {"Null": {"aws:RequestTag/Team": "false"}}
    facts = lab.shared_role(
        lab.document(
            lab.statement(Condition=lab.EQUAL), lab.statement("secretsmanager:TagResource", Condition=tags)
        )
    )  # fmt: skip
    file.write_text(save(facts), "utf-8")
    return str(file)


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.run(["ask", "aws", *words])
    done = capsys.readouterr()
    return code, done.out, done.err


def test_one_question_is_answered_and_ends_with_0(snapshot: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = asked(capsys, "--snapshot", snapshot, "--agent", "acme-agent", lab.READ, ACME)
    assert (code, out.splitlines()[1]) == (0, "ALLOW: AWS lets this through.")
    code, out, _ = asked(capsys, "--snapshot", snapshot, "--agent", "acme-agent", lab.READ, BETA)
    assert (code, out.splitlines()[1]) == (0, "DENY: AWS refuses this.")


def test_tags_and_context_are_given_as_pairs(snapshot: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--snapshot", snapshot, "--agent", "acme-agent")
    _, out, _ = asked(capsys, *words, lab.READ, BETA, "--resource-tag", "TenantId=acme")
    assert "ALLOW" in out
    _, out, _ = asked(capsys, *words, "secretsmanager:TagResource", ACME, "--request-tag", "Team=x=y")
    assert "ALLOW" in out
    _, out, _ = asked(capsys, *words, lab.READ, ACME, "--context", "aws:SourceIp=10.0.0.1", "--context", "a:b=1")
    assert "ALLOW" in out


@pytest.mark.parametrize(("words", "expected"), [
    (["--agent", "acme-agent", lab.READ], "write TARGET --agent ID ACTION ARN"),
    (["--agent", "acme-agent", lab.READ, ACME, "--context", "key"], "--context 'key': KEY=VALUE is expected"),
    (["--agent", "acme-agent", lab.READ, ACME, "--request-tag", "a=1", "--request-tag", "a=2"], "given twice"),
    (["--agent", "acme-agnt", lab.READ, ACME], "did you mean acme/acme-agent"),
    (["--agent", "acme-agent", lab.READ, ACME, "--requests", "x"], "--requests carries its own rules"),
])  # fmt: skip
def test_what_cannot_be_asked_ends_with_2(
    words: list[str], expected: str, snapshot: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = asked(capsys, "--snapshot", snapshot, *words)
    assert (code, out) == (2, "")
    assert expected in err


def test_a_batch_is_answered_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "requests.ndjson"
    line = {
        "id": 7,
        "principal": f"arn:aws:sts::{lab.ACCOUNT}:assumed-role/agent/run",
        "policies": {"identity": [json.loads(lab.document(lab.statement()))]},
        "request": {"action": lab.READ, "resource": ACME},
    }
    file.write_text(f"{json.dumps(line)}\nnot json\n{json.dumps(line | {'expect': 'DENY'})}\n", "utf-8")
    code, out, _ = asked(capsys, "--requests", str(file))
    answers = [json.loads(text) for text in out.splitlines()]
    assert code == 2
    assert [answer.get("decision") for answer in answers] == ["ALLOW", None, "ALLOW"]
    assert (answers[0]["id"], "error" in answers[1], answers[2]["ok"]) == (7, True, False)
