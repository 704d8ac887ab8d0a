"""External groups on an auth method that two tenants use."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Skip, Verdict
from tests.checks.logins import acting, method
from tests.checks.real import findings, hidden, of, read, snapshot_of, world_of, worst, write

ACME, BETA = acting("acme", role="auth/jwt/role/acme"), acting("beta", role="auth/jwt/role/beta")


@pytest.fixture(scope="module")
def group(admin: hvac.Client) -> str:
    method(admin, "jwt")
    for name in ("acme", "beta"):
        role = {"role_type": "jwt", "user_claim": "sub", "groups_claim": "groups", "bound_subject": name}
        write(admin, f"auth/jwt/role/{name}", role)
    made = write(admin, "identity/group", {"name": "staff", "type": "external", "policies": ["p"]})["data"]["id"]
    methods = read(admin, "sys/auth")
    assert methods is not None
    alias = {"name": "staff", "mount_accessor": methods["jwt/"]["accessor"], "canonical_id": made}
    write(admin, "identity/group-alias", alias)
    return str(made)


def test_without_external_groups_it_is_not_called_for(admin: hvac.Client, group: str) -> None:
    assert group
    none = hidden(snapshot_of(world_of(admin), ACME), lambda entry: replace(entry, groups=()))
    with pytest.raises(Skip, match="read in full"):
        findings(__file__, none)


def test_a_method_of_one_tenant_passes(admin: hvac.Client, group: str) -> None:
    found = findings(__file__, snapshot_of(world_of(admin), ACME))
    assert of(found, Verdict.PASS) == [f"identity/group/id/{group}"]
    assert worst(found) is Verdict.PASS


def test_a_method_of_two_tenants_fails(admin: hvac.Client, group: str) -> None:
    whole = snapshot_of(world_of(admin), ACME, BETA)
    found = findings(__file__, whole)
    assert of(found, Verdict.FAIL) == [f"identity/group/id/{group}"]
    failed = next(one for one in found if one.verdict is Verdict.FAIL)
    assert (failed.tenant, failed.reaches.tenants, failed.reaches.count) == ("acme", ("beta",), 1)
    for blind in (
        hidden(whole, lambda entry: replace(entry, groups=None)),
        hidden(whole, lambda entry: replace(entry, auth_mounts=None)),
    ):
        unseen = findings(__file__, blind)
        assert worst(unseen) is Verdict.UNKNOWN
        assert not of(unseen, Verdict.PASS)


def test_many_tenants_are_kept_as_one_set(admin: hvac.Client, group: str) -> None:
    many = tuple(acting(f"t{number}", role="auth/jwt/role/acme") for number in range(9))
    found = findings(__file__, snapshot_of(world_of(admin), *many))
    (failed,) = [one for one in found if one.verdict is Verdict.FAIL]
    assert failed.subject == f"identity/group/id/{group}"
    assert (failed.reaches.tenants, failed.reaches.all_except, failed.reaches.count) == ((), ("t0",), 8)


def test_a_group_whose_alias_was_not_seen_is_unknown(admin: hvac.Client, group: str) -> None:
    blind = hidden(
        snapshot_of(world_of(admin), ACME),
        lambda entry: replace(entry, groups=tuple(replace(one, alias=None) for one in entry.groups or ())),
    )
    found = findings(__file__, blind)
    assert of(found, Verdict.UNKNOWN) == [f"identity/group/id/{group}"]
    assert not of(found, Verdict.PASS)
