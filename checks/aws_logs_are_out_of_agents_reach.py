"""No agent can read the records of everybody's calls.

Why: CloudTrail records name every tenant's secrets, roles, keys and habits; one agent that reads them learns them all.
How: for each agent, cloudtrail:LookupEvents and s3:GetObject on the files of each trail, with kms:Decrypt of the
trail's key, are decided. The bucket's own policy is not read: what depends on it is stated as an assumption, and a
bucket in another account is unknown where the agent's own policies allow it.
Fix: keep the logs in an account of their own and CloudTrail's actions out of agents' policies.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Skip, Snapshot
from cred_audit.claims.aws.isolation import aws_isolation
from cred_audit.claims.aws.sight import Part, judged_with
from cred_audit.claims.aws.trails import judge_readers

SEVERITY = Severity.MEDIUM
NEEDS = ("aws",)
MAPS_TO = ("NIST AU-9", "NIST AC-3", "ISO27001 A.8.15", "SOC2 CC6.1", "SOC2 CC7.2", "PCI 10.3", "CWE-200")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each agent against the logs."""
    if not aws_isolation(snapshot).acting:
        raise Skip("the target names no agent in AWS")
    yield from judged_with(snapshot, (Part.TRAILS,), judge_readers(snapshot), "")
