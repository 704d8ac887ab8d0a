"""Ask whether the target's agents may make particular requests, for claims that name the requests.

Unlike a territory, these are few known paths, so each is decided as it goes over the wire. One finding is one
clause that lets a tenant's agents through, with the number of requests that it lets through.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from cred_audit.check import Skip
from cred_audit.claims.isolation import Acting, Isolation, clause_evidence, command_of, isolation, who_acts, witness_of
from cred_audit.decide import Decision, Effect, Unknown
from cred_audit.decide.vault.acl import Acl, applies, stanzas_of
from cred_audit.decide.vault.engine import Engine
from cred_audit.decide.vault.model import AuthMount, PolicyDocument, Request, Subject
from cred_audit.decide.vault.policy import Dialect, PolicySyntaxError, Stanza
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Verdict
from cred_audit.target.model import PrincipalKind, VaultPrincipal

Ask = Callable[["Agent"], Iterable[Request]]
"""Given an agent, the requests that it must not be able to make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One declared agent whose policies are known."""

    acting: Acting
    principal: VaultPrincipal
    subject: Subject

    @property
    def logs_in(self) -> bool:
        """Whether its login or identity is known; for one given by policies alone it is not."""
        return self.principal.kind is not PrincipalKind.POLICIES

    @property
    def name(self) -> str:
        """Tenant and agent, as the target names them."""
        return f"{self.acting.tenant}/{self.acting.agent}"


@dataclass(slots=True)
class _Let:
    """A clause and what it lets through."""

    request: Request
    decision: Decision
    requests: set[tuple[str, str, str]] = field(default_factory=set)
    agents: list[str] = field(default_factory=list)


def agents(snapshot: Snapshot) -> Iterator[Agent | Finding]:
    """Yield each declared agent; for one whose policies are not known the UNKNOWN that says why."""
    principals = {(tenant.id, agent.id): agent.vault for tenant in snapshot.target.tenants for agent in tenant.agents}
    for acting in isolation(snapshot).acting:
        principal = principals[acting.tenant, acting.agent]
        if isinstance(acting.subject, Unknown) or principal is None:
            reason = acting.subject.reason if isinstance(acting.subject, Unknown) else "it has no Vault principal"
            yield unknown_agent(acting, reason, acting.subject.where if isinstance(acting.subject, Unknown) else "")
        else:
            yield Agent(acting=acting, principal=principal, subject=acting.subject)


def judge_requests(snapshot: Snapshot, ask: Ask, can: str, fix: str) -> Iterator[Finding]:
    """Yield the findings of the claim "no agent can <can>".

    Raises Skip where there is no such request for any agent of the target.
    """
    alike = _Alike(isolation(snapshot).engine)
    called_for = False
    lets: dict[tuple[str, str], _Let] = {}
    for agent in agents(snapshot):
        if isinstance(agent, Finding):
            called_for = True
            yield agent
            continue
        refused: list[Decision] = []
        free = True
        for request in ask(agent):
            decision = alike.decide(agent.subject, request)
            if decision.effect is Effect.DENY:
                refused.append(decision)
                continue
            free = False
            _note(lets, agent, request, decision)
        called_for = called_for or bool(refused) or not free
        if free and refused:
            yield _refused(agent, can, refused)
    if not called_for:
        raise Skip("the target names no agent to which such a request belongs")
    for (tenant, subject), let in lets.items():
        yield _let_through(tenant, subject, let, can, fix)


class _Alike:
    """Decides a request once for all agents that have the same clauses about its part of the paths.

    Thousands of agents share `default` and differ in their own folders only.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._decisions: dict[tuple[object, ...], Decision] = {}
        self._signatures: tuple[Subject, dict[str, object]] | None = None

    def decide(self, subject: Subject, request: Request) -> Decision:
        """Return the engine's decision."""
        acls = self.engine.acls(subject)
        if not all(acl.simple for acl in acls) or request.headers:
            return self.engine.decide(subject, request)
        first = request.namespace or request.path.partition("/")[0]
        disabled = subject.entity is not None and subject.entity.disabled
        key = (
            self._signature(subject, acls[0], first), subject.namespace, disabled, request.method, request.path,
            request.namespace, request.exists, repr(request.body),
        )  # fmt: skip
        known = self._decisions.get(key)
        if known is None:
            known = self._decisions[key] = self.engine.decide(subject, request)
        return known

    def _signature(self, subject: Subject, acl: Acl, first: str) -> object:
        """Return what is the same for every list with the same rules about paths that begin with this segment."""
        if self._signatures is None or self._signatures[0] is not subject:
            self._signatures = (subject, {})
        known = self._signatures[1].get(first)
        if known is None:
            start = first.strip("/")
            known = self._signatures[1][first] = tuple(
                (rule.text, rule.prefix, tuple((s.namespace, s.policy, id(s.stanza)) for s in rule.sources))
                for rule in (*acl.exact.values(), *acl.ordered)
                if rule.text.startswith((start, "+")) or start.startswith(rule.text.partition("/")[0])
            )
        return known


