"""No agent can change or delete another tenant's secrets in AWS.

Why: whoever may change a secret can point another tenant's agent to an account of its own, or stop it.
How: for each agent, all policies on both sides are decided over every secret, parameter and key of every other
tenant: new values, versions, rotation, replicas, deletion.
Fix: put writing behind the same tag condition as reading, or leave it to the platform's own role.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.isolation import judge_aws_reach
from cred_audit.decide.aws.estate import ActionClass

SEVERITY = Severity.CRITICAL
NEEDS = ("aws",)
MAPS_TO = (
    "GDPR 32(1)(b)", "SOC2 CC6.1", "SOC2 CC6.3", "ISO27001 A.8.3", "NIST AC-3", "NIST AC-4(21)", "NIST AC-6",
    "PCI A1.1.2", "PCI 7.2.5", "OWASP ASI03", "CWE-863", "ATTACK T1555.006",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each agent against everything that is not its tenant's."""
    yield from judge_aws_reach(snapshot, ActionClass.WRITE, "change")
