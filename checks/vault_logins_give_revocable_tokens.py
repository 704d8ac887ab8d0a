"""Every login and token role gives tokens that can be listed and revoked.

Why: a batch token has no accessor: it is in no list, cannot be revoked and lives to its end, also after the agent
that holds it was found to be hijacked.
How: the token type of every role is read, with that of its auth method where the role leaves it open; it fails
where the tokens are batch tokens, or may be.
Fix: set token_type=service at the role and at the auth method.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Skip, Snapshot
from cred_audit.claims.survey import Incomplete, judge, known, logins
from cred_audit.decide.vault.model import AuthMount

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-5", "NIST AU-2", "SOC2 CC6.1", "ISO27001 A.5.17")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role that gives tokens."""
    seen = False
    for where, mount, data in logins(snapshot):
        seen = True

        def faults(role: Mapping[str, Any], mount: AuthMount | None = mount) -> Iterator[str]:
            return _faults(role, mount)

        yield judge(snapshot, where, data, faults, "set token_type=service")
    if not seen:
        raise Skip("no role gives tokens; the auth methods and token roles were read in full")


def _faults(role: Mapping[str, Any], mount: AuthMount | None) -> Iterator[str]:
    kind = str(known(role, "token_type"))
    if kind in ("", "default"):
        if mount is None:
            return
        if mount.tune is None:
            raise Incomplete("the token type of its auth method was not seen")
        kind = str(mount.tune.get("token_type") or "default-service")
    if kind == "batch":
        yield "its tokens are batch tokens"
    elif kind == "default-batch":
        yield "its tokens are batch tokens unless asked otherwise"
