"""The terminal's report: the answer, what to do first, then the proof; readable at 80 columns."""

import io
from collections import defaultdict
from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cred_audit.finding import Evidence, Finding, Severity, Verdict, finding_id
from cred_audit.render.fold import (
    Answer,
    Fold,
    Undecided,
    acting,
    blind,
    closest,
    folds,
    headline,
    is_unknown,
    place,
    proved,
    quoted,
    undecided,
    who,
)
from cred_audit.render.shown import block, line, name, names, plural, sentence
from cred_audit.render.words import acceptance, confirmation, first_step, is_diff, requests
from cred_audit.report import Report

_PER_CHECK = 10
"""Folded findings shown of one check; the rest is counted and stands in the JSON result."""
_IN_ALL = 50
"""Folded findings shown of all checks."""
_FIRST_STEPS = 3
_ROWS = 25
_EVIDENCE = 4
_QUOTE = 12
"""Lines of one quoted clause."""
_FIX = 40
_LEFT = 12
"""Claims that are named as left undecided by one reason."""
_PROSE = 600
"""Characters of one sentence that came from outside."""
_FOOTER = "Exit code 0: every claim holds; 1: a claim fails; 2: no audit; 3: unknown parts."
_SEVERITY_STYLE = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "bold yellow",
    Severity.LOW: "bold",
}
_ANSWER_STYLE = {
    Answer.BROKEN: "bold red",
    Answer.ISOLATED: "bold green",
    Answer.UNKNOWN: "bold yellow",
}


def color_wanted(environ: Mapping[str, str], *, is_tty: bool) -> bool:
    """Tell whether to colour: on a terminal only, never in CI, with NO_COLOR or on a dumb terminal."""
    return is_tty and not environ.get("NO_COLOR") and not environ.get("CI") and environ.get("TERM") != "dumb"


def render(report: Report, *, width: int = 80, color: bool = False) -> str:
    """Return the report as text. Commands and diffs are not wrapped, so that they can be copied."""
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        color_system="standard" if color else None,
        force_terminal=color,
        no_color=not color,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    _Page(report, console).write()
    return "\n".join(each.rstrip(" ") for each in out.getvalue().splitlines()) + "\n"


