"""The policies of a tenant's secrets and keys let in nobody but that tenant.

Why: a resource's own policy grants whatever the roles' policies say: one star, one account or one role that tenants
share in it opens the secret past every tag condition.
How: for each secret with a policy and each customer key of a tenant, whom it lets in is decided with stand-ins of
those that it names: anyone, another account, everybody in its account, a role that other tenants' agents act with;
KMS grants are looked at too. A public policy is stopped by `BlockPublicPolicy`, a named account is not.
Fix: name the tenant's own role as Principal, and nothing else.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.borders import judge_resource_policies
from cred_audit.claims.aws.sight import Part, judged_with

SEVERITY = Severity.HIGH
NEEDS = ("aws",)
MAPS_TO = (
    "GDPR 32(1)(b)", "SOC2 CC6.1", "SOC2 CC6.3", "ISO27001 A.8.3", "NIST AC-3", "NIST AC-4(21)", "NIST AC-6",
    "PCI A1.1.2", "OWASP ASI03", "CWE-732", "CWE-863",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each policy of a tenant's secret or key."""
    parts = (Part.SECRETS, Part.PARAMETERS, Part.KEYS, Part.TAGS)
    nothing = "no secret of a tenant has a policy and no customer key serves one; secrets and keys read in full"
    yield from judged_with(snapshot, parts, judge_resource_policies(snapshot), nothing)
