"""Roles that agents assume on their way serve one tenant, and none of them administers an account.

Why: agents of several tenants that meet in one role become one principal there: whoever is taken over acts with
all that it reaches. A role with all rights that an agent can assume ends every separation in its account.
How: which roles each agent may assume, also through others, is decided with trust policies as resource policies; for
those that are no tenant's own it is then decided what they reach of anybody's. A role that reaches nothing of a
tenant may be shared.
Fix: a role for each tenant on the way, or none; take the administrator's role out of every agent's reach.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.hops import judge_hops
from cred_audit.claims.aws.sight import Part, judged_with

SEVERITY = Severity.HIGH
NEEDS = ("aws",)
MAPS_TO = (
    "GDPR 32(1)(b)", "SOC2 CC6.1", "SOC2 CC6.3", "ISO27001 A.8.2", "NIST AC-3", "NIST AC-6", "PCI 7.2.5",
    "OWASP ASI03", "CWE-269", "CWE-653", "ATTACK T1548.005",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role on the way of an agent."""
    parts = (Part.ROLES, Part.SECRETS, Part.PARAMETERS, Part.KEYS, Part.TAGS)
    nothing = "no agent acts in AWS and no role administers an account for another; IAM read in full"
    yield from judged_with(snapshot, parts, judge_hops(snapshot), nothing)
