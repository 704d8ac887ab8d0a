"""Each tenant's secrets are encrypted with customer keys.

Why: AWS's own key for Secrets Manager or Parameter Store lets everybody of the account decrypt through the service:
it has no policy of yours, so it is no second door behind the secret's, and nobody can take it away.
How: the key of every secret and SecureString parameter of a tenant is looked up. Whether a customer key serves one
tenant only is the claim of `aws_keys_are_per_tenant`.
Fix: name a customer key of the tenant's own as the secret's KmsKeyId.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.keys import judge_customer_keys
from cred_audit.claims.aws.sight import Part, judged_with

SEVERITY = Severity.LOW
NEEDS = ("aws",)
MAPS_TO = ("GDPR 32(1)(a)", "NIST SC-12", "NIST SC-28", "ISO27001 A.8.24", "SOC2 CC6.1", "PCI 3.6-3.7")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each tenant's secrets."""
    parts = (Part.SECRETS, Part.PARAMETERS, Part.KEYS, Part.TAGS)
    nothing = "no tenant has a secret or an encrypted parameter; both read in full"
    yield from judged_with(snapshot, parts, judge_customer_keys(snapshot), nothing)
