"""No agent can list another tenant's secrets in AWS.

Why: names, descriptions and tags tell who the other tenants are, what they use and what to ask for next.
How: for each agent, every action that gives metadata is decided over every secret, parameter and key of every other
tenant; ListSecrets and DescribeParameters take no resource, so whoever may call them sees the whole account.
Fix: do not grant account-wide lists to agents; tell them the ARNs that they need.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.isolation import judge_aws_reach
from cred_audit.decide.aws.estate import ActionClass

SEVERITY = Severity.MEDIUM
NEEDS = ("aws",)
MAPS_TO = (
    "GDPR 32(1)(b)", "SOC2 CC6.1", "SOC2 CC6.3", "ISO27001 A.8.3", "NIST AC-3", "NIST AC-4(21)", "NIST AC-6",
    "PCI A1.1.2", "PCI 7.2.5", "OWASP ASI03", "CWE-863", "ATTACK T1555.006",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each agent against everything that is not its tenant's."""
    yield from judge_aws_reach(snapshot, ActionClass.LIST, "list")
