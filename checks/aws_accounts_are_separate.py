"""Accounts that belong to one tenant hold nothing of another and let no other tenant's account in.

Why: an account of one's own is the strongest border that AWS has, as long as nobody else lives in it and no trust,
secret or key policy leads across.
How: for each account that a tenant owns: whether another tenant owns it or things in it, whether another tenant's
agents act in it, and whom the policies of its roles, secrets and keys and the grants of its keys let in, decided.
Fix: one account for each tenant; remove the other accounts from the policies.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Skip, Snapshot
from cred_audit.claims.aws.borders import judge_accounts
from cred_audit.claims.aws.sight import Part, judged_with

SEVERITY = Severity.HIGH
NEEDS = ("aws",)
MAPS_TO = (
    "GDPR 32(1)(b)", "SOC2 CC6.1", "SOC2 CC6.6", "ISO27001 A.8.22", "NIST AC-3", "NIST AC-4(21)", "NIST SC-7(21)",
    "PCI A1.1.1", "CWE-653",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each account that a tenant owns."""
    if not any(part.account for tenant in snapshot.target.tenants for part in tenant.territory.aws):
        raise Skip("the target names no account that is a tenant's own")
    parts = (Part.ROLES, Part.SECRETS, Part.PARAMETERS, Part.KEYS, Part.TAGS)
    yield from judged_with(snapshot, parts, judge_accounts(snapshot), "")
