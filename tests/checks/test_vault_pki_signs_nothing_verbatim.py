"""Signing that no role limits."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.target.model import PathTerritory
from tests.checks.real import clause, findings, hidden, of, policy, snapshot_of, tenant, world_of, worst, write

TWO = (tenant("acme"), tenant("beta"))


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    write(admin, "sys/mounts/pki", {"type": "pki"})
    policy(admin, "beta", clause("sys/x", "read"))
    return admin


@pytest.mark.parametrize(
    ("path", "capability", "fails"),
    [
        ("pki/sign-verbatim", "update", True),
        ("pki/sign-verbatim/acme", "update", True),
        ("pki/issuer/default/sign-verbatim", "update", True),
        ("pki/issuer/+/sign-intermediate", "update", True),
        ("pki/root/sign-intermediate", "update", True),
        ("pki/*", "update", True),
        ("pki/*", "read", False),
        ("pki/sign/acme", "update", False),
        ("pki/issue/*", "update", False),
    ],
)
def test_who_may_have_it_signed(server: hvac.Client, path: str, capability: str, *, fails: bool) -> None:
    policy(server, "acme", clause(path, capability))
    found = findings(__file__, snapshot_of(world_of(server), *TWO))
    assert worst(found) is (Verdict.FAIL if fails else Verdict.PASS)


def test_an_engine_of_the_tenants_own_passes(server: hvac.Client) -> None:
    policy(server, "acme", clause("pki/*", "update"))
    own = tenant("acme", PathTerritory(path="pki/*"))
    assert worst(findings(__file__, snapshot_of(world_of(server), own, TWO[1]))) is Verdict.PASS


def test_policies_that_were_not_seen_are_unknown(server: hvac.Client) -> None:
    policy(server, "acme", clause("pki/*", "update"))
    whole = snapshot_of(world_of(server), *TWO)
    for change in (lambda entry: replace(entry, policies=None), lambda entry: replace(entry, mounts=None)):
        found = findings(__file__, hidden(whole, change))
        assert of(found, Verdict.UNKNOWN)
        assert not of(found, Verdict.PASS)
