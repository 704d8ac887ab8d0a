"""What the live AWS collector makes of single answers."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from cred_audit.collect.aws.live.answers import Lost
from cred_audit.collect.aws.live.failures import NotSeen, malformed
from cred_audit.collect.aws.live.identities import Identities, _in_use, group_of, policy_of, role_of, user_of
from cred_audit.collect.aws.live.parameters import parameter_of
from cred_audit.collect.aws.live.secrets import secret_of
from cred_audit.collect.aws.live.trails import reads_recorded
from cred_audit.decide.aws.world import Parameter, PolicyText, Role, Secret
from tests.aws_server import OWN_ACCOUNT, REGION

SECRET = f"arn:aws:secretsmanager:{REGION}:{OWN_ACCOUNT}:secret:x-AbCdEf"


def whole(data: Mapping[str, Any]) -> Secret:
    """A secret of which every field was seen."""
    lost: list[NotSeen] = []
    found = secret_of(data, lost.append)
    assert not lost
    return found


def test_a_secret_as_it_is_described() -> None:
    arn = SECRET
    assert whole({"ARN": arn, "RotationRules": {"ScheduleExpression": "rate(10 days)"}}).rotates_every == 10
    assert whole({"ARN": arn, "RotationRules": {"ScheduleExpression": "rate(4 hours)"}}).rotates_every is None
    assert whole({"ARN": arn, "PrimaryRegion": REGION}).primary_region == ""
    assert whole({"ARN": arn, "PrimaryRegion": "eu-west-1"}).primary_region == "eu-west-1"


def test_policies_of_awss_own_are_kept_where_something_has_them() -> None:
    own, used, unused = (
        PolicyText(name=f"arn:aws:iam::{place}", text="{}")
        for place in (f"{OWN_ACCOUNT}:policy/mine", "aws:policy/Used", "aws:policy/Unused")
    )
    role = Role(arn=f"arn:aws:iam::{OWN_ACCOUNT}:role/x", boundary=used.name)
    found = Identities(roles=(role,), users=(), groups=(), policies=(own, used, unused))
    assert _in_use(found) == (own, used)


@pytest.mark.parametrize(
    ("answer", "reads"),
    [
        ({"EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "All"}]}, True),
        ({"EventSelectors": [], "AdvancedEventSelectors": []}, True),
        ({"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}]}, False),
        ({"AdvancedEventSelectors": [{"FieldSelectors": "x"}]}, None),
    ],
)
def test_what_a_trail_records(answer: Mapping[str, Any], reads: bool | None) -> None:
    assert reads_recorded(answer) is reads


def test_selectors_that_the_answer_does_not_hold_are_not_seen() -> None:
    with pytest.raises(NotSeen, match="EventSelectors"):
        reads_recorded({})


@pytest.mark.parametrize("arn", ["arn:aws:iam::111122223333:role/x", "arn:aws:s3:::x"])
def test_the_arn_of_another_service_is_no_secret_and_no_function(arn: str) -> None:
    lost: list[NotSeen] = []
    with pytest.raises(NotSeen, match="not as AWS documents it"):
        secret_of({"ARN": arn}, lost.append)
    found = secret_of({"ARN": SECRET, "RotationEnabled": True, "RotationLambdaARN": arn}, lost.append)
    assert (found.rotation, found.rotated_by, found.rotates_every) == (None, None, None)
    assert [str(one) for one in lost] == [str(malformed("RotationLambdaARN"))]


ENTITY = f"arn:aws:iam::{OWN_ACCOUNT}:"
STATEMENT = {"Version": "2012-10-17", "Statement": []}
ROLE = {
    "Arn": f"{ENTITY}role/x", "Tags": [{"Key": "k", "Value": "v"}], "AssumeRolePolicyDocument": STATEMENT,
    "RolePolicyList": [{"PolicyName": name, "PolicyDocument": STATEMENT} for name in ("p", "q")],
    "AttachedManagedPolicies": [{"PolicyArn": f"{ENTITY}policy/m"}],
    "PermissionsBoundary": {"PermissionsBoundaryArn": f"{ENTITY}policy/b"},
}  # fmt: skip
USER = {"Arn": f"{ENTITY}user/x", "UserPolicyList": ROLE["RolePolicyList"], "GroupList": ["g"]} | {
    name: ROLE[name] for name in ("Tags", "AttachedManagedPolicies", "PermissionsBoundary")
}
GROUP = {
    "Arn": f"{ENTITY}group/x", "GroupPolicyList": ROLE["RolePolicyList"],
    "AttachedManagedPolicies": ROLE["AttachedManagedPolicies"],
}  # fmt: skip
POLICY = {"Arn": f"{ENTITY}policy/x", "PolicyVersionList": [{"IsDefaultVersion": True, "Document": STATEMENT}]}
DESCRIBED = {
    "ARN": SECRET, "Tags": [{"Key": "k", "Value": "v"}], "KmsKeyId": "alias/k", "RotationEnabled": True,
    "RotationRules": {"AutomaticallyAfterDays": 7}, "LastChangedDate": datetime(2026, 1, 1, tzinfo=UTC),
}  # fmt: skip
PARAMETER = {"Name": "/x", "Type": "SecureString", "KeyId": "alias/k"}
BAD = (7, "x", [7], [{"Key": 7, "Value": "x", "PolicyArn": 7, "PolicyName": 7}], {"PermissionsBoundaryArn": "no ARN"})


def _parameter(data: Mapping[str, Any], lost: Lost) -> Parameter:
    return parameter_of(data, f"arn:aws:ssm:{REGION}:{OWN_ACCOUNT}:parameter/", lost)


@pytest.mark.parametrize(
    ("read", "data", "field", "fact"),
    [
        (role_of, ROLE, "Tags", "tags"),
        (role_of, ROLE, "AssumeRolePolicyDocument", "trust"),
        (role_of, ROLE, "RolePolicyList", "inline"),
        (role_of, ROLE, "AttachedManagedPolicies", "attached"),
        (role_of, ROLE, "PermissionsBoundary", "boundary"),
        (user_of, USER, "Tags", "tags"),
        (user_of, USER, "UserPolicyList", "inline"),
        (user_of, USER, "AttachedManagedPolicies", "attached"),
        (user_of, USER, "PermissionsBoundary", "boundary"),
        (user_of, USER, "GroupList", "groups"),
        (group_of, GROUP, "GroupPolicyList", "inline"),
        (group_of, GROUP, "AttachedManagedPolicies", "attached"),
        (policy_of, POLICY, "PolicyVersionList", "text"),
        (secret_of, DESCRIBED, "Tags", "tags"),
        (secret_of, DESCRIBED, "RotationEnabled", "rotation"),
        (secret_of, DESCRIBED, "RotationRules", "rotation"),
        (secret_of, DESCRIBED, "LastRotatedDate", "rotation"),
        (secret_of, DESCRIBED, "LastChangedDate", "last_changed"),
        (_parameter, PARAMETER, "LastModifiedDate", "last_changed"),
    ],
)
def test_a_bad_field_is_not_seen_and_all_else_is(
    read: Callable[[Mapping[str, Any], Lost], Any], data: Mapping[str, Any], field: str, fact: str
) -> None:
    lost: list[NotSeen] = []
    good = read(data, lost.append)
    assert not lost
    tried = 0
    for bad in BAD:
        found = read({**data, field: bad}, lost.append)
        if lost:
            tried += 1
            assert getattr(found, fact) is None
            more = {"rotated_by", "rotates_every", "last_rotated"} if fact == "rotation" else set()
            same = set(type(found).__dataclass_fields__) - {fact, *more}
            assert {name: getattr(found, name) for name in same} == {name: getattr(good, name) for name in same}
            assert "not as AWS documents it" in str(lost.pop())
        assert not lost
    assert tried


def test_of_inline_policies_only_the_bad_text_is_not_seen() -> None:
    lost: list[NotSeen] = []
    policies = [{"PolicyName": "p", "PolicyDocument": 7}, {"PolicyName": "q", "PolicyDocument": STATEMENT}]
    found = role_of({**ROLE, "RolePolicyList": policies}, lost.append)
    assert found.inline is not None
    assert [(one.name, one.text is None) for one in found.inline] == [("p", True), ("q", False)]
    assert len(lost) == 1


def test_a_key_that_was_not_seen_is_not_awss_own() -> None:
    lost: list[NotSeen] = []
    secret = secret_of({**DESCRIBED, "KmsKeyId": 7}, lost.append)
    assert (secret.key, secret.key_seen) == (None, False)
    parameter = _parameter({**PARAMETER, "KeyId": 7, "Type": 7}, lost.append)
    assert (parameter.type, bool(parameter.key)) == ("SecureString", True)
    assert len(lost) == 3