class _Page:
    """One report on its way to one console."""

    def __init__(self, report: Report, console: Console) -> None:
        self.report = report
        self.console = console
        self.total = len(report.tenants)
        self.failing = folds(report, Verdict.FAIL)

    def write(self) -> None:
        """Write every section in reading order."""
        answer = headline(self.report)
        self.say(
            answer.answer.value,
            _ANSWER_STYLE[answer.answer],
            rest=f": {answer.sentence}.",
        )
        taken = self.report.taken_at.strftime("%Y-%m-%d %H:%M %Z").strip()
        self.say(f"Target {name(self.report.target_name)}, read {taken}.", "dim")
        self.first_steps()
        self.findings()
        self.unknowns()
        self.skipped()
        self.proofs()
        self.bullets(f"Warnings ({len(self.report.warnings):,})", [line(each, _PROSE) for each in self.report.warnings])
        self.score()
        self.console.print()
        self.say(_FOOTER, "dim")

    def say(self, text: str, style: str = "", *, rest: str = "", indent: int = 0) -> None:
        """Write one paragraph, wrapped."""
        paragraph = Text(text, style=style, overflow="fold")
        if rest:
            paragraph = Text.assemble((text, style), rest, overflow="fold")
        self.console.print(Padding(paragraph, (0, 0, 0, indent)))

    def copyable(self, text: str, style: str = "") -> None:
        """Write one line that is never wrapped."""
        self.console.print(Text(text, style=style), soft_wrap=True)

    def heading(self, text: str) -> None:
        """Write a section's heading with its rule."""
        self.console.print()
        self.say(text, "bold")
        self.say("-" * len(text), "dim")

    def bullets(self, heading: str, rows: list[str]) -> None:
        """Write a list, capped with a count; nothing when it is empty."""
        if not rows:
            return
        self.heading(heading)
        for row in rows[:_ROWS]:
            self.item("-", row)
        if len(rows) > _ROWS:
            self.item("-", f"and {len(rows) - _ROWS:,} more in the JSON result")

    def item(self, mark: str, text: str, indent: int = 0) -> None:
        """Write one entry of a list, its further lines set in under its text."""
        row = Table.grid(padding=(0, 1, 0, 0))
        row.add_column(width=len(mark))
        row.add_column(overflow="fold")
        row.add_row(Text(mark), Text(text, overflow="fold"))
        self.console.print(Padding(row, (0, 0, 0, indent)))

    def first_steps(self) -> None:
        """Say what to do first: the worst open findings, else the gaps to close."""
        open_folds = [fold for fold in self.failing if fold.first.accepted is None]
        steps = [
            first_step(
                fold.first,
                line(fold.check.title, _PROSE).rstrip("."),
                fold.check.severity.value,
                plural(len(fold.tenants), "tenant") if fold.tenants else "the target",
                _where(fold),
            )
            for fold in open_folds[:_FIRST_STEPS]
        ]
        if not steps:
            steps = [
                f"Let the audit see {names(group.whats)}: {line(group.reason, _PROSE)}."
                for group in blind(self.report)[:_FIRST_STEPS]
            ]
        if steps:
            self.heading("Do first")
            for number, step in enumerate(steps, 1):
                self.item(f"{number}.", step)

    def findings(self) -> None:
        """Write the failing folds, worst first, capped per check and in all."""
        if not self.failing:
            return
        count = sum(len(fold.findings) for fold in self.failing)
        kinds = f", of {plural(len(self.failing), 'kind')}" if len(self.failing) < count else ""
        self.heading(f"Findings ({count:,}{kinds})")
        shown: dict[str, int] = defaultdict(int)
        left: dict[str, int] = defaultdict(int)
        for fold in self.failing:
            if shown[fold.check.id] < _PER_CHECK and sum(shown.values()) < _IN_ALL:
                shown[fold.check.id] += 1
                self.finding(fold)
            else:
                left[fold.check.id] += 1
        if left:
            self.console.print()
            self.say("In the JSON result:")
            for check_id, number in left.items():
                self.item(
                    "-", f"{plural(number, 'more kind of finding', 'more kinds of findings')} of {name(check_id)}"
                )

    def finding(self, fold: Fold) -> None:
        """Write one fold as sentences."""
        first = fold.first
        self.console.print()
        accepted = " ACCEPTED" if first.accepted else ""
        severity = fold.check.severity
        self.say(f"{severity.value.upper()}{accepted}", _SEVERITY_STYLE[severity], rest=f"  {name(fold.check.id)}")
        for row in self.sentences(fold):
            self.say(row, indent=2)
        self.console.print()
        for evidence in first.evidence[:_EVIDENCE]:
            self.evidence(evidence)
        if len(first.evidence) > _EVIDENCE:
            self.say(f"And {len(first.evidence) - _EVIDENCE:,} more clauses.", indent=2)
        if first.assuming:
            self.say(f"Assuming {line(sentence(first.assuming[:_EVIDENCE]), _PROSE)}.", indent=2)
        self.requests(first)
        if first.reproduce:
            self.say("Try:", indent=2)
            for row in block(first.reproduce).splitlines():
                self.copyable(f"    {row}")
        if first.fix and not is_diff(first.fix):
            self.say(f"Fix: {line(first.fix.strip(), _PROSE)}", indent=2)
        elif first.fix:
            self.say("Fix:", indent=2)
            rows = block(first.fix).splitlines()
            for row in rows[:_FIX]:
                style = "green" if row.startswith("+") else "red" if row.startswith("-") else ""
                self.copyable(f"    {row}", style)
            if len(rows) > _FIX:
                self.say(f"... {len(rows) - _FIX:,} more lines in the JSON result", indent=4)

    def evidence(self, evidence: Evidence) -> None:
        """Write one piece of evidence, with the clause quoted and its deciding line marked."""
        lines, left = quoted(evidence, _QUOTE)
        shows = f": {line(evidence.shows, _PROSE)}" if evidence.shows else ""
        self.say(f"Because of {place(evidence)}{shows}", indent=2)
        for each in lines:
            number = f"{each.number:>5} | " if each.number else "      | "
            self.copyable(f"  {'>' if each.marked else ' '} {number}{each.text}", "bold" if each.marked else "")
        if left:
            self.say(f"... {plural(left, 'more line')}", indent=4)

    def sentences(self, fold: Fold) -> Iterator[str]:
        """Say who can do what to whom, and what else is known of it."""
        first = fold.first
        yield line(first.summary, _PROSE) if first.summary else f"Not so: {line(fold.check.title, _PROSE)}."
        reaching = acting(fold, self.total)
        if reaching:
            yield reaching
        if first.confirmed is not None:
            yield f"{confirmation(first).capitalize()}."
        if first.accepted:
            yield f"{acceptance(first)}."
        if first.note:
            yield f"Note: {line(first.note, _PROSE)}"
        equal = f"Stands for {len(fold.findings):,} equal findings; the first is " if len(fold.findings) > 1 else "Id "
        yield f"{equal}{finding_id(name(fold.check.id), first)}"

    def requests(self, finding: Finding) -> None:
        """Write the witness; a chain as numbered requests."""
        chain = requests(finding)
        if len(chain) == 1:
            self.say(f"Request: {chain[0]}", indent=2)
        elif chain:
            self.say(f"Requests, in this order ({len(chain)}):", indent=2)
            for number, request in enumerate(chain, 1):
                self.item(f"{number}.", request, indent=4)

    def unknowns(self) -> None:
        """Say what could not be decided and why, by reason; then what was not seen at all."""
        rows = [self.unknown(each) for each in undecided(self.report)]
        rows += [
            f"{name(result.check.id)} ({result.check.severity.value}): examined no case."
            for result in self.report.results
            if is_unknown(result) and not result.findings
        ]
        claims = sum(is_unknown(result) for result in self.report.results)
        self.bullets(f"Unknown ({plural(claims, 'claim')})", rows)
        self.bullets(
            f"Not seen ({len(self.report.gaps):,})",
            [
                f"{names(each.whats, 5)} ({name(each.source)}): {line(each.reason, _PROSE)}"
                for each in blind(self.report)
            ],
        )

    def unknown(self, group: Undecided) -> str:
        """Return one reason and the claims that it leaves undecided; what the reason has is not said again."""
        first = group.folds[0].first
        said = line(group.sentence, _PROSE)
        claims = list(
            dict.fromkeys(f"{name(fold.check.id)} ({fold.check.severity.value})" for fold in group.folds),
        )
        if len(claims) > 1:
            return f"{said} Leaves undecided: {', '.join(claims[:_LEFT])}" + (
                f" and {len(claims) - _LEFT:,} more." if len(claims) > _LEFT else "."
            )
        parts = [f"{claims[0]}: {said}"]
        places: dict[str, list[str]] = {}
        for each in first.evidence[:_EVIDENCE]:
            shows = line(each.shows, _PROSE).rstrip(".")
            if shows not in said:
                places.setdefault(shows, []).append(place(each))
        parts += [f"{', '.join(dict.fromkeys(wheres))}: {shows}." for shows, wheres in places.items()]
        if len(group.folds[0].tenants) > 1:
            parts.append(f"Concerns {who(group.folds[0])}.")
        if first.assuming:
            parts.append(f"Depends on {line(sentence(first.assuming[:_EVIDENCE]), _PROSE)}.")
        if first.accepted:
            parts.append(f"{acceptance(first)}.")
        if first.note:
            parts.append(f"Note: {line(first.note, _PROSE)}")
        return " ".join(parts)

    def skipped(self) -> None:
        """Say which claims are not called for, by reason."""
        reasons: dict[str, list[str]] = defaultdict(list)
        for result in self.report.results:
            if result.skipped is not None:
                reasons[result.skipped].append(name(result.check.id))
        rows = [f"{line(reason, _PROSE)}: {names(claims, _LEFT)}" for reason, claims in reasons.items()]
        self.bullets(f"Skipped ({plural(sum(map(len, reasons.values())), 'claim')})", rows)

    def proofs(self) -> None:
        """Sum up what was proved: claim, number of cases and the clauses that came closest."""
        rows = []
        for result in proved(self.report):
            cases = sum(finding.count for finding in result.findings)
            near = "; ".join(
                f"{place(each)}: {line(each.shows, 200).rstrip('.')}" for each in closest(result, 2) if each.quote
            )
            claim = f"{line(result.check.title, _PROSE).rstrip('.')} ({plural(cases, 'case')})."
            rows.append(f"{claim} Closest: {near}." if near else claim)
        self.bullets(f"Proved ({plural(len(rows), 'claim')})", rows)

    def score(self) -> None:
        """Write the score, never without its coverage."""
        value = self.report.score.get("value")
        if value is None:
            return
        self.heading("Score")
        cap = self.report.score.get("cap")
        coverage = self.report.score.get("coverage")
        seen = f"coverage {line(str(coverage))} %" if coverage is not None else "coverage not stated"
        self.say(f"{line(str(value))} of 100, {seen}{f'; capped because {line(str(cap))}' if cap else ''}.")


def _where(fold: Fold) -> str:
    return name(place(fold.first.evidence[0]) if fold.first.evidence else fold.first.subject)
