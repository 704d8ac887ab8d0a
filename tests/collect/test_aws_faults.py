"""The live AWS collector where AWS, or what pretends to be AWS, refuses, fails, lies or stops half-way."""

import contextlib
import json
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from cred_audit.collect.aws import collect_aws
from cred_audit.collect.aws.live.failures import NotSeen
from cred_audit.collect.aws.live.identities import Identities, _in_use
from cred_audit.collect.aws.live.secrets import secret_of
from cred_audit.collect.aws.live.trails import records_reads
from cred_audit.decide.aws.world import Account, PolicyText, Region, Role, asked
from cred_audit.errors import CollectError
from cred_audit.facts import AwsFacts, Gap
from cred_audit.target.model import AwsSource, Target
from tests.aws_server import KEY_ID, OWN_ACCOUNT, REGION, SECRET_KEY, AwsServer, running_aws
from tests.collect import aws_planted as planted
from tests.collect.aws_faults import DENIED, Asked, Between, Fault, Reply, between, refusal, refused

TOKEN = "canary-session-token-4711"
SECRET = f"arn:aws:secretsmanager:{REGION}:{OWN_ACCOUNT}:secret:x-AbCdEf"
READER = "arn:aws:iam::{account}:role/audit"
CANARIES = (SECRET_KEY, TOKEN, planted.CANARY)
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


@pytest.fixture(scope="module")
def planted_server() -> Iterator[AwsServer]:
    """Start an emulator that nothing resets."""
    with running_aws() as server:
        planted.everything(server)
        yield server


def environ_of(url: str, **more: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_SESSION_TOKEN": TOKEN,
        "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": url, "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_MAX_ATTEMPTS": "1",
        **more,
    }  # fmt: skip


def read(url: str, source: AwsSource | None = None, **environ: str) -> tuple[AwsFacts, tuple[Gap, ...]]:
    facts, gaps = collect_aws(
        source or AwsSource(), Target(name="t", tenants=()), environ=environ_of(url, **environ),
        progress=lambda *_: None,
    )  # fmt: skip
    for gap in gaps:
        fits(gap.what)
        fits(gap.reason)
    every_unseen_part_has_its_gap(facts, gaps)
    assert not [canary for canary in CANARIES if canary in repr(facts)]
    return facts, gaps


def fits(text: str) -> None:
    """Whether a text can be shown: one line, not long, no credential."""
    assert text.isprintable()
    assert len(text) < 500
    assert not [canary for canary in CANARIES if canary in text]


def every_unseen_part_has_its_gap(facts: AwsFacts, gaps: tuple[Gap, ...]) -> None:
    told = {gap.what for gap in gaps if gap.source == "aws"}
    for account in facts.world.accounts:
        if None in (account.roles, account.users, account.groups, account.policies):
            assert asked("iam", account.id) in told
        for region in account.regions:
            for part in ("secrets", "parameters", "keys", "functions", "trails"):
                assert getattr(region, part) is not None or asked(part, account.id, region.name) in told
    assert facts.world.organization is not None or asked("organization") in told


def refusing(url: str, source: AwsSource | None = None, **environ: str) -> str:
    """Return the one line that says why nothing could be collected."""
    with pytest.raises(CollectError) as caught:
        read(url, source, **environ)
    fits(str(caught.value))
    return str(caught.value)


@contextlib.contextmanager
def faulty(server: AwsServer, **faults: Fault) -> Iterator[Between]:
    with between(server.url, faults) as running:
        yield running


def region_of(facts: AwsFacts) -> Region:
    return facts.world.accounts[0].regions[0]


def reason(gaps: tuple[Gap, ...], what: str) -> str:
    (found,) = {gap.reason for gap in gaps if what in gap.what}
    return found


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


# --- accounts and regions


def test_an_account_that_is_not_the_callers_is_a_gap_and_alone_an_error(planted_server: AwsServer) -> None:
    source = AwsSource(accounts=(OWN_ACCOUNT, "999999999999"))
    facts, gaps = read(planted_server.url, source)
    assert "set aws.role_arn to a role in each account" in reason(gaps, asked("iam", "999999999999"))
    assert facts.coverage["accounts"] == 1
    assert [account.id for account in facts.world.accounts] == list(source.accounts)
    text = refusing(planted_server.url, AwsSource(accounts=("999999999999",)))
    assert f"the credentials belong to account {OWN_ACCOUNT} and not to 999999999999" in text


def test_a_role_that_cannot_be_assumed(planted_server: AwsServer) -> None:
    other = "444455556666"
    denied: Fault = lambda one: DENIED(one) if other.encode() in one.body else None  # noqa: E731
    with faulty(planted_server, AssumeRole=denied) as server:
        facts, gaps = read(server.url, AwsSource(accounts=(OWN_ACCOUNT, other), role_arn=READER))
        text = refusing(server.url, AwsSource(accounts=(other,), role_arn=READER))
    why = reason(gaps, asked("secrets", other, REGION))
    assert f"the role arn:aws:iam::{other}:role/audit cannot be assumed: access denied" in why
    assert "its trust policy must let arn:aws:" in why
    assert facts.world.accounts[0].roles
    assert "cannot be assumed" in text


