"""What somebody added to the policy that every token carries."""

from collections.abc import Iterator
from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from tests.checks.real import clause, findings, hidden, of, policy, read, snapshot_of, tenant, world_of, worst


@pytest.fixture
def built_in(admin: hvac.Client) -> Iterator[str]:
    data = read(admin, "sys/policies/acl/default") or {}
    yield data["policy"]
    policy(admin, "default", data["policy"])


def test_the_policy_that_the_server_comes_with_passes(admin: hvac.Client, built_in: str) -> None:
    assert built_in
    assert worst(findings(__file__, snapshot_of(world_of(admin), tenant("acme")))) is Verdict.PASS


@pytest.mark.parametrize(
    "more",
    [
        clause("secret/data/shared/*", "read"),
        clause("sys/leases/renew", "update", "sudo"),
        clause("cubbyhole*", "read"),
        clause("identity/entity/id/*", "read"),
        clause("identity/oidc/provider/*", "read"),
    ],
)
def test_an_addition_fails(admin: hvac.Client, built_in: str, more: str) -> None:
    policy(admin, "default", built_in + more)
    found = findings(__file__, snapshot_of(world_of(admin), tenant("acme")))
    (failed,) = [finding for finding in found if finding.verdict is Verdict.FAIL]
    assert failed.evidence[0].line > built_in.count("\n")


@pytest.mark.parametrize(
    "text",
    [
        clause("cubbyhole/mine/*", "read"),
        clause("sys/leases/renew", "deny"),
        clause("identity/oidc/provider/acme/authorize", "read"),
        "# nothing\n",
    ],
)
def test_less_passes_and_so_does_another_way_to_write_it(admin: hvac.Client, built_in: str, text: str) -> None:
    assert built_in
    policy(admin, "default", text)
    assert worst(findings(__file__, snapshot_of(world_of(admin), tenant("acme")))) is Verdict.PASS


def test_a_default_policy_that_was_not_seen_is_unknown(admin: hvac.Client, built_in: str) -> None:
    policy(admin, "default", built_in + clause("secret/*", "read"))
    whole = snapshot_of(world_of(admin), tenant("acme"))
    blind = hidden(whole, lambda entry: replace(entry, policies=tuple(
        replace(one, text=None) for one in entry.policies or () if one.name == "default")))  # fmt: skip
    assert of(findings(__file__, blind), Verdict.UNKNOWN) == ["sys/policies/acl/default"]
    assert not of(findings(__file__, blind), Verdict.PASS)
