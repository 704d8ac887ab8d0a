"""The terminal's report: answer first, folded, narrow, and safe to print."""

import dataclasses
import re

import pytest

from cred_audit.facts import Gap
from cred_audit.finding import Evidence, Finding, Verdict, Witness
from cred_audit.render.table import color_wanted, render
from cred_audit.report import Report, Result
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
    assert text.count("Because of policy agents line 12: grants read") == 1
    assert "Stands for 10,000 equal findings" in text
    assert "reach all 9,999 others." in text.replace("\n  ", " ")


def test_hostile_names_reach_the_terminal_neither_as_control_nor_as_markup() -> None:
    text = render(sample.hostile())
    assert not {"\x1b", "\u202e"} & set(text)
    assert "[bold]" in text
    assert len(text) < 10_000


def test_prose_stays_within_eighty_columns() -> None:
    assert max(len(row) for row in render(sample.leaky()).splitlines()) <= 80


def test_what_is_not_known_and_not_seen_stands_beside_what_fails() -> None:
    text = render(sample.leaky())
    assert "Unknown (1 claim)" in text
    assert "Not seen (1)" in text
    assert (
        "- vault_audit_trail_exists (medium): The audit devices could not be read. GET\n  sys/audit: was refused (403)."
    ) in text
    assert "- GET sys/audit (vault): permission denied; the token needs read and sudo on\n  sys/audit\n" in text
    assert (
        "- not applicable: no kubernetes auth mount; sys/auth read in full:\n  vault_kubernetes_roles_are_bound\n"
        in text
    )


def test_what_has_one_reason_is_said_once() -> None:
    text = render(sample.blinded())
    said = (
        "- sys/auth was not seen: permission denied. Leaves undecided: claim_1 (critical), claim_2 (critical), claim_3"
    )
    assert said in " ".join(text.split())
    assert "- GET sys/auth, GET sys/audit (vault): permission denied\n" in text


def test_a_script_of_several_lines_keeps_them_and_a_body_is_json() -> None:
    witness = Witness(system="vault", fields={"operation": "update", "path": "auth/x", "body": {"a": False}})
    finding = dataclasses.replace(sample.leak("acme"), reproduce="one\ntwo", witness=witness)
    text = render(sample.report(Result(check=sample.check(), findings=(finding,))))
    assert "  Try:\n    one\n    two\n" in text
    assert '  Request: update auth/x with {"a": false}\n' in text


def test_advice_in_words_is_wrapped_and_a_diff_is_not() -> None:
    advice = "name one tenant's folder, with the slash before the star, or use a template of the entity's own"
    finding = dataclasses.replace(sample.leak("acme"), fix=advice)
    text = render(sample.report(Result(check=sample.check(), findings=(finding,))))
    assert "  Fix: name one tenant's folder, with the slash before the star, or use a\n  template of" in text


def test_what_to_do_first_names_open_risks_and_not_the_accepted_one() -> None:
    first = render(sample.leaky()).split("Findings (")[0]
    assert (
        '1. Close policy agents line 12 (critical): "No agent can read another tenant\'s\n   secrets" is not' in first
    )
    assert "wayne" not in first


def test_one_reason_for_several_unseen_parts_is_said_once_in_each_place() -> None:
    reason = "plan.json: it has no format_version"
    gaps = tuple(Gap(source="aws", what=part, reason=reason) for part in ("list-secrets", "list-keys"))
    evidence = tuple(Evidence(where=gap.what, shows=reason) for gap in gaps)
    finding = Finding(verdict=Verdict.UNKNOWN, subject="all", summary="Nothing is known.", evidence=evidence)
    report = sample.report(Result(check=sample.check(), findings=(finding,)))
    text = " ".join(render(dataclasses.replace(report, gaps=gaps)).split())
    first, unknown, unseen = re.split(r"Unknown \(1 claim\)|Not seen \(2\)", text)
    assert f"1. Let the audit see list-secrets, list-keys: {reason}." in first
    assert f"list-secrets, list-keys: {reason}." in unknown
    assert [part.count(reason) for part in (first, unknown, unseen)] == [1, 1, 1]


def test_without_a_failure_the_first_thing_is_to_let_the_audit_see() -> None:
    blind = dataclasses.replace(sample.unknown(), gaps=sample.leaky().gaps)
    assert "1. Let the audit see GET sys/audit: permission denied;" in render(blind)


def test_a_proof_names_the_clause_that_comes_closest() -> None:
    text = render(sample.clean()).replace("\n  ", " ")
    assert (
        "- No agent can read another tenant's secrets (20 cases). Closest: policy tenant-acme line 4: stops at `secret/"
    ) in text


@pytest.mark.parametrize("report", [sample.huge(), sample.scattered(), sample.hostile(), sample.layered(500)])
def test_the_output_is_bounded(report: Report) -> None:
    rows = render(report).splitlines()
    assert len(rows) < 600
    assert sum(map(len, rows)) < 40_000


def test_many_checks_with_many_findings_are_bounded_and_the_rest_is_counted() -> None:
    many = [
        Result(
            check=sample.check(f"check_{number:02d}"),
            findings=tuple(
                dataclasses.replace(sample.leak("acme"), subject=str(each), evidence=(), fix=None) for each in range(12)
            ),
        )
        for number in range(9)
    ]
    text = render(sample.report(*many))
    assert text.count("\nCRITICAL  ") == 50
    assert "- 2 more kinds of findings of check_00\n" in text
    assert "- 12 more kinds of findings of check_05\n" in text


def test_without_colour_there_is_no_escape_and_with_it_the_words_are_the_same() -> None:
    plain = render(sample.leaky())
    coloured = render(sample.leaky(), color=True)
    assert "\x1b" not in plain
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured).split() == plain.split()


@pytest.mark.parametrize("width", [20, 40, 80, 100])
def test_a_narrow_terminal_wraps_the_prose(width: int) -> None:
    text = render(sample.leaky(), width=width)
    prose = text.split("Findings (")[0].splitlines()
    assert max(map(len, prose)) <= width


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
