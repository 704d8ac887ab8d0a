"""What the live AWS collector makes of single answers."""

from collections.abc import Mapping
from typing import Any

import pytest

from cred_audit.collect.aws.live.failures import NotSeen
from cred_audit.collect.aws.live.identities import Identities, _in_use
from cred_audit.collect.aws.live.secrets import secret_of
from cred_audit.collect.aws.live.trails import reads_recorded
from cred_audit.decide.aws.world import PolicyText, Role
from tests.aws_server import OWN_ACCOUNT, REGION

SECRET = f"arn:aws:secretsmanager:{REGION}:{OWN_ACCOUNT}:secret:x-AbCdEf"


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
def test_the_arn_of_another_service_is_no_secret(arn: str) -> None:
    with pytest.raises(NotSeen, match="not as AWS documents it"):
        secret_of({"ARN": arn})
    with pytest.raises(NotSeen, match="not as AWS documents it"):
        secret_of({"ARN": "arn:aws:secretsmanager:us-east-1:111122223333:secret:x", "RotationLambdaARN": arn})
