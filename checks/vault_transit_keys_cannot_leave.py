"""No transit key can leave the server.

Why: a key that may be exported or backed up in clear text decrypts everything without the server and its log,
for ever; an agent that may change a key's settings can switch that on, and it cannot be switched off again.
How: the settings of each key are read, and the change of its settings is decided for every agent.
Fix: make a new key without exportable and allow_plaintext_backup and rewrap; grant no agent `keys/<name>/config`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.sharing import judge_sharing, use
from cred_audit.claims.survey import judge_engine_objects

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST SC-12", "NIST SC-28", "NIST AC-6", "ISO27001 A.8.24", "SOC2 CC6.1", "PCI 3.6-3.7")

_USES = {"transit": {"keys": use("update", "keys/{name}/config")}}


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each transit key and who may change its settings."""
    fix = "make a new key without exportable and allow_plaintext_backup, and rewrap what the old one protects"
    yield from judge_engine_objects(snapshot, frozenset({"transit"}), frozenset({"keys"}), _faults, fix)
    fix = "grant no agent the settings of keys"
    for finding in judge_sharing(snapshot, _USES, most=0, does="change the settings of", fix=fix):
        yield replace(finding, subject=f"settings of {finding.subject}")


def _faults(key: Mapping[str, Any]) -> Iterator[str]:
    if key.get("exportable"):
        yield "it can be exported"
    if key.get("allow_plaintext_backup"):
        yield "it can be backed up in clear text"
