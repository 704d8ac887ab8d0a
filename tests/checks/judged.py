"""Run one bundled check by its id."""

from functools import cache

from cred_audit.catalog import load_checks
from cred_audit.check import Check
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding


@cache
def _checks() -> dict[str, Check]:
    return {check.id: check for check in load_checks()}


def judged(check_id: str, snapshot: Snapshot) -> tuple[Finding, ...]:
    """Return the findings of a check. Raises Skip where the claim is not called for."""
    return tuple(_checks()[check_id].run(snapshot))
