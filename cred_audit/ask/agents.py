"""Which of a target's agents a word on the command line means."""

import difflib
from collections.abc import Sequence
from typing import Protocol, TypeVar

from cred_audit.errors import UsageError

_SHOWN = 8
"""Agents that an error names."""


class _Acting(Protocol):
    @property
    def tenant(self) -> str: ...

    @property
    def agent(self) -> str: ...


Acting = TypeVar("Acting", bound=_Acting)


def acting_of(known: Sequence[Acting], agent_id: str, system: str) -> Acting:
    """Return the agent that an id (`id` or `tenant/id`) names; `system` is what it acts in. Raises UsageError."""
    found = [one for one in known if agent_id in (one.agent, f"{one.tenant}/{one.agent}")]
    if len(found) == 1:
        return found[0]
    shown = repr(agent_id[:80])
    if found:
        raise UsageError(f"{shown} is the name of several agents; try one of: {_names(found)}")
    problem = f"{shown} is no agent that the target declares for {system}"
    if not known:
        raise UsageError(f"{problem}; the target declares none")
    names = {name: one for one in known for name in (one.agent, f"{one.tenant}/{one.agent}")}
    near = difflib.get_close_matches(agent_id[:80], names, n=1, cutoff=0.7)
    if near:
        one = names[near[0]]
        problem = f"{problem}; did you mean {one.tenant}/{one.agent}?"
        raise UsageError(problem)
    raise UsageError(f"{problem}; try one of: {_names(known)}")


def _names(known: Sequence[_Acting]) -> str:
    return ", ".join(f"{one.tenant}/{one.agent}" for one in known[:_SHOWN])
