"""Every policy that a token, role, entity or group names exists.

Why: the server skips a name without a policy, and the name becomes live on the day somebody writes a policy of
that name: whoever may create policies then chooses what its holders can do.
How: the names on tokens, auth roles, token roles, entities, groups and the target's agents are compared with
the policies of their namespace.
Fix: remove the name, or write the policy.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.named import judge_names

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-2", "NIST AC-6", "ISO27001 A.5.18", "SOC2 CC6.3")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each name in each namespace."""
    yield from judge_names(snapshot)
