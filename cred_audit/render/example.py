"""A check's example: what breaks its claim and what mends it, side by side where the terminal is wide enough.

The examples are files beside the checks, one JSON object each: `of` says what is shown, `differs` why one breaks the
claim, `broken` and `mended` are the documents, and `world` is the small platform around them that the tests judge.
"""

import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from cred_audit.bundled import bundled

_SIDE_BY_SIDE = 100
"""Columns from which two documents stand beside each other."""
_WIDEST = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Two documents of which one breaks a claim."""

    of: str
    """What they are, as half a sentence: `the policy of the role that all tenants' agents share`."""
    differs: str
    broken: str
    """Laid out over lines."""
    mended: str


def example_file(check_id: str) -> Path:
    """Return where the example of a bundled check is, if it has one."""
    return bundled("checks") / "examples" / f"{check_id}.json"


def example_of(check_id: str) -> Example | None:
    """Return the example of a bundled check; None where there is none."""
    file = example_file(check_id)
    if not file.is_file():
        return None
    found = json.loads(file.read_text(encoding="utf-8"))
    return Example(
        of=found["of"],
        differs=found["differs"],
        broken=json.dumps(found["broken"], indent=1),
        mended=json.dumps(found["mended"], indent=1),
    )


def shown(example: Example, width: int) -> str:
    """Return an example for a terminal of so many columns, as a part of the check's page."""
    width = min(width, _WIDEST)
    lines = ["", "Example", *textwrap.wrap(f"{example.of[0].upper()}{example.of[1:]}. {example.differs}",
             min(width, 78) - 2, initial_indent="  ", subsequent_indent="  "), ""]  # fmt: skip
    if width >= _SIDE_BY_SIDE:
        lines += _beside(example, width)
    else:
        for title, text in (("Broken", example.broken), ("Mended", example.mended)):
            lines += [f"  {title}", *(f"    {line}" for line in text.splitlines()), ""]
        lines.pop()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _beside(example: Example, width: int) -> Iterator[str]:
    column = (width - 7) // 2
    rule = "-" * column
    yield f"  {'Broken':<{column}}   Mended"
    yield f"  {rule}   {rule}"
    for left, right, same in _rows(example.broken.splitlines(), example.mended.splitlines()):
        lefts, rights = _fitted(left, column), _fitted(right, column)
        for number in range(max(len(lefts), len(rights))):
            one = lefts[number] if number < len(lefts) else ""
            other = rights[number] if number < len(rights) else ""
            yield f"  {one:<{column}} {' ' if same else '|'} {other}"


def _rows(left: list[str], right: list[str]) -> Iterator[tuple[str, str, bool]]:
    """Yield the lines that belong beside each other, and whether they are the same."""
    for tag, start, end, other_start, other_end in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        lefts, rights = left[start:end], right[other_start:other_end]
        for number in range(max(len(lefts), len(rights))):
            yield (
                lefts[number] if number < len(lefts) else "",
                rights[number] if number < len(rights) else "",
                tag == "equal",
            )


def _fitted(line: str, width: int) -> list[str]:
    """Return a line in pieces that fit, the rest indented below its beginning."""
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.wrap(
        line, width, subsequent_indent=indent, drop_whitespace=True, break_on_hyphens=False, replace_whitespace=False
    ) or [""]  # fmt: skip
