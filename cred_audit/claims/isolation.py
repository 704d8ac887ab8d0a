"""The cross-tenant questions about one snapshot, prepared once and asked by several checks.

Brings three things together: who the target's agents are on the server, what each tenant holds there, and
the engine that decides. Nothing here judges; the checks do.
"""

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cred_audit.claims.mend import mended
from cred_audit.decide import Effect, Reason, Unknown
from cred_audit.decide.kept import of_the_last
from cred_audit.decide.vault.engine import Engine
from cred_audit.decide.vault.identity import subject_of
from cred_audit.decide.vault.model import Request, Subject, World
from cred_audit.decide.vault.reach import Answer, Grant, Owners, TerritoryIndex
from cred_audit.decide.vault.territory import Holding, KvHolding, NamespaceHolding, OperationClass, PathHolding
from cred_audit.facts import Snapshot, VaultFacts
from cred_audit.finding import Evidence, Finding, Reaches, Verdict, Witness
from cred_audit.target.model import Agent, KvTerritory, NamespaceTerritory, PrincipalKind, Tenant, VaultTerritory

_FEW = 3


Owned = KvHolding | NamespaceHolding | PathHolding


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """One declared agent as the server knows it."""

    tenant: str
    agent: str
    subject: Subject | Unknown


class Isolation:
    """One snapshot's agents, territories and engine."""

    def __init__(self, snapshot: Snapshot, vault: VaultFacts) -> None:
        self.world: World = vault.world
        self.engine = Engine(vault.world, snapshot.taken_at)
        self.tenants = tuple(tenant.id for tenant in snapshot.target.tenants)
        self.acting = tuple(
            Acting(tenant=tenant.id, agent=agent.id, subject=_subject(vault, tenant, agent))
            for tenant in snapshot.target.tenants
            for agent in tenant.agents
            if agent.vault is not None
        )
        self.holdings = tuple(
            Holding(owner=tenant.id, what=_holding(territory))
            for tenant in snapshot.target.tenants
            for territory in tenant.territory.vault
        )
        self.index = TerritoryIndex(vault.world, self.holdings, others=snapshot.target.others)
        self._landless = tuple(set(self.tenants) - set(self.index.owners))
        self._holders: dict[tuple[str, str], set[str]] | None = None
        self._owned: dict[str, list[Owned]] | None = None

    def reaches(self, owners: Owners, acting: str | None = None) -> Reaches:
        """A set of owners as the findings hold it: by name where that is shorter."""
        if owners.all_except is None:
            return Reaches(tenants=owners.names, count=owners.count)
        if owners.count <= _FEW:
            names = tuple(name for name in self.index.owners if name not in owners.all_except)
            return Reaches(tenants=names, count=owners.count)
        spared = {*owners.all_except, *self._landless, *([acting] if acting else [])}
        return Reaches(all_except=tuple(sorted(spared)), count=owners.count)

    def holders(self, namespace: str, policy: str) -> set[str]:
        """Return the tenants whose agents hold a policy."""
        if self._holders is None:
            self._holders = {}
            for acting in self.acting:
                if not isinstance(acting.subject, Unknown):
                    for key in _policies(acting.subject):
                        self._holders.setdefault(key, set()).add(acting.tenant)
        return self._holders.get((namespace, policy), set())

    def owned(self, tenant: str) -> tuple[Owned, ...]:
        """Return what a tenant holds."""
        if self._owned is None:
            self._owned = {}
            for holding in self.holdings:
                self._owned.setdefault(holding.owner, []).append(holding.what)
        return tuple(self._owned.get(tenant, ()))

    def answers(self, wanted: OperationClass) -> Iterator[tuple[Acting, Answer | Unknown]]:
        """Yield what each agent reaches of what is not its own tenant's."""
        for acting in self.acting:
            if isinstance(acting.subject, Unknown):
                yield acting, acting.subject
            else:
                yield acting, self.index.reach(self.engine, acting.subject, wanted, own=acting.tenant)


def reaches_of(names: Iterable[str], asked: Isolation) -> Reaches:
    """Declared tenants as the findings hold them: by name where they are few or that is shorter."""
    reached = set(names)
    spared = set(asked.tenants) - reached
    if len(reached) <= max(_FEW, len(spared)):
        return Reaches(tenants=tuple(sorted(reached)), count=len(reached))
    return Reaches(all_except=tuple(sorted(spared)), count=len(reached))


