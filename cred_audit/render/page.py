"""What the templates of the HTML report receive: one `Page`, ready to be shown.

Every text here went through `shown`: no control or direction characters, bounded length. Templates loop and
branch; they compute nothing. `reports/templates/README.md` lists these fields, and a test compares the two.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of the page, in reading order."""

    id: str
    """Anchor of the section."""
    title: str
    """Its heading."""
    template: str
    """File in reports/templates that writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """One figure of the summary."""

    label: str
    """What is counted."""
    count: int
    """How many."""
    kind: str
    """`critical`, `high`, `medium`, `low`, `unknown`, `pass` or `skipped`; a class of the style sheet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a two-column table."""

    name: str
    """What it is about."""
    value: str
    """What is said of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a quoted clause or of a diff."""

    number: int
    """In its source, from 1; 0 where there is none."""
    text: str
    """The line."""
    kind: str
    """`marked` for the line that decides, `add`, `remove` and `head` in a diff, else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One piece of evidence."""

    where: str
    """Where it is to be seen, with its line."""
    shows: str
    """What is to be seen there; may be empty."""
    lines: tuple[Line, ...]
    """The text itself; empty where there is none."""
    lines_left: int
    """How many more lines the text has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A further finding that is equal but for its tenant."""

    anchor: str
    """Its anchor; empty where the page has that anchor already."""
    name: str
    """The acting tenant, or the subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Findings that rest on the same clause, shown as one."""

    anchor: str
    """Made from the finding's id, so that a link holds from one report to the next."""
    id: str
    """The finding's id, as in the JSON result."""
    check: str
    """Id of the check."""
    claim: str
    """The claim that does not hold."""
    severity: str
    """`critical`, `high`, `medium` or `low`."""
    sentence: str
    """Who can do what to whom."""
    who: str
    """The acting tenants with their agents; may be empty."""
    reach: str
    """Whom they reach; may be empty."""
    equal: int
    """How many findings this one stands for, itself included."""
    cases: int
    """How many requests or objects."""
    accepted: str
    """How the owner accepted the risk; empty where not."""
    confirmed: str
    """What the server itself said; empty where it was not asked."""
    note: str
    """A remark; may be empty."""
    assuming: tuple[str, ...]
    """What else must be true for the request to go through."""
    exhibits: tuple[Exhibit, ...]
    """What the verdict rests on."""
    requests: tuple[str, ...]
    """The request to replay; a chain in order."""
    reproduce: str
    """The command that replays it; may be empty."""
    advice: str
    """What to change, in words; empty where there is a diff, or nothing is proposed."""
    fix: tuple[Line, ...]
    """What to change, as a diff."""
    controls: tuple[str, ...]
    """Ids of controls that the claim bears on."""
    members: tuple[Member, ...]
    """The other equal findings."""
    members_left: int
    """How many more there are than are listed."""
    open: bool
    """Whether the evidence is unfolded at first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """A finding in one line, where the page has no room for more."""

    anchor: str
    """As in `Entry`."""
    id: str
    """The finding's id."""
    severity: str
    """As in `Entry`."""
    sentence: str
    """Who can do what to whom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenClaim:
    """A case that could not be decided."""

    anchor: str
    """As in `Entry`."""
    id: str
    """Id of the case."""
    claim: str
    """The claim."""
    severity: str
    """As in `Entry`."""
    concerns: str
    """The tenants that it is about; may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Cases that could not be decided for one and the same reason."""

    sentence: str
    """The reason."""
    seen: tuple[Row, ...]
    """Where something was missing, and what."""
    assuming: tuple[str, ...]
    """What the answer depends on."""
    accepted: str
    """How the owner accepted the risk; empty where not."""
    note: str
    """A remark; may be empty."""
    claims: tuple[OpenClaim, ...]
    """What is left undecided, the gravest first."""
    claims_left: int
    """How many more there are than are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """What was asked for and not seen, for one and the same reason."""

    source: str
    """The system."""
    whats: tuple[str, ...]
    """What was asked for, with its namespace."""
    whats_left: int
    """How much more there is than is listed."""
    reason: str
    """Why it was not seen, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One claim that holds in every case."""

    check: str
    """Id of the check."""
    claim: str
    """What was proved."""
    severity: str
    """How bad it would be if it did not hold."""
    cases: int
    """How many cases were decided."""
    closest: tuple[Exhibit, ...]
    """The clauses that come closest, and where they stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """What keeps the tenants of one store apart."""

    name: str
    """The store."""
    enforced_by: str
    """`policy only`, `own namespace` ..., or `not shown`."""
    evidence: str
    """Where that is to be seen; `not shown` where nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One check of the audit, in the appendix."""

    check: str
    """Its id."""
    claim: str
    """Its title."""
    severity: str
    """As in `Entry`."""
    outcome: str
    """`pass`, `fail`, `unknown` or `skipped`."""
    controls: tuple[str, ...]
    """Ids of controls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignCheck:
    """A check that did not come with cred-audit."""

    check: str
    """Its id."""
    file: str
    """Where it was loaded from."""
    sha256: str
    """Of that file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Tenants that are alike: a row or a column of the matrix."""

    label: str
    """Their names, the first few."""
    count: int
    """How many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What the row's tenants reach of the column's."""

    state: str
    """`reached`, `unknown`, `clear` (no request found), `unexamined` or `own`."""
    text: str
    """The operations, or the state in words."""
    severity: str
    """Of the worst finding; empty unless reached."""
    anchor: str
    """Of that finding; empty where there is none to link to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixRow:
    """One row."""

    group: Group
    """Who acts."""
    cells: tuple[Cell, ...]
    """One per column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Who reaches whom."""

    columns: tuple[Group, ...]
    """Who is reached."""
    rows: tuple[MatrixRow, ...]
    """Who acts."""
    grouped: bool
    """Whether tenants that are alike share a row or a column."""
    rest: str
    """What is said of the rows that do not fit; may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The whole report."""

    target: str
    """Name of the target."""
    answer: str
    """`BROKEN`, `ISOLATED` or `UNKNOWN`."""
    sentence: str
    """The answer as a sentence, without its full stop."""
    taken_at: str
    """When the facts were read."""
    taken_at_iso: str
    """The same for machines."""
    tool_version: str
    """Version of cred-audit."""
    sections: tuple[Section, ...]
    """The parts of the page that have something to say."""
    tallies: tuple[Tally, ...]
    """Findings by severity, and claims otherwise."""
    accepted: int
    """How many of the failing findings are accepted."""
    worst: tuple[Entry, ...]
    """The worst open findings, three at most."""
    coverage: tuple[Row, ...]
    """What was read and how much of it."""
    gaps: tuple[Unseen, ...]
    """What could not be read."""
    gaps_left: int
    """How many more such reasons there are than are listed."""
    gap_count: int
    """How many calls did not give what was asked for."""
    unknowns: tuple[Unknown, ...]
    """Cases that could not be decided, by reason."""
    unknowns_left: int
    """How many more such reasons there are than are listed."""
    unknown_count: int
    """How many claims could not be decided."""
    unexamined: tuple[Row, ...]
    """Claims that examined no case: claim and check."""
    skipped: tuple[Row, ...]
    """Claims that this target does not call for: claim and reason."""
    warnings: tuple[str, ...]
    """What the reader should know."""
    warnings_left: int
    """How many more warnings there are."""
    tenant_count: int
    """How many tenants the target declares."""
    tenants: tuple[str, ...]
    """Their names."""
    tenants_left: int
    """How many more there are than are listed."""
    claim_count: int
    """How many claims were called for."""
    matrix: Matrix | None
    """Who reaches whom; None where no claim names an acting tenant."""
    finding_count: int
    """How many findings fail."""
    findings: tuple[Entry, ...]
    """Worst first."""
    briefs: tuple[Brief, ...]
    """Findings for which there is no room for more than a line."""
    findings_left: int
    """How many kinds of findings are in the JSON result only."""
    proofs: tuple[Proof, ...]
    """Claims that hold in every case."""
    stores: tuple[Store, ...]
    """What keeps tenants apart, per store."""
    stores_left: int
    """How many more stores there are."""
    claims: tuple[Claim, ...]
    """Every check of the audit."""
    foreign: tuple[ForeignCheck, ...]
    """Checks that did not come with cred-audit."""
    digest: str
    """SHA-256 of the snapshot; may be empty."""
    command: str
    """The command line; may be empty."""
