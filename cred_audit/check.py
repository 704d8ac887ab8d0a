"""What a check is, and all that its author needs to import."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Reaches, Severity, Verdict, Witness

__all__ = ["Check", "Evidence", "Finding", "Reaches", "Severity", "Skip", "Snapshot", "Verdict", "Witness"]


class Skip(Exception):
    """Raised by a check whose claim is about things of which a fully read source has none.

    The message says what was read and found absent: `no kubernetes auth mount; sys/auth read in full`.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One claim, and the function that judges it. Made from a file in checks/ by the catalogue.

    The file is a plain module: its stem is the id; its docstring's first line is the title, a sentence
    that is true on PASS; the rest of the docstring has the paragraphs Why, How and Fix; `SEVERITY`,
    `NEEDS` (sources: `("vault",)`) and `MAPS_TO` (control ids) are constants; `run(snapshot)` yields findings.
    """

    id: str
    title: str
    doc: str
    severity: Severity
    needs: tuple[str, ...]
    maps_to: tuple[str, ...]
    run: Callable[[Snapshot], Iterable[Finding]]
    origin: str = ""
    """Empty for a bundled check; otherwise the file it was loaded from."""
    sha256: str = ""
    """Of a foreign check's file."""
