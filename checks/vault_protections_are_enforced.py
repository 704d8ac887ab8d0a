"""Every protection that a policy asks for is enforced by the server.

Why: a clause that asks for a second factor, an approval or small pages and gets none of it looks safe in review
and is an ordinary grant.
How: every clause with mfa_methods, a control group or a pagination limit is read; it fails on mfa_methods (which
OpenBao parses and never asks for), on a control group that another clause of the same pattern displaces because
it is merged first, and on a pagination limit where the server lists everything at once.
Fix: enforce the second factor by a login enforcement; give a control group a pattern of its own; separate what
must not be listed by path.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.policytext import judge_clauses
from cred_audit.claims.protections import Protections

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "NIST AC-5", "NIST AC-3(2)", "SOC2 CC6.3", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each clause that asks for a protection."""
    protections = Protections(snapshot)
    fix = "drop the key and enforce the protection where the server does: a login enforcement, a pattern of its own"
    yield from judge_clauses(snapshot, protections.faults, breaks="asks for a protection that is not enforced", fix=fix)
