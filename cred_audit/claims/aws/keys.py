"""Which KMS keys encrypt whose secrets and parameters, and how far the use of a shared key is bound.

KMS Developer Guide: "Condition keys for AWS KMS" (kms:ViaService, kms:EncryptionContext), "Using grant constraints";
Secrets Manager User Guide: "Secret encryption and decryption".
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from cred_audit.claims.aws.assuming import reaches_of, reason_subject, unknown_agent
from cred_audit.claims.aws.isolation import Acting, AwsIsolation, aws_isolation, reason_evidence, witness_of
from cred_audit.claims.aws.sight import doubted
from cred_audit.claims.isolation import sentence_of, who_acts
from cred_audit.decide import Effect, Unknown
from cred_audit.decide.aws.estate import Thing
from cred_audit.decide.aws.free import Possible, Search
from cred_audit.decide.aws.model import Kind, KmsGrant, Request, Value
from cred_audit.decide.aws.world import Parameter
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Verdict

_SHOWN = 3
_FIX = "give each tenant a key of its own and encrypt its secrets again with it"
_FIX_USE = (
    "allow kms:Decrypt with `kms:ViaService` and with `kms:EncryptionContext:SecretARN` that names the tenant's own "
    "secrets, and give grants an EncryptionContextSubset"
)


@dataclass(slots=True)
class _Served:
    """What one customer key encrypts."""

    key: Thing
    tenants: set[str] = field(default_factory=set)
    things: list[Thing] = field(default_factory=list)


def _encrypted(facts: AwsIsolation) -> Iterator[Thing]:
    """Yield the secrets and SecureString parameters that are a tenant's."""
    plain = {
        parameter.arn
        for account in facts.world.accounts
        for region in account.regions
        for parameter in region.parameters or ()
        if not _is_secure(parameter)
    }
    for thing in facts.holdings.all:
        single = thing.collection is None and thing.service in {"secretsmanager", "ssm"}
        if single and thing.owners and thing.arn not in plain:
            yield thing


def _is_secure(parameter: Parameter) -> bool:
    return parameter.type == "SecureString"


def _served(facts: AwsIsolation) -> dict[str, _Served]:
    found: dict[str, _Served] = {}
    for thing in _encrypted(facts):
        if thing.key is not None:
            served = found.setdefault(thing.key.arn, _Served(thing.key, set(thing.key.owners)))
            served.tenants.update(thing.owners)
            served.things.append(thing)
    return found


