"""No agent can list or read the metadata of another tenant's secrets in Vault.

Why: names of secrets and folders tell who else is a customer, which providers it uses and what to ask for.
How: LIST, SCAN and reads of metadata are decided over every other tenant's territory and over the folders
that hold it.
Fix: grant list on the tenant's own folder only, written with its final slash, never on its parent.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.isolation import judge_reach
from cred_audit.decide.vault.territory import OperationClass

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("GDPR 32(1)(b)", "SOC2 CC6.3", "NIST AC-3", "NIST AC-6", "PCI A1.1.2", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each agent against everything that is not its tenant's."""
    yield from judge_reach(snapshot, OperationClass.LIST, "list")
