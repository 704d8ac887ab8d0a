"""The whole context of a request, in AWS's spelling, decides as the request itself does."""

import pytest

from cred_audit.claims.aws.outside import organization
from cred_audit.decide.aws.context import own_part, spelled, whole_context
from cred_audit.decide.aws.document import read_document
from cred_audit.decide.aws.model import Kind, Principal, Request

PRINCIPAL = Principal(
    arn="arn:aws:iam::111122223333:role/agent", tags={"TenantId": "x", "Team": "t"}, session_tags={"tenantid": "acme"}
)


def test_every_key_is_there_and_spelled_as_aws_spells_it() -> None:
    request = Request(
        action="secretsmanager:TagResource",
        resource="arn:aws:secretsmanager:us-east-1:111122223333:secret:acme/db-AbCdEf",
        resource_tags={"TenantId": "acme"},
        request_tags={"Stage": "prod"},
        context={"aws:sourcevpce": "vpce-1", "secretsmanager:secretid": "acme/db", "aws:requestedregion": "us-east-1"},
    )
    assert whole_context(PRINCIPAL, request) == {
        "aws:PrincipalAccount": "111122223333",
        "aws:PrincipalArn": "arn:aws:iam::111122223333:role/agent",
        "aws:PrincipalIsAWSService": "false",
        "aws:PrincipalTag/Team": "t",
        "aws:PrincipalTag/tenantid": "acme",
        "aws:PrincipalType": "AssumedRole",
        "aws:RequestTag/Stage": "prod",
        "aws:RequestedRegion": "us-east-1",
        "aws:ResourceAccount": "111122223333",
        "aws:ResourceTag/TenantId": "acme",
        "aws:SourceVpce": "vpce-1",
        "aws:TagKeys": ("Stage",),
        "secretsmanager:ResourceTag/TenantId": "acme",
        "secretsmanager:SecretId": "acme/db",
    }


def test_the_encryption_context_keeps_the_spelling_that_the_service_sends() -> None:
    arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:acme/db-AbCdEf"
    context = {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com", "kms:EncryptionContext:SecretARN": arn}
    request = Request(action="kms:Decrypt", resource="arn:aws:kms:us-east-1:111122223333:key/k", context=context)
    found = whole_context(PRINCIPAL, request)
    assert {name: found[name] for name in context} == context
    assert found["kms:CallerAccount"] == "111122223333"


def test_what_is_not_known_is_left_out() -> None:
    request = Request(action="ssm:GetParameter", resource="arn:aws:ssm:us-east-1:1:parameter/a", resource_tags=None)
    found = whole_context(Principal(arn="*", tags=None), request)
    assert not any("Tag/" in name for name in found)


@pytest.mark.parametrize(
    "name",
    [
        "aws:SourceVpce", "aws:username", "aws:PrincipalTag/TenantId", "aws:RequestTag/a/B", "aws:ResourceTag/TenantId",
        "secretsmanager:ResourceTag/Team", "ssm:resourceTag/Team", "kms:ViaService", "kms:EncryptionContext:SecretARN",
        "kms:EncryptionContext:Own:Name", "kms:EncryptionContextKeys", "sts:ExternalId", "secretsmanager:VersionId",
        "saml:aud", "nobody:knows/This", "no colon", "",
    ],
)  # fmt: skip
def test_a_key_is_spelled_as_aws_spells_it_and_its_own_part_as_it_is_written(name: str) -> None:
    assert spelled(name.lower(), own_part(name)) == name


def test_the_organization_that_a_policy_asks_for_is_spelled_so_too() -> None:
    condition = {"StringEquals": {"AWS:principalorgid": "o-1"}}
    text = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Condition": condition}]}
    given, assumed = organization(read_document(text, Kind.RESOURCE, "p"))
    assert (given, assumed) == ((("aws:PrincipalOrgID", "o-1"),), ("aws:PrincipalOrgID is o-1",))


def test_tags_whose_keys_differ_by_case_keep_their_own_values() -> None:
    arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:acme/db-AbCdEf"
    for tags in ({"TenantId": "acme", "tenantid": "beta"}, {"tenantid": "beta", "TenantId": "acme"}):
        found = whole_context(
            PRINCIPAL, Request(action="secretsmanager:GetSecretValue", resource=arn, resource_tags=tags)
        )
        shown = {name: value for name, value in found.items() if "ResourceTag/" in name}
        prefixes = ("aws:ResourceTag/", "secretsmanager:ResourceTag/")
        assert shown == {f"{prefix}{tag}": value for prefix in prefixes for tag, value in tags.items()}
    same = Principal(arn=PRINCIPAL.arn, tags={"TenantId": "acme"}, session_tags={"tenantid": "acme"})
    found = whole_context(same, Request(action="secretsmanager:GetSecretValue", resource=arn))
    assert [name for name in found if "PrincipalTag" in name] == ["aws:PrincipalTag/tenantid"]