def judge_keys(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each customer key that encrypts a tenant's secret or parameter."""
    facts = aws_isolation(snapshot)
    dark = tuple(without_key_known(facts))
    yield from dark
    for arn, served in _served(facts).items():
        reaches = reaches_of(facts, served.tenants)
        alone = len(served.tenants) == 1
        shows = f"encrypts {len(served.things)} secrets and parameters of {sentence_of(reaches)}"
        examples = tuple(
            Evidence(where=thing.arn, shows=f"is {', '.join(thing.owners)}'s and encrypted with it")
            for thing in _one_each(served)
        )
        finding = Finding(
            verdict=Verdict.PASS if alone else Verdict.FAIL,
            subject=f"key:{arn}",
            reaches=reaches_of(facts, ()) if alone else reaches,
            count=len(served.things),
            summary=f"The key {arn} {shows}.",
            evidence=(Evidence(where=arn, shows=shows), *(() if alone else examples)),
            fix=None if alone else _FIX,
        )
        # What is encrypted with an unknown key may be encrypted with this one.
        yield doubted(finding, dark) if dark else finding


def _one_each(served: _Served) -> Iterator[Thing]:
    seen: set[str] = set()
    for thing in served.things:
        if not seen.issuperset(thing.owners) and len(seen) < _SHOWN:
            seen.update(thing.owners)
            yield thing


def without_key_known(facts: AwsIsolation) -> Iterator[Finding]:
    """Yield an UNKNOWN where it was not seen which key encrypts a tenant's secret or parameter."""
    things = [thing for thing in _encrypted(facts) if not thing.key_known]
    if things:
        yield Finding(
            verdict=Verdict.UNKNOWN,
            subject="unseen:keys of secrets",
            count=len(things),
            summary=f"Which key encrypts {len(things)} secrets and parameters is not known.",
            evidence=tuple(Evidence(where=thing.arn, shows="its key was not seen") for thing in things[:_SHOWN]),
        )


def judge_customer_keys(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each tenant that has secrets: whether a customer key encrypts all of them."""
    facts = aws_isolation(snapshot)
    by_tenant: dict[str, list[Thing]] = {}
    for thing in _encrypted(facts):
        for owner in thing.owners:
            by_tenant.setdefault(owner, []).append(thing)
    for tenant, things in by_tenant.items():
        bare = [thing for thing in things if thing.key is None and thing.key_known]
        dark = [thing for thing in things if not thing.key_known]
        shown = bare or dark
        verdict = Verdict.FAIL if bare else Verdict.UNKNOWN if dark else Verdict.PASS
        summary = {
            Verdict.PASS: f"Customer keys encrypt all {len(things)} secrets and parameters of {tenant}.",
            Verdict.UNKNOWN: f"Which key encrypts {len(dark)} secrets and parameters of {tenant} is not known.",
            Verdict.FAIL: f"AWS's own key, which no policy can close to a tenant, encrypts {len(bare)} of the "
            f"{len(things)} secrets and parameters of {tenant}.",
        }[verdict]
        says = "is encrypted with AWS's own key" if bare else "its key was not seen" if dark else "has a customer key"
        yield Finding(
            verdict=verdict,
            subject=f"tenant:{tenant}",
            reaches=reaches_of(facts, (tenant,)) if bare else reaches_of(facts, ()),
            count=len(shown or things),
            summary=summary,
            evidence=tuple(Evidence(where=thing.arn, shows=says) for thing in (shown or things)[:_SHOWN]),
            fix="encrypt them with a customer key of the tenant's own" if bare else None,
        )


@dataclass(slots=True)
class _Use:
    """One way in which agents of a tenant may decrypt with a shared key."""

    acting: Acting
    possible: Possible
    agents: dict[str, None] = field(default_factory=dict)
    keys: dict[str, _Served] = field(default_factory=dict)


def judge_key_use(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield how agents may use keys that serve several tenants; a PASS for each agent that is bound."""
    facts = aws_isolation(snapshot)
    dark = tuple(without_key_known(facts))
    yield from dark
    shared = {arn: served for arn, served in _served(facts).items() if len(served.tenants) > 1}
    if not shared:
        return
    uses: dict[tuple[object, ...], _Use] = {}
    for acting in facts.acting:
        if isinstance(acting.who, Unknown):
            yield unknown_agent(acting, acting.who)
            continue
        bound = True
        search = facts.search(acting.who)
        for arn, served in shared.items():
            found = _unbound(acting, search, served)
            if found is not None:
                bound = False
                effect = found.decision.effect
                key = (acting.tenant, effect, found.decision.because, found.request.action)
                use = uses.setdefault(key, _Use(acting, found))
                use.agents[acting.agent] = None
                use.keys[arn] = served
        if bound:
            yield doubted(_bound(acting), dark) if dark else _bound(acting)
    for use in uses.values():
        yield _used(facts, use)
    for served in shared.values():
        yield from _grants(facts, served)


def _unbound(acting: Acting, search: Search, served: _Served) -> Possible | None:
    """Return a decryption of another tenant's secret, sent by the agent itself, or a change of who may use the key."""
    foreign = next((thing for thing in served.things if acting.tenant not in thing.owners), None)
    if foreign is None or _has_no_right(acting, search, served.key):
        return None
    name = "SecretARN" if foreign.service == "secretsmanager" else "PARAMETER_ARN"
    given: dict[str, Value] = {
        "kms:ViaService": (),
        "aws:ViaAWSService": "false",
        f"kms:EncryptionContext:{name}": foreign.arn,
    }
    best: Possible | None = None
    for action, context in (("kms:Decrypt", given), ("kms:CreateGrant", {}), ("kms:PutKeyPolicy", {})):
        request = Request(
            action=action, resource=served.key.arn, resource_tags=served.key.tags,
            context={**served.key.known, **context},
        )  # fmt: skip
        found = search.possible(request, served.key.policies)
        if found.decision.effect is Effect.ALLOW:
            return found
        if found.decision.effect is Effect.UNKNOWN:
            best = best or found
    return best


def _has_no_right(acting: Acting, search: Search, key: Thing) -> bool:
    """Whether neither side has a statement that could let the agent use the key."""
    if key.policies.grants or Kind.RESOURCE in key.policies.unseen or isinstance(acting.who, Unknown):
        return False
    if acting.who.policies.unseen:
        return False
    actions = ("kms:decrypt", "kms:creategrant", "kms:putkeypolicy")
    return not any(
        clause.allow and clause.document.kind in {Kind.IDENTITY, Kind.RESOURCE}
        and not _only_delegates(clause.statement.principals)
        for action in actions
        for clause in search.evaluator.clauses(action, key.policies)
    )  # fmt: skip


def _only_delegates(principals: tuple[object, ...] | None) -> bool:
    return principals is not None and all(str(getattr(one, "value", "")).endswith(":root") for one in principals)


def _bound(acting: Acting) -> Finding:
    name = f"{acting.tenant}/{acting.agent}"
    shows = "no statement lets it decrypt another tenant's secret itself, or change who may use a shared key"
    return Finding(
        verdict=Verdict.PASS,
        subject=f"agent:{name}",
        tenant=acting.tenant,
        agents=(acting.agent,),
        summary=f"{name} may use shared keys only as the services and the names of its secrets bind it.",
        evidence=(Evidence(where=acting.arn, shows=shows),),
    )


def _used(facts: AwsIsolation, use: _Use) -> Finding:
    decision, request, tenant = use.possible.decision, use.possible.request, use.acting.tenant
    known = decision.effect is Effect.ALLOW
    served = set().union(*(one.tenants for one in use.keys.values())) - {tenant}
    reaches = reaches_of(facts, served, tenant)
    who = who_acts(tenant, tuple(use.agents))
    does = {
        "kms:Decrypt": "decrypt anything with a key that it shares with",
        "kms:CreateGrant": "give others the use of a key that it shares with",
        "kms:PutKeyPolicy": "write the policy of a key that it shares with",
    }[request.action]
    witness = None
    if known and not isinstance(use.acting.who, Unknown):
        witness = witness_of(use.acting.who.principal, (request,))
    return Finding(
        verdict=Verdict.FAIL if known else Verdict.UNKNOWN,
        subject=f"{tenant}: {request.action}: {reason_subject(decision.because[0])}",
        tenant=tenant,
        agents=tuple(use.agents),
        reaches=reaches,
        count=len(use.keys),
        summary=f"{who} {'can' if known else 'may be able to'} {does} {sentence_of(reaches)}.",
        evidence=tuple(reason_evidence(reason) for reason in decision.because),
        witness=witness,
        assuming=decision.assuming,
        fix=_FIX_USE if known else None,
    )


def _grants(facts: AwsIsolation, served: _Served) -> Iterator[Finding]:
    """Yield one finding for each grant that lets somebody decrypt with a shared key."""
    key = facts.holdings.keys.get(served.key.arn)
    if key is None or key.grants is None:
        yield Finding(
            verdict=Verdict.UNKNOWN,
            subject=f"grants:{served.key.arn}",
            summary=f"The grants of the shared key {served.key.arn} were not seen.",
            evidence=(Evidence(where=f"kms list-grants {served.key.arn}", shows="its grants were not seen"),),
        )
        return
    for number, grant in enumerate(key.grants, 1):
        if "Decrypt" in grant.operations:
            yield _granted(facts, served, grant, grant.name or str(number))


def _granted(facts: AwsIsolation, served: _Served, grant: KmsGrant, name: str) -> Finding:
    limited = bool(grant.context_subset or grant.context_equals)
    reaches = reaches_of(facts, served.tenants)
    shows = f"lets {grant.grantee} decrypt {'in one encryption context' if limited else 'in any encryption context'}"
    return Finding(
        verdict=Verdict.PASS if limited else Verdict.FAIL,
        subject=f"grant:{served.key.arn} {name}: {grant.grantee}",
        reaches=reaches_of(facts, ()) if limited else reaches,
        summary=f"A grant of {served.key.arn}, which serves {sentence_of(reaches)}, {shows}.",
        evidence=(Evidence(where=f"kms list-grants {served.key.arn}", shows=shows),),
        fix=None if limited else _FIX_USE,
    )
