"""Every role of an engine gives its credentials to the agents of one tenant.

Why: a role of a database, cloud, cluster, SSH or PKI engine hands out a login; tenants that share it get the
same login and each other's data behind it.
How: the request for credentials of each role is decided for every agent; it fails where agents of two tenants
get through.
Fix: make a role per tenant, with its own account behind it, and name it in the policy.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.sharing import judge_sharing, use

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = (
    "GDPR 32(1)(b)", "NIST AC-3", "NIST AC-6", "NIST IA-5", "ISO27001 A.5.17", "SOC2 CC6.1", "PCI A1.1.2", "PCI 8.2.2",
    "OWASP ASI03", "CWE-653",
)  # fmt: skip

_CREDS = use("read update create", "creds/{name}")
_DIRECTORY = {
    "role": _CREDS,
    "static-role": use("read", "static-cred/{name}"),
    "library": use("update", "library/{name}/check-out"),
}
_USES = {
    "ad": {"roles": _CREDS, "library": use("update", "library/{name}/check-out")},
    "alicloud": {"role": _CREDS},
    "aws": {"roles": (*_CREDS, *use("read update create", "sts/{name}")),
            "static-roles": use("read", "static-creds/{name}")},
    "azure": {"roles": _CREDS},
    "consul": {"roles": _CREDS},
    "database": {"roles": _CREDS, "static-roles": use("read", "static-creds/{name}")},
    "gcp": {
        "roleset": use("read update create", "roleset/{name}/token", "roleset/{name}/key"),
        "static-account": use("read update create", "static-account/{name}/token", "static-account/{name}/key"),
        "impersonated-account": use("read update create", "impersonated-account/{name}/token"),
    },
    "gcpkms": {"keys": use("update create", "decrypt/{name}", "sign/{name}", "reencrypt/{name}")},
    "kubernetes": {"roles": _CREDS},
    "ldap": _DIRECTORY,
    "mongodbatlas": {"roles": _CREDS},
    "nomad": {"role": _CREDS},
    "openldap": _DIRECTORY,
    "pki": {"roles": use("update", "issue/{name}", "sign/{name}", "issuer/+/issue/{name}", "issuer/+/sign/{name}")},
    "rabbitmq": {"roles": _CREDS},
    "ssh": {"roles": use("update", "creds/{name}", "sign/{name}", "issue/{name}")},
    "terraform": {"role": _CREDS},
    "totp": {"keys": use("read", "code/{name}")},
    "transform": {"role": use("update create", "decode/{name}")},
}  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role of the engines that hand out credentials."""
    fix = "make a role per tenant, with an account of its own behind it"
    yield from judge_sharing(snapshot, _USES, most=1, does="use", fix=fix)
