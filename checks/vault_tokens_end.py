"""Tokens end by themselves within 32 days.

Why: a token that leaks is good for as long as it lives, and nobody looks for one that is not known to be lost.
How: every token that can be listed is looked up; it fails where it lives longer than 32 days, the server's own
limit, or can be renewed for ever. A period that comes from a token role is not shown at the token: the role is
read. Root tokens are another claim.
Fix: set token_explicit_max_ttl at the role, leave token_period empty, and revoke the tokens that are there.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import Incomplete, judge_tokens, known, words
from cred_audit.decide.vault.model import Namespace

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-5", "SOC2 CC6.1", "ISO27001 A.5.17", "PCI 8.6.3")

_LONGEST = 32 * 24 * 3600
"""Seconds."""


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each live token."""
    fix = "set token_explicit_max_ttl and no token_period at the role, then revoke these tokens"
    yield from judge_tokens(snapshot, _faults, fix)


def _faults(namespace: Namespace, token: Mapping[str, Any]) -> Iterator[str]:
    if "root" in words(known(token, "policies")):
        return
    ends = _seconds(token, "explicit_max_ttl")
    if (_seconds(token, "period") or _period_of_role(namespace, token)) and not 0 < ends <= _LONGEST:
        yield "it can be renewed for ever"
        return
    known(token, "creation_ttl")
    made_for = _seconds(token, "creation_ttl")
    if made_for > _LONGEST or (made_for == 0 and not ends):
        yield "it lives longer than 32 days"


def _seconds(data: Mapping[str, Any], name: str) -> int:
    """Return a duration as the server shows it, 0 where there is none. Raises Incomplete for anything else."""
    value = data.get(name) or 0
    if not isinstance(value, int):
        raise Incomplete(f"its field {name} is not a number of seconds, as the server shows it")
    return value


def _period_of_role(namespace: Namespace, token: Mapping[str, Any]) -> int:
    name = token.get("role")
    if not name:
        return 0
    if namespace.token_roles is None:
        raise Incomplete(f"the token role {name} was not seen")
    for role in namespace.token_roles:
        if role.name == name:
            if role.data is None:
                raise Incomplete(f"the token role {name} was not seen")
            return _seconds(role.data, "token_period") or _seconds(role.data, "period")
    return 0
