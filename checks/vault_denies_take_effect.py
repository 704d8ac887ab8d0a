"""Every deny of a policy stops what it names, in every form of a request.

Why: a deny wins for its own pattern only. A clause of higher priority passes it, and an object that answers to
several paths is denied under one of them; the carve-out looks safe in review.
How: the region of each deny is decided, like a territory, against all the policies of each agent that carries
it, over all paths at once; an allow that is written inside the denied region is taken as an exception on purpose.
Fix: grant narrowly instead of denying; where a deny stays, repeat it for each folder of the engine and end it in `/*`.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.denies import Denies
from cred_audit.claims.policytext import (
    agents_unseen,
    auth_methods_unseen,
    judge_clauses,
    mounts_unseen,
    versions_unseen,
)

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "NIST AC-6", "ISO27001 A.5.18", "SOC2 CC6.3", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each clause that denies."""
    yield from judge_clauses(
        snapshot,
        Denies(snapshot).faults,
        breaks="denies something that still gets through",
        fix="grant narrowly instead of denying, or repeat the deny for each folder of the engine",
        doubts=(
            *mounts_unseen(snapshot),
            *auth_methods_unseen(snapshot),
            *versions_unseen(snapshot),
            *agents_unseen(snapshot),
        ),
    )
