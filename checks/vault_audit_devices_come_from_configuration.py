"""Audit devices come from the server's configuration, not from a request.

Why: who may write sys/audit can send a copy of everything to a place of their choice, or make a file on the host.
How: the server's configuration is read; it fails where devices may be made through the API.
Fix: remove unsafe_allow_api_audit_creation and declare the devices in the configuration.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_options

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("NIST AU-12", "NIST AC-6", "ISO27001 A.8.15", "SOC2 CC7.2")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge the server's option."""
    options = {"unsafe_allow_api_audit_creation": "audit devices can be made through the API"}
    fix = "remove the option and declare audit devices in the server's configuration"
    yield from judge_options(snapshot, options, fix, product="openbao")
