"""Entities that two tenants share."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Skip, Verdict
from cred_audit.decide.vault.model import AuthMount
from tests.checks.logins import acting, method, user
from tests.checks.real import findings, hidden, of, read, snapshot_of, world_of, write

ACME, BETA = acting("acme", role="auth/userpass/users/acme"), acting("beta", role="auth/userpass/users/beta")


@pytest.fixture(scope="module")
def identity(admin: hvac.Client) -> str:
    method(admin, "userpass")
    user(admin, "beta")
    return user(admin, "acme")


def without_roles(mount: AuthMount) -> AuthMount:
    return replace(mount, roles=None) if mount.path == "others/" else mount


def test_entities_of_their_own_pass(admin: hvac.Client, identity: str) -> None:
    found = findings(__file__, snapshot_of(world_of(admin), ACME, BETA))
    assert {one.verdict for one in found} == {Verdict.PASS}
    assert f"identity/entity/id/{identity}" in of(found, Verdict.PASS)


def test_a_login_that_has_no_entity_yet_passes(admin: hvac.Client, identity: str) -> None:
    assert identity
    write(admin, "auth/userpass/users/fresh", {"password": "fresh"})
    found = findings(__file__, snapshot_of(world_of(admin), acting("fresh", role="auth/userpass/users/fresh")))
    assert of(found, Verdict.PASS) == ["agent:fresh/agent"]


def test_agents_given_by_policies_have_no_entity_to_judge(admin: hvac.Client) -> None:
    with pytest.raises(Skip, match="the target names no agent"):
        findings(__file__, snapshot_of(world_of(admin), acting("acme", policies=("p",))))


def test_a_method_of_the_other_tenant_on_the_same_entity_fails(admin: hvac.Client, identity: str) -> None:
    write(admin, "sys/auth/others", {"type": "userpass"})
    write(admin, "auth/others/users/gamma", {"password": "gamma"})
    methods = read(admin, "sys/auth")
    assert methods is not None
    alias = {"name": "gamma", "canonical_id": identity, "mount_accessor": methods["others/"]["accessor"]}
    write(admin, "identity/entity-alias", alias)
    tenants = (ACME, BETA, acting("gamma", role="auth/others/users/gamma"))
    whole = snapshot_of(world_of(admin), *tenants)
    found = findings(__file__, whole)
    assert of(found, Verdict.FAIL) == [f"identity/entity/id/{identity}"]
    failed = next(one for one in found if one.verdict is Verdict.FAIL)
    assert (failed.tenant, failed.reaches.tenants) == ("acme", ("gamma",))
    blind = hidden(whole, lambda entry: replace(entry, auth_mounts=tuple(map(without_roles, entry.auth_mounts or ()))))
    half = findings(__file__, blind)
    assert not of(half, Verdict.PASS)
    assert f"identity/entity/id/{identity}" in of(half, Verdict.UNKNOWN)
    nothing = findings(__file__, hidden(whole, lambda entry: replace(entry, entities=None)))
    assert {one.verdict for one in nothing} == {Verdict.UNKNOWN}


def test_many_tenants_are_kept_as_one_set(admin: hvac.Client, identity: str) -> None:
    many = tuple(acting(f"t{number}", role="auth/userpass/users/acme") for number in range(9))
    (failed,) = findings(__file__, snapshot_of(world_of(admin), *many))
    assert (failed.verdict, failed.subject) == (Verdict.FAIL, f"identity/entity/id/{identity}")
    assert (failed.reaches.tenants, failed.reaches.all_except, failed.reaches.count) == ((), ("t0",), 8)
