"""What a search for takeover paths answers: chains of requests, or that there is none."""

from dataclasses import dataclass

from cred_audit.decide import Reason
from cred_audit.decide.aws.model import Principal, Request
from cred_audit.decide.aws.ways import Blind, Held, Step


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Holder:
    """One declared agent."""

    tenant: str
    held: Held


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
    """Whose role, policy ...: what is changed, where that is no secret, parameter or key; else empty."""
    owners: frozenset[str]
    """Whom it reaches; the agent's own tenant may be among them and does not count."""
    because: tuple[Reason, ...]
    first: Reason
    assuming: tuple[str, ...] = ()
    opened: bool = False
    """Whether control of one thing was followed to reading it; the owners are those of all things under control."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was found for one agent; a proof when there is neither a chain nor something that was not seen."""

    chains: tuple[Chain, ...] = ()
    blind: tuple[Blind, ...] = ()
    harmless: tuple[str, ...] = ()
    """Principals that it can become and that reach nothing of others."""
