"""Database connections name the roles that may use them.

Why: with `*`, whoever may write a role gets a login to every tenant's database through the same connection.
How: every connection of every database engine is read; it fails where an entry of allowed_roles is a star alone.
Fix: name the roles in allowed_roles.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_engine_objects, words

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-6", "SOC2 CC6.1", "PCI 7.2.5")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each database connection."""
    fix = "name the roles in allowed_roles"
    yield from judge_engine_objects(snapshot, frozenset({"database"}), frozenset({"config"}), _faults, fix)


def _faults(connection: Mapping[str, Any]) -> Iterator[str]:
    if any(set(name) == {"*"} for name in words(connection.get("allowed_roles"))):
        yield "any role may use it"
