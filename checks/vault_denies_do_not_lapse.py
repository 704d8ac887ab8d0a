"""No deny or limit of a policy lapses by itself.

Why: a clause that is ignored takes its deny with it, and what a broader clause grants is open again; nobody
is told, and no policy has changed.
How: every clause that denies, or that limits what another clause grants to the same agents, is read; it
fails with an expiration, in a policy with an expiration, and with a template in its path, since the server
ignores the clause for every login that has no such value.
Fix: write denies and limits without expiration and without templates; better, grant narrowly and deny nothing.
"""

from collections.abc import Iterator
from datetime import datetime

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.policytext import Clause, Fault, Together, judge_clauses
from cred_audit.decide.vault.patterns import overlap
from cred_audit.decide.vault.template import directives

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "NIST AC-6", "ISO27001 A.5.18", "SOC2 CC6.3", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each clause that takes something away."""
    together = Together(snapshot)

    def faults(clause: Clause) -> Iterator[Fault]:
        if clause.denies:
            if clause.policy.expiration is not None:
                yield Fault(shows=f"denies and is ignored from {_shown(clause.policy.expiration)} on")
            for lapse in _lapses(clause):
                yield Fault(shows=f"denies and {lapse}")
        elif clause.limits:
            for lapse in _lapses(clause):
                if any(_grants_too(other, clause) for other in together.beside(clause)):
                    yield Fault(shows=f"limits what another clause grants and {lapse}")
                elif together.unknown:
                    shows = f"limits something and {lapse}, and the other policies of {together.unknown} are not known"
                    yield Fault(shows=shows, sure=False)

    fix = "write the clause without expiration and template, or replace it by a narrow grant"
    yield from judge_clauses(snapshot, faults, breaks="denies or limits something and lapses", fix=fix)


def _lapses(clause: Clause) -> Iterator[str]:
    if clause.stanza.expiration is not None:
        yield f"is ignored from {_shown(clause.stanza.expiration)} on"
    names = directives(clause.stanza.path)
    if names:
        yield f"is ignored for every login that has no value for {', '.join(dict.fromkeys(names))}"


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _grants_too(other: Clause, clause: Clause) -> bool:
    return bool(other.granted & clause.granted) and overlap(other.pattern, clause.pattern)
