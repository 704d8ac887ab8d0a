"""What every reader wants first of a report: the answer, the findings folded and worst first, the proofs.

Only the outputs for people fold (the JSON result keeps one finding per acting tenant): findings of one check
are folded when they rest on the same clause, up to the acting tenant's own name.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from cred_audit.check import Check
from cred_audit.decide import OTHERS
from cred_audit.finding import Evidence, Finding, Reaches, Severity, Verdict, finding_id
from cred_audit.render.shown import line, name, names, plural
from cred_audit.render.words import operation_of
from cred_audit.report import LEFT_OUT, Report, Result

_RANK = {severity: rank for rank, severity in enumerate(Severity)}
_KEYED_CHARACTERS = 20_000
"""Longer texts are compared by their beginning and length: folding must not cost more than the text is worth."""


_ALPHANUMERIC = re.compile("[A-Za-z0-9]")


class Answer(Enum):
    """Whether each tenant is isolated from the others."""

    BROKEN = "BROKEN"
    ISOLATED = "ISOLATED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The report in one line."""

    answer: Answer
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Findings of one check that are the same but for the acting tenant."""

    check: Check
    findings: tuple[Finding, ...]
    """In the order of the report; the first one speaks for all."""

    @property
    def first(self) -> Finding:
        """The finding that is shown."""
        return self.findings[0]

    @property
    def tenants(self) -> tuple[str, ...]:
        """The acting tenants, each once."""
        return tuple(dict.fromkeys(finding.tenant for finding in self.findings if finding.tenant is not None))

    @property
    def agents(self) -> tuple[str, ...]:
        """The agents that hold the grant, each once."""
        return tuple(dict.fromkeys(agent for finding in self.findings for agent in finding.agents))

    @property
    def count(self) -> int:
        """Requests or objects in all."""
        return sum(finding.count for finding in self.findings)


def reach_count(reaches: Reaches, tenants: int) -> int:
    """Return how many tenants a set holds, where `tenants` is the number that the target declares."""
    if reaches.count:
        return reaches.count
    if reaches.all_except is not None:
        return max(0, tenants - len(reaches.all_except))
    return len(reaches.tenants)


def reach_words(reaches: Reaches, tenants: int) -> str:
    """Return the set in words: `all 41 others`, `b, c and 7 more`; empty for the empty set."""
    count = reach_count(reaches, tenants)
    if reaches.all_except is not None:
        if len(reaches.all_except) <= 1:
            return f"all {count:,} others" if count != 1 else "the only other tenant"
        return f"{plural(count, 'other tenant')} (all but {names(reaches.all_except)})"
    return names(reaches.tenants)


def headline(report: Report) -> Headline:
    """Answer the question of the audit; ISOLATED only when every claim that was called for is proved."""
    total = len(report.tenants)
    failing = [
        (result.check, finding)
        for result in report.results
        for finding in result.findings
        if finding.verdict is Verdict.FAIL
    ]
    acting = {
        finding.tenant
        for _, finding in failing
        if finding.tenant is not None and finding.witness is not None and reach_count(finding.reaches, total) > 0
    }
    if acting:
        whose = f"{len(acting):,} of {plural(total, 'tenant')}"
        return Headline(
            answer=Answer.BROKEN,
            sentence=f"{whose}{_possessive(total)} agents reach another tenant's secrets",
        )
    failed = {check.id for check, _ in failing}
    grave = {check.id for check, _ in failing if _RANK[check.severity] >= _RANK[Severity.HIGH]}
    if grave:
        claims = plural(len(grave), "high or critical claim", "high or critical claims")
        return Headline(
            answer=Answer.BROKEN,
            sentence=f"{claims} of isolation {'fails' if len(grave) == 1 else 'fail'} for {plural(total, 'tenant')}",
        )
    called_for = [result for result in report.results if result.skipped is None]
    unsure = [result for result in called_for if is_unknown(result)]
    if unsure or not called_for or total == 0:
        why = f"{len(unsure):,} of {plural(len(called_for), 'claim')} could not be decided"
        if not called_for:
            why = "no claim was judged"
        return Headline(answer=Answer.UNKNOWN, sentence=f"{why} for {plural(total, 'tenant')}")
    left_out = [
        result.check
        for result in report.results
        if result.skipped == LEFT_OUT and _RANK[result.check.severity] >= _RANK[Severity.HIGH]
    ]
    if left_out:
        why = f"{plural(len(left_out), 'high or critical claim', 'high or critical claims')}"
        return Headline(
            answer=Answer.UNKNOWN,
            sentence=f"{why} {'was' if len(left_out) == 1 else 'were'} left out; every claim that was judged holds",
        )
    parts = [gap.source for gap in report.gaps if gap.whole]
    if parts:
        why = f"{names(parts)} of the target {'was' if len(parts) == 1 else 'were'} not audited"
        return Headline(answer=Answer.UNKNOWN, sentence=f"{why}; every claim that was judged holds")
    weak = f"; {plural(len(failed), 'lesser claim')} {'fails' if len(failed) == 1 else 'fail'}" if failed else ""
    return Headline(
        answer=Answer.ISOLATED,
        sentence=f"no agent of the {plural(total, 'tenant')} reaches another tenant's secrets{weak}",
    )


def _possessive(total: int) -> str:
    return "'s" if total == 1 else "'"


def is_unknown(result: Result) -> bool:
    """Tell whether a claim that was called for has an undecided case, or no case at all."""
    return result.skipped is None and (
        not result.findings or any(finding.verdict is Verdict.UNKNOWN for finding in result.findings)
    )


def folds(report: Report, verdict: Verdict) -> tuple[Fold, ...]:
    """Return the findings with this verdict, folded; open before accepted, worst first, then widest reach."""
    grouped: list[Fold] = []
    total = len(report.tenants)
    for result in report.results:
        groups: dict[bytes, list[Finding]] = defaultdict(list)
        for finding in result.findings:
            if finding.verdict is verdict:
                groups[_key(finding, total)].append(finding)
        grouped.extend(Fold(check=result.check, findings=tuple(group)) for group in groups.values())
    return tuple(
        sorted(
            grouped,
            key=lambda fold: (
                fold.first.accepted is not None,
                -_RANK[fold.check.severity],
                -max(reach_count(finding.reaches, total) for finding in fold.findings),
                -len(fold.findings),
                fold.check.id,
                fold.first.subject,
            ),
        )
    )


def _key(finding: Finding, total: int) -> bytes:
    """Digest what the finding rests on, with the acting tenant's name taken out."""
    own = finding.tenant if finding.tenant and len(finding.tenant) < _KEYED_CHARACTERS else ""
    hashed = hashlib.sha256()
    for part in _parts(finding, total):
        text = f"{len(part)} {part[:_KEYED_CHARACTERS]}" if len(part) > _KEYED_CHARACTERS else part
        hashed.update(_without(text, own).encode("utf-8", "surrogatepass") + b"\xff")
    return hashed.digest()


