"""Results on stdout, progress and messages on stderr, files written whole or not at all."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from cred_audit.errors import UsageError

_UNPRINTABLE = {code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0)) if code not in (9, 10)}


class Progress(Protocol):
    """Takes the name of a step, how many of it are done and how many there are (None when not known)."""

    def __call__(self, step: str, done: int, total: int | None, /) -> None:
        """Take one report of progress."""


def emit(text: str) -> None:
    """Write a result to stdout. A reader that has gone away ends the output, not the verdict.

    Raises UsageError where it cannot be written for another reason.
    """
    try:
        try:
            sys.stdout.write(text)
        except UnicodeEncodeError:
            encoding = sys.stdout.encoding or "ascii"
            sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        _to_nowhere()
    except OSError as error:
        _to_nowhere()
        raise UsageError(f"stdout cannot be written: {error.strerror or error}") from None


def _to_nowhere() -> None:
    # Python would complain again when it closes stdout on exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """Write a message to stderr, without its control characters."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text.translate(_UNPRINTABLE).encode("utf-8", "backslashreplace").decode() + "\n")


def write_whole(path: Path, content: str | bytes, *, private: bool = False) -> None:
    """Write a file so that either all of it is there or the old one still is. Raises UsageError when it cannot."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace"))
            if not private:
                mask = os.umask(0)
                os.umask(mask)
                Path(name).chmod(0o666 & ~mask)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from None


def read_whole(path: Path, limit: int) -> bytes:
    """Return a file's content. Raises UsageError where it cannot be read or has more than `limit` bytes."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(content) > limit:
        raise UsageError(f"{path}: larger than {limit // 1024**2} MiB")
    return content


@contextlib.contextmanager
def progress_bar(environ: Mapping[str, str]) -> Iterator[Progress]:
    """Show progress on stderr where that is a terminal that a person looks at; elsewhere stay quiet."""
    if not sys.stderr.isatty() or environ.get("CI") or environ.get("TERM") == "dumb":
        yield lambda *_: None
        return
    from rich.console import Console  # noqa: PLC0415  (only for a person)
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn  # noqa: PLC0415
    from rich.progress import Progress as Bar  # noqa: PLC0415

    console = Console(stderr=True, no_color=bool(environ.get("NO_COLOR")))
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        tasks = {}

        def show(step: str, done: int, total: int | None, /) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total)
            bar.update(tasks[step], completed=done, total=total)

        yield show
