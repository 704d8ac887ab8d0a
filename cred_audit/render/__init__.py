"""From a finished report to text: the formats by name and by suffix. A format's libraries are imported when it is used.

`table` and `html` are for people, `markdown` for job summaries, `json` for whatever comes next, `sarif` and
`junit` for the services that show results of CI.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

from cred_audit.errors import UsageError
from cred_audit.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format that a report can be written in."""

    suffixes: tuple[str, ...]
    """Of the files that are written in it without naming it, in lower case."""
    module: str
    """Where its `render(report)` is."""

    def render(self, report: Report) -> str:
        """Return the report in this format."""
        return str(import_module(self.module).render(report))


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "table": Format(suffixes=(".txt",), module="cred_audit.render.table"),
        "json": Format(suffixes=(".json",), module="cred_audit.render.json"),
        "html": Format(suffixes=(".html", ".htm"), module="cred_audit.render.html"),
        "sarif": Format(suffixes=(".sarif", ".sarif.json"), module="cred_audit.render.sarif"),
        "junit": Format(suffixes=(".xml",), module="cred_audit.render.junit"),
        "markdown": Format(suffixes=(".md", ".markdown"), module="cred_audit.render.markdown"),
    }
)
_WIDTH = 80
_WIDEST = 100
"""Longer lines of prose are hard to read, however wide the terminal is."""


def check_format(name: str) -> None:
    """Raise UsageError where there is no format of this name."""
    if name not in FORMATS:
        message = f"there is no format {name[:40]!r}; the formats are {', '.join(FORMATS)}"
        raise UsageError(message)


def format_of(output: str) -> tuple[str, Path]:
    """Return the format and the file of an output given as `FILE` or `FORMAT:FILE`.

    Raises UsageError where neither a name nor a suffix says the format.
    """
    name, colon, file = output.partition(":")
    if colon and name in FORMATS:
        if not file:
            message = f"-o {name}: names no file; write {name}:FILE"
            raise UsageError(message)
        return name, Path(file)
    lower = output.lower()
    matching = [
        (len(suffix), each)
        for each, form in FORMATS.items()
        for suffix in form.suffixes
        if lower.endswith(suffix) and len(lower) > len(suffix)
    ]
    if not matching:
        known = ", ".join(form.suffixes[0] for form in FORMATS.values())
        message = (
            f"-o {output[:200]}: the suffix names no format ({known}); write FORMAT:FILE, as in sarif:{output[:200]}"
        )
        raise UsageError(message)
    return max(matching)[1], Path(output)


def rendered(report: Report, name: str, *, environ: Mapping[str, str], is_tty: bool) -> str:
    """Return the report in the format of this name; the table as wide and as coloured as the terminal likes it.

    Raises UsageError where there is no such format.
    """
    check_format(name)
    if name != "table":
        return FORMATS[name].render(report)
    from cred_audit.render.table import color_wanted, render  # noqa: PLC0415  (rich is for the table alone)

    width = _WIDTH
    if is_tty:
        columns = environ.get("COLUMNS", "")
        asked = int(columns) if columns.isascii() and columns.isdigit() and len(columns) < 6 else 0
        width = min(asked or shutil.get_terminal_size(os.terminal_size((_WIDTH, 24))).columns, _WIDEST)
    return render(report, width=max(width, 20), color=color_wanted(environ, is_tty=is_tty))
