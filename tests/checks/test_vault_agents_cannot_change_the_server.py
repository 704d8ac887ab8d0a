"""Agents that write settings of the server."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.demo.server import RunningServer
from tests.checks.logins import replay
from tests.checks.real import clause, findings, hidden, of, policy, snapshot_of, tenant, world_of, worst

TENANTS = (tenant("acme"), tenant("beta"))


@pytest.mark.parametrize("path", ["*", "sys/*", "sys/quotas/config", "sys/config/*", "sys/quotas/rate-limit/+"])
def test_an_agent_that_reaches_them_fails_and_gets_through(bao: RunningServer, admin: hvac.Client, path: str) -> None:
    policy(admin, "beta", clause("secret/data/beta/*", "read"))
    policy(admin, "acme", clause(path, "update", "sudo"))
    found = findings(__file__, snapshot_of(world_of(admin), *TENANTS))
    assert of(found, Verdict.FAIL) == [f"acme: policy:acme {path}"]
    assert of(found, Verdict.PASS) == ["agent:beta/agent"]
    witness = next(one.witness for one in found if one.verdict is Verdict.FAIL)
    assert witness is not None
    made = admin.auth.token.create(policies=["acme"], no_default_policy=True)
    assert replay(bao.address, made["auth"]["client_token"], witness) != 403


def test_an_agent_without_them_passes(admin: hvac.Client) -> None:
    policy(admin, "acme", clause("*", "read", "update", "sudo") + clause("sys/*", "deny") + clause("sys/+", "deny"))
    policy(admin, "beta", clause("secret/*", "update", "sudo"))
    found = findings(__file__, snapshot_of(world_of(admin), *TENANTS))
    assert worst(found) is Verdict.PASS


def test_policies_that_were_not_seen_are_unknown(admin: hvac.Client) -> None:
    whole = snapshot_of(world_of(admin), *TENANTS)
    found = findings(__file__, hidden(whole, lambda entry: replace(entry, policies=None)))
    assert worst(found) is Verdict.UNKNOWN
    assert not of(found, Verdict.PASS)
