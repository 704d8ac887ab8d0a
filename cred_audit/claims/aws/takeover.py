"""The chains of requests by which agents take over what others own in AWS, as findings.

What the search finds is in `decide.aws.takeover`; here it becomes sentences, evidence and commands.
"""

import shlex
from collections.abc import Iterable, Iterator

from cred_audit.claims.aws.isolation import (
    Acting,
    AwsIsolation,
    aws_isolation,
    gap_evidence,
    reason_evidence,
    request_fields,
    witness_of,
)
from cred_audit.claims.isolation import holds, sentence_of, who_acts
from cred_audit.decide import Unknown
from cred_audit.decide.aws.chains import Chain, Holder, Outcome
from cred_audit.decide.aws.model import Request
from cred_audit.decide.aws.takeover import Takeovers
from cred_audit.decide.aws.ways import Blind, Held, Step
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Reaches, Verdict, Witness

_FEW = 3
"""Tenants that a finding always names."""
_FIX = "remove the first statement's action from the agent, or narrow it to what only this tenant stands on"


class _Sets:
    """Sets of owners as findings hold them: many findings share one set, which is looked at once."""

    def __init__(self, tenants: Iterable[str]) -> None:
        self._tenants = frozenset(tenants)
        self._others: dict[frozenset[str], frozenset[str]] = {}

    def reaches(self, owners: frozenset[str], own: str) -> Reaches:
        """Return a set of owners without the acting tenant."""
        count = len(owners) - (own in owners)
        if count <= _FEW or count * 2 <= len(self._tenants):
            return Reaches(tenants=tuple(sorted(owners - {own})), count=count)
        others = self._others.get(owners)
        if others is None:
            others = self._others[owners] = self._tenants - owners
        return Reaches(all_except=tuple(sorted(others | {own})), count=count)


