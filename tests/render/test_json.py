"""The JSON result: valid by its own schema, deterministic, and readable again."""

import json

import jsonschema_rs
import pytest

from cred_audit.errors import SnapshotError
from cred_audit.finding import finding_id
from cred_audit.render.json import from_json, render
from cred_audit.render.result_schema import result_schema
from cred_audit.report import Report
from tests.render import sample

REPORTS = [
    sample.leaky(),
    sample.clean(),
    sample.unknown(),
    sample.huge(50),
    sample.hostile(),
]


@pytest.mark.parametrize("report", REPORTS)
def test_every_result_is_valid_by_the_printed_schema(report: Report) -> None:
    validator = jsonschema_rs.validator_for(result_schema())
    validator.validate(json.loads(render(report)))


def test_the_schema_refuses_a_result_without_a_verdict() -> None:
    data = json.loads(render(sample.leaky()))
    del data["results"][0]["findings"][0]["verdict"]
    assert not jsonschema_rs.validator_for(result_schema()).is_valid(data)


@pytest.mark.parametrize("report", REPORTS)
def test_a_result_read_back_says_the_same(report: Report) -> None:
    text = render(report)
    again = from_json(text)
    assert render(again) == text
    assert [each.findings for each in again.results] == [each.findings for each in report.results]
    assert again.gaps == report.gaps


def test_findings_are_not_folded_and_sets_stay_sets() -> None:
    data = json.loads(render(sample.huge(10_000)))
    findings = data["results"][0]["findings"]
    assert len(findings) == 10_000
    assert findings[7]["reaches"] == {"all_except": ["tenant-00007"]}


def test_a_finding_id_depends_on_check_and_subject_only() -> None:
    finding = sample.leak("acme")
    assert finding_id("c", finding) == "c/4794d93c909e"


def test_the_summary_counts_findings_by_severity_and_claims_otherwise() -> None:
    summary = json.loads(render(sample.leaky()))["summary"]
    assert summary == {
        "fail": {"critical": 3, "high": 1, "medium": 0, "low": 0},
        "accepted": 1,
        "unknown": 1,
        "pass": 1,
        "skipped": 1,
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": 2}',
        '{"schema": 1}',
        "[" * 100_000,
        '{"schema": 1, "target": {"name": 5}}',
    ],
)
def test_what_is_no_result_is_refused_with_one_line(text: str) -> None:
    with pytest.raises(SnapshotError) as caught:
        from_json(text)
    assert "\n" not in str(caught.value)
