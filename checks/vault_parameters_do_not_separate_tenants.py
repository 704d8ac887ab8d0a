"""No policy relies on parameter limits that other forms of the same request pass.

Why: allowed and denied parameters compare the fields of a request as sent; the engine reads more forms than
the policy compares, so a limit that looks like a wall lets the value through in another form.
How: every clause with allowed or denied parameters is read; it fails where the limit compares values of a field
that also takes lists, or has an older name that is not limited too, where it names fields that the path does
not have (the secret's own fields in KV version 2, the batch form of transit), compares numbers, or stands on
operations for which no parameter is looked at.
Fix: give each tenant a path of its own (a role, a key, a folder) instead of a value of a parameter.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.parameters import Parameters
from cred_audit.claims.policytext import judge_clauses

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "NIST AC-6", "SOC2 CC6.3", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each clause with parameter limits."""
    fix = "separate by path: one role, key or folder per tenant"
    faults = Parameters(snapshot).faults
    yield from judge_clauses(snapshot, faults, breaks="relies on a parameter limit that other forms pass", fix=fix)
