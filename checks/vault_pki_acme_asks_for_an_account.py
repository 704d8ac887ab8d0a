"""PKI engines that answer to ACME ask for an account that the server gave out.

Why: ACME needs no token of the server. Without external account binding, whoever reaches the server and passes
a challenge gets a certificate, and no policy is asked.
How: the ACME configuration of every pki engine is read; it fails where ACME is on and eab_policy asks for no
account.
Fix: set eab_policy to always-required and a default_directory_policy that names a role, or switch ACME off.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_engine_objects

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-9", "NIST AC-3", "SOC2 CC6.1")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge the ACME configuration of each pki engine."""
    fix = "set eab_policy to always-required, or switch ACME off"
    yield from judge_engine_objects(
        snapshot, frozenset({"pki"}), frozenset({"config"}), _faults, fix, only=frozenset({"acme"})
    )


def _faults(settings: Mapping[str, Any]) -> Iterator[str]:
    if settings.get("enabled") and settings.get("eab_policy") not in ("always-required", "new-account-required"):
        yield "it answers to ACME and asks for no account of the server"
