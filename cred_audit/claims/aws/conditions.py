"""Whether the tag conditions of an agent's policies hold the line, decided with the whole policy set.

Each condition is tried on what other tenants own, exactly, and on what could be: a thing of theirs without the tag,
with an empty one, or with a name that nobody has yet. What gets through is a request that the engine allowed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cred_audit.check import Skip
from cred_audit.claims.aws.imagined import Imagined, Stated, Tried
from cred_audit.claims.aws.isolation import reason_evidence, witness_of
from cred_audit.claims.aws.texts import (
    CLASSES,
    Actor,
    Answer,
    Cases,
    Group,
    Texts,
    ask,
    compares,
    groups_of,
    on_tags,
    texts_of,
    variables_of,
)
from cred_audit.claims.aws.weakness import weakness
from cred_audit.claims.isolation import holds, sentence_of, who_acts
from cred_audit.decide import Effect, Reason, Unknown
from cred_audit.decide.aws.atoms import tag_of
from cred_audit.decide.aws.cells import documents_of
from cred_audit.decide.aws.clause import Clause
from cred_audit.decide.aws.estate import Thing, requests
from cred_audit.decide.aws.keys import Keys
from cred_audit.decide.aws.model import Document, Kind, Request, Statement
from cred_audit.decide.aws.pattern import NO, YES
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Reaches, Verdict, Witness

_FIX = (
    "compare the thing's tag with the principal's in every statement that allows the action: StringEquals, without "
    "IfExists, ForAllValues or wildcards, under Version 2012-10-17"
)
_FIX_DENY = (
    "deny with StringNotEquals on the thing's tag against the principal's, without IfExists, on Resource *: it then "
    "holds where a tag is absent, too"
)


Blamed = tuple[Clause, str, bool]
"""A statement that lets a request through or does not stop it, with how and whether surely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Break:
    """One request that a tag condition should have stopped."""

    sure: bool
    how: str
    """What the condition does there, as half a sentence."""
    beside: tuple[Reason, ...] = ()
    """Other statements that take part."""
    reaches: Reaches = field(default_factory=Reaches)
    things: int = 1
    actions: tuple[str, ...]
    witness: Witness
    assuming: tuple[str, ...] = ()


