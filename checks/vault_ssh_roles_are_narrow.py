"""SSH roles sign for named users only.

Why: a certificate for any user name logs in as every tenant's user on hosts that trust the authority.
How: every role of every ssh engine is read; it fails where allowed_users is `*`.
Fix: name the tenant's own users in allowed_users.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.survey import judge_engine_objects

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-6", "NIST IA-9", "SOC2 CC6.1")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each SSH role."""
    fix = "name the tenant's own users in allowed_users"
    yield from judge_engine_objects(snapshot, frozenset({"ssh"}), frozenset({"roles"}), _faults, fix)


def _faults(role: Mapping[str, Any]) -> Iterator[str]:
    if "*" in [name.strip() for name in str(role.get("allowed_users") or "").split(",")]:
        yield "it signs for any user name"
