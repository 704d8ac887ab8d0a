"""Markdown for a job's summary or a comment: the answer, a table of what fails, then each finding folded."""

import re
from collections.abc import Iterator
from html import escape

from cred_audit.finding import Verdict, finding_id
from cred_audit.render.fold import (
    Fold,
    acting,
    blind,
    folds,
    headline,
    is_unknown,
    place,
    proved,
    quoted,
    reach_words,
    undecided,
)
from cred_audit.render.shown import block, line, name, plural
from cred_audit.render.words import acceptance, confirmation, is_diff, requests
from cred_audit.report import Report

_ROOM = 60_000
"""Characters; a comment on GitHub holds 65,536, a job's summary more."""
_ROWS = 30
_DETAILED = 100
_LEFT = 6
_AFTER = 500
"""Room kept for the closing lines."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#!|~>$^])")
_AT_START = re.compile(r"^(\d{0,9})([-+.=:])")


def render(report: Report) -> str:
    """Return the Markdown text, bounded: what does not fit is counted."""
    out: list[str] = []
    room = _ROOM - _AFTER
    left = 0
    for part in _parts(report):
        if len(part) > room:
            left += 1
            continue
        room -= len(part)
        out.append(part)
    if left:
        out.append(f"{plural(left, 'part')} of this report did not fit here; the JSON result has all of it.\n")
    taken = report.taken_at.strftime("%Y-%m-%d %H:%M %Z").strip()
    out.append(f"<sub>cred-audit {prose(report.tool_version, 40)}, facts read {taken}</sub>\n")
    return "\n".join(out)


def _parts(report: Report) -> Iterator[str]:
    answer = headline(report)
    failing = folds(report, Verdict.FAIL)
    total = len(report.tenants)
    yield f"## {answer.answer.value}: {prose(name(report.target_name))}\n\n{prose(answer.sentence)}.\n"
    if failing:
        yield _table(failing, total)
    yield from _unknown(report)
    yield _list(
        "Not seen",
        [
            f"{', '.join(code(what, 200) for what in each.whats[:5])}"
            f"{f' and {len(each.whats) - 5:,} more' if len(each.whats) > 5 else ''}: {prose(each.reason)}"
            for each in blind(report)
        ],
    )
    for fold in failing[:_DETAILED]:
        yield _details(fold, total)
    held = [
        f"{prose(result.check.title)} ({plural(sum(finding.count for finding in result.findings), 'case')})"
        for result in proved(report)
    ]
    yield _list("Proved", held, folded=True)
    skipped = [
        f"{prose(result.check.title)}: {prose(result.skipped)}"
        for result in report.results
        if result.skipped is not None
    ]
    yield _list("Skipped", skipped, folded=True)
    yield _list("Warnings", [prose(each) for each in report.warnings])


def _table(failing: tuple[Fold, ...], total: int) -> str:
    rows = [
        f"| {fold.check.severity.value}{' (accepted)' if fold.first.accepted else ''} | {_sentence(fold)} "
        f"| {prose(reach_words(fold.first.reaches, total)) or '-'} | {len(fold.findings):,} |"
        for fold in failing[:_ROWS]
    ]
    more = (
        f"\n{len(failing) - _ROWS:,} more kinds of findings are in the JSON result.\n" if len(failing) > _ROWS else ""
    )
    return "\n".join(["| Severity | Finding | Reaches | Equal |", "|---|---|---|---:|", *rows, more])


def _unknown(report: Report) -> Iterator[str]:
    rows = [
        f"{prose(each.sentence, 300)} (undecided: {', '.join(_claim(fold) for fold in each.folds[:_LEFT])}"
        f"{f' and {len(each.folds) - _LEFT:,} more' if len(each.folds) > _LEFT else ''})"
        for each in undecided(report)
    ]
    rows += [
        f"{prose(result.check.title)}: examined no case"
        for result in report.results
        if is_unknown(result) and not result.findings
    ]
    yield _list("Unknown, which is not passed", rows)


def _claim(fold: Fold) -> str:
    return f"{prose(fold.check.title)}, {fold.check.severity.value}"


def _list(heading: str, rows: list[str], *, folded: bool = False) -> str:
    if not rows:
        return ""
    shown = [f"- {row}" for row in rows[:_ROWS]]
    if len(rows) > _ROWS:
        shown.append(f"- and {len(rows) - _ROWS:,} more in the JSON result")
    listed = "\n".join(shown)
    if folded:
        return f"<details><summary>{heading} ({len(rows):,})</summary>\n\n{listed}\n\n</details>\n"
    return f"### {heading} ({len(rows):,})\n\n{listed}\n"


def _details(fold: Fold, total: int) -> str:
    first = fold.first
    rows = [f"<details><summary>{fold.check.severity.value}: {tagged(_words(fold))}</summary>\n"]
    reaching = acting(fold, total)
    if reaching:
        rows.append(f"{prose(reaching)}\n")
    if first.accepted is not None:
        rows.append(f"{prose(acceptance(first))}.\n")
    if first.confirmed is not None:
        rows.append(f"{confirmation(first).capitalize()}.\n")
    for each in first.evidence[:4]:
        rows.append(f"Because of {prose(place(each))}: {prose(each.shows)}\n")
        lines, left = quoted(each, 12)
        if lines:
            marked = [f"{'>' if row.marked else ' '} {row.number or '':>5} {row.text}" for row in lines]
            rows.append(fenced("\n".join([*marked, *([f"... {plural(left, 'more line')}"] if left else [])])))
    rows += [f"Assuming {prose(each)}.\n" for each in first.assuming[:4]]
    asked = requests(first)
    if asked:
        rows.append("Request:\n")
        rows.append(fenced("\n".join(asked)))
    if first.reproduce:
        rows.append("Try:\n")
        rows.append(fenced(block(first.reproduce).strip("\n"), "sh"))
    if first.fix and not is_diff(first.fix):
        rows.append(f"Fix: {prose(first.fix.strip())}\n")
    elif first.fix:
        rows.append("Fix:\n")
        rows.append(fenced(block(first.fix, 2_000).rstrip("\n"), "diff"))
    rows.append(f"Id {code(finding_id(fold.check.id, first))}\n\n</details>\n")
    return "\n".join(rows)


def _sentence(fold: Fold) -> str:
    return prose(_words(fold), 300)


def _words(fold: Fold) -> str:
    return fold.first.summary or f"Not so: {fold.check.title}."


def prose(text: str, limit: int = 600) -> str:
    """Return text from outside as Markdown that shows it as it stands: no markup, no HTML, no mention, no link."""
    plain = line(text, limit).replace("&", "&amp;").replace("<", "&lt;")
    escaped = _AT_START.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", plain))
    return _unlinked(escaped)


def tagged(text: str, limit: int = 300) -> str:
    """Return text from outside for the inside of an HTML tag, where Markdown does not apply."""
    return _unlinked(escape(line(text, limit), quote=False))


def _unlinked(text: str) -> str:
    """Break what a viewer would make a mention or a link of."""
    text = text.replace("@", "@<!-- -->").replace("://", ":<!-- -->//")
    return re.sub("(?i)www[.]", "www<!-- -->.", text)


def code(text: str, limit: int = 400) -> str:
    """Return text as code within a line."""
    plain = line(text, limit).replace("|", "\\|")
    fence = "`" * (_longest(plain) + 1)
    pad = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{pad}{plain}{pad}{fence}"


def fenced(text: str, language: str = "text") -> str:
    """Return text as a block of code that nothing in it can end."""
    fence = "`" * max(3, _longest(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}\n"


def _longest(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
