"""Roles of the Kubernetes secrets engine act in named namespaces of the cluster only.

Why: whoever asks for the credentials names the namespace; with `*` that is any tenant's.
How: every role of every kubernetes engine is read; it fails where the allowed namespaces hold `*`, where labels
choose them, and where it generates a role that is allowed everything.
Fix: list the one namespace of the tenant in allowed_kubernetes_namespaces and drop the selector.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_engine_objects, words

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "NIST AC-6", "SOC2 CC6.1", "PCI A1.1.2", "CWE-653")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role of the kubernetes engines."""
    fix = "list the tenant's own namespace in allowed_kubernetes_namespaces and drop the selector"
    yield from judge_engine_objects(snapshot, frozenset({"kubernetes"}), frozenset({"roles"}), _faults, fix)


def _faults(role: Mapping[str, Any]) -> Iterator[str]:
    if any("*" in name for name in words(role.get("allowed_kubernetes_namespaces"))):
        yield "it acts in any namespace of the cluster"
    if role.get("allowed_kubernetes_namespace_selector"):
        yield "labels decide in which namespaces it acts, and whoever sets labels decides those"
    if str(role.get("kubernetes_role_type") or "").lower() == "clusterrole" and role.get("generated_role_rules"):
        yield "it generates a role for the whole cluster"
