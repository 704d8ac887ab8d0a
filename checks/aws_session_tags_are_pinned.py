"""Nobody chooses the session tags that decide what an AWS role may touch.

Why: where one role serves all tenants, the tag of its session is the tenant. Whoever may set it is whatever tenant
it likes.
How: for each role of an agent, each principal tag that a policy compares is asked for with another tenant's value,
by everyone whom the role's trust policy lets in, with all of their own policies; a tag that an earlier role's trust
makes transitive cannot be chosen again. What identity providers and AWS's services put in is named as an assumption.
Fix: allow `sts:TagSession` only with `StringEquals` of `aws:RequestTag/KEY` and the caller's own value or the one
tenant's, to as few principals as can be.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.sessions import judge_session_tags

SEVERITY = Severity.HIGH
NEEDS = ("aws",)
MAPS_TO = ("NIST AC-3", "NIST IA-9", "SOC2 CC6.1", "SOC2 CC6.3", "OWASP ASI03", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role of an agent whose principal tags decide something."""
    yield from judge_session_tags(snapshot)
