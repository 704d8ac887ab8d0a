"""The tags that tell tenants apart in AWS can be believed.

Why: where policies compare tags, whoever may set a tag decides who owns a secret: an agent can take another tenant's,
slip its own into another tenant's, or take the guard off.
How: each agent is asked for every deciding tag: on things of its own and of others, off them, on new things, on its
own role or user, with the key spelled as it is on the thing, since values of `aws:TagKeys` count with case. The tags
of all things are compared with their names and with the other territories of the target.
Fix: let nobody but the platform tag; where agents must, pin `aws:RequestTag/KEY` to `${aws:PrincipalTag/KEY}` and list
the other keys in `aws:TagKeys`. Tag every secret when it is made.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.tags import judge_tags

SEVERITY = Severity.HIGH
NEEDS = ("aws",)
MAPS_TO = (
    "NIST AC-3", "NIST AC-6", "NIST AC-16", "ISO27001 A.5.13", "SOC2 CC6.1", "SOC2 CC6.3", "OWASP ASI03", "CWE-863",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each agent's power over tags, and the tags of each region's things."""
    yield from judge_tags(snapshot)
