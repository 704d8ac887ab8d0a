"""What a check says about one case."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Verdict(Enum):
    """Whether the claim holds in one case."""

    PASS = "pass"  # noqa: S105  (a verdict)
    FAIL = "fail"
    UNKNOWN = "unknown"


class Severity(Enum):
    """How bad it is if a claim does not hold: a constant of the check, worst last."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A place and what stands there."""

    where: str
    """A file with line, an API path, a policy with line, a log query."""
    shows: str
    """What is to be seen there, as half a sentence."""
    quote: str = ""
    """The text itself (the policy's clause), as it stands there."""
    line: int = 0
    """Line of the quote's first line in its source; 0 when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """One concrete request that the real system lets through. Replaying it must succeed."""

    system: str
    """`vault`; later `aws`, `http`."""
    fields: Mapping[str, Any]
    """vault: operation (capability name), path (on the wire, after /v1/, without the namespace), namespace,
    and, where needed, body and headers."""
    before: tuple["Witness", ...] = ()
    """The earlier requests of a chain, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaches:
    """A set of tenants, stored as a set: never one entry per pair of tenants."""

    tenants: tuple[str, ...] = ()
    all_except: tuple[str, ...] | None = None
    """When given: every declared tenant but these."""
    count: int = 0
    """How many tenants that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A risk that the target's owner accepted: shown, never gating."""

    reason: str
    until: str | None = None
    ticket: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One case judged."""

    verdict: Verdict
    subject: str
    """Stable across runs: check id and subject together identify the case."""
    tenant: str | None = None
    """In a cross-tenant claim always the acting tenant."""
    agents: tuple[str, ...] = ()
    """The acting tenant's agents that hold the grant."""
    reaches: Reaches = field(default_factory=Reaches)
    count: int = 1
    """How many cases (requests or objects) this finding stands for."""
    summary: str = ""
    """One sentence: who can do what to whom, or what was proved."""
    evidence: tuple[Evidence, ...] = ()
    witness: Witness | None = None
    assuming: tuple[str, ...] = ()
    reproduce: str | None = None
    """A command that replays the witness (`bao kv get ...`, `curl ...`)."""
    fix: str | None = None
    """What to change; a unified diff of the policy where one can be written."""
    accepted: Acceptance | None = None
    confirmed: bool | None = None
    """`--confirm`: True when the server itself says so; None when not asked or not confirmable this way."""
    note: str = ""


def finding_id(check_id: str, finding: Finding) -> str:
    """Return the id that names this case in every output and in `accepted:`; stable while check and subject are."""
    digest = hashlib.sha256(finding.subject.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{check_id}/{digest[:12]}"
