"""Groups hold members of their own namespace only.

Why: with one identity store for all namespaces, a group of one tenant's namespace can name an entity of another.
How: the server's configuration is read; it fails where the option that joins the identity stores is on.
Fix: remove unsafe_cross_namespace_identity from the server's configuration.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_options

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "NIST AC-4(21)", "SOC2 CC6.1", "PCI A1.1.1", "CWE-653")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge the server's options."""
    options = {"unsafe_cross_namespace_identity": "groups can hold entities of other namespaces"}
    yield from judge_options(snapshot, options, "remove the option from the server's configuration", product="openbao")
