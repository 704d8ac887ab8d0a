"""No agent can have a PKI engine sign what no role limits.

Why: verbatim signing takes every name from the request, and signing an intermediate makes an authority that
issues every name by itself: the limits of all roles are void for whoever may do it.
How: verbatim signing, signing of intermediates and of self-issued certificates are decided for every agent; it
fails unless the engine's mount belongs to the agent's own tenant as a whole.
Fix: let agents ask for certificates through a role only.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.settings import judge_settings

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST SC-12", "NIST AC-6", "NIST IA-9", "SOC2 CC6.1")

_PATHS = (
    "sign-verbatim", "sign-verbatim/+", "issuer/+/sign-verbatim", "issuer/+/sign-verbatim/+", "root/sign-intermediate",
    "issuer/+/sign-intermediate", "root/sign-self-issued", "issuer/+/sign-self-issued", "intermediate/cross-sign",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each pki engine."""
    fix = "grant issue or sign of one role only"
    yield from judge_settings(
        snapshot, {"pki": _PATHS}, operations="update", does="have certificates without a role signed by", fix=fix
    )