def _note(lets: dict[tuple[str, str], _Let], agent: Agent, request: Request, decision: Decision) -> None:
    key = (agent.acting.tenant, clause_subject(decision))
    let = lets.setdefault(key, _Let(request=request, decision=decision))
    let.requests.add((request.namespace, request.method, request.path))
    if agent.acting.agent not in let.agents:
        let.agents.append(agent.acting.agent)


def clause_subject(decision: Decision) -> str:
    """Return the stable name of the clause that decided."""
    reason = decision.because[0]
    if not reason.policy:
        return f"{decision.effect.value}:{reason.why}"
    path = reason.clause.split('"')[1:2] or [reason.clause[:80]]
    open_ends = " (unknown)" if decision.effect is Effect.UNKNOWN else ""
    return f"policy:{reason.namespace}{reason.policy} {path[0]}{open_ends}"


def _refused(agent: Agent, can: str, refused: list[Decision]) -> Finding:
    reasons = {decision.because[0]: None for decision in refused}
    shown = tuple(clause_evidence(reason) for reason in list(reasons)[:3])
    return Finding(
        verdict=Verdict.PASS,
        subject=f"agent:{agent.name}",
        tenant=agent.acting.tenant,
        agents=(agent.acting.agent,),
        count=len(refused),
        summary=f"{agent.name} cannot {can}.",
        evidence=shown,
    )


def _let_through(tenant: str, subject: str, let: _Let, can: str, fix: str) -> Finding:
    known = let.decision.effect is Effect.ALLOW
    who = who_acts(tenant, let.agents)
    return Finding(
        verdict=Verdict.FAIL if known else Verdict.UNKNOWN,
        subject=f"{tenant}: {subject}",
        tenant=tenant,
        agents=tuple(let.agents),
        count=len(let.requests),
        summary=f"{who} {'can' if known else 'may be able to'} {can}.",
        evidence=tuple(clause_evidence(reason) for reason in let.decision.because),
        witness=witness_of(_operation(let.request), let.request),
        assuming=let.decision.assuming,
        reproduce=command_of(let.request),
        fix=fix if known else None,
    )


def _operation(request: Request) -> str:
    if request.method in ("POST", "PUT"):
        return "create" if request.exists is False else "update"
    return {"GET": "read"}.get(request.method, request.method.lower())


def unknown_agent(acting: Acting, reason: str, where: str) -> Finding:
    """Return the UNKNOWN of an agent of which something was not seen."""
    name = f"{acting.tenant}/{acting.agent}"
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject=f"agent:{name}",
        tenant=acting.tenant,
        agents=(acting.agent,),
        summary=f"What {name} may do is not known: {reason}.",
        evidence=(Evidence(where=where, shows=reason),),
    )


def write(namespace: str, path: str, body: Mapping[str, Any]) -> Request:
    """Return the request that changes an object which exists."""
    return Request(method="POST", path=quote(path, safe="/"), namespace=namespace, body=body, exists=True)


def clauses(asked: Isolation, subject: Subject) -> Iterator[tuple[PolicyDocument, Stanza | None]]:
    """Yield each clause of the policies that act on a subject; None stands for a policy that cannot be read."""
    dialect = asked.engine.profiles[0].dialect
    for document in applies(asked.engine.policies, subject):
        stanzas = _stanzas(document.text, dialect, asked.engine.now) if document.text is not None else None
        for stanza in (None,) if stanzas is None else stanzas:
            yield document, stanza


def _stanzas(text: str, dialect: Dialect, now: datetime) -> tuple[Stanza, ...] | None:
    try:
        return stanzas_of(text, dialect, now)
    except PolicySyntaxError:
        return None


def blind_policies(asked: Isolation, subject: Subject) -> bool:
    """Whether policies may act on a subject that could not even be listed."""
    return any(entry.path.startswith(subject.namespace) for entry in asked.engine.unlisted)


def login_of(asked: Isolation, principal: VaultPrincipal) -> AuthMount | None:
    """Return the auth method through which a principal given by its role logs in."""
    path = f"{principal.role.strip('/')}/"
    mounts = [
        mount
        for namespace in asked.world.namespaces
        if namespace.path == principal.namespace
        for mount in namespace.auth_mounts or ()
        if path.startswith(f"auth/{mount.path}")
    ]
    return max(mounts, key=lambda mount: len(mount.path), default=None)
