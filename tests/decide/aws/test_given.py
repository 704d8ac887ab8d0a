"""Facts that no sender chooses: the id in aws:userid, the organization, MFA of sessions, and empty tags."""

from dataclasses import replace
from typing import Any

import pytest

from cred_audit.decide.aws.dependent import Setting
from cred_audit.decide.aws.document import read_document
from cred_audit.decide.aws.engine import NO_RESOURCE_SIDE, Evaluator, decide
from cred_audit.decide.aws.estate import ActionClass
from cred_audit.decide.aws.free import Possible, Search
from cred_audit.decide.aws.model import Kind, Principal, PrincipalPolicies, Request, ResourcePolicies
from cred_audit.decide.aws.principals import Documents, Principals
from cred_audit.decide.aws.reach import Estate
from cred_audit.decide.aws.world import AwsWorld, User, unique_id_of
from tests import aws_lab as lab
from tests.decide.aws.test_reach import ACCOUNT, ALL, ELSEWHERE, ROLE, agent, allow, document

SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:x-AbCdEf"
READ = Request(action="secretsmanager:GetSecretValue", resource=SECRET)
USER = f"arn:aws:iam::{ACCOUNT}:user/ann"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/agent/run"
ID, OTHER_ID, USER_ID = "AROA1234567890ABCDEFG", "AROA7ZJ0QXK7WZ3JQ0VN5", "AIDA1234567890ABCDEFG"


def found(*statements: tuple[str, dict[str, Any]], request: Request = READ, mfa: bool = False, **who: Any) -> Possible:
    own = [
        {"Effect": effect, "Action": "*", "Resource": "*", "Condition": condition} for effect, condition in statements
    ]
    identity = read_document({"Version": "2012-10-17", "Statement": own}, Kind.IDENTITY, "p")
    evaluator = Evaluator(Principal(**{"arn": ROLE, **who}), PrincipalPolicies(identity=(identity,)))
    return Search(evaluator, Setting(mfa=mfa)).possible(request, NO_RESOURCE_SIDE)


def outcome(condition: dict[str, Any], effect: str = "Allow", **how: Any) -> str:
    anything: list[tuple[str, dict[str, Any]]] = [("Allow", {})] if effect == "Deny" else []
    return found(*anything, (effect, condition), **how).decision.effect.value


def like(*texts: str) -> dict[str, Any]:
    return {"StringLike": {"aws:userid": list(texts)}}


def unlike(*texts: str) -> dict[str, Any]:
    return {"StringNotLike": {"aws:userid": list(texts)}}


@pytest.mark.parametrize(("condition", "known", "unseen"), [
    (like(f"{ID}:*"), "allow", "unknown"), (unlike(f"{ID}:*"), "deny", "unknown"),
    (like(f"{OTHER_ID}:*"), "deny", "unknown"), (unlike(f"{OTHER_ID}:*"), "allow", "unknown"),
    (like(f"{ID}:run"), "allow", "unknown"), (unlike(f"{ID}:run"), "allow", "allow"),
    (like("AROA12*"), "allow", "unknown"), (like("AROA7*"), "deny", "unknown"), (like("AROA*"), "allow", "allow"),
    (like("*:run"), "allow", "allow"), (like("acme"), "deny", "deny"), (unlike("*:*"), "deny", "deny"),
    (like("AIDA*"), "deny", "deny"), (unlike("*2*", "*7*"), "deny", "unknown"),
])  # fmt: skip
def test_the_id_of_a_role_stands_before_the_name_of_its_session(
    condition: dict[str, Any], known: str, unseen: str
) -> None:
    assert outcome(condition, unique_id=ID) == known
    assert outcome(condition) == unseen
    # A deny of the same turns it round, where every session is alike.
    if known != "allow" or condition == like("AROA*"):
        assert outcome(condition, "Deny", unique_id=ID) == ("allow" if known == "deny" else "deny")


