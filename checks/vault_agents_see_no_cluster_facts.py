"""No agent can read facts about the server and what others do on it.

Why: requests in flight show other tenants' paths; profiles, metrics and the configuration tell what to attack.
How: for each agent, reads of the server's own endpoints are decided as the server decides them.
Fix: grant agents the paths of their own secrets only; no clause that begins with `*`, `+` or `sys/`.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.agents import Agent, judge_requests
from cred_audit.decide.vault.model import Request

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "NIST AC-6", "SOC2 CC6.1", "CWE-863")

_READ = (
    "sys/in-flight-req", "sys/host-info", "sys/metrics", "sys/monitor", "sys/pprof", "sys/pprof/heap",
    "sys/pprof/goroutine", "sys/config/state/sanitized", "sys/internal/counters/activity", "sys/ha-status",
    "sys/audit", "sys/plugins/catalog",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each agent against these requests."""
    yield from judge_requests(
        snapshot,
        _requests,
        "read facts about the server and what others do on it",
        "narrow this clause to the agent's own paths",
    )


def _requests(_agent: Agent) -> Iterator[Request]:
    for path in _READ:
        yield Request(method="GET", path=path)
