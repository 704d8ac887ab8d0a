"""No template in an agent's policies is filled with an empty value.

Why: an empty value is a value: `secret/data/{{identity.entity.metadata.team}}*` of an agent whose team is empty is
`secret/data/*`. A value that is missing altogether takes its clause away instead.
How: for each agent, the templates of its policies are filled as the server fills them; one fails where the value
is empty.
Fix: set the value, or delete the key; write a literal character on both sides of the template.
"""

from collections.abc import Iterator

from cred_audit.check import Evidence, Finding, Severity, Snapshot, Verdict
from cred_audit.claims.agents import Agent, agents, blind_policies, clauses
from cred_audit.claims.isolation import Isolation, isolation
from cred_audit.decide.vault.model import PolicyDocument
from cred_audit.decide.vault.policy import Stanza
from cred_audit.decide.vault.template import Outcome, directives, substitute

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "NIST AC-6", "SOC2 CC6.3", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each agent's templates."""
    asked = isolation(snapshot)
    for agent in agents(snapshot):
        if isinstance(agent, Finding):
            yield agent
        else:
            yield from _judged(asked, agent)


def _judged(asked: Isolation, agent: Agent) -> Iterator[Finding]:
    filled, clear = 0, True
    if blind_policies(asked, agent.subject):
        clear = False
        where = f"{agent.subject.namespace}sys/policies/acl"
        yield _finding(agent, Verdict.UNKNOWN, where, where, "the policies could not be listed")
    for policy, stanza in clauses(asked, agent.subject):
        place = f"policy {policy.namespace}{policy.name}"
        if stanza is None:
            clear = False
            yield _finding(agent, Verdict.UNKNOWN, place, place, "its text was not seen or cannot be read")
            continue
        for name in directives(stanza.path):
            value = _value(asked, agent, policy, name)
            filled += 1
            if value is None or value:
                continue
            clear = False
            yield _empty(agent, policy, stanza, name)
    if clear:
        shows = f"none of its {filled} templates is filled with an empty value" if filled else "no template acts on it"
        yield _finding(agent, Verdict.PASS, "", f"agent {agent.name}", shows)


def _value(asked: Isolation, agent: Agent, policy: PolicyDocument, name: str) -> str | None:
    """Return what one directive becomes; None where its clause is dropped or the value is chosen at login."""
    if name in agent.subject.free:
        return None
    resolved = substitute(
        f"<{{{{{name}}}}}", agent.subject, asked.engine.profiles[0], namespace=policy.namespace,
        now=asked.engine.now, assume={}, allow_wildcards=True, allow_slashes=True,
    )  # fmt: skip
    return resolved.path.removeprefix("<") if resolved.outcome is Outcome.RESOLVED else None


def _empty(agent: Agent, policy: PolicyDocument, stanza: Stanza, name: str) -> Finding:
    return Finding(
        verdict=Verdict.FAIL,
        subject=f"agent:{agent.name} policy:{policy.namespace}{policy.name} {stanza.path}",
        tenant=agent.acting.tenant,
        agents=(agent.acting.agent,),
        summary=f"For {agent.name} the template {{{{{name}}}}} of policy {policy.name} is empty.",
        evidence=(
            Evidence(
                where=f"policy {policy.namespace}{policy.name}", shows=f"{{{{{name}}}}} is filled with an empty value",
                quote=stanza.text, line=stanza.line,
            ),
        ),
        fix="set the value, or delete the key",
    )  # fmt: skip


def _finding(agent: Agent, verdict: Verdict, name: str, where: str, shows: str) -> Finding:
    return Finding(
        verdict=verdict,
        subject=f"agent:{agent.name} {name}".strip(),
        tenant=agent.acting.tenant,
        agents=(agent.acting.agent,),
        summary=f"{agent.name}: {shows}.",
        evidence=(Evidence(where=where, shows=shows),),
    )
