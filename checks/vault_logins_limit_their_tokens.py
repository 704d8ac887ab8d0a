"""Every login and token role sets an end to the tokens that it gives.

Why: without a limit of its own, a token lives as long as the server allows at most, 32 days; with a period, for
as long as somebody renews it.
How: every role is read, with its auth method; it fails with a period, and where neither the role nor the method
sets a maximum.
Fix: set token_max_ttl or token_explicit_max_ttl to what a run of the agent needs, and leave token_period empty.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Skip, Snapshot
from cred_audit.claims.survey import Incomplete, judge, logins
from cred_audit.decide.vault.model import AuthMount

SEVERITY = Severity.LOW
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-5", "SOC2 CC6.1", "ISO27001 A.5.17", "PCI 8.6.3")

_SYSTEM = 32 * 24 * 3600
"""Seconds: the server's own limit, which a method without one shows as its own."""


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role that gives tokens."""
    seen = False
    fix = "set token_max_ttl or token_explicit_max_ttl, and no token_period"
    for where, mount, data in logins(snapshot):
        seen = True

        def faults(role: Mapping[str, Any], mount: AuthMount | None = mount) -> Iterator[str]:
            return _faults(role, mount)

        yield judge(snapshot, where, data, faults, fix)
    if not seen:
        raise Skip("no role gives tokens; the auth methods and token roles were read in full")


def _faults(role: Mapping[str, Any], mount: AuthMount | None) -> Iterator[str]:
    ends = any(role.get(name) for name in ("token_explicit_max_ttl", "explicit_max_ttl"))
    if (role.get("token_period") or role.get("period")) and not ends:
        yield "its tokens have a period and can be renewed for ever"
    elif not ends and not role.get("token_max_ttl"):
        if mount is not None and mount.tune is None:
            raise Incomplete("the limit of its auth method was not seen")
        limit = mount.tune.get("max_lease_ttl") if mount is not None and mount.tune is not None else 0
        if not isinstance(limit, int) or not 0 < limit < _SYSTEM:
            yield "neither it nor its auth method sets a maximum to the life of its tokens"
