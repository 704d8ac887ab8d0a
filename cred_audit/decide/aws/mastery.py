"""What control of a thing leads to: a tag, policy or grant is changed, and then the thing is read.

Secrets Manager User Guide: "Attach a permissions policy to a secret", "Tag secrets"; KMS Developer Guide: "Key
policies", "Grants in AWS KMS". The changed thing is decided as it is afterwards.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cred_audit.decide import Effect, Reason
from cred_audit.decide.aws.atoms import tag_of
from cred_audit.decide.aws.condition import filled, resolved
from cred_audit.decide.aws.document import read_document
from cred_audit.decide.aws.estate import Thing, requests
from cred_audit.decide.aws.free import Possible
from cred_audit.decide.aws.keys import FREE
from cred_audit.decide.aws.model import Document, Kind, KmsGrant, Request, ResourcePolicies, Value
from cred_audit.decide.aws.pattern import parts_of
from cred_audit.decide.aws.reach import Grant
from cred_audit.decide.aws.ways import Held, Step

_READS = {"secretsmanager": "secretsmanager:GetSecretValue", "ssm": "ssm:GetParameter", "kms": "kms:Decrypt"}
_TAGGING = {
    "secretsmanager": ("secretsmanager:TagResource", "secretsmanager:UntagResource"),
    "ssm": ("ssm:AddTagsToResource", "ssm:RemoveTagsFromResource"),
    "kms": ("kms:TagResource", "kms:UntagResource"),
}
_CHOICES = 16
"""Sets of tags that are tried on one thing."""
_OF_ONE_KEY = 20
"""Things behind one key that are tried."""
_OWNERS = 50
"""Owners among whose things one is looked for that no customer key stands before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What control of a thing leads to: a change and the reading after it, or the change alone."""

    opened: bool
    """Whether the thing, or what its key encrypts, is read after the change."""
    steps: tuple[Step, ...]
    """The requests before the last one."""
    last: tuple[Request, ...]
    because: tuple[Reason, ...]
    assuming: tuple[str, ...]
    command: tuple[str, ...] = ()
    """Words of the AWS command line that make the change, where it is the last request."""
    why: str = ""
    """What stops the reading; empty where it goes through."""
    untried: tuple[str, ...] = ()
    """What was not tried."""


class Owned:
    """Everything that is owned, by name, owner and the key that encrypts it."""

    def __init__(self, things: Iterable[Thing], keys: Iterable[Thing]) -> None:
        """Index it. `keys`: those that encrypt what is owned, whoever owns them."""
        self.by_arn: dict[str, Thing] = {}
        self.keys: dict[str, Thing] = {key.arn: key for key in keys}
        self.by_key: dict[str, list[Thing]] = {}
        self.by_owner: dict[str, list[Thing]] = {}
        for thing in things:
            if thing.collection is None:
                self.by_arn[thing.arn] = thing
                for owner in thing.owners:
                    self.by_owner.setdefault(owner, []).append(thing)
                if thing.key is not None:
                    self.by_key.setdefault(thing.key.arn, []).append(thing)


class Mastery:
    """One agent with control of things, followed to what it can read then."""

    def __init__(self, held: Held, own: str, owned: "Owned", tags: Mapping[str, str]) -> None:
        """Take the agent, its tenant, everything that is owned, and the tags that make something the tenant's."""
        self.held = held
        self.own = own
        self.owned = owned
        self.tags = tags

    def followed(self, grant: Grant, owners: frozenset[str]) -> Followed | None:
        """Return how control of a thing leads to reading, or else the change itself; None where that is not known.

        `owners`: those of everything that the grant is about; where a customer key stops the reading, something of
        theirs without one is tried.
        """
        arn = grant.witness[0].resource if grant.witness else ""
        thing = self.owned.by_arn.get(arn) or self.owned.keys.get(arn)
        if thing is None:
            return None
        found = self._on(thing, grant)
        if found is not None and not found.opened and thing.key is not None:
            other = self._without_key(thing, owners)
            second = None if other is None else self._on(other, grant)
            found = second if second is not None and second.opened else found
        return found

    def _without_key(self, thing: Thing, owners: frozenset[str]) -> Thing | None:
        """Return a thing of the same service of one of the owners that no customer key encrypts."""
        some = itertools.islice((owner for owner in sorted(owners) if owner != self.own), _OWNERS)
        return next(
            (
                one
                for owner in some
                for one in itertools.islice(self.owned.by_owner.get(owner, ()), _OWNERS)
                if one.service == thing.service and one.key is None and one.key_known and one.foreign(self.own)
            ),
            None,
        )

    def _on(self, thing: Thing, grant: Grant) -> Followed | None:
        first: Step | None = None
        stops: dict[str, None] = {}
        untried: dict[str, None] = {}
        for step, changed in self._changed(thing, untried):
            if step.request.action not in grant.actions:
                continue
            first = first or step
            for one in self._behind(thing, changed, untried):
                found = self._read(one, step)
                if isinstance(found, Followed):
                    return found
                stops[found] = None
        if first is None:
            return None
        why = next((stop for stop in stops if stop.startswith("the key ")), next(iter(stops), ""))
        return Followed(
            opened=False, steps=(), last=(first.request,), because=first.because, assuming=first.assuming,
            command=first.command, why=why, untried=tuple(untried),
        )  # fmt: skip

    def _behind(self, thing: Thing, changed: Thing, untried: dict[str, None]) -> Iterator[Thing]:
        """Yield what is to be read after a change: what a changed key encrypts first."""
        if thing.service == "kms":
            using = (one for one in self.owned.by_key.get(thing.arn, ()) if one.foreign(self.own))
            for one in itertools.islice(using, _OF_ONE_KEY):
                yield replace(one, key=changed)
            if next(using, None) is not None:
                untried[f"of what the key {thing.arn} encrypts only {_OF_ONE_KEY} were tried"] = None
        if thing.arn in self.owned.by_arn and thing.foreign(self.own):
            # To decrypt with a key that is nobody's own reads nothing by itself.
            yield changed

    def _read(self, thing: Thing, step: Step) -> Followed | str:
        """Return the reading of a thing after a change, or what stops it."""
        parts: list[Possible] = []
        if not thing.key_known:
            return f"which key encrypts {thing.arn} is not known"
        for request, side in requests(_READS[thing.service], thing):
            found = self.held.search.possible(request, side)
            if found.decision.effect is not Effect.ALLOW:
                if parts:
                    return f"the key {request.resource} does not decrypt it for the agent"
                because = found.decision.because
                return f"{request.action} is not allowed ({because[0].why})" if because else f"{request.action} is not"
            parts.append(found)
        assuming = (*step.assuming, *(text for part in parts for text in part.decision.assuming))
        return Followed(
            opened=True, steps=(step,), last=tuple(part.request for part in parts),
            assuming=tuple(dict.fromkeys(assuming)),
            because=tuple(reason for part in parts for reason in part.decision.because),
        )  # fmt: skip

    def _changed(self, thing: Thing, untried: dict[str, None]) -> Iterator[tuple[Step, Thing]]:
        """Yield what the agent can make of a thing, each with the request that does it."""
        yield from self._tagged(thing, untried)
        if thing.service == "secretsmanager":
            yield from self._with_policy(thing)
        if thing.service == "kms":
            yield from self._with_key_policy(thing)
            yield from self._with_grant(thing)

    def _step(  # noqa: PLR0913  (the parts of a request)
        self, action: str, thing: Thing, shows: str, command: Sequence[str], *,
        request_tags: Mapping[str, str] | None = None, context: Mapping[str, Value] | None = None,
    ) -> Step | None:  # fmt: skip
        tried = self.held.ask(
            action, thing.arn, tags=thing.tags, tags_known=thing.tags is not None, request_tags=request_tags,
            context={"aws:RequestedRegion": thing.region, **thing.known, **(context or {})}, side=thing.policies,
        )  # fmt: skip
        if tried.effect is not Effect.ALLOW:
            return None
        return Step(
            request=tried.request, by=self.held.principal, shows=shows, because=tried.because,
            assuming=tried.assuming, command=(*command, "--region", thing.region), holder=self.held.arn,
        )  # fmt: skip

    def _tagged(self, thing: Thing, untried: dict[str, None]) -> Iterator[tuple[Step, Thing]]:
        """Yield a thing with other tags: those that policies on reading ask for, then those of the agent's tenant."""
        tags = thing.tags
        if tags is None:
            return
        spelled = {tag.lower(): tag for tag in tags}
        tag_it, untag_it = _TAGGING[thing.service]
        for wanted in self._choices(thing, spelled, untried):
            sent = {name: value for name, value in wanted.items() if tags.get(name) != value}
            if sent:
                shown = ", ".join(f"{name}={value}" for name, value in sorted(sent.items()))
                step = self._step(tag_it, thing, f"can tag {thing.arn} with {shown}", _tag(thing, tag_it, sent),
                                  request_tags=sent)  # fmt: skip
                if step is not None:
                    yield step, replace(thing, tags={**tags, **sent})
        names = [
            spelled[name] for name in (*sorted(self._wanted(thing)), *map(str.lower, self.tags)) if name in spelled
        ]
        for gone in dict.fromkeys((*((name,) for name in names), tuple(dict.fromkeys(names)))):
            if gone:
                step = self._step(untag_it, thing, f"can take the tags {', '.join(gone)} off {thing.arn}",
                                  _untag(thing, untag_it, gone), context={"aws:TagKeys": gone})  # fmt: skip
                if step is not None:
                    yield step, replace(thing, tags={name: tags[name] for name in tags if name not in gone})

    def _choices(
        self, thing: Thing, spelled: Mapping[str, str], untried: dict[str, None]
    ) -> Iterator[Mapping[str, str]]:
        """Yield tags to set, in the spelling that the thing has."""
        wanted = self._wanted(thing)
        names = sorted(wanted)
        every = itertools.product(*(sorted(wanted[name]) for name in names)) if names else iter(())
        for values in itertools.islice(every, _CHOICES):
            yield {spelled.get(name, name): value for name, value in zip(names, values, strict=True)}
        if next(every, None) is not None:
            untried[f"of the tags that policies ask for only {_CHOICES} sets were tried on {thing.arn}"] = None
        yield {spelled.get(name.lower(), name): value for name, value in self.tags.items()}

    def _wanted(self, thing: Thing) -> dict[str, set[str]]:
        """Return the values of a thing's tags that policies on reading compare with, for this agent."""
        wanted: dict[str, set[str]] = {}
        keys = self.held.evaluator.keys(Request(action=_READS[thing.service]))
        for clause in self.held.evaluator.clauses(_READS[thing.service].lower(), thing.policies):
            for condition in clause.statement.conditions:
                tag = tag_of(condition.key.lower())
                if tag is None:
                    continue
                values = wanted.setdefault(tag, set())
                for text in condition.values if condition.operator.startswith("String") else ():
                    parts = parts_of(text, variables=clause.document.variables)
                    for found in resolved(parts, keys):
                        if found is not None and found is not FREE:
                            runs = filled(parts, found)
                            values.add("".join(run.replace("*", "").replace("?", "x") if special else run
                                               for run, special in runs))  # fmt: skip
        return wanted

    def _with_policy(self, thing: Thing) -> Iterator[tuple[Step, Thing]]:
        text = _granting(self.held.arn, "secretsmanager:*")
        step = self._step(
            "secretsmanager:PutResourcePolicy", thing, f"can put a resource policy on {thing.arn}",
            ("secretsmanager", "put-resource-policy", "--secret-id", thing.arn, "--resource-policy", text),
            context={"secretsmanager:BlockPublicPolicy": "true"},
        )  # fmt: skip
        if step is not None:
            policy = read_document(text, Kind.RESOURCE, "resource policy that the chain writes")
            yield step, replace(thing, policies=_with(thing.policies, policy))
        if thing.policies.policy is not None:
            step = self._step(
                "secretsmanager:DeleteResourcePolicy", thing, f"can delete the resource policy of {thing.arn}",
                ("secretsmanager", "delete-resource-policy", "--secret-id", thing.arn),
            )  # fmt: skip
            if step is not None:
                yield step, replace(thing, policies=_with(thing.policies, None))

    def _with_key_policy(self, key: Thing) -> Iterator[tuple[Step, Thing]]:
        text = _granting(self.held.arn, "kms:*")
        step = self._step(
            "kms:PutKeyPolicy", key, f"can rewrite the key policy of {key.arn}",
            ("kms", "put-key-policy", "--key-id", key.arn, "--policy-name", "default", "--policy", text),
        )  # fmt: skip
        if step is not None:
            policy = read_document(text, Kind.RESOURCE, "key policy that the chain writes")
            yield step, replace(key, policies=_with(key.policies, policy))

    def _with_grant(self, key: Thing) -> Iterator[tuple[Step, Thing]]:
        step = self._step(
            "kms:CreateGrant", key, f"can grant itself Decrypt on {key.arn}",
            ("kms", "create-grant", "--key-id", key.arn, "--grantee-principal", self.held.arn,
             "--operations", "Decrypt"),
            context={"kms:GrantOperations": ("Decrypt",), "kms:GranteePrincipal": self.held.arn,
                     "kms:GrantIsForAWSResource": "false"},
        )  # fmt: skip
        if step is not None:
            grant = KmsGrant(grantee=self.held.arn, operations=frozenset({"Decrypt"}))
            yield step, replace(key, policies=replace(key.policies, grants=(*key.policies.grants, grant)))


def _with(policies: ResourcePolicies, policy: Document | None) -> ResourcePolicies:
    return replace(policies, policy=policy, unseen=policies.unseen - {Kind.RESOURCE})


def _granting(arn: str, action: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _tag(thing: Thing, action: str, tags: Mapping[str, str]) -> tuple[str, ...]:
    if thing.service == "kms":
        shown = (f"TagKey={name},TagValue={value}" for name, value in sorted(tags.items()))
    else:
        shown = (f"Key={name},Value={value}" for name, value in sorted(tags.items()))
    return (*_words(thing, action), "--tags", *shown)


def _untag(thing: Thing, action: str, names: Sequence[str]) -> tuple[str, ...]:
    return (*_words(thing, action), "--tag-keys", *names)


def _words(thing: Thing, action: str) -> tuple[str, ...]:
    call = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in action.partition(":")[2])
    if thing.service == "ssm":
        name = thing.name.removeprefix("parameter")
        return ("ssm", call.lstrip("-"), "--resource-type", "Parameter", "--resource-id", name)
    place = "--secret-id" if thing.service == "secretsmanager" else "--key-id"
    return (thing.service, call.lstrip("-"), place, thing.arn)
