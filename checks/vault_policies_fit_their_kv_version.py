"""Policies for KV secrets are written for the version of their mount.

Why: version 2 puts `data/`, `metadata/`, `delete/` ... between the mount and the name. A clause without them
matches nothing there, so a deny of that form stops nothing, and an upgrade of the mount changes what clauses mean.
How: the path of each clause on a KV mount is compared with the version of the mount.
Fix: write the clause with the folders of version 2, one for each that is meant; or without them for version 1.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.policytext import judge_clauses, mounts_unseen, versions_unseen
from cred_audit.claims.routing import Routing

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "NIST AC-6", "SOC2 CC6.3", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each clause on a KV mount."""
    yield from judge_clauses(
        snapshot,
        Routing(snapshot).other_version,
        breaks="is written for the other version of its KV mount",
        fix="write the clause for the version of the mount",
        doubts=(*mounts_unseen(snapshot), *versions_unseen(snapshot)),
    )