def test_the_callers_own_account_is_read_without_the_role_where_there_is_none(planted_server: AwsServer) -> None:
    with faulty(planted_server, AssumeRole=DENIED) as server:
        facts, gaps = read(server.url, AwsSource(role_arn=READER))
    assert gaps == ()
    assert "was read with its own credentials" in facts.assumed[0]


def test_a_role_of_another_account_is_no_reader(planted_server: AwsServer) -> None:
    source = AwsSource(accounts=("444455556666",), role_arn="arn:aws:iam::777788889999:role/audit")
    assert "write {account} in its place" in refusing(planted_server.url, source)


def test_assumed_credentials_are_in_no_text(planted_server: AwsServer) -> None:
    given: list[str] = []

    def echo(one: Asked) -> Reply | None:
        token = next((value for name, value in one.headers.items() if name.lower() == "x-amz-security-token"), "")
        given.append(token)
        return refusal(one, "SomethingElse", f"bad\x1b[31m {token} {SECRET_KEY}")

    with faulty(planted_server, ListKeys=echo, ListSecrets=echo) as server:
        _, gaps = read(server.url, AwsSource(accounts=(OWN_ACCOUNT,), role_arn=READER))
    assert given
    assert TOKEN not in given
    text = " ".join(gap.reason for gap in gaps)
    assert "AWS refused the call: SomethingElse: bad [31m (withheld)" in text
    assert not [token for token in given if token in text]


def test_a_region_that_is_not_enabled(planted_server: AwsServer) -> None:
    unknown: Fault = lambda one: (  # noqa: E731
        refusal(one, "UnrecognizedClientException", status=403) if one.region == "ap-east-1" else None
    )
    with between(planted_server.url, {"*": unknown}) as server:
        facts, gaps = read(server.url, AwsSource(regions=("ap-east-1", REGION)))
    far, near = facts.world.accounts[0].regions
    assert (far.secrets, far.keys) == (None, None)
    assert near.secrets
    assert "enable it for the account, or leave it out of aws.regions" in reason(
        gaps, asked("keys", OWN_ACCOUNT, "ap-east-1")
    )


def test_a_region_that_is_no_name(planted_server: AwsServer) -> None:
    facts, gaps = read(planted_server.url, AwsSource(regions=("not a region", REGION)), AWS_DEFAULT_REGION="")
    assert "there is no region of this name" in reason(gaps, asked("secrets", OWN_ACCOUNT, "not a region"))
    nowhere, here = facts.world.accounts[0].regions
    assert nowhere.secrets is None
    assert here.secrets
    assert facts.world.accounts[0].roles


def test_credentials_that_expire_on_the_way(planted_server: AwsServer) -> None:
    with faulty(planted_server, GetResourcePolicy=refused("ExpiredTokenException")) as server:
        _, gaps = read(server.url)
    assert {gap.reason for gap in gaps} == {
        "the credentials have expired; sign in again (aws sso login, or fresh keys) and repeat"
    }


