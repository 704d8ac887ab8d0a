"""Service control policies limit the accounts that belong to tenants.

Why: in an account of its own a tenant's agent is held by the policies of that account alone, which whoever
administers it can write. What must never happen is denied from above, or not at all.
How: the policies attached to each tenant's account and to every unit above it are read; it fails where none does
more than allow everything, for the management account and for an account that is in no organization.
Fix: attach a service control policy to the tenants' organizational unit: no leaving the organization, no switching
off of logs, no sharing of secrets and keys with other accounts.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Skip, Snapshot
from cred_audit.claims.aws.upkeep import judge_guardrails, tenants_accounts

SEVERITY = Severity.MEDIUM
NEEDS = ("aws",)
MAPS_TO = ("NIST AC-3", "NIST AC-6", "NIST CM-7", "ISO27001 A.8.2", "SOC2 CC6.1", "SOC2 CC5.2", "PCI A1.1.1")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each account that a tenant owns."""
    if not tenants_accounts(snapshot):
        raise Skip("the target names no account that is a tenant's own")
    yield from judge_guardrails(snapshot)
