"""No agent can turn itself into a principal that reaches another tenant in AWS.

Why: whoever may tag a secret, write a policy, assume a role, pass one to a service or change a function's code needs
no grant on a secret: one or two ordinary requests later the agent holds everything that it gave itself.
How: from each agent every way to another principal is followed (roles with session tags of its choosing, trust and
permissions policies, boundaries, users, roles passed to services, new principals), each request decided as AWS
decides it and the last one for the principal that was reached; and everything is judged of which an agent may change
the tags, policies or grants, with the keys that encrypt it, whoever they belong to. A FAIL carries the whole chain.
Fix: keep iam: and sts: actions, tagging and policy changes out of agents' policies; where a role must be assumed, pin
the session tags in its trust policy (`aws:RequestTag` equal to `aws:PrincipalTag`), and bind agents with a permissions
boundary or service control policy that denies changes of tags, policies and roles.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.takeover import judge_aws_takeovers

SEVERITY = Severity.CRITICAL
NEEDS = ("aws",)
MAPS_TO = (
    "GDPR 32(1)(b)", "SOC2 CC6.1", "SOC2 CC6.3", "ISO27001 A.8.2", "NIST AC-3", "NIST AC-6", "PCI 7.2.5",
    "OWASP ASI03", "CWE-269", "ATTACK T1098",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge every chain of requests that starts with an agent's own principal."""
    yield from judge_aws_takeovers(snapshot)
