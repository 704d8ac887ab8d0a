"""Make the HTML report's page out of a report: chosen, folded, cut to a size that a browser opens at once."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any, TypeVar

from cred_audit.finding import Severity, Verdict, finding_id
from cred_audit.render.entries import anchor_of, brief, entry, exhibit, unknown
from cred_audit.render.fold import Blind, Fold, blind, closest, folds, headline, is_unknown, proved, undecided
from cred_audit.render.matrix import matrix
from cred_audit.render.page import (
    Brief,
    Claim,
    Entry,
    Exhibit,
    ForeignCheck,
    Line,
    Member,
    OpenClaim,
    Page,
    Proof,
    Row,
    Section,
    Store,
    Tally,
    Unknown,
    Unseen,
)
from cred_audit.render.shown import line, name
from cred_audit.report import Report, Result

_T = TypeVar("_T")

# Room for each list, in bytes of HTML. Together they keep any report's page under 2 MB; what does not fit is
# counted, and stands in the JSON result.
_ENTRIES = 450_000
_BRIEFS = 120_000
_MEMBERS = 750_000
_UNKNOWNS = 150_000
_ROWS = 60_000
_TENANTS = 100_000
_OPEN = 3
"""So many findings show their evidence at once."""
_TAGS = {Entry: 1_800, Exhibit: 250, Line: 110, Member: 20, Brief: 150}
"""Bytes of markup around one part of the page; `_OTHER_TAGS` around any other."""
_OTHER_TAGS = 120
_TAGS_OF_TEXT = 20
_CLOSEST = 3
_WHATS = 40


def compose(report: Report) -> Page:
    """Return the page of a report."""
    answer = headline(report)
    failing = folds(report, Verdict.FAIL)
    anchors: set[str] = set()
    entries, briefs, findings_left = _failing(failing, len(report.tenants), anchors)
    open_cases = undecided(report)
    unknowns = tuple(_with_anchors(each, anchors) for each in _fit(map(unknown, open_cases), _UNKNOWNS))
    unseen = blind(report)
    gaps = _fit(map(_unseen, unseen), _ROWS)
    tenants = _fit((name(each) for each in report.tenants), _TENANTS)
    warnings = _fit((line(each, 600) for each in report.warnings), _ROWS)
    stores = _stores(report)
    called_for = [result for result in report.results if result.skipped is None]
    page = Page(
        target=name(report.target_name),
        answer=answer.answer.value,
        sentence=answer.sentence,
        taken_at=report.taken_at.strftime("%Y-%m-%d %H:%M %Z").strip(),
        taken_at_iso=report.taken_at.isoformat(),
        tool_version=name(report.tool_version),
        sections=(),
        tallies=_tallies(report),
        accepted=sum(len(fold.findings) for fold in failing if fold.first.accepted is not None),
        worst=tuple(each for each in entries if not each.accepted)[:_OPEN],
        coverage=_fit(_coverage(report.coverage), _ROWS),
        gaps=gaps,
        gaps_left=len(unseen) - len(gaps),
        gap_count=len(report.gaps),
        unknowns=unknowns,
        unknowns_left=len(open_cases) - len(unknowns),
        unknown_count=sum(map(is_unknown, report.results)),
        unexamined=tuple(
            Row(name=line(result.check.title, 400), value=name(result.check.id))
            for result in called_for
            if not result.findings
        ),
        skipped=tuple(
            Row(name=line(result.check.title, 400), value=line(result.skipped, 600))
            for result in report.results
            if result.skipped is not None
        ),
        warnings=warnings,
        warnings_left=len(report.warnings) - len(warnings),
        tenant_count=len(report.tenants),
        tenants=tenants,
        tenants_left=len(report.tenants) - len(tenants),
        claim_count=len(called_for),
        matrix=matrix(report, anchors),
        finding_count=sum(len(fold.findings) for fold in failing),
        findings=entries,
        briefs=briefs,
        findings_left=findings_left,
        proofs=_fit(map(_proof, proved(report)), _ROWS),
        stores=stores,
        stores_left=max(len(report.separation) - len(stores), 0),
        claims=tuple(_claim(result) for result in report.results),
        foreign=tuple(
            ForeignCheck(
                check=name(result.check.id), file=line(result.check.origin, 400), sha256=name(result.check.sha256)
            )
            for result in report.results
            if result.check.origin
        ),
        digest=name(report.snapshot_digest),
        command=line(report.command, 1_000),
    )
    return dataclasses.replace(page, sections=_sections(page))


def _sections(page: Page) -> tuple[Section, ...]:
    """Return the parts in reading order, without those that have nothing to say."""
    parts = (
        ("summary", "Summary", True),
        ("untested", "What was not tested", True),
        ("scope", "Scope and method", True),
        ("matrix", "Who reaches whom", page.matrix is not None),
        ("findings", "Findings", page.finding_count > 0),
        ("separation", "What separates the tenants", bool(page.stores)),
        ("proofs", "What was proved", bool(page.proofs)),
        ("appendix", "Appendix", True),
    )
    return tuple(Section(id=part, title=title, template=f"{part}.html") for part, title, wanted in parts if wanted)


def _failing(
    failing: Sequence[Fold], total: int, anchors: set[str]
) -> tuple[tuple[Entry, ...], tuple[Brief, ...], int]:
    """Return what fails: in full while there is room, then in one line each, then as a number."""
    entries: list[Entry] = []
    room, members = _ENTRIES, _MEMBERS
    for fold in failing:
        made = dataclasses.replace(_anchored(entry(fold, total), anchors), open=len(entries) < _OPEN)
        room -= _weight(made)
        if room < 0:
            anchors.discard(made.anchor)
            break
        listed = _fit((_member(fold, index, anchors) for index in range(1, len(fold.findings))), members)
        members -= sum(_weight(each) for each in listed)
        anchors.update(each.anchor for each in listed)
        entries.append(
            dataclasses.replace(made, members=listed, members_left=len(fold.findings) - 1 - len(listed)),
        )
    rest = failing[len(entries) :]
    briefs = _fit((_anchored(brief(fold), anchors) for fold in rest), _BRIEFS)
    return tuple(entries), briefs, len(rest) - len(briefs)


def _member(fold: Fold, index: int, anchors: set[str]) -> Member:
    finding = fold.findings[index]
    anchor = anchor_of(finding_id(fold.check.id, finding))
    return Member(
        anchor="" if anchor in anchors else anchor,
        name=name(finding.tenant if finding.tenant is not None else finding.subject),
    )


def _unseen(group: Blind) -> Unseen:
    return Unseen(
        source=name(group.source),
        whats=tuple(line(each, 400) for each in group.whats[:_WHATS]),
        whats_left=max(0, len(group.whats) - _WHATS),
        reason=line(group.reason, 600),
    )


def _with_anchors(made: Unknown, anchors: set[str]) -> Unknown:
    return dataclasses.replace(made, claims=tuple(_anchored(each, anchors) for each in made.claims))


_Anchored = TypeVar("_Anchored", Entry, Brief, OpenClaim)


def _anchored(made: _Anchored, anchors: set[str]) -> _Anchored:
    """Take the anchor, or leave it away where an earlier part of the page has it: an anchor names one thing."""
    if made.anchor in anchors:
        return dataclasses.replace(made, anchor="")
    anchors.add(made.anchor)
    return made


def _fit(items: Iterable[_T], room: int) -> tuple[_T, ...]:
    """Return the first items, as many as have room."""
    kept = []
    for item in items:
        room -= _weight(item)
        if room < 0:
            break
        kept.append(item)
    return tuple(kept)


def _weight(value: object) -> int:
    """Return about how many bytes of HTML a part of the page takes."""
    if isinstance(value, str):
        return len(escape(value).encode()) + _TAGS_OF_TEXT
    return _TAGS.get(type(value), _OTHER_TAGS) + sum(
        len(escape(text).encode()) if isinstance(text, str) else _weight(text) for text in _parts(value)
    )


def _parts(value: object) -> Iterable[object]:
    """Yield the texts of a part of the page, and its parts."""
    for field in dataclasses.fields(value) if dataclasses.is_dataclass(value) else ():
        held = getattr(value, field.name)
        if isinstance(held, tuple):
            yield from held
        elif isinstance(held, str):
            yield held


def _tallies(report: Report) -> tuple[Tally, ...]:
    failed = dict.fromkeys(reversed(Severity), 0)
    for result in report.results:
        failed[result.check.severity] += sum(finding.verdict is Verdict.FAIL for finding in result.findings)

    def claims(wanted: Callable[[Result], bool]) -> int:
        return sum(map(wanted, report.results))

    return (
        *(Tally(label=each.value, count=count, kind=each.value) for each, count in failed.items()),
        Tally(label="claims unknown", count=claims(is_unknown), kind="unknown"),
        Tally(label="claims proved", count=claims(lambda each: _outcome(each) == "pass"), kind="pass"),
        Tally(label="claims skipped", count=claims(lambda each: each.skipped is not None), kind="skipped"),
    )


def _coverage(coverage: Mapping[str, Any]) -> Iterable[Row]:
    for system, parts in coverage.items():
        if not isinstance(parts, Mapping):
            yield Row(name=name(str(system)), value=line(str(parts), 400))
            continue
        for part, count in parts.items():
            shown = f"{count:,}" if isinstance(count, int) else line(str(count), 400)
            yield Row(name=f"{name(str(system))}: {name(str(part)).replace('_', ' ')}", value=shown)


def _proof(result: Result) -> Proof:
    return Proof(
        check=name(result.check.id),
        claim=line(result.check.title, 400),
        severity=result.check.severity.value,
        cases=sum(finding.count for finding in result.findings),
        closest=tuple(exhibit(each) for each in closest(result, _CLOSEST)),
    )


def _stores(report: Report) -> tuple[Store, ...]:
    return _fit(
        (
            Store(
                name=name(each.store),
                enforced_by=line(each.enforced_by, 400) or "not shown",
                evidence=line(each.evidence, 600) or "not shown",
            )
            for each in report.separation
        ),
        _ROWS,
    )


def _claim(result: Result) -> Claim:
    return Claim(
        check=name(result.check.id),
        claim=line(result.check.title, 400),
        severity=result.check.severity.value,
        outcome=_outcome(result),
        controls=tuple(name(each) for each in result.check.maps_to[:30]),
    )


def _outcome(result: Result) -> str:
    if result.skipped is not None:
        return "skipped"
    return result.verdict.value if result.verdict is not None else "unknown"
