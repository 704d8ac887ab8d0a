"""Roles that identity providers open name the users and the clients that may use them.

Why: a provider signs tokens for all its users: every repository, every pod of the cluster, every guest of the pool.
Where the trust policy names none, a token of any of them makes a session of the role, with its tenant's secrets.
How: for each role that trusts an OIDC or SAML provider, Cognito or EKS Pod Identity, a token with a user, then with
an audience, that no policy names is decided; patterns of users are judged by what is fixed in them.
Fix: `StringEquals` on the provider's `sub` and `aud`; for pods the namespace and service account, for repositories
owner, name and branch; for Cognito the pool and `authenticated`.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.federation import judge_web_identities
from cred_audit.claims.aws.sight import Part, judged_with

SEVERITY = Severity.HIGH
NEEDS = ("aws",)
MAPS_TO = ("NIST IA-9", "NIST AC-3", "SOC2 CC6.1", "PCI 8.6", "CWE-863", "CWE-287")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role that an identity provider opens."""
    nothing = "no role trusts an identity provider; IAM read in full"
    yield from judged_with(snapshot, (Part.ROLES,), judge_web_identities(snapshot), nothing, together=False)
