"""A batch: one JSON object a line in, one a line out, in order, whatever system it asks about.

A line that cannot be answered gives its error; the others are still answered.
"""

import json
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Generic, TypeVar

from cred_audit.ask.line import MAXIMUM_LINE, LineError, parse

CLAUSE = 2000
"""Characters of a clause that are quoted."""
REASONS = 20
"""Reasons given for one decision."""
_KEPT = 256
"""Compiled rules kept at a time."""

Rules = TypeVar("Rules")


@dataclass(slots=True, kw_only=True)
class Answers:
    """What became of a batch."""

    answered: int = 0
    """Lines that were answered."""
    decisions: int = 0
    """Decisions and capability lists in them."""
    errors: int = 0
    """Lines that could not be answered."""
    unexpected: int = 0
    """Answers that were not what `expect` says."""

    @property
    def exit_code(self) -> int:
        """2 where a line could not be answered, else 1 where an answer was not the expected one, else 0."""
        return 2 if self.errors else 1 if self.unexpected else 0


def bounded_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a stream; of one that is too long only so much that it is seen to be."""
    while line := stream.readline(MAXIMUM_LINE + 2):
        yield line
        while len(line) > MAXIMUM_LINE + 1 and not line.endswith(b"\n"):
            line = stream.readline(MAXIMUM_LINE + 2)


class Kept(Generic[Rules]):
    """What was compiled last, by the text that it was compiled from."""

    def __init__(self, limit: int = _KEPT) -> None:
        """Take how many are kept."""
        self._limit = limit
        self._known: OrderedDict[str | bytes, Rules] = OrderedDict()

    def get(self, key: str | bytes) -> Rules | None:
        """Return what is kept for a text."""
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
        return known

    def keep(self, key: str | bytes, rules: Rules) -> Rules:
        """Keep what was compiled in place of what was not asked for longest."""
        self._known[key] = rules
        if len(self._known) > self._limit:
            self._known.popitem(last=False)
        return rules


class Batch(ABC):
    """Reads lines, answers each and counts."""

    def __init__(self) -> None:
        """Begin with nothing answered."""
        self.answers = Answers()

    @abstractmethod
    def body(self, line: dict[str, Any]) -> str:
        """Return the answer's fields as JSON without braces. Raises LineError where there is none."""

    def answered(self, lines: Iterable[str | bytes], write: Callable[[str], object]) -> Answers:
        """Answer each line through `write`, one text with its line end at a time. Empty lines are passed over."""
        for line in lines:
            text = line.strip()
            if text:
                write(self._line(text) + "\n")
        return self.answers

    def _line(self, text: str | bytes) -> str:
        line_id: Any = None
        try:
            value = parse(text)
            line_id = value.get("id")
            body = self.body(value)
        except LineError as error:
            self.answers.errors += 1
            return f'{{"id": {json.dumps(line_id)}, "error": {json.dumps(str(error))}}}'
        self.answers.answered += 1
        return f'{{"id": {json.dumps(line_id)}, {body}}}'

    @staticmethod
    def many(requests: list[Any], expected: Any, decide: Callable[[Any, str, Any], str]) -> str:
        """Return the decisions on several requests. `decide` takes a request, its place and what is expected."""
        each = expected if isinstance(expected, list) else [expected] * len(requests)
        if len(each) != len(requests):
            raise LineError("expect: as many answers as there are requests is expected")
        answers = ("{" + decide(value, f"requests[{number}]", each[number]) + "}"
                   for number, value in enumerate(requests))  # fmt: skip
        return f'"decisions": [{", ".join(answers)}]'

    def judged(self, expected: Any, found: Any) -> str:
        """Return the field `ok` of an answer that something is expected of."""
        if expected is None:
            return ""
        self.answers.unexpected += expected != found
        return f', "ok": {json.dumps(expected == found)}'
