"""What a search for takeover paths answers: chains of requests, or that there is none."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cred_audit.decide import Reason
from cred_audit.decide.aws.ends import union
from cred_audit.decide.aws.model import Principal, Request
from cred_audit.decide.aws.standing import Command
from cred_audit.decide.aws.ways import Blind, Held, Step

_ON_THINGS = frozenset({"", "key policy", "resource policy of the secret"})
"""How policies on things are named where they are read, and AWS's own rules."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Holder:
    """One declared agent."""

    tenant: str
    held: Held
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags that make a thing its tenant's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One way to what others own."""

    sure: bool
    """False where a request of it was not settled, or something was not seen."""
    steps: tuple[Step, ...]
    last: tuple[Request, ...]
    """The requests that reach it, by `by`; the second is what the first needs beside it."""
    by: Principal
    holder: str
    """Whose credentials the last request carries: `agent`, or the ARN that a step gave."""
    verb: str
    """What the last request does: read, change, take control of."""
    what: str
    """Whose role, policy, key ...: what is changed, where that is not the owners' own; else empty."""
    owners: frozenset[str]
    """Whom it reaches; the agent's own tenant may be among them and does not count."""
    because: tuple[Reason, ...]
    first: Reason
    assuming: tuple[str, ...] = ()
    opened: bool = False
    """Whether control of one thing was followed to reading it; the owners are those of all things under control."""
    actions: tuple[str, ...] = ()
    """What the last statements allow of secrets, parameters and keys."""
    command: tuple[str, ...] = ()
    """Words of the AWS command line for the last request, where they are known."""
    stop: str = ""
    """What stops reading after control of a thing, where that was tried."""
    untried: tuple[str, ...] = ()
    """What was not tried, so that it may lead further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was found for one agent; a proof when there is neither a chain nor something that was not seen."""

    chains: tuple[Chain, ...] = ()
    blind: tuple[Blind, ...] = ()
    harmless: tuple[str, ...] = ()
    """Principals that it can become and that reach nothing of others."""


def label(reason: Reason) -> tuple[str, str]:
    """Return what names a statement."""
    return reason.policy, reason.why


def first_of(because: tuple[Reason, ...]) -> Reason:
    """Return the statement that a grant stands on: where a key's policy leaves it to the account, the agent's own."""
    return next((reason for reason in because if reason.policy not in _ON_THINGS), because[0])


def add(chains: dict[tuple[str, str], Chain], chain: Chain) -> None:
    """Add a chain; of several with one first statement a sure, reading, short one stays, with all their owners."""
    key = label(chain.first)
    known = chains.get(key)
    if known is None or (chain.sure and not known.sure):
        chains[key] = chain
    elif known.sure == chain.sure:
        kept = min((known, chain), key=lambda one: (one.verb != "read", len(one.steps)))
        chains[key] = replace(kept, owners=union({known.owners, chain.owners}))


def commanded(  # noqa: PLR0913  (the parts of a chain)
    command: Command, held: Held, steps: tuple[Step, ...], *, sure: bool, first: Reason, owners: frozenset[str]
) -> Chain:
    """Return the chain that ends with a change of what others stand on in IAM."""
    assuming = (*(text for step in steps for text in step.assuming), *command.assuming)
    return Chain(
        sure=sure, steps=steps, last=(command.request,), by=held.principal, holder=held.arn, verb="change",
        what=f"the {command.kind} {command.arn}", owners=owners, because=command.because, first=first,
        assuming=tuple(dict.fromkeys(assuming)),
    )  # fmt: skip
