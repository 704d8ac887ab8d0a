"""The batch: order, errors, exit codes, what may be left out."""

import json
from typing import Any

import pytest

from cred_audit.ask.aws import answer_lines

ACCOUNT = "111122223333"
ALLOW: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "Read", "Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}],
}
LINE: dict[str, Any] = {
    "id": "1",
    "principal": f"arn:aws:sts::{ACCOUNT}:assumed-role/agent/run",
    "policies": {"identity": [ALLOW]},
    "request": {
        "action": "secretsmanager:GetSecretValue",
        "resource": f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:x-AbCdEf",
    },
}


def asked(*lines: Any) -> tuple[list[dict[str, Any]], int]:
    answers: list[str] = []
    texts = [line if isinstance(line, str | bytes) else json.dumps(line) for line in lines]
    total = answer_lines(texts, answers.append)
    assert all(answer.endswith("\n") and answer.count("\n") == 1 for answer in answers)
    return [json.loads(answer) for answer in answers], total.exit_code


def test_an_answer_names_the_statement() -> None:
    answers, code = asked(LINE)
    assert code == 0
    assert answers[0]["id"] == "1"
    assert answers[0]["decision"] == "ALLOW"
    assert answers[0]["because"][0]["policy"] == "identity[0]"
    assert "statement 1 (Read) allows" in answers[0]["because"][0]["why"]
    assert json.loads(answers[0]["because"][0]["clause"]) == ALLOW["Statement"][0]


def test_absent_null_and_empty_mean_the_same() -> None:
    nothing: Any
    for nothing in (None, {}, []):
        fields = ("principal_tags", "session_tags", "principal_role")
        policies = dict.fromkeys(("boundary", "session", "scps", "rcps", "resource", "vpc_endpoint"), nothing)
        request: dict[str, Any] = dict.fromkeys(
            ("resource_tags", "request_tags", "context", "resource_account"), nothing
        )
        line = LINE | dict.fromkeys(fields, nothing)
        line |= {"policies": policies | LINE["policies"], "request": request | LINE["request"]}
        answers, code = asked(line)
        assert (answers[0]["decision"], code) == ("ALLOW", 0)


def test_nothing_in_a_level_or_as_a_value_is_nothing_too() -> None:
    nothing: Any
    for nothing in (None, {}, []):
        request = LINE["request"] | {"context": {"aws:SourceVpc": nothing}}
        absent = ALLOW | {"Statement": [ALLOW["Statement"][0] | {"Condition": {"Null": {"aws:SourceVpc": "true"}}}]}
        line = LINE | {"request": request, "expect": nothing, "policies": {"identity": [absent], "rcps": [nothing]}}
        assert [answer["decision"] for answer in asked(line)[0]] == ["ALLOW"]
        line["policies"] = {"identity": [absent], "scps": [[ALLOW], nothing]}
        assert [answer["decision"] for answer in asked(line)[0]] == ["DENY"]


def test_unknown_fields_and_empty_lines_are_passed_over() -> None:
    answers, code = asked("", LINE | {"note": 1, "Principal": 2}, "  ")
    assert (len(answers), code) == (1, 0)


def test_a_bad_line_gives_its_error_and_the_rest_is_answered_in_order() -> None:
    bad = LINE | {"id": "2", "policies": {"identity": [{"Statement": [{"Effect": "allow"}]}]}}
    answers, code = asked(LINE, "{", bad, LINE | {"id": "3"})
    assert code == 2
    assert [answer.get("id") for answer in answers] == ["1", None, "2", "3"]
    assert "not JSON" in answers[1]["error"]
    assert answers[2]["error"].startswith("invalid_policy: identity[0]: statement 1: Effect is 'allow'")
    assert "decision" not in answers[2]
    assert answers[3]["decision"] == "ALLOW"


@pytest.mark.parametrize(("change", "expected"), [
    ({"principal": None}, "principal: a text is expected"),
    ({"principal": "arn:aws:iam"}, "fewer than six parts"),
    ({"principal_tags": {"a": 1}}, "principal_tags: an object of texts"),
    ({"policies": 3}, "policies: an object is expected"),
    ({"policies": {"identity": ALLOW}}, "policies.identity: a list is expected"),
    ({"policies": {"scps": [ALLOW]}}, "policies.scps[0]: a list of documents"),
    ({"request": None}, "one of request and requests"),
    ({"request": {"action": "x", "resource": "*"}}, "request.action: service:Action"),
    ({"request": {"action": "s3:x", "resource": "bucket"}}, "request.resource: an ARN or *"),
    ({"request": LINE["request"] | {"context": {"a": 1}}}, "request.context: the value of a condition key"),
    ({"expect": "maybe"}, "expect: one of ALLOW"),
])  # fmt: skip
def test_what_cannot_be_read_is_an_error_that_names_the_place(change: dict[str, Any], expected: str) -> None:
    answers, code = asked(LINE | change)
    assert code == 2
    assert expected in answers[0]["error"]


def test_a_wrong_expectation_ends_with_1() -> None:
    answers, code = asked(LINE | {"expect": "DENY"}, LINE | {"expect": "allow"})
    assert [answer["ok"] for answer in answers] == [False, True]
    assert code == 1


def test_many_requests_under_one_set_of_rules() -> None:
    line = {key: value for key, value in LINE.items() if key != "request"}
    other = LINE["request"] | {"action": "ssm:GetParameter"}
    answers, code = asked(line | {"requests": [LINE["request"], other], "expect": ["ALLOW", "DENY"]})
    assert [answer["decision"] for answer in answers[0]["decisions"]] == ["ALLOW", "DENY"]
    assert code == 0


def test_hostile_lines_give_short_errors() -> None:
    lines = [
        "[" * 200_000,
        b"\xff\xfe",
        '{"id": "\\ud800", "principal": 1}',
        '{"id": 1, "id": 2}',
        "NaN",
        "[]",
        "1e999",
    ]
    answers, code = asked(*lines)
    assert code == 2
    assert len(answers) == len(lines)
    assert all(len(answer["error"]) < 500 for answer in answers)


def test_texts_that_no_encoding_takes_and_huge_numbers_are_answered() -> None:
    odd = ALLOW | {"Id": "\ud800"}
    huge = ALLOW | {"Statement": [ALLOW["Statement"][0] | {"Condition": {"NumericEquals": {"a:b": 10**400}}}]}
    answers, code = asked(LINE | {"policies": {"identity": [odd]}}, LINE | {"policies": {"identity": [huge]}})
    assert [answer["decision"] for answer in answers] == ["ALLOW", "DENY"]
    assert code == 0
