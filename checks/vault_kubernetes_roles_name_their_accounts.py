"""Kubernetes roles name the service accounts and namespaces that may log in.

Why: a role that takes any service account, or any namespace, gives its policies to every workload of the cluster.
How: every role of every kubernetes auth method is read; it fails on a `*` in the bound names or namespaces,
without any of them, and on a namespace selector. The server itself accepts `*` in both fields together.
Fix: name the service account and the namespace of the one tenant.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_auth_roles, known, words

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-9", "NIST AC-3", "SOC2 CC6.1", "PCI 8.6", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role of the kubernetes auth methods."""
    fix = "name the tenant's own service account and namespace"
    yield from judge_auth_roles(snapshot, frozenset({"kubernetes"}), _faults, fix)


def _faults(role: Mapping[str, Any]) -> Iterator[str]:
    names = words(known(role, "bound_service_account_names"))
    namespaces = words(known(role, "bound_service_account_namespaces"))
    selector = role.get("bound_service_account_namespace_selector")
    if not names or "*" in names:
        yield "any service account may log in"
    elif any("*" in name for name in names):
        yield f"every service account whose name matches {_first_pattern(names)} may log in"
    if "*" in namespaces or not (namespaces or selector):
        yield "a service account of any Kubernetes namespace may log in"
    elif any("*" in name for name in namespaces):
        yield f"every Kubernetes namespace whose name matches {_first_pattern(namespaces)} may log in"
    if selector:
        yield "labels decide which Kubernetes namespaces may log in, and whoever sets labels decides those"


def _first_pattern(texts: tuple[str, ...]) -> str:
    return next(text for text in texts if "*" in text)
