"""No agent in AWS waits for a name or a tag that another tenant's secret may get.

Why: a pattern such as `secret:acme*` is harmless until there is a tenant acme-corp, and `StringEqualsIfExists` until
somebody forgets a tag. Nobody looks at the policies again on that day.
How: for each agent, every name that its statements tell apart, with every value of the tags that they look at, is
decided for a secret, parameter or folder that is not there yet, is not in the tenant's territory and carries none of
its marks (its id, its tags). Statements that already reach something are left to the aws_no_cross_tenant_* checks.
Fix: end name patterns with a separator before the star, and compare tags with `StringEquals` alone.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.latent import judge_latent

SEVERITY = Severity.LOW
NEEDS = ("aws",)
MAPS_TO = (
    "GDPR 32(1)(b)", "SOC2 CC6.1", "SOC2 CC6.3", "ISO27001 A.8.3", "NIST AC-3", "NIST AC-6", "PCI A1.1.2",
    "OWASP ASI03", "CWE-863",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each agent against what may come."""
    yield from judge_latent(snapshot)
