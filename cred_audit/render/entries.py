"""One folded finding as the HTML report shows it."""

import re

from cred_audit.finding import Evidence, Finding, finding_id
from cred_audit.render.fold import Fold, place, quoted, reach_words, who
from cred_audit.render.page import Brief, Entry, Exhibit, Line
from cred_audit.render.shown import block, line, name, names
from cred_audit.render.words import acceptance, confirmation, requests

_EVIDENCE = 6
_QUOTE = 24
_FIX = 80
_ASSUMING = 8
_CONTROLS = 30


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
        reproduce=line(first.reproduce or ""),
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


def _diff(finding: Finding) -> tuple[Line, ...]:
    if not finding.fix:
        return ()
    rows = block(finding.fix).splitlines()
    kinds = {"+": "add", "-": "remove", "@": "head"}
    is_diff = any(row.startswith(("+", "-")) for row in rows)
    shown = tuple(
        Line(
            number=0,
            text=row,
            kind="" if not is_diff else "head" if row.startswith(("--- ", "+++ ")) else kinds.get(row[:1], ""),
        )
        for row in rows[:_FIX]
    )
    left = len(rows) - len(shown)
    return (*shown, Line(number=0, text=f"and {left:,} more lines", kind="head")) if left else shown
