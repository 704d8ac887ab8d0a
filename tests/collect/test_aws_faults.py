"""The live AWS collector where AWS, or what pretends to be AWS, refuses, fails, lies or stops half-way."""

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cred_audit.decide.aws.world import Account, Region, asked
from cred_audit.facts import AwsFacts
from cred_audit.target.model import AwsSource
from tests.aws_server import OWN_ACCOUNT, REGION, AwsServer
from tests.collect.aws_faults import DENIED, Asked, Fault, Reply, between, refusal, refused
from tests.collect.aws_reading import faulty, read, reason, refusing, region_of

SECRET = f"arn:aws:secretsmanager:{REGION}:{OWN_ACCOUNT}:secret:x-AbCdEf"
PARTS = {
    "GetAccountAuthorizationDetails": ("iam", ""),
    "ListSecrets": ("secrets", REGION),
    "DescribeParameters": ("parameters", REGION),
    "ListKeys": ("keys", REGION),
    "DescribeTrails": ("trails", REGION),
}
"""Operation -> the part that it shows, and its region."""
SERVICES = {"iam": "iam", "secrets": "secretsmanager", "parameters": "ssm", "keys": "kms", "trails": "cloudtrail"}
OBJECTS: Mapping[str, Callable[[Account, Region], list[Any]]] = {
    "iam:ListAccessKeys": lambda account, _: [user.access_keys for user in account.users or ()],
    "iam:ListRoles": lambda account, _: [role.max_session for role in account.roles or ()],
    "secretsmanager:GetResourcePolicy": lambda _, region: [
        one.policy if one.policy_seen else None for one in region.secrets or ()
    ],
    "kms:GetKeyPolicy": lambda _, region: [key.policy for key in region.keys or ()],
    "kms:ListGrants": lambda _, region: [key.grants for key in region.keys or ()],
    "kms:ListResourceTags": lambda _, region: [key.tags for key in region.keys or ()],
    "kms:DescribeKey": lambda _, region: [key.customer for key in region.keys or ()],
    "ssm:ListTagsForResource": lambda _, region: [one.tags for one in region.parameters or ()],
    "lambda:GetFunctionConfiguration": lambda _, region: [one.role for one in region.functions or ()],
    "cloudtrail:GetTrailStatus": lambda _, region: [one.logging for one in region.trails or ()],
    "cloudtrail:GetEventSelectors": lambda _, region: [one.reads for one in region.trails or ()],
}
"""Call about one object -> what it shows."""


# --- nothing can be read at all


def test_nothing_listens() -> None:
    before = time.monotonic()
    assert "the endpoint cannot be reached" in refusing("http://127.0.0.1:1")
    assert time.monotonic() - before < 5


def test_no_credentials_and_half_of_them() -> None:
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""}
    assert "there are no credentials; set aws.profile" in refusing("http://127.0.0.1:1", None, **nobody)
    assert "incomplete" in refusing("http://127.0.0.1:1", AWS_SECRET_ACCESS_KEY="")
    assert "no such profile" in refusing("http://127.0.0.1:1", AwsSource(profile="nope"))


def test_no_region() -> None:
    assert "no region; set aws.regions" in refusing("http://127.0.0.1:1", AWS_DEFAULT_REGION="")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ExpiredToken", "the credentials have expired; sign in again"),
        ("InvalidClientTokenId", "the access key is not known to AWS"),
        ("SignatureDoesNotMatch", "the clock of this machine is wrong"),
        ("AccessDenied", "access denied; the auditor needs sts:GetCallerIdentity"),
    ],
)
def test_credentials_that_are_no_good(planted_server: AwsServer, code: str, said: str) -> None:
    with faulty(planted_server, GetCallerIdentity=refused(code, status=403)) as server:
        assert said in refusing(server.url)


@pytest.mark.parametrize("body", [b"<!doctype html><html>hello</html>", b"", b"\x00\xff", b"<a>" * 100_000, b"{}"])
def test_an_endpoint_that_is_not_aws(planted_server: AwsServer, body: bytes) -> None:
    with between(planted_server.url, {"*": lambda _: (200, body)}) as server:
        assert "is the endpoint AWS?" in refusing(server.url)


def test_a_caller_that_may_read_nothing_is_told_how_to_get_its_policy(planted_server: AwsServer) -> None:
    whoami: Fault = lambda asked_: None if asked_.operation == "GetCallerIdentity" else DENIED(asked_)  # noqa: E731
    with between(planted_server.url, {"*": whoami}) as server:
        text = refusing(server.url)
    assert "iam get-account-authorization-details" in text
    assert "access denied; the auditor needs iam:GetAccountAuthorizationDetails" in text
    assert "collect --print-policy --aws" in text


# --- one part fails, the others stay


