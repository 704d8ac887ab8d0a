"""Audit devices write no secret in clear.

Why: with raw values, whoever reads the log, or the place it is shipped to, reads every tenant's secrets; with raw
accessors, they can revoke every tenant's tokens.
How: the options of every audit device are read; it fails with log_raw, and with hmac_accessor switched off.
Fix: remove log_raw and hmac_accessor from the device's options, and rotate what the log holds.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import is_on, judge_each, unseen

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST AU-3", "NIST SC-28", "ISO27001 A.8.15", "SOC2 CC6.1", "PCI 10.2", "CWE-532")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each audit device."""
    if snapshot.vault is None or snapshot.vault.audit_devices is None:
        yield unseen("sys/audit", snapshot)
        return
    items = [(f"sys/audit/{device.path}", device.options) for device in snapshot.vault.audit_devices]
    fix = "remove log_raw and hmac_accessor from the device's options"
    yield from judge_each(snapshot, items, _faults, fix, "no audit device; sys/audit read in full")


def _faults(options: Mapping[str, Any]) -> Iterator[str]:
    if is_on(options.get("log_raw")):
        yield "it writes values in clear (log_raw)"
    if "hmac_accessor" in options and not is_on(options["hmac_accessor"]):
        yield "it writes accessors of tokens in clear (hmac_accessor)"
