"""How the program starts and ends: what it imports, and which exit code means what."""

import os
import re
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cred_audit import __version__, cli

ROOT = Path(__file__).parents[2]
HEAVY = ("hvac", "boto3", "botocore", "jinja2", "yaml", "requests", "httpx", "pydantic", "rich", "msgspec")


def cred_audit(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cred_audit", *arguments],
        capture_output=True, text=True, timeout=120, check=False, cwd=ROOT, env={**os.environ, **environ},
    )  # fmt: skip


def imported(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "cred_audit", *arguments],
        capture_output=True, text=True, timeout=120, check=False, cwd=ROOT,
    )  # fmt: skip
    return {row.rpartition("|")[2].strip() for row in done.stderr.splitlines() if row.startswith("import time:")}


def test_the_version_is_answered_before_typer_is_imported() -> None:
    modules = imported("--version")
    assert "cred_audit" in modules
    assert not modules & {*HEAVY, "typer", "cred_audit.cli"}
    assert cred_audit("--version").stdout == f"cred-audit {__version__}\n"


def test_help_imports_nothing_heavy() -> None:
    modules = imported("--help")
    assert "typer" in modules
    assert not modules & {*HEAVY, "cred_audit.audit", "cred_audit.facts"}


def test_a_scan_of_files_imports_no_client_of_a_server() -> None:
    modules = imported("scan", "examples/offline/target.yaml")
    assert "cred_audit.audit" in modules
    assert not modules & {"hvac", "requests", "boto3", "botocore", "jinja2", "httpx"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan", "--no-such-option"],
        ["no-such-command"],
        ["scan"],
        ["scan", "no-such-file.yaml"],
        ["scan", "examples/offline/target.yaml", "--fail-on", "sometimes"],
        ["scan", "examples/offline/target.yaml", "--check", "vault_no_such_check"],
        ["scan", "examples/offline/target.yaml", "-f", "papyrus"],
        ["scan", "examples/offline/target.yaml", "-o", "report.papyrus"],
        ["scan", "examples/offline/target.yaml", "--tenant", "nobody"],
        ["scan", "examples/offline/target.yaml", "--checks-dir", "no-such-folder"],
        ["scan", "--snapshot", "README.md"],
        ["scan", "--snapshot", "README.md", "--confirm"],
        ["scan", "examples/offline/target.yaml", "--baseline", "README.md"],
        ["report", "README.md"],
        ["explain", "vault_no_such_check"],
        ["collect", "examples/offline/target.yaml"],
        ["validate", "README.md"],
        ["ask", "vault"],
        ["ask", "vault", "examples/offline/target.yaml", "--agent", "nobody", "read", "x"],
        ["ask", "vault", "--requests", "no-such-file"],
        ["init", "-o", "README.md"],
    ],
)
def test_what_cannot_run_ends_with_2_and_one_message(arguments: list[str]) -> None:
    done = cred_audit(*arguments)
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_a_scan_that_cannot_run_says_that_no_audit_was_performed() -> None:
    assert "no audit was performed" in cred_audit("scan", "no-such-file.yaml").stderr


def test_a_crash_does_not_look_like_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("secret-looking text")

    monkeypatch.setattr(cli, "_target", crash)
    monkeypatch.delenv("CRED_AUDIT_DEBUG", raising=False)
    assert cli.run(["scan", "target.yaml"]) == 2
    error = capsys.readouterr().err
    assert "internal error, no audit was performed: RuntimeError" in error
    assert "secret-looking text" not in error


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_target", interrupted)
    assert cli.run(["scan", "target.yaml"]) == 130


CALLER = (
    b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    b"<Arn>arn:aws:iam::111122223333:user/auditor</Arn><Account>111122223333</Account>"
    b"</GetCallerIdentityResult></GetCallerIdentityResponse>"
)


class Silent(BaseHTTPRequestHandler):
    """Tells who calls, and answers nothing else."""

    asked = threading.Event()
    done = threading.Event()

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        if b"GetCallerIdentity" not in self.rfile.read(int(self.headers["Content-Length"])):
            self.asked.set()
            self.done.wait(60)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CALLER)))
        self.end_headers()
        self.wfile.write(CALLER)


HEARING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background of a shell it is ignored
from cred_audit.__main__ import main
main()
"""


def test_ctrl_c_waits_for_no_answer_of_a_server(tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    target = tmp_path / "target.yaml"
    target.write_text(
        "schema: 1\nname: x\ntenants: [{id: a}]\n"
        f'aws: {{regions: [us-east-1], endpoint_url: "http://127.0.0.1:{server.server_port}"}}\n'
    )
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "none", "NO_PROXY": "127.0.0.1"}
    scan = subprocess.Popen(
        [sys.executable, "-c", HEARING, "scan", str(target)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env={**os.environ, **keys},
    )  # fmt: skip
    try:
        assert Silent.asked.wait(30)
        scan.send_signal(signal.SIGINT)
        out, err = scan.communicate(timeout=10)
    finally:
        scan.kill()
        Silent.done.set()
        server.shutdown()
        server.server_close()
    assert (scan.returncode, out, err) == (130, b"", b"")


def test_a_closed_pipe_is_quiet_and_keeps_the_verdict() -> None:
    command = f"{sys.executable} -m cred_audit scan examples/offline/target.yaml -f json; echo $? >&2"
    reader = "exec 3>&1; { " + command + "; } | true"
    shell = ["/bin/bash", "-c", reader]
    done = subprocess.run(shell, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    assert done.stderr.strip() == "1"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_names_the_program(shell: str) -> None:
    done = cred_audit("completion", shell)
    assert done.returncode == 0
    assert "_CRED_AUDIT_COMPLETE" in done.stdout


def test_completion_offers_the_ids_of_checks() -> None:
    done = cred_audit(
        _CRED_AUDIT_COMPLETE="complete_bash", COMP_WORDS="cred-audit explain vault_no_cross", COMP_CWORD="2",
        _TYPER_COMPLETE_TESTING="1",
    )  # fmt: skip
    assert "vault_no_cross_tenant_read" in done.stdout.split()


def test_what_lies_outside_the_targets_folder_is_read_where_that_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    example = ROOT / "examples" / "aws-offline"
    for name in ("iam", "secrets", "parameters", "organization"):
        (tmp_path / f"{name}.json").write_bytes((example / f"{name}.json").read_bytes())
    target = tmp_path / "inside" / "target.yaml"
    target.write_text(re.sub(r": (\w+\.json)", r": ../\1", (example / "target.yaml").read_text()))
    refused = cred_audit("collect", str(target), "-o", str(tmp_path / "s.json"))
    assert refused.returncode == 2
    assert "--allow-outside" in refused.stderr
    allowed = cred_audit("collect", str(target), "-o", str(tmp_path / "s.json"), "--allow-outside")
    assert allowed.returncode == 0, allowed.stderr
    assert "0 gaps" in allowed.stderr