def seen_parts(facts: AwsFacts) -> set[str]:
    """Return the parts of which something was seen."""
    found: dict[str, Any] = {part: getattr(region_of(facts), part) for part, region in PARTS.values() if region}
    return {part for part, value in {**found, "iam": facts.world.accounts[0].roles}.items() if value}


@pytest.mark.parametrize("operation", PARTS)
def test_a_part_that_is_refused_costs_no_other(planted_server: AwsServer, operation: str) -> None:
    part, region = PARTS[operation]
    with faulty(planted_server, **{operation: DENIED}) as server:
        facts, gaps = read(server.url)
    assert f"the auditor needs {SERVICES[part]}:{operation}" in reason(gaps, asked(part, OWN_ACCOUNT, region))
    assert seen_parts(facts) == {one for one, _ in PARTS.values()} - {part}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (refused("ThrottlingException"), "AWS throttled the call"),
        (refused("InternalFailure", status=500), "the endpoint failed (HTTP 500 InternalFailure)"),
        (refused("UnknownOperationException"), "an emulator may lack it"),
        (refused("OptInRequired", status=403), "enable it for the account, or leave it out of aws.regions"),
        (lambda _: (200, b"{}"), "not as AWS documents it"),
        (lambda _: (200, b"[" * 50_000), "not as AWS documents it"),
    ],
    ids=["throttled", "failed", "unknown", "opted-out", "empty", "deep"],
)
def test_parts_that_fail_are_gaps(planted_server: AwsServer, fault: Fault, said: str) -> None:
    failing = [operation for operation in PARTS if operation != "ListKeys"]
    with faulty(planted_server, **dict.fromkeys(failing, fault)) as server:
        facts, gaps = read(server.url)
    assert seen_parts(facts) == {"keys"}
    for operation in failing:
        part, region = PARTS[operation]
        assert said in reason(gaps, asked(part, OWN_ACCOUNT, region))


def test_functions_are_unknown_where_the_secrets_are(planted_server: AwsServer) -> None:
    with faulty(planted_server, ListSecrets=DENIED) as server:
        facts, gaps = read(server.url)
    assert region_of(facts).functions is None
    assert "the secrets were not seen" in reason(gaps, asked("functions", OWN_ACCOUNT, REGION))


@pytest.mark.parametrize("fault", [DENIED, refused("InternalError", status=500), lambda _: (200, b'"text"')])
def test_an_object_whose_call_fails_is_not_seen(planted_server: AwsServer, fault: Fault) -> None:
    with faulty(planted_server, **{action.partition(":")[2]: fault for action in OBJECTS}) as server:
        facts, gaps = read(server.url)
    for action, shown in OBJECTS.items():
        found = shown(facts.world.accounts[0], region_of(facts))
        assert found, action
        assert all(one is None for one in found), action
        service, _, operation = action.partition(":")
        call = f"{service} {re.sub(r'(?<=[a-z])(?=[A-Z])', '-', operation).lower()}"
        mine = [gap for gap in gaps if gap.what.startswith(call)]
        assert mine, action
        assert fault is not DENIED or {gap.reason for gap in mine} == {f"access denied; the auditor needs {action}"}


def test_the_same_objects_are_seen_where_nothing_fails(planted_server: AwsServer) -> None:
    facts, gaps = read(planted_server.url)
    assert gaps == ()
    for action, shown in OBJECTS.items():
        found = shown(facts.world.accounts[0], region_of(facts))
        assert [one for one in found if one is not None], action


def test_an_explicit_deny_says_whose_it_is(planted_server: AwsServer) -> None:
    message = "User x is not authorized with an explicit deny in a service control policy"
    with faulty(planted_server, ListKeys=refused("AccessDeniedException", message)) as server:
        _, gaps = read(server.url)
    assert reason(gaps, asked("keys", OWN_ACCOUNT, REGION)).endswith(
        "the auditor needs kms:ListKeys, which an explicit deny in a service control policy refuses"
    )


def test_one_reason_for_many_secrets_is_summed_up(aws_server: AwsServer) -> None:
    manager = aws_server.client("secretsmanager")
    for number in range(30):
        manager.create_secret(Name=f"n{number}", SecretString="x")
    with faulty(aws_server, GetResourcePolicy=DENIED) as server:
        _, gaps = read(server.url)
    named = [gap for gap in gaps if gap.what.startswith("secretsmanager get-resource-policy arn:")]
    summed = [gap for gap in gaps if "more like it" in gap.reason]
    assert len(named) == 20
    assert [gap.reason.split(" ")[0] for gap in summed] == ["10"]


# --- listings that stop half-way


