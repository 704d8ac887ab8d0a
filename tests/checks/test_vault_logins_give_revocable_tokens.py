"""Roles that give batch tokens."""

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
        ("default", "default-service", Verdict.PASS),
        ("service", "default-batch", Verdict.PASS),
        ("batch", "default-service", Verdict.FAIL),
        ("default", "default-batch", Verdict.FAIL),
        ("default", "batch", Verdict.FAIL),
    ],
)
def test_the_type_of_a_roles_tokens(server: hvac.Client, role: str, mount: str, verdict: Verdict) -> None:
    if mount == "batch":
        write(server, "auth/approle/role/run", {"token_type": "default", "secret_id_ttl": "1h"})
    write(server, "sys/auth/approle/tune", {"token_type": mount})
    if mount != "batch":
        write(server, "auth/approle/role/run", {"token_type": role, "token_num_uses": 0})
    found = findings(__file__, snapshot_of(world_of(server)))
    assert of(found, verdict) == ["auth/approle/role/run"]
    # What the server itself gives at a login.
    identity = server.auth.approle.read_role_id("run")["data"]["role_id"]
    secret = server.auth.approle.generate_secret_id("run")["data"]["secret_id"]
    given = write(server, "auth/approle/login", {"role_id": identity, "secret_id": secret})["auth"]
    assert (given["token_type"] == "batch") is (verdict is Verdict.FAIL)
    write(server, "sys/auth/approle/tune", {"token_type": "default-service"})


@pytest.mark.parametrize(("kind", "verdict"), [("batch", Verdict.FAIL), ("service", Verdict.PASS)])
def test_the_type_of_a_token_roles_tokens(server: hvac.Client, kind: str, verdict: Verdict) -> None:
    write(server, "auth/token/roles/run", {"token_type": kind, "renewable": kind != "batch", "orphan": True})
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
    [({"token_type": "batch"}, Verdict.FAIL), ({"token_type": "service"}, Verdict.PASS), (None, Verdict.UNKNOWN)],
)
def test_a_directory_gives_tokens_by_its_configuration(
    server: hvac.Client, config: dict[str, object] | None, verdict: Verdict
) -> None:
    method = AuthMount(path="ldap/", type="ldap", accessor="a", tune={}, config=config)
    alone = hidden(snapshot_of(world_of(server)), lambda entry: replace(entry, auth_mounts=(method,), token_roles=()))
    assert of(findings(__file__, alone), verdict) == ["auth/ldap/config"]
