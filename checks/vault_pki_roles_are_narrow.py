"""PKI roles issue names of one tenant only.

Why: who may ask for any name can present itself as any other tenant's service.
How: every role of every pki engine is read; it fails on allow_any_name, on glob domains with a star alone,
and on no restriction of domains at all.
Fix: set allowed_domains to the tenant's own domain, with allow_glob_domains and allow_any_name off.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.survey import judge_engine_objects

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST SC-12", "NIST AC-6", "SOC2 CC6.1")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each PKI role."""
    fix = "set allowed_domains to the tenant's own domain and switch allow_any_name and allow_glob_domains off"
    yield from judge_engine_objects(snapshot, frozenset({"pki"}), frozenset({"roles"}), _faults, fix)


def _faults(role: Mapping[str, Any]) -> Iterator[str]:
    if role.get("allow_any_name"):
        yield "it issues any name"
    domains = [str(domain) for domain in role.get("allowed_domains") or ()]
    if role.get("allow_glob_domains") and any(set(domain) <= {"*"} for domain in domains):
        yield "its glob of domains holds every name"
