"""No agent can read another tenant's secrets in Vault.

Why: an agent that is taken over by a prompt uses the rights that it has. Whatever it may read is lost.
How: for each agent, all its policies together are decided over every path of every other tenant's
territory at once, as the server decides them. A FAIL carries a request that the server lets through.
Fix: grant the tenant's own folder only, with the slash before the star, or a template such as
`secret/data/{{identity.entity.metadata.tenant}}/*` whose value the tenant cannot choose.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.isolation import judge_reach
from cred_audit.decide.vault.territory import OperationClass

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = (
    "GDPR 32(1)(b)", "SOC2 CC6.1", "SOC2 CC6.3", "ISO27001 A.8.3", "NIST AC-3", "NIST AC-4(21)", "NIST AC-6",
    "PCI A1.1.2", "PCI 7.2.5", "OWASP ASI03", "CWE-863", "ATTACK T1555.006",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each agent against everything that is not its tenant's."""
    yield from judge_reach(snapshot, OperationClass.READ, "read")
