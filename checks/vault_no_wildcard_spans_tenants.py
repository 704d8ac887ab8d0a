"""No wildcard of a policy spans several tenants.

Why: a clause that holds more than one tenant's things keeps them apart only as long as every deny beside it
holds, and it opens each new tenant on the day it arrives.
How: the pattern of every clause that grants something is compared with all territories, whatever other clauses
deny; it fails where it holds things of two tenants, or stands in the place in which tenants are told apart.
Fix: name the tenant's folder and put the slash before the star (`secret/data/acme/*`), or use a template.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.isolation import isolation
from cred_audit.claims.policytext import Clause, Fault, judge_clauses, mounts_unseen
from cred_audit.claims.spans import Spans

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = (
    "NIST AC-3", "NIST AC-6", "ISO27001 A.5.18", "ISO27001 A.8.2", "SOC2 CC6.3", "PCI 7.2.1", "PCI 7.2.2", "CWE-863",
)  # fmt: skip


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each clause that grants something."""
    asked = isolation(snapshot)
    spans = Spans(asked)

    def faults(clause: Clause) -> Iterator[Fault]:
        span = spans.of(clause) if clause.granted else None
        if span is None:
            return
        reaches = asked.reaches(span.owners)
        known = ", ".join(reaches.tenants) if 0 < len(reaches.tenants) < 4 else f"{reaches.count or 'several'} tenants"
        yield Fault(
            shows=f"holds things of {known}{' and of every new tenant beside them' if span.unborn else ''}",
            sure=span.sure,
            reaches=reaches,
        )

    yield from judge_clauses(
        snapshot,
        faults,
        breaks="spans several tenants",
        fix="name one tenant's folder, with the slash before the star, or use a template",
        doubts=mounts_unseen(snapshot, spans.owned),
        all_namespaces=True,
    )
