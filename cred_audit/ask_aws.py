"""Answers a batch of AWS requests: one JSON object a line in, one a line out, in order.

An absent field, null, an empty object and an empty list mean the same: nothing there. Unknown fields are passed
over. A line that cannot be answered gives its error; the others are still answered.
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from cred_audit.ask.batch import Answers
from cred_audit.ask.line import LineError, parse
from cred_audit.decide import Decision
from cred_audit.decide.aws.document import PolicyError, read_document
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.model import (
    Document,
    Kind,
    Principal,
    PrincipalPolicies,
    Request,
    ResourcePolicies,
    Value,
)

_DECISIONS = ("ALLOW", "DENY", "UNKNOWN")
_KEPT = 256
"""Compiled rules kept at a time."""
_SHOWN = 2000
"""Characters of a clause that are quoted."""
_REASONS = 20
"""Reasons given for one decision."""


def answer_lines(lines: Iterable[str | bytes], write: Callable[[str], object]) -> Answers:
    """Answer each line through `write`, one text with its line end at a time. Empty lines are passed over."""
    batch = _Batch()
    for line in lines:
        text = line.strip()
        if text:
            write(batch.line(text) + "\n")
    return batch.answers


class _Batch:
    def __init__(self) -> None:
        self.answers = Answers()
        self.rules: OrderedDict[str, tuple[Evaluator, ResourcePolicies]] = OrderedDict()

    def line(self, text: str | bytes) -> str:
        line_id: Any = None
        try:
            value = parse(text)
            line_id = value.get("id")
            body = self.body(value)
        except (LineError, PolicyError) as error:
            self.answers.errors += 1
            message = f"invalid_policy: {error}" if isinstance(error, PolicyError) else str(error)
            return f'{{"id": {json.dumps(line_id)}, "error": {json.dumps(message)}}}'
        self.answers.answered += 1
        return f'{{"id": {json.dumps(line_id)}, {body}}}'

    def body(self, line: dict[str, Any]) -> str:
        one, many = _object(line, "request"), _list(line, "requests")
        if bool(one) is bool(many):
            raise LineError("one of request and requests is expected")
        evaluator, resource = self.compiled(line)
        expected = line.get("expect")
        if one:
            return self.decided(evaluator, resource, one, "request.", expected)
        each = expected if isinstance(expected, list) else [expected] * len(many)
        if len(each) != len(many):
            raise LineError("expect: as many answers as there are requests are expected")
        answers = [
            "{" + self.decided(evaluator, resource, _is_object(entry, place), f"{place}.", each[number]) + "}"
            for number, entry in enumerate(many)
            for place in (f"requests[{number}]",)
        ]
        return f'"decisions": [{", ".join(answers)}]'

    def compiled(self, line: dict[str, Any]) -> tuple[Evaluator, ResourcePolicies]:
        """Return the principal with its policies and the resource's policies; equal ones are compiled once."""
        names = ("principal", "principal_role", "principal_tags", "session_tags", "policies")
        key = json.dumps([line.get(name) for name in names])
        known = self.rules.get(key)
        if known is None:
            known = self.rules[key] = _rules(line)
            if len(self.rules) > _KEPT:
                self.rules.popitem(last=False)
        else:
            self.rules.move_to_end(key)
        return known

    def decided(
        self, evaluator: Evaluator, resource: ResourcePolicies, entry: dict[str, Any], place: str, expected: Any
    ) -> str:
        if entry.get("expect") is not None:
            expected = entry["expect"]
        if expected is not None and str(expected).upper() not in _DECISIONS:
            raise LineError("expect: one of ALLOW, DENY and UNKNOWN is expected")
        decision = evaluator.decide(_request(entry, place), resource)
        self.answers.decisions += 1
        name = decision.effect.value.upper()
        shown = _answer(name, decision)
        if expected is None:
            return shown
        as_expected = str(expected).upper() == name
        self.answers.unexpected += not as_expected
        return f'{shown}, "ok": {json.dumps(as_expected)}'


