"""One proposal from what was guessed in Vault and in AWS: tenants of the same name are one."""

from collections.abc import Sequence
from dataclasses import replace

from cred_audit.proposal.aws import AwsTenant
from cred_audit.proposal.guess import Proposal, ProposedAgent, ProposedTenant
from cred_audit.proposal.names import distinct


def joined(vault: Proposal, aws: Sequence[AwsTenant], left_out: Sequence[str] = ()) -> Proposal:
    """Return the tenants of both, sorted by id."""
    tenants = {tenant.id: tenant for tenant in vault.tenants}
    ids = distinct([*tenants, *(found.name for found in aws if found.name not in tenants)])
    for found in aws:
        identity = ids[found.name]
        known = tenants.get(identity) or ProposedTenant(id=identity, agents=(), territory=())
        tenants[identity] = replace(known, agents=_agents(known, found), aws=found.territory)
    return Proposal(
        tenants=tuple(tenants[identity] for identity in sorted(tenants)),
        left_out=(*vault.left_out, *left_out),
    )


def _agents(known: ProposedTenant, found: AwsTenant) -> tuple[ProposedAgent, ...]:
    """Return the agents of one tenant; its only one in Vault and its only one in AWS are taken for the same."""
    if len(known.agents) == len(found.agents) == 1:
        (one,), ((_, principal, why),) = known.agents, found.agents
        return (replace(one, aws=principal, why=f"{one.why}; in AWS, where it is the only one, {why}"),)
    more = [ProposedAgent(id=name, aws=principal, why=why) for name, principal, why in found.agents]
    every = [*known.agents, *more]
    ids = distinct([f"{agent.id}\0{number}" for number, agent in enumerate(every)])
    return tuple(replace(agent, id=identity) for identity, agent in zip(ids.values(), every, strict=True))