def test_a_listing_that_fails_on_its_second_page_is_not_seen(aws_server: AwsServer) -> None:
    systems = aws_server.client("ssm")
    for number in range(60):
        systems.put_parameter(Name=f"/n/{number}", Value="x", Type="String")
    asked_for: list[bytes] = []
    with faulty(aws_server, DescribeParameters=lambda one: asked_for.append(one.body)) as server:
        assert len(region_of(read(server.url)[0]).parameters or ()) == 60
    assert len(asked_for) > 1
    assert all(json.loads(body)["MaxResults"] == 50 for body in asked_for)
    later: Fault = lambda one: DENIED(one) if one.number > 1 else None  # noqa: E731
    with faulty(aws_server, DescribeParameters=later) as server:
        facts, gaps = read(server.url)
    assert region_of(facts).parameters is None
    assert region_of(facts).secrets == ()
    assert "(after 1 pages that came)" in reason(gaps, asked("parameters", OWN_ACCOUNT, REGION))


def test_a_listing_that_runs_in_circles_ends(planted_server: AwsServer) -> None:
    page = json.dumps({"SecretList": [], "NextToken": "again"}).encode()
    with faulty(planted_server, ListSecrets=lambda _: (200, page)) as server:
        facts, gaps = read(server.url)
        assert server.asked["ListSecrets"] < 5
    assert region_of(facts).secrets is None
    assert "runs in circles" in reason(gaps, asked("secrets", OWN_ACCOUNT, REGION))


def test_a_listing_without_end_ends(planted_server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cred_audit.collect.aws.live.service._MOST_PAGES", 30)
    endless: Fault = lambda one: (  # noqa: E731
        200, json.dumps({"Keys": [], "Truncated": True, "NextMarker": str(one.number)}).encode()
    )  # fmt: skip
    with faulty(planted_server, ListKeys=endless) as server:
        _, gaps = read(server.url)
        assert server.asked["ListKeys"] == 31
    assert "more than 30 pages" in reason(gaps, asked("keys", OWN_ACCOUNT, REGION))


# --- retries


def test_a_call_that_is_throttled_once_is_made_again(planted_server: AwsServer) -> None:
    once: Fault = lambda one: refusal(one, "ThrottlingException") if one.number == 1 else None  # noqa: E731
    with faulty(planted_server, ListKeys=once) as server:
        facts, gaps = read(server.url, AWS_MAX_ATTEMPTS="3")
        assert server.asked["ListKeys"] == 2
    assert region_of(facts).keys
    assert gaps == ()


def test_the_auditor_says_who_it_is(planted_server: AwsServer) -> None:
    agents: set[str] = set()

    def heard(one: Asked) -> Reply | None:
        agents.add(next(value for name, value in one.headers.items() if name.lower() == "user-agent"))
        return None

    with between(planted_server.url, {"*": heard}) as server:
        read(server.url)
    assert agents
    assert all(re.search(r"cred-audit/\d", agent) for agent in agents)


# --- answers that are not as documented


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("ListSecrets", {"SecretList": [{"Name": "no ARN"}]}),
        ("ListSecrets", {"SecretList": [{"ARN": "no-arn"}]}),
        ("ListSecrets", {"SecretList": ["text", 7]}),
        ("ListSecrets", {"SecretList": {"a": 1}}),
        ("ListSecrets", {"SecretList": None}),
        ("ListSecrets", {"SecretList": [{"ARN": SECRET, "Tags": 7}]}),
        ("ListSecrets", {"SecretList": [{"ARN": SECRET, "LastChangedDate": 1e30}]}),
        ("DescribeParameters", {"Parameters": [{"Name": ["x"], "Type": {}}]}),
        ("ListKeys", {"Keys": [{"KeyArn": None}]}),
        ("DescribeTrails", {"trailList": [{"Name": "x"}]}),
    ],
)  # fmt: skip
def test_a_malformed_answer_is_a_gap(planted_server: AwsServer, operation: str, answer: Mapping[str, Any]) -> None:
    part, region = PARTS[operation]
    with faulty(planted_server, **{operation: lambda _: (200, json.dumps(answer).encode())}) as server:
        facts, gaps = read(server.url)
    assert getattr(region_of(facts), part) is None
    assert "not as AWS documents it" in reason(gaps, asked(part, OWN_ACCOUNT, region))


def test_names_of_two_million_characters_and_halves_of_characters(planted_server: AwsServer) -> None:
    arn = f"arn:aws:secretsmanager:{REGION}:{OWN_ACCOUNT}:secret:\ud800\x1b[2J{'x' * 2_000_000}"
    answer = json.dumps({"SecretList": [{"ARN": arn, "Tags": [{"Key": "k", "Value": "\udfff"}]}]}).encode()
    with faulty(planted_server, ListSecrets=lambda _: (200, answer), GetResourcePolicy=DENIED) as server:
        facts, gaps = read(server.url)
    (secret,) = region_of(facts).secrets or ()
    secret.arn.encode()
    assert [gap for gap in gaps if gap.what.startswith("secretsmanager get-resource-policy arn:")]
