"""Tenants' secrets change on their schedule, or every 90 days.

Why: a secret that leaked unnoticed works until it changes. One that never changes works for ever.
How: of each secret the rotation and the last change are read, of each SecureString parameter the last change; it
fails where the schedule's days have passed since the last rotation, or 90 days since the last change of what has no
rotation. That secrets share a schedule is no fault. Replicas and what a service manages are left out.
Fix: switch rotation on for each secret, with a function of the tenant's own.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.sight import Part, judged_with
from cred_audit.claims.aws.upkeep import judge_rotation

SEVERITY = Severity.LOW
NEEDS = ("aws",)
MAPS_TO = ("NIST IA-5(1)", "NIST SC-12", "ISO27001 A.5.17", "SOC2 CC6.1", "PCI 8.6.3")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each tenant's secrets."""
    nothing = "no tenant has a secret or an encrypted parameter; both read in full"
    yield from judged_with(snapshot, (Part.SECRETS, Part.PARAMETERS, Part.TAGS), judge_rotation(snapshot), nothing)
