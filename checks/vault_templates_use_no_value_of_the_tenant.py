"""No policy is a template of a value that its own agent can choose.

Why: a template follows whatever the identity says. An agent that can write the name or the metadata in it chooses
whose folder the policy opens.
How: for each agent, the templates of its policies are followed to the entity, alias or group that holds the value,
and writes to it are decided as the server decides them. A value that the login's issuer sets, such as a claim in
the alias, is UNKNOWN: whether the tenant chooses it is not to be seen in Vault. Ids are the server's own.
Fix: use ids, or metadata that only a provisioning service can write; take identity/ out of the agents' policies.
"""

from collections.abc import Iterator

from cred_audit.check import Evidence, Finding, Severity, Snapshot, Verdict
from cred_audit.claims.agents import Agent, agents, blind_policies, clauses, write
from cred_audit.claims.isolation import Isolation, clause_evidence, command_of, isolation, witness_of
from cred_audit.decide import Effect
from cred_audit.decide.vault.model import Alias, Request
from cred_audit.decide.vault.template import directives

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "NIST AC-6", "SOC2 CC6.1", "SOC2 CC6.3", "OWASP ASI03", "CWE-863")

_ALIASES = "identity.entity.aliases."


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each agent's templates."""
    asked = isolation(snapshot)
    for agent in agents(snapshot):
        if isinstance(agent, Finding):
            yield agent
        else:
            yield from _judged(asked, agent)


def _judged(asked: Isolation, agent: Agent) -> Iterator[Finding]:
    used: dict[str, str] = {}
    clear = True
    for policy, stanza in clauses(asked, agent.subject):
        if stanza is None:
            clear = False
            yield _unknown(agent, f"policy {policy.namespace}{policy.name}", "its text was not seen or cannot be read")
            continue
        for name in directives(stanza.path):
            used.setdefault(name, f"policy {policy.namespace}{policy.name} line {stanza.line}")
    if blind_policies(asked, agent.subject):
        clear = False
        yield _unknown(agent, f"{agent.subject.namespace}sys/policies/acl", "the policies could not be listed")
    for name, where in sorted(used.items()):
        for finding in _value(asked, agent, name, where):
            clear = False
            yield finding
    if clear:
        shows = f"its policies use {len(used)} values, none of which it can write" if used else "no template acts on it"
        yield _finding(agent, Verdict.PASS, "", f"agent {agent.name}", shows)


def _value(asked: Isolation, agent: Agent, name: str, where: str) -> Iterator[Finding]:
    if name.startswith(_ALIASES) and not name.endswith(".id") and ".custom_metadata." not in name:
        yield _finding(agent, Verdict.UNKNOWN, name, where, f"the login sets {name}; who chooses it is not to be seen")
    for request in _writes(agent, name):
        decision = asked.engine.decide(agent.subject, request)
        if decision.effect is Effect.DENY:
            continue
        known = decision.effect is Effect.ALLOW
        yield Finding(
            verdict=Verdict.FAIL if known else Verdict.UNKNOWN,
            subject=f"agent:{agent.name} {name}",
            tenant=agent.acting.tenant,
            agents=(agent.acting.agent,),
            summary=f"{agent.name} {'can' if known else 'may be able to'} write {name}, which its own policy uses.",
            evidence=(
                Evidence(where=where, shows=f"the policy uses {name}"),
                *(clause_evidence(reason) for reason in decision.because),
            ),
            witness=witness_of("update", request),
            assuming=decision.assuming,
            reproduce=command_of(request),
            fix="use an id in the template, or take the write to identity/ away" if known else None,
        )
        return


def _writes(agent: Agent, name: str) -> Iterator[Request]:
    """Yield the requests that set what a directive stands for."""
    entity, parts = agent.subject.entity, name.split(".")
    if parts[-1] == "id" and ".metadata." not in name and ".custom_metadata." not in name:
        return
    if name.startswith("identity.groups."):
        for group in agent.subject.groups:
            if parts[2:3] == ["ids"] and not name.startswith(f"identity.groups.ids.{group.id}."):
                continue
            if parts[2:3] == ["names"] and not name.startswith(f"identity.groups.names.{group.name}."):
                continue
            change: dict[str, object] = {"metadata": {"tenant": "other"}}
            yield write(group.namespace, f"identity/group/id/{group.id}", change)
            yield write(group.namespace, f"identity/group/name/{group.name}", change)
            yield write(group.namespace, "identity/group", {"id": group.id, **change})
        return
    if entity is None or not entity.id or not name.startswith("identity.entity."):
        return
    if name.startswith(_ALIASES):
        for alias in entity.aliases:
            if name.startswith(f"{_ALIASES}{alias.mount_accessor}."):
                yield from _alias_writes(entity.namespace, entity.id, alias)
        return
    change = {"name": "other", "metadata": {"tenant": "other"}}
    yield write(entity.namespace, f"identity/entity/id/{entity.id}", change)
    yield write(entity.namespace, f"identity/entity/name/{entity.name}", change)
    yield write(entity.namespace, "identity/entity", {"id": entity.id, **change})


def _alias_writes(namespace: str, identity: str, alias: Alias) -> Iterator[Request]:
    body: dict[str, object] = {
        "name": "other", "canonical_id": identity, "custom_metadata": {"tenant": "other"},
    }  # fmt: skip
    yield write(namespace, f"identity/entity-alias/id/{alias.id}", body)
    yield write(namespace, "identity/entity-alias", {"mount_accessor": alias.mount_accessor, **body})


def _finding(agent: Agent, verdict: Verdict, name: str, where: str, shows: str) -> Finding:
    return Finding(
        verdict=verdict,
        subject=f"agent:{agent.name} {name}".strip(),
        tenant=agent.acting.tenant,
        agents=(agent.acting.agent,),
        summary=f"{agent.name}: {shows}.",
        evidence=(Evidence(where=where, shows=shows),),
    )


def _unknown(agent: Agent, where: str, why: str) -> Finding:
    return _finding(agent, Verdict.UNKNOWN, where, where, why)