def test_a_server_that_never_answers_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cred_audit.collect.aws.live.connect._READ_TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        before = time.monotonic()
        assert "did not answer in time" in refusing(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - before < 5


def test_whoever_stops_the_audit_does_not_wait_for_the_rest(planted_server: AwsServer) -> None:
    slow: Fault = lambda _: time.sleep(0.3)  # noqa: E731

    def stop(step: str, *_: object) -> None:
        if step.startswith("parts"):
            raise KeyboardInterrupt

    with faulty(planted_server, GetAccountAuthorizationDetails=slow, ListKeys=slow, ListSecrets=slow) as server:
        with pytest.raises(KeyboardInterrupt):
            collect_aws(AwsSource(), Target(name="t", tenants=()), environ=environ_of(server.url), progress=stop)
        time.sleep(1)
        assert server.asked["ListSecrets"] <= 1
        assert not server.asked["GetResourcePolicy"]
        assert not server.asked["GetKeyPolicy"]


# --- the organization


def test_an_organization_that_may_not_be_asked_about_is_unknown(planted_server: AwsServer) -> None:
    with faulty(planted_server, DescribeOrganization=DENIED) as server:
        facts, gaps = read(server.url)
    assert facts.world.organization is None
    assert "the auditor needs organizations:DescribeOrganization" in reason(gaps, asked("organization"))


@pytest.mark.parametrize("operation", ["ListRoots", "ListPolicies", "ListTargetsForPolicy", "ListParents"])
def test_policies_that_are_not_shown_bind_in_an_unknown_way(planted_server: AwsServer, operation: str) -> None:
    member = planted.member(planted_server)
    with faulty(planted_server, **{operation: DENIED}) as server:
        facts, gaps = read(server.url, AwsSource(accounts=(member,), role_arn=READER))
    organization = facts.world.organization
    assert organization is not None
    assert (dict(organization.scps), dict(organization.rcps)) == ({member: None}, {member: None})
    assert f"the auditor needs organizations:{operation}" in reason(gaps, asked("organization", member))


def test_the_account_that_is_shown_the_policies_is_found(planted_server: AwsServer) -> None:
    member = planted.member(planted_server)
    base = KEY_ID.encode()
    only_assumed: Fault = lambda one: (  # noqa: E731
        DENIED(one) if base in one.headers.get("Authorization", "").encode() else None
    )
    with faulty(planted_server, ListRoots=only_assumed) as server:
        facts, gaps = read(server.url, AwsSource(accounts=(OWN_ACCOUNT, member), role_arn=READER))
        assert server.asked["ListRoots"] == 2
    assert gaps == ()
    assert facts.world.organization is not None
    assert facts.world.organization.scps[member]


def test_the_text_of_one_policy_that_is_not_shown(planted_server: AwsServer) -> None:
    member = planted.member(planted_server)
    with faulty(planted_server, DescribePolicy=DENIED) as server:
        facts, gaps = read(server.url, AwsSource(accounts=(member,), role_arn=READER))
    assert facts.world.organization is not None
    levels = facts.world.organization.scps[member]
    assert levels is not None
    assert {policy.text for level in levels for policy in level} == {None}
    assert [gap for gap in gaps if gap.what.startswith("organizations describe-policy")]


def test_parents_that_run_in_circles(planted_server: AwsServer) -> None:
    member = planted.member(planted_server)
    page = json.dumps({"Parents": [{"Id": "ou-1", "Type": "ORGANIZATIONAL_UNIT"}]}).encode()
    with faulty(planted_server, ListParents=lambda _: (200, page)) as server:
        facts, _ = read(server.url, AwsSource(accounts=(member,), role_arn=READER))
    assert facts.world.organization is not None
    assert facts.world.organization.scps[member] is None


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


def test_a_secret_as_it_is_described() -> None:
    arn = SECRET
    assert secret_of({"ARN": arn, "RotationRules": {"ScheduleExpression": "rate(10 days)"}}).rotates_every == 10
    assert secret_of({"ARN": arn, "RotationRules": {"ScheduleExpression": "rate(4 hours)"}}).rotates_every is None
    assert secret_of({"ARN": arn, "PrimaryRegion": REGION}).primary_region == ""
    assert secret_of({"ARN": arn, "PrimaryRegion": "eu-west-1"}).primary_region == "eu-west-1"
    with pytest.raises(NotSeen):
        secret_of({"ARN": arn, "RotationEnabled": "yes"})


def test_policies_of_awss_own_are_kept_where_something_has_them() -> None:
    own, used, unused = (
        PolicyText(name=f"arn:aws:iam::{place}", text="{}")
        for place in (f"{OWN_ACCOUNT}:policy/mine", "aws:policy/Used", "aws:policy/Unused")
    )
    role = Role(arn=f"arn:aws:iam::{OWN_ACCOUNT}:role/x", boundary=used.name)
    found = Identities(roles=(role,), users=(), groups=(), policies=(own, used, unused))
    assert _in_use(found) == (own, used)


def selector(**fields: Any) -> dict[str, Any]:
    return {
        "FieldSelectors": [
            {"Field": name, **(value if isinstance(value, dict) else {"Equals": [value]})}
            for name, value in fields.items()
        ]
    }


@pytest.mark.parametrize(
    ("answer", "reads"),
    [
        ({"EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "All"}]}, True),
        ({"EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "ReadOnly"}]}, True),
        ({"EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "WriteOnly"}]}, False),
        ({"EventSelectors": [{"IncludeManagementEvents": False, "ReadWriteType": "All"}]}, False),
        ({"EventSelectors": [], "AdvancedEventSelectors": []}, True),
        ({"AdvancedEventSelectors": [selector(eventCategory="Management")]}, True),
        ({"AdvancedEventSelectors": [selector(eventCategory="Management", readOnly="true")]}, True),
        ({"AdvancedEventSelectors": [selector(eventCategory="Management", readOnly="false")]}, False),
        ({"AdvancedEventSelectors": [selector(eventCategory="Data")]}, False),
        (
            {"AdvancedEventSelectors": [selector(
                eventCategory="Management", eventSource={"NotEquals": ["kms.amazonaws.com"]}
            )]},
            True,
        ),
        (
            {"AdvancedEventSelectors": [selector(
                eventCategory="Management", eventSource={"NotEquals": ["secretsmanager.amazonaws.com"]}
            )]},
            False,
        ),
        (
            {"AdvancedEventSelectors": [selector(
                eventCategory="Management", **{"userIdentity.arn": {"NotStartsWith": ["arn:aws:sts"]}}
            )]},
            None,
        ),
        (
            {"AdvancedEventSelectors": [
                selector(eventCategory="Management", eventName={"StartsWith": ["Put"]}),
                selector(eventCategory="Management"),
            ]},
            True,
        ),
    ],
)  # fmt: skip
def test_what_a_trail_records(answer: Mapping[str, Any], reads: bool | None) -> None:
    assert records_reads(answer) is reads
