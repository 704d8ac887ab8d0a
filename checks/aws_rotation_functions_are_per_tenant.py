"""A function that rotates secrets serves one tenant, and no other tenant's agent can change or call it.

Why: a rotation function reads and writes what it rotates. One for all tenants holds all their secrets in its role,
and whoever changes its code, or sends it an event that names another secret, acts with that role.
How: the function of every tenant's secret is looked up, with its role; it fails where functions or roles are shared
by tenants, where the role reads another tenant's secret (decided over all of them), and where an agent of another
tenant may update, configure or invoke the function. The function's own policy is not read.
Fix: a function and a role for each tenant, out of every agent's reach.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.rotation import judge_rotation_functions
from cred_audit.claims.aws.sight import Part, judged_with

SEVERITY = Severity.HIGH
NEEDS = ("aws",)
MAPS_TO = (
    "NIST AC-3", "NIST AC-6", "NIST IA-5", "ISO27001 A.8.2", "SOC2 CC6.1", "SOC2 CC6.3", "PCI 7.2.5", "OWASP ASI03",
    "CWE-653",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each function that rotates secrets, and each agent."""
    parts = (Part.ROLES, Part.SECRETS, Part.PARAMETERS, Part.KEYS, Part.FUNCTIONS, Part.TAGS)
    nothing = "no function rotates a tenant's secret; secrets read in full"
    yield from judged_with(snapshot, parts, judge_rotation_functions(snapshot), nothing)
