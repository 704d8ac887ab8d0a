"""No agent can change the settings of a KV mount that others use too.

Why: the settings hold for every secret of the mount: how many versions are kept, and after what time they are
deleted. A smaller number removes other tenants' older versions.
How: writing `config` of every KV version 2 mount is decided for every agent; it fails unless the mount belongs
to the agent's own tenant as a whole.
Fix: grant no agent the mount's `config`; clauses such as `secret/*` and `secret/+` hold it.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.settings import judge_kv_settings

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-6", "SOC2 CC6.3", "GDPR 32(1)(b)", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each KV mount of version 2."""
    yield from judge_kv_settings(snapshot, fix="grant no agent the mount's config")
