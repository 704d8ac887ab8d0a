"""Every role of an engine gives its credentials to the agents of one tenant.

Why: a role of a database, cloud, cluster, SSH or PKI engine hands out a login; tenants that share it get the
same login and each other's data behind it.
How: the request for credentials of each role is decided for every agent; it fails where agents of two tenants
get through.
Fix: make a role per tenant, with its own account behind it, and name it in the policy.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.sharing import judge_sharing, use

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = (
    "GDPR 32(1)(b)", "NIST AC-3", "NIST AC-6", "NIST IA-5", "ISO27001 A.5.17", "SOC2 CC6.1", "PCI A1.1.2", "PCI 8.2.2",
    "OWASP ASI03", "CWE-653",
)  # fmt: skip

_CREDS = use("read update create", "creds/{name}")
_USES = {
    "aws": {"roles": (*_CREDS, *use("read update create", "sts/{name}"))},
    "azure": {"roles": _CREDS},
    "gcp": {
        "rolesets": use("read update create", "roleset/{name}/token", "roleset/{name}/key"),
        "static-accounts": use("read update create", "static-account/{name}/token", "static-account/{name}/key"),
        "impersonated-accounts": use("read update create", "impersonated-account/{name}/token"),
    },
    "database": {"roles": _CREDS, "static-roles": use("read", "static-creds/{name}")},
    "kubernetes": {"roles": _CREDS},
    "ldap": {"role": _CREDS, "roles": _CREDS, "static-role": use("read", "static-cred/{name}"),
             "static-roles": use("read", "static-cred/{name}")},
    "openldap": {"role": _CREDS, "static-role": use("read", "static-cred/{name}")},
    "pki": {"roles": use("update", "issue/{name}", "sign/{name}", "issuer/+/issue/{name}", "issuer/+/sign/{name}")},
    "rabbitmq": {"roles": _CREDS},
    "ssh": {"roles": use("update", "creds/{name}", "sign/{name}", "issue/{name}")},
    "totp": {"keys": use("read", "code/{name}")},
}  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role of the engines that hand out credentials."""
    fix = "make a role per tenant, with an account of its own behind it"
    yield from judge_sharing(snapshot, _USES, most=1, does="use", fix=fix)
