"""No statement of an AWS policy spans several tenants.

Why: a statement that covers more than one tenant's things keeps them apart only as long as every Deny beside it
holds, and it opens each new tenant on the day it arrives.
How: each Allow of each agent, with its Resource and its conditions, is decided alone over everybody's secrets,
parameters and keys, whatever other statements deny, and over names that only begin or end like the tenant's own:
`secret:acme*` covers `acme-corp`, too.
Fix: name the tenant's folder and put the separator before the star (`secret:acme/*`), or compare the thing's tag with
the principal's.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.patterns import judge_patterns

SEVERITY = Severity.MEDIUM
NEEDS = ("aws",)
MAPS_TO = (
    "NIST AC-3", "NIST AC-6", "ISO27001 A.5.18", "ISO27001 A.8.2", "SOC2 CC6.3", "PCI 7.2.1", "PCI 7.2.2", "CWE-863",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each statement that allows an agent something."""
    yield from judge_patterns(snapshot)
