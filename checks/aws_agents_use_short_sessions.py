"""Agents act in AWS with sessions of a few hours, not with access keys.

Why: whoever steals an agent's credentials has them until they end. An access key of a user never ends.
How: the maximum session duration of each agent's role is read, and the access keys of each agent's user; it fails
above four hours and for any access key.
Fix: a role with `MaxSessionDuration` of an hour instead of a user; delete the user's keys.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Skip, Snapshot
from cred_audit.claims.aws.isolation import aws_isolation
from cred_audit.claims.aws.upkeep import judge_sessions

SEVERITY = Severity.MEDIUM
NEEDS = ("aws",)
MAPS_TO = ("NIST IA-5", "NIST AC-12", "ISO27001 A.5.17", "SOC2 CC6.1", "PCI 8.6.3", "CWE-613", "ATTACK T1078.004")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each agent's role or user."""
    if not aws_isolation(snapshot).acting:
        raise Skip("the target names no agent in AWS")
    yield from judge_sessions(snapshot)
