"""No two tenants declare the same path of Vault as their own.

Why: where territories overlap, "isolated" has no meaning: an agent that stays in its own tenant's territory is
in another's at the same time, and every other claim is proved for less than it seems.
How: all declared territories are laid over one another, as the requests that touch them. A FAIL names two
tenants and the shortest path that both own.
Fix: give each tenant a folder, mount or namespace of its own, and end folders with a slash: the prefix `acme`
also owns `acme-eu/`.
"""

from collections.abc import Iterator

from cred_audit.check import Evidence, Finding, Reaches, Severity, Snapshot, Verdict
from cred_audit.claims.isolation import isolation

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("SOC2 CC6.1", "ISO27001 A.5.9", "NIST AC-4(21)", "PCI A1.1.2")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge the declared territories against one another."""
    asked = isolation(snapshot)
    found = asked.index.overlaps()
    for first, second, path in found:
        yield Finding(
            verdict=Verdict.FAIL,
            subject=f"{first} and {second}: {path}",
            tenant=first,
            reaches=Reaches(tenants=(second,), count=1),
            summary=f"{first} and {second} both declare {path} as their own.",
            evidence=(Evidence(where="the target's territories", shows=f"{path} lies in the territory of both"),),
            fix="declare a folder, mount or namespace of its own for each, with the final slash of a folder",
        )
    if not found and asked.holdings:
        count = len(asked.index.owners)
        yield Finding(
            verdict=Verdict.PASS,
            subject="territories",
            summary=f"No path belongs to two of the {count} tenants with a territory in Vault.",
            evidence=(
                Evidence(where="the target's territories", shows=f"{len(asked.holdings)} were laid over one another"),
            ),
        )