@pytest.mark.parametrize(("condition", "known", "unseen"), [
    (like(f"{USER_ID}"), "allow", "unknown"), (like(f"{USER_ID}:*"), "deny", "deny"),
    (unlike(USER_ID), "deny", "unknown"), (like("AIDA*"), "allow", "allow"), (like("AROA*"), "deny", "deny"),
])  # fmt: skip
def test_the_id_of_a_user_is_all_of_it(condition: dict[str, Any], known: str, unseen: str) -> None:
    assert outcome(condition, arn=USER, unique_id=USER_ID) == known
    assert outcome(condition, arn=USER) == unseen


def test_a_named_session_of_a_role_whose_id_was_read_is_known() -> None:
    assert outcome(like(f"{ID}:run"), arn=SESSION, unique_id=ID) == "allow"
    assert outcome(like(f"{ID}:other"), arn=SESSION, unique_id=ID) == "deny"
    own = document(allow("*", "arn:aws:secretsmanager:*:*:secret:${aws:userid}/*"))
    policies = PrincipalPolicies(identity=(own,))
    for arn, unique_id, name in ((SESSION, ID, f"{ID}:run"), (USER, USER_ID, USER_ID)):
        principal = Principal(arn=arn, unique_id=unique_id)
        asked = replace(READ, resource=f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{name}/db-AbCdEf")
        assert decide(principal, policies, asked).effect.value == "allow"
        search = Search(Evaluator(principal, policies))
        assert search.possible(asked, NO_RESOURCE_SIDE).decision.effect.value == "allow"
        assert search.possible(READ, NO_RESOURCE_SIDE).decision.effect.value == "deny"


def test_roles_that_differ_by_their_ids_are_decided_by_themselves() -> None:
    own = document(allow(Condition=like(f"{ID}:*")))
    agents = [
        replace(one, principal=replace(one.principal, unique_id=unique_id))
        for one, unique_id in ((agent("acme", own), ID), (agent("beta", own), OTHER_ID), (agent("gamma", own), ""))
    ]
    estate = Estate(ALL, agents)
    effects = [[grant.effect.value for grant in estate.reach(one, ActionClass.READ).grants] for one in agents]
    assert effects == [["allow"], [], ["unknown"]]


def test_ids_come_from_the_facts_of_roles_and_users() -> None:
    roles, users = [replace(lab.role("agent"), unique_id=ID)], [User(arn=USER, unique_id=USER_ID)]
    world = AwsWorld(accounts=(lab.account(roles=roles, users=users),), organization=lab.NO_ORGANIZATION)
    principals = Principals(world, Documents())
    for arn, unique_id in ((lab.role_arn("agent"), ID), (USER, USER_ID)):
        side = principals.principal(arn)
        assert isinstance(side, tuple)
        assert (side[0].unique_id, side[0].alone) == (unique_id, True)


@pytest.mark.parametrize(("given", "taken"), [
    (ID, ID), (USER_ID, USER_ID), (None, ""), (7, ""), ("", ""), ("AROA", ""), (f"{ID}:run", ""), (f"{ID}\n", ""),
    ("A" * 129, ""), ("AROA*1234567890ABCDEF", ""),
])  # fmt: skip
def test_an_id_is_taken_as_iam_writes_it(given: object, taken: str) -> None:
    assert unique_id_of(given) == taken


PRESENT = "aws:MultiFactorAuthPresent"


@pytest.mark.parametrize(("effect", "condition", "without", "with_mfa"), [
    ("Allow", {"Bool": {PRESENT: "false"}}, "unknown", "unknown"),
    ("Allow", {"Bool": {PRESENT: "true"}}, "deny", "allow"),
    ("Allow", {"Null": {PRESENT: "true"}}, "unknown", "unknown"),
    ("Allow", {"Null": {PRESENT: "false"}}, "unknown", "allow"),
    ("Allow", {"BoolIfExists": {PRESENT: "false"}}, "allow", "allow"),
    ("Allow", {"BoolIfExists": {PRESENT: "true"}}, "unknown", "allow"),
    ("Deny", {"Bool": {PRESENT: "false"}}, "unknown", "allow"),
    ("Deny", {"BoolIfExists": {PRESENT: "false"}}, "deny", "allow"),
    ("Deny", {"Null": {PRESENT: "true"}}, "unknown", "allow"),
])  # fmt: skip
def test_what_sessions_without_mfa_carry_is_not_documented(
    effect: str, condition: dict[str, Any], without: str, with_mfa: str
) -> None:
    assert outcome(condition, effect) == without
    assert outcome(condition, effect, mfa=True) == with_mfa


@pytest.mark.parametrize("condition", [{"Bool": {PRESENT: "false"}}, {"Null": {PRESENT: "true"}}])
def test_a_user_chooses_its_credentials(condition: dict[str, Any]) -> None:
    assert outcome(condition, arn=USER) == "allow"


def test_what_is_not_documented_is_said() -> None:
    decision = found(("Allow", {"Bool": {PRESENT: "false"}})).decision
    assert "aws:MultiFactorAuthPresent, which is not documented" in decision.because[0].why
    assert found(("Allow", {"BoolIfExists": {PRESENT: "false"}})).decision.assuming == ()


FAR = replace(READ, resource=SECRET.replace(ACCOUNT, ELSEWHERE))


@pytest.mark.parametrize(("condition", "alone", "member"), [
    ({"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}, "deny", "unknown"),
    ({"StringNotEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}, "allow", "unknown"),
    ({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-abcdefghij"}}, "allow", "unknown"),
    ({"Null": {"aws:PrincipalOrgID": "true"}}, "allow", "unknown"),
    ({"Null": {"aws:ResourceOrgID": "true"}}, "allow", "unknown"),
    ({"StringEquals": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}}, "deny", "unknown"),
    ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a/*"}}, "deny", "unknown"),
    ({"ForAnyValue:StringLike": {"aws:ResourceOrgPaths": "o-a/*"}}, "deny", "unknown"),
])  # fmt: skip
def test_an_account_of_no_organization_carries_no_id_of_one(condition: dict[str, Any], alone: str, member: str) -> None:
    assert outcome(condition, alone=True) == alone
    assert outcome(condition) == member


@pytest.mark.parametrize(("key", "expected"), [
    ("aws:PrincipalOrgID", "allow"), ("aws:ResourceOrgID", "unknown"), ("aws:ResourceOrgPaths", "unknown"),
])  # fmt: skip
def test_what_another_account_holds_may_be_of_an_organization(key: str, expected: str) -> None:
    everyone = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    open_to_all = ResourcePolicies(policy=document(everyone, kind=Kind.RESOURCE))
    own = document(allow("*", Condition={"Null": {key: "true"}}))
    search = Search(Evaluator(Principal(arn=ROLE, alone=True), PrincipalPolicies(identity=(own,))))
    assert search.possible(FAR, open_to_all).decision.effect.value == expected


@pytest.mark.parametrize(("tags", "value", "expected"), [
    ({"T": ""}, "beta", "unknown"), ({"T": ""}, "gamma", "deny"), ({"T": ""}, "", "unknown"), ({}, "beta", "allow"),
    ({}, "gamma", "deny"), ({"T": "gamma"}, "gamma", "allow"), ({"T": "gamma"}, "beta", "deny"),
])  # fmt: skip
def test_it_is_not_settled_whether_an_empty_tag_has_the_default(
    tags: dict[str, str], value: str, expected: str
) -> None:
    asked = replace(READ, resource_tags={"T": value})
    condition = {"StringEquals": {"aws:ResourceTag/T": "${aws:PrincipalTag/T, 'beta'}"}}
    assert outcome(condition, request=asked, tags=tags) == expected
    name = replace(READ, resource=f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{value}/db-AbCdEf")
    own = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource":
           "arn:aws:secretsmanager:*:*:secret:${aws:PrincipalTag/T, 'beta'}/*"}}  # fmt: skip
    policies = PrincipalPolicies(identity=(read_document(own, Kind.IDENTITY, "p"),))
    assert decide(Principal(arn=ROLE, tags=tags), policies, name).effect.value == expected
