"""The pipeline on one page: a snapshot and the checks in, one report out.

What no check's author has to think about is settled here: a source that the target does not declare, one
that could not be read, a check that raises, one that examined nothing, accepted risks, exit codes.
"""

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from cred_audit.baseline import Baseline
from cred_audit.check import Check, Skip
from cred_audit.claims.aws.declared import territory_warnings
from cred_audit.claims.aws.isolation import aws_isolation
from cred_audit.claims.isolation import isolation
from cred_audit.errors import UsageError
from cred_audit.facts import EVERYTHING, Gap, Snapshot
from cred_audit.finding import Acceptance, Evidence, Finding, Severity, Verdict, finding_id
from cred_audit.report import LEFT_OUT, Report, Result
from cred_audit.separation import separation
from cred_audit.target.model import Accepted, NamespaceTerritory, Target

_WORST_FIRST = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS)
Progress = Callable[[str, int, int | None], None]
"""Told of each step: its name, how many are done, how many there are (None when not known)."""


def judge(  # noqa: PLR0913  (the parts of an audit)
    snapshot: Snapshot,
    checks: Sequence[Check],
    *,
    now: datetime,
    left_out: Iterable[Check] = (),
    command: str = "",
    log: Callable[[str], None] = lambda _: None,
    progress: Progress = lambda *_: None,
) -> Report:
    """Run every check over what was seen. `now` is when accepted risks expire; `log` takes tracebacks.

    `left_out`: checks that were not asked for; the report says so.
    """
    results = []
    for number, check in enumerate(checks):
        progress("checks", number, len(checks))
        results.append(_result(check, snapshot, log))
    progress("checks", len(checks), len(checks))
    results += [Result(check=check, skipped=LEFT_OUT) for check in left_out]
    accepted, complaints = _accepted(results, snapshot.target.accepted, now)
    vault, aws = snapshot.vault, snapshot.aws
    return Report(
        target_name=snapshot.target.name,
        tenants=tuple(tenant.id for tenant in snapshot.target.tenants),
        target_file=str(snapshot.target.path or ""),
        tenant_lines=tuple(tenant.line for tenant in snapshot.target.tenants),
        tool_version=snapshot.tool_version,
        taken_at=snapshot.taken_at,
        results=accepted,
        gaps=(*snapshot.gaps, *_unaudited(snapshot.target)),
        coverage=_coverage(snapshot),
        warnings=(
            *snapshot.target.warnings,
            *(vault.assumed if vault is not None else ()),
            *(aws.assumed if aws is not None else ()),
            *_beside(snapshot.target),
            *territory_warnings(snapshot),
            *complaints,
        ),
        snapshot_digest=snapshot.digest,
        command=command,
        separation=separation(snapshot),
    )


def _result(check: Check, snapshot: Snapshot, log: Callable[[str], None]) -> Result:
    declared = _declared(snapshot)
    missing = [source for source in check.needs if source not in declared]
    if missing:
        return Result(check=check, skipped=f"the target declares no {' and no '.join(missing)}")
    unread = [source for source in check.needs if not declared[source]]
    if unread:
        return Result(check=check, findings=tuple(_unread(source, snapshot.gaps) for source in unread))
    findings: list[Finding] = []
    try:
        findings.extend(check.run(snapshot))
    except Skip as skip:
        if not findings:
            return Result(check=check, skipped=f"not applicable: {skip}")
    except (Exception, SystemExit) as error:  # noqa: BLE001  (a check's fault must not hide what was found before)
        log("".join(traceback.format_exception(error)))
        findings.append(_raised(error))
    return Result(check=check, findings=_told_apart(findings or (_nothing(),)))


def _declared(snapshot: Snapshot) -> Mapping[str, bool]:
    """Return the sources that the target declares, and whether each was read."""
    out = {}
    if snapshot.target.vault is not None:
        out["vault"] = snapshot.vault is not None
    if snapshot.target.aws is not None:
        out["aws"] = snapshot.aws is not None
    return out


def _unread(source: str, gaps: Iterable[Gap]) -> Finding:
    mine = [gap for gap in gaps if gap.source == source]
    evidence = tuple(Evidence(where=f"{gap.namespace}{gap.what}", shows=gap.reason) for gap in mine)
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject=f"source:{source}",
        summary=f"The target declares {source} and nothing of it could be read.",
        evidence=evidence or (Evidence(where=source, shows="it was not read"),),
    )


def _raised(error: BaseException) -> Finding:
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{place.filename.rpartition('/')[2]}:{place.lineno}"
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject="check:raised",
        summary=f"The check broke with {type(error).__name__}; what it had not judged by then is not known.",
        evidence=(Evidence(where=where, shows=f"raises {type(error).__name__}"),),
    )


def _nothing() -> Finding:
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject="check:nothing",
        summary="The check examined no case.",
        evidence=(Evidence(where="the check", shows="examined no case"),),
    )