@of_the_last
def isolation(snapshot: Snapshot) -> Isolation:
    """Return the prepared questions of a snapshot that has Vault's facts."""
    if snapshot.vault is None:
        raise LookupError("Vault was not read")
    return Isolation(snapshot, snapshot.vault)


def _policies(subject: Subject) -> Iterator[tuple[str, str]]:
    yield from ((subject.namespace, name) for name in subject.policies)
    if subject.entity is not None:
        yield from ((subject.entity.namespace, name) for name in subject.entity.policies)
    for group in subject.groups:
        yield from ((group.namespace, name) for name in group.policies)


def judge_reach(snapshot: Snapshot, wanted: OperationClass, verb: str) -> Iterator[Finding]:
    """Yield the findings of the claim "no agent can <verb> what another tenant holds".

    One finding is one grant of one acting tenant, held by all agents of that tenant that have it; an agent
    without any grant gives one PASS, whose evidence names the clauses that come closest.
    """
    asked = isolation(snapshot)
    grants: dict[tuple[object, ...], tuple[str, Grant, list[str]]] = {}
    for acting, answer in asked.answers(wanted):
        name = f"{acting.tenant}/{acting.agent}"
        if isinstance(answer, Unknown):
            yield Finding(
                verdict=Verdict.UNKNOWN,
                subject=f"agent:{name}",
                tenant=acting.tenant,
                agents=(acting.agent,),
                summary=f"What {name} may {verb} is not known: {answer.reason}.",
                evidence=(Evidence(where=answer.where, shows=answer.reason),),
            )
            continue
        for grant in answer.grants:
            # Agents with one clause may still differ: by a deny, by what is known of them, by an assumption.
            key = (acting.tenant, grant_subject(grant), grant.effect, grant.owners, grant.assuming)
            grants.setdefault(key, (acting.tenant, grant, []))[2].append(acting.agent)
        if not answer.grants:
            yield Finding(
                verdict=Verdict.PASS,
                subject=f"agent:{name}",
                tenant=acting.tenant,
                agents=(acting.agent,),
                summary=f"No request of {name} can {verb} what another tenant holds.",
                evidence=tuple(clause_evidence(reason) for reason in answer.closest),
            )
    for tenant, grant, agents in grants.values():
        yield _grant_finding(asked, tenant, tuple(agents), grant_subject(grant), grant, verb)


def grant_subject(grant: Grant) -> str:
    """Return the stable name of a grant: its policy and the path it is written for."""
    reason = grant.because[0]
    if not reason.policy:
        return f"{grant.effect.value}:{reason.why}"
    where = f"{reason.namespace}{reason.policy}"
    return f"policy:{where} {_label(reason.clause)} {grant.operation} {grant.kind}".strip()


def _grant_finding(  # noqa: PLR0913, PLR0917  (one value per part of the sentence)
    asked: Isolation, tenant: str, agents: tuple[str, ...], subject: str, grant: Grant, verb: str
) -> Finding:
    reaches = asked.reaches(grant.owners, tenant)
    whose = sentence_of(reaches)
    who = who_acts(tenant, agents)
    known = grant.effect is Effect.ALLOW
    return Finding(
        verdict=Verdict.FAIL if known else Verdict.UNKNOWN,
        subject=f"{tenant}: {subject}",
        tenant=tenant,
        agents=agents,
        reaches=reaches,
        summary=f"{who} {'can' if known else 'may be able to'} {verb} what {whose} {holds(reaches)}.",
        evidence=tuple(clause_evidence(reason) for reason in grant.because),
        witness=witness_of(grant.operation, grant.witness) if grant.witness else None,
        assuming=grant.assuming,
        reproduce=command_of(grant.witness) if grant.witness else None,
        fix=_fix(asked, tenant, grant) if known else None,
        note=f"what it touches: {grant.kind}" if grant.kind else "",
    )


