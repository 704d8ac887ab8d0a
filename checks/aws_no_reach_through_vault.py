"""No agent gets to what another tenant owns in AWS through Vault's AWS engine.

Why: whoever may ask Vault for credentials of an AWS role is that role; a policy of Vault that names one role too
many opens another tenant's account, whatever the agent's own AWS role may do.
How: for each agent with a Vault principal, the requests for credentials that its Vault policies allow are decided,
and what each role of the engine gives (a session, a user, a federated user) is decided over everybody's things in
AWS. A FAIL carries the request to Vault and the request to AWS.
Fix: make a role of the engine per tenant, name it in full in the tenant's Vault policy, and limit it in AWS by the
tenant's tag.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.joint.through_vault import judge_reach_through_vault

SEVERITY = Severity.CRITICAL
NEEDS = ("vault", "aws")
MAPS_TO = (
    "GDPR 32(1)(b)", "SOC2 CC6.1", "SOC2 CC6.3", "ISO27001 A.8.3", "NIST AC-3", "NIST AC-4(21)", "NIST AC-6",
    "PCI A1.1.2", "PCI 7.2.5", "OWASP ASI03", "CWE-863", "ATTACK T1555.006",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each agent's way from Vault into AWS."""
    yield from judge_reach_through_vault(snapshot)
