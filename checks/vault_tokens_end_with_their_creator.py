"""Tokens that tokens make end with the token that made them.

Why: an orphan outlives the revocation of whoever made it: what a hijacked agent made for itself stays.
How: every token that can be listed is looked up; it fails where it is an orphan that another token made. Tokens
of logins are orphans by nature and hold the claim.
Fix: take auth/token/create-orphan, and sudo on auth/token/create, out of the policies; set orphan=false at roles.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_tokens, known, words
from cred_audit.decide.vault.model import Namespace

SEVERITY = Severity.LOW
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-5", "NIST AC-6", "SOC2 CC6.1")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each live token."""
    yield from judge_tokens(snapshot, _faults, "revoke these tokens and make new ones that are no orphans")


def _faults(_namespace: Namespace, token: Mapping[str, Any]) -> Iterator[str]:
    made = str(known(token, "path")).startswith("auth/token/")
    if made and known(token, "orphan") and "root" not in words(known(token, "policies")):
        yield "it is an orphan that another token made"
