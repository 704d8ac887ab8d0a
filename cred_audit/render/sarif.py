"""SARIF 2.1.0, for code scanning: one rule per claim, one result per finding that fails.

UNKNOWN of a critical or high claim is a warning that says so; services do not show SARIF's own word for it
(`kind: open`). Gaps and what does not fit are notifications of the run.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any
from urllib.parse import quote

from cred_audit.check import Check
from cred_audit.finding import Evidence, Finding, Severity, Verdict, finding_id
from cred_audit.render.fold import is_unknown, place
from cred_audit.render.shown import block, line, name, sentence
from cred_audit.render.words import acceptance, requests
from cred_audit.report import Report, Result

_RESULTS = 5_000
"""GitHub shows no more of one run, the worst first."""
_NOTIFICATIONS = 500
_TAGS = 10
_TEXT = 2_000
_LEVEL = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
_SCORE = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0"}
"""GitHub reads 9.0 and above as critical, 7.0 as high, 4.0 as medium."""
_RANK = {severity: rank for rank, severity in enumerate(Severity)}
_FILE = re.compile(r"([A-Za-z0-9_.@+-][A-Za-z0-9_.@+/ -]{0,300}\.(?:hcl|json|ya?ml|tf)):(\d{1,7})")
_SPACES = re.compile(r"\s+")


def render(report: Report) -> str:
    """Return the log as JSON text; the same report gives the same bytes."""
    return json.dumps(_log(report), ensure_ascii=True, indent=1) + "\n"


def _log(report: Report) -> dict[str, Any]:
    rules = {result.check.id: number for number, result in enumerate(report.results)}
    wanted = sorted(
        _wanted(report),
        key=lambda each: (
            each[1].accepted is not None,
            -_RANK[each[0].severity],
            each[1].verdict is not Verdict.FAIL,
            each[0].id,
            each[1].subject,
        ),
    )
    lines = dict(zip(report.tenants, report.tenant_lines, strict=False))
    run = {
        "tool": {
            "driver": {
                "name": "cred-audit",
                "version": line(report.tool_version, 100),
                "rules": [_rule(result.check) for result in report.results],
            }
        },
        "automationDetails": {"id": f"cred-audit/{_slug(report.target_name)}/"},
        "invocations": [_invocation(report, len(wanted) - _RESULTS)],
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(check, finding, rules[check.id], report.target_file, lines) for check, finding in wanted[:_RESULTS]
        ],
    }
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }


def _wanted(report: Report) -> Iterator[tuple[Check, Finding]]:
    """Yield what fails, and what is unknown of the claims that matter most."""
    for result in report.results:
        for finding in result.findings:
            grave = _RANK[result.check.severity] >= _RANK[Severity.HIGH]
            if finding.verdict is Verdict.FAIL or (finding.verdict is Verdict.UNKNOWN and grave):
                yield result.check, finding


def _rule(check: Check) -> dict[str, Any]:
    title = line(check.title, 900)
    doc = block(check.doc or check.title, _TEXT)
    return {
        "id": line(check.id, 200),
        "name": "".join(part.capitalize() for part in re.split(r"[^A-Za-z0-9]+", check.id[:200])) or "Check",
        "shortDescription": {"text": title},
        "fullDescription": {"text": title},
        "help": {"text": doc, "markdown": _quoted(doc)},
        "defaultConfiguration": {"level": _LEVEL[check.severity]},
        "properties": {
            "security-severity": _SCORE[check.severity],
            "precision": "very-high",
            "tags": ["security", *dict.fromkeys(line(each, 100) for each in check.maps_to if each != "security")][
                :_TAGS
            ],
        },
    }


def _quoted(doc: str) -> str:
    """Return a check's page as Markdown that shows it as it stands; a foreign check may have written anything."""
    longest = max((len(run) for run in re.findall("`+", doc)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{doc}\n{fence}"


def _result(check: Check, finding: Finding, rule: int, target_file: str, lines: Mapping[str, int]) -> dict[str, Any]:
    unknown = finding.verdict is Verdict.UNKNOWN
    result: dict[str, Any] = {
        "ruleId": line(check.id, 200),
        "ruleIndex": rule,
        "level": "warning" if unknown else _LEVEL[check.severity],
        "message": {"text": _message(check, finding)},
        "locations": [_location(finding, target_file, lines.get(finding.tenant or "", 0))],
        "partialFingerprints": {"credAuditFindingId/v1": line(finding_id(check.id, finding), 300)},
        "properties": {"verdict": finding.verdict.value, "severity": check.severity.value},
    }
    if finding.accepted is not None:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": acceptance(finding)},
        ]
    return result


def _message(check: Check, finding: Finding) -> str:
    said = [line(finding.summary or f"Not so: {check.title}.", 600)]
    said += [
        f"Because of {place(each)}{f': {line(each.shows, 400)}' if each.shows else ''}."
        for each in finding.evidence[:4]
    ]
    if finding.assuming:
        said.append(f"Assuming {line(sentence(finding.assuming[:4]), 600)}.")
    chain = requests(finding)
    if chain:
        said.append(f"Request: {'; then '.join(chain)}.")
    if finding.reproduce:
        said.append(f"Try:\n{block(finding.reproduce, _TEXT)}")
    if finding.fix:
        said.append(f"Fix:\n{block(finding.fix, _TEXT)}")
    text = _plain("\n".join(said))
    return f"UNKNOWN: {text}" if finding.verdict is Verdict.UNKNOWN else text


def _location(finding: Finding, target_file: str, declared: int) -> dict[str, Any]:
    """Return a policy's file where the evidence names one, else where the target declares the tenant."""
    located: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": line(finding.subject, 400), "kind": "resource"}],
    }
    for evidence in finding.evidence:
        found = _FILE.fullmatch(evidence.where)
        if found and ".." not in found.group(1).split("/"):
            located["physicalLocation"] = _physical(found.group(1), int(found.group(2)), evidence)
            return located
    if target_file:
        located["physicalLocation"] = _physical(target_file, declared)
    return located


