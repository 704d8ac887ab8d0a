"""What AWS policies say can apply: their actions, keys and resources fit together.

Why: AWS takes a policy with a misspelt action or a condition key that the action never carries, and ignores it: an
Allow that never applies, a Deny that never bites, a condition that always holds.
How: each statement that binds an agent or stands on a thing is compared with AWS's Service Authorization Reference
and with the tags that there are. Each finding says whether the text lets more through than it seems to (opens), or
less (closes, which is no leak but no protection either).
Fix: use an action that exists, a condition key that it carries, and `*` as Resource where it takes none; write
Version 2012-10-17 where there are variables.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.fitting import judge_fitting

SEVERITY = Severity.MEDIUM
NEEDS = ("aws",)
MAPS_TO = ("NIST AC-3", "NIST AC-6", "ISO27001 A.5.18", "SOC2 CC6.3", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each statement of each policy."""
    yield from judge_fitting(snapshot)
