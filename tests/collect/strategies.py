"""Strategies for any texts, numbers and times, and for any facts of AWS, meaningful or not."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from cred_audit.decide.aws.model import KmsGrant
from cred_audit.decide.aws.world import (
    Account,
    AwsWorld,
    Function,
    Group,
    Key,
    Organization,
    Parameter,
    PolicyText,
    Region,
    Replica,
    Role,
    Secret,
    Trail,
    User,
)
from cred_audit.facts import AwsFacts
from cred_audit.target.model import AwsFiles, AwsPrincipalFiles, AwsSource

texts = st.text(st.characters(codec="utf-8"), max_size=12)


def arns(service: str) -> st.SearchStrategy[str]:
    return texts.map(lambda end: f"arn:aws:{service}:region:account:name{end}")


numbers = st.integers(-(2**53), 2**53)
labels = st.dictionaries(texts, texts, max_size=2)
zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-3))])
times = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=zones)  # noqa: DTZ001  (zones come after)


def several(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=3).map(tuple)


def maybe(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...] | None]:
    return st.none() | several(items)


written = st.builds(PolicyText, name=texts, text=st.none() | texts)
iam_roles = st.builds(
    Role, arn=arns("iam"),
    tags=st.none() | labels, trust=st.none() | texts, inline=maybe(written), attached=maybe(texts),
    boundary=st.none() | texts, max_session=st.none() | numbers, instance_profiles=several(texts),
)  # fmt: skip
iam_users = st.builds(
    User, arn=arns("iam"), tags=st.none() | labels, inline=maybe(written), attached=maybe(texts), groups=maybe(texts),
    boundary=st.none() | texts, access_keys=maybe(times),
)  # fmt: skip
iam_groups = st.builds(Group, arn=arns("iam"), inline=maybe(written), attached=maybe(texts))
secrets = st.builds(
    Secret, arn=arns("secretsmanager"), tags=st.none() | labels, key=st.none() | texts, key_seen=st.booleans(),
    policy=st.none() | texts, policy_seen=st.booleans(), rotated_by=st.none() | texts,
    rotation=st.none() | st.booleans(), rotates_every=st.none() | numbers, last_rotated=st.none() | times,
    last_changed=st.none() | times, primary_region=texts, owning_service=texts,
    replicas=several(st.builds(Replica, region=texts, key=st.none() | texts)),
)  # fmt: skip
parameters = st.builds(
    Parameter, arn=arns("ssm"),
    type=texts, tags=st.none() | labels, key=st.none() | texts, last_changed=st.none() | times,
)  # fmt: skip
grants = st.builds(
    KmsGrant, grantee=texts, operations=st.frozensets(texts, max_size=4), context_subset=st.none() | labels,
    context_equals=st.none() | labels, name=texts,
)  # fmt: skip
keys = st.builds(
    Key, arn=arns("kms"),
    policy=st.none() | texts, grants=maybe(grants), tags=st.none() | labels, aliases=several(texts),
    customer=st.none() | st.booleans(), enabled=st.none() | st.booleans(),
)  # fmt: skip
trails = st.builds(
    Trail, arn=arns("cloudtrail"), logging=st.none() | st.booleans(), every_region=st.booleans(),
    reads=st.none() | st.booleans(), bucket=texts, key=st.none() | texts,
)  # fmt: skip
regions = st.builds(
    Region, name=texts, secrets=maybe(secrets), parameters=maybe(parameters), keys=maybe(keys),
    functions=maybe(st.builds(Function, arn=arns("lambda"), role=st.none() | texts)), trails=maybe(trails),
)  # fmt: skip
accounts = st.builds(
    Account, id=texts, regions=several(regions), roles=maybe(iam_roles), users=maybe(iam_users),
    groups=maybe(iam_groups), policies=maybe(written),
)  # fmt: skip
levels = st.dictionaries(texts, st.none() | several(several(written)), max_size=2)
organizations = st.builds(Organization, management=texts, scps=levels, rcps=levels)
aws_facts = st.builds(
    AwsFacts, world=st.builds(AwsWorld, accounts=several(accounts), organization=st.none() | organizations),
    coverage=st.dictionaries(texts, numbers, max_size=2), assumed=several(texts),
)  # fmt: skip
paths = st.just(Path("a/b.json"))
aws_files = st.builds(
    AwsFiles, authorization_details=maybe(paths), secrets=maybe(paths), terraform=maybe(paths),
    roles=st.dictionaries(
        texts, st.builds(AwsPrincipalFiles, policies=several(paths), trust=st.none() | paths, tags=labels), max_size=2
    ),
)  # fmt: skip
aws_sources = st.builds(
    AwsSource, profile=st.none() | texts, regions=several(texts), role_arn=st.none() | texts,
    endpoint_url=st.none() | texts, accounts=several(texts), organization=st.none() | paths,
    files=st.none() | st.dictionaries(texts, aws_files, max_size=2),
)  # fmt: skip
