"""What one audit saw, raw, and what it did not see: the only thing that a check receives.

Less sight never improves a verdict, so absence is a value here: a field that is None, with a `Gap` that
says why. No type has a field for a secret value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cred_audit.decide.aws.world import AwsWorld
from cred_audit.decide.vault.model import TokenFacts, World
from cred_audit.target.model import Target

EVERYTHING = "everything"
"""What a gap asks for when a whole part that the target declares was not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something asked for and not seen."""

    source: str
    """`vault`, `aws` ..."""
    what: str
    """What was asked for, as the API names it: `LIST t1/sys/policies/acl/`."""
    reason: str
    """Why it was not seen and what to do: `permission denied; the token needs list on ...`."""
    namespace: str = ""

    @property
    def whole(self) -> bool:
        """Whether nothing at all of a declared part was seen, so that no claim speaks for it."""
        return self.what == EVERYTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditDevice:
    """One audit device of the server."""

    path: str
    type: str
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultFacts:
    """One Vault or OpenBao server, or the offline files that stand for it."""

    address: str
    """Empty when read from files."""
    world: World
    audit_devices: tuple[AuditDevice, ...] | None
    seal: Mapping[str, Any] | None
    """`sys/seal-status`: type of seal, storage."""
    agent_tokens: Mapping[str, TokenFacts] = field(default_factory=dict)
    """`tenant/agent` -> what the server says of the token that the target gives for this agent."""
    coverage: Mapping[str, int]
    """What was read and how many of it: `policies`, `entities` ..."""
    assumed: tuple[str, ...] = ()
    """What was not given and therefore assumed (offline), or whose clock was believed, as sentences."""
    quotas: tuple[Mapping[str, Any], ...] | None = None
    """Rate limits of the server; None when not seen."""
    audited_headers: tuple[str, ...] | None = None
    """Request headers that the audit log shows; None when not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsFacts:
    """The AWS accounts of the platform, or the offline files that stand for them."""

    world: AwsWorld
    coverage: Mapping[str, int]
    """What was read and how many of it: `accounts`, `roles`, `secrets` ..."""
    assumed: tuple[str, ...] = ()
    """What was not given and therefore assumed, as sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that one audit saw."""

    target: Target
    taken_at: datetime
    tool_version: str
    vault: VaultFacts | None = None
    """None when the target declares no Vault, or when nothing of it could be read (then there is a gap)."""
    aws: AwsFacts | None = None
    """None when the target declares no AWS, or when nothing of it could be read (then there is a gap)."""
    gaps: tuple[Gap, ...] = ()
    digest: str = ""
    """SHA-256 of the saved form; detects accidents, not tampering by whoever can recompute it."""
