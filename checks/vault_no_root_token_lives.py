"""No root token is alive.

Why: a root token passes every policy, mostly never ends, and is what an intruder looks for first.
How: every token that can be listed is looked up; it fails where its policies hold root.
Fix: revoke it by its accessor; make one with `operator generate-root` when it is needed, and revoke it afterwards.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_tokens, known, words
from cred_audit.decide.vault.model import Namespace

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-6", "NIST IA-5", "SOC2 CC6.1", "ISO27001 A.8.2", "PCI 7.2.2")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each live token."""
    yield from judge_tokens(snapshot, _faults, "revoke it: bao token revoke -accessor <accessor>")


def _faults(_namespace: Namespace, token: Mapping[str, Any]) -> Iterator[str]:
    if "root" in words(known(token, "policies")):
        yield "it carries the policy root" + ("" if token.get("expire_time") else " and never ends")
