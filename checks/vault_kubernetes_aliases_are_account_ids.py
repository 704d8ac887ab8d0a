"""Kubernetes logins are known by the id of their service account, which is never given out twice.

Why: a service account that is deleted and made anew under the same name inherits the identity of the old one,
its groups and its policies.
How: every role of every kubernetes auth method is read; it fails where the alias is the account's name.
Fix: set alias_name_source=serviceaccount_uid; entities get new aliases at the next login.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_auth_roles

SEVERITY = Severity.LOW
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-9", "SOC2 CC6.1")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role of the kubernetes auth methods."""
    fix = "set alias_name_source=serviceaccount_uid"
    yield from judge_auth_roles(snapshot, frozenset({"kubernetes"}), _faults, fix)


def _faults(role: Mapping[str, Any]) -> Iterator[str]:
    # Servers that do not know the field use the account's id.
    if role.get("alias_name_source", "serviceaccount_uid") != "serviceaccount_uid":
        yield "its logins are known by the service account's name"
