"""Files that stand for AWS accounts: read within bounds, and what is to be said of them.

They may come from a stranger: nothing is executed, nothing leaves the target's folder, and what cannot be taken
is a gap with file, line and column.
"""

import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from cred_audit.decide.aws.world import asked
from cred_audit.facts import Gap

LARGEST = 300 * 1024 * 1024
"""Bytes of one file; an account of 10,000 roles prints about 100 MB."""
_MOST_VALUES = 20_000_000
"""Values in one file, by its commas and brackets; an account of 10,000 roles has three million."""
LARGEST_POLICY = 1024 * 1024
"""Bytes of one policy file; AWS's own limits are far below."""
_BYTE = re.compile(r"\s*\(byte ([0-9]+)\)")
_FEW = 5
"""Gaps of one kind that are spelled out."""


class RefusedError(Exception):
    """A file that is not taken, and why."""


@dataclass(slots=True)
class Notes:
    """What the files do not show, and what was therefore assumed."""

    _gaps: dict[tuple[str, str], Gap] = field(default_factory=dict)
    _count: dict[str, int] = field(default_factory=dict)
    _assumed: dict[str, None] = field(default_factory=dict)

    def part(self, part: str, account: str, region: str, reason: str) -> None:
        """Note that a part of the facts was not seen, or not seen whole."""
        self._add(asked(part, account, region), reason)

    def detail(self, kind: str, what: str, reason: str) -> None:
        """Note that one value was not seen; `kind` says which values are alike and need not all be spelled out."""
        self._count[kind] = self._count.get(kind, 0) + 1
        if self._count[kind] <= _FEW:
            self._add(what, reason)

    def _add(self, what: str, reason: str) -> None:
        self._gaps.setdefault((what, reason), Gap(source="aws", what=bounded(what), reason=bounded(reason, 600)))

    def assume(self, sentence: str) -> None:
        """Note what was not given and is taken to be so."""
        self._assumed[bounded(sentence, 600)] = None

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """All of them, with a count for those that are not spelled out."""
        more = tuple(
            Gap(source="aws", what=bounded(kind), reason=f"the same of {count - _FEW:,} more of this kind")
            for kind, count in self._count.items()
            if count > _FEW
        )
        return (*self._gaps.values(), *more)

    @property
    def assumed(self) -> tuple[str, ...]:
        """The sentences, in the order in which they came up."""
        return tuple(self._assumed)


class Files:
    """The files of one target."""

    def __init__(self, folder: Path | None, *, allow_outside: bool) -> None:
        """Take the target's folder, which no file may leave; None where the target has no file."""
        self._folder = None if allow_outside or folder is None else folder.absolute().resolve()
        self._near = folder.absolute() if folder is not None else None
        self.read = 0
        """Files that were read."""

    def shown(self, path: Path) -> str:
        """Return a path as the target's folder sees it, bounded and printable."""
        for base in (self._near, self._near.resolve() if self._near is not None else None):
            if base is not None and path.is_relative_to(base):
                path = path.relative_to(base)
        return bounded(str(path)[-200:])

    def json(self, path: Path) -> Any:
        """Return what a JSON file holds. Raises RefusedError with place and cause."""
        content = self._content(path, LARGEST)
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise RefusedError("it looks like UTF-16; save it as UTF-8")
        content = content.removeprefix(b"\xef\xbb\xbf")
        if not content.strip():
            raise RefusedError("it is empty; the command that was to print it has failed")
        if sum(map(content.count, (b",", b"[", b"{"))) > _MOST_VALUES:
            raise RefusedError(f"it has more than {_MOST_VALUES:,} values; split it by region or service")
        try:
            found = msgspec.json.decode(content)
        except UnicodeDecodeError:
            raise RefusedError(_place(content, f"no UTF-8 text (byte {_first_bad(content)})")) from None
        except msgspec.MsgspecError as error:
            raise RefusedError(_place(content, str(error))) from None
        except RecursionError:
            raise RefusedError("it is nested too deeply to be an answer of AWS") from None
        self.read += 1
        return found

    def text(self, path: Path) -> str:
        """Return the text of a policy file. Raises RefusedError."""
        content = self._content(path, LARGEST_POLICY)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise RefusedError(f"byte {error.start} is not UTF-8 text; save it as UTF-8") from None
        self.read += 1
        return text

    def _content(self, path: Path, largest: int) -> bytes:
        try:
            if self._folder is not None and not path.resolve(strict=True).is_relative_to(self._folder):
                raise RefusedError("it leaves the target's folder; use --allow-outside if you trust this target")
            if not stat.S_ISREG(path.stat().st_mode):
                raise RefusedError("this is no file, so it was not read")
            with path.open("rb") as opened:
                content = opened.read(largest + 1)
        except (OSError, RuntimeError, ValueError) as error:
            cause = str(getattr(error, "strerror", None) or type(error).__name__).lower()
            raise RefusedError(f"it cannot be read: {cause}") from None
        if len(content) > largest:
            raise RefusedError(f"it is larger than {largest // 2**20} MB; split it by region or service")
        return content


def _place(content: bytes, said: str) -> str:
    """Return where and why a text is no JSON, as line and column."""
    match = _BYTE.search(said)
    why = bounded(_BYTE.sub("", said).removeprefix("JSON is malformed: ").lower(), 120)
    offset = min(int(match.group(1)), len(content)) if match else len(content)
    line = content.count(b"\n", 0, offset) + 1
    column = offset - content.rfind(b"\n", 0, offset)
    return f"line {line}, column {column}: this is not JSON ({why}); print it again as JSON"


def _first_bad(content: bytes) -> int:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return error.start
    return 0


def bounded(text: str, longest: int = 300) -> str:
    """Return a text that can be shown: without control characters, cut where it is long."""
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[: longest + 1])
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
