"""What a policy is stored with beside its text, as OpenBao takes it at write time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cred_audit.decide.vault.duration import epoch, moment_of, seconds_of, whole
from cred_audit.decide.vault.fields import BOOLEANS


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOptions:
    """Options that matter for decisions."""

    expiration: datetime | None = None
    allow_wildcards: bool = False
    allow_slashes: bool = False


def policy_options(given: Mapping[str, Any], now: datetime) -> PolicyOptions | str:
    """Read the options of a first write; what comes back as text is why the server refuses it."""
    expiration = _moment(given.get("expiration"))
    lasts = _seconds(given.get("ttl"))
    flags = {name: _flag(given.get(name)) for name in _FLAGS}
    fault = _fault(expiration, lasts, flags, given)
    if fault is not None:
        return fault
    if isinstance(lasts, float):
        expiration = epoch(now.timestamp() + lasts)
    if isinstance(expiration, datetime) and expiration <= now:
        return "the policy's expiration has already passed"
    return PolicyOptions(
        expiration=expiration if isinstance(expiration, datetime) else None,
        allow_wildcards=bool(flags["allow_wildcards_in_identity_templates"]),
        allow_slashes=bool(flags["allow_slashes_in_identity_templates"]),
    )


_FLAGS = ("allow_wildcards_in_identity_templates", "allow_slashes_in_identity_templates", "cas_required")


def _fault(
    expiration: datetime | str | None,
    lasts: float | str | None,
    flags: Mapping[str, bool | None],
    given: Mapping[str, Any],
) -> str | None:
    wrong = next((name for name, value in flags.items() if value is None), None)
    if wrong is not None:
        return f"the option {wrong} is neither true nor false"
    if isinstance(expiration, str):
        return expiration
    if isinstance(lasts, str):
        return lasts
    if expiration is not None and lasts is not None:
        return "a policy has an expiration or a ttl, not both"
    version = given.get("cas")
    number = version if isinstance(version, int) else whole(str(version)) if version is not None else None
    if version is not None and number not in (0, -1):
        return "the option cas names a version that the policy does not have"
    return "the option cas_required asks for cas" if flags["cas_required"] and version is None else None


def _moment(value: Any) -> datetime | str | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return epoch(value)
    moment = moment_of(value) if isinstance(value, str) and value else None
    return moment or "the option expiration is neither an RFC 3339 time nor epoch seconds"


def _seconds(value: Any) -> float | str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else str(value) if type(value) is int else ""
    seconds = seconds_of(text) if text else None
    return "the option ttl is no duration of 0 or more" if seconds is None or seconds < 0 else seconds


def _flag(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, str):
        return BOOLEANS.get(value)
    return bool(value) if isinstance(value, int | float) else None
