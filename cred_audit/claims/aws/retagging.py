"""What an agent can do about the tags that tell tenants apart: set them, take them off, make things that have them."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from cred_audit.claims.aws.isolation import reason_evidence, witness_of
from cred_audit.claims.aws.labels import MAKES, TAGS, UNTAGS, can, may_make, may_tag, may_untag
from cred_audit.claims.aws.texts import NOBODY, SERVICES, Actor, Answer, Texts, fresh
from cred_audit.decide import Effect
from cred_audit.decide.aws.estate import ActionClass, Thing
from cred_audit.decide.aws.model import Request, ResourcePolicies
from cred_audit.finding import Evidence, Finding, Reaches, Verdict

_WORDS = {"secretsmanager": "secret", "ssm": "parameter", "kms": "key"}
_FIX_TAG = (
    "do not let agents tag or untag; where they must, allow it only with StringEquals of aws:RequestTag/KEY and "
    "${aws:PrincipalTag/KEY}, and keep KEY, spelled exactly so, out of aws:TagKeys when untagging"
)
_FIX_SELF = "do not let an agent tag its own role or user: deny iam:TagRole, iam:UntagRole, iam:TagUser, iam:UntagUser"


class Retagging:
    """One snapshot's agents, asked for the tags that they may set."""

    def __init__(self, texts: Texts) -> None:
        """Take the snapshot's texts."""
        self.texts = texts
        self._things = {thing.arn: thing for thing in texts.asked.holdings.all}
        self._first = first_foreign(texts.asked.holdings.all)
        self.blind = (
            *(Evidence(where=call, shows=f"the {part} were not seen")
              for part, call in texts.asked.holdings.unseen.items()),
            *(Evidence(where=thing.arn, shows="its tags were not seen")
              for thing in texts.asked.holdings.all if thing.tags is None),
            *texts.blind,
        )  # fmt: skip

    def findings(self, actor: Actor) -> Iterator[Finding]:
        """Yield what one agent can do, or a PASS where it can do nothing."""
        found = (*self._own(actor), *self._foreign(actor), *self._new(actor), *self._itself(actor))
        yield from found
        if found:
            return
        known = not self.blind
        yield Finding(
            verdict=Verdict.PASS if known else Verdict.UNKNOWN,
            subject=f"agent:{actor.name}",
            tenant=actor.tenant,
            agents=(actor.acting.agent,),
            summary=f"{actor.name} may change no tag that tells tenants apart"
            + ("." if known else ", as far as was seen."),
            evidence=self.blind[:5]
            or (Evidence(where=actor.acting.arn, shows="no request that sets or takes away such a tag is allowed"),),
        )

    def _finding(  # noqa: PLR0913  (the parts of one sentence)
        self, actor: Actor, answer: Answer, case: str, does: str, *, fix: str = _FIX_TAG,
        reaches: Reaches | None = None, count: int = 1, doubt: str = "",
    ) -> Finding:  # fmt: skip
        sure = answer.effect is Effect.ALLOW and not doubt
        return Finding(
            verdict=Verdict.FAIL if sure else Verdict.UNKNOWN,
            subject=f"{actor.tenant}: {actor.acting.arn} {case}",
            tenant=actor.tenant,
            agents=(actor.acting.agent,),
            reaches=reaches or Reaches(),
            count=count,
            summary=f"{actor.name} {'can' if sure else 'may be able to'} {does}{doubt}.",
            evidence=tuple(map(reason_evidence, answer.because))
            or (Evidence(where=actor.acting.arn, shows="is allowed to"),),
            witness=witness_of(actor.principal, answer.requests),
            assuming=answer.assuming,
            fix=fix,
        )

    def _kinds(self, actor: Actor, action: str, things: tuple[Thing, ...]) -> Iterator[Thing]:
        """Yield one thing for all that no statement about an action tells apart."""
        seen: set[tuple[object, ...]] = set()
        for thing in things:
            clauses = actor.evaluator.clauses(action.lower(), thing.policies)
            keys = actor.evaluator.keys(Request(action=action, resource=thing.arn, resource_tags=thing.tags))
            covers = tuple(None if one.covers is None else one.covers(thing.arn, keys) for one in clauses)
            tags = tuple(sorted((thing.tags or {}).items()))
            sort = (thing.policies.policy, thing.policies.unseen, tags, covers)
            if sort not in seen:
                seen.add(sort)
                yield thing

    def _spellings(self, thing: Thing, key: str) -> tuple[str, ...]:
        """Return how a tag key (lower case) is spelled on a thing, or else in the target."""
        found = tuple(tag for tag in thing.tags or {} if tag.lower() == key)
        return found or (self.texts.keys[key],)

    def _own(self, actor: Actor) -> Iterator[Finding]:
        for service in SERVICES:
            things = tuple(one for one in self.texts.owned(actor.tenant) if one.service == service)
            word = _WORDS[service]
            if can(actor, TAGS[service]):
                found = self._set_on_own(actor, things, TAGS[service])
                if found is not None:
                    answer, key, value, doubt = found
                    does = f"put the tag {key}={value!r} on a {word} of its own, which makes it another tenant's"
                    yield self._finding(actor, answer, f"tags its own {word}s", does, doubt=doubt)
            if can(actor, UNTAGS[service]):
                for answer, key in self._untagged(actor, things, UNTAGS[service]):
                    does = f"take the tag {key} off a {word} of its own, and the guards that look at it"
                    yield self._finding(actor, answer, f"untags its own {word}s", does)
                    break

    def _set_on_own(self, actor: Actor, things: tuple[Thing, ...], action: str) -> tuple[Answer, str, str, str] | None:
        second: tuple[Answer, str, str, str] | None = None
        for thing in self._kinds(actor, action, things):
            for lower in self.texts.keys:
                for value in self.texts.foreign_values(actor.tenant):
                    for key in self._spellings(thing, lower):
                        answer = may_tag(actor, thing, key, value)
                        if answer.effect is Effect.ALLOW:
                            return answer, key, value, ""
                        if answer.effect is Effect.UNKNOWN and second is None:
                            second = (answer, key, value, "")
                    other = lower if lower not in self._spellings(thing, lower) else lower.upper()
                    answer = may_tag(actor, thing, other, value)
                    if answer.effect is not Effect.DENY and second is None:
                        doubt = ", and AWS does not say which of two tags that differ by case it compares"
                        second = (answer, other, value, doubt)
        return second

    def _untagged(self, actor: Actor, things: tuple[Thing, ...], action: str) -> Iterator[tuple[Answer, str]]:
        unsure: list[tuple[Answer, str]] = []
        for thing in self._kinds(actor, action, things):
            for lower in self.texts.keys:
                for key in (tag for tag in thing.tags or {} if tag.lower() == lower):
                    answer = may_untag(actor, thing, key)
                    if answer.effect is Effect.ALLOW:
                        yield answer, key
                    elif answer.effect is Effect.UNKNOWN:
                        unsure.append((answer, key))
        yield from unsure

    def _foreign(self, actor: Actor) -> Iterator[Finding]:
        actions = {*TAGS.values(), *UNTAGS.values()}
        done: set[str] = set()
        for grant in self.texts.asked.answer(actor.agent, ActionClass.CONTROL).grants:
            thing = self._things.get(grant.witness[0].resource)
            if thing is None or thing.service in done or not actions.intersection(grant.actions):
                continue
            found = self._on_foreign(actor, thing)
            if found is not None:
                answer, key = found
                done.add(thing.service)
                word = _WORDS[thing.service]
                does = f"change the tag {key} of a {word} that another tenant owns, and with it whose it is"
                yield self._finding(
                    actor, answer, f"tags other tenants' {word}s", does,
                    reaches=self.texts.asked.reaches(grant.owners, actor.tenant), count=grant.things,
                )  # fmt: skip

    def _on_foreign(self, actor: Actor, thing: Thing) -> tuple[Answer, str] | None:
        second: tuple[Answer, str] | None = None
        for lower in self.texts.keys:
            own = {value for tag, value in actor.tags.items() if tag.lower() == lower}
            own |= self.texts.own.get(actor.tenant, set())
            for key in self._spellings(thing, lower):
                tries = [may_tag(actor, thing, key, value) for value in (*sorted(own), NOBODY)]
                if key in (thing.tags or {}):
                    tries.append(may_untag(actor, thing, key))
                for answer in tries:
                    if answer.effect is Effect.ALLOW:
                        return answer, key
                    if answer.effect is Effect.UNKNOWN and second is None:
                        second = answer, key
        return second

    def _new(self, actor: Actor) -> Iterator[Finding]:
        account = self.texts.asked.principals.accounts.get(actor.account)
        region = account.regions[0].name if account is not None and account.regions else "us-east-1"
        for service in SERVICES:
            if not (can(actor, MAKES[service]) and can(actor, TAGS[service])):
                continue
            new = fresh(self.texts, service, region, actor.account, {})
            found: tuple[Answer, str, str] | None = None
            for thing in (new, *self._beside(actor, new)):
                for lower, key in self.texts.keys.items():
                    for value in self.texts.foreign_values(actor.tenant):
                        answer = may_make(actor, thing, key, value)
                        if answer.effect is Effect.DENY or (found and found[0].effect is Effect.ALLOW):
                            continue
                        if found is None or answer.effect is Effect.ALLOW:
                            found = answer, self.texts.keys[lower], value
            if found is not None:
                answer, key, value = found
                word = _WORDS[service]
                does = f"make a {word} with the tag {key}={value!r}, as if another tenant had made it"
                yield self._finding(actor, answer, f"makes {word}s of others", does)

    def _beside(self, actor: Actor, new: Thing) -> Iterator[Thing]:
        """Yield new things in the folders of the agent's own ones and of somebody else's."""
        service = new.service
        own = tuple(one for one in self.texts.owned(actor.tenant) if one.service == service)
        other = next((one for one in self._first.get(service, ()) if actor.tenant not in one.owners), None)
        for thing in (*own[:3], *([] if other is None else [other])):
            if service == "secretsmanager":
                yield replace(new, arn=f"{thing.arn.rpartition('-')[0]}-x0-x0x0x0")
            elif service == "ssm":
                yield replace(new, arn=f"{thing.arn}-x0")

    def _itself(self, actor: Actor) -> Iterator[Finding]:
        """Yield whether the agent may change the tags of its own role or user, where they decide something."""
        arn, role = actor.acting.arn, bool(actor.evaluator.caller.role)
        kind = "Role" if role else "User"
        session = {tag.lower() for tag in actor.principal.session_tags}
        spelled = {tag.lower(): tag for tag in (*self.texts.keys.values(), *actor.tags)}
        best: tuple[Answer, str, str] | None = None
        for lower in sorted(self.texts.deciding(actor)):
            for action, key, value in (
                *((f"iam:Tag{kind}", key, NOBODY) for key in dict.fromkeys((spelled.get(lower, lower), lower))),
                *((f"iam:Untag{kind}", key, "") for key in actor.principal.tags or {} if key.lower() == lower),
            ):
                answer = self._asked_of_iam(actor, action, arn, key, value)
                if answer.effect is Effect.DENY or (best is not None and best[0].effect is Effect.ALLOW):
                    continue
                if lower in session:
                    note = f"a session is started without the session tag {key}"
                    answer = replace(answer, assuming=(*answer.assuming, note))
                if best is None or answer.effect is Effect.ALLOW:
                    best = answer, action, key
        if best is not None:
            answer, action, key = best
            does = f"change the tag {key} of its own {kind.lower()} ({action}), which decides what it may touch"
            yield self._finding(actor, answer, f"tags its own {kind.lower()}", does, fix=_FIX_SELF)

    def _asked_of_iam(self, actor: Actor, action: str, arn: str, key: str, value: str) -> Answer:
        request = Request(
            action=action, resource=arn, resource_tags=actor.principal.tags,
            request_tags={key: value} if value else {}, context={} if value else {"aws:TagKeys": (key,)},
        )  # fmt: skip
        found = actor.search.possible(request, ResourcePolicies())
        decision = found.decision
        return Answer(
            effect=decision.effect, because=decision.because, assuming=decision.assuming, requests=(found.request,)
        )


def first_foreign(things: Iterable[Thing]) -> dict[str, list[Thing]]:
    """Return, by service, the few things of which the first that a tenant does not own is its first foreign one."""
    found: dict[str, list[Thing]] = {}
    common: dict[str, set[str]] = {}
    for thing in things:
        owners = set(thing.owners)
        before = common.get(thing.service)
        if before is None or not before <= owners:
            found.setdefault(thing.service, []).append(thing)
        common[thing.service] = owners if before is None else before & owners
    return found
