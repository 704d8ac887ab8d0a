"""No mount is shown to callers that have not logged in.

Why: names of mounts tell who is a customer and which engines hold their credentials.
How: the settings of every secrets engine and auth method are read; it fails where the mount is listed for callers
without a token.
Fix: tune the mount with listing_visibility=hidden.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_each, tuned

SEVERITY = Severity.LOW
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "SOC2 CC6.1", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each mount's settings."""
    fix = "tune the mount with listing_visibility=hidden"
    yield from judge_each(snapshot, tuned(snapshot), _faults, fix, "no mount; sys/mounts and sys/auth read in full")


def _faults(tune: Mapping[str, Any]) -> Iterator[str]:
    if tune.get("listing_visibility") == "unauth":
        yield "callers without a token are shown its path and type"
