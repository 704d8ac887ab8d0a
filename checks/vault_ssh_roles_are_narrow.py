"""SSH roles sign for named users and hosts only.

Why: a certificate for any user name logs in as every tenant's user on hosts that trust the authority.
How: every role of every ssh engine is read; it fails where allowed_users or allowed_domains is `*`, where a
value of the requester's identity may become more than one name, and where a certificate without any name is
signed, which is good for every name.
Fix: name the tenant's own users in allowed_users; leave allow_empty_principals and the template options off.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_engine_objects

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-6", "NIST IA-9", "SOC2 CC6.1")

_TEMPLATES = ("allowed_users_template", "allowed_domains_template", "default_user_template")
_WIDER = {
    "allow_commas_in_identity_templates": "several names",
    "allow_wildcards_in_identity_templates": "a wildcard",
}


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each SSH role."""
    fix = "name the tenant's own users in allowed_users"
    yield from judge_engine_objects(snapshot, frozenset({"ssh"}), frozenset({"roles"}), _faults, fix)


def _faults(role: Mapping[str, Any]) -> Iterator[str]:
    # Only the star alone stands for everything; in a list of names it is a name.
    if role.get("allowed_users") == "*":
        yield "it signs for any user name"
    if role.get("allow_host_certificates") and role.get("allowed_domains") == "*":
        yield "it signs for any host name"
    if role.get("allow_empty_principals"):
        yield "it signs certificates without a name, which are good for every name"
    if any(role.get(name) for name in _TEMPLATES):
        for name, what in _WIDER.items():
            # A server that does not know the option inserts the value as it is.
            if role.get(name, True):
                yield f"a value of the requester's identity may become {what}"
