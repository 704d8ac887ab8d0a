"""Replicas of secrets in other regions, with and without what their primary has."""

from dataclasses import replace
from typing import Any

import pytest

from cred_audit.check import Finding, Skip, Snapshot, Verdict
from cred_audit.decide.aws.world import Region, Replica, Secret
from tests import aws_lab as lab
from tests.checks.hidden import assert_hiding_improves_nothing
from tests.checks.judged import judged

ID = "aws_replicas_keep_their_tags"
ELSEWHERE = "eu-west-1"
GUARD = lab.document(
    lab.statement(effect="Deny", Principal="*", resource=f"arn:aws:secretsmanager:{lab.REGION}:{lab.ACCOUNT}:secret:*")
)


def primary(**more: Any) -> Secret:
    return lab.secret("acme", replicas=(Replica(region=ELSEWHERE),), **more)


def copy(**more: Any) -> Secret:
    return lab.secret("acme", region=ELSEWHERE, primary_region=lab.REGION, **more)


def world(here: list[Secret], there: list[Secret] | None) -> Snapshot:
    account = lab.account(secrets=here)
    region = Region(name=ELSEWHERE, secrets=None if there is None else tuple(there), parameters=(), keys=())
    both = replace(account, regions=(*account.regions, region))
    return lab.snapshot([both], [lab.tenant("acme"), lab.tenant("beta")])


def only(here: list[Secret], there: list[Secret]) -> Finding:
    (finding,) = judged(ID, world(here, there))
    return finding


def test_a_copy_with_the_same_tags_and_policy_passes() -> None:
    there = GUARD.replace(lab.REGION, ELSEWHERE).replace(" ", "")
    found = only([primary(policy=GUARD)], [copy(policy=there)])
    assert (found.verdict, found.count) == (Verdict.PASS, 1)
    assert ELSEWHERE in found.evidence[0].shows


@pytest.mark.parametrize(("changes", "shows"), [
    ({"tags": {"TenantId": "beta"}}, "TenantId: 'beta', not 'acme'"), ({"tags": {}}, "TenantId: None"),
    ({"tags": {"tenantid": "acme"}}, "other tags"),
])  # fmt: skip
def test_a_copy_with_other_tags_fails(changes: Any, shows: str) -> None:
    found = only([primary()], [copy(**changes)])
    assert found.verdict is Verdict.FAIL
    assert shows in found.evidence[0].shows
    assert found.fix


def test_a_copy_that_belongs_to_another_tenant_names_both() -> None:
    assert only([primary()], [copy(tags={"TenantId": "beta"})]).reaches.tenants == ("acme", "beta")


def test_a_copy_without_the_policy_fails() -> None:
    found = only([primary(policy=GUARD)], [copy()])
    assert found.verdict is Verdict.FAIL
    assert found.evidence[0].quote == GUARD
    assert only([primary(policy=GUARD)], [copy(policy=lab.document(lab.statement()))]).verdict is Verdict.FAIL


def test_a_policy_that_is_no_json_is_compared_as_text() -> None:
    assert only([primary(policy="{")], [copy(policy="{")]).verdict is Verdict.PASS
    assert only([primary(policy="[" * 9000)], [copy(policy="{")]).verdict is Verdict.FAIL


def test_a_copy_that_only_one_side_names_is_compared() -> None:
    lone = replace(primary(), replicas=())
    assert only([lone], [copy(tags={})]).verdict is Verdict.FAIL
    assert only([primary()], []).verdict is Verdict.UNKNOWN
    assert only([], [copy()]).verdict is Verdict.UNKNOWN


def test_secrets_of_one_name_that_are_no_copies_are_not_compared() -> None:
    with pytest.raises(Skip, match="no secret has a replica"):
        judged(ID, world([lab.secret("acme")], [lab.secret("acme", region=ELSEWHERE, tags={})]))


def test_a_region_that_was_not_read_is_unknown() -> None:
    assert {one.verdict for one in judged(ID, world([primary()], None))} == {Verdict.UNKNOWN}
    (found,) = judged(ID, lab.snapshot([lab.account(secrets=[primary()])], [lab.tenant("acme")]))
    assert found.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("tags", [{"TenantId": "acme"}, {"TenantId": "beta"}])
def test_hiding_a_fact_never_improves_a_verdict(tags: dict[str, str]) -> None:
    assert_hiding_improves_nothing(ID, world([primary(policy=GUARD)], [copy(tags=tags, policy=GUARD)]))
