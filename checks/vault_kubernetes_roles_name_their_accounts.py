"""Kubernetes roles name the service accounts and namespaces that may log in.

Why: a role that takes any service account, or any namespace, gives its policies to every workload of the cluster.
How: every role of every kubernetes auth method is read; it fails on `*` in the bound names or namespaces, on
a namespace selector, and without an audience. The server itself accepts `*` in both fields together.
Fix: name the service account and the namespace of the one tenant, and set an audience.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.survey import judge_auth_roles

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-9", "NIST AC-3", "SOC2 CC6.1", "PCI 8.6")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role of the kubernetes auth methods."""
    fix = "name the tenant's own service account and namespace, and set an audience"
    yield from judge_auth_roles(snapshot, frozenset({"kubernetes"}), _faults, fix)


def _faults(role: Mapping[str, Any]) -> Iterator[str]:
    if any("*" in str(name) for name in role.get("bound_service_account_names") or ()):
        yield "any service account may log in"
    if any("*" in str(name) for name in role.get("bound_service_account_namespaces") or ()):
        yield "a service account of any Kubernetes namespace may log in"
    if role.get("bound_service_account_namespace_selector"):
        yield "labels decide which Kubernetes namespaces may log in, and whoever sets labels decides those"
    if not role.get("audience"):
        yield "tokens made for another audience are accepted"
