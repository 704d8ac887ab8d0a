"""The terminal's report: the answer, what to do first, then the proof; readable at 80 columns."""

import io
from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from cred_audit.finding import Finding, Verdict, Witness, finding_id
from cred_audit.render.fold import (
    Answer,
    Fold,
    folds,
    headline,
    is_unknown,
    quoted,
    reach_words,
    who,
)
from cred_audit.render.shown import block, line, name, names, plural, sentence
from cred_audit.report import Report

_PER_CHECK = 20
"""Folded findings shown of one check; the rest is counted and stands in the JSON result."""
_FIRST_STEPS = 3
_ROWS = 50
_FOOTER = "Exit code 0: every claim holds; 1: a claim fails; 2: no audit; 3: unknown parts."
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
        self.bullets(
            "Not seen",
            [f"{line(g.what)} ({name(g.source)}): {line(g.reason)}" for g in self.report.gaps],
        )
        self.bullets(
            "Skipped",
            [f"{name(r.check.id)}: {line(r.skipped)}" for r in self.report.results if r.skipped is not None],
        )
        self.proofs()
        self.bullets("Warnings", [line(each) for each in self.report.warnings])
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
        self.heading(f"{heading} ({len(rows):,})")
        for row in rows[:_ROWS]:
            self.say(f"- {row}")
        if len(rows) > _ROWS:
            self.say(f"- and {len(rows) - _ROWS:,} more in the JSON result")

    def first_steps(self) -> None:
        """Say what to do first: the worst open findings, else the gaps to close."""
        open_folds = [fold for fold in self.failing if fold.first.accepted is None]
        steps = [
            f"Close {name(fold.first.evidence[0].where) if fold.first.evidence else name(fold.first.subject)}"
            f" ({fold.check.severity.value}): {line(fold.check.title)} is false for "
            f"{plural(len(fold.tenants), 'tenant') if fold.tenants else 'the target'}."
            for fold in open_folds[:_FIRST_STEPS]
        ]
        if not steps:
            steps = [
                f"Let the audit see {line(gap.what)}: {line(gap.reason)}." for gap in self.report.gaps[:_FIRST_STEPS]
            ]
        if steps:
            self.heading("Do first")
            for number, step in enumerate(steps, 1):
                self.say(f"{number}. {step}")

    def findings(self) -> None:
        """Write the failing folds, worst first, capped per check."""
        if not self.failing:
            return
        count = sum(len(fold.findings) for fold in self.failing)
        self.heading(f"Findings ({count:,}, of {plural(len(self.failing), 'kind')})")
        shown: dict[str, int] = {}
        for fold in self.failing:
            shown[fold.check.id] = shown.get(fold.check.id, 0) + 1
            if shown[fold.check.id] <= _PER_CHECK:
                self.finding(fold)
        for check_id, number in shown.items():
            if number > _PER_CHECK:
                more = plural(
                    number - _PER_CHECK,
                    "more kind of finding",
                    "more kinds of findings",
                )
                self.console.print()
                self.say(f"{more} of {name(check_id)} in the JSON result.")

    def finding(self, fold: Fold) -> None:
        """Write one fold as sentences."""
        first = fold.first
        self.console.print()
        accepted = " ACCEPTED" if first.accepted else ""
        self.say(
            f"{fold.check.severity.value.upper()}{accepted}",
            "bold red",
            rest=f" {name(fold.check.id)}",
        )
        for row in self.sentences(fold):
            self.say(row, indent=2)
        for evidence in first.evidence:
            self.say(f"Because {line(evidence.where)} {line(evidence.shows)}:", indent=2)
            for each in quoted(evidence, _ROWS)[0]:
                number = f"{each.number:>5} | " if each.number else "      | "
                self.copyable(
                    f"  {'>' if each.marked else ' '} {number}{line(each.text)}",
                    "bold" if each.marked else "",
                )
        if first.assuming:
            self.say(f"Assuming {sentence(first.assuming)}.", indent=2)
        self.requests(first)
        if first.reproduce:
            self.say("Try:", indent=2)
            self.copyable(f"    {line(first.reproduce)}")
        if first.fix:
            self.say("Fix:", indent=2)
            for row in block(first.fix).splitlines():
                style = "green" if row.startswith("+") else "red" if row.startswith("-") else ""
                self.copyable(f"    {row}", style)

    def sentences(self, fold: Fold) -> Iterator[str]:
        """Say who can do what to whom, and what else is known of it."""
        first = fold.first
        yield (line(first.summary) if first.summary else f"Not so: {line(fold.check.title)}.")
        reach = reach_words(first.reaches, self.total)
        agents = f" through {names(fold.agents)}" if fold.agents else ""
        if reach:
            each = " each" if len(fold.tenants) > 1 else ""
            verb = "reach" if len(fold.tenants) > 1 else "reaches"
            yield f"{who(fold)}{agents}{each} {verb} {reach}."
        elif fold.tenants:
            yield f"Concerns {who(fold)}{agents}."
        if len(fold.findings) > 1:
            yield f"Stands for {len(fold.findings):,} equal findings; the first is {finding_id(fold.check.id, first)}."
        else:
            yield f"Id {finding_id(fold.check.id, first)}."
        if first.confirmed is not None:
            yield ("The server confirms it." if first.confirmed else "The server did not confirm it.")
        if first.accepted:
            until = f" until {line(first.accepted.until)}" if first.accepted.until else ""
            ticket = f" ({line(first.accepted.ticket)})" if first.accepted.ticket else ""
            yield f"Accepted{until}{ticket}: {line(first.accepted.reason)}."
        if first.note:
            yield line(first.note)

    def requests(self, finding: Finding) -> None:
        """Write the witness; a chain as numbered requests."""
        if finding.witness is None:
            return
        chain = (*finding.witness.before, finding.witness)
        if len(chain) == 1:
            self.say(f"Request: {request_words(finding.witness)}", indent=2)
            return
        self.say(f"Chain of {len(chain)} requests:", indent=2)
        for number, witness in enumerate(chain, 1):
            self.say(f"{number}. {request_words(witness)}", indent=4)

    def unknowns(self) -> None:
        """Say what could not be decided, and why."""
        rows = [
            f"{name(fold.check.id)}: {line(fold.first.summary or fold.first.subject)}"
            + (f" Concerns {who(fold)}." if fold.tenants else "")
            + "".join(f" {line(each.where)} {line(each.shows)}." for each in fold.first.evidence)
            + (f" {line(fold.first.note)}" if fold.first.note else "")
            for fold in folds(self.report, Verdict.UNKNOWN)
        ]
        rows += [
            f"{name(result.check.id)}: examined no case."
            for result in self.report.results
            if is_unknown(result) and not result.findings
        ]
        self.bullets("Unknown", rows)

    def proofs(self) -> None:
        """Sum up what was proved: claim, number of cases and the clauses that came closest."""
        rows = []
        for result in self.report.results:
            if result.skipped is None and result.verdict is Verdict.PASS:
                cases = sum(finding.count for finding in result.findings)
                closest = [e for finding in result.findings for e in finding.evidence][:2]
                close = f" Closest: {sentence(f'{e.where} {e.shows}' for e in closest)}." if closest else ""
                rows.append(f"{line(result.check.title)} ({plural(cases, 'case')}).{close}")
        self.bullets("Proved", rows)

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


def request_words(witness: Witness) -> str:
    """Return a request as `read secret/data/x in namespace t1/`."""
    fields = witness.fields
    if "operation" not in fields:
        return line(", ".join(f"{key} {value}" for key, value in fields.items()))
    where = f" in namespace {line(str(fields['namespace']))}" if fields.get("namespace") else ""
    return f"{line(str(fields['operation']))} {line(str(fields.get('path', '')))}{where}"
