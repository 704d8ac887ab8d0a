"""No mount passes headers of requests to its engine, or headers of the engine to the caller.

Why: a header that is passed on carries a caller's other credentials into the engine, and one that comes back can
set cookies or forge answers at whoever asks on the tenant's behalf.
How: the settings of every secrets engine and auth method are read; it fails where headers are passed on.
Fix: tune the mount with empty passthrough_request_headers and allowed_response_headers, or accept the finding
where the engine needs them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_each, tuned, words

SEVERITY = Severity.LOW
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-4", "SOC2 CC6.1")

_KEYS = ("passthrough_request_headers", "allowed_response_headers")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each mount's settings."""
    fix = f"tune the mount with empty {_KEYS[0]} and {_KEYS[1]}"
    yield from judge_each(snapshot, tuned(snapshot), _faults, fix, "no mount; sys/mounts and sys/auth read in full")


def _faults(tune: Mapping[str, Any]) -> Iterator[str]:
    for name in _KEYS:
        headers = words(tune.get(name))
        if headers:
            yield f"{name} holds {', '.join(headers[:5])}"
