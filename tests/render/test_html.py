"""The HTML report: whole in one file, escaped, bounded, with anchors that last."""

import base64
import dataclasses
import hashlib
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cred_audit.bundled import bundled
from cred_audit.errors import TemplateError
from cred_audit.finding import Severity, Verdict, finding_id
from cred_audit.render.compose import compose
from cred_audit.render.html import fill, render
from cred_audit.report import Report, Result
from tests.render import sample

_VOID = {"meta", "link", "br"}


class _Outline(HTMLParser):
    """The elements of a page; fails where the nesting is broken."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        held = dict(attrs)
        self.attributes.update(held)
        if held.get("id"):
            self.ids.append(str(held["id"]))
        if tag == "a":
            self.links.append(str(held["href"]))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


REPORTS = [sample.leaky(), sample.clean(), sample.unknown(), sample.layered(), sample.hostile(), sample.report()]


@pytest.mark.parametrize("report", REPORTS)
def test_a_page_is_well_formed_with_one_heading_one_main_and_links_that_lead_somewhere(report: Report) -> None:
    outline = _Outline(render(report))
    for tag in ("h1", "main", "title", "style", "header", "footer", "nav"):
        assert outline.tags.count(tag) == 1, tag
    assert "script" not in outline.tags
    assert len(outline.ids) == len(set(outline.ids))
    assert {link for link in outline.links if link[1:] not in outline.ids} == set()
    assert all(link.startswith("#") for link in outline.links)
    assert outline.tags.count("table") == outline.tags.count("caption")


@pytest.mark.parametrize("report", REPORTS)
def test_a_page_asks_for_nothing_from_outside_and_allows_its_own_style_only(report: Report) -> None:
    text = render(report)
    style = text.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy.group(1).split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert not {"style", "src", "srcset", "action"} & _Outline(text).attributes
    assert not re.search(r"url\(|@import|@font-face", style)


def test_what_came_from_outside_is_text_and_nothing_else() -> None:
    text = render(sample.hostile())
    assert "<script>alert(1)</script>" in "".join(_Outline(text).words)
    assert "<script>alert" not in text
    assert "{{ 7*7 }}" in text
    assert not {"\x1b", "\u202e"} & set(text)


def test_the_parts_come_in_reading_order_and_only_where_they_have_something_to_say() -> None:
    titles = [each.title for each in compose(sample.leaky()).sections]
    assert titles == [
        "Summary",
        "What was not tested",
        "Scope and method",
        "Who reaches whom",
        "Findings",
        "What separates the tenants",
        "What was proved",
        "Appendix",
    ]
    assert [each.id for each in compose(sample.report()).sections] == ["summary", "untested", "scope", "appendix"]


def test_a_finding_shows_clause_request_command_fix_and_controls() -> None:
    entry = compose(sample.leaky()).findings[0]
    assert (entry.severity, entry.equal, entry.reach) == ("critical", 3, "all 4 others")
    assert [(row.number, row.kind) for row in entry.exhibits[0].lines] == [(12, "marked"), (13, ""), (14, "")]
    assert entry.requests == ("read secret/data/globex/db",)
    assert [row.kind for row in entry.fix] == ["head", "head", "head", "remove", "add", "", ""]
    assert entry.controls == ("SOC2:CC6.1", "NIST-800-53:AC-3")
    text = render(sample.leaky())
    assert '<span class="row marked"><span class="gutter">▸12</span><span class="text">path &#34;secret/data/*' in text
    assert "<del>-path &#34;secret/data/*&#34; {</del>" in text


def test_a_chain_keeps_its_order_and_an_accepted_risk_is_shown_as_such() -> None:
    entry = compose(sample.leaky()).findings[1]
    assert entry.requests == ("update sys/policies/acl/wayne", "read secret/data/acme/db")
    assert entry.accepted == "Accepted until 2026-12-31 (SEC-7): Migration ends in December"
    assert entry.assuming == ("the login has MFA",)
    assert [each.accepted for each in compose(sample.leaky()).worst] == [""]


def test_every_folded_finding_has_the_anchor_of_its_id() -> None:
    report = sample.leaky()
    ids = set(_Outline(render(report)).ids)
    failing = [(r.check.id, f) for r in report.results for f in r.findings if f.verdict is not Verdict.PASS]
    assert {finding_id(check, finding) for check, finding in failing} <= ids
    assert "vault_no_cross_tenant_read/4794d93c909e" in ids


def test_what_was_not_tested_is_told_with_its_reasons() -> None:
    words = " ".join("".join(_Outline(render(sample.leaky())).words).split())
    assert "permission denied; the token needs read and sudo on sys/audit" in words
    assert "not applicable: no kubernetes auth mount; sys/auth read in full" in words
    assert "The audit devices could not be read. GET sys/audit: was refused (403) medium Every request is" in words
    assert "Not everything could be seen: 1 claim could not be decided." in words
    empty = Result(check=sample.check())
    assert "No agent can read another tenant's secrets: examined no case." in " ".join(
        "".join(_Outline(render(sample.report(empty))).words).split()
    )


def test_what_has_one_reason_is_said_once_with_every_claim_that_it_leaves_undecided() -> None:
    page = compose(sample.blinded())
    assert [(each.sentence, each.seen) for each in page.unknowns] == [("sys/auth was not seen: permission denied.", ())]
    assert [each.claim for each in page.unknowns[0].claims] == ["Claim 1 holds", "Claim 2 holds", "Claim 3 holds"]
    assert [(each.whats, each.reason) for each in page.gaps] == [
        (("GET sys/auth", "GET sys/audit"), "permission denied")
    ]
    ids = set(_Outline(render(sample.blinded())).ids)
    assert {finding_id(f"claim_{number}", sample.blinded().results[0].findings[0]) for number in (1, 2, 3)} <= ids


def test_advice_in_words_is_no_diff() -> None:
    finding = dataclasses.replace(sample.leak("acme"), fix="name one tenant's folder")
    entry = compose(sample.report(Result(check=sample.check(), findings=(finding,)))).findings[0]
    assert (entry.advice, entry.fix) == ("name one tenant's folder", ())


def test_the_matrix_of_few_tenants_names_each_pair() -> None:
    table = compose(sample.leaky()).matrix
    assert table is not None
    rows = {row.group.label: [cell.text for cell in row.cells] for row in table.rows}
    assert [column.label for column in table.columns] == ["acme", "globex", "initech", "umbrella", "wayne"]
    assert rows["acme"] == ["own", "read", "read", "read", "read"]
    assert rows["globex"] == ["not examined", "own", "not examined", "not examined", "not examined"]
    assert rows["wayne"][:3] == ["read (accepted)", "read (accepted)", "not examined"]


def test_the_matrix_of_many_tenants_groups_those_that_are_alike() -> None:
    table = compose(sample.layered()).matrix
    assert table is not None
    assert [column.count for column in table.columns] == [2, 38]
    assert [(row.group.count, [cell.text for cell in row.cells]) for row in table.rows] == [
        (10, ["read", "read"]),
        (10, ["list", "none"]),
        (20, ["none", "none"]),
    ]


def test_the_matrix_says_unknown_where_a_tenant_or_a_whole_critical_claim_was_not_judged() -> None:
    table = compose(sample.unknown()).matrix
    assert table is not None
    assert [cell.text for cell in table.rows[0].cells] == ["own", "unknown", "unknown", "unknown", "unknown"]
    base = sample.layered()
    broke = dataclasses.replace(sample.leak("x"), verdict=Verdict.UNKNOWN, tenant=None, subject="check:raised")
    for finding, said in ((broke, "unknown"), (dataclasses.replace(broke, subject="sys/auth"), "none")):
        blind = Result(check=sample.check("vault_no_takeover_path", "No takeover"), findings=(finding,))
        table = compose(dataclasses.replace(base, results=(*base.results, blind))).matrix
        assert table is not None
        assert [cell.text for cell in table.rows[2].cells] == [said, said]


def test_what_owns_everything_else_has_a_column_of_its_own() -> None:
    finding = dataclasses.replace(
        sample.leak("acme"),
        reaches=dataclasses.replace(sample.leak("acme").reaches, all_except=None, tenants=("(others)",)),
    )
    table = compose(sample.report(Result(check=sample.check(), findings=(finding,)))).matrix
    assert table is not None
    assert table.columns[-1].label == "(others)"
    assert table.rows[0].cells[-1].text == "read"
    assert table.rows[0].cells[1].text == "none"


@pytest.mark.parametrize("report", [sample.huge(), sample.scattered()], ids=["huge", "scattered"])
def test_ten_thousand_tenants_give_a_page_below_two_megabytes(report: Report) -> None:
    text = render(report)
    assert 100_000 < len(text.encode()) <= 2_000_000
    outline = _Outline(text)
    assert len(outline.ids) == len(set(outline.ids))
    assert "10,000 tenants" in text


def test_ten_thousand_equal_findings_are_one_with_ten_thousand_anchors() -> None:
    page = compose(sample.huge())
    assert len(page.findings) == 1
    assert (page.findings[0].equal, page.findings[0].members_left) == (10_000, 0)
    assert sum(bool(each.anchor) for each in page.findings[0].members) == 9_999


def test_what_does_not_fit_is_counted() -> None:
    page = compose(sample.scattered())
    assert page.finding_count == 10_000
    assert len(page.findings) + len(page.briefs) + page.findings_left == 10_000
    assert len(page.gaps) + page.gaps_left == page.gap_count == 10_000
    assert len(page.tenants) + page.tenants_left == 10_000
    assert page.matrix is not None
    assert page.matrix.rest.startswith("9,970 further tenants in 9,970 further groups not shown here: 9,970 of them")


def test_a_foreign_check_is_named_with_its_digest() -> None:
    foreign = sample.check("own_rule", "Ours", Severity.LOW, origin="/srv/checks/own_rule.py")
    text = render(sample.report(Result(check=foreign, skipped="not called for")))
    assert "<code>/srv/checks/own_rule.py</code>" in text
    assert "0f" * 32 in text


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("summary.html", "{{ page.nothing }}", "uses what it does not receive"),
        ("summary.html", "{% if %}", r"summary\.html:1: "),
        ("summary.html", None, "template summary.html is missing"),
        ("report.css", None, "cannot be read"),
    ],
)
def test_a_broken_template_is_one_line(tmp_path: Path, file: str, content: str | None, says: str) -> None:
    folder = tmp_path / "templates"
    shutil.copytree(bundled("reports/templates"), folder)
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    with pytest.raises(TemplateError, match=says) as caught:
        fill(compose(sample.clean()), folder)
    assert "\n" not in str(caught.value)


def test_every_template_is_escaped_by_its_name_and_used() -> None:
    folder = bundled("reports/templates")
    names = {path.name for path in folder.iterdir()} - {"README.md", "report.css"}
    assert all(name.endswith(".html") for name in names)
    sections = {each.template for each in compose(sample.leaky()).sections}
    included = set(re.findall(r'include "([^"]+)"', "".join((folder / name).read_text() for name in names)))
    assert names == sections | included | {"report.html"}


@pytest.mark.parametrize(
    ("count", "said"), [(1, None), (8, "8 cases"), (10_000, "10,000 cases")], ids=["one", "some", "many"]
)
def test_a_finding_of_several_cases_stands_for_them_and_not_for_itself(count: int, said: str | None) -> None:
    finding = dataclasses.replace(sample.leak("acme"), count=count)
    text = render(sample.report(Result(check=sample.check(), findings=(finding,))))
    assert re.findall("<dt>Stands for</dt><dd>(.*?)</dd>", text) == ([said] if said else [])


def test_equal_findings_are_counted() -> None:
    equal = tuple(dataclasses.replace(sample.leak(name), count=2) for name in ("acme", "globex", "initech"))
    text = render(sample.report(Result(check=sample.check(), findings=equal)))
    assert re.findall("<dt>Stands for</dt><dd>(.*?)</dd>", text) == ["3 equal findings, 6 cases"]
