"""What an agent can do with several principals at once: credentials are kept, so one that it holds may widen another.

The ways from principal to principal (`takeover`) each need one; here two that the agent holds are joined, and what
comes of it is followed on, for as long as anything new comes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cred_audit.decide.aws.ways import Blind, Found, Held, Step, Way
from cred_audit.decide.aws.widening import Widened, Widening

_HELD = 60
"""Principals of one agent that are joined."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Got:
    """One principal that an agent holds, with how it was come by."""

    held: Held
    sure: bool
    joined: bool
    """Whether two were needed for it."""
    before: tuple["Got", ...] = ()
    way: Way | None = None
    widened: Widened | None = None

    def steps(self) -> tuple[Step, ...] | None:
        """Return all requests in order, each once; None where one of them is refused."""
        found: list[Step] = []
        for one in self.before:
            earlier = one.steps()
            if earlier is None:
                return None
            found += (step for step in earlier if step not in found)
        if self.widened is not None:
            found.append(self.widened.step)
        if self.way is not None:
            taken = self.way.enter(self.held)
            if taken is None:
                return None
            found += taken
        return tuple(found)


class Joint:
    """Everything that one agent can hold, where some of it has rights of IAM."""

    def __init__(self, start: Held, ways: Callable[[Held], Found], widening: Widening) -> None:
        """Take the agent, the ways from each principal, and what principals can make of each other."""
        self._ways = ways
        self._widening = widening
        self._got: dict[Held, Got] = {start: Got(held=start, sure=True, joined=False)}
        self.blind: list[Blind] = []

    def found(self) -> Iterator[Got]:
        """Yield what takes two, nearest first."""
        queue = list(self._got.values())
        at = 0
        while at < len(queue):
            here = queue[at]
            at += 1
            if len(self._got) > _HELD:
                reason = (
                    f"it can hold more principals than the {_HELD} that were tried together, some with rights of IAM"
                )
                self.blind.append(Blind(reason=reason, where=queue[0].held.arn))
                return
            for new in (*self._on(here), *self._together(here, queue[:at])):
                if new.held not in self._got:
                    self._got[new.held] = new
                    queue.append(new)
                    if new.joined:
                        yield new

    def _on(self, here: Got) -> Iterator[Got]:
        for way in self._ways(here.held).ways:
            for member in way.to.members[: _HELD + 1]:
                yield Got(held=member, sure=here.sure and way.sure, joined=here.joined, before=(here,), way=way)

    def _together(self, here: Got, others: list[Got]) -> Iterator[Got]:
        for other in others:
            for actor, taken in ((here, other), (other, here)):
                held = taken.held
                if actor.held.arn == held.arn or not actor.held.uses("iam") or actor.held.account != held.account:
                    continue
                made = tuple(self._widening.of(actor.held, held.entity))
                self.blind += self._widening.blind(actor.held, held.entity, made)
                for wider in made:
                    changed = Held(
                        held.principals, wider.entity, session_tags=held.session_tags, session_name=held.session_name
                    )
                    yield Got(
                        held=changed, sure=actor.sure and taken.sure and wider.sure, joined=True,
                        before=(taken, actor), widened=wider,
                    )  # fmt: skip
