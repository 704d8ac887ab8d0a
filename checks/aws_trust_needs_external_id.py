"""Roles that let another account in ask for an external id of their own, and no other tenant's agent assumes them.

Why: a platform that assumes a role in each customer's account can be told to assume another customer's. Only an id
that the platform chose for this one customer, and that nobody can guess, makes it the wrong role.
How: for each role that trusts an account other than its owner's, requests without an external id, with one that no
policy names and with each that is written there are decided; the ids are compared with each other and judged by
their form. Then it is decided which agents may assume which other tenants' roles, whatever account they are in.
Fix: `StringEquals` on `sts:ExternalId` with a random id for each tenant, the platform's own role as principal, and
agents whose policies name the one role that is their tenant's.
"""

from collections.abc import Iterator
from itertools import chain

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.assuming import judge_foreign_roles
from cred_audit.claims.aws.sight import Part, judged_with
from cred_audit.claims.aws.trust import judge_external_ids

SEVERITY = Severity.HIGH
NEEDS = ("aws",)
MAPS_TO = (
    "GDPR 32(1)(b)", "SOC2 CC6.1", "SOC2 CC6.3", "ISO27001 A.5.19", "ISO27001 A.8.3", "NIST AC-3", "NIST AC-4(21)",
    "NIST IA-9", "PCI A1.1.2", "OWASP ASI03", "CWE-441", "CWE-863", "ATTACK T1199",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each role that lets others in, and each agent against the roles of other tenants."""
    cases = chain(judge_external_ids(snapshot), judge_foreign_roles(snapshot))
    nothing = "no role lets another account in and no agent acts in AWS; IAM read in full"
    yield from judged_with(snapshot, (Part.ROLES, Part.TAGS), cases, nothing)
