"""SARIF: valid by the standard's schema, within what code scanning takes, stable across runs."""

import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from cred_audit.finding import Evidence, Severity, finding_id
from cred_audit.render.sarif import render
from cred_audit.report import Report, Result
from tests.render import sample

_SCHEMA = json.loads((Path(__file__).parent / "data" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
_VALIDATOR = jsonschema_rs.validator_for(_SCHEMA, validate_formats=True)


def _run(report: Report) -> dict[str, Any]:
    log = json.loads(render(report))
    _VALIDATOR.validate(log)
    run: dict[str, Any] = log["runs"][0]
    return run


def _located(report: Report) -> Report:
    return dataclasses.replace(report, target_file="audit/target.yaml", tenant_lines=(3, 9, 15, 21, 27))


@pytest.mark.parametrize(
    "report", [sample.leaky(), sample.clean(), sample.unknown(), sample.layered(), sample.hostile(), sample.report()]
)
def test_every_log_is_valid_by_the_standards_schema(report: Report) -> None:
    assert _run(report)["tool"]["driver"]["name"] == "cred-audit"
    assert render(report) == render(report)


def test_the_schema_refuses_a_log_that_is_none() -> None:
    assert not _VALIDATOR.is_valid({"version": "2.1.0", "runs": [{"results": []}]})


def test_a_result_carries_what_code_scanning_needs() -> None:
    run = _run(_located(sample.leaky()))
    result = run["results"][0]
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert (result["ruleId"], rule["id"], result["level"]) == (
        "vault_no_cross_tenant_read",
        "vault_no_cross_tenant_read",
        "error",
    )
    assert rule["properties"]["security-severity"] == "9.5"
    assert rule["properties"]["tags"][0] == "security"
    physical = result["locations"][0]["physicalLocation"]
    assert physical == {
        "artifactLocation": {"uri": "audit/target.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3},
    }
    assert result["message"]["text"].startswith(
        "Agent acme-agent can read every other tenant's secrets.\n"
        "Because of policy agents line 12: grants read.\nRequest: read secret/data/globex/db."
    )


def test_a_fingerprint_is_the_findings_id() -> None:
    run = _run(sample.leaky())
    assert run["results"][0]["partialFingerprints"] == {
        "credAuditFindingId/v1": finding_id("vault_no_cross_tenant_read", sample.leak("acme"))
    }
    prints = [each["partialFingerprints"]["credAuditFindingId/v1"] for each in run["results"]]
    assert len(prints) == len(set(prints))


def test_a_policys_file_is_the_location_where_the_evidence_names_one() -> None:
    def region(where: str) -> Any:
        quoted = Evidence(where=where, shows="grants read", quote="path {}", line=3)
        finding = dataclasses.replace(sample.leak("acme"), evidence=(quoted,))
        run = _run(_located(sample.report(Result(check=sample.check(), findings=(finding,)))))
        return run["results"][0]["locations"][0]["physicalLocation"]

    assert region("policies/agent one.hcl:12")["artifactLocation"]["uri"] == "policies/agent%20one.hcl"
    assert region("policies/agent one.hcl:12")["region"] == {"startLine": 12, "snippet": {"text": "path {}"}}
    for outside in ("../../etc/x.hcl:1", "/etc/x.hcl:1", "http://x/y.hcl:1", "policy a"):
        assert region(outside)["artifactLocation"]["uri"] == "audit/target.yaml"


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("./target.yaml", "target.yaml"),
        ("/srv/a b/target.yaml", "file:///srv/a%20b/target.yaml"),
        ("C:\\work\\target.yaml", "file:///C:/work/target.yaml"),
        ("in\\target.yaml", "in/target.yaml"),
        ("\ud800\n.yaml", "%3F%0A.yaml"),
    ],
)
def test_the_targets_file_becomes_a_uri(file: str, uri: str) -> None:
    run = _run(dataclasses.replace(sample.leaky(), target_file=file))
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_an_accepted_risk_is_suppressed_and_no_other() -> None:
    results = _run(sample.leaky())["results"]
    assert [each.get("suppressions", []) for each in results[:3]] == [[], [], []]
    assert results[3]["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "Accepted until 2026-12-31 (SEC-7): Migration ends in December",
        }
    ]


def test_unknown_of_a_grave_claim_is_a_warning_that_says_so_and_of_a_lesser_one_a_note() -> None:
    result = _run(sample.unknown())["results"][0]
    assert (result["level"], result["message"]["text"]) == ("warning", "UNKNOWN: Policy acme could not be read.")
    run = _run(sample.leaky())
    assert len(run["results"]) == 4
    notes = [each["message"]["text"] for each in run["invocations"][0]["toolExecutionNotifications"]]
    assert (
        "UNKNOWN: Every request is recorded (vault_audit_trail_exists): The audit devices could not be read." in notes
    )
    empty = _run(sample.report(Result(check=sample.check())))
    assert "examined no case" in empty["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]


def test_the_run_was_successful_unless_a_declared_source_could_not_be_read() -> None:
    partly = _run(sample.leaky())["invocations"][0]
    assert partly["executionSuccessful"] is True
    assert partly["toolExecutionNotifications"][0]["level"] == "warning"
    blind = _run(dataclasses.replace(sample.leaky(), coverage={}))["invocations"][0]
    assert blind["executionSuccessful"] is False
    assert blind["toolExecutionNotifications"][0]["level"] == "error"


def test_more_results_than_are_shown_are_cut_to_the_worst_and_counted() -> None:
    low = Result(
        check=sample.check("minor", "Minor", Severity.LOW),
        findings=tuple(sample.leak(str(each)) for each in range(100)),
    )
    base = sample.scattered(6_000)
    run = _run(dataclasses.replace(base, results=(low, *base.results)))
    assert len(run["results"]) == 5_000
    assert {each["level"] for each in run["results"]} == {"error"}
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert notes[0]["message"]["text"] == "the worst 5,000 results are given; 1,100 more are in the JSON result"
    assert len(notes) <= 502


def test_the_upload_stays_below_ten_megabytes() -> None:
    assert len(gzip.compress(render(sample.scattered()).encode())) < 10_000_000


def test_text_from_outside_is_neither_link_nor_placeholder() -> None:
    finding = dataclasses.replace(sample.leak("acme"), summary="[x](https://evil.example) {0} \x1b[1m", fix=None)
    run = _run(sample.report(Result(check=sample.check(), findings=(finding,))))
    text = run["results"][0]["message"]["text"]
    assert text.startswith("\\[x\\](https://evil.example) {{0}} \\\\x1b\\[1m")


def test_a_checks_page_cannot_leave_its_block() -> None:
    foreign = dataclasses.replace(sample.check(), doc="a\n```\n<img src=x>")
    run = _run(sample.report(Result(check=foreign, skipped="no")))
    assert run["tool"]["driver"]["rules"][0]["help"]["markdown"] == "````text\na\n```\n<img src=x>\n````"
