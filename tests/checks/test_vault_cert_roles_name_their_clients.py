"""Certificate roles that name nobody."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Skip, Verdict
from tests.checks.logins import authority_of, hide_roles, method
from tests.checks.real import findings, hidden, of, snapshot_of, world_of, worst, write

GOOD: list[dict[str, object]] = [
    {"allowed_common_names": ["acme.example"]},
    {"allowed_common_names": ["*"], "allowed_dns_sans": ["*.acme.example"]},
    {"required_extensions": "1.2.3:acme"},
]
BAD: list[dict[str, object]] = [
    {},
    {"allowed_common_names": ["*"]},
    {"allowed_common_names": ["*", "acme"]},
    {"required_extensions": "1.2.3:*"},
]
EMPTY = {"allowed_common_names": [], "allowed_dns_sans": [], "required_extensions": ""}


@pytest.fixture(scope="module")
def authority(admin: hvac.Client) -> str:
    return authority_of(admin)


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    method(admin, "cert")
    return admin


def test_without_the_method_it_is_not_called_for(admin: hvac.Client) -> None:
    bare = world_of(admin)
    none = hidden(snapshot_of(bare), lambda entry: replace(entry, auth_mounts=()))
    with pytest.raises(Skip, match="read in full"):
        findings(__file__, none)


@pytest.mark.parametrize("body", BAD)
def test_a_role_that_breaks_the_claim_fails(server: hvac.Client, authority: str, body: dict[str, object]) -> None:
    write(server, "auth/cert/certs/one", {"certificate": authority, **EMPTY, **body})
    found = findings(__file__, snapshot_of(world_of(server)))
    assert of(found, Verdict.FAIL) == ["auth/cert/certs/one"]
    assert next(one for one in found if one.verdict is Verdict.FAIL).fix


@pytest.mark.parametrize("body", GOOD)
def test_a_role_that_holds_it_passes(server: hvac.Client, authority: str, body: dict[str, object]) -> None:
    write(server, "auth/cert/certs/one", {"certificate": authority, **EMPTY, **body})
    found = findings(__file__, snapshot_of(world_of(server)))
    assert of(found, Verdict.PASS) == ["auth/cert/certs/one"]
    assert worst(found) is Verdict.PASS


@pytest.mark.parametrize("body", [BAD[0], GOOD[0]])
def test_a_role_that_was_not_seen_is_unknown(server: hvac.Client, authority: str, body: dict[str, object]) -> None:
    write(server, "auth/cert/certs/one", {"certificate": authority, **EMPTY, **body})
    for blind in hide_roles(snapshot_of(world_of(server))):
        found = findings(__file__, blind)
        assert worst(found) is Verdict.UNKNOWN
        assert not of(found, Verdict.PASS)
