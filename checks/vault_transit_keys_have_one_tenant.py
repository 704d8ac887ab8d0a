"""Every transit key is used by the agents of one tenant.

Why: whoever may decrypt, sign or export with a key can do so with everything that any tenant protected by it.
How: decrypt, rewrap, sign, hmac, data keys, export and backup of each key are decided for every agent; it fails
where agents of two tenants get through, with a derived key too: the context is no secret.
Fix: give each tenant a key of its own and name it in the policy, or a transit mount per tenant.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.sharing import judge_sharing, use

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = (
    "GDPR 32(1)(b)", "NIST SC-12", "NIST SC-28", "NIST AC-3", "ISO27001 A.8.24", "SOC2 CC6.1", "PCI 3.6-3.7", "CWE-653",
)  # fmt: skip

_USES = {
    "transit": {
        "keys": (
            *use("update", "decrypt/{name}", "rewrap/{name}", "datakey/plaintext/{name}"),
            *use("update", "sign/{name}", "sign/{name}/+", "hmac/{name}", "hmac/{name}/+"),
            *use("read", "export/+/{name}", "export/+/{name}/+", "backup/{name}"),
        )
    }
}


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each transit key."""
    fix = "give each tenant a key of its own and name it in the policy"
    yield from judge_sharing(snapshot, _USES, most=1, does="decrypt, sign or export with", fix=fix)
