"""The default policy grants nothing beyond what the server comes with.

Why: nearly every token carries `default`. What is added there is granted to every agent of every tenant.
How: the clauses of `default` in every namespace are compared with the built-in ones by what they match and
grant, not by their text.
Fix: move the grant into a policy of its own and give it to those who need it.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.policytext import Clause, Fault, judge_clauses
from cred_audit.decide.vault.acl import stanzas_of
from cred_audit.decide.vault.builtin import DEFAULT, DEFAULT_TEXT
from cred_audit.decide.vault.patterns import contains, normal
from cred_audit.decide.vault.policy import OPENBAO

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-6", "ISO27001 A.8.2", "SOC2 CC6.3", "PCI 7.2.1", "CWE-732")

_OLDER = (
    ("sys/renew", "update"), ("sys/renew-self", "update"), ("sys/tools/random", "update"),
    ("sys/tools/random/*", "update"), ("sys/control-group/request", "update"), ("sys/mfa/validate", "update"),
)  # fmt: skip
"""What Vault's own `default` holds too, depending on the version that wrote it."""


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each clause of each namespace's default policy."""
    built_in = [(normal(stanza.path), stanza.path, stanza.capabilities) for stanza in stanzas_of(DEFAULT_TEXT, OPENBAO)]
    built_in += [(path, path, frozenset({name})) for path, name in _OLDER]

    def faults(clause: Clause) -> Iterator[Fault]:
        if clause.policy.name != DEFAULT:
            return
        inside = normal(clause.stanza.path)
        more = set(clause.granted)
        for pattern, path, names in built_in:
            if path == clause.stanza.path or ("{{" not in clause.stanza.path and contains(pattern, inside)):
                more -= names
        if more:
            yield Fault(shows=f"grants {', '.join(sorted(more))} to every token with the default policy")

    fix = "move the clause into a policy of its own and give it to those who need it"
    yield from judge_clauses(snapshot, faults, breaks="adds to the built-in default policy", fix=fix)
