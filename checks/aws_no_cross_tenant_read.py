"""No agent can read another tenant's secrets in AWS.

Why: an agent that is taken over by a prompt uses the rights that it has. Whatever it may read is lost.
How: for each agent, all policies on both sides (its own, its boundary, the organization's, the resource's, the
key's) are decided over every secret, parameter and key of every other tenant, and over every value of what nobody
knows. A FAIL carries a request that AWS would let through, with its whole context.
Fix: compare the resource's tag with the principal's (`StringEquals`, no `IfExists`, no `ForAllValues`), keep both
tags out of the agent's reach, and end name patterns with a separator before the star.
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
    yield from judge_aws_reach(snapshot, ActionClass.READ, "read")
