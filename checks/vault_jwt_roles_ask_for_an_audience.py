"""JWT roles accept only the tokens that were made for Vault.

Why: without a bound audience, a token that the issuer made for some other service is a login here.
How: every role of every jwt and oidc auth method is read; one of type jwt fails without bound audiences. A role
of type oidc is bound to the client id by the protocol.
Fix: set bound_audiences.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_auth_roles, known, words

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-9", "SOC2 CC6.1", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role of the jwt and oidc auth methods."""
    yield from judge_auth_roles(snapshot, frozenset({"jwt", "oidc"}), _faults, "set bound_audiences")


def _faults(role: Mapping[str, Any]) -> Iterator[str]:
    is_jwt = "cel_program" in role or known(role, "role_type") != "oidc"
    if is_jwt and not words(known(role, "bound_audiences")):
        yield "a token without an audience is accepted"
