"""One folded finding as the HTML report shows it."""

import re

from cred_audit.finding import Evidence, Finding, finding_id
from cred_audit.render.fold import Fold, Undecided, place, quoted, reach_words, who
from cred_audit.render.page import Brief, Entry, Exhibit, Line, OpenClaim, Row, Unknown
from cred_audit.render.shown import block, line, name, names
from cred_audit.render.words import acceptance, confirmation, is_diff, requests

_EVIDENCE = 6
_QUOTE = 24
_FIX = 80
_ASSUMING = 8
_CONTROLS = 30
_CLAIMS = 60


def anchor_of(identity: str) -> str:
    """Return a finding's id as an anchor: `vault_no_cross_tenant_read/4794d93c909e`."""
    return re.sub(r"[^A-Za-z0-9_./-]", "_", identity[:200])


def entry(fold: Fold, total: int) -> Entry:
    """Return a fold in full; the page adds the equal findings' anchors."""
    first = fold.first
    identity = finding_id(fold.check.id, first)
    return Entry(
        anchor=anchor_of(identity),
        id=name(identity),
        check=name(fold.check.id),
        claim=line(fold.check.title, 400),
        severity=fold.check.severity.value,
        sentence=_sentence(fold),
        who=_who(fold),
        reach=reach_words(first.reaches, total),
        equal=len(fold.findings),
        cases=fold.count,
        accepted=acceptance(first),
        confirmed=confirmation(first),
        note=line(first.note, 600),
        assuming=tuple(line(each, 400) for each in first.assuming[:_ASSUMING]),
        exhibits=tuple(exhibit(each) for each in first.evidence[:_EVIDENCE]),
        requests=requests(first),
        reproduce=block(first.reproduce or "").strip("\n"),
        advice="" if not first.fix or is_diff(first.fix) else line(first.fix.strip(), 1_000),
        fix=_diff(first),
        controls=tuple(name(each) for each in fold.check.maps_to[:_CONTROLS]),
        members=(),
        members_left=len(fold.findings) - 1,
        open=False,
    )


def brief(fold: Fold) -> Brief:
    """Return a fold in one line."""
    identity = finding_id(fold.check.id, fold.first)
    return Brief(
        anchor=anchor_of(identity),
        id=name(identity),
        severity=fold.check.severity.value,
        sentence=_sentence(fold, 200),
    )


def exhibit(evidence: Evidence) -> Exhibit:
    """Return a piece of evidence with the deciding line marked."""
    lines, left = quoted(evidence, _QUOTE)
    return Exhibit(
        where=place(evidence),
        shows=line(evidence.shows, 600),
        lines=tuple(Line(number=each.number, text=each.text, kind="marked" if each.marked else "") for each in lines),
        lines_left=left,
    )


def _sentence(fold: Fold, limit: int = 600) -> str:
    return line(fold.first.summary or f"Not so: {fold.check.title}.", limit)


def _who(fold: Fold) -> str:
    if not fold.tenants:
        return ""
    agents = f" through {names(fold.agents)}" if fold.agents else ""
    return f"{who(fold)}{agents}"


def unknown(group: Undecided) -> Unknown:
    """Return what one reason leaves undecided; what the reason says is not said again as evidence."""
    first = group.folds[0].first
    said = line(group.sentence, 600)
    seen = [
        Row(name=place(each), value=line(each.shows, 600))
        for each in first.evidence[:_EVIDENCE]
        if each.shows.rstrip(".") not in group.sentence
    ]
    return Unknown(
        sentence=said,
        seen=tuple(seen),
        assuming=tuple(line(each, 400) for each in first.assuming[:_ASSUMING]),
        accepted=acceptance(first),
        note=line(first.note, 600),
        claims=tuple(_open_claim(fold) for fold in group.folds[:_CLAIMS]),
        claims_left=max(0, len(group.folds) - _CLAIMS),
    )


def _open_claim(fold: Fold) -> OpenClaim:
    identity = finding_id(fold.check.id, fold.first)
    return OpenClaim(
        anchor=anchor_of(identity),
        id=name(identity),
        claim=line(fold.check.title, 400),
        severity=fold.check.severity.value,
        concerns=who(fold) if fold.tenants else "",
    )


def _diff(finding: Finding) -> tuple[Line, ...]:
    if not finding.fix or not is_diff(finding.fix):
        return ()
    rows = block(finding.fix).splitlines()
    kinds = {"+": "add", "-": "remove", "@": "head"}
    shown = tuple(
        Line(number=0, text=row, kind="head" if row.startswith(("--- ", "+++ ")) else kinds.get(row[:1], ""))
        for row in rows[:_FIX]
    )
    left = len(rows) - len(shown)
    return (*shown, Line(number=0, text=f"and {left:,} more lines", kind="head")) if left else shown
