"""The JSON result: what machines read, and what `cred-audit report` makes every other output from."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from cred_audit.check import Check
from cred_audit.errors import SnapshotError
from cred_audit.facts import Gap, Snapshot
from cred_audit.finding import (
    Acceptance,
    Evidence,
    Finding,
    Reaches,
    Severity,
    Verdict,
    Witness,
    finding_id,
)
from cred_audit.render.fold import headline, is_unknown
from cred_audit.render.shown import line
from cred_audit.report import LEFT_OUT, Report, Result, Separation

_SCHEMA = 1
_DEEPEST = 30
"""Levels of nesting that are read where a result may hold anything; deeper ones could not be written again."""
_MOST = 10**15


def render(report: Report) -> str:
    """Return the result as JSON text with a final line break; the same report gives the same bytes."""
    # Python's own encoder indents at a third of the speed, and msgspec's refuses text that is no Unicode.
    compact = json.dumps(_report(report), ensure_ascii=True, default=str)
    return msgspec.json.format(compact, indent=1) + "\n"


def from_json(text: str, *, source: str = "") -> Report:
    """Read a result back. The checks in it cannot be run again.

    Raises SnapshotError, in one line that begins with `source`, when the text is no result of schema 1.
    """
    where = f"{line(source, 400)}: " if source else ""
    try:
        return _read(json.loads(text.removeprefix("\ufeff"), parse_constant=_no_number))
    except KeyError as error:
        raise SnapshotError(
            f"{where}this is not a result of cred-audit: key {line(str(error), 200)} is missing"
        ) from error
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise SnapshotError(f"{where}this is not a result of cred-audit: {line(str(error), 200)}") from error


def _read(data: object) -> Report:
    if not isinstance(data, dict):
        raise TypeError(f"expected an object, found {type(data).__name__}")
    if "schema" not in data:
        raise KeyError("schema")
    if data["schema"] != _SCHEMA:
        raise ValueError(f"it has schema {ascii(data['schema'])[:20]}, and this version reads schema {_SCHEMA}")
    return _read_report(data)


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _report(report: Report) -> dict[str, Any]:
    answer = headline(report)
    return {
        "schema": _SCHEMA,
        "tool": {"name": "cred-audit", "version": report.tool_version},
        "target": {
            "name": report.target_name,
            "tenants": len(report.tenants),
            "tenant_ids": list(report.tenants),
            "file": report.target_file,
            "tenant_lines": list(report.tenant_lines),
        },
        "taken_at": report.taken_at.isoformat(),
        "answer": {"word": answer.answer.value, "sentence": answer.sentence},
        "summary": _summary(report),
        "score": dict(report.score),
        "results": [_result(result) for result in report.results if result.skipped != LEFT_OUT],
        "left_out": [_result(result) for result in report.results if result.skipped == LEFT_OUT],
        "gaps": [
            {
                "source": gap.source,
                "what": gap.what,
                "reason": gap.reason,
                "namespace": gap.namespace,
            }
            for gap in report.gaps
        ],
        "coverage": dict(report.coverage),
        "blast_radius": dict(report.blast_radius),
        "separation": [
            {
                "store": each.store,
                "enforced_by": each.enforced_by,
                "evidence": each.evidence,
            }
            for each in report.separation
        ],
        "warnings": list(report.warnings),
        "snapshot_digest": report.snapshot_digest,
        "command": report.command,
    }


def _summary(report: Report) -> dict[str, Any]:
    """Count findings that fail (by severity, accepted ones apart) and claims that do not."""
    fail = {severity.value: 0 for severity in reversed(Severity)}
    accepted = 0
    for result in report.results:
        for finding in result.findings:
            if finding.verdict is Verdict.FAIL:
                fail[result.check.severity.value] += 1
                accepted += finding.accepted is not None
    return {
        "fail": fail,
        "accepted": accepted,
        "unknown": sum(is_unknown(result) for result in report.results),
        "pass": sum(result.verdict is Verdict.PASS and result.skipped is None for result in report.results),
        "skipped": sum(result.skipped is not None for result in report.results),
    }


def _result(result: Result) -> dict[str, Any]:
    check = result.check
    return {
        "check": {
            "id": check.id,
            "title": check.title,
            "severity": check.severity.value,
            "maps_to": list(check.maps_to),
            "needs": list(check.needs),
            "doc": check.doc,
            "origin": check.origin,
            "sha256": check.sha256,
        },
        "skipped": result.skipped,
        "findings": [_finding(check.id, finding) for finding in result.findings],
    }


def _finding(check_id: str, finding: Finding) -> dict[str, Any]:
    accepted = finding.accepted
    return {
        "id": finding_id(check_id, finding),
        "verdict": finding.verdict.value,
        "subject": finding.subject,
        "tenant": finding.tenant,
        "agents": list(finding.agents),
        "reaches": _reaches(finding.reaches),
        "reaches_count": finding.reaches.count,
        "count": finding.count,
        "summary": finding.summary,
        "witness": None if finding.witness is None else _witness(finding.witness),
        "assuming": list(finding.assuming),
        "evidence": [
            {
                "where": each.where,
                "shows": each.shows,
                "quote": each.quote,
                "line": each.line,
            }
            for each in finding.evidence
        ],
        "reproduce": finding.reproduce,
        "fix": finding.fix,
        "accepted": accepted
        and {
            "reason": accepted.reason,
            "until": accepted.until,
            "ticket": accepted.ticket,
        },
        "confirmed": finding.confirmed,
        "note": finding.note,
    }


def _reaches(reaches: Reaches) -> list[str] | dict[str, list[str]]:
    if reaches.all_except is not None:
        return {"all_except": list(reaches.all_except)}
    return list(reaches.tenants)


def _witness(witness: Witness) -> dict[str, Any]:
    written: dict[str, Any] = {"system": witness.system, **witness.fields}
    if witness.before:
        written["before"] = [_witness(earlier) for earlier in witness.before]
    return written


def _read_report(data: Mapping[str, Any]) -> Report:
    return Report(
        target_name=_text(data["target"]["name"]),
        tenants=_texts(data["target"]["tenant_ids"]),
        target_file=_text(data["target"].get("file", "")),
        tenant_lines=tuple(_count(each) for each in _list(data["target"].get("tenant_lines", []))),
        tool_version=_text(data["tool"]["version"]),
        taken_at=_moment(data["taken_at"]),
        results=tuple(_read_result(each) for each in (*_list(data["results"]), *_list(data.get("left_out", [])))),
        gaps=tuple(
            Gap(
                source=_text(each["source"]),
                what=_text(each["what"]),
                reason=_text(each["reason"]),
                namespace=_text(each.get("namespace", "")),
            )
            for each in _list(data["gaps"])
        ),
        coverage=_open(data["coverage"]),
        warnings=_texts(data.get("warnings", [])),
        snapshot_digest=_text(data.get("snapshot_digest", "")),
        command=_text(data.get("command", "")),
        score=_open(data["score"]),
        blast_radius=_open(data["blast_radius"]),
        separation=tuple(
            Separation(
                store=_text(each["store"]),
                enforced_by=_text(each["enforced_by"]),
                evidence=_text(each.get("evidence", "")),
            )
            for each in _list(data.get("separation", []))
        ),
    )


def _moment(value: object) -> datetime:
    """Return a time in UTC; one without a zone, or that UTC cannot say, is none."""
    found = datetime.fromisoformat(_text(value))
    if found.tzinfo is None:
        raise ValueError("a time without its zone")
    return found.astimezone(UTC)


def _read_result(data: Mapping[str, Any]) -> Result:
    check = data["check"]
    return Result(
        check=Check(
            id=_text(check["id"]),
            title=_text(check["title"]),
            doc=_text(check.get("doc", "")),
            severity=Severity(check["severity"]),
            needs=_texts(check.get("needs", [])),
            maps_to=_texts(check["maps_to"]),
            run=_judged_before,
            origin=_text(check.get("origin", "")),
            sha256=_text(check.get("sha256", "")),
        ),
        skipped=None if data["skipped"] is None else _text(data["skipped"]),
        findings=tuple(_read_finding(each) for each in _list(data["findings"])),
    )


def _judged_before(_snapshot: Snapshot) -> Iterable[Finding]:
    """Stand for the function of a check that was read from a result."""
    raise RuntimeError("a check that was read from a result cannot be run")


def _read_finding(data: Mapping[str, Any]) -> Finding:
    reaches = data["reaches"]
    count = _count(data.get("reaches_count", 0))
    accepted = data["accepted"]
    return Finding(
        verdict=Verdict(data["verdict"]),
        subject=_text(data["subject"]),
        tenant=_optional(data["tenant"]),
        agents=_texts(data.get("agents", [])),
        reaches=Reaches(all_except=_texts(reaches["all_except"]), count=count)
        if isinstance(reaches, dict)
        else Reaches(tenants=_texts(reaches), count=count),
        count=_count(data["count"]),
        summary=_text(data.get("summary", "")),
        evidence=tuple(
            Evidence(
                where=_text(each["where"]),
                shows=_text(each["shows"]),
                quote=_text(each.get("quote", "")),
                line=_count(each.get("line", 0)),
            )
            for each in _list(data["evidence"])
        ),
        witness=None if data["witness"] is None else _read_witness(data["witness"]),
        assuming=_texts(data["assuming"]),
        reproduce=_optional(data["reproduce"]),
        fix=_optional(data["fix"]),
        accepted=None
        if accepted is None
        else Acceptance(
            reason=_text(accepted["reason"]),
            until=_optional(accepted.get("until")),
            ticket=_optional(accepted.get("ticket")),
        ),
        confirmed=_flag(data.get("confirmed")),
        note=_text(data.get("note", "")),
    )


def _read_witness(data: Mapping[str, Any], depth: int = 0) -> Witness:
    if depth > _DEEPEST:
        raise ValueError(f"a request stands before another more than {_DEEPEST} deep")
    fields = _open({key: value for key, value in data.items() if key not in {"system", "before"}})
    before = data.get("before", [])
    return Witness(
        system=_text(data["system"]),
        fields=fields,
        before=tuple(_read_witness(each, depth + 1) for each in _list(before)),
    )


def _open(value: object) -> dict[str, Any]:
    """Return an object of which nothing is expected but that it can be written again."""
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, found {type(value).__name__}")
    rest: list[object] = list(value.values())
    for _ in range(_DEEPEST):
        rest = [
            part
            for each in rest
            if isinstance(each, (dict, list))
            for part in (each.values() if isinstance(each, dict) else each)
        ]
        if not rest:
            return value
    raise ValueError(f"an object is nested more than {_DEEPEST} deep")


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {type(value).__name__}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, found {type(value).__name__}")
    return value


def _optional(value: object) -> str | None:
    return None if value is None else _text(value)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_text(each) for each in _list(value))


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected a whole number, found {type(value).__name__}")
    if not 0 <= value <= _MOST:
        raise ValueError("a number is below zero or above what can be counted")
    return value


def _flag(value: object) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise TypeError(f"expected true, false or null, found {type(value).__name__}")
    return value
