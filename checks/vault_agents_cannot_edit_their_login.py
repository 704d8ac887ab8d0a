"""No agent can change its own login, identity or groups.

Why: what an agent may do hangs on its role, its entity, the aliases of that entity and its groups. An agent that
can write one of them gives itself policies, or another tenant's name.
How: for each agent, writes to its own role, entity, aliases and groups are decided as the server decides them. A
FAIL carries a request that the server lets through.
Fix: take auth/ and identity/ out of the agents' policies; let a provisioning service write them.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.agents import Agent, judge_requests, write
from cred_audit.decide.vault.model import Request

SEVERITY = Severity.CRITICAL
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "NIST AC-6", "NIST IA-5", "SOC2 CC6.1", "SOC2 CC6.3", "PCI 7.2.5", "OWASP ASI03", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each agent against its own login and identity."""
    fix = "remove this clause, or narrow it so that it holds neither auth/ nor identity/"
    yield from judge_requests(snapshot, _own, "change its own login, identity or groups", fix)


def _own(agent: Agent) -> Iterator[Request]:
    place, role = agent.principal.namespace, agent.principal.role.strip("/")
    if role:
        yield write(place, role, {"token_policies": "other"})
        yield write(place, f"{role}/policies", {"token_policies": "other"})
    entity = agent.subject.entity
    if entity is None or not entity.id:
        return
    place = entity.namespace
    change = {"policies": ["other"], "metadata": {"tenant": "other"}}
    yield write(place, f"identity/entity/id/{entity.id}", change)
    yield write(place, f"identity/entity/name/{entity.name}", change)
    yield write(place, "identity/entity", {"id": entity.id, **change})
    for alias in entity.aliases:
        yield write(place, f"identity/entity-alias/id/{alias.id}", {"name": "other", "canonical_id": entity.id})
    body = {"name": "other", "canonical_id": entity.id, "mount_accessor": "auth_other"}
    yield write(place, "identity/entity-alias", body)
    for group in agent.subject.groups:
        yield write(group.namespace, f"identity/group/id/{group.id}", {"policies": ["other"]})
        yield write(group.namespace, f"identity/group/name/{group.name}", {"policies": ["other"]})
        yield write(group.namespace, "identity/group", {"id": group.id, "policies": ["other"]})
