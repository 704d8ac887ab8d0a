"""JWT logins named by what users choose."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Skip, Verdict
from tests.checks.logins import hide_roles, method
from tests.checks.real import findings, hidden, of, snapshot_of, world_of, worst, write

GOOD: list[dict[str, object]] = [{"role_type": "jwt", "user_claim": "sub", "bound_subject": "acme"}]
BAD: list[dict[str, object]] = [
    {"role_type": "jwt", "user_claim": "email", "bound_subject": "acme"},
    {"role_type": "jwt", "user_claim": "/info/Email", "user_claim_json_pointer": True, "bound_subject": "acme"},
]


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    method(admin, "jwt")
    return admin


def test_without_the_method_it_is_not_called_for(admin: hvac.Client) -> None:
    bare = world_of(admin)
    none = hidden(snapshot_of(bare), lambda entry: replace(entry, auth_mounts=()))
    with pytest.raises(Skip, match="read in full"):
        findings(__file__, none)


@pytest.mark.parametrize("body", BAD)
def test_a_role_that_breaks_the_claim_fails(server: hvac.Client, body: dict[str, object]) -> None:
    write(server, "auth/jwt/role/one", body)
    found = findings(__file__, snapshot_of(world_of(server)))
    assert of(found, Verdict.FAIL) == ["auth/jwt/role/one"]
    assert next(one for one in found if one.verdict is Verdict.FAIL).fix


@pytest.mark.parametrize("body", GOOD)
def test_a_role_that_holds_it_passes(server: hvac.Client, body: dict[str, object]) -> None:
    write(server, "auth/jwt/role/one", body)
    found = findings(__file__, snapshot_of(world_of(server)))
    assert of(found, Verdict.PASS) == ["auth/jwt/role/one"]
    assert worst(found) is Verdict.PASS


@pytest.mark.parametrize("body", [BAD[0], GOOD[0]])
def test_a_role_that_was_not_seen_is_unknown(server: hvac.Client, body: dict[str, object]) -> None:
    write(server, "auth/jwt/role/one", body)
    for blind in hide_roles(snapshot_of(world_of(server))):
        found = findings(__file__, blind)
        assert worst(found) is Verdict.UNKNOWN
        assert not of(found, Verdict.PASS)


def test_a_program_is_not_evaluated(server: hvac.Client) -> None:
    write(server, "auth/jwt/role/one", GOOD[0])
    write(server, "auth/jwt/cel/role/two", {"cel_program": {"expression": "true"}})
    found = findings(__file__, snapshot_of(world_of(server)))
    assert of(found, Verdict.UNKNOWN) == ["auth/jwt/cel/role/two"]
    server.adapter.request("DELETE", "/v1/auth/jwt/cel/role/two")
