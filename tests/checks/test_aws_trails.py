"""Reads of tenants' secrets are recorded, and no agent reads the records."""

from dataclasses import replace
from typing import Any

import pytest

from cred_audit.check import Skip
from cred_audit.decide.aws.world import Region
from cred_audit.facts import Snapshot
from cred_audit.finding import Verdict
from tests import aws_lab as lab
from tests.checks.hidden import assert_hiding_improves_nothing, verdict
from tests.checks.judged import judged

LOGGED, READERS = "aws_secret_reads_are_logged", "aws_logs_are_out_of_agents_reach"
ARN = f"arn:aws:cloudtrail:{lab.REGION}:{lab.ACCOUNT}:trail/all"
GOOD = lab.Trail(arn=ARN, logging=True, every_region=True, reads=True, bucket="logs")
KEY = lab.key("logs")


def logged(*trails: Any) -> Snapshot:
    return lab.shared_role(lab.document(lab.statement(Condition=lab.EQUAL)), trails=trails)


@pytest.mark.parametrize(
    ("trails", "expected"),
    [
        ((GOOD,), Verdict.PASS),
        ((replace(GOOD, every_region=False),), Verdict.PASS),
        ((replace(GOOD, every_region=False, arn=ARN.replace(lab.REGION, "eu-west-1")),), Verdict.FAIL),
        ((replace(GOOD, logging=False),), Verdict.FAIL),
        ((replace(GOOD, reads=False),), Verdict.FAIL),
        ((replace(GOOD, reads=False), replace(GOOD, arn=f"{ARN}2", logging=False)), Verdict.FAIL),
        ((replace(GOOD, reads=False), replace(GOOD, arn=f"{ARN}2")), Verdict.PASS),
        ((replace(GOOD, reads=None),), Verdict.UNKNOWN),
        ((replace(GOOD, logging=None),), Verdict.UNKNOWN),
        ((), Verdict.FAIL),
    ],
)
def test_a_trail_that_is_on_and_records_reads_is_needed(trails: Any, expected: Verdict) -> None:
    (finding,) = judged(LOGGED, logged(*trails))
    assert finding.verdict is expected
    assert bool(finding.reaches.tenants) == (expected is Verdict.FAIL)
    assert_hiding_improves_nothing(LOGGED, logged(*trails))


def test_a_trail_of_all_regions_covers_a_region_where_it_is_not_listed() -> None:
    whole = logged(GOOD)
    assert whole.aws is not None
    (account,) = whole.aws.world.accounts
    far = Region(name="eu-west-1", secrets=(lab.secret("acme", region="eu-west-1"),), parameters=(), keys=(),
                 functions=(), trails=())  # fmt: skip
    both = lab.snapshot([replace(account, regions=(*account.regions, far))], whole.target.tenants)
    assert [finding.verdict for finding in judged(LOGGED, both)] == [Verdict.PASS] * 2
    assert_hiding_improves_nothing(LOGGED, both)


def test_trails_that_were_not_seen_are_unknown() -> None:
    snapshot = lab.shared_role(lab.document(lab.statement()), trails=None)
    assert verdict(LOGGED, snapshot) is Verdict.UNKNOWN


def test_regions_without_secrets_need_no_trail() -> None:
    with pytest.raises(Skip):
        judged(LOGGED, lab.shared_role(lab.document(lab.statement()), secrets=()))


def reader(*statements: Any, trail: Any = GOOD, **more: Any) -> Snapshot:
    texts = {
        "acme": lab.document(*statements),
        "beta": lab.document(lab.statement("s3:GetObject", "arn:aws:s3:::files/*")),
    }
    return lab.role_each(texts, trails=[trail], **more)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (lab.statement("s3:GetObject"), "files of the trail"),
        (lab.statement("s3:Get*", "arn:aws:s3:::logs/*"), "files of the trail"),
        (lab.statement("cloudtrail:LookupEvents"), "event history"),
        (lab.statement("cloudtrail:*"), "event history"),
    ],
)
def test_an_agent_that_reads_the_records_fails(statement: Any, says: str) -> None:
    findings = {finding.verdict: finding for finding in judged(READERS, reader(statement))}
    finding = findings[Verdict.FAIL]
    assert says in finding.summary
    assert (finding.tenant, finding.reaches.all_except) == ("acme", ("acme",))
    assert finding.witness is not None
    assert findings[Verdict.PASS].tenant == "beta"
    assert findings[Verdict.PASS].assuming
    assert_hiding_improves_nothing(READERS, reader(statement))


def test_files_under_a_key_that_the_agent_cannot_use_are_closed() -> None:
    keyed = replace(GOOD, key=KEY.arn)
    assert verdict(READERS, reader(lab.statement("s3:GetObject"), trail=keyed, keys=[KEY])) is Verdict.PASS
    opened = reader(lab.statement("s3:GetObject"), lab.statement("kms:Decrypt"), trail=keyed, keys=[KEY])
    assert verdict(READERS, opened) is Verdict.FAIL
    assert_hiding_improves_nothing(READERS, opened)


def test_files_under_a_key_that_was_not_seen_are_unknown() -> None:
    text = lab.document(lab.statement("s3:GetObject"))
    far = KEY.arn.replace(lab.ACCOUNT, "999988887777")
    for key, keys, expected in (
        (KEY.arn, [KEY], Verdict.PASS),
        (KEY.arn, None, Verdict.UNKNOWN),
        (far, [], Verdict.FAIL),
    ):
        trails = [replace(GOOD, key=key)]
        assert verdict(READERS, lab.shared_role(text, trails=trails, keys=keys)) is expected


def test_a_bucket_of_another_account_is_unknown() -> None:
    away = replace(GOOD, arn=ARN.replace(lab.ACCOUNT, lab.OTHER_ACCOUNT))
    assert verdict(READERS, reader(lab.statement("s3:GetObject"), trail=away)) is Verdict.UNKNOWN


def test_without_agents_nobody_reads() -> None:
    with pytest.raises(Skip):
        judged(READERS, lab.snapshot([lab.account(trails=[GOOD])], [lab.tenant("acme")]))
