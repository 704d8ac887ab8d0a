"""The server gives nobody its storage or its memory.

Why: the raw endpoint reads the storage of every tenant past all policies of their paths.
How: the server's configuration is read; it fails where the raw storage or the introspection endpoint is on.
Fix: remove raw_storage_endpoint and introspection_endpoint from the server's configuration.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_options

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "NIST AC-6", "SOC2 CC6.1", "CWE-653")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge the server's options."""
    options = {
        "raw_storage_endpoint": "sys/raw reads and writes the storage of every tenant",
        "introspection_endpoint": "sys/internal/inspect shows the routes of every tenant",
    }
    yield from judge_options(snapshot, options, "remove the option from the server's configuration")
