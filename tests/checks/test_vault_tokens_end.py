"""Tokens that live long or for ever."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.decide.vault.model import TokenFacts
from tests.checks.real import findings, hidden, names, of, read, snapshot_of, world_of, worst, write


@pytest.fixture(autouse=True)
def clean(admin: hvac.Client) -> None:
    own = read(admin, "auth/token/lookup-self")
    assert own is not None
    for accessor in names(admin, "auth/token/accessors"):
        if accessor != own["accessor"]:
            admin.auth.token.revoke_accessor(accessor)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"period": "1h"}, "it can be renewed for ever"),
        ({"ttl": "1200h", "explicit_max_ttl": "1200h"}, "it lives longer than 32 days"),
    ],
)
def test_a_token_without_an_end_fails(admin: hvac.Client, body: dict[str, str], fault: str) -> None:
    write(admin, "sys/mounts/auth/token/tune", {"max_lease_ttl": "2400h"})
    write(admin, "auth/token/create", {"policies": ["default"], **body})
    found = findings(__file__, snapshot_of(world_of(admin)))
    assert of(found, Verdict.FAIL) == [f"tokens of auth/token/create: {fault}"]


@pytest.mark.parametrize("field", ["token_period", "period"])
def test_the_period_of_a_token_role_is_found_at_the_role(admin: hvac.Client, field: str) -> None:
    write(admin, "auth/token/roles/long", {field: "1h"})
    made = write(admin, "auth/token/create/long", {"policies": ["default"]})["auth"]
    shown = write(admin, "auth/token/lookup-accessor", {"accessor": made["accessor"]})["data"]
    assert not shown.get("period")
    whole = snapshot_of(world_of(admin))
    found = findings(__file__, whole)
    assert of(found, Verdict.FAIL) == ["tokens of auth/token/create/long: it can be renewed for ever"]
    for blind in (
        hidden(whole, lambda entry: replace(entry, token_roles=None)),
        hidden(whole, lambda entry: replace(entry, token_roles=tuple(
            replace(role, data=None) for role in entry.token_roles or ()))),
    ):  # fmt: skip
        assert of(findings(__file__, blind), Verdict.UNKNOWN) == [f"auth/token/accessors/{made['accessor']}"]


def test_a_token_with_an_end_passes(admin: hvac.Client) -> None:
    write(admin, "auth/token/create", {"policies": ["default"], "ttl": "1h"})
    write(admin, "auth/token/create", {"policies": ["default"], "period": "1h", "explicit_max_ttl": "24h"})
    found = findings(__file__, snapshot_of(world_of(admin)))
    assert worst(found) is Verdict.PASS
    assert [one.count for one in found] == [3]


def test_tokens_that_were_not_seen_are_unknown(admin: hvac.Client) -> None:
    whole = snapshot_of(world_of(admin))
    for blind in (
        hidden(whole, lambda entry: replace(entry, tokens=None)),
        hidden(whole, lambda entry: replace(entry, tokens=tuple(
            replace(token, data=None) for token in entry.tokens or ()))),
    ):  # fmt: skip
        found = findings(__file__, blind)
        assert worst(found) is Verdict.UNKNOWN
        assert not of(found, Verdict.PASS)


@pytest.mark.parametrize("field", ["creation_ttl", "explicit_max_ttl", "period"])
def test_a_duration_of_another_form_counts_as_not_seen(admin: hvac.Client, field: str) -> None:
    whole = snapshot_of(world_of(admin))
    for value in ("1h", "3600", ["3600"], {"ttl": 1}, 3600.5):
        data = {"policies": ["default"], "creation_ttl": 3600, "explicit_max_ttl": 0, "period": 0, field: value}
        odd = hidden(whole, lambda entry: replace(entry, tokens=(TokenFacts(accessor="a1", data=data),)))  # noqa: B023  (called at once)
        (finding,) = findings(__file__, odd)
        assert finding.verdict is Verdict.UNKNOWN
        assert f"field {field} is not a number of seconds" in str(finding.evidence)
