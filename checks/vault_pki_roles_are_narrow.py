"""PKI roles issue names of one tenant only.

Why: who may ask for any name can present itself as any other tenant's service.
How: every role of every pki engine is read; it fails on allow_any_name, on globs and other names that hold
everything (`*` in domains, URIs, other names or user ids), and on names from a template whose value may hold globs.
Fix: set allowed_domains to the tenant's own domain, with allow_glob_domains and allow_any_name off.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_engine_objects, words

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST SC-12", "NIST AC-6", "SOC2 CC6.1")

_OTHER = {"allowed_uri_sans": "any URI", "allowed_other_sans": "any other name", "allowed_user_ids": "any user id"}
_EVERYTHING = re.compile(r"(?:[a-z][a-z0-9+.-]*://|[0-9.]+;utf-?8:)?\*+", re.IGNORECASE)
"""A star alone, behind the scheme of a URI, or behind the type of another name."""


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each PKI role."""
    fix = "set allowed_domains to the tenant's own domain and switch allow_any_name and allow_glob_domains off"
    yield from judge_engine_objects(snapshot, frozenset({"pki"}), frozenset({"roles"}), _faults, fix)


def _faults(role: Mapping[str, Any]) -> Iterator[str]:
    if role.get("allow_any_name"):
        yield "it issues any name"
    globs = bool(role.get("allow_glob_domains"))
    if globs and any(set(domain) <= {"*", "."} for domain in words(role.get("allowed_domains"))):
        yield "its glob of domains holds every name"
    for field, everything in _OTHER.items():
        if any(_EVERYTHING.fullmatch(value) for value in words(role.get(field))):
            yield f"it issues {everything}"
    # A server that does not know the last option inserts the value as it is.
    if globs and role.get("allowed_domains_template") and role.get("allow_globs_in_identity_templates", True):
        yield "a value of the requester's identity may hold a glob of domains"
