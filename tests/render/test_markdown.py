"""Markdown: the answer first, bounded, and nothing from outside is markup."""

import dataclasses
import re

import pytest
from markdown_it import MarkdownIt

from cred_audit.finding import Evidence
from cred_audit.render.markdown import code, fenced, prose, render, tagged
from cred_audit.report import Result
from tests.render import sample

_HTML = MarkdownIt("commonmark").enable("table")


def _text(markdown: str) -> str:
    return re.sub(r"<!-- -->|</?p>", "", _HTML.render(markdown)).strip()


def test_the_answer_comes_first_then_what_fails_then_what_is_unknown() -> None:
    text = render(sample.leaky())
    assert text.startswith("## BROKEN: Example agents\n\n4 of 5 tenants' agents reach another tenant's secrets.\n")
    assert "| critical | Agent acme-agent can read every other tenant's secrets. | all 4 others | 3 |" in text
    assert "| high (accepted) | " in text
    parts = [
        "| Severity |",
        "### Unknown, which is not passed (1)",
        "### Not seen (1)",
        "<summary>critical:",
        "Proved (1)",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_a_finding_shows_its_clause_marked_its_request_and_its_fix() -> None:
    text = render(sample.leaky())
    assert '```text\n>    12 path "secret/data/*" {\n     13   capabilities = ["read"]\n     14 }\n```' in text
    assert "```text\nread secret/data/globex/db\n```" in text
    assert "```diff\n--- agents.hcl\n" in text
    assert "```text\nupdate sys/policies/acl/wayne\nread secret/data/acme/db\n```" in text


@pytest.mark.parametrize(
    "text",
    [
        "*a* _b_ `c` ~~d~~ [e](http://f) ![g](h) <b>i</b> &amp; $x^2$ | j",
        "# heading",
        "1. one",
        "- item",
        "+ item",
        "> quote",
        "=== ---",
        "a\\b",
        "<!-- comment --> <script>",
        "&lt;",
    ],
)
def test_prose_shows_what_it_was_given(text: str) -> None:
    expected = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    assert _text(prose(text)) == expected
    assert _text(f"<details><summary>{tagged(text)}</summary>").endswith(f"{expected}</summary>")


def test_nothing_becomes_a_mention_or_a_link() -> None:
    for shown in (
        prose("@root http://evil.example www.evil.example"),
        tagged("@root http://evil.example WWW.evil.example"),
    ):
        assert not re.search(r"@\w|http://|(?i:www\.)", shown)


def test_code_cannot_be_left() -> None:
    assert _text(code("a `` b")) == "<code>a `` b</code>"
    assert _text(code("`x")) == "<code>`x</code>"
    assert _HTML.render(fenced("a\n```\n<b>")) == '<pre><code class="language-text">a\n```\n&lt;b&gt;\n</code></pre>\n'


def test_a_hostile_report_gives_no_markup_of_its_own() -> None:
    finding = dataclasses.replace(
        sample.leak("acme"),
        summary="</summary><script>alert(1)</script>",
        evidence=(Evidence(where="</details>", shows="<img src=x>", quote="```\n<script>", line=1),),
        fix="````\n<script>",
        reproduce="```<script>",
    )
    text = render(sample.report(Result(check=sample.check(), findings=(finding,))))
    page = _HTML.render(text)
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("</summary>") == page.count("<summary>") == 1


def test_any_report_fits_into_a_comment() -> None:
    for report in (sample.scattered(), sample.huge(), sample.hostile()):
        assert len(render(report)) <= 60_000
    text = render(sample.scattered())
    assert "9,970 more kinds of findings are in the JSON result." in text
    assert "- and 9,970 more in the JSON result" in text
    assert "parts of this report did not fit here" in text


def test_claims_that_examined_nothing_are_unknown() -> None:
    text = render(sample.report(Result(check=sample.check())))
    assert "## UNKNOWN" in text
    assert "- No agent can read another tenant's secrets: examined no case" in text
