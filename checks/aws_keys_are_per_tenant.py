"""No customer key encrypts secrets of several tenants.

Why: where one key encrypts what several tenants hold, the key separates nobody: one statement on it, one grant, one
mistake in its policy opens all of them, and it cannot be disabled for one alone.
How: the key of every secret and SecureString parameter of a tenant is looked up; it fails for a customer key behind
those of two tenants. What AWS's own key encrypts is the claim of `aws_secrets_have_customer_keys`.
Fix: a key for each tenant, and its secrets encrypted again with it.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.keys import judge_keys
from cred_audit.claims.aws.sight import Part, judged_with

SEVERITY = Severity.HIGH
NEEDS = ("aws",)
MAPS_TO = (
    "GDPR 32(1)(a)", "NIST SC-12", "NIST SC-28", "NIST AC-4(21)", "ISO27001 A.8.24", "SOC2 CC6.1", "PCI 3.6-3.7",
    "CWE-653",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each customer key that encrypts a tenant's secrets."""
    parts = (Part.SECRETS, Part.PARAMETERS, Part.KEYS, Part.TAGS)
    nothing = "no customer key encrypts a tenant's secret or parameter; both read in full"
    yield from judged_with(snapshot, parts, judge_keys(snapshot), nothing)
