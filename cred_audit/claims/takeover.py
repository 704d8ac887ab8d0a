"""The chains of requests by which agents take over what others own, as findings.

What the search finds is in `decide.vault.takeover`; here it becomes sentences, evidence and commands.
"""

import json
import shlex
from collections.abc import Iterator

from cred_audit.claims.isolation import (
    Acting,
    Isolation,
    clause_evidence,
    holds,
    isolation,
    sentence_of,
    who_acts,
    witness_of,
)
from cred_audit.decide import Unknown
from cred_audit.decide.vault.control import Holder
from cred_audit.decide.vault.gains import Gap, Step
from cred_audit.decide.vault.takeover import Chain, Takeovers
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Verdict, Witness

_VERBS = {"read": "read", "list": "list", "scan": "list"}


def judge_takeovers(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one FAIL for each clause of each tenant that a chain starts with, and one PASS for each agent without."""
    asked = isolation(snapshot)
    roles = {
        (tenant.id, agent.id): (agent.vault.namespace, agent.vault.role)
        for tenant in snapshot.target.tenants
        for agent in tenant.agents
        if agent.vault is not None
    }
    holders: dict[tuple[str, str], Holder] = {}
    for acting in asked.acting:
        if not isinstance(acting.subject, Unknown):
            namespace, role = roles[acting.tenant, acting.agent]
            holders[acting.tenant, acting.agent] = Holder(
                tenant=acting.tenant, subject=acting.subject, namespace=namespace, role=role
            )
    takeovers = Takeovers(asked.engine, asked.index, holders.values(), asked.holdings)
    unknown = [acting for acting in asked.acting if isinstance(acting.subject, Unknown)]
    found: dict[tuple[str, str], tuple[Chain, list[str]]] = {}
    for acting in asked.acting:
        holder = holders.get((acting.tenant, acting.agent))
        if holder is None:
            yield _not_known(acting)
            continue
        outcome = takeovers.outcome(holder)
        for chain in outcome.chains:
            found.setdefault((acting.tenant, _subject(chain)), (chain, []))[1].append(acting.agent)
        for gap in outcome.gaps:
            yield _unknown(acting, gap)
        if not outcome.chains and not outcome.gaps:
            harmless = tuple(clause_evidence(reason) for reason in outcome.harmless)
            stranger = next((one for one in unknown if one.tenant != acting.tenant), None)
            # What it may change may be what an agent stands on of which it is not known what it stands on.
            yield _stands_on(acting, stranger, harmless) if harmless and stranger else _proof(acting, harmless)
    for (tenant, subject), (chain, agents) in found.items():
        yield _finding(asked, tenant, tuple(agents), subject, chain)


def _not_known(acting: Acting) -> Finding:
    reason, where = "its principal is not known", ""
    if isinstance(acting.subject, Unknown):
        reason, where = acting.subject.reason, acting.subject.where
    name = f"{acting.tenant}/{acting.agent}"
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject=f"agent:{name}",
        tenant=acting.tenant,
        agents=(acting.agent,),
        summary=f"Whether {name} can take over others is not known: {reason}.",
        evidence=(Evidence(where=where, shows=reason),),
    )


def _unknown(acting: Acting, gap: Gap) -> Finding:
    name = f"{acting.tenant}/{acting.agent}"
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject=f"agent:{name}: {gap.reason}",
        tenant=acting.tenant,
        agents=(acting.agent,),
        summary=f"Whether {name} can take over others is not known: {gap.reason}.",
        evidence=tuple(clause_evidence(reason) for reason in gap.because),
    )


def _stands_on(acting: Acting, stranger: Acting, evidence: tuple[Evidence, ...]) -> Finding:
    name, other = f"{acting.tenant}/{acting.agent}", f"{stranger.tenant}/{stranger.agent}"
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject=f"agent:{name}",
        tenant=acting.tenant,
        agents=(acting.agent,),
        summary=f"Whether what {name} may change is what {other} stands on is not known.",
        evidence=(Evidence(where=f"agent {other}", shows="what it stands on is not known"), *evidence),
    )


def _proof(acting: Acting, evidence: tuple[Evidence, ...]) -> Finding:
    name = f"{acting.tenant}/{acting.agent}"
    if evidence:
        summary = f"What {name} may change of policies, roles, tokens, identities and mounts leads to no other tenant."
    else:
        summary = f"No clause lets {name} change policies, roles, tokens, identities or mounts."
        shows = "no clause of its policies grants create, update, patch, delete or sudo on a path of control"
        evidence = (Evidence(where="the server's rules", shows=shows),)
    return Finding(
        verdict=Verdict.PASS,
        subject=f"agent:{name}",
        tenant=acting.tenant,
        agents=(acting.agent,),
        summary=summary,
        evidence=evidence,
    )


def _subject(chain: Chain) -> str:
    """Return the stable name of a chain: the clause that it starts with."""
    reason = chain.first
    if not reason.policy:
        return f"{reason.why}: {chain.kind}"
    first = reason.clause.lstrip().split("\n", 1)[0].split('"')
    label = first[1] if len(first) > 1 else ""
    return f"policy:{reason.namespace}{reason.policy} {label}".strip()


def _finding(asked: Isolation, tenant: str, agents: tuple[str, ...], subject: str, chain: Chain) -> Finding:
    reaches = asked.reaches(chain.owners, tenant)
    whose = sentence_of(reaches)
    who = who_acts(tenant, agents)
    if chain.steps:
        verb = _VERBS.get(chain.operation, "change")
        told = ", then ".join(step.shows for step in chain.steps)
        summary = f"{who} {told}, and can then {verb} what {whose} {holds(reaches)}."
    else:
        summary = f"{who} can change {chain.kind} of {whose}."
    evidence = [
        Evidence(
            where=made.where, shows=f"step {number}: {step.shows} ({made.shows})", quote=made.quote, line=made.line
        )
        for number, step in enumerate(chain.steps, 1)
        for made in (clause_evidence(reason) for reason in step.because[:1])
    ]
    evidence += [clause_evidence(reason) for reason in chain.because]
    before = tuple(_witness(step) for step in chain.steps)
    last = witness_of(chain.operation, chain.last)
    fields = {**last.fields, "token": _token(chain.by)}
    return Finding(
        verdict=Verdict.FAIL,
        subject=f"{tenant}: {subject}",
        tenant=tenant,
        agents=agents,
        reaches=reaches,
        summary=summary,
        evidence=tuple(evidence),
        witness=Witness(system="vault", fields=fields, before=before),
        assuming=chain.assuming,
        reproduce=commands_of(chain),
        fix="remove the first clause, or narrow it to objects that only this tenant stands on",
        note=chain.kind,
    )


def _token(by: str) -> str:
    return by if by in ("agent", "none") else f"${{{by}}}"


def _witness(step: Step) -> Witness:
    operation = {"GET": "read", "PATCH": "patch", "LIST": "list", "DELETE": "delete"}.get(step.request.method, "")
    if not operation:
        operation = "create" if step.request.exists is False else "update"
    made = witness_of(operation, step.request)
    fields = {**made.fields, "token": _token(step.by)}
    if step.takes:
        fields["takes"] = dict(step.takes)
    return Witness(system="vault", fields=fields)


def commands_of(chain: Chain) -> str:
    """Return the shell commands that replay a chain with the agent's own token in VAULT_TOKEN (they need jq)."""
    lines = []
    for step in chain.steps:
        command = _command(step.request.method, step.request.path, step.request.namespace, step.request.body,
                           step.request.headers, step.by)  # fmt: skip
        if not step.takes:
            lines.append(command)
            continue
        picks = " ".join(f".{place}" for place in step.takes.values())
        names = list(step.takes)
        lines.append(f"{names[0]}=$({command} | jq -r {shlex.quote(picks)})")
    last = chain.last
    lines.append(_command(last.method, last.path, last.namespace, last.body, last.headers, chain.by))
    return "\n".join(lines)


def _command(  # noqa: PLR0913, PLR0917  (the parts of a request)
    method: str, path: str, namespace: str, body: object, headers: object, by: str
) -> str:
    parts = ["curl", "-s", "--path-as-is", "-X", method]
    if by != "none":
        parts += ["-H", '"X-Vault-Token: $VAULT_TOKEN"' if by == "agent" else f'"X-Vault-Token: ${by}"']
    if namespace:
        parts += ["-H", shlex.quote(f"X-Vault-Namespace: {namespace}")]
    if isinstance(headers, dict):
        for name, value in headers.items():
            parts += ["-H", shlex.quote(f"{name}: {value}")]
    if body is not None:
        parts += ["-d", _expanded(json.dumps(body))]
    return " ".join([*parts, '"$VAULT_ADDR"' + _expanded(f"/v1/{path}")])


def _expanded(text: str) -> str:
    """Quote a text for the shell, with `${name}` left to be filled in."""
    pieces = text.split("${")
    out = shlex.quote(pieces[0]) if pieces[0] else ""
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}")
        out += f'"${{{name.replace(" ", "_")}}}"' + (shlex.quote(rest) if rest else "")
    return out
