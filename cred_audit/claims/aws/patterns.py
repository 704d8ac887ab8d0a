"""Whose things the pattern of an Allow statement covers: several tenants', or those of a tenant that is yet to come.

This judges the text of one statement, its conditions included, whatever other statements deny. A pattern covers the
names of tenants to come where a name that only begins or ends like the tenant's own falls under it, too. Whom a finding
reaches is another matter: those whose things the agent gets by the statement with all policies, maybe nobody.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from cred_audit.check import Skip
from cred_audit.claims.aws.isolation import witness_of
from cred_audit.claims.aws.texts import (
    CLASSES,
    NOBODY,
    SERVICES,
    Actor,
    Cases,
    Texts,
    actions_met,
    delegates,
    fresh,
    texts_of,
)
from cred_audit.claims.isolation import holds, sentence_of
from cred_audit.decide import Effect
from cred_audit.decide.aws import reach
from cred_audit.decide.aws.clause import compile_document
from cred_audit.decide.aws.condition import filled, resolved
from cred_audit.decide.aws.engine import NO_RESOURCE_SIDE
from cred_audit.decide.aws.estate import Question, Thing
from cred_audit.decide.aws.free import Search
from cred_audit.decide.aws.keys import FREE
from cred_audit.decide.aws.model import Document, Kind, PrincipalPolicies, Request, ResourcePolicies, Statement
from cred_audit.decide.aws.pattern import action_matcher, parts_of
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Reaches, Verdict

_SAMPLES = 3
_FIX = (
    "name one tenant's folder in Resource, with the separator before the star (secret:TENANT/*), or compare the "
    "thing's tag with the principal's"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Solo:
    """One Allow statement of an agent as if it were its only one."""

    actor: Actor
    document: Document
    statement: Statement
    question: Question
    agent: reach.Agent


def judge_patterns(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding a statement and tenant that spans, or one an agent without. Raises Skip without statements."""
    texts = texts_of(snapshot)
    if not texts.asked.acting:
        raise Skip("the target names no agent in AWS")
    unknown = tuple(texts.unknown_agents("Whose things its policies cover"))
    yield from unknown
    spans = _Spans(texts)
    cases = Cases()
    for actor in texts.actors:
        for finding in spans.findings(actor):
            cases.add(finding)
    yield from cases
    if not (unknown or tuple(cases)):
        raise Skip("no policy of an agent allows anything with secrets, parameters or keys; all of them were read")


