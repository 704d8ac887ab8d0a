"""Every request to Vault is written to an audit device.

Why: without one nobody can tell afterwards which agent read whose credential, and no breach can be bounded.
How: the list of audit devices is read; it fails where there is none.
Fix: declare an audit device in the server's configuration (OpenBao) or enable one (Vault), and ship what it writes.
"""

from collections.abc import Iterator

from cred_audit.check import Evidence, Finding, Severity, Snapshot, Verdict
from cred_audit.claims.survey import unseen

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = (
    "NIST AU-2", "NIST AU-3", "NIST AU-12", "ISO27001 A.8.15", "SOC2 CC7.2", "PCI A1.2.1", "PCI 10.2",
    "HIPAA 164.312(b)",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge the list of audit devices."""
    if snapshot.vault is None or snapshot.vault.audit_devices is None:
        yield unseen("sys/audit", snapshot)
        return
    devices = snapshot.vault.audit_devices
    shows = (
        f"{len(devices)} audit devices: {', '.join(device.path for device in devices[:5])}" if devices else "no device"
    )
    yield Finding(
        verdict=Verdict.PASS if devices else Verdict.FAIL,
        subject="sys/audit",
        summary=f"The server has {shows}.",
        evidence=(Evidence(where="sys/audit", shows=shows),),
        fix=None if devices else "declare an audit device in the server's configuration",
    )
