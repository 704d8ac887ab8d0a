"""Tenants from a table: one mapping per row of a CSV or NDJSON file, with texts filled in and nothing executed."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cred_audit.target.node import Map, Seq, Stopped, read_text
from cred_audit.target.problem import Place, Problems, RowPoint, nearest, quoted

MOST_ROWS = 1_000_000
_LONGEST = 65_536
"""Characters of one filled-in text."""
_COLUMN = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")

Row = dict[str, str]


def tenants_of(each: Map, file: Path, shown: str, problems: Problems, place: Place) -> Seq:
    """Return one filled-in copy of `each` per row of a table. Raises Stopped where the table cannot be read."""
    tenants = Seq()
    tenants.place = place
    tenants.places = []
    template = _Template(shown, problems)
    for line, row in _rows(file, shown, problems):
        template.line, template.row = line, row
        tenants.append(template.filled(each, each.place)[0])
        tenants.places.append(RowPoint(shown, line))
        if template.unknown:  # the same for every row
            raise Stopped
        if len(tenants) > MOST_ROWS:
            problems.add(RowPoint(shown, line), f"the table has more than {MOST_ROWS:,} rows")
            raise Stopped
    if not tenants:
        problems.add(RowPoint(shown, 0), "the table has no rows")
        raise Stopped
    return tenants


class _Template:
    """Fills in one row after the other."""

    def __init__(self, shown: str, problems: Problems) -> None:
        self.shown = shown
        self.problems = problems
        self.line = 0
        self.row: Row = {}
        self.unknown = False

    def filled(self, value: Any, place: Place) -> tuple[Any, Place]:
        """Return a value with its columns filled in and its place: the row's where the row made it."""
        if isinstance(value, str):
            return (self.text(value, place), RowPoint(self.shown, self.line)) if "{{" in value else (value, place)
        if isinstance(value, Map):
            mapping = Map()
            mapping.place, mapping.places = value.place, {}
            for key, item in value.items():
                at, item_at = value.places[key]
                if "{{" in key:
                    self.complain(at, f"a key cannot hold a column: {quoted(key)}")
                mapping[key], item_at = self.filled(item, item_at)
                mapping.places[key] = (at, item_at)
            return mapping, place
        if isinstance(value, Seq):
            items = Seq()
            items.place, items.places = value.place, []
            for item, at in zip(value, value.places, strict=True):
                filled, filled_at = self.filled(item, at)
                items.append(filled)
                items.places.append(filled_at)
            return items, place
        return value, place

    def text(self, text: str, place: Place) -> str:
        parts: list[str] = []
        end = length = 0
        for match in _COLUMN.finditer(text):
            name = match.group(1)
            value = self.row.get(name)
            if value is None:
                self.complain(place, f"{self.shown} has no column {quoted(name)}; {nearest(name, self.row)}")
                return text
            parts += (text[end : match.start()], value)
            length += match.start() - end + len(value)
            end = match.end()
            if length > _LONGEST:
                self.problems.add(RowPoint(self.shown, self.line), "a text becomes too long when it is filled in")
                raise Stopped
        if "{{" in text[end:] or any("{{" in part for part in parts[::2]):
            self.complain(place, f"'{{{{' without a column and '}}}}' after it in {quoted(text)}")
        return "".join((*parts, text[end:]))

    def complain(self, place: Place, message: str) -> None:
        self.unknown = True
        self.problems.add(place, message)


def _rows(file: Path, shown: str, problems: Problems) -> Iterator[tuple[int, Row]]:
    """Yield the line (from 0) and the columns of each row."""
    kind = file.suffix.lower()
    if kind not in {".csv", ".ndjson", ".jsonl"}:
        problems.add(RowPoint(shown, 0), "a table must be a .csv, .ndjson or .jsonl file")
        raise Stopped
    if file.exists() and not file.is_file():
        problems.add(RowPoint(shown, 0), "a table must be a plain file")
        raise Stopped
    inner = Problems(file=shown)
    try:
        text = read_text(file, shown, inner)
    except Stopped:
        for _, line, column, message in inner.found:
            problems.add(RowPoint(shown, line, column), message)
        raise
    yield from _csv_rows(text, shown, problems) if kind == ".csv" else _json_rows(text, shown, problems)


def _csv_rows(text: str, shown: str, problems: Problems) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader)]
        for name in header:
            if not name or header.count(name) > 1 or len(header) > 1_000:
                why = f"column {quoted(name)} is given twice" if name else "a column has no name"
                problems.add(RowPoint(shown, 0), why if len(header) <= 1_000 else "the table has too many columns")
                raise Stopped
        line = reader.line_num
        for cells in reader:
            if cells and len(cells) != len(header):
                at = RowPoint(shown, line)
                problems.add(at, f"the row has {len(cells)} cells, but the header has {len(header)}")
            elif cells:
                yield line, dict(zip(header, cells, strict=True))
            line = reader.line_num
    except csv.Error as error:
        problems.add(RowPoint(shown, max(reader.line_num - 1, 0)), f"this is not CSV: {error}")
        raise Stopped from error


def _json_rows(text: str, shown: str, problems: Problems) -> Iterator[tuple[int, Row]]:
    for line, source in enumerate(text.split("\n")):
        if not source.strip():
            continue
        at = RowPoint(shown, line)
        try:
            pairs = json.loads(source, object_pairs_hook=_Pairs, parse_int=str, parse_float=str, parse_constant=str)
        except json.JSONDecodeError as error:
            problems.add(at, f"this is not JSON: {error.msg[:1].lower()}{error.msg[1:]} (column {error.colno})")
            continue
        except RecursionError:
            problems.add(at, "this is nested too deeply")
            continue
        row = _row(pairs, at, problems)
        if row is not None:
            yield line, row


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object."""


def _row(pairs: Any, at: Place, problems: Problems) -> Row | None:
    if not isinstance(pairs, _Pairs):
        problems.add(at, "each line of the table must be one JSON object")
        return None
    row: Row = {}
    for name, value in pairs:
        if name in row:
            problems.add(at, f"column {quoted(name)} is given twice")
            return None
        if value is True or value is False:
            row[name] = "true" if value else "false"
        elif isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value):
            row[name] = value
        else:
            problems.add(at, f"column {quoted(name)} must be a text, a number, true or false")
            return None
    return row
