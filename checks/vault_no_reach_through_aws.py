"""No agent gets to another tenant's secrets in Vault by a login with its AWS role.

Why: Vault's AWS auth method turns an AWS role into a Vault token; a bound that ends in a star, or names one role for
several tenants, lets an agent in as somebody else, whatever its own Vault policies say.
How: for each agent with an AWS principal, the roles of the AWS auth methods whose bounds let it in are found, and what
their policies reach of other tenants is decided. A FAIL carries the login and the request that follows it.
Fix: bind each auth role to one AWS role by its full ARN, and give it the policies of that role's tenant only.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.joint.through_aws import judge_reach_through_aws

SEVERITY = Severity.CRITICAL
NEEDS = ("vault", "aws")
MAPS_TO = (
    "GDPR 32(1)(b)", "SOC2 CC6.1", "SOC2 CC6.3", "ISO27001 A.8.3", "NIST AC-3", "NIST AC-4(21)", "NIST AC-6",
    "PCI A1.1.2", "PCI 7.2.5", "OWASP ASI03", "CWE-863", "ATTACK T1555.006",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each agent's way from AWS into Vault."""
    yield from judge_reach_through_aws(snapshot)
