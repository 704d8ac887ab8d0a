"""What a renderer receives: one finished audit, plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cred_audit.check import Check
from cred_audit.facts import Gap
from cred_audit.finding import Finding, Verdict

LEFT_OUT = "left out by --check or --skip"
"""Why a claim was skipped that nobody asked for: it says nothing, and no report may speak for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one check found."""

    check: Check
    findings: tuple[Finding, ...] = ()
    skipped: str | None = None
    """Why the claim is not called for here; None when it was judged."""

    @property
    def verdict(self) -> Verdict | None:
        """The worst of the findings; None when skipped."""
        verdicts = {finding.verdict for finding in self.findings}
        for worst in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS):
            if worst in verdicts:
                return worst
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """What keeps the tenants of one store apart."""

    store: str
    """The mount, server or account, as the API names it."""
    enforced_by: str
    """`policy only`, `own namespace`, `own KMS key` ...; empty for "not shown"; never "cryptographic"."""
    evidence: str = ""
    """Where that is to be seen; empty for "not shown"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One finished audit."""

    target_name: str
    tenants: tuple[str, ...]
    target_file: str = ""
    """The target file as it was named; empty when there was none."""
    tenant_lines: tuple[int, ...] = ()
    """Where that file declares each tenant, in the order of `tenants`; 0 where that is not known."""
    tool_version: str
    taken_at: datetime
    """When the facts were read, not when the report was written."""
    results: tuple[Result, ...]
    gaps: tuple[Gap, ...] = ()
    coverage: Mapping[str, Any] = field(default_factory=dict)
    """What was read and how much of it: system -> {what: count}."""
    warnings: tuple[str, ...] = ()
    snapshot_digest: str = ""
    command: str = ""
    score: Mapping[str, Any] = field(default_factory=dict)
    blast_radius: Mapping[str, Any] = field(default_factory=dict)
    separation: tuple[Separation, ...] = ()
    """Per store what enforces separation; empty when this was not looked at."""
