"""Who may set which tags: the calls that put a tag on a thing, take one away, or make a thing with one."""

from cred_audit.claims.aws.texts import Actor, Answer, Texts, ask, fresh
from cred_audit.decide import Effect
from cred_audit.decide.aws.estate import Thing

TAGS = {"secretsmanager": "secretsmanager:TagResource", "ssm": "ssm:AddTagsToResource", "kms": "kms:TagResource"}
"""Service -> the action that sets tags of a thing."""
UNTAGS = {
    "secretsmanager": "secretsmanager:UntagResource", "ssm": "ssm:RemoveTagsFromResource", "kms": "kms:UntagResource",
}  # fmt: skip
MAKES = {"secretsmanager": "secretsmanager:CreateSecret", "ssm": "ssm:PutParameter", "kms": "kms:CreateKey"}
"""Service -> the action that makes a thing, with tags where the action above is allowed, too (each API's reference,
"Required permissions" of Tags)."""


def may_tag(actor: Actor, thing: Thing, key: str, value: str) -> Answer:
    """Decide whether an agent may set a tag of a thing."""
    return ask(actor, TAGS[thing.service], thing, request_tags={key: value})


def may_untag(actor: Actor, thing: Thing, key: str) -> Answer:
    """Decide whether an agent may take a tag off a thing.

    The key counts as it is spelled: values of aws:TagKeys are compared with case.
    """
    return ask(actor, UNTAGS[thing.service], thing, context={"aws:TagKeys": (key,)})


def may_make(actor: Actor, thing: Thing, key: str, value: str) -> Answer:
    """Decide whether an agent may make a thing with a tag: `thing` is the new one, without tags."""
    labelled = may_tag(actor, thing, key, value)
    if labelled.effect is Effect.DENY:
        return labelled
    made = ask(actor, MAKES[thing.service], thing, request_tags={key: value},
               **({"resource": "*", "resource_account": thing.account} if thing.service == "kms" else {}))  # fmt: skip
    if made.effect is Effect.DENY:
        return made
    effect = Effect.UNKNOWN if Effect.UNKNOWN in {made.effect, labelled.effect} else Effect.ALLOW
    return Answer(
        effect=effect,
        because=tuple(dict.fromkeys((*made.because, *labelled.because))),
        assuming=tuple(dict.fromkeys((*made.assuming, *labelled.assuming))),
        requests=(*made.requests, *labelled.requests),
    )


def can(actor: Actor, action: str) -> bool:
    """Whether some policy of an agent may allow an action at all."""
    return bool(actor.policies.unseen) or any(clause.allow for clause in actor.evaluator.clauses(action.lower()))


def labelled(texts: Texts, value: str) -> Effect:
    """Decide whether some agent may give a secret of its own tenant, or a new one, this value of a deciding tag."""
    keys = tuple(texts.keys.values())
    unseen = len(texts.actors) < len(texts.asked.acting) or any(
        thing.tags is None and thing.service == "secretsmanager" for thing in texts.asked.holdings.all
    )
    effects = {Effect.UNKNOWN} if unseen or texts.asked.holdings.unseen else set()
    for actor in texts.actors:
        if not can(actor, TAGS["secretsmanager"]):
            continue
        own = next((one for one in texts.owned(actor.tenant) if one.service == "secretsmanager"), None)
        new = fresh(texts, "secretsmanager", "us-east-1", actor.account, {})
        effects |= {may_make(actor, new, key, value).effect for key in keys}
        if own is not None:
            effects |= {may_tag(actor, own, key, value).effect for key in keys}
        if Effect.ALLOW in effects:
            return Effect.ALLOW
    return Effect.UNKNOWN if Effect.UNKNOWN in effects else Effect.DENY
