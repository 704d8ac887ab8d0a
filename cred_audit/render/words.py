"""The parts of a finding that every output for people says in the same words."""

import json
from collections.abc import Mapping
from typing import Any

from cred_audit.finding import Finding, Witness
from cred_audit.render.shown import line, name

_CHAIN = 30
"""Requests of a chain that are shown."""
_PAIRS = 20
_ALSO = 3


def operation_of(witness: Witness) -> str:
    """Return what a request does in one word: `read`, `GetSecretValue`."""
    fields = witness.fields
    return name(str(fields.get("operation") or str(fields.get("action", "")).rpartition(":")[2]))


def request_words(witness: Witness) -> str:
    """Return a request as `read secret/data/x in namespace t1/`, or as AWS's `service:Action on ARN as ARN`."""
    fields = witness.fields
    if witness.system == "aws" and fields.get("action"):
        return _aws_words(fields)
    action = fields.get("operation") or fields.get("method")
    if not action:
        return line(", ".join(f"{key} {value}" for key, value in fields.items()), 1_000)
    where = f" in namespace {line(str(fields['namespace']), 400)}" if fields.get("namespace") else ""
    body = f" with {line(json.dumps(fields['body'], default=str), 400)}" if isinstance(fields.get("body"), dict) else ""
    return f"{line(str(action), 100)} {line(str(fields.get('path', '')), 1_000)}{where}{body}"


def _aws_words(fields: Mapping[str, Any]) -> str:
    said = [f"{fields['action']} on {fields.get('resource') or '*'} as {fields.get('principal') or 'the agent'}"]
    for key, word in (("session_tags", "with the session tags"), ("request_tags", "sending the tags")):
        tags = fields.get(key)
        if isinstance(tags, Mapping) and tags:
            said.append(f"{word} {_pairs(tags)}")
    also = fields.get("also")
    if isinstance(also, list):
        said += [f"which also needs {more.get('action')} on {more.get('resource')}" for more in also[:_ALSO]
                 if isinstance(more, Mapping)]  # fmt: skip
    return line(", ".join(said), 2_000)


def _pairs(values: Mapping[str, Any]) -> str:
    shown = [f"{key}={value if isinstance(value, str) else json.dumps(value, default=str)}"
             for key, value in list(values.items())[:_PAIRS]]  # fmt: skip
    return ", ".join(shown) + (" ..." if len(values) > _PAIRS else "")


def requests(finding: Finding) -> tuple[str, ...]:
    """Return the request to replay, after the earlier ones of its chain; empty without a witness."""
    if finding.witness is None:
        return ()
    earlier = tuple(request_words(each) for each in finding.witness.before[:_CHAIN])
    left = len(finding.witness.before) - len(earlier)
    more = (f"and {left:,} more requests",) if left else ()
    return (*earlier, *more, request_words(finding.witness))


def first_step(finding: Finding, claim: str, severity: str, whom: str, where: str) -> str:
    """Return what to do about a finding: which clause to close, or which claim to mend where no clause breaks it.

    `whom`: for whom the claim is not true; `where`: the place of the first evidence, else the subject.
    """
    first = finding.evidence[0] if finding.evidence else None
    if first is not None and first.quote:
        return f'Close {where} ({severity}): "{claim}" is not true for {whom}.'
    seen = f"{where}: {line(first.shows, 200).rstrip('.')}" if first is not None and first.shows else where
    return f'Mend ({severity}) "{claim}", which is not true for {whom} ({seen}).'


def acceptance(finding: Finding) -> str:
    """Return `Accepted until 2026-12-31 (SEC-7): the reason`; empty when the risk is not accepted."""
    accepted = finding.accepted
    if accepted is None:
        return ""
    until = f" until {line(accepted.until, 100)}" if accepted.until else ""
    ticket = f" ({line(accepted.ticket, 200)})" if accepted.ticket else ""
    return f"Accepted{until}{ticket}: {line(accepted.reason, 600)}"


def confirmation(finding: Finding) -> str:
    """Return what the server itself said when it was asked; empty when it was not."""
    if finding.confirmed is None:
        return ""
    return "the server confirms it" if finding.confirmed else "the server did not confirm it"


def is_diff(fix: str) -> bool:
    """Tell whether a fix is a diff, not advice in words."""
    return any(row.startswith(("+", "-", "@@")) for row in fix[:20_000].splitlines())
