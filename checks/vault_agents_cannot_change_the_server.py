"""No agent can change limits, settings or keys of the whole server.

Why: a quota or a setting written by one tenant slows or stops all others.
How: for each agent, writes to the server's own settings are decided as the server decides them.
Fix: grant agents the paths of their own secrets only; no clause that begins with `*`, `+` or `sys/`.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.agents import Agent, judge_requests, write
from cred_audit.decide.vault.model import Request

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "NIST AC-6", "NIST SC-5", "SOC2 CC6.1", "CWE-863")

_WRITTEN = (
    "sys/quotas/rate-limit/any", "sys/quotas/lease-count/any", "sys/quotas/config", "sys/config/cors",
    "sys/config/ui/headers/any", "sys/config/auditing/request-headers/any", "sys/config/reload/any", "sys/loggers",
    "sys/rotate", "sys/audit/any", "sys/seal", "sys/step-down",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each agent against these requests."""
    yield from judge_requests(
        snapshot, _requests, "change the whole server", "narrow this clause to the agent's own paths"
    )


def _requests(_agent: Agent) -> Iterator[Request]:
    for path in _WRITTEN:
        yield write("", path, {"value": "any"})
