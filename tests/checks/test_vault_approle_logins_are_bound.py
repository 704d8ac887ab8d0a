"""AppRole roles whose logins do not end or come from anywhere."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Skip, Verdict
from tests.checks.logins import hide_roles, method
from tests.checks.real import findings, hidden, of, snapshot_of, world_of, worst, write

GOOD: list[dict[str, object]] = [
    {"secret_id_ttl": "1h", "token_bound_cidrs": "10.0.0.0/8"},
    {"secret_id_ttl": 0, "secret_id_num_uses": 3, "token_bound_cidrs": "", "secret_id_bound_cidrs": "10.1.0.0/16"},
]
BAD: list[dict[str, object]] = [
    {"bind_secret_id": False, "token_bound_cidrs": "10.0.0.0/8"},
    {"bind_secret_id": True, "secret_id_ttl": 0, "secret_id_num_uses": 0},
    {"secret_id_ttl": "1h", "token_bound_cidrs": "0.0.0.0/0"},
    {"secret_id_ttl": "1h", "token_bound_cidrs": ""},
]


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    method(admin, "approle")
    return admin


def test_without_the_method_it_is_not_called_for(admin: hvac.Client) -> None:
    bare = world_of(admin)
    none = hidden(snapshot_of(bare), lambda entry: replace(entry, auth_mounts=()))
    with pytest.raises(Skip, match="read in full"):
        findings(__file__, none)


@pytest.mark.parametrize("body", BAD)
def test_a_role_that_breaks_the_claim_fails(server: hvac.Client, body: dict[str, object]) -> None:
    write(server, "auth/approle/role/one", body)
    found = findings(__file__, snapshot_of(world_of(server)))
    assert of(found, Verdict.FAIL) == ["auth/approle/role/one"]
    assert next(one for one in found if one.verdict is Verdict.FAIL).fix


@pytest.mark.parametrize("body", GOOD)
def test_a_role_that_holds_it_passes(server: hvac.Client, body: dict[str, object]) -> None:
    write(server, "auth/approle/role/one", body)
    found = findings(__file__, snapshot_of(world_of(server)))
    assert of(found, Verdict.PASS) == ["auth/approle/role/one"]
    assert worst(found) is Verdict.PASS


@pytest.mark.parametrize("body", [BAD[0], GOOD[0]])
def test_a_role_that_was_not_seen_is_unknown(server: hvac.Client, body: dict[str, object]) -> None:
    write(server, "auth/approle/role/one", body)
    for blind in hide_roles(snapshot_of(world_of(server))):
        found = findings(__file__, blind)
        assert worst(found) is Verdict.UNKNOWN
        assert not of(found, Verdict.PASS)
