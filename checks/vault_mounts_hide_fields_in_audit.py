"""No mount takes fields of requests and answers out of the hashing of the audit log.

Why: a field that is not hashed stands in the log in clear, for every tenant that uses the mount.
How: the settings of every secrets engine and auth method are read; it fails where fields are exempt.
Fix: tune the mount with empty audit_non_hmac_request_keys and audit_non_hmac_response_keys.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_each, tuned, words

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("NIST AU-3", "NIST SC-28", "ISO27001 A.8.15", "SOC2 CC6.1", "CWE-532")

_KEYS = ("audit_non_hmac_request_keys", "audit_non_hmac_response_keys")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each mount's settings."""
    fix = f"tune the mount with empty {_KEYS[0]} and {_KEYS[1]}"
    yield from judge_each(snapshot, tuned(snapshot), _faults, fix, "no mount; sys/mounts and sys/auth read in full")


def _faults(tune: Mapping[str, Any]) -> Iterator[str]:
    for name in _KEYS:
        fields = words(tune.get(name))
        if fields:
            yield f"{name} holds {', '.join(fields[:5])}"
