"""No agent can turn itself into a token that reaches another tenant in Vault.

Why: whoever may write a policy, a role, a password, an identity or a mount needs no grant on a secret: one or
two ordinary requests later the agent holds everything that it gave itself.
How: from each agent's token every way to another token is followed (policies, tokens and token roles, auth
roles and users, entities, aliases and groups, new auth methods, moved mounts, the raw storage), each request
decided as the server decides it, until a token reaches another tenant's territory, or an object that another
tenant stands on can be changed. A FAIL carries the whole chain.
Fix: keep control paths out of agents' policies; let the platform's own principal write policies, roles and
identities, and give agents at most their own AppRole's secret-id path.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.takeover import judge_takeovers

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = (
    "GDPR 32(1)(b)", "SOC2 CC6.1", "SOC2 CC6.3", "ISO27001 A.8.2", "NIST AC-3", "NIST AC-6", "PCI 7.2.5",
    "OWASP ASI03", "CWE-269", "ATTACK T1098",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge every chain of requests that starts with an agent's own token."""
    yield from judge_takeovers(snapshot)
