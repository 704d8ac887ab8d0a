"""Requests in words."""

from cred_audit.finding import Witness
from cred_audit.render.words import operation_of, request_words


def test_a_request_to_aws_says_who_asks_for_what_with_which_tags() -> None:
    witness = Witness(
        system="aws",
        fields={
            "action": "secretsmanager:GetSecretValue",
            "resource": "arn:aws:secretsmanager:us-east-1:111122223333:secret:b\x1b[2J/db",
            "principal": "arn:aws:iam::111122223333:role/agent",
            "session_tags": {"TenantId": "a"},
            "request_tags": {},
            "also": [{"action": "kms:Decrypt", "resource": "arn:aws:kms:us-east-1:111122223333:key/k"}],
        },
    )
    assert operation_of(witness) == "GetSecretValue"
    words = request_words(witness)
    assert words.startswith("secretsmanager:GetSecretValue on arn:aws:secretsmanager:us-east-1:111122223333:secret:b")
    assert "with the session tags TenantId=a, which also needs kms:Decrypt on arn:aws:kms" in words
    assert "\x1b" not in words
