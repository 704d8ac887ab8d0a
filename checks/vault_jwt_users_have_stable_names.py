"""JWT and OIDC logins are known by a name that users cannot choose.

Why: the user claim is the name by which Vault knows the login again. Who can give themselves another's name, or
gets an address that was another's, is that user, with its groups and policies; upper and lower case are the same.
How: every role of every jwt and oidc auth method is read; it fails where the user claim is an address or a
display name, which issuers let users choose. A role that is a CEL program is not evaluated: UNKNOWN.
Fix: set user_claim to sub, or to another id that the issuer gives out once.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import Incomplete, judge_auth_roles, known

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-9", "SOC2 CC6.1", "CWE-863")

_CHOSEN = frozenset({
    "email", "family_name", "given_name", "middle_name", "name", "nickname", "phone_number", "preferred_username",
    "profile", "unique_name", "upn", "username", "website",
})  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role of the jwt and oidc auth methods."""
    fix = "set user_claim to sub, or to another id that the issuer gives out once"
    yield from judge_auth_roles(snapshot, frozenset({"jwt", "oidc"}), _faults, fix)


def _faults(role: Mapping[str, Any]) -> Iterator[str]:
    if "cel_program" in role:
        raise Incomplete("a CEL program names the user, and it is not evaluated here")
    claim = str(known(role, "user_claim"))
    if claim.rsplit("/", 1)[-1].lower() in _CHOSEN:
        yield f"the user is named by the claim {claim}"