def _without(text: str, own: str) -> str:
    """Replace a tenant's name by a zero character wherever it stands alone: `t1` in `t1/db`, not in `t10/db`."""
    if not own or own not in text:
        return text
    pieces = text.split(own)
    out = [pieces[0]]
    before = pieces[0][-1:]
    for number, piece in enumerate(pieces[1:], 2):
        after = piece[:1] or (own[:1] if number < len(pieces) else "")
        joined = _ALPHANUMERIC.match(before) or _ALPHANUMERIC.match(after)
        out += (own if joined else "\x00", piece)
        before = piece[-1:] or own[-1:]
    return "".join(out)


def _parts(finding: Finding, total: int) -> Iterator[str]:
    for evidence in finding.evidence:
        yield from (evidence.where, evidence.shows, evidence.quote, str(evidence.line))
    if not finding.evidence:
        yield finding.subject
    yield from finding.assuming
    yield f"{finding.confirmed} {finding.witness is None}"
    if finding.witness is not None:
        yield operation_of(finding.witness)
    if finding.accepted is not None:
        yield f"{finding.accepted.reason} {finding.accepted.until} {finding.accepted.ticket}"
    reaches = finding.reaches
    yield "all but own" if _everyone_else(finding, total) else repr(reaches)[:2_000]


def _everyone_else(finding: Finding, total: int) -> bool:
    """Tell whether a finding reaches all tenants but the acting one, whichever way that is said."""
    reaches = finding.reaches
    if reaches.all_except is not None:
        return len(reaches.all_except) <= 1
    reached = set(reaches.tenants) - {OTHERS}
    return total > 2 and len(reached) == len(reaches.tenants) == total - 1 and finding.tenant not in reached


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedLine:
    """One line of a clause as shown."""

    number: int
    """0 when the source has no line numbers."""
    text: str
    marked: bool
    """The line that lets the request through."""


_NAMED_LINE = re.compile(r"(?:\bline |:)(\d{1,9})\b(?!.*\d)")


def place(evidence: Evidence) -> str:
    """Return where the evidence is, with the line that decides: `policy agents, line 12`."""
    where = line(evidence.where, 400)
    if not evidence.line or _NAMED_LINE.search(evidence.where[-200:]):
        return where
    return f"{where}, line {evidence.line}"