def _physical(file: str, number: int, evidence: Evidence | None = None) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": max(1, number)}
    if evidence is not None and evidence.quote:
        region["snippet"] = {"text": block(evidence.quote, _TEXT)}
    return {"artifactLocation": _artifact(file), "region": region}


def _artifact(file: str) -> dict[str, Any]:
    path = file.replace("\\", "/")
    uri = quote(path[:2_000].encode("utf-8", "replace"), safe="/@+~")
    if path.startswith("/"):
        return {"uri": f"file://{uri}"}
    if re.match("[A-Za-z]:/", path):
        return {"uri": f"file:///{path[:2]}{quote(path[2:2_000].encode('utf-8', 'replace'), safe='/@+~')}"}
    return {"uri": uri.removeprefix("./"), "uriBaseId": "%SRCROOT%"}


def _invocation(report: Report, cut: int) -> dict[str, Any]:
    unread = sorted({gap.source for gap in report.gaps if not report.coverage.get(gap.source)})
    told = [*_notifications(report)]
    shown = told[:_NOTIFICATIONS]
    if len(told) > len(shown):
        shown.append(_note("warning", f"{len(told) - len(shown):,} more notes are in the JSON result"))
    if cut > 0:
        shown.insert(
            0, _note("warning", f"the worst {_RESULTS:,} results are given; {cut:,} more are in the JSON result")
        )
    invocation: dict[str, Any] = {
        "executionSuccessful": not unread,
        "startTimeUtc": report.taken_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "toolExecutionNotifications": shown,
    }
    if report.command:
        invocation["commandLine"] = line(report.command, _TEXT)
    return invocation


def _notifications(report: Report) -> Iterator[dict[str, Any]]:
    for gap in report.gaps:
        unread = not report.coverage.get(gap.source)
        what = (
            f"{name(gap.source)}: {line(gap.namespace, 200)}{line(gap.what, 400)} was not seen: {line(gap.reason, 600)}"
        )
        yield _note("error" if unread else "warning", what)
    for result in report.results:
        if is_unknown(result) and (_RANK[result.check.severity] < _RANK[Severity.HIGH] or not result.findings):
            yield _note(
                "warning", f"UNKNOWN: {line(result.check.title, 400)} ({name(result.check.id)}): {_why(result)}"
            )
    for warning in report.warnings:
        yield _note("note", line(warning, 600))


def _why(result: Result) -> str:
    unknown = [finding for finding in result.findings if finding.verdict is Verdict.UNKNOWN]
    if not unknown:
        return "examined no case"
    more = f" and {len(unknown) - 1:,} more" if len(unknown) > 1 else ""
    return f"{line(unknown[0].summary or unknown[0].subject, 400)}{more}"


def _note(level: str, text: str) -> dict[str, Any]:
    return {"level": level, "message": {"text": _plain(text)}}


def _plain(text: str) -> str:
    """Return text that a viewer takes neither for a link nor for a place to put an argument."""
    if "](" in text:
        text = re.sub(r"([\[\]\\])", r"\\\1", text)
    return re.sub(r"\{(\d+)\}", r"{{\1}}", text)


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", _SPACES.sub("-", text[:100])).strip("-") or "target"
