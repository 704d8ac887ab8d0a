"""No entity stands for agents of two tenants.

Why: an entity's policies, groups and metadata act on every login that is an alias of it, whichever tenant logs in.
How: the entity of each agent is found through its alias; it fails where agents of two tenants share one.
Fix: remove the other tenant's alias from the entity and give it an entity of its own.
"""

from collections.abc import Iterator

from cred_audit.check import Evidence, Finding, Severity, Skip, Snapshot, Verdict
from cred_audit.claims.agents import Agent, agents
from cred_audit.claims.isolation import Isolation, isolation, reaches_of
from cred_audit.decide.vault.identity import unborn

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = ("NIST IA-9", "NIST AC-3", "SOC2 CC6.1", "PCI 8.2.2", "PCI A1.1.2", "CWE-653")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each entity that an agent has."""
    asked = isolation(snapshot)
    users: dict[tuple[str, str, str], list[Agent]] = {}
    unknown, nameless = False, []
    for agent in agents(snapshot):
        if isinstance(agent, Finding):
            unknown = True
            yield agent
        elif (entity := agent.subject.entity) is not None and entity.id and not unborn(entity):
            users.setdefault((entity.namespace, entity.id, entity.name), []).append(agent)
        elif agent.logs_in:
            nameless.append(agent)
    if not (unknown or users or nameless):
        raise Skip("the target names no agent by a role, an entity or a token")
    for (namespace, identity, name), held in users.items():
        yield _judged(asked, f"{namespace}identity/entity/id/{identity}", name, held, unknown=unknown)
    for agent in nameless:
        yield Finding(
            verdict=Verdict.PASS,
            subject=f"agent:{agent.name}",
            tenant=agent.acting.tenant,
            agents=(agent.acting.agent,),
            summary=f"{agent.name} shares no entity.",
            evidence=(Evidence(where=f"agent {agent.name}", shows="it has no entity before its first login"),),
        )


def _judged(asked: Isolation, where: str, name: str, held: list[Agent], *, unknown: bool) -> Finding:
    tenants = tuple(sorted({agent.acting.tenant for agent in held}))
    who = ", ".join(agent.name for agent in held[:3]) + (" ..." if len(held) > 3 else "")
    joined = len(tenants) > 1
    verdict = Verdict.FAIL if joined else Verdict.UNKNOWN if unknown else Verdict.PASS
    says = {
        Verdict.FAIL: f"agents of {len(tenants)} tenants share the entity {name}: {who}",
        Verdict.UNKNOWN: f"whether another tenant shares the entity {name} of {who} is not known",
        Verdict.PASS: f"the entity {name} stands for {who} alone",
    }[verdict]
    return Finding(
        verdict=verdict,
        subject=where,
        tenant=tenants[0],
        agents=tuple(agent.acting.agent for agent in held if agent.acting.tenant == tenants[0]),
        reaches=reaches_of(tenants[1:], asked),
        summary=f"{says[0].upper()}{says[1:]}.",
        evidence=(Evidence(where=where, shows=says),),
        fix="give each tenant's login an entity of its own" if joined else None,
    )