def _told_apart(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Give findings of one check that share a subject numbers, so that each keeps an id of its own.

    What fails is numbered first: its id does not change where less was seen and something unknown stands beside it.
    """
    findings = tuple(findings)
    taken = {finding.subject for finding in findings}
    seen: dict[str, int] = {}
    out = list(findings)
    for place in sorted(range(len(findings)), key=lambda place: _WORST_FIRST.index(findings[place].verdict)):
        subject = findings[place].subject
        number = seen[subject] = seen.get(subject, 0) + 1
        while number > 1 and f"{subject} #{number}" in taken:
            number = seen[subject] = number + 1
        if number > 1:
            taken.add(f"{subject} #{number}")
            out[place] = replace(findings[place], subject=f"{subject} #{number}")
    return tuple(out)


def _unaudited(target: Target) -> Iterator[Gap]:
    """Yield a gap for each declared part of the target that no check judges."""
    for part in ("platform", "providers", "logs", "declared"):
        if part in target.sections:
            yield Gap(source=part, what=EVERYTHING, reason=f"this version of cred-audit does not audit {part}")


def _beside(target: Target) -> Iterator[str]:
    """Say where nothing is left that others could own: a tenant alone in its mounts and namespaces meets nobody."""
    parts = [part for tenant in target.tenants for part in tenant.territory.vault]
    whole = [part for part in parts if isinstance(part, NamespaceTerritory) or getattr(part, "prefix", None) == ""]
    if target.others and parts and len(whole) == len(parts):
        yield (
            "The declared tenant owns whole mounts or namespaces, so nobody else's things lie beside its own there: "
            "what it may reach in other mounts and namespaces was not judged. Declare their owners as tenants"
        )


def _accepted(
    results: Sequence[Result], accepted: Sequence[Accepted], now: datetime
) -> tuple[tuple[Result, ...], tuple[str, ...]]:
    """Mark the findings that the target accepts; say which acceptances have expired or match nothing."""
    complaints: list[str] = []
    out = {result.check.id: result for result in results}
    for entry in accepted:
        where = f"accepted risk on line {entry.line}" if entry.line else f"accepted risk {entry.subject!r}"
        result = out.get(entry.check)
        if result is None or result.skipped == LEFT_OUT:
            complaints.append(f"{where}: no check {entry.check} was run")
        elif entry.until is not None and entry.until < now:
            complaints.append(f"{where}: expired on {entry.until:%Y-%m-%d} and is not applied")
        else:
            mark = Acceptance(
                reason=entry.reason, ticket=entry.ticket, until=f"{entry.until:%Y-%m-%d}" if entry.until else None
            )
            findings = tuple(
                replace(finding, accepted=mark) if _matches(entry, finding) else finding for finding in result.findings
            )
            if findings == result.findings:
                complaints.append(f"{where}: matches no finding of {entry.check} that is not a pass")
            out[entry.check] = replace(result, findings=findings)
    return tuple(out.values()), tuple(complaints)


def _matches(entry: Accepted, finding: Finding) -> bool:
    if finding.verdict is Verdict.PASS:
        return False
    whole = finding_id(entry.check, finding)
    return entry.subject in (whole, whole.partition("/")[2], finding.subject)


def _coverage(snapshot: Snapshot) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if snapshot.vault is not None:
        out["vault"] = {**snapshot.vault.coverage, "agents": len(isolation(snapshot).acting)}
    if snapshot.aws is not None:
        out["aws"] = {**snapshot.aws.coverage, "agents": len(aws_isolation(snapshot).acting)}
    return out


def narrowed(report: Report, tenants: frozenset[str]) -> Report:
    """Return the report with only the findings that these tenants do or suffer; all of it when none is named.

    Findings of no single tenant (a server option, say) concern everybody and stay, and so does what fails or is
    unknown without it being known whom it reaches.
    """
    if not tenants:
        return report
    results = []
    for result in report.results:
        kept = tuple(finding for finding in result.findings if _concerns(finding, tenants))
        gone = result.findings and not kept
        skipped = f"no case concerns {', '.join(sorted(tenants))}" if gone else result.skipped
        results.append(replace(result, findings=kept, skipped=skipped))
    return replace(report, results=tuple(results))


def _concerns(finding: Finding, tenants: frozenset[str]) -> bool:
    reaches = finding.reaches
    if finding.tenant is None or finding.tenant in tenants:
        return True
    if finding.verdict is not Verdict.PASS and not reaches.count:
        # Whom it reaches is not known, so it may be one of these.
        return True
    if reaches.all_except is not None:
        return bool(tenants - set(reaches.all_except))
    return bool(tenants & set(reaches.tenants))


def severity_of(name: str) -> Severity | None:
    """Return the severity of this name; None for `never`."""
    return None if name == "never" else Severity(name)


def require_tenants(target: Target, tenants: Iterable[str]) -> None:
    """Raise UsageError for a tenant that the target does not declare."""
    declared = {tenant.id for tenant in target.tenants}
    for name in tenants:
        if name not in declared:
            raise UsageError(f"the target declares no tenant {name!r}")


def exit_code(report: Report, *, fail_on: Severity | None, allow_unknown: bool, known: Baseline | None = None) -> int:
    """Return 1 for a claim that fails at this severity or above, 3 for an unknown one or without any judged, or 0.

    `fail_on` None never gates; accepted findings and those that failed alike in the baseline `known` do not either.
    """
    if fail_on is None:
        return 0
    order = list(Severity)
    gating = {
        finding.verdict
        for result in report.results
        if order.index(result.check.severity) >= order.index(fail_on)
        for finding in result.findings
        if finding.accepted is None and not (known is not None and known.holds(result.check.id, finding))
    }
    if Verdict.FAIL in gating:
        return 1
    judged = any(result.findings for result in report.results)
    unknown = Verdict.UNKNOWN in gating or not judged or any(gap.whole for gap in report.gaps)
    return 3 if unknown and not allow_unknown else 0
