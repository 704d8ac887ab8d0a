"""JUnit: a failure fails, an unknown is an error, a skip is a skip; valid by the schema that CI servers use."""

import dataclasses
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import xmlschema

from cred_audit.finding import Verdict
from cred_audit.render.junit import render
from cred_audit.report import Report, Result
from tests.render import sample

_SCHEMA = xmlschema.XMLSchema10(str(Path(__file__).parent / "data" / "junit-10.xsd"))


def _parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314  (our own output)


def _outcomes(report: Report) -> dict[str, str]:
    suite = _parsed(render(report))[0]
    return {
        str(case.get("name")): next((each.tag for each in case if each.tag != "system-out"), "passed")
        for case in suite.iter("testcase")
    }


@pytest.mark.parametrize(
    "report", [sample.leaky(), sample.clean(), sample.unknown(), sample.layered(), sample.hostile(), sample.report()]
)
def test_every_file_is_valid_by_the_schema(report: Report) -> None:
    text = render(report)
    assert list(_SCHEMA.iter_errors(text)) == []
    assert render(report) == text


def test_a_claim_has_the_outcome_that_it_had() -> None:
    assert _outcomes(sample.leaky()) == {
        "vault_no_cross_tenant_read": "failure",
        "vault_no_escalation": "skipped",  # its one finding is accepted
        "vault_no_cross_tenant_write": "passed",
        "vault_audit_trail_exists": "error",
        "vault_kubernetes_roles_are_bound": "skipped",
    }
    suite = _parsed(render(sample.leaky()))[0]
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5",
        "failures": "1",
        "errors": "1",
        "skipped": "2",
    }


def test_a_claim_that_examined_nothing_is_an_error_with_a_message() -> None:
    report = sample.report(Result(check=sample.check()))
    error = _parsed(render(report))[0][0][0]
    assert error.tag == "error"
    assert error.get("message") == ("unknown: No agent can read another tenant's secrets (critical): examined no case")


def test_an_accepted_failure_beside_an_unknown_case_is_an_error_and_beside_an_open_one_a_failure() -> None:
    accepted = sample.leaky().results[1].findings[0]
    unknown = dataclasses.replace(sample.leak("globex"), verdict=Verdict.UNKNOWN)
    claim = sample.check()
    assert _outcomes(sample.report(Result(check=claim, findings=(accepted, unknown)))) == {claim.id: "error"}
    assert _outcomes(sample.report(Result(check=claim, findings=(accepted, sample.leak("acme"))))) == {
        claim.id: "failure"
    }


def test_a_failure_tells_clause_request_and_fix_and_the_suite_what_was_not_seen() -> None:
    root = _parsed(render(sample.leaky()))
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.get("type") == "critical"
    assert "Request: read secret/data/globex/db" in str(failure.text)
    assert '+path "secret/data/{{identity.entity.name}}/*" {' in str(failure.text)
    assert "not seen: vault: GET sys/audit: permission denied" in str(root.findtext(".//system-err"))
    assert str(root.findtext("./testsuite/system-out")).startswith("BROKEN: 4 of 5 tenants'")


def test_what_xml_cannot_carry_does_not_break_the_file() -> None:
    finding = dataclasses.replace(sample.leak("a"), summary="\x00\ufffe\uffff\ud800]]>&<", note="\x1b")
    text = render(sample.report(Result(check=sample.check(), findings=(finding,))))
    failure = _parsed(text).find(".//failure")
    assert failure is not None
    assert "\\x00\ufffd\ufffd\\ud800]]>&<" in str(failure.text)


def test_ten_thousand_findings_are_bounded() -> None:
    text = render(sample.scattered())
    assert len(text) < 100_000
    assert "9,950 more in the JSON result" in text
