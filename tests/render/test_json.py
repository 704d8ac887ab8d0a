"""The JSON result: valid by its own schema, deterministic, and readable again."""

import json
from collections.abc import Iterable, Iterator

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cred_audit.errors import SnapshotError
from cred_audit.finding import finding_id
from cred_audit.render import FORMATS
from cred_audit.render.json import from_json, render
from cred_audit.render.result_schema import result_schema
from cred_audit.report import Report
from tests.render import sample

REPORTS = [
    sample.leaky(),
    sample.clean(),
    sample.unknown(),
    sample.huge(50),
    sample.hostile(),
]


@pytest.mark.parametrize("report", REPORTS)
def test_every_result_is_valid_by_the_printed_schema(report: Report) -> None:
    validator = jsonschema_rs.validator_for(result_schema())
    validator.validate(json.loads(render(report)))


def test_the_schema_refuses_a_result_without_a_verdict() -> None:
    data = json.loads(render(sample.leaky()))
    del data["results"][0]["findings"][0]["verdict"]
    assert not jsonschema_rs.validator_for(result_schema()).is_valid(data)


@pytest.mark.parametrize("report", REPORTS)
def test_a_result_read_back_says_the_same(report: Report) -> None:
    text = render(report)
    again = from_json(text)
    assert render(again) == text
    assert [each.findings for each in again.results] == [each.findings for each in report.results]
    assert again.gaps == report.gaps


def test_findings_are_not_folded_and_sets_stay_sets() -> None:
    data = json.loads(render(sample.huge(10_000)))
    findings = data["results"][0]["findings"]
    assert len(findings) == 10_000
    assert findings[7]["reaches"] == {"all_except": ["tenant-00007"]}


def test_a_finding_id_depends_on_check_and_subject_only() -> None:
    finding = sample.leak("acme")
    assert finding_id("c", finding) == "c/4794d93c909e"


def test_the_summary_counts_findings_by_severity_and_claims_otherwise() -> None:
    summary = json.loads(render(sample.leaky()))["summary"]
    assert summary == {
        "fail": {"critical": 3, "high": 1, "medium": 0, "low": 0},
        "accepted": 1,
        "unknown": 1,
        "pass": 1,
        "skipped": 1,
    }


def _broken(**changes: object) -> str:
    """Return a result in which the first finding, or the whole with a leading underscore, is changed."""
    data = json.loads(render(sample.leaky()))
    for key, value in changes.items():
        if key.startswith("_"):
            data[key[1:]] = value
        else:
            data["results"][0]["findings"][0][key] = value
    return json.dumps(data)


def _chain(length: int) -> dict[str, object]:
    witness: dict[str, object] = {"system": "vault"}
    for _ in range(length):
        witness = {"system": "vault", "before": [witness]}
    return witness


def _nested(depth: int) -> dict[str, object]:
    nested: dict[str, object] = {}
    for _ in range(depth):
        nested = {"x": [nested]}
    return nested


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Expecting value"),
        ("\x00\x01\ufffd", "Expecting value"),
        ("[]", "expected an object, found list"),
        ("{}", "key 'schema' is missing"),
        ('{"schema": 2}', "it has schema 2"),
        ('{"schema": "\\u001b[31m\\n"}', "it has schema"),
        ('{"schema": 1}', "key 'target' is missing"),
        ("[" * 100_000, ""),
        ('{"schema": 1, "target": {"name": 5}}', "expected a text, found int"),
        (_broken(_coverage=[]), "expected an object, found list"),
        (_broken(_coverage=_nested(40)), "nested more than"),
        (_broken(_score={"value": float("nan")}), "NaN is no number of JSON"),
        (_broken(_gaps={}), "expected a list, found dict"),
        (_broken(_taken_at="yesterday\n"), "Invalid isoformat"),
        (_broken(verdict="PASS"), "is not a valid Verdict"),
        (_broken(verdict=["pass"]), "is not a valid Verdict"),
        (_broken(count=-1), "below zero"),
        (_broken(count=10**20), "above what can be counted"),
        (_broken(count=True), "expected a whole number, found bool"),
        (_broken(agents="acme"), "expected a list, found str"),
        (_broken(reaches={}), "key 'all_except' is missing"),
        (_broken(evidence=[None]), "NoneType"),
        (_broken(witness={}), "key 'system' is missing"),
        (_broken(witness=_chain(40)), "deep"),
        (_broken(witness={"system": "vault", "body": _nested(40)}), "nested more than"),
        (_broken(confirmed="yes"), "expected true, false or null"),
    ],
)
def test_what_is_no_result_is_refused_with_one_line(text: str, says: str) -> None:
    with pytest.raises(SnapshotError, match=r"^old\.json: this is not a result of cred-audit: ") as caught:
        from_json(text, source="old.json")
    said = str(caught.value)
    assert says in said
    assert len(said) < 400
    assert said.isprintable()


def test_a_result_may_begin_with_a_byte_order_mark() -> None:
    assert from_json("\ufeff" + render(sample.clean())).target_name == "Example agents"


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_result_with_any_one_value_replaced_is_read_or_refused_and_what_is_read_can_be_rendered(
    data: st.DataObject,
) -> None:
    result = json.loads(render(sample.leaky()))
    at = data.draw(st.sampled_from(list(_places(result))))
    value = data.draw(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()) | st.just({"x": [1]})
    )
    whole = result
    for key in at[:-1]:
        whole = whole[key]
    whole[at[-1]] = value
    try:
        report = from_json(json.dumps(result))
    except SnapshotError as refused:
        assert str(refused).isprintable()  # noqa: PT017  (either outcome is right)
        return
    for form in FORMATS.values():
        assert form.render(report).encode()


def _places(value: object, here: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the place of every value inside a JSON value."""
    if isinstance(value, dict):
        inside: Iterable[tuple[str | int, object]] = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    else:
        return
    for key, each in inside:
        yield (*here, key)
        yield from _places(each, (*here, key))


def test_a_schema_of_letters_that_nobody_can_see_is_shown_as_escapes() -> None:
    result = json.loads(render(sample.leaky())) | {"schema": "\U00018d09\x1b"}
    with pytest.raises(SnapshotError, match=r"it has schema '\\U00018d09\\x1b', and"):
        from_json(json.dumps(result))
