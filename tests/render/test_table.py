"""The terminal's report: answer first, folded, narrow, and safe to print."""

import pytest

from cred_audit.render.table import color_wanted, render
from tests.render import sample


def test_the_answer_comes_first_and_counts_the_acting_tenants() -> None:
    first = render(sample.leaky()).splitlines()[0]
    assert first == "BROKEN: 4 of 5 tenants' agents reach another tenant's secrets."


def test_a_clean_report_is_isolated_and_an_undecided_one_is_unknown() -> None:
    assert render(sample.clean()).startswith("ISOLATED: no agent of the 5 tenants")
    assert render(sample.unknown()).startswith("UNKNOWN: 1 of 1 claim could not be decided")
    assert render(sample.report()).startswith("UNKNOWN: no claim was judged")


def test_the_offending_line_is_marked_with_text_and_chains_are_numbered() -> None:
    text = render(sample.leaky())
    assert '  >    12 | path "secret/data/*" {\n       13 |   capabilities' in text
    assert '        2 | path "sys/policies/acl/wayne" {\n  >     3 |' in text
    assert "    1. update sys/policies/acl/wayne\n    2. read secret/data/acme/db\n" in text


def test_ten_thousand_equal_findings_are_one_with_a_count() -> None:
    text = render(sample.huge())
    assert text.count("Because policy agents line 12") == 1
    assert "Stands for 10,000 equal findings" in text
    assert "reach all 9,999 others." in text.replace("\n  ", " ")


def test_hostile_names_reach_the_terminal_neither_as_control_nor_as_markup() -> None:
    text = render(sample.hostile())
    assert not {"\x1b", "\u202e"} & set(text)
    assert "[bold]" in text
    assert len(text) < 10_000


def test_prose_stays_within_eighty_columns() -> None:
    assert max(len(row) for row in render(sample.leaky()).splitlines()) <= 80


@pytest.mark.parametrize(
    ("environ", "is_tty", "wanted"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"CI": "true"}, True, False),
    ],
)
def test_colour_is_for_terminals_only(environ: dict[str, str], is_tty: bool, wanted: bool) -> None:
    assert color_wanted(environ, is_tty=is_tty) is wanted
