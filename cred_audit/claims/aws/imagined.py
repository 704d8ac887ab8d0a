"""Things of other tenants as they are, or as they could be tagged, on which an agent's tag conditions are tried."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from cred_audit.claims.aws.kin import Kin
from cred_audit.claims.aws.labels import labelled
from cred_audit.claims.aws.texts import NOBODY, SERVICES, Actor, Texts, delegates, fresh, on_tags
from cred_audit.decide import Effect
from cred_audit.decide.aws.estate import Thing
from cred_audit.decide.aws.model import Document, Kind, ResourcePolicies, Statement, Value

_SAMPLES = 4
"""Owners of each service's things of which one thing is tried with other tags."""
_WORDS = {"secretsmanager": "secret", "ssm": "parameter", "kms": "key"}

Stated = tuple[Document, Statement]
"""A statement with the policy that it stands in."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A thing to try, and what must be true for it to be there."""

    thing: Thing
    assuming: tuple[str, ...] = ()
    sure: bool = True
    """False where it is not known whether there can be such a thing."""
    changed: str = ""
    """What must be true instead where it is the thing of that name that is there, with other tags."""


class Imagined:
    """One snapshot's samples of things."""

    def __init__(self, texts: Texts) -> None:
        """Take the snapshot's texts."""
        self.texts = texts
        self._known = {thing.arn for thing in texts.asked.holdings.all}
        self._samples = {service: self._sampled(service) for service in SERVICES}
        self._labelled: dict[str, Effect] = {}
        self.kin = Kin(texts, tuple(thing for things in self._samples.values() for thing in things))

    def _sampled(self, service: str) -> list[Thing]:
        """Return a few things of different owners, and one of nobody, without the tag where there is one."""
        found: dict[tuple[str, ...], Thing] = {}
        for thing in self.texts.asked.holdings.all:
            if thing.service != service or thing.collection is not None:
                continue
            known = found.get(thing.owners)
            if (known is None and len(found) < _SAMPLES + (not thing.owners)) or (
                known is not None and not thing.owners and self._tagged(known) and not self._tagged(thing)
            ):
                found[thing.owners] = thing
        return list(found.values())

    def _tagged(self, thing: Thing) -> bool:
        return thing.tags is None or any(key.lower() in self.texts.keys for key in thing.tags)

    def tried(self, actor: Actor, clauses: list[Stated]) -> Iterator[Tried]:
        """Yield things that are not the agent's own: first those without the tag that are there, then what could be."""
        account = self.texts.asked.principals.accounts.get(actor.account)
        region = account.regions[0].name if account is not None and account.regions else "us-east-1"
        found = [
            thing
            for service in SERVICES
            for thing in (*self._samples[service], fresh(self.texts, service, region, actor.account, {}))
            if actor.tenant not in thing.owners and thing.tags is not None
        ]
        there = [thing for thing in found if thing.arn in self._known and not self._tagged(thing)]
        yield from map(Tried, there)
        keys = tuple(self.texts.keys.values())
        values = self._values(actor, clauses)
        for thing in found:
            kind = _WORDS[thing.service]
            rest = {key: value for key, value in (thing.tags or {}).items() if key.lower() not in self.texts.keys}
            if thing not in there:
                names = " or ".join(keys)
                yield Tried(
                    replace(thing, tags=rest),
                    (f"there is a {kind} without the tag {names}",),
                    changed=f"{thing.arn} had no tag {names}" if thing.arn in self._known else "",
                )
            for value, sure in values.items() if keys else ():
                assuming = f"there is a {kind} with the tag {keys[0]}={value!r}"
                changed = f"{thing.arn} had the tag {keys[0]}={value!r}" if thing.arn in self._known else ""
                yield Tried(replace(thing, tags=rest | dict.fromkeys(keys, value)), (assuming,), sure, changed)

    def renamed(self, actor: Actor, tried: Tried) -> Iterator[Tried]:
        """Yield a thing to try under names that nothing has, as it would be when it is new: those to ask about first.

        Last comes the thing itself, which is there under that name, with an assumption that says so.
        """
        thing = tried.thing
        if not tried.changed:
            yield tried
            return
        policies = ResourcePolicies(
            policy=delegates(thing.account) if thing.service == "kms" else None,
            rcps=thing.policies.rcps,
            unseen=thing.policies.unseen - {Kind.RESOURCE},
        )
        head = thing.arn.removesuffix(thing.name)
        for name in dict.fromkeys(_names(thing)):
            arn = head + name
            if arn in self._known or actor.tenant in self.texts.asked.holdings.territories.owners(arn, thing.tags):
                continue
            new = replace(thing, arn=arn, policies=policies, key=None, key_known=True, usable=True, known=_facts(thing))
            yield replace(tried, thing=new, changed="")
        yield replace(tried, assuming=(tried.changed,))

    def _values(self, actor: Actor, clauses: list[Stated]) -> dict[str, bool]:
        """Return values of tags that are not the agent's own tenant's: new, empty, near its own, named in a policy.

        Each with whether it is known that somebody can give it to a thing.
        """
        own = self.texts.own.get(actor.tenant, set()) | {
            value for key, value in actor.tags.items() if key.lower() in self.texts.keys
        }
        found = {NOBODY: True, "": True}
        for value in sorted(own - {""}):
            found |= dict.fromkeys((f"{value}-x0", f"{value}x0", f"x0-{value}"), True)
        for document, statement in clauses:
            for condition in on_tags(statement):
                found |= dict.fromkeys(sorted(self.texts.names(condition)), True)
                for value in condition.values if not document.variables else ():
                    if "${" in value and (effect := self._can_be(value)) is not Effect.DENY:
                        found.setdefault(value, effect is Effect.ALLOW)
        return {value: sure for value, sure in found.items() if value not in own}

    def _can_be(self, value: str) -> Effect:
        """Decide whether some agent may give a value to a thing's tag."""
        if value not in self._labelled:
            self._labelled[value] = labelled(self.texts, value)
        return self._labelled[value]


def _names(thing: Thing) -> Iterator[str]:
    """Yield names like a thing's that patterns about it would cover, too: in its folder, below it, or beside it."""
    if thing.service == "kms":
        yield "key/00000000-0000-4000-8000-000000000000"
        return
    separator = "/" if thing.service == "ssm" else ":"
    kind, _, name = thing.name.partition(separator)
    suffix = "" if thing.service == "ssm" else "-AbCdEf"
    bare = name if not suffix else re.sub(r"-[A-Za-z0-9]{6}$", "", name)
    folder, slash, last = bare.rpartition("/")
    beside = (f"{folder}{slash}example", f"{bare}-example", f"{bare}/example", f"{name}/example")
    for new in (*beside, f"{folder}{slash}{'x' * len(last)}", f"example/{bare}"):
        yield f"{kind}{separator}{new}{suffix}"


def _facts(thing: Thing) -> dict[str, Value]:
    """Return what is known of a new thing in the place of one: it is no copy, and nothing rotates it."""
    return {"secretsmanager:secretprimaryregion": thing.region} if thing.service == "secretsmanager" else {}
