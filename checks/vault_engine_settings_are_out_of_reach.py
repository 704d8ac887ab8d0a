"""No agent can change the roles or connections of an engine that others use too.

Why: who writes a role says what its credentials may do: any SQL on the shared connection, any name from the
shared authority, any namespace of the cluster.
How: writing roles, connections, issuers and configuration of every engine that hands out credentials is decided
for every agent; it fails unless the engine's mount belongs to the agent's own tenant as a whole.
Fix: let operators write roles; where a tenant must, give it a mount of its own with an account of its own.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.settings import judge_settings

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "NIST AC-6", "SOC2 CC6.3", "ISO27001 A.8.2", "PCI 7.2.5", "CWE-863")

_FOLDERS = {
    "ad": ("config", "roles/+", "library/+"),
    "alicloud": ("config", "role/+"),
    "aws": ("roles/+", "static-roles/+", "config/+"),
    "azure": ("roles/+", "config"),
    "consul": ("config/+", "roles/+"),
    "database": ("config/+", "roles/+", "static-roles/+"),
    "gcp": ("roleset/+", "static-account/+", "impersonated-account/+", "config"),
    "kubernetes": ("config", "roles/+"),
    "ldap": ("config", "role/+", "static-role/+", "library/+"),
    "mongodbatlas": ("config", "roles/+"),
    "nomad": ("config/+", "role/+"),
    "openldap": ("config", "role/+", "static-role/+", "library/+"),
    "pki": ("roles/+", "config/+", "issuer/+", "root/+", "root/generate/+", "intermediate/+", "issuers/+/+"),
    "rabbitmq": ("config/+", "roles/+"),
    "ssh": ("config/+", "roles/+", "issuer/+"),
    "terraform": ("config", "role/+"),
}


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each engine that hands out credentials."""
    fix = "grant no agent the engine's roles and configuration"
    yield from judge_settings(snapshot, _FOLDERS, does="change roles or configuration of", fix=fix)
