"""Denies and limits that end by themselves."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from tests.checks.real import clause, findings, hidden, of, policy, snapshot_of, tenant, world_of, worst

SOON = "2099-01-01T00:00:00Z"
WIDE = clause("secret/data/*", "read", "update")
ENDS = f'expiration = "{SOON}"'
LIMIT = 'denied_parameters = { "data" = [] }'
TENANTS = (tenant("acme", policies=("p", "q")), tenant("beta"))


@pytest.mark.parametrize(
    ("text", "more"),
    [
        (WIDE + clause("secret/data/beta/*", "deny", more=ENDS), {}),
        (WIDE + clause("secret/data/beta/*", more=ENDS), {}),
        (WIDE + clause("secret/data/{{identity.entity.metadata.other}}/*", "deny"), {}),
        (clause("secret/data/beta/*", "deny"), {"ttl": "1h"}),
        (WIDE + clause("secret/data/acme/*", "update", more=f"{LIMIT}\n{ENDS}"), {}),
        (WIDE + clause("secret/data/acme/*", "deny", more='expiration = "2020-01-01T00:00:00Z"'), {}),
    ],
)
def test_a_deny_or_limit_that_ends_fails(admin: hvac.Client, text: str, more: dict[str, str]) -> None:
    policy(admin, "q", clause("sys/x", "read"))
    policy(admin, "p", text, **more)
    found = findings(__file__, snapshot_of(world_of(admin), *TENANTS))
    assert len(of(found, Verdict.FAIL)) == 1
    assert not of(found, Verdict.PASS)


@pytest.mark.parametrize(
    "text",
    [
        WIDE + clause("secret/data/beta/*", "deny"),
        clause("secret/data/beta/*", "read", more=ENDS),
        clause("secret/data/{{identity.entity.metadata.other}}/*", "read"),
        clause("secret/data/acme/*", "update", more=f"{LIMIT}\n{ENDS}"),
    ],
)
def test_a_deny_that_stays_and_a_grant_that_ends_pass(admin: hvac.Client, text: str) -> None:
    policy(admin, "q", clause("sys/x", "read"))
    policy(admin, "p", text)
    assert worst(findings(__file__, snapshot_of(world_of(admin), *TENANTS))) is Verdict.PASS


def test_a_limit_that_hides_a_grant_of_another_policy_of_the_agent_fails(admin: hvac.Client) -> None:
    policy(admin, "p", clause("secret/data/acme/*", "update", more=f"{LIMIT}\n{ENDS}"))
    policy(admin, "q", WIDE)
    world = world_of(admin)
    assert worst(findings(__file__, snapshot_of(world, *TENANTS))) is Verdict.FAIL
    assert worst(findings(__file__, snapshot_of(world, tenant("beta")))) is Verdict.PASS


def test_a_text_that_was_not_seen_is_unknown(admin: hvac.Client) -> None:
    policy(admin, "p", WIDE + clause("secret/data/beta/*", "deny", more=ENDS))
    whole = snapshot_of(world_of(admin), *TENANTS)
    blind = hidden(whole, lambda entry: replace(entry, policies=tuple(
        replace(one, text=None) for one in entry.policies or ())))  # fmt: skip
    assert worst(findings(__file__, blind)) is Verdict.UNKNOWN
    assert not of(findings(__file__, blind), Verdict.PASS)
