"""Certificate roles name the clients that may log in.

Why: tenants that share a certificate authority can each present a certificate that it signed.
How: every role of every cert auth method is read; it fails where no name is asked for, or only `*`.
Fix: set allowed_common_names or allowed_dns_sans to the tenant's own name.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.survey import judge_auth_roles

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-9", "NIST AC-3", "SOC2 CC6.1")

_BINDINGS = (
    "allowed_common_names", "allowed_dns_sans", "allowed_email_sans", "allowed_names", "allowed_organizational_units",
    "allowed_uri_sans", "required_extensions",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each certificate role."""
    fix = "set allowed_common_names or allowed_dns_sans to the tenant's own name"
    yield from judge_auth_roles(snapshot, frozenset({"cert"}), _faults, fix)


def _faults(role: Mapping[str, Any]) -> Iterator[str]:
    bound = [value for name in _BINDINGS for value in role.get(name) or ()]
    if not bound:
        yield "any certificate of its authority may log in"
    elif all(set(str(value)) <= {"*"} for value in bound):
        yield "the only name that it asks for is `*`"