def quoted(evidence: Evidence, most: int) -> tuple[tuple[QuotedLine, ...], int]:
    """Return a quote's lines, at most this many around the marked one, and how many are left out.

    Marked is the line that `where` names, else the clause's first line.
    """
    lines = evidence.quote.split("\n") if evidence.quote else []
    while lines and not lines[-1].strip():
        lines.pop()
    named = _NAMED_LINE.search(evidence.where[-200:])
    wanted = int(named.group(1)) - evidence.line if named and evidence.line else 0
    marked = wanted if 0 <= wanted < len(lines) else 0
    start = max(0, min(marked - most // 2, len(lines) - most))
    shown = tuple(
        QuotedLine(
            number=evidence.line + offset if evidence.line else 0,
            text=line(text, 400),
            marked=offset == marked,
        )
        for offset, text in enumerate(lines[start : start + most], start)
    )
    return shown, len(lines) - len(shown)


def proved(report: Report) -> tuple[Result, ...]:
    """Return the claims that hold in every case, those first that would be worst to break."""
    held = [result for result in report.results if result.skipped is None and result.verdict is Verdict.PASS]
    return tuple(sorted(held, key=lambda result: -_RANK[result.check.severity]))


def closest(result: Result, most: int) -> tuple[Evidence, ...]:
    """Return what comes closest to breaking a claim that holds, clauses first, each once."""
    found = {
        (evidence.where, evidence.shows, evidence.quote[:1_000]): evidence
        for finding in result.findings[:2_000]
        for evidence in finding.evidence
    }
    return tuple(sorted(found.values(), key=lambda evidence: not evidence.quote)[:most])


def who(fold: Fold) -> str:
    """Return the acting tenants in words."""
    tenants = fold.tenants
    if not tenants:
        return "The target"
    if len(tenants) == 1:
        return f"Tenant {name(tenants[0])}"
    return f"{plural(len(tenants), 'tenant').capitalize()} ({names(tenants)})"


def acting(fold: Fold, total: int) -> str:
    """Return who reaches whom as a sentence; empty where the finding names no tenant and reaches none."""
    several = len(fold.tenants) > 1 and _everyone_else(fold.first, total)
    reach = f"all {total - 1:,} others" if several else reach_words(fold.first.reaches, total)
    agents = f" through {names(fold.agents)}" if fold.agents else ""
    if reach and not fold.tenants:
        return f"Concerns {reach}."
    if reach:
        return f"{who(fold)}{agents}{' each reach' if len(fold.tenants) > 1 else ' reaches'} {reach}."
    return f"Concerns {who(fold)}{agents}." if fold.tenants else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """Claims that could not be decided for one and the same reason."""

    sentence: str
    """The reason, from outside as it is."""
    folds: tuple[Fold, ...]
    """The undecided cases, the gravest claim first."""


def undecided(report: Report) -> tuple[Undecided, ...]:
    """Return what is unknown, by reason: one thing that was not seen often leaves many claims undecided."""
    groups: dict[tuple[str, ...], list[Fold]] = defaultdict(list)
    for fold in folds(report, Verdict.UNKNOWN):
        first = fold.first
        if fold.tenants or not first.evidence or first.accepted is not None:
            groups["alone", fold.check.id, finding_id(fold.check.id, first)].append(fold)
        else:
            groups[tuple(f"{each.where}\x00{each.shows}"[:_KEYED_CHARACTERS] for each in first.evidence[:4])].append(
                fold
            )
    return tuple(Undecided(sentence=_reason(group), folds=tuple(group)) for group in groups.values())


def _reason(group: Sequence[Fold]) -> str:
    first = group[0].first
    summaries = {fold.first.summary for fold in group}
    if len(summaries) == 1 and first.summary:
        return first.summary
    if first.evidence:
        return f"{place(first.evidence[0])}: {first.evidence[0].shows.rstrip('.')}."
    return first.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """What was not seen of one source for one and the same reason."""

    source: str
    reason: str
    whats: tuple[str, ...]
    """What was asked for, each with its namespace."""


def blind(report: Report) -> tuple[Blind, ...]:
    """Return the gaps, by source and reason, in the order in which they came."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for gap in report.gaps:
        where = f" (namespace {gap.namespace})" if gap.namespace else ""
        groups[gap.source, gap.reason].append(f"{gap.what}{where}")
    return tuple(Blind(source=source, reason=reason, whats=tuple(whats)) for (source, reason), whats in groups.items())
