"""Answers a batch of questions about AWS; see `lines`. Equal rules and equal policies are compiled once.

An absent field, null, an empty object and an empty list mean the same: nothing there. Unknown fields are passed over.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from cred_audit.ask.line import LineError
from cred_audit.ask.lines import CLAUSE, REASONS, Answers, Batch, Kept
from cred_audit.decide import Decision
from cred_audit.decide.aws.document import PolicyError, read_document
from cred_audit.decide.aws.engine import NO_RESOURCE_SIDE, Evaluator
from cred_audit.decide.aws.model import (
    Document,
    Kind,
    Principal,
    PrincipalPolicies,
    Request,
    ResourcePolicies,
    Value,
)

_NOTHING: tuple[Any, ...] = (None, {}, [])
_PRINCIPAL = ("principal", "principal_role", "principal_tags", "session_tags")
_DECISIONS = ("ALLOW", "DENY", "UNKNOWN")
_DOCUMENTS = 4096
"""Policy documents kept at a time."""


def answer_lines(lines: Iterable[str | bytes], write: Callable[[str], object]) -> Answers:
    """Answer each line through `write`, one text with its line end at a time. Empty lines are passed over."""
    return _Batch().answered(lines, write)


class _Batch(Batch):
    def __init__(self) -> None:
        super().__init__()
        self.evaluators: Kept[Evaluator] = Kept()
        self.resources: Kept[ResourcePolicies] = Kept()
        self.documents: Kept[Document] = Kept(_DOCUMENTS)

    def body(self, line: dict[str, Any]) -> str:
        one, many = _object(line, "request"), _list(line, "requests")
        if bool(one) is bool(many):
            raise LineError("one of request and requests is expected")
        try:
            evaluator, resource = self.principal(line), self.resource(_object(line, "policies"))
        except PolicyError as error:
            raise LineError(f"invalid_policy: {error}") from None
        expected = line.get("expect")
        if one:
            return self.decided(evaluator, resource, one, "request.", expected)
        return self.many(
            many, expected,
            lambda value, place, each: self.decided(evaluator, resource, _is_object(value, place), f"{place}.", each),
        )  # fmt: skip

    def principal(self, line: dict[str, Any]) -> Evaluator:
        """Return the principal with its policies."""
        policies = _object(line, "policies")
        sides = {name: policies.get(name) for name in ("identity", "boundary", "session", "scps", "vpc_endpoint")}
        key = _key([[line.get(name) for name in _PRINCIPAL], sides])
        known = self.evaluators.get(key)
        if known is not None:
            return known
        principal = Principal(
            arn=_principal(line),
            role=_text(line, "principal_role", ""),
            tags=_texts_of(line, "principal_tags"),
            session_tags=_texts_of(line, "session_tags"),
        )
        own = PrincipalPolicies(
            identity=tuple(
                self.document(entry, Kind.IDENTITY, f"identity[{number}]")
                for number, entry in enumerate(_list(policies, "identity", "policies."))
            ),
            boundary=self.optional(policies, "boundary", Kind.BOUNDARY),
            session=self.optional(policies, "session", Kind.SESSION),
            scps=self.levels(policies, "scps", Kind.SCP),
            vpc_endpoint=self.optional(policies, "vpc_endpoint", Kind.VPC_ENDPOINT),
        )
        return self.evaluators.keep(key, Evaluator(principal, own))

    def resource(self, policies: dict[str, Any]) -> ResourcePolicies:
        """Return the policies on the resource's side."""
        key = _key([policies.get("resource"), policies.get("rcps")])
        known = self.resources.get(key)
        if known is not None:
            return known
        found = ResourcePolicies(
            policy=self.optional(policies, "resource", Kind.RESOURCE), rcps=self.levels(policies, "rcps", Kind.RCP)
        )
        # The engine is quickest where it is told that there is nothing at all.
        return self.resources.keep(key, found if found.policy or found.rcps else NO_RESOURCE_SIDE)

    def document(self, source: Any, kind: Kind, name: str) -> Document:
        """Return a policy document; equal ones are one, and so compiled once."""
        key = _key([name, source])
        return self.documents.get(key) or self.documents.keep(key, read_document(source, kind, name))

    def optional(self, policies: dict[str, Any], name: str, kind: Kind) -> Document | None:
        source = policies.get(name)
        return None if source in _NOTHING else self.document(source, kind, name)

    def levels(self, policies: dict[str, Any], name: str, kind: Kind) -> tuple[tuple[Document, ...], ...]:
        found = []
        for number, level in enumerate(_list(policies, name, "policies.")):
            if level not in _NOTHING and not isinstance(level, list):
                raise LineError(f"policies.{name}[{number}]: a list of documents is expected, one list a level")
            documents = enumerate(level or ())
            found.append(tuple(self.document(entry, kind, f"{name}[{number}][{place}]") for place, entry in documents))
        return tuple(found)

    def decided(
        self, evaluator: Evaluator, resource: ResourcePolicies, entry: dict[str, Any], place: str, expected: Any
    ) -> str:
        if entry.get("expect") not in _NOTHING:
            expected = entry["expect"]
        expected = None if expected in _NOTHING else str(expected).upper()
        if expected is not None and expected not in _DECISIONS:
            raise LineError("expect: one of ALLOW, DENY and UNKNOWN is expected")
        decision = evaluator.decide(_request(entry, place), resource)
        self.answers.decisions += 1
        name = decision.effect.value.upper()
        return _answer(name, decision) + self.judged(expected, name)


def _key(value: Any) -> bytes:
    """Return what equal JSON values have in common."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, msgspec.MsgspecError, OverflowError):
        # Halves of surrogate pairs and numbers beyond 64 bits, which only the slower one writes.
        return json.dumps(value).encode()


def _principal(line: dict[str, Any]) -> str:
    arn = _text(line, "principal")
    if arn.startswith("arn:") and arn.count(":") < 5:
        raise LineError("principal: the ARN has fewer than six parts")
    if not arn:
        raise LineError("principal: an ARN, the name of a service or * is expected")
    return arn


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
    if value in _NOTHING:
        return ()
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise LineError(f"{place}: the value of a condition key is a text or a list of texts")


def _text(entry: dict[str, Any], name: str, default: str | None = None, *, place: str = "") -> str:
    value = entry.get(name)
    if default is not None and value in _NOTHING:
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
        {"policy": reason.policy, "clause": reason.clause[:CLAUSE], "why": reason.why[:CLAUSE]}
        for reason in decision.because[:REASONS]
    ]
    return f'"decision": "{name}", "because": {json.dumps(because)}, "assuming": {json.dumps(decision.assuming)}'
