"""JWT and OIDC roles accept only the tokens of one tenant.

Why: several tenants share one issuer; what a role does not bind, any of them may present.
How: every role of every jwt and oidc auth method is read; it fails where it binds neither the subject nor a
claim, the audience alone included, and where a bound claim accepts any value. A role that is a CEL program is
not evaluated: UNKNOWN.
Fix: bind the subject, or a claim that only the tenant's own issuer sets.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import Incomplete, judge_auth_roles, known

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-9", "NIST AC-3", "SOC2 CC6.1", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role of the jwt and oidc auth methods."""
    fix = "set bound_subject or a bound claim that only this tenant's issuer can set"
    yield from judge_auth_roles(snapshot, frozenset({"jwt", "oidc"}), _faults, fix)


def _faults(role: Mapping[str, Any]) -> Iterator[str]:
    if "cel_program" in role:
        raise Incomplete("a CEL program decides who may log in, and it is not evaluated here")
    claims = known(role, "bound_claims") or {}
    if not isinstance(claims, Mapping):
        raise Incomplete("its bound claims cannot be read")
    narrow = bool(known(role, "bound_subject"))
    for name, wanted in sorted(claims.items()):
        values = wanted if isinstance(wanted, list | tuple) else (wanted,)
        if known(role, "bound_claims_type") == "glob" and any(not str(value).strip("*") for value in values):
            yield f"the bound claim {name} accepts any value"
        else:
            narrow = True
    if not narrow:
        yield "neither the subject nor a claim is bound: whoever gets a token of this issuer may log in"
