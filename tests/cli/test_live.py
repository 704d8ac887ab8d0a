"""The commands against a real server: collect, scan, confirm, init, and the demo."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import hvac
import jsonschema_rs
import pytest

from cred_audit.demo.server import RunningServer
from cred_audit.render.result_schema import result_schema

ROOT = Path(__file__).parents[2]
POLICIES = {
    "acme": 'path "secret/data/*" {\n  capabilities = ["read"]\n}\n'
    'path "secret/data/acme/*" {\n  capabilities = ["read"]\n}\n',
    "beta": 'path "secret/data/beta/*" {\n  capabilities = ["read"]\n}\n',
}
TARGET = """schema: 1
name: live
tenants:
  - id: acme
    agents: [{id: acme-agent, vault: {role: auth/approle/role/acme}}]
    territory: {vault: [{kv: secret, prefix: acme/}]}
  - id: beta
    agents: [{id: beta-agent, vault: {role: auth/approle/role/beta}}]
    territory: {vault: [{kv: secret, prefix: beta/}]}
vault: {}
"""
READ = "vault_no_cross_tenant_read"


@pytest.fixture(scope="module")
def tokens(admin: Any) -> dict[str, str]:
    """Build the platform and log each agent in."""
    admin.sys.enable_auth_method("approle")
    found = {}
    for tenant, policy in POLICIES.items():
        admin.sys.create_or_update_policy(tenant, policy)
        admin.write_data(f"auth/approle/role/{tenant}", data={"token_policies": [tenant], "secret_id_ttl": "1h"})
        admin.secrets.kv.v2.create_or_update_secret(
            f"{tenant}/x", {"key": f"{tenant}-canary-4711"}, mount_point="secret"
        )
        role = admin.read(f"auth/approle/role/{tenant}/role-id")["data"]["role_id"]
        secret = admin.write_data(f"auth/approle/role/{tenant}/secret-id", data={})["data"]["secret_id"]
        login = admin.write_data("auth/approle/login", data={"role_id": role, "secret_id": secret})
        found[tenant] = login["auth"]["client_token"]
    return found


@pytest.fixture
def target(tmp_path: Path) -> Path:
    file = tmp_path / "target.yaml"
    file.write_text(TARGET, encoding="utf-8")
    return file


def cred_audit(
    bao: RunningServer, *arguments: str | Path, token: str | None = None
) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("VAULT_", "BAO_"))}
    environ |= {"VAULT_ADDR": bao.address, "VAULT_TOKEN": token or bao.token, "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "cred_audit", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False, env=environ, cwd=ROOT,
    )  # fmt: skip


def findings(result: dict[str, Any], check: str, verdict: str) -> list[dict[str, Any]]:
    return [
        finding
        for each in result["results"]
        if each["check"]["id"] == check
        for finding in each["findings"]
        if finding["verdict"] == verdict
    ]


def test_a_scan_finds_the_break_and_its_witness_gets_through(
    bao: RunningServer, tokens: dict[str, str], target: Path
) -> None:
    done = cred_audit(bao, "scan", target, "-f", "json")
    assert done.returncode == 1, done.stderr
    result = json.loads(done.stdout)
    jsonschema_rs.validator_for(result_schema()).validate(result)
    (finding,) = findings(result, READ, "fail")
    assert (finding["tenant"], finding["reaches"]) == ("acme", ["beta"])
    witness = finding["witness"]
    assert witness["path"].startswith("secret/data/beta/")
    agent = hvac.Client(url=bao.address, token=tokens["acme"])
    answer = agent.session.get(f"{bao.address}/v1/{witness['path']}", headers={"X-Vault-Token": tokens["acme"]})
    assert answer.status_code in (200, 404)
    assert [each["tenant"] for each in findings(result, READ, "pass")] == ["beta"]
    for output in (done.stdout, done.stderr):
        assert "canary-4711" not in output
        assert bao.token not in output


def test_confirm_asks_the_server_and_marks_the_finding(
    bao: RunningServer, tokens: dict[str, str], target: Path
) -> None:
    assert tokens
    result = json.loads(cred_audit(bao, "scan", target, "--confirm", "-f", "json", "--check", READ).stdout)
    (finding,) = findings(result, READ, "fail")
    assert finding["confirmed"] is True


def test_a_snapshot_gives_the_same_verdicts_without_a_network(
    bao: RunningServer, tokens: dict[str, str], target: Path, tmp_path: Path
) -> None:
    assert tokens
    file = tmp_path / "snapshot.json"
    done = cred_audit(bao, "collect", target, "-o", file)
    assert done.returncode == 0, done.stderr
    assert "canary-4711" not in file.read_text(encoding="utf-8")
    assert bao.token not in file.read_text(encoding="utf-8")
    nowhere = RunningServer(address="http://127.0.0.1:9", token="none")
    offline = json.loads(cred_audit(nowhere, "scan", "--snapshot", file, "-f", "json").stdout)
    live = json.loads(cred_audit(bao, "scan", target, "-f", "json").stdout)
    assert offline["summary"] == live["summary"]


def test_the_auditor_policy_that_is_printed_suffices(
    bao: RunningServer, admin: hvac.Client, tokens: dict[str, str], target: Path, tmp_path: Path
) -> None:
    assert tokens
    printed = cred_audit(bao, "collect", target, "--print-policy")
    assert printed.returncode == 0, printed.stderr
    admin.sys.create_or_update_policy("auditor", printed.stdout)
    auditor = admin.auth.token.create(policies=["auditor"], no_default_policy=True)["auth"]["client_token"]
    file = tmp_path / "snapshot.json"
    done = cred_audit(bao, "collect", target, "-o", file, token=auditor)
    assert done.returncode == 0, done.stderr
    secret = admin.session.get(f"{bao.address}/v1/secret/data/beta/x", headers={"X-Vault-Token": auditor})
    assert secret.status_code == 403


def test_a_token_without_rights_gives_unknown_and_never_a_pass(
    bao: RunningServer, admin: hvac.Client, tokens: dict[str, str], target: Path
) -> None:
    assert tokens
    admin.sys.create_or_update_policy("mounts", 'path "sys/mounts" {\n  capabilities = ["read"]\n}\n')
    blind = admin.auth.token.create(policies=["mounts"])["auth"]["client_token"]
    done = cred_audit(bao, "scan", target, "-f", "json", token=blind)
    result = json.loads(done.stdout)
    assert done.returncode == 3, done.stderr
    assert result["gaps"]
    assert not findings(result, READ, "pass")
    assert not findings(result, READ, "fail")


def test_an_expired_token_and_a_silent_port_perform_no_audit(bao: RunningServer, target: Path) -> None:
    for server, words in (
        (RunningServer(address=bao.address, token="s.gone"), "token"),
        (RunningServer(address="http://127.0.0.1:9", token="x"), "refused"),
        (RunningServer(address=bao.address, token=_powerless(bao)), "may read nothing"),
    ):
        done = cred_audit(server, "scan", target)
        assert done.returncode == 2
        assert "no audit was performed" in done.stderr
        assert words in done.stderr
        assert done.stdout == ""


def _powerless(bao: RunningServer) -> str:
    client = hvac.Client(url=bao.address, token=bao.token)
    return str(client.auth.token.create(policies=["default"])["auth"]["client_token"])


def test_init_proposes_the_tenants_of_a_server(bao: RunningServer, tokens: dict[str, str], tmp_path: Path) -> None:
    assert tokens
    file = tmp_path / "proposed.yaml"
    done = cred_audit(bao, "init", "--yes", "-o", file)
    assert done.returncode == 0, done.stderr
    text = file.read_text(encoding="utf-8")
    assert "id: acme" in text
    assert "id: beta" in text
    assert cred_audit(bao, "validate", file).returncode == 0


def test_the_demo_ends_with_0_and_leaves_nothing_behind(bao: RunningServer, tmp_path: Path) -> None:
    file = tmp_path / "demo.html"
    done = cred_audit(bao, "demo", "-o", file)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("BROKEN: ")
    assert file.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert cred_audit(bao, "demo", "--exit-code", "-o", file).returncode == 1
    running = subprocess.run(["/bin/ps", "ax", "-o", "args"], capture_output=True, text=True, check=True).stdout
    assert "cred-audit-" not in running
