"""No agent holds a managed policy of AWS that opens all secrets, parameters or keys.

Why: AWS writes its managed policies for one owner of an account. They name no tenant and no tag, so they open
everybody's things, and AWS may add to them at any time.
How: each managed policy of AWS that an agent's role, user or groups have attached is decided by its text alone, on a
secret, a parameter and a key that are not there yet. Names of policies do not count; a text not seen is unknown.
Fix: attach policies of your own that name the tenant's folder or compare its tag.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.broad import judge_broad_policies

SEVERITY = Severity.MEDIUM
NEEDS = ("aws",)
MAPS_TO = ("NIST AC-6", "ISO27001 A.8.2", "SOC2 CC6.3", "PCI 7.2.1", "CWE-732")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each managed policy of AWS that an agent holds."""
    yield from judge_broad_policies(snapshot)
