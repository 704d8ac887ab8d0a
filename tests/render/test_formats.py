"""The table of formats: by name and by suffix, and nothing is imported before it is used."""

import subprocess
import sys
from pathlib import Path

import pytest

from cred_audit.errors import UsageError
from cred_audit.render import FORMATS, check_format, format_of, rendered
from tests.render import sample


@pytest.mark.parametrize(
    ("output", "name", "file"),
    [
        ("out.html", "html", "out.html"),
        ("a/OUT.HTM", "html", "a/OUT.HTM"),
        ("out.json", "json", "out.json"),
        ("out.sarif", "sarif", "out.sarif"),
        ("out.sarif.json", "sarif", "out.sarif.json"),
        ("out.xml", "junit", "out.xml"),
        ("out.md", "markdown", "out.md"),
        ("out.txt", "table", "out.txt"),
        ("sarif:results", "sarif", "results"),
        ("json:out.html", "json", "out.html"),
        ("C:\\out.html", "html", "C:\\out.html"),
    ],
)
def test_an_output_names_its_format(output: str, name: str, file: str) -> None:
    assert format_of(output) == (name, Path(file))


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("out", "names no format"),
        ("out.pdf", "names no format"),
        (".html", "names no format"),
        ("", "names no format"),
        ("sarif:", "names no file"),
        ("pdf:out", "names no format"),
    ],
)
def test_an_output_without_a_format_is_refused(output: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        format_of(output)


def test_a_format_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(UsageError, match="no format 'pdf'; the formats are table, json, html, sarif, junit, markdown"):
        check_format("pdf")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_renders_every_report_without_control_characters(name: str) -> None:
    for report in (sample.leaky(), sample.hostile(), sample.report()):
        text = rendered(report, name, environ={}, is_tty=False)
        assert text.endswith("\n")
        assert not {"\x1b", "\u202e", "\x00"} & set(text)
        assert text.encode()


def test_no_suffix_is_claimed_twice() -> None:
    suffixes = [suffix for form in FORMATS.values() for suffix in form.suffixes]
    assert len(suffixes) == len(set(suffixes))


@pytest.mark.parametrize(
    ("environ", "is_tty", "widest"),
    [({"COLUMNS": "60"}, True, 60), ({"COLUMNS": "500"}, True, 100), ({"COLUMNS": "60"}, False, 80), ({}, False, 80)],
)
def test_the_table_is_as_wide_as_the_terminal_but_not_wider_than_is_read(
    environ: dict[str, str], *, is_tty: bool, widest: int
) -> None:
    text = rendered(sample.leaky(), "table", environ={**environ, "NO_COLOR": "1"}, is_tty=is_tty)
    assert widest - 15 < max(len(row) for row in text.split("Findings (")[0].splitlines()) <= widest


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("json", set()),
        ("sarif", set()),
        ("junit", set()),
        ("markdown", set()),
        ("table", {"rich"}),
        ("html", {"jinja2"}),
    ],
)
def test_a_format_imports_its_own_library_only(name: str, allowed: set[str]) -> None:
    program = (
        "import sys\n"
        "from importlib import import_module\n"
        "from cred_audit.render import FORMATS\n"
        f"import_module(FORMATS[{name!r}].module)\n"
        "print(*sorted({'rich', 'jinja2', 'hvac', 'boto3', 'yaml', 'typer'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert set(done.stdout.split()) == allowed