def judge_aws_takeovers(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield a FAIL for each statement of each tenant that a chain starts with, and a PASS for each agent without."""
    asked = aws_isolation(snapshot)
    holders = _holders(snapshot, asked)
    takeovers = Takeovers(
        asked.principals, asked.holdings, holders.values(),
        tuple((acting.tenant, acting.arn) for acting in asked.acting), asked.tenants,
    )  # fmt: skip
    unseen = tuple(gap_evidence(snapshot.gaps, part, call) for part, call in asked.holdings.unseen.items())
    found: dict[tuple[object, ...], tuple[Acting, Chain, list[str], dict[Blind, None]]] = {}
    for acting in asked.acting:
        if isinstance(acting.who, Unknown):
            yield _not_known(acting, acting.who)
            continue
        outcome = takeovers.outcome(holders[acting.tenant, acting.agent])
        for chain in outcome.chains:
            key = (acting.tenant, _subject(chain), chain.sure, chain.owners)
            known = found.setdefault(key, (acting, chain, [], {}))
            known[2].append(acting.agent)
            known[3].update(dict.fromkeys(outcome.blind))
        if not outcome.chains:
            yield _without(snapshot, acting, outcome, unseen)
    sets = _Sets(asked.tenants)
    for acting, chain, agents, blind in found.values():
        yield _finding(sets, acting, tuple(agents), chain, tuple(blind))


def _holders(snapshot: Snapshot, asked: AwsIsolation) -> dict[tuple[str, str], Holder]:
    named = {
        (tenant.id, agent.id): agent.aws.session_name
        for tenant in snapshot.target.tenants
        for agent in tenant.agents
        if agent.aws is not None
    }
    found = {}
    for acting in asked.acting:
        entity = asked.principals.found(acting.arn)
        if not isinstance(acting.who, Unknown) and not isinstance(entity, Unknown):
            key = (acting.tenant, acting.agent)
            held = Held(
                asked.principals, entity, session_tags=acting.who.principal.session_tags, session_name=named[key],
                policies=acting.who.policies,
            )  # fmt: skip
            found[key] = Holder(tenant=acting.tenant, held=held)
    return found


def _not_known(acting: Acting, unknown: Unknown) -> Finding:
    name = f"{acting.tenant}/{acting.agent}"
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject=f"agent:{name}",
        tenant=acting.tenant,
        agents=(acting.agent,),
        summary=f"Whether {name} can take over others is not known: {unknown.reason}.",
        evidence=(Evidence(where=unknown.where, shows=unknown.reason),),
    )


def _without(snapshot: Snapshot, acting: Acting, outcome: Outcome, unseen: tuple[Evidence, ...]) -> Finding:
    name = f"{acting.tenant}/{acting.agent}"
    gaps = {gap.what: gap.reason for gap in snapshot.gaps if gap.source == "aws"}
    blind = tuple(
        Evidence(where=one.where, shows=one.reason + (f" ({gaps[one.where]})" if one.where in gaps else ""))
        for one in outcome.blind
    ) + unseen  # fmt: skip
    if blind:
        verdict = Verdict.UNKNOWN
        summary = f"Whether {name} can take over others is not known: {blind[0].shows}."
    else:
        verdict = Verdict.PASS
        summary = f"No chain of requests makes {name} a principal that reaches another tenant."
    harmless = tuple(
        Evidence(where=arn, shows="can be held by the agent and reaches nothing of other tenants")
        for arn in outcome.harmless[:5]
    )
    if not harmless:
        harmless = (Evidence(
            where=acting.arn,
            shows="no statement of its policies, of a trust policy or of a resource's lets it become another "
            "principal or control what others own",
        ),)  # fmt: skip
    return Finding(
        verdict=verdict,
        subject=f"agent:{name}",
        tenant=acting.tenant,
        agents=(acting.agent,),
        summary=summary,
        evidence=blind or harmless,
    )


def _subject(chain: Chain) -> str:
    """Return the stable name of a chain: the statement that it starts with."""
    return f"{chain.first.policy}: {chain.first.why}" if chain.first.policy else chain.first.why


def _finding(sets: _Sets, acting: Acting, agents: tuple[str, ...], chain: Chain, blind: tuple[Blind, ...]) -> Finding:
    reaches = sets.reaches(chain.owners, acting.tenant)
    who = who_acts(acting.tenant, agents)
    whose = sentence_of(reaches) if chain.owners else "other tenants perhaps"
    hold = holds(reaches) if chain.owners else "hold"
    if chain.what:
        end = f"{chain.verb} {chain.what}, which {whose} {hold.replace('hold', 'stand')} on"
    else:
        end = f"{chain.verb} what {whose} {hold} in AWS"
    told = ", then ".join(step.shows for step in chain.steps)
    if chain.opened:
        end = f"read it; it has the same control of what {whose} {hold} in AWS"
    may = "can" if chain.sure else "may be able to"
    if told:
        summary = f"{who} {told}, and {may} then {end}." if chain.sure else f"Perhaps {who} {told}, and can then {end}."
    else:
        summary = f"{who} {may} {end}."
    evidence = [
        Evidence(where=made.where, shows=f"step {number}: {step.shows} ({made.shows})", quote=made.quote)
        for number, step in enumerate(chain.steps, 1)
        for made in map(reason_evidence, step.because)
    ]
    evidence += map(reason_evidence, chain.because)
    last = witness_of(chain.by, chain.last)
    before = tuple(_witness(step) for step in chain.steps)
    return Finding(
        verdict=Verdict.FAIL if chain.sure else Verdict.UNKNOWN,
        subject=f"{acting.tenant}: {_subject(chain)}",
        tenant=acting.tenant,
        agents=agents,
        reaches=reaches,
        summary=summary,
        evidence=tuple(evidence),
        witness=Witness(system="aws", fields=last.fields, before=before),
        assuming=chain.assuming,
        note=_note(chain, blind),
        reproduce=commands_of(chain),
        fix=_FIX,
    )


def _note(chain: Chain, blind: tuple[Blind, ...]) -> str:
    """Return what keeps the reach of a chain from being all that there is."""
    reasons = tuple(dict.fromkeys((*chain.untried, *(one.reason for one in blind))))
    if not reasons:
        return ""
    more = f", and for {len(reasons) - 1} more reasons" if len(reasons) > 1 else ""
    return f"reaches these at least: {reasons[0]}{more}"


def _witness(step: Step) -> Witness:
    fields = request_fields(step.by, step.request)
    if step.also:
        fields["also"] = [request_fields(step.by, request) for request in step.also]
    return Witness(system="aws", fields=fields)


def commands_of(chain: Chain) -> str:
    """Return the shell commands that replay a chain, with the agent's credentials in the environment (they need jq)."""
    lines = []
    holders = {chain.steps[0].holder if chain.steps else chain.holder: ""}
    for step in chain.steps:
        if not step.command:
            lines.append(f"# {step.shows}, which takes no call of its own")
            continue
        command = _aws(step.command, holders.get(step.holder, ""))
        if step.gives:
            name = f"session{len(holders)}"
            holders[step.gives] = name
            lines.append(f"{name}=$({command})")
        else:
            lines.append(command)
    lines.append(_aws(_last(chain.last[0]), holders.get(chain.holder, "")))
    return "\n".join(lines)


def _aws(words: tuple[str, ...], session: str) -> str:
    command = " ".join(["aws", *map(shlex.quote, words)])
    if not session:
        return command
    fields = (("AWS_ACCESS_KEY_ID", "AccessKeyId"), ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
              ("AWS_SESSION_TOKEN", "SessionToken"))  # fmt: skip
    given = " ".join(f'{name}=$(echo "${session}" | jq -r .Credentials.{field})' for name, field in fields)
    return f"{given} {command}"


def _last(request: Request) -> tuple[str, ...]:
    """Return the words of the last call; where the call needs more than a name, what has to be filled in."""
    service, _, name = request.action.partition(":")
    call = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")
    region = request.resource.split(":")[3] if request.resource.count(":") > 4 else ""
    place = ("--region", region) if region else ()
    end = request.resource.split(":", 5)[5] if request.resource.count(":") > 4 else ""
    if service == "secretsmanager" and end:
        return (service, call, "--secret-id", request.resource, *place)
    if service == "ssm" and end:
        return (service, call, "--name", end.removeprefix("parameter"), "--with-decryption", *place)
    if service == "kms" and end:
        return (service, call, "--key-id", request.resource, *place)
    if service == "iam" and end:
        kind, _, rest = end.partition("/")
        option = {"role": "--role-name", "user": "--user-name", "group": "--group-name"}.get(kind)
        return (service, call, option, rest.rpartition("/")[2]) if option else (
            service, call, "--policy-arn", request.resource
        )  # fmt: skip
    return (service, call, *place)
