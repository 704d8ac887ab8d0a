"""No group gives policies to agents of two tenants.

Why: whoever edits such a group, or one of its policies, for one tenant does so for the other, too, and a group's
policies also act on the members of the groups inside it.
How: the groups of each agent are followed through all levels; a group that has policies fails where agents of two
tenants are in it.
Fix: make one group per tenant; give a policy that all need to each of them, written with a template.
"""

from collections.abc import Iterator

from cred_audit.check import Evidence, Finding, Severity, Skip, Snapshot, Verdict
from cred_audit.claims.agents import Agent, agents
from cred_audit.claims.isolation import Isolation, isolation, reaches_of
from cred_audit.claims.survey import unseen
from cred_audit.decide.vault.model import Group

SEVERITY = Severity.MEDIUM
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "NIST AC-6", "SOC2 CC6.3", "ISO27001 A.5.18", "PCI A1.1.2", "CWE-653")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each group of each agent."""
    asked = isolation(snapshot)
    members: dict[tuple[str, str], tuple[Group, list[Agent]]] = {}
    unknown, seen = False, False
    for namespace in asked.world.namespaces:
        if namespace.groups is None:
            unknown = True
            yield unseen(f"{namespace.path}identity/group/id", snapshot)
    for agent in agents(snapshot):
        if isinstance(agent, Finding):
            unknown = True
            yield agent
            continue
        if not agent.logs_in:
            continue
        seen = True
        groups = [group for group in agent.subject.groups if group.policies]
        for group in groups:
            members.setdefault((group.namespace, group.id), (group, []))[1].append(agent)
        if not groups:
            yield _alone(agent, unknown=unknown)
    if not (seen or unknown):
        raise Skip("the target names no agent by a role, an entity or a token")
    for group, held in members.values():
        yield _judged(asked, group, held, unknown=unknown)


def _alone(agent: Agent, *, unknown: bool) -> Finding:
    shows = "it is in no group that was seen and has policies"
    return Finding(
        verdict=Verdict.UNKNOWN if unknown else Verdict.PASS,
        subject=f"agent:{agent.name}",
        tenant=agent.acting.tenant,
        agents=(agent.acting.agent,),
        summary=f"{agent.name}: {shows}.",
        evidence=(Evidence(where=f"{agent.subject.namespace}identity/group/id", shows=shows),),
    )


def _judged(asked: Isolation, group: Group, held: list[Agent], *, unknown: bool) -> Finding:
    where = f"{group.namespace}identity/group/id/{group.id}"
    tenants = tuple(sorted({agent.acting.tenant for agent in held}))
    who = ", ".join(agent.name for agent in held[:3]) + (" ..." if len(held) > 3 else "")
    joined = len(tenants) > 1
    verdict = Verdict.FAIL if joined else Verdict.UNKNOWN if unknown else Verdict.PASS
    says = {
        Verdict.FAIL: f"the group {group.name} gives its policies to agents of {len(tenants)} tenants: {who}",
        Verdict.UNKNOWN: f"whether the group {group.name} of {who} holds another tenant's agent is not known",
        Verdict.PASS: f"the group {group.name} gives its policies to {who} alone",
    }[verdict]
    return Finding(
        verdict=verdict,
        subject=where,
        tenant=tenants[0],
        agents=tuple(agent.acting.agent for agent in held if agent.acting.tenant == tenants[0]),
        reaches=reaches_of(tenants[1:], asked),
        summary=f"{says[0].upper()}{says[1:]}.",
        evidence=(Evidence(where=where, shows=f"{says}; its policies: {', '.join(group.policies)}"),),
        fix="make one group per tenant" if joined else None,
    )
