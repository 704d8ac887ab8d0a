"""Replicas of AWS secrets have the tags and the policy of their primary.

Why: a replica is a secret of its own to whoever asks in its region. One with other tags belongs to another tenant
there, one without a policy has lost its guard.
How: each replica is compared with its primary: the tags as they are, and the policy as JSON with the region's name
left aside. A replica or primary that was not seen is unknown.
Fix: remove the replica and replicate the secret again, or set its tags and policy by what keeps the primary's.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.replicas import judge_replicas

SEVERITY = Severity.MEDIUM
NEEDS = ("aws",)
MAPS_TO = ("NIST AC-3", "NIST AC-4(21)", "ISO27001 A.8.3", "SOC2 CC6.1", "PCI A1.1.2")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each secret that has replicas."""
    yield from judge_replicas(snapshot)
