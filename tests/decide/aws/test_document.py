"""Policies that AWS refuses are refused, with the place; what it accepts is accepted."""

import json
from typing import Any

import pytest

from cred_audit.decide.aws.document import PolicyError, read_document
from cred_audit.decide.aws.model import Kind

ALLOW: dict[str, Any] = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def document(*statements: Any, **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)} | more


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ALLOW.items() if key != name}


REFUSED: dict[str, tuple[Any, Kind, str]] = {
    "not JSON": ("{", Kind.IDENTITY, "p: line 1: the document is not JSON"),
    "nested too deeply": ("[" * 100_000, Kind.IDENTITY, "the document is not JSON"),
    "a list": ([], Kind.IDENTITY, "a policy document is a JSON object, not a list"),
    "no statement": ({"Version": "2012-10-17"}, Kind.IDENTITY, "has no Statement"),
    "unknown version": (document(ALLOW, Version="2020-01-01"), Kind.IDENTITY, "Version is '2020-01-01'"),
    "misspelt element": (document(ALLOW, Statements=[]), Kind.IDENTITY, "unknown element 'Statements'"),
    "statement is a text": (document("x"), Kind.IDENTITY, "statement 1 is a JSON object, not a text"),
    "misspelt statement element": (document(ALLOW | {"Resources": "*"}), Kind.IDENTITY, "unknown element 'Resources'"),
    "effect in lower case": (document(ALLOW | {"Effect": "allow"}), Kind.IDENTITY, "Effect is 'allow'"),
    "no effect": (document(without("Effect")), Kind.IDENTITY, "Effect is 'null'"),
    "no action": (document(without("Action")), Kind.IDENTITY, "neither Action nor NotAction"),
    "action and not action": (document(ALLOW | {"NotAction": "x:y"}), Kind.IDENTITY, "exclude each other"),
    "action without service": (document(ALLOW | {"Action": "Get*"}), Kind.IDENTITY, "neither * nor service:Action"),
    "action is a number": (document(ALLOW | {"Action": 1}), Kind.IDENTITY, "holds a number"),
    "no resource": (document(without("Resource")), Kind.IDENTITY, "neither Resource nor NotResource"),
    "resource and not resource": (document(ALLOW | {"NotResource": "*"}), Kind.IDENTITY, "exclude each other"),
    "resource is a name": (document(ALLOW | {"Resource": "secret"}), Kind.IDENTITY, "neither an ARN nor *"),
    "principal in an identity policy": (document(ALLOW | {"Principal": "*"}), Kind.IDENTITY, "must not have Principal"),
    "principal in a boundary": (document(ALLOW | {"NotPrincipal": "*"}), Kind.BOUNDARY, "must not have NotPrincipal"),
    "principal in a service control policy": (document(ALLOW | {"Principal": "*"}), Kind.SCP, "must not have"),
    "both principals": (document(ALLOW | {"Principal": "*", "NotPrincipal": "*"}), Kind.RESOURCE, "exclude each other"),
    "principal is an ARN": (document(ALLOW | {"Principal": "arn:aws:iam::1:root"}), Kind.RESOURCE, "must be * or an"),
    "principal of unknown type": (document(ALLOW | {"Principal": {"User": "x"}}), Kind.RESOURCE, "unknown type 'User'"),
    "two statements of one name": (document(ALLOW | {"Sid": "A"}, ALLOW | {"Sid": "A"}), Kind.IDENTITY, "unique"),
    "Sid is a number": (document(ALLOW | {"Sid": 1}), Kind.IDENTITY, "Sid must be a text"),
    "unknown operator": (document(ALLOW | {"Condition": {"StringEqual": {"a": "b"}}}), Kind.IDENTITY, "'StringEqual'"),
    "unknown set operator": (document(ALLOW | {"Condition": {"ForSome:Bool": {"a": "b"}}}), Kind.IDENTITY, "ForSome"),
    "condition is a list": (document(ALLOW | {"Condition": []}), Kind.IDENTITY, "Condition must be an object"),
    "operator holds a text": (document(ALLOW | {"Condition": {"Bool": "x"}}), Kind.IDENTITY, "must be an object of"),
    "value is an object": (document(ALLOW | {"Condition": {"Bool": {"a": {}}}}), Kind.IDENTITY, "holds an object"),
    "value is null": (document(ALLOW | {"Condition": {"Bool": {"a": [None]}}}), Kind.IDENTITY, "holds null"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_aws_refuses_is_an_error_that_names_the_place(name: str) -> None:
    source, kind, expected = REFUSED[name]
    with pytest.raises(PolicyError) as caught:
        read_document(source, kind, "p")
    assert expected in str(caught.value)
    assert str(caught.value).startswith("p: ")


def test_hostile_text_stays_short_and_printable() -> None:
    with pytest.raises(PolicyError) as caught:
        read_document(document(ALLOW | {"\x1b[31m" + "x" * 10_000: 1}), Kind.IDENTITY, "p")
    assert len(str(caught.value)) < 200
    assert "\x1b" not in str(caught.value)


def test_text_object_and_percent_encoded_text_are_one_document() -> None:
    source = document(ALLOW | {"Sid": "Read"})
    forms = (source, json.dumps(source), json.dumps(source).replace("{", "%7B").replace(" ", "%20"))
    texts = [read_document(form, Kind.IDENTITY, "p").statements[0].text for form in forms]
    assert texts[0] == texts[1] == texts[2]


def test_one_statement_may_stand_without_a_list_and_the_version_may_be_missing() -> None:
    read = read_document({"Statement": ALLOW}, Kind.IDENTITY, "p")
    assert len(read.statements) == 1
    assert not read.variables


def test_an_operator_is_read_without_case_and_keeps_its_prefix_and_suffix() -> None:
    source = document(ALLOW | {"Condition": {"forAnyValue:stringequalsIFEXISTS": {"aws:TagKeys": ["a", 1, True]}}})
    condition = read_document(source, Kind.IDENTITY, "p").statements[0].conditions[0]
    assert condition.written == "ForAnyValue:StringEqualsIfExists"
    assert condition.values == ("a", "1", "true")


def test_a_trust_policy_needs_no_resource() -> None:
    source = document({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"})
    assert read_document(source, Kind.RESOURCE, "p").statements[0].resources is None
