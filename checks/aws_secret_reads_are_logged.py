"""Reads of tenants' secrets are recorded in every region that holds some.

Why: without records nobody can tell afterwards which agent read whose secret, and no breach can be bounded.
How: secretsmanager:GetSecretValue and ssm:GetParameter are management events that read. For each region with a
tenant's secrets, a trail of this or of all regions must be switched on and record such events; many record writes
only. One that leaves out the events of KMS records no kms:Decrypt, which opens what was copied before, and fails too.
Fix: one trail of all regions (or the organization's) with read and write management events.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.sight import Part, judged_with
from cred_audit.claims.aws.trails import judge_recording

SEVERITY = Severity.MEDIUM
NEEDS = ("aws",)
MAPS_TO = (
    "NIST AU-2", "NIST AU-12", "ISO27001 A.8.15", "SOC2 CC7.2", "PCI A1.2.1", "PCI 10.2", "HIPAA 164.312(b)", "CWE-778",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each region that holds secrets of tenants."""
    nothing = "no tenant has a secret or an encrypted parameter; both read in full"
    parts = (Part.SECRETS, Part.PARAMETERS, Part.TAGS)
    yield from judged_with(snapshot, parts, judge_recording(snapshot), nothing, together=False)
