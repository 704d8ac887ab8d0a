"""Requests in words."""

import dataclasses

from cred_audit.finding import Evidence, Witness
from cred_audit.render.words import first_step, operation_of, request_words
from tests.render import sample


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


def test_what_to_do_first_closes_a_clause_and_mends_what_is_none() -> None:
    clause = sample.leak("acme")
    said = first_step(clause, "No agent reads", "high", "2 tenants", "policy agents line 12")
    assert said == 'Close policy agents line 12 (high): "No agent reads" is not true for 2 tenants.'
    call = dataclasses.replace(clause, evidence=(Evidence(where="describe-trails", shows="there is no trail."),))
    said = first_step(call, "Reads are logged", "medium", "the target", "describe-trails")
    assert said == (
        'Mend (medium) "Reads are logged", which is not true for the target (describe-trails: there is no trail).'
    )
    bare = dataclasses.replace(clause, evidence=())
    assert first_step(bare, "X", "low", "1 tenant", "account 1").endswith("which is not true for 1 tenant (account 1).")