def _fix(asked: Isolation, tenant: str, grant: Grant) -> str:
    """Return what to change: a diff of the granting clause where only this tenant's agents hold its policy."""
    reason = next((one for one in grant.because if one.clause), None)
    if reason is None:
        return "remove the policy that grants this from the agent's token"
    where = f"{reason.namespace}{reason.policy}"
    holders = asked.holders(reason.namespace, reason.policy)
    if holders - {tenant}:
        more = len(holders) - 1
        return (
            f"the policy {where} is also held by {more} other tenant{'s' if more > 1 else ''}: give each tenant a "
            "policy of its own, with its own folder in the path and a slash before the star"
        )
    document = asked.engine.policies.get((reason.namespace, reason.policy))
    text = document.text if document is not None else None
    diff = mended(asked.world, text, reason, asked.owned(tenant)) if text is not None else None
    return diff or f"narrow the clause of the policy {where} to what {tenant} holds, or remove it"


def who_acts(tenant: str, agents: Sequence[str]) -> str:
    """Return the agents of one tenant as words: the only one by name."""
    return f"{tenant}/{agents[0]}" if len(agents) == 1 else f"{len(agents)} agents of {tenant}"


def sentence_of(reaches: Reaches) -> str:
    """Return a set of tenants as words."""
    if reaches.all_except is not None:
        if len(reaches.all_except) > 1:
            return f"{reaches.count} other tenants"
        return f"every other tenant ({reaches.count})"
    names = ", ".join(reaches.tenants[:3])
    more = len(reaches.tenants) - 3
    return f"{names} and {more} more" if more > 0 else names


def holds(reaches: Reaches) -> str:
    """Return the verb that fits the set."""
    every = reaches.all_except is not None and len(reaches.all_except) < 2
    return "holds" if every or len(reaches.tenants) == 1 else "hold"


def clause_evidence(reason: Reason) -> Evidence:
    """Return a clause as evidence."""
    where = f"policy {reason.namespace}{reason.policy}" if reason.policy else "the server's rules"
    return Evidence(where=where, shows=reason.why, quote=reason.clause, line=reason.line)


def witness_of(operation: str, request: Request, before: tuple[Request, ...] = ()) -> Witness:
    """Return a request as the result's witness."""
    fields: dict[str, object] = {"operation": operation, "path": request.path, "namespace": request.namespace}
    fields["method"] = request.method
    if request.body is not None:
        fields["body"] = dict(request.body)
    if request.headers:
        fields["headers"] = dict(request.headers)
    return Witness(system="vault", fields=fields, before=tuple(witness_of("", earlier) for earlier in before))


def command_of(request: Request) -> str:
    """Return the shell command that replays a request with the agent's own token in VAULT_TOKEN."""
    parts = ["curl", "--path-as-is", "-X", request.method, "-H", '"X-Vault-Token: $VAULT_TOKEN"']
    if request.namespace:
        parts += ["-H", _quoted(f"X-Vault-Namespace: {request.namespace}")]
    for name, value in request.headers.items():
        parts += ["-H", _quoted(f"{name}: {value}")]
    if request.body is not None:
        parts += ["-d", _quoted(json.dumps(request.body))]
    return " ".join([*parts, '"$VAULT_ADDR"' + _quoted(f"/v1/{request.path}")])


def _quoted(text: str) -> str:
    return shlex.quote(text)


def _label(clause: str) -> str:
    """Return the path of a clause from its first line."""
    first = clause.lstrip().split("\n", 1)[0]
    parts = first.split('"')
    return parts[1] if len(parts) > 1 else first[:80]


def _subject(vault: VaultFacts, tenant: Tenant, agent: Agent) -> Subject | Unknown:
    principal = agent.vault
    if principal is None:
        raise LookupError("only agents with a Vault principal are asked about")
    token = vault.agent_tokens.get(f"{tenant.id}/{agent.id}")
    if principal.kind is PrincipalKind.TOKEN and (token is None or token.data is None):
        # Without it the agent would seem to hold no policy at all.
        return Unknown(reason="the agent's token could not be looked up", where="auth/token/lookup-self")
    return subject_of(
        vault.world,
        namespace=principal.namespace,
        role=principal.role or None,
        entity=principal.entity or None,
        policies=principal.policies,
        token_data=token.data if token is not None else None,
    )


def _holding(territory: VaultTerritory) -> KvHolding | NamespaceHolding | PathHolding:
    if isinstance(territory, KvTerritory):
        return KvHolding(namespace=territory.namespace, mount=territory.mount, prefix=territory.prefix)
    if isinstance(territory, NamespaceTerritory):
        return NamespaceHolding(namespace=territory.namespace)
    return PathHolding(namespace=territory.namespace, pattern=territory.path)
