"""JWT and OIDC roles accept only the tokens of one tenant.

Why: several tenants share one issuer; what a role does not bind, any of them may present.
How: every role of every jwt and oidc auth method is read; it fails on a bound claim that is only `*`, without
bound audiences, and where claims from the token choose the policies.
Fix: bind the audience and a claim that only the tenant's own issuer sets; never template policies from claims.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.survey import judge_auth_roles

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-9", "NIST AC-3", "SOC2 CC6.1", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role of the jwt and oidc auth methods."""
    fix = "set bound_audiences and a bound claim that only this tenant's issuer can set"
    yield from judge_auth_roles(snapshot, frozenset({"jwt", "oidc"}), _faults, fix)


def _faults(role: Mapping[str, Any]) -> Iterator[str]:
    claims = role.get("bound_claims")
    if isinstance(claims, Mapping) and role.get("bound_claims_type") == "glob":
        for name, wanted in sorted(claims.items()):
            values = wanted if isinstance(wanted, list | tuple) else (wanted,)
            if any(set(str(value)) <= {"*"} for value in values):
                yield f"the bound claim {name} accepts any value"
    if not role.get("bound_audiences"):
        yield "a token without an audience is accepted"
    if role.get("token_policies_template_claims"):
        yield "claims of the token choose the policies"
