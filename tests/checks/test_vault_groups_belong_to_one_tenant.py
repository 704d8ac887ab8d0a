"""Groups that give policies to two tenants."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from tests.checks.logins import acting, method, user
from tests.checks.real import findings, hidden, of, read, snapshot_of, world_of, write

TENANTS = (acting("acme", role="auth/userpass/users/acme"), acting("beta", role="auth/userpass/users/beta"))


@pytest.fixture(scope="module")
def members(admin: hvac.Client) -> tuple[str, str]:
    method(admin, "userpass")
    return user(admin, "acme"), user(admin, "beta")


def group(admin: hvac.Client, name: str, *members: str, inside: tuple[str, ...] = (), policies: str = "p") -> str:
    body = {"policies": [policies] if policies else [], "member_entity_ids": members, "member_group_ids": inside}
    write(admin, f"identity/group/name/{name}", body)
    made = read(admin, f"identity/group/name/{name}")
    assert made is not None
    return str(made["id"])


def test_groups_of_their_own_pass(admin: hvac.Client, members: tuple[str, str]) -> None:
    ours, theirs = group(admin, "ours", members[0]), group(admin, "theirs", members[1])
    group(admin, "everybody", *members, policies="")
    found = findings(__file__, snapshot_of(world_of(admin), *TENANTS))
    assert {one.verdict for one in found} == {Verdict.PASS}
    assert set(of(found, Verdict.PASS)) == {f"identity/group/id/{ours}", f"identity/group/id/{theirs}"}


def test_a_group_of_both_and_a_group_above_both_fail(admin: hvac.Client, members: tuple[str, str]) -> None:
    both = group(admin, "both", *members)
    inner = group(admin, "inner", members[1])
    above = group(admin, "above", members[0], inside=(inner,))
    whole = snapshot_of(world_of(admin), *TENANTS)
    found = findings(__file__, whole)
    assert set(of(found, Verdict.FAIL)) == {f"identity/group/id/{both}", f"identity/group/id/{above}"}
    failed = next(one for one in found if one.verdict is Verdict.FAIL)
    assert (failed.tenant, failed.reaches.tenants) == ("acme", ("beta",))
    for blind in (
        hidden(whole, lambda entry: replace(entry, groups=None)),
        hidden(whole, lambda entry: replace(entry, entities=None)),
    ):
        unseen = findings(__file__, blind)
        assert {one.verdict for one in unseen} == {Verdict.UNKNOWN}


def test_many_tenants_are_kept_as_one_set(admin: hvac.Client, members: tuple[str, str]) -> None:
    ours = group(admin, "ours", members[0])
    many = tuple(acting(f"t{number}", role="auth/userpass/users/acme") for number in range(9))
    found = findings(__file__, snapshot_of(world_of(admin), *many))
    failed = next(one for one in found if one.subject == f"identity/group/id/{ours}")
    assert failed.verdict is Verdict.FAIL
    assert (failed.reaches.tenants, failed.reaches.all_except, failed.reaches.count) == ((), ("t0",), 8)
