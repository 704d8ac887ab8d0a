"""Event selectors of CloudTrail: what they take, whichever way the trail was read."""

from pathlib import Path
from typing import Any

import pytest

from cred_audit.collect.aws.live.trails import reads_recorded
from cred_audit.collect.aws.selectors import records_reads
from tests import aws_lab as lab
from tests.collect import aws_plans as plans
from tests.collect.test_aws_offline import Account, said, world

SECRETS, KEYS, DATABASES = "secretsmanager.amazonaws.com", "kms.amazonaws.com", "rdsdata.amazonaws.com"
ARN = f"arn:aws:cloudtrail:{lab.REGION}:{lab.ACCOUNT}:trail/t"


def selector(**fields: Any) -> dict[str, Any]:
    """An advanced selector, of management events unless it says otherwise; a text is an Equals of it."""
    fields.setdefault("eventCategory", "Management")
    tests = {name: {"Equals": [value]} if isinstance(value, str) else value for name, value in fields.items() if value}
    return {"FieldSelectors": [{"Field": name, **test} for name, test in tests.items()]}


BASIC: list[tuple[Any, bool | None]] = [
    ([], True),
    ([{}], True),
    ([{"ReadWriteType": "All", "IncludeManagementEvents": True, "ExcludeManagementEventSources": []}], True),
    ([{"ReadWriteType": "ReadOnly"}], True),
    ([{"ReadWriteType": "WriteOnly"}], False),
    ([{"ReadWriteType": "WriteOnly"}, {"ReadWriteType": "ReadOnly"}], True),
    ([{"IncludeManagementEvents": False}], False),
    ([{"ExcludeManagementEventSources": [KEYS]}], False),
    ([{"ExcludeManagementEventSources": [DATABASES, SECRETS]}], False),
    ([{"ExcludeManagementEventSources": [DATABASES]}], True),
    ([{"ExcludeManagementEventSources": [KEYS]}, {"ReadWriteType": "ReadOnly"}], True),
    ([{"ReadWriteType": "Sometimes"}], None),
    ([{"ReadWriteType": ["All"]}], None),
    ([{"IncludeManagementEvents": "true"}], None),
    ([{"ExcludeManagementEventSources": KEYS}], None),
    ([{"ExcludeManagementEventSources": [1]}], None),
    ([{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": 1}], False),
    (["x"], None),
    (["x", {}], True),
]
ADVANCED: list[tuple[Any, bool | None]] = [
    ([selector()], True),
    ([selector(readOnly="true")], True),
    ([selector(readOnly="false")], False),
    ([selector(readOnly="false"), selector(readOnly="true")], True),
    ([selector(eventCategory="Data")], False),
    ([selector(eventCategory="Data"), selector()], True),
    ([selector(eventCategory="")], None),
    ([selector(eventSource={"NotEquals": [DATABASES]})], True),
    ([selector(eventSource={"NotEquals": [DATABASES, KEYS]})], False),
    ([selector(eventSource={"NotEquals": [SECRETS]})], False),
    ([selector(eventSource={"NotStartsWith": ["secretsm"]})], False),
    ([selector(eventSource={"NotEndsWith": [".amazonaws.com"]})], False),
    ([selector(eventSource={"NotStartsWith": ["rds"]})], True),
    ([selector(eventSource={"StartsWith": ["secretsmanager."]})], False),
    ([selector(eventSource={"StartsWith": ["secretsmanager.", "kms."], "Equals": ["ssm.amazonaws.com"]})], True),
    ([selector(eventSource={"EndsWith": [".amazonaws.com"]})], True),
    ([selector(eventSource={"EndsWith": [".amazonaws.com"], "NotEquals": [KEYS]})], False),
    ([selector(eventSource=SECRETS), selector(eventSource=KEYS), selector(eventSource="ssm.amazonaws.com")], True),
    ([selector(eventSource=SECRETS)], False),
    ([selector(eventName={"StartsWith": ["Put"]})], None),
    ([selector(eventName={"StartsWith": ["Put"]}), selector()], True),
    ([selector(eventName={"StartsWith": ["Put"]}, readOnly="false")], False),
    ([selector(**{"userIdentity.arn": {"NotStartsWith": ["arn:aws:sts"]}})], None),
    ([selector(readOnly={"Matches": ["true"]})], None),
    ([selector(readOnly={"Equals": [True]})], None),
    ([selector(readOnly={"Equals": "true"})], None),
    ([selector(eventSource={"NotEquals": []})], None),
    ([{"FieldSelectors": [{"Field": "eventCategory"}]}], None),
    ([{"FieldSelectors": []}], None),
    ([{"FieldSelectors": ["x"]}], None),
    ([{}], None),
    (["x"], None),
]


@pytest.mark.parametrize(("basic", "reads"), BASIC)
def test_basic_selectors(basic: Any, reads: bool | None) -> None:
    assert records_reads(basic, None) is reads
    assert records_reads(basic, []) is reads


@pytest.mark.parametrize(("advanced", "reads"), ADVANCED)
def test_advanced_selectors(advanced: Any, reads: bool | None) -> None:
    assert records_reads(None, advanced) is reads


@pytest.mark.parametrize(
    ("basic", "advanced"), [(None, None), ([{}], [selector()]), ("All", None), (None, {}), ({}, []), (True, None)]
)
def test_what_no_trail_has_is_not_known(basic: Any, advanced: Any) -> None:
    assert records_reads(basic, advanced) is None


def blocks(given: list[Any], *, advanced: bool) -> list[Any]:
    """Selectors as a plan spells them."""

    def snake(name: str) -> str:
        return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")

    if not advanced:
        return [{snake(name): value for name, value in one.items()} for one in given]
    return [
        {"name": None, "field_selector": [
            {"starts_with": None, "not_ends_with": [], **{snake(name): value for name, value in field.items()}}
            for field in one.get("FieldSelectors", ())
        ]}
        for one in given
    ]  # fmt: skip


def well_formed(given: Any) -> bool:
    return all(isinstance(one, dict) and all(isinstance(field, dict) for field in one.get("FieldSelectors", ()))
               for one in given)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "given", "reads"),
    [
        *(("EventSelectors", given, reads) for given, reads in BASIC if well_formed(given)),
        *(("AdvancedEventSelectors", given, reads) for given, reads in ADVANCED if well_formed(given)),
    ],
)
def test_all_readers_agree(tmp_path: Path, name: str, given: Any, reads: bool | None) -> None:
    assert reads_recorded({name: given}) is reads
    for place in ("printed", "planned"):
        (tmp_path / place).mkdir()
    printed = Account(tmp_path / "printed")
    printed.give("trails", {"trailList": [{"TrailARN": ARN, name: given}]})
    planned = Account(tmp_path / "planned")
    advanced = name != "EventSelectors"
    argument = "advanced_event_selector" if advanced else "event_selector"
    planned.give("terraform", plans.plan([
        plans.new("aws_cloudtrail.t", name="t", **{argument: blocks(given, advanced=advanced)})
    ]))  # fmt: skip
    for account in (printed, planned):
        seen = account.read()
        (trail,) = world(seen).regions[0].trails
        assert trail.reads is reads
        if reads is None:
            assert "elector" in said(seen)
