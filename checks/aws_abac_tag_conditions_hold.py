"""Every tag condition of an AWS policy tells the tenants apart.

Why: where all tenants share one role or one account, a condition on a tag is the only wall between them. One word
(`IfExists`, `ForAllValues`, a star, a missing Version) takes it down and looks like care in review.
How: each statement with a condition on tags is decided, with all other policies of each agent, on everything that
other tenants own, and on what could be: a thing without the tag, with an empty one, with a name that nobody has yet.
What another statement stops is no finding; a FAIL carries the request that gets past.
Fix: `StringEquals` of `aws:ResourceTag/KEY` with `${aws:PrincipalTag/KEY}`, under Version 2012-10-17, in every
statement that allows the action, and no second statement that allows it without.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.conditions import judge_tag_conditions

SEVERITY = Severity.HIGH
NEEDS = ("aws",)
MAPS_TO = (
    "GDPR 32(1)(b)", "SOC2 CC6.1", "SOC2 CC6.3", "ISO27001 A.8.3", "NIST AC-3", "NIST AC-4(21)", "NIST AC-6",
    "PCI A1.1.2", "OWASP ASI03", "CWE-863",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each statement with a condition on tags."""
    yield from judge_tag_conditions(snapshot)
