"""Read AWS as the collector does, and hold what comes back to what holds always: gaps that fit, no credential."""

import contextlib
from collections.abc import Iterator

import pytest

from cred_audit.collect.aws import collect_aws
from cred_audit.decide.aws.world import Region, asked
from cred_audit.errors import CollectError
from cred_audit.facts import AwsFacts, Gap
from cred_audit.target.model import AwsSource, Target
from tests.aws_server import KEY_ID, REGION, SECRET_KEY, AwsServer
from tests.collect import aws_planted as planted
from tests.collect.aws_faults import Between, Fault, between

TOKEN = "canary-session-token-4711"
CANARIES = (SECRET_KEY, TOKEN, planted.CANARY)
READER = "arn:aws:iam::{account}:role/audit"


def environ_of(url: str, **more: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_SESSION_TOKEN": TOKEN,
        "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": url, "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_MAX_ATTEMPTS": "1",
        **more,
    }  # fmt: skip


def read(url: str, source: AwsSource | None = None, **environ: str) -> tuple[AwsFacts, tuple[Gap, ...]]:
    facts, gaps = collect_aws(
        source or AwsSource(), Target(name="t", tenants=()), environ=environ_of(url, **environ),
        progress=lambda *_: None,
    )  # fmt: skip
    for gap in gaps:
        fits(gap.what)
        fits(gap.reason)
    every_unseen_part_has_its_gap(facts, gaps)
    assert not [canary for canary in CANARIES if canary in repr(facts)]
    return facts, gaps


def fits(text: str) -> None:
    """Whether a text can be shown: one line, not long, no credential."""
    assert text.isprintable()
    assert len(text) < 500
    assert not [canary for canary in CANARIES if canary in text]


def every_unseen_part_has_its_gap(facts: AwsFacts, gaps: tuple[Gap, ...]) -> None:
    told = {gap.what for gap in gaps if gap.source == "aws"}
    for account in facts.world.accounts:
        if None in (account.roles, account.users, account.groups, account.policies):
            assert asked("iam", account.id) in told
        for region in account.regions:
            for part in ("secrets", "parameters", "keys", "functions", "trails"):
                assert getattr(region, part) is not None or asked(part, account.id, region.name) in told
    assert facts.world.organization is not None or asked("organization") in told


def refusing(url: str, source: AwsSource | None = None, **environ: str) -> str:
    """Return the one line that says why nothing could be collected."""
    with pytest.raises(CollectError) as caught:
        read(url, source, **environ)
    fits(str(caught.value))
    return str(caught.value)


@contextlib.contextmanager
def faulty(server: AwsServer, **faults: Fault) -> Iterator[Between]:
    with between(server.url, faults) as running:
        yield running


def region_of(facts: AwsFacts) -> Region:
    return facts.world.accounts[0].regions[0]


def reason(gaps: tuple[Gap, ...], what: str) -> str:
    (found,) = {gap.reason for gap in gaps if what in gap.what}
    return found
