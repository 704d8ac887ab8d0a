"""Auth methods for people ask for a second factor.

Why: people run the platform: one password of an administrator opens every tenant.
How: every auth method for people (userpass, ldap, radius, okta, github, oidc, saml) that no declared agent logs
in through is judged; it fails where its namespace enforces no login with a second factor. What an enforcement
covers is not read: UNKNOWN.
Fix: write identity/mfa/login-enforcement for the method, or ask for the second factor at the issuer and accept the
finding with that reason.
"""

from collections.abc import Iterator

from cred_audit.check import Evidence, Finding, Severity, Skip, Snapshot, Verdict
from cred_audit.claims.agents import login_of
from cred_audit.claims.isolation import isolation
from cred_audit.claims.survey import unseen
from cred_audit.decide.vault.model import AuthMount, Namespace

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-5", "SOC2 CC6.1", "ISO27001 A.8.5", "PCI 8.4")

_FOR_PEOPLE = frozenset({"userpass", "ldap", "radius", "okta", "github", "oidc", "saml"})


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each auth method for people."""
    asked = isolation(snapshot)
    principals = [agent.vault for tenant in snapshot.target.tenants for agent in tenant.agents if agent.vault]
    machines = {(each.namespace, mount.path) for each in principals if (mount := login_of(asked, each)) is not None}
    seen = not asked.world.namespaces_complete
    if seen:
        yield unseen("sys/namespaces", snapshot)
    for namespace in asked.world.namespaces:
        if namespace.auth_mounts is None:
            seen = True
            yield unseen(f"{namespace.path}sys/auth", snapshot)
        for mount in namespace.auth_mounts or ():
            if mount.type in _FOR_PEOPLE and (namespace.path, mount.path) not in machines:
                seen = True
                yield _judged(snapshot, namespace, mount)
    if not seen:
        raise Skip("no auth method for people; sys/auth read in full")


def _judged(snapshot: Snapshot, namespace: Namespace, mount: AuthMount) -> Finding:
    where = f"{namespace.path}auth/{mount.path}"
    rules = f"{namespace.path}identity/mfa/login-enforcement"
    if namespace.mfa_enforcements is None:
        return unseen(rules, snapshot)
    count = len(namespace.mfa_enforcements)
    shows = f"{count} enforcements are there; whether one covers {where} was not read" if count else "it is empty"
    return Finding(
        verdict=Verdict.UNKNOWN if count else Verdict.FAIL,
        subject=where,
        summary=f"{where} is for people: {rules}: {shows}.",
        evidence=(Evidence(where=rules, shows=shows),),
        fix=None if count else f"write {rules} with auth_method_accessors={mount.accessor}",
    )