class _Spans:
    """One snapshot's things, asked statement by statement."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        holdings = texts.asked.holdings
        self.blind = (
            *holdings.unseen,
            *(f"tags of {thing.arn}" for thing in holdings.all if thing.tags is None),
        )
        self._questions: dict[Statement, Question] = {}
        self._documents: dict[Statement, Document] = {}
        self.solos: dict[Actor, list[_Solo]] = {actor: list(self._solos(actor)) for actor in texts.actors}
        things = (_bare(thing) for thing in holdings.things if thing.collection is None)
        agents = tuple(solo.agent for solos in self.solos.values() for solo in solos)
        self.estate = reach.Estate(things, agents, since=texts.asked.since)
        self._everybody = set(self.estate.owners)

    def _solos(self, actor: Actor) -> Iterator[_Solo]:
        for document in actor.policies.identity:
            for statement in document.statements:
                if not statement.allow:
                    continue
                question = self._question(statement)
                if not question.actions:
                    continue
                alone = self._documents.get(statement)
                if alone is None:
                    alone = self._documents[statement] = replace(document, statements=(statement,))
                agent = reach.Agent(
                    tenant="", principal=actor.principal, policies=PrincipalPolicies(identity=(alone,)),
                    mfa=actor.agent.mfa,
                )  # fmt: skip
                yield _Solo(actor=actor, document=document, statement=statement, question=question, agent=agent)

    def _question(self, statement: Statement) -> Question:
        """Return one action of each service that the statement allows; reading ones where there are any."""
        known = self._questions.get(statement)
        if known is None:
            found = [
                actions[0]
                for service in SERVICES
                if (actions := actions_met(statement.actions, service, negated=statement.not_action))
            ]
            known = self._questions[statement] = Question(actions=tuple(found))
        return known

    def findings(self, actor: Actor) -> Iterator[Finding]:
        """Yield what one agent's statements cover."""
        solos = self.solos[actor]
        spanning = False
        for solo in solos:
            found = self._finding(solo)
            if found is not None:
                spanning = True
                yield found
        hidden = Kind.IDENTITY in actor.policies.unseen
        if (solos or hidden) and not spanning:
            blind = (*self.blind, *(["its policies"] if hidden else []))
            yield Finding(
                verdict=Verdict.UNKNOWN if blind else Verdict.PASS,
                subject=f"agent:{actor.name}",
                tenant=actor.tenant,
                agents=(actor.acting.agent,),
                count=max(1, len(solos)),
                summary=(f"Of what was seen ({blind[0]} was not): " if blind else "")
                + f"None of the {len(solos)} statements that allow {actor.name} something spans several tenants.",
                evidence=tuple(
                    Evidence(where=actor.place(solo.document),
                             shows=f"statement {solo.statement.index} covers one tenant's things at most",
                             quote=solo.statement.text)
                    for solo in solos[:5]
                ) or (Evidence(where=actor.acting.arn, shows="its policies were not seen"),),
            )  # fmt: skip

    def _finding(self, solo: _Solo) -> Finding | None:
        actor, statement = solo.actor, solo.statement
        grants = self.estate.reach(solo.agent, solo.question).grants
        sure = [grant for grant in grants if grant.effect is Effect.ALLOW]
        owners, others = self._owners(sure, actor.tenant)
        unborn, name = self._unborn(solo)
        if owners < 2 and unborn is not Effect.ALLOW:
            perhaps, others = self._owners(list(grants), actor.tenant)
            if perhaps < 2 and unborn is not Effect.UNKNOWN:
                return None
            verdict = Verdict.UNKNOWN
        else:
            verdict = Verdict.FAIL
        parts = [f"things of {sentence_of(others)}"] if others.count else []
        parts += [f"names of tenants to come, such as {name}"] if unborn is not Effect.DENY else []
        verb = "covers" if verdict is Verdict.FAIL else "may cover"
        covers = f"statement {statement.index} {verb} {' and '.join(parts)}"
        place = actor.place(solo.document)
        given, open_ = self._reached(actor, statement)
        reached = self._owners(given, actor.tenant)[1]
        first = next(iter(given), None)
        return Finding(
            verdict=verdict,
            subject=f"{actor.tenant}: {place}: statement {statement.index}",
            tenant=actor.tenant,
            agents=(actor.acting.agent,),
            reaches=reached,
            count=max(1, sum(grant.things for grant in grants)),
            summary=f"In {place}, {covers}, for {actor.name}.",
            evidence=(Evidence(where=place, shows=covers, quote=statement.text),),
            witness=None if first is None else witness_of(actor.principal, first.witness),
            assuming=() if first is None else first.assuming,
            fix=_FIX,
            note=_note(reached, others, known=not (open_ or self.blind)),
        )

    def _owners(self, grants: list[reach.Grant], own: str) -> tuple[int, Reaches]:
        """Return how many tenants' things some grants cover, and which those are beside the own one's."""
        names: set[str] = set()
        spared: set[str] | None = None
        for grant in grants:
            if grant.owners.all_except is None:
                names |= set(grant.owners.names)
            else:
                found = set(grant.owners.all_except)
                spared = found if spared is None else spared & found
        if spared is None:
            rest = reach.Owners(names=tuple(sorted(names - {own})))
            return len(names), self.texts.asked.reaches(rest, own)
        spared = (spared - names) & self._everybody
        count = len(self.estate.owners) - len(spared)
        return count, self.texts.asked.reaches(reach.Owners(all_except=tuple(sorted({*spared, own}))), own)

    def _unborn(self, solo: _Solo) -> tuple[Effect, str]:
        """Return whether the statement covers what a new tenant would have, with the name of such a thing."""
        search: Search | None = None
        best: tuple[Effect, str] = (Effect.DENY, "")
        for action in solo.question.actions:
            (clause,) = compile_document(solo.agent.policies.identity[0]).for_action(action.lower())
            for thing in self._probes(solo, action.partition(":")[0]):
                if solo.actor.tenant in self.texts.asked.holdings.territories.owners(thing.arn, thing.tags):
                    # Nothing of that name can be anybody else's: in an account of one's own, say.
                    continue
                request = Request(action=action, resource=thing.arn, resource_tags=thing.tags)
                if clause.covers is not None and not clause.covers(thing.arn, solo.actor.evaluator.keys(request)):
                    continue
                if search is None:
                    search = self.texts.asked.search(solo.agent)
                effect = search.possible(request, thing.policies).decision.effect
                if effect is Effect.ALLOW:
                    return effect, thing.name
                if effect is Effect.UNKNOWN:
                    best = effect, thing.name
        return best

    def _probes(self, solo: _Solo, service: str) -> Iterator[Thing]:
        """Yield things of tenants to come: of any name, and of names near the agent's own tenant's."""
        actor, keys = solo.actor, tuple(self.texts.keys.values())
        account = self.texts.asked.principals.accounts.get(actor.account)
        region = account.regions[0].name if account is not None and account.regions else "us-east-1"
        base = _bare(fresh(self.texts, service, region, actor.account, dict.fromkeys(keys, NOBODY)))
        yield base
        own = self.texts.own.get(actor.tenant, set()) | {
            value for key, value in actor.tags.items() if key.lower() in self.texts.keys
        }
        head = base.arn.rpartition(base.name)[0]
        tails = [thing.name for thing in self.texts.owned(actor.tenant) if thing.service == service][:_SAMPLES]
        if not solo.statement.not_resource:
            tails += self._examples(solo)
        for value in sorted(own - {""}):
            for near in (f"{value}x0", f"{value}-x0", f"x0{value}"):
                for tail in dict.fromkeys(tails):
                    if value in tail:
                        name = tail.replace(value, near).replace("*", "db").replace("?", "x")
                        yield replace(base, arn=head + name, tags=dict.fromkeys(keys, near))

    @staticmethod
    def _examples(solo: _Solo) -> list[str]:
        """Return the names in the statement's Resource with the agent's own values filled in, wildcards left."""
        keys = solo.actor.evaluator.keys(Request(action=solo.question.actions[0]))
        found = []
        for text in solo.statement.resources or ():
            fields = text.split(":", 5)
            parts = parts_of(fields[5], variables=solo.document.variables) if len(fields) == 6 else ()
            known = (values for values in resolved(parts, keys) if values is not None and values is not FREE)
            found += ["".join(run for run, _ in filled(parts, values)) for values in known if parts]
        return found

    def _reached(self, actor: Actor, statement: Statement) -> tuple[list[reach.Grant], bool]:
        """Return what the statement gives the agent of others with all of its policies, and whether more is open."""
        tests = [action_matcher(pattern) for pattern in statement.actions]
        found, open_ = [], False
        for wanted in CLASSES:
            for grant in self.texts.asked.answer(actor.agent, wanted).grants:
                if grant.effect is not Effect.ALLOW:
                    # What waits for something unseen does not name every statement that takes part.
                    open_ = open_ or any(
                        any(test(action.lower()) for test in tests) is not statement.not_action
                        for action in grant.actions
                    )
                elif any(one.clause == statement.text for one in grant.because):
                    found.append(grant)
        return found, open_


def _note(reached: Reaches, covered: Reaches, *, known: bool) -> str:
    """Return how what a statement covers compares with what is reached by it. `known`: nothing more is open."""
    if reached.count:
        whose = f"what {sentence_of(reached)} {holds(reached)} there"
        rest = "" if reached.count >= covered.count else ", of all that it covers"
        return f"{whose} is reached{rest}: see the claims on reading, changing, listing and tags"
    if not known:
        return "whether what other tenants have there is reached is not known: not everything that decides was seen"
    return "what other tenants have there is not reached: another statement stops it, or it is yet to come"


def _bare(thing: Thing) -> Thing:
    """Return a thing without policies of its own: what the agent's text covers is all that is asked."""
    side = NO_RESOURCE_SIDE
    if thing.service == "kms":
        side = ResourcePolicies(policy=delegates(thing.account))
    return replace(thing, policies=side, key=None, key_known=True)
