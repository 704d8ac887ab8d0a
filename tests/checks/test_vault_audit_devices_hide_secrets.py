"""Audit devices that write in clear."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Skip, Verdict
from cred_audit.demo.server import running_server
from cred_audit.facts import AuditDevice, Snapshot
from tests.checks.real import findings, of, read, snapshot_of, world_of, worst

DEVICE = 'audit "file" "log" { options = { file_path = "discard"OPTIONS } }'


def snapshot(options: str | None = "") -> Snapshot:
    """Return what a server with one such device, or with none, answers."""
    with running_server(DEVICE.replace("OPTIONS", options) if options is not None else "") as server:
        admin = hvac.Client(url=server.address, token=server.token)
        devices = (read(admin, "sys/audit") or {}).items()
        whole = snapshot_of(world_of(admin))
    assert whole.vault is not None
    found = tuple(AuditDevice(path=path, type=data["type"], options=data["options"]) for path, data in devices)
    return replace(whole, vault=replace(whole.vault, audit_devices=found))


def blind(whole: Snapshot) -> Snapshot:
    assert whole.vault is not None
    return replace(whole, vault=replace(whole.vault, audit_devices=None))


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ("", Verdict.PASS),
        (', log_raw = "false", hmac_accessor = "true"', Verdict.PASS),
        (', log_raw = "true"', Verdict.FAIL),
        (', hmac_accessor = "false"', Verdict.FAIL),
    ],
)
def test_what_a_device_writes(options: str, verdict: Verdict) -> None:
    whole = snapshot(options)
    found = findings(__file__, whole)
    assert of(found, verdict) == ["sys/audit/log/"]
    assert worst(findings(__file__, blind(whole))) is Verdict.UNKNOWN


def test_without_a_device_it_is_not_called_for() -> None:
    whole = snapshot(None)
    with pytest.raises(Skip, match="read in full"):
        findings(__file__, whole)
