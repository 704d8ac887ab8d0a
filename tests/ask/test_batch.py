"""Batches of questions: streaming, order, errors, expectations, exit codes, hostile lines."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cred_audit.ask import Answers, answer_lines, bounded_lines
from cred_audit.ask.line import MAXIMUM_LINE

SERVER = {"product": "openbao", "version": "2.7.2"}


def line(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": "1",
        "server": SERVER,
        "mounts": [{"path": "k/", "type": "kv", "version": 1}],
        "policies": [{"name": "p", "text": '# first\npath "k/a" {\n  capabilities = ["read"]\n}'}],
        "subject": {"policies": ["p"]},
        "request": {"method": "GET", "path": "k/a"},
    }
    made |= changes
    return {name: value for name, value in made.items() if value is not None}


def asked(*lines: Any, now: datetime | None = None) -> tuple[list[Any], Answers]:
    written: list[str] = []
    given = [entry if isinstance(entry, str | bytes) else json.dumps(entry) for entry in lines]
    clock = (lambda: now) if now is not None else None
    answers = answer_lines(given, written.append, now=clock)
    assert all(text.endswith("\n") and text.count("\n") == 1 for text in written)
    return [json.loads(text) for text in written], answers


def one(entry: Any) -> Any:
    return asked(entry)[0][0]


def test_an_answer_names_the_clause() -> None:
    assert one(line()) == {
        "id": "1",
        "decision": "allow",
        "because": [
            {
                "policy": "p",
                "namespace": "",
                "clause": 'path "k/a" {\n  capabilities = ["read"]\n}',
                "line": 2,
                "why": "grants read",
            }
        ],
        "assuming": [],
    }


def test_every_field_but_the_necessary_ones_may_be_left_out() -> None:
    least = {
        "id": 7,
        "policies": [{"name": "p", "text": 'path "k/a" { policy = "read" }'}],
        "subject": {"policies": ["p"]},
        "request": {"method": "GET", "path": "k/a"},
    }
    assert one(least)["decision"] == "allow"
    assert one(least)["id"] == 7


def test_lines_are_answered_in_order_and_a_bad_one_does_not_stop_the_rest() -> None:
    answers, outcome = asked(line(id=1), "nonsense", line(id=3), "", "   ", line(id=4, request={"method": "GET"}))
    assert [answer["id"] for answer in answers] == [1, None, 3, 4]
    assert "not JSON" in answers[1]["error"]
    assert answers[3]["error"] == "request.path: a text is expected"
    assert (outcome.answered, outcome.errors, outcome.exit_code) == (2, 2, 2)


def test_each_line_is_written_before_the_next_is_read() -> None:
    seen: list[int] = []
    written: list[str] = []

    def lines() -> Any:
        for number in range(3):
            seen.append(len(written))
            yield json.dumps(line(id=number))

    answer_lines(lines(), written.append)
    assert seen == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"\xff", "not UTF-8"),
        ("[]", "one JSON object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' * 50_000, "nested too deeply"),
        ('{"id": 1, "id": 2}', "'id' is set twice"),
        ('{"id": NaN}', "NaN is not JSON"),
        ("1" * 5000, "not JSON|limit|one JSON object"),
        ("{}", "one of request, requests and capabilities"),
    ],
)
def test_hostile_lines_are_errors(text: str | bytes, problem: str) -> None:
    answers, outcome = asked(text)
    assert any(part in answers[0]["error"] for part in problem.split("|")), answers
    assert outcome.exit_code == 2


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"policies": None}, "policies: a list is expected"),
        ({"policies": [{"name": "p"}]}, "policies[0].text: a text is expected"),
        ({"policies": ["p"]}, "policies[0]: an object is expected"),
        ({"policies": [{"name": "p", "text": " ", "options": 3}]}, "policies[0].options: an object is expected"),
        ({"subject": None}, "subject: an object is expected"),
        ({"subject": {"policies": "p"}}, "subject.policies: a list is expected"),
        ({"subject": {"policies": [1]}}, "subject.policies: a list of texts is expected"),
        (
            {"subject": {"policies": [], "entity": {"metadata": {"a": 1}}}},
            "subject.entity.metadata: an object of texts",
        ),
        ({"request": {"method": 1, "path": ""}}, "request.method: a text is expected"),
        ({"request": {"method": "GET", "path": "x", "exists": "yes"}}, "request.exists: true, false or null"),
        ({"requests": [], "capabilities": []}, "one of request, requests and capabilities"),
        ({"server": {"product": "etcd"}}, "server.product: openbao or vault is expected"),
        ({"polices": []}, "polices: unknown key; did you mean policies"),
        ({"mounts": [{"path": "k/", "type": "kv", "version": 3}]}, "mounts[0].version: 1 or 2 is expected"),
        ({"expect": "maybe"}, "request.expect: one of allow, deny"),
    ],
)
def test_wrong_fields_are_named(changes: dict[str, Any], problem: str) -> None:
    assert problem in one(line(**changes))["error"]


def test_notes_of_the_writer_are_passed_over() -> None:
    assert one(line(comment="x", whatever=[1]))["decision"] == "allow"


def test_surrogates_and_control_characters_come_back_as_they_went() -> None:
    policies = [{"name": "p", "text": 'path "k/\\ud800" { policy = "read" }'}]
    written: list[str] = []
    entry = json.dumps(line(id="\ud800\x1b[31m", policies=policies))
    answer_lines([entry], written.append)
    assert written[0].isascii()
    assert json.loads(written[0])["id"] == "\ud800\x1b[31m"


def test_many_requests_under_one_set_of_rules() -> None:
    requests = [{"method": "GET", "path": path} for path in ("k/a", "k/b", "/")]
    requests[0]["id"] = "x"
    answer = one(line(request=None, requests=requests))
    assert [entry["decision"] for entry in answer["decisions"]] == ["allow", "deny", "rejected"]
    assert answer["decisions"][0]["id"] == "x"


def test_an_expectation_that_is_not_met_ends_with_1() -> None:
    answers, outcome = asked(line(expect="allow"))
    assert answers[0]["ok"] is True
    assert outcome.exit_code == 0
    answers, outcome = asked(line(expect="deny"))
    assert answers[0]["ok"] is False
    assert outcome.exit_code == 1
    requests = [{"method": "GET", "path": "k/a"}, {"method": "GET", "path": "k/b", "expect": "allow"}]
    answers, outcome = asked(line(request=None, requests=requests, expect=["allow", "deny"]))
    assert [entry["ok"] for entry in answers[0]["decisions"]] == [True, False]
    answers, outcome = asked(line(request=None, capabilities=["k/a"], expect={"k/a": ["read"]}))
    assert answers[0] == {"id": "1", "capabilities": {"k/a": ["read"]}, "ok": True}


def test_a_policy_that_the_server_would_refuse() -> None:
    policies = [{"name": "p", "text": 'path "k/a" {\n  capabilities = ["nonsense"]\n}'}]
    answer = one(line(policies=policies))
    assert answer["decision"] == "invalid_policy"
    assert answer["because"][0]["policy"] == "p"
    assert answer["because"][0]["line"] == 1
    assert "nonsense" in answer["because"][0]["why"]
    assert one(line(policies=policies, request=None, capabilities=["a"]))["decision"] == "invalid_policy"


def test_an_unknown_server_is_unknown_where_versions_differ() -> None:
    text = 'path "k/+" { capabilities = ["list"] } path "k/+/+" { capabilities = ["read"] }'
    policies = [{"name": "p", "text": text}]
    listing = {"method": "LIST", "path": "k/a"}
    known = line(policies=policies, request=listing)
    assert one(known)["decision"] == "deny"
    assert one({**known, "server": {"product": "openbao", "version": "2.5.4"}})["decision"] == "allow"
    assert one({**known, "server": None})["decision"] == "unknown"
    assert one({**known, "server": {"product": "openbao"}})["decision"] == "unknown"
    assert one({**known, "server": None, "request": {"method": "GET", "path": "k/a"}})["decision"] == "deny"


def test_whether_the_object_exists_decides_and_may_be_unknown() -> None:
    policies = [{"name": "p", "text": 'path "k/*" { capabilities = ["update"] }'}]
    for exists, decision in ((True, "allow"), (False, "deny"), (None, "unknown")):
        request = {"method": "POST", "path": "k/a", "body": {"a": 1}, "exists": exists}
        assert one(line(policies=policies, request=request))["decision"] == decision
        assert one(line(policies=policies, request=request, mounts=None))["decision"] == decision


def test_expirations_are_judged_when_the_line_is_answered() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    policies = [{"name": "p", "text": 'path "k/a" { policy = "read" expiration = "2026-01-02T00:00:00Z" }'}]
    entry = line(policies=policies)
    assert asked(entry, now=now)[0][0]["decision"] == "allow"
    assert asked(entry, now=now + timedelta(days=2))[0][0]["decision"] == "deny"
    entry = line(policies=[{"name": "p", "text": 'path "k/a" { policy = "read" }', "options": {"ttl": "1h"}}])
    assert asked(entry, now=now)[0][0]["decision"] == "allow"


def test_a_control_group_is_an_assumption() -> None:
    factor = 'factor "f" { controlled_capabilities = ["read"] identity { group_names = ["admins"] approvals = 1 } }'
    for ttl in ('ttl = "1h"', ""):
        text = f'path "k/a" {{ capabilities = ["read"] control_group {{ {ttl} {factor} }} }}'
        answer = one(line(policies=[{"name": "p", "text": text}]))
        assert answer["decision"] == "allow"
        assert len(answer["assuming"]) == 1
        assert "control group" in answer["assuming"][0]


def test_a_long_clause_is_quoted_in_part() -> None:
    text = 'path "k/a" { capabilities = ["read"] allowed_parameters = { "x" = ["' + "y" * 100_000 + '"] } }'
    answer = one(line(policies=[{"name": "p", "text": text}]))
    assert len(answer["because"][0]["clause"]) < 3000


def test_a_line_that_is_too_long_is_read_in_part_only() -> None:
    huge = b'{"id": "' + b"x" * (MAXIMUM_LINE + 10) + b'"}\n' + json.dumps(line(id=2)).encode() + b"\n"
    written: list[str] = []
    answers = answer_lines(bounded_lines(io.BytesIO(huge)), written.append)
    assert "longer than" in json.loads(written[0])["error"]
    assert json.loads(written[1])["decision"] == "allow"
    assert answers.exit_code == 2


def test_the_namespace_may_stand_among_the_headers() -> None:
    policies = [{"name": "p", "text": 'path "t1/k/a" { policy = "read" }'}]
    request = {"method": "GET", "path": "k/a", "headers": {"x-vault-namespace": "t1"}}
    entry = line(policies=policies, namespaces=["t1/"], request=request)
    assert one(entry)["decision"] == "allow"
    assert one({**entry, "request": {"method": "GET", "path": "k/a"}})["decision"] == "deny"


def test_capabilities_of_a_namespace_that_is_not_there_are_an_error() -> None:
    assert "no namespace" in one(line(request=None, capabilities=["a"], namespace="nowhere"))["error"]
    assert "empty path" in one(line(request=None, capabilities=[" "]))["error"]


_READ = {
    "id": "1",
    "policies": [{"name": "p", "text": 'path "kv/*" { capabilities = ["read"] }'}],
    "subject": {"policies": ["p"]},
}


@pytest.mark.parametrize(
    "more",
    [
        {"request": {"method": "GET", "path": "kv/\ud800"}},
        {"request": {"method": "GET", "path": "kv/" + "a/" * 20_000}},
        {"capabilities": ["kv/x"], "expect": {"kv/x": None}},
        {"capabilities": ["kv/x"], "expect": {"kv/x": "read"}},
        {"capabilities": ["kv/x"], "expect": {"kv/x": [1, "a"]}},
    ],
    ids=["surrogate", "long path", "expect null", "expect text", "expect mixed"],
)
def test_what_cannot_be_asked_is_an_error_of_its_line_and_the_next_is_answered(more: dict[str, Any]) -> None:
    good = {**_READ, "id": "2", "request": {"method": "GET", "path": "kv/x"}}
    written: list[str] = []
    answers = answer_lines([json.dumps({**_READ, **more}), json.dumps(good)], written.append)
    first, second = map(json.loads, written)
    assert first["id"] == "1"
    assert first["error"]
    assert second["decision"] == "allow"
    assert answers.exit_code == 2
