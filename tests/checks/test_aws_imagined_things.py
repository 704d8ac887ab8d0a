"""What a tag condition is tried on that is not there: one concrete request, on a thing of a name of its own."""

from dataclasses import replace
from typing import Any

import pytest

from cred_audit.check import Finding, Snapshot, Verdict
from tests import aws_lab as lab
from tests.checks.judged import judged

ID = "aws_abac_tag_conditions_hold"
THING, OWN = "aws:ResourceTag/TenantId", "${aws:PrincipalTag/TenantId}"
IF_EXISTS = {"StringEqualsIfExists": {THING: OWN}}
NAMES = "arn:aws:secretsmanager:*:*:secret:"
BETA = lab.secret("beta").arn


def of_acme(snapshot: Snapshot) -> Finding:
    (found,) = (one for one in judged(ID, snapshot) if one.tenant == "acme")
    assert found.verdict is Verdict.FAIL
    return found


def asked(found: Finding) -> dict[str, Any]:
    assert found.witness is not None
    return dict(found.witness.fields)


@pytest.mark.parametrize("resource", [
    "*", NAMES + "beta/*", NAMES + "beta/db-*", NAMES + "*/db*", NAMES + "beta*", NAMES + "beta/?????????",
    NAMES + "beta/??-*",
])  # fmt: skip
def test_the_witness_is_on_a_thing_that_is_not_there(resource: str) -> None:
    snapshot = lab.shared_role(lab.document(lab.statement(resource=resource, Condition=IF_EXISTS)))
    found = of_acme(snapshot)
    fields = asked(found)
    assert found.assuming == ("there is a secret without the tag TenantId",)
    assert fields["resource"] not in {lab.secret(name).arn for name in lab.TENANTS}
    assert fields["resource_tags"] == {}
    assert "beta/" in fields["resource"] or resource != NAMES + "beta/*"


def test_where_only_the_thing_itself_is_meant_its_tag_is_assumed_to_be_gone() -> None:
    for resource in (BETA, [BETA]):
        found = of_acme(lab.shared_role(lab.document(lab.statement(resource=resource, Condition=IF_EXISTS))))
        assert found.assuming == (f"{BETA} had no tag TenantId",)
        assert asked(found)["resource"] == BETA


def test_a_thing_with_a_policy_of_its_own_is_not_taken_for_a_new_one() -> None:
    policy = lab.document(lab.statement(resource="*", Principal={"AWS": lab.role_arn("agent")}))
    secrets = [lab.secret("acme"), lab.secret("beta", policy=policy)]
    deny = lab.statement(effect="Deny", Condition={"StringEquals": {THING: "beta"}})
    found = of_acme(lab.shared_role(lab.document(deny), names=("acme", "beta"), secrets=secrets))
    assert found.assuming == (f"{BETA} had no tag TenantId",)
    assert asked(found)["resource"] == BETA


def test_parameters_and_keys_are_given_names_of_their_own_too() -> None:
    things: dict[str, dict[str, Any]] = {
        "ssm:GetParameter": {"parameters": [lab.parameter(name) for name in ("acme", "beta")]},
        "kms:Decrypt": {"keys": [lab.key(name, tags={"TenantId": name}) for name in ("acme", "beta")]},
    }
    for action, parts in things.items():
        there = {thing.arn for several in parts.values() for thing in several}
        text = lab.document(lab.statement(action, Condition=IF_EXISTS))
        found = of_acme(lab.shared_role(text, names=("acme", "beta"), secrets=[], **parts))
        assert found.assuming
        assert found.assuming[0].startswith("there is a ")
        assert asked(found)["resource"] not in there
        assert asked(found)["resource"].startswith(f"arn:aws:{action.partition(':')[0]}:")


def test_a_name_that_is_taken_is_not_used() -> None:
    taken = lab.secret("beta", "example")
    secrets = [lab.secret("acme"), lab.secret("beta"), taken]
    text = lab.document(lab.statement(resource=NAMES + "beta/*", Condition=IF_EXISTS))
    found = of_acme(lab.shared_role(text, names=("acme", "beta"), secrets=secrets))
    assert asked(found)["resource"] not in {secret.arn for secret in secrets}


def test_the_request_of_the_witness_is_allowed_when_it_is_asked_again() -> None:
    secrets = [lab.secret("acme"), lab.secret("beta")]
    text = lab.document(lab.statement(resource=NAMES + "beta/*", Condition=IF_EXISTS))
    arn = asked(of_acme(lab.shared_role(text, names=("acme", "beta"), secrets=secrets)))["resource"]
    path = arn.partition(":secret:")[2].removesuffix("-AbCdEf")
    owner, _, name = path.partition("/")
    new = lab.secret(owner, name, tags={})
    assert new.arn == arn
    snapshot = lab.shared_role(text, names=("acme", "beta"), secrets=[*secrets, new])
    snapshot = replace(snapshot, target=replace(snapshot.target, others=True))
    reads = judged("aws_no_cross_tenant_read", snapshot)
    assert any(one.tenant == "acme" and one.verdict is Verdict.FAIL and asked(one)["resource"] == arn for one in reads)
