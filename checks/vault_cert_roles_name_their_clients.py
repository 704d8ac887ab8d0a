"""Certificate roles name the clients that may log in.

Why: tenants that share a certificate authority can each present a certificate that it signed.
How: every role of every cert auth method is read; all its kinds of names must match, one value of each is
enough. It fails where no kind of name is asked for, or each kind accepts `*`.
Fix: set allowed_common_names or allowed_dns_sans to the tenant's own name.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_auth_roles, words

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-9", "NIST AC-3", "SOC2 CC6.1", "CWE-863")

_BINDINGS = (
    "allowed_common_names", "allowed_dns_sans", "allowed_email_sans", "allowed_names", "allowed_organizational_units",
    "allowed_uri_sans",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each certificate role."""
    fix = "set allowed_common_names or allowed_dns_sans to the tenant's own name"
    yield from judge_auth_roles(snapshot, frozenset({"cert"}), _faults, fix)


def _faults(role: Mapping[str, Any]) -> Iterator[str]:
    kinds = [values for name in _BINDINGS if (values := words(role.get(name)))]
    # Of the required extensions, each `oid:value` must match.
    kinds += [(value.partition(":")[2],) for value in words(role.get("required_extensions"))]
    if not kinds:
        yield "any certificate of its authority may log in"
    elif all(any(not value.strip("*") for value in values) for values in kinds):
        yield "every name that it asks for may be any"
