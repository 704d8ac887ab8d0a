"""Servers without an audit device."""

from dataclasses import replace

import hvac

from cred_audit.check import Verdict
from cred_audit.demo.server import running_server
from cred_audit.facts import AuditDevice, Snapshot
from tests.checks.real import findings, of, read, snapshot_of, world_of, worst

DEVICE = 'audit "file" "log" { options = { file_path = "discard" } }'


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


def test_a_server_without_a_device_fails() -> None:
    whole = snapshot(None)
    assert of(findings(__file__, whole), Verdict.FAIL) == ["sys/audit"]
    assert worst(findings(__file__, blind(whole))) is Verdict.UNKNOWN


def test_a_server_with_a_device_passes() -> None:
    whole = snapshot()
    assert of(findings(__file__, whole), Verdict.PASS) == ["sys/audit"]
    assert worst(findings(__file__, blind(whole))) is Verdict.UNKNOWN