def _rules(line: dict[str, Any]) -> tuple[Evaluator, ResourcePolicies]:
    policies = _object(line, "policies")
    principal = Principal(
        arn=_principal(line),
        role=_text(line, "principal_role", ""),
        tags=_texts_of(line, "principal_tags"),
        session_tags=_texts_of(line, "session_tags"),
    )
    own = PrincipalPolicies(
        identity=tuple(
            read_document(entry, Kind.IDENTITY, f"identity[{number}]")
            for number, entry in enumerate(_list(policies, "identity", "policies."))
        ),
        boundary=_document(policies, "boundary", Kind.BOUNDARY),
        session=_document(policies, "session", Kind.SESSION),
        scps=_levels(policies, "scps", Kind.SCP),
        vpc_endpoint=_document(policies, "vpc_endpoint", Kind.VPC_ENDPOINT),
    )
    resource = ResourcePolicies(
        policy=_document(policies, "resource", Kind.RESOURCE), rcps=_levels(policies, "rcps", Kind.RCP)
    )
    return Evaluator(principal, own), resource


def _principal(line: dict[str, Any]) -> str:
    arn = _text(line, "principal")
    if arn.startswith("arn:") and arn.count(":") < 5:
        raise LineError("principal: the ARN has fewer than six parts")
    if not arn:
        raise LineError("principal: an ARN, the name of a service or * is expected")
    return arn


def _document(policies: dict[str, Any], name: str, kind: Kind) -> Document | None:
    source = policies.get(name)
    return read_document(source, kind, name) if source not in (None, {}, []) else None


def _levels(policies: dict[str, Any], name: str, kind: Kind) -> tuple[tuple[Document, ...], ...]:
    levels = []
    for number, level in enumerate(_list(policies, name, "policies.")):
        if level is not None and not isinstance(level, list):
            raise LineError(f"policies.{name}[{number}]: a list of documents is expected, one list a level")
        documents = enumerate(level or ())
        levels.append(tuple(read_document(entry, kind, f"{name}[{number}][{place}]") for place, entry in documents))
    return tuple(levels)


def _request(entry: dict[str, Any], place: str) -> Request:
    action = _text(entry, "action", place=place)
    if action.count(":") != 1 or not all(action.split(":")):
        raise LineError(f"{place}action: service:Action is expected")
    resource = _text(entry, "resource", place=place)
    if resource != "*" and (not resource.startswith("arn:") or resource.count(":") < 5):
        raise LineError(f"{place}resource: an ARN or * is expected")
    return Request(
        action=action,
        resource=resource,
        resource_account=_text(entry, "resource_account", "", place=place),
        resource_tags=_texts_of(entry, "resource_tags", place),
        request_tags=_texts_of(entry, "request_tags", place),
        context={name: _value(value, f"{place}context") for name, value in _object(entry, "context", place).items()},
    )


def _value(value: Any, place: str) -> Value:
    if value is None:
        return ()
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise LineError(f"{place}: the value of a condition key is a text or a list of texts")


def _text(entry: dict[str, Any], name: str, default: str | None = None, *, place: str = "") -> str:
    value = entry.get(name)
    if default is not None and value in (None, [], {}):
        return default
    if not isinstance(value, str):
        raise LineError(f"{place}{name}: a text is expected")
    return value


def _list(entry: dict[str, Any], name: str, place: str = "") -> list[Any]:
    value = entry.get(name)
    if value in (None, {}):
        return []
    if not isinstance(value, list):
        raise LineError(f"{place}{name}: a list is expected")
    return value


def _is_object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise LineError(f"{place}: an object is expected")
    return value


def _object(entry: dict[str, Any], name: str, place: str = "") -> dict[str, Any]:
    value = entry.get(name)
    return {} if value in (None, []) else _is_object(value, f"{place}{name}")


def _texts_of(entry: dict[str, Any], name: str, place: str = "") -> dict[str, str]:
    value = _object(entry, name, place)
    if not all(isinstance(one, str) for one in value.values()):
        raise LineError(f"{place}{name}: an object of texts is expected")
    return value


def _answer(name: str, decision: Decision) -> str:
    because = [
        {"policy": reason.policy, "clause": reason.clause[:_SHOWN], "why": reason.why[:_SHOWN]}
        for reason in decision.because[:_REASONS]
    ]
    return f'"decision": "{name}", "because": {json.dumps(because)}, "assuming": {json.dumps(decision.assuming)}'
