"""Kubernetes roles accept only the tokens that were made for Vault.

Why: without an audience, a service account's token that some other service received is a login here.
How: every role of every kubernetes auth method is read; it fails without an audience.
Fix: set audience, and mount a projected token with that audience into the workload.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_auth_roles

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-9", "SOC2 CC6.1", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role of the kubernetes auth methods."""
    fix = "set audience, and give the workload a projected token with that audience"
    yield from judge_auth_roles(snapshot, frozenset({"kubernetes"}), _faults, fix)


def _faults(role: Mapping[str, Any]) -> Iterator[str]:
    # The server leaves the field out when it is empty.
    if not role.get("audience"):
        yield "tokens made for another audience are accepted"
