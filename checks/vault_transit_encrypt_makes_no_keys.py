"""No agent makes new transit keys by encrypting.

Why: `create` on the encryption of a key that does not exist makes the key, with defaults that nobody chose and
no policy names; a misspelt name then protects data with a key that no backup knows.
How: for each transit engine that makes keys so, `create` on the encryption of keys that are not there is
decided for every agent.
Fix: grant `update` on the encryption of the tenant's own key, or set disable_upsert in config/keys.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.upserts import judge_upserts

SEVERITY = Severity.LOW
NEEDS = ("vault",)
MAPS_TO = ("NIST SC-12", "NIST AC-6", "ISO27001 A.8.24")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each transit engine."""
    yield from judge_upserts(snapshot)
