"""Roles that set no end to their tokens."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Skip, Verdict
from cred_audit.decide.vault.model import AuthMount
from tests.checks.logins import hide_roles, hide_tune, method
from tests.checks.real import findings, hidden, of, snapshot_of, world_of, worst, write


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    method(admin, "approle")
    return admin


def test_without_roles_it_is_not_called_for(admin: hvac.Client) -> None:
    none = hidden(snapshot_of(world_of(admin)), lambda entry: replace(entry, auth_mounts=(), token_roles=()))
    with pytest.raises(Skip, match="read in full"):
        findings(__file__, none)


@pytest.mark.parametrize(
    ("role", "mount", "verdict"),
    [
        ({"token_max_ttl": "1h"}, {}, Verdict.PASS),
        ({"token_explicit_max_ttl": "1h", "token_period": "1h"}, {}, Verdict.PASS),
        ({}, {"max_lease_ttl": "24h"}, Verdict.PASS),
        ({}, {}, Verdict.FAIL),
        ({"token_period": "1h", "token_max_ttl": "24h"}, {}, Verdict.FAIL),
        ({}, {"max_lease_ttl": "9000h"}, Verdict.FAIL),
    ],
)
def test_the_end_of_a_roles_tokens(
    server: hvac.Client, role: dict[str, str], mount: dict[str, str], verdict: Verdict
) -> None:
    none = {"token_max_ttl": 0, "token_explicit_max_ttl": 0, "token_period": 0}
    write(server, "auth/approle/role/run", {**none, **role})
    write(server, "sys/auth/approle/tune", {"max_lease_ttl": "0", **mount})
    found = findings(__file__, snapshot_of(world_of(server)))
    assert of(found, verdict) == ["auth/approle/role/run"]
    write(server, "sys/auth/approle/tune", {"max_lease_ttl": "0"})


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ({"token_explicit_max_ttl": "1h"}, Verdict.PASS),
        ({"explicit_max_ttl": "1h"}, Verdict.PASS),
        ({"token_period": "1h"}, Verdict.FAIL),
        ({}, Verdict.FAIL),
    ],
)
def test_the_end_of_a_token_roles_tokens(server: hvac.Client, body: dict[str, str], verdict: Verdict) -> None:
    write(server, "auth/token/roles/run", body)
    found = findings(__file__, snapshot_of(world_of(server)))
    assert "auth/token/roles/run" in of(found, verdict)
    server.adapter.request("DELETE", "/v1/auth/token/roles/run")


def test_what_was_not_seen_is_unknown(server: hvac.Client) -> None:
    server.adapter.request("DELETE", "/v1/auth/token/roles/run", raise_exception=False)
    write(server, "auth/approle/role/run", {"token_type": "default", "token_max_ttl": 0, "token_period": 0})
    whole = snapshot_of(world_of(server))
    for blind in (*hide_roles(whole), hide_tune(whole), hidden(whole, lambda entry: replace(
            entry, token_roles=None, auth_mounts=()))):  # fmt: skip
        found = findings(__file__, blind)
        assert worst(found) is Verdict.UNKNOWN
        assert not of(found, Verdict.PASS)


# The tests' server has no such method, so these are fields as its documentation gives them.
@pytest.mark.parametrize(
    ("config", "verdict"),
    [
        ({"token_type": "default"}, Verdict.FAIL),
        ({"token_max_ttl": 3600, "token_type": "default"}, Verdict.PASS),
        (None, Verdict.UNKNOWN),
    ],
)
def test_a_directory_gives_tokens_by_its_configuration(
    server: hvac.Client, config: dict[str, object] | None, verdict: Verdict
) -> None:
    method = AuthMount(path="ldap/", type="ldap", accessor="a", tune={}, config=config)
    alone = hidden(snapshot_of(world_of(server)), lambda entry: replace(entry, auth_mounts=(method,), token_roles=()))
    assert of(findings(__file__, alone), verdict) == ["auth/ldap/config"]
