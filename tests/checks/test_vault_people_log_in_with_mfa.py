"""Auth methods for people without a second factor."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Skip, Verdict
from tests.checks.logins import acting, method
from tests.checks.real import findings, hidden, of, snapshot_of, world_of, worst, write


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    method(admin, "userpass")
    return admin


def test_a_method_without_a_second_factor_fails(server: hvac.Client) -> None:
    whole = snapshot_of(world_of(server))
    assert of(findings(__file__, whole), Verdict.FAIL) == ["auth/userpass/"]
    for blind in (
        hidden(whole, lambda entry: replace(entry, mfa_enforcements=None)),
        hidden(whole, lambda entry: replace(entry, auth_mounts=None)),
    ):
        found = findings(__file__, blind)
        assert worst(found) is Verdict.UNKNOWN
        assert not of(found, Verdict.PASS)


def test_a_method_of_agents_is_not_for_people(server: hvac.Client) -> None:
    agent = acting("acme", role="auth/userpass/users/acme")
    with pytest.raises(Skip, match="read in full"):
        findings(__file__, snapshot_of(world_of(server), agent))


def test_with_an_enforcement_its_reach_is_not_known(server: hvac.Client) -> None:
    made = write(server, "identity/mfa/method/totp", {"issuer": "acme"})["data"]["method_id"]
    rule = {"mfa_method_ids": [made], "auth_method_types": ["userpass"]}
    write(server, "identity/mfa/login-enforcement/people", rule)
    assert of(findings(__file__, snapshot_of(world_of(server))), Verdict.UNKNOWN) == ["auth/userpass/"]
