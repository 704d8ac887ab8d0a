"""The pure engines: what do these rules let through? Nothing here reads a file, a clock or a network.

Two questions, per system: `decide(rules, request)` for one concrete request, and `reach(rules,
territory)` for all requests at once. `reach` never answers by itself: its witness is decided again.
"""

from dataclasses import dataclass
from enum import Enum

OTHERS = "(others)"
"""The owner of everything beside what is owned that no declared tenant owns."""


class Effect(Enum):
    """Whether a request goes through. UNKNOWN stays unknown under negation."""

    ALLOW = "allow"
    DENY = "deny"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One clause that took part in a decision, and how."""

    policy: str
    """Name of the policy; empty when the reason is not a clause (no policy matches, the path is sudo-only)."""
    namespace: str = ""
    """Namespace of the policy, with its trailing slash; empty for the root namespace."""
    clause: str = ""
    """The clause's text as it stands in the policy."""
    line: int = 0
    """First line of the clause in the policy's text, from 1; 0 when there is no clause."""
    end_line: int = 0
    why: str
    """What the clause did, as half a sentence: `grants read`, `denies`, `has no list`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer for one concrete request, never without its reasons."""

    effect: Effect
    because: tuple[Reason, ...]
    assuming: tuple[str, ...] = ()
    """What else must be true of the request or the login for ALLOW to hold, as half sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Why it cannot be told who an agent is."""

    reason: str
    where: str
    """What would have to be read: an API path or call."""