def judge_tag_conditions(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding a statement and tenant. Raises Skip where no policy has a condition on tags."""
    texts = texts_of(snapshot)
    judge = _Judge(texts)
    unknown = tuple(texts.unknown_agents("Whether its tag conditions hold"))
    yield from unknown
    cases = Cases()
    for actor in texts.actors:
        for finding in judge.findings(actor):
            cases.add(finding)
    yield from cases
    on_things = tuple(judge.passed_on_things())
    yield from on_things
    if not (unknown or tuple(cases) or on_things):
        raise Skip("no policy of an agent or of a thing has a condition on tags; all of them were read")


class _Judge:
    """One snapshot's things to try, and what is known of agents with the same policies."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        self.holdings = texts.asked.holdings
        self.things = {thing.arn: thing for thing in self.holdings.all}
        self.imagined = Imagined(texts)
        self._sound: set[tuple[object, ...]] = set()
        self._relevant: dict[Statement, bool] = {}
        self._blamed: set[Stated] = set()

    def relevant(self, statement: Statement) -> bool:
        """Whether a statement's tags are there to keep tenants apart."""
        known = self._relevant.get(statement)
        if known is None:
            known = self._relevant[statement] = self._is_relevant(statement)
        return known

    def _is_relevant(self, statement: Statement) -> bool:
        conditions = on_tags(statement)
        if statement.allow:
            return any(tag_of(one.key.lower()) is not None or self.texts.tells_tenants(one) for one in conditions)
        by_name = any(key.startswith("aws:principaltag/") for key in variables_of(statement.resources or ()))
        return by_name or any(
            self.texts.tells_tenants(one)
            and (
                compares(one, "aws:principaltag/")
                or self.texts.names(one)
                or any(tag_of(key) is not None for key in variables_of(one.values))
            )
            for one in conditions
        )

    def findings(self, actor: Actor) -> Iterator[Finding]:
        """Yield what is to be said of each statement of one agent."""
        clauses = [
            (document, statement)
            for document in dict.fromkeys(documents_of(actor.policies))
            for statement in document.statements
            if self.relevant(statement)
        ]
        broken: dict[Stated, list[_Break]] = {}
        unsettled = {Reason(policy="", why=f"the {kind.value} was not seen"): None for kind in _unseen_of(actor)}
        for wanted in CLASSES:
            for grant in self.texts.asked.answer(actor.agent, wanted).grants:
                if grant.effect is Effect.UNKNOWN:
                    # One answer for all that waits for the same, of which the witness is only one.
                    unsettled.update(dict.fromkeys(reason for reason in grant.because if not reason.policy))
                request = grant.witness[0]
                thing = self.things.get(request.resource)
                if thing is None or thing.collection is not None:
                    continue
                reaches = self.texts.asked.reaches(grant.owners, actor.tenant)
                for clause, how, sure in self._at_fault(actor, request, thing):
                    broken.setdefault((clause.document, clause.statement), []).append(
                        _Break(
                            sure=sure and grant.effect is Effect.ALLOW, how=how, beside=grant.because, reaches=reaches,
                            things=grant.things, actions=grant.actions, assuming=grant.assuming,
                            witness=witness_of(actor.principal, grant.witness),
                        )
                    )  # fmt: skip
        stopped: dict[Stated, str] = {}
        if clauses and (key := self.imagined.kin.of(actor)) not in self._sound:
            self._try_what_could_be(actor, clauses, broken, stopped)
            # Of a statement that is broken by what is there, nothing else was tried.
            if not broken and not stopped:
                self._sound.add(key)
        for stated in dict.fromkeys((*clauses, *broken)):
            if stated not in clauses:
                self._blamed.add(stated)
            found = broken.get(stated, [])
            yield (
                self._broken(actor, stated, found)
                if found
                else self._held(actor, stated, stopped.get(stated), tuple(unsettled))
            )
        if not clauses and actor.policies.unseen:
            kinds = ", ".join(sorted(f"{kind.value}s" for kind in actor.policies.unseen)).replace("policys", "policies")
            yield Finding(
                verdict=Verdict.UNKNOWN,
                subject=f"agent:{actor.name}",
                tenant=actor.tenant,
                agents=(actor.acting.agent,),
                summary=f"Whether the tag conditions of {actor.name} hold is not known: not all policies were seen.",
                evidence=(Evidence(where=actor.acting.arn, shows=f"not all of its {kinds} were seen"),),
            )

    def _at_fault(self, actor: Actor, request: Request, thing: Thing) -> Iterator[Blamed]:
        """Yield the statements about tags that let a request through or do not stop it, with how and whether surely."""
        keys = actor.evaluator.keys(request)
        clauses = actor.evaluator.clauses(request.action.lower(), thing.policies)
        tests = [(clause, clause.test(request.resource, keys)) for clause in clauses]
        guilty = any(clause.allow and found and self.relevant(clause.statement) for clause, found in tests)
        plain = [
            clause for clause, found in tests if clause.allow and found == YES and not self.relevant(clause.statement)
        ]
        for clause, found in tests:
            if not self.relevant(clause.statement):
                continue
            if clause.allow and found:
                yield clause, f"lets it through: {weakness(clause, keys, self.texts)}", found == YES
            elif clause.allow and not guilty and _covers(clause, request.resource, keys):
                past = next((one for one in plain if one.document.kind in {clause.document.kind, Kind.RESOURCE}), None)
                sure = past is not None and _covers(clause, request.resource, keys) == YES
                words = f"statement {past.statement.index} of {past.document.name}" if past else "what was not seen"
                yield clause, f"is passed by {words}, which allows the same action without it", sure
            elif not clause.allow and found != YES:
                about = self._should_stop(clause, request.resource, keys)
                if about:
                    how = f"does not stop it: {weakness(clause, keys, self.texts)}"
                    yield clause, how, found == NO and about == YES

    def _should_stop(self, clause: Clause, resource: str, keys: Keys) -> int:
        """Whether a Deny is about a resource, or would be if the variables in its Resource had a value."""
        names = variables_of(clause.statement.resources or ()) if clause.document.variables else frozenset()
        return YES if any(keys[name] is None for name in names) else _covers(clause, resource, keys)

    def _try_what_could_be(
        self, actor: Actor, clauses: list[Stated], broken: dict[Stated, list[_Break]], stopped: dict[Stated, str]
    ) -> None:
        known: dict[tuple[str, int], list[Group]] = {}
        for tried in self.imagined.tried(actor, clauses):
            key = (tried.thing.service, id(tried.thing.policies))
            if key not in known:
                known[key] = [
                    group
                    for group in groups_of(actor, tried.thing)
                    if any((clause.document, clause.statement) in clauses for clause in group.clauses)
                ]
            for group in known[key]:
                if not all(_surely(broken, clause) for clause in group.clauses):
                    self._try(actor, tried, group, broken, stopped)

    def _try(
        self,
        actor: Actor,
        tried: Tried,
        group: Group,
        broken: dict[Stated, list[_Break]],
        stopped: dict[Stated, str],
    ) -> None:
        request = requests(group.action, tried.thing)[0][0]
        keys = actor.evaluator.keys(request)
        open_ = [clause for clause in group.clauses if clause.allow and clause.test(request.resource, keys)]
        if not any(clause.document.kind in {Kind.IDENTITY, Kind.RESOURCE} for clause in open_):
            return
        answer = ask(actor, group.action, tried.thing)
        if answer.effect is Effect.DENY:
            for clause in open_:
                if self.relevant(clause.statement):
                    stated = (clause.document, clause.statement)
                    stopped.setdefault(stated, answer.because[0].why if answer.because else "another policy denies it")
            return
        blamed = list(self._at_fault(actor, answer.requests[0], tried.thing))
        if all(_surely(broken, clause) for clause, _, _ in blamed):
            return
        tried, answer = self._concrete(actor, tried, group.action, answer, blamed)
        for clause, how, sure in blamed:
            if not _surely(broken, clause):
                broken.setdefault((clause.document, clause.statement), []).append(
                    _Break(
                        sure=sure and tried.sure and answer.effect is Effect.ALLOW, how=how, beside=answer.because,
                        actions=group.actions, witness=witness_of(actor.principal, answer.requests),
                        assuming=(*tried.assuming, *answer.assuming),
                    )
                )  # fmt: skip

    def _concrete(
        self, actor: Actor, tried: Tried, action: str, answer: Answer, blamed: list[Blamed]
    ) -> tuple[Tried, Answer]:
        """Return a thing of a name of its own that the same statements let the agent reach, and the answer there.

        A request for a thing that is there, with its tags, would be another one. Where no other name will do, as under
        a Resource that names the thing in full, the thing itself is assumed to be tagged otherwise.
        """
        last = tried
        for last in self.imagined.renamed(actor, tried):
            if last.thing.arn == tried.thing.arn:
                break
            found = ask(actor, action, last.thing)
            if found.effect is answer.effect and list(self._at_fault(actor, found.requests[0], last.thing)) == blamed:
                return last, found
        return last, answer

    def _place(self, actor: Actor, document: Document) -> str:
        return actor.place(document) if document in self.texts.documents else self._where(document)

    def _broken(self, actor: Actor, stated: Stated, found: list[_Break]) -> Finding:
        document, statement = stated
        place = self._place(actor, document)
        subject = f"{actor.tenant}: {place}: statement {statement.index}"
        who = who_acts(actor.tenant, (actor.acting.agent,))
        sure = [one for one in found if one.sure]
        conditions = ", ".join(f"{one.written} {one.key}" for one in on_tags(statement)) or "its Resource"
        best = max(sure or found, key=lambda one: one.reaches.count)
        whose = (
            f"what {sentence_of(best.reaches)} {holds(best.reaches)}" if best.reaches.count else "what is not its own"
        )
        actions = dict.fromkeys(action for one in (sure or found) for action in one.actions)
        reasons = tuple(dict.fromkeys(reason for reason in best.beside if reason.clause != statement.text))
        return Finding(
            verdict=Verdict.FAIL if sure else Verdict.UNKNOWN,
            subject=subject,
            tenant=actor.tenant,
            agents=(actor.acting.agent,),
            reaches=best.reaches,
            count=best.things,
            summary=f"{who} {'gets' if sure else 'may get'} past {conditions} to {whose}: the statement {best.how}.",
            evidence=(
                Evidence(where=place, shows=f"statement {statement.index} {best.how}",
                         quote=statement.text),
                *map(reason_evidence, reasons),
            ),
            witness=best.witness,
            assuming=best.assuming,
            fix=_FIX_DENY if not statement.allow else _FIX,
            note=f"actions: {', '.join(actions)}",
        )  # fmt: skip

    def _held(self, actor: Actor, stated: Stated, stopped: str | None, unsettled: tuple[Reason, ...]) -> Finding:
        document, statement = stated
        place = self._place(actor, document)
        unseen = (
            *(f"the {part} were not seen" for part in self.holdings.unseen),
            *(reason.why for reason in unsettled),
        )
        effect = "allows nothing" if statement.allow else "leaves nothing open"
        why = f"{effect} of another tenant, without the tag, or with a tag that nobody has yet"
        if stopped is not None:
            why += f"; where its own conditions would, another policy stops it ({stopped})"
        if not document.variables and any("${" in value for one in on_tags(statement) for value in one.values):
            why += "; without Version 2012-10-17 its variables are plain text, so it covers no own things either"
        return Finding(
            verdict=Verdict.UNKNOWN if unseen else Verdict.PASS,
            subject=f"{actor.tenant}: {place}: statement {statement.index}",
            tenant=actor.tenant,
            agents=(actor.acting.agent,),
            summary=(f"Of what was seen ({unseen[0]}): " if unseen else "")
            + f"The tag conditions of statement {statement.index} of {place} hold for {actor.name}.",
            evidence=(Evidence(where=place, shows=f"statement {statement.index} {why}", quote=statement.text),),
        )

    def _where(self, document: Document) -> str:
        thing = self.texts.on_things.get(document)
        return f"{document.name} {thing.arn}" if thing is not None else document.name

    def passed_on_things(self) -> Iterator[Finding]:
        """Yield what is to be said of the policies that stand on things, where no agent gets past them."""
        found = [
            (document, statement)
            for document in self.texts.on_things
            for statement in document.statements
            if self.relevant(statement)
        ]
        agents = (
            Evidence(where=one.who.where, shows=one.who.reason)
            for one in self.texts.asked.acting
            if isinstance(one.who, Unknown)
        )
        unseen = (*self.texts.blind, *agents)
        if unseen:
            yield Finding(
                verdict=Verdict.UNKNOWN,
                subject="policies on things",
                summary="Whether the tag conditions of policies on things hold is not known: not everything was seen.",
                evidence=unseen[:5],
            )
        elif found and not self._blamed:
            document, statement = found[0]
            thing = self.texts.on_things[document]
            yield Finding(
                verdict=Verdict.PASS,
                subject="policies on things",
                count=len(found),
                summary=f"No agent gets past the tag conditions in {len(found)} statements of policies on things.",
                evidence=(
                    Evidence(where=f"{document.name} {thing.arn}", shows="holds, like the others",
                             quote=statement.text),
                ),
            )  # fmt: skip


def _surely(broken: Mapping[Stated, list[_Break]], clause: Clause) -> bool:
    """Whether a statement is known to be passed, so that nothing more has to be tried on it."""
    return any(one.sure for one in broken.get((clause.document, clause.statement), ()))


def _unseen_of(actor: Actor) -> list[Kind]:
    """Return the kinds of the agent's policies that were not all seen, in a stable order."""
    return sorted(actor.policies.unseen, key=lambda kind: kind.value)


def _covers(clause: Clause, resource: str, keys: Keys) -> int:
    return YES if clause.covers is None else clause.covers(resource, keys)
