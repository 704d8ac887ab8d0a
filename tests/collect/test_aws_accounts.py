"""The live AWS collector with many accounts, regions and an organization, some of which let nobody in."""

import json
import socket
import time

import pytest

from cred_audit.collect.aws import collect_aws
from cred_audit.decide.aws.world import Organization, asked
from cred_audit.target.model import AwsSource, Target
from tests.aws_server import KEY_ID, OWN_ACCOUNT, REGION, SECRET_KEY, AwsServer
from tests.collect import aws_planted as planted
from tests.collect.aws_faults import DENIED, Asked, Fault, Reply, between, refusal, refused
from tests.collect.aws_reading import READER, TOKEN, environ_of, faulty, read, reason, refusing

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
    assert "things in other regions of AWS are not judged" in facts.assumed[0]
    assert "was read with its own credentials" in facts.assumed[1]


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


def test_credentials_that_are_parts_of_words_change_no_verdict_and_no_text(planted_server: AwsServer) -> None:
    none = lambda one: refusal(one, "AWSOrganizationsNotInUseException")  # noqa: E731
    odd = lambda one: refusal(one, "Abstract")  # noqa: E731
    with faulty(planted_server, DescribeOrganization=none, ListSecrets=odd) as server:
        facts, gaps = read(server.url, AwsSource(), AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b")
    assert facts.world.organization == Organization()
    assert "AWS refused the call: Abstract" in reason(gaps, asked("secrets", OWN_ACCOUNT, REGION))
    assert not [gap for gap in gaps if "(withheld)" in gap.reason]


def test_an_error_code_that_holds_a_credential_is_not_shown(planted_server: AwsServer) -> None:
    echo = lambda one: refusal(one, f"{'x' * 50}{SECRET_KEY}")  # noqa: E731
    with faulty(planted_server, ListSecrets=echo) as server:
        _, gaps = read(server.url, AwsSource())
    said = reason(gaps, asked("secrets", OWN_ACCOUNT, REGION))
    assert "AWS refused the call: xxx" in said
    assert SECRET_KEY[:4] not in said


def test_a_status_that_stands_for_the_code_is_said_once(planted_server: AwsServer) -> None:
    broken = lambda _: (500, b"")  # noqa: E731
    with faulty(planted_server, ListSecrets=broken) as server:
        _, gaps = read(server.url, AwsSource())
    assert "the endpoint failed (HTTP 500), and" in reason(gaps, asked("secrets", OWN_ACCOUNT, REGION))


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
