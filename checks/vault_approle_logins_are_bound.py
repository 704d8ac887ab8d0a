"""AppRole logins need a secret that ends and come from known addresses.

Why: a role id alone, or a secret id that never ends, is a static password that leaks once and works for ever.
How: every AppRole role is read; it fails where the secret id is not asked for, where secret ids neither
expire nor run out of uses, and where neither logins nor tokens are bound to an address range, or only to one
that holds every address.
Fix: set bind_secret_id=true, secret_id_ttl, secret_id_num_uses and token_bound_cidrs.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_auth_roles, known, words

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-5", "ISO27001 A.5.17", "PCI 8.6", "SOC2 CC6.1")

_EVERYWHERE = frozenset({"0.0.0.0/0", "::/0"})


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each AppRole role."""
    fix = "set bind_secret_id=true, secret_id_ttl, secret_id_num_uses and token_bound_cidrs"
    yield from judge_auth_roles(snapshot, frozenset({"approle"}), _faults, fix)


def _faults(role: Mapping[str, Any]) -> Iterator[str]:
    if known(role, "bind_secret_id") is not True:
        yield "a login needs no secret id, the role id alone is enough"
    elif not known(role, "secret_id_ttl") and not known(role, "secret_id_num_uses"):
        yield "its secret ids neither expire nor run out of uses"
    ranges = words(role.get("token_bound_cidrs")), words(role.get("secret_id_bound_cidrs"))
    if not any(bound and not _EVERYWHERE & set(bound) for bound in ranges):
        yield "neither its logins nor its tokens are bound to an address range"
