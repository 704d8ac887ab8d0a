"""No agent can change or destroy another tenant's secrets in Vault.

Why: who can overwrite a credential can put its own in place, and who can delete one stops the tenant.
How: create, update, patch, delete, undelete, destroy and changes of metadata are decided over every path
of every other tenant's territory at once, the spellings that reach the same object included.
Fix: grant write capabilities below the tenant's own folder only; prefer narrow allows to broad ones with
denies, since a deny holds for its own spelling of the path.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.isolation import judge_reach
from cred_audit.decide.vault.territory import OperationClass

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = (
    "GDPR 32(1)(b)", "SOC2 CC6.1", "SOC2 CC6.3", "ISO27001 A.8.3", "NIST AC-3", "NIST AC-6", "PCI A1.1.2",
    "PCI 7.2.5", "OWASP ASI03", "CWE-863",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each agent against everything that is not its tenant's."""
    yield from judge_reach(snapshot, OperationClass.WRITE, "change")
