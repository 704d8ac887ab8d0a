"""Who reaches whom, as a table that stays small: tenants that act alike, or are reached alike, share a line.

Nothing here loops over pairs of tenants: the cost is the number of findings and of the names in them, and
then the number of lines that are shown.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cred_audit.finding import Finding, Severity, Verdict, finding_id
from cred_audit.render.entries import anchor_of
from cred_audit.render.page import Cell, Group, Matrix, MatrixRow
from cred_audit.render.shown import names, plural
from cred_audit.render.words import operation_of
from cred_audit.report import Report, Result

_SINGLE = 12
"""Up to so many tenants each have a line of their own."""
_ROWS = 30
_COLUMNS = 10
_WORDS = 4
_RANK = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reach:
    """One finding of one acting tenant."""

    result: Result
    finding: Finding
    key: str
    """Equal for equal sets of tenants; the set "all but oneself" has one key for all."""
    named: frozenset[str]
    """The tenants that the set names, or leaves out."""
    inverted: bool
    """Whether it leaves them out."""

    def holds(self, tenant: str, declared: frozenset[str]) -> bool:
        """Tell whether the set holds this tenant."""
        return (tenant in declared and tenant not in self.named) if self.inverted else tenant in self.named


@dataclass(slots=True)
class _Acting:
    """What is known of one acting tenant."""

    reaches: list[_Reach] = field(default_factory=list)
    unknown: bool = False
    judged_by: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    """Tenants grouped, each group with its members."""

    groups: tuple[tuple[str, ...], ...]
    left: int = 0
    """How many groups are not among them."""


def matrix(report: Report, anchors: set[str]) -> Matrix | None:
    """Return the table, linking only to anchors that the page has; None where no claim names an acting tenant."""
    acting: dict[str, _Acting] = {tenant: _Acting() for tenant in report.tenants}
    per_tenant: set[str] = set()
    for_all: set[str] = set()
    blind = False
    for result in report.results:
        for finding in result.findings:
            if finding.tenant is None:
                if finding.verdict is Verdict.PASS:
                    for_all.add(result.check.id)
                blind |= _judged_nothing(finding) and result.check.severity is Severity.CRITICAL
                continue
            per_tenant.add(result.check.id)
            _note(acting.setdefault(finding.tenant, _Acting()), result, finding)
    if not per_tenant:
        return None
    expected = per_tenant - for_all
    declared = frozenset(report.tenants)
    single = len(acting) <= _SINGLE
    rows = _acting_lines(acting, single=single)
    columns = _reached_lines(report.tenants, acting, single=single)
    shown = frozenset(tenant for group in columns.groups for tenant in group)
    others = tuple(tenant for tenant in report.tenants if tenant not in shown) if columns.left else ()
    groups = (*columns.groups, *((others,) if others else ()))
    return Matrix(
        columns=tuple(_group(each) for each in groups),
        rows=tuple(
            MatrixRow(
                group=_group(row),
                cells=tuple(
                    _cell(row[0], acting[row[0]], column, declared, expected, anchors, blind=blind) for column in groups
                ),
            )
            for row in rows.groups
        ),
        grouped=not single,
        rest=_rest(rows, acting),
    )


def _judged_nothing(finding: Finding) -> bool:
    """Tell whether a claim as a whole was not judged: the audit names the check or the source as what is unknown."""
    return finding.verdict is Verdict.UNKNOWN and finding.subject.startswith(("check:", "source:"))


def _note(acting: _Acting, result: Result, finding: Finding) -> None:
    """Keep what one finding says of its acting tenant."""
    acting.judged_by.add(result.check.id)
    reaches = finding.reaches
    inverted = reaches.all_except is not None
    named = frozenset(reaches.all_except if reaches.all_except is not None else reaches.tenants)
    if finding.verdict is Verdict.PASS:
        return
    if not named and not inverted:
        acting.unknown |= finding.verdict is Verdict.UNKNOWN
        return
    key = "others" if inverted and named == {finding.tenant} else f"{inverted} {hash(named)}"
    acting.reaches.append(_Reach(result=result, finding=finding, key=key, named=named, inverted=inverted))


def _acting_lines(acting: dict[str, _Acting], *, single: bool) -> _Lines:
    """Group the acting tenants, worst first."""
    if single:
        return _Lines(groups=tuple((tenant,) for tenant in acting))
    groups: dict[object, list[str]] = defaultdict(list)
    for tenant, known in acting.items():
        signature = frozenset(
            (each.result.check.id, each.finding.verdict, each.finding.accepted is None, _operation(each), each.key)
            for each in known.reaches
        )
        groups[signature, known.unknown, frozenset(known.judged_by)].append(tenant)
    ordered = sorted(groups.values(), key=lambda group: (-_worst(acting[group[0]]), -len(group)))
    return _Lines(groups=tuple(map(tuple, ordered[:_ROWS])), left=max(0, len(ordered) - _ROWS))


def _reached_lines(tenants: Sequence[str], acting: dict[str, _Acting], *, single: bool) -> _Lines:
    """Group the tenants by the sets that name them, those first that most sets name."""
    naming: dict[str, set[str]] = {tenant: set() for tenant in tenants}
    for known in acting.values():
        for each in known.reaches:
            if each.key == "others":
                continue
            for tenant in each.named:
                naming.setdefault(tenant, set()).add(each.key)
    if single and len(naming) <= _SINGLE + 1:
        return _Lines(groups=tuple((tenant,) for tenant in naming))
    groups: dict[frozenset[str], list[str]] = defaultdict(list)
    for tenant, keys in naming.items():
        groups[frozenset(keys)].append(tenant)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[0]), -len(item[1])))
    return _Lines(groups=tuple(tuple(group) for _, group in ordered[:_COLUMNS]), left=max(0, len(ordered) - _COLUMNS))


def _cell(  # noqa: PLR0913, PLR0917  (one value per question that a cell answers)
    actor: str,
    known: _Acting,
    column: Sequence[str],
    declared: frozenset[str],
    expected: set[str],
    anchors: set[str],
    *,
    blind: bool,
) -> Cell:
    """Say what one acting tenant reaches of a group, itself left out."""
    if len(column) == 1 and column[0] == actor:
        return Cell(state="own", text="own", severity="", anchor="")
    hits = [each for each in known.reaches if _meets(each, column, actor, declared)]
    failing = sorted(
        (each for each in hits if each.finding.verdict is Verdict.FAIL),
        key=lambda each: (each.finding.accepted is not None, -_RANK[each.result.check.severity]),
    )
    if failing:
        worst = failing[0]
        anchor = anchor_of(finding_id(worst.result.check.id, worst.finding))
        accepted = "" if worst.finding.accepted is None else " (accepted)"
        return Cell(
            state="reached",
            text=_operations(failing) + accepted,
            severity=worst.result.check.severity.value,
            anchor=anchor if anchor in anchors else "findings",
        )
    if hits or known.unknown or blind:
        return Cell(state="unknown", text="unknown", severity="", anchor="untested")
    if not known.judged_by or not expected <= known.judged_by:
        return Cell(state="unexamined", text="not examined", severity="", anchor="")
    return Cell(state="clear", text="none", severity="", anchor="")


def _meets(reach: _Reach, column: Sequence[str], actor: str, declared: frozenset[str]) -> bool:
    # Mostly the first or second member answers for a group; only a group that is not met is looked through.
    return any(reach.holds(tenant, declared) for tenant in column if tenant != actor)


def _operations(failing: Iterable[_Reach]) -> str:
    words = tuple(dict.fromkeys(_operation(each) or "reaches" for each in failing))
    more = f" and {len(words) - _WORDS} more" if len(words) > _WORDS else ""
    return ", ".join(words[:_WORDS]) + more


def _operation(reach: _Reach) -> str:
    witness = reach.finding.witness
    return "" if witness is None else operation_of(witness)


def _worst(known: _Acting) -> int:
    """Rank an acting tenant: open findings above accepted ones, above unknown, above nothing."""
    ranks = [
        (20 if each.finding.accepted is None else 10) + _RANK[each.result.check.severity]
        for each in known.reaches
        if each.finding.verdict is Verdict.FAIL
    ]
    return max(ranks, default=1 if known.unknown or known.reaches else 0)


def _group(tenants: Sequence[str]) -> Group:
    return Group(label=names(tenants, 2), count=len(tenants))


def _rest(rows: _Lines, acting: dict[str, _Acting]) -> str:
    if not rows.left:
        return ""
    shown = {tenant for group in rows.groups for tenant in group}
    rest = [known for tenant, known in acting.items() if tenant not in shown]
    reaching = sum(any(each.finding.verdict is Verdict.FAIL for each in known.reaches) for known in rest)
    return (
        f"{plural(len(rest), 'further tenant')} in {plural(rows.left, 'further group')} not shown here: "
        f"{reaching:,} of them reach another tenant; each has its findings below and in the JSON result"
    )
