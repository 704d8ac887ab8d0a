"""Roles that AWS services assume are bound to their own account's resources.

Why: a service acts for whoever configures it: without a limit on the source, somebody else's resource can make it
use this role (the confused deputy across services).
How: for each role of an agent or tenant that trusts a service, the request of that service for a resource of another
account and organization is decided. Services that send no source, such as Lambda and EC2, are left out.
Fix: `aws:SourceAccount` and `aws:SourceArn` in the trust policy.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.services import judge_services
from cred_audit.claims.aws.sight import Part, judged_with

SEVERITY = Severity.LOW
NEEDS = ("aws",)
MAPS_TO = ("NIST AC-3", "NIST AC-4", "ISO27001 A.8.3", "SOC2 CC6.1", "CWE-441")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role that a service may assume."""
    nothing = "no role of an agent or tenant trusts a service that sends its source; IAM read in full"
    yield from judged_with(snapshot, (Part.ROLES, Part.TAGS), judge_services(snapshot), nothing, together=False)
