"""Policies are written for mounts that exist.

Why: a clause for a mount that is gone, or was never there, matches whatever is mounted in its place next; a
deny with a misspelt mount stops nothing.
How: the mount that each clause names is looked up in its namespace. Clauses whose mount is a wildcard or a
template are judged by vault_no_wildcard_spans_tenants.
Fix: remove the clause, or correct the mount.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.policytext import auth_methods_unseen, judge_clauses, mounts_unseen
from cred_audit.claims.routing import Routing

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-6", "ISO27001 A.5.18", "SOC2 CC6.3")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each clause that names a mount."""
    yield from judge_clauses(
        snapshot,
        Routing(snapshot).no_mount,
        breaks="names a mount that does not exist",
        fix="remove the clause, or correct the mount that it names",
        doubts=(*mounts_unseen(snapshot), *auth_methods_unseen(snapshot)),
    )
