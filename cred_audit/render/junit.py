"""JUnit XML, for the test tab of CI: one test case per claim.

A claim that fails is a failure, one that could not be decided an error, never the other way round. A claim
whose failures are all accepted is skipped, with the reason: visible, and not red.
"""

import re
import xml.etree.ElementTree as ET
from datetime import UTC

from cred_audit.finding import Finding, Verdict, finding_id
from cred_audit.render.fold import headline, is_unknown, place
from cred_audit.render.shown import block, line, name, plural, sentence
from cred_audit.render.words import acceptance, requests
from cred_audit.report import Report, Result

_FINDINGS = 50
"""Findings of one claim that are told; the rest is counted."""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report) -> str:
    """Return the XML text; the same report gives the same bytes."""
    suite = ET.Element("testsuite", name="cred-audit")
    outcomes = [_case(suite, result) for result in report.results]
    suite.attrib |= {
        "tests": str(len(outcomes)),
        "failures": str(outcomes.count("failure")),
        "errors": str(outcomes.count("error")),
        "skipped": str(outcomes.count("skipped")),
        "time": "0",
        "timestamp": report.taken_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    }
    answer = headline(report)
    _text(ET.SubElement(suite, "system-out"), f"{answer.answer.value}: {answer.sentence}.")
    told = [
        f"not seen: {name(gap.source)}: {line(gap.namespace, 200)}{line(gap.what, 400)}: {line(gap.reason, 600)}"
        for gap in report.gaps[:_FINDINGS]
    ]
    if len(report.gaps) > _FINDINGS:
        told.append(f"not seen: {len(report.gaps) - _FINDINGS:,} more in the JSON result")
    told += [f"warning: {line(warning, 600)}" for warning in report.warnings[:_FINDINGS]]
    if told:
        _text(ET.SubElement(suite, "system-err"), "\n".join(told))
    suites = ET.Element("testsuites", name=_clean(name(report.target_name)))
    suites.append(suite)
    ET.indent(suites, " ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suites, encoding="unicode")}\n'


def _case(suite: ET.Element, result: Result) -> str:
    """Add one claim and return its outcome."""
    check = result.check
    family = re.sub(r"[^A-Za-z0-9]", "", check.id.partition("_")[0][:40]) or "check"
    case = ET.SubElement(suite, "testcase", classname=f"cred_audit.{family}", name=_clean(name(check.id)), time="0")
    title = f"{line(check.title, 400)} ({check.severity.value})"
    if result.skipped is not None:
        ET.SubElement(case, "skipped", message=_clean(line(result.skipped, 600)))
        return "skipped"
    failing = [finding for finding in result.findings if finding.verdict is Verdict.FAIL]
    open_ones = [finding for finding in failing if finding.accepted is None]
    unknown = [finding for finding in result.findings if finding.verdict is Verdict.UNKNOWN]
    if open_ones:
        element = ET.SubElement(case, "failure", type=check.severity.value)
        element.set("message", _clean(f"not so: {title}: {plural(len(open_ones), 'finding')}"))
        _text(element, _told(check.id, [*open_ones, *unknown]))
        return "failure"
    if is_unknown(result):
        element = ET.SubElement(case, "error", type="unknown")
        why = line(unknown[0].summary or unknown[0].subject, 600) if unknown else "examined no case"
        element.set("message", _clean(f"unknown: {title}: {why}"))
        _text(element, _told(check.id, unknown) or why)
        return "error"
    if failing:
        ET.SubElement(case, "skipped", message=_clean(acceptance(failing[0])))
        _text(ET.SubElement(case, "system-out"), _told(check.id, failing))
        return "skipped"
    cases = sum(finding.count for finding in result.findings)
    _text(ET.SubElement(case, "system-out"), f"{title}: proved, {plural(cases, 'case')}")
    return "passed"


def _told(check_id: str, findings: list[Finding]) -> str:
    shown = [_finding(check_id, finding) for finding in findings[:_FINDINGS]]
    if len(findings) > _FINDINGS:
        shown.append(f"{len(findings) - _FINDINGS:,} more in the JSON result")
    return "\n\n".join(shown)


def _finding(check_id: str, finding: Finding) -> str:
    rows = [f"{finding.verdict.value.upper()} {name(finding_id(check_id, finding))}"]
    rows.append(line(finding.summary or finding.subject, 600))
    rows += [f"Because of {place(each)}: {line(each.shows, 400)}" for each in finding.evidence[:4]]
    if finding.assuming:
        rows.append(f"Assuming {line(sentence(finding.assuming[:4]), 600)}")
    rows += [f"Request: {request}" for request in requests(finding)]
    if finding.reproduce:
        rows.append(f"Try:\n{block(finding.reproduce, 2_000)}")
    if finding.fix:
        rows.append(f"Fix:\n{block(finding.fix, 2_000)}")
    if finding.accepted is not None:
        rows.append(acceptance(finding))
    return "\n".join(rows)


def _text(element: ET.Element, text: str) -> None:
    element.text = _clean(text)


def _clean(text: str) -> str:
    """Leave out what XML 1.0 cannot carry; `shown` has made most of it visible before."""
    return _NOT_XML.sub("\ufffd", text)
