"""No claim of a login's token chooses the policies that the login gets.

Why: whoever can have a claim written into a token, or register a name at the issuer, picks another tenant's policy.
How: every role of every jwt and oidc auth method is read; it fails where policies are templates of claims. A
role that is a CEL program makes its policies from claims and is not evaluated: UNKNOWN.
Fix: write one role per tenant with fixed policies, bound to what only this tenant's tokens carry.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import Incomplete, is_on, judge_auth_roles

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "NIST IA-9", "SOC2 CC6.1", "SOC2 CC6.3", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role of the jwt and oidc auth methods."""
    fix = "set token_policies_template_claims=false and write one role per tenant with fixed policies"
    yield from judge_auth_roles(snapshot, frozenset({"jwt", "oidc"}), _faults, fix)


def _faults(role: Mapping[str, Any]) -> Iterator[str]:
    if "cel_program" in role:
        raise Incomplete("a CEL program makes the policies, and it is not evaluated here")
    # Servers without the field have no such templates.
    if is_on(role.get("token_policies_template_claims")):
        yield "claims of the token choose the policies"
