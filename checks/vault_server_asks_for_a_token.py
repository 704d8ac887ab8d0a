"""The server runs nothing and shows nothing of its operation without a token.

Why: what is open without a token is open to every tenant, and to everybody who reaches the server.
How: the server's configuration is read, with that of each listener; it fails where workflows, metrics, profiles,
requests in flight, or changes to the keys are open without a token.
Fix: remove allow_unauthenticated_workflows and the unauthenticated_* options, and leave the disable_unauthed_*
options of the listeners on.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Evidence, Finding, Severity, Snapshot, Verdict
from cred_audit.claims.survey import is_on, judge_options, listeners, unseen

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "NIST SC-5", "SOC2 CC6.1", "CWE-863")

_OPEN = {
    "unauthenticated_metrics_access": "metrics",
    "unauthenticated_pprof_access": "profiles of its memory",
    "unauthenticated_in_flight_requests_access": "requests in flight",
}
_KEYS = ("disable_unauthed_rekey_endpoints", "disable_unauthed_generate_root_endpoints")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge the server's options and those of its listeners."""
    server = snapshot.vault.world.server if snapshot.vault is not None else None
    if server is None or server.flags is None:
        yield unseen("sys/config/state/sanitized", snapshot)
        return
    # Vault has no workflows; its listeners are judged all the same.
    if server.product != "vault":
        options = {"allow_unauthenticated_workflows": "workflows can be run without a token"}
        yield from judge_options(snapshot, options, "remove the option")
    for where, settings in listeners(snapshot):
        found = tuple(_faults(settings))
        yield Finding(
            verdict=Verdict.FAIL if found else Verdict.PASS,
            subject=where,
            summary=f"{where}: {'; '.join(found) or 'it shows nothing without a token'}.",
            evidence=tuple(Evidence(where=where, shows=each) for each in found or ("none of these options is set",)),
            fix="remove these options of the listener" if found else None,
        )


def _faults(settings: Mapping[str, Any]) -> Iterator[str]:
    for group in ("telemetry", "profiling", "inflight_requests_logging"):
        inner = settings.get(group)
        for part in inner if isinstance(inner, list | tuple) else (inner,):
            if isinstance(part, Mapping):
                yield from (f"it shows {what} without a token" for name, what in _OPEN.items() if is_on(part.get(name)))
    for name in _KEYS:
        if name in settings and not is_on(settings[name]):
            yield f"{name} is off: an operation on the keys can be stopped without a token"
