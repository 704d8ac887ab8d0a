"""Objects that a server answered without a single field, and namespaces that were not listed."""

import pytest

from cred_audit.check import Snapshot, Verdict
from cred_audit.decide.vault.model import (
    AuthMount,
    AuthRole,
    EngineObject,
    Mount,
    Namespace,
    Server,
    TokenFacts,
    World,
)
from tests.checks.real import findings, of, snapshot_of, tenant

_ENGINES = {
    "vault_database_connections_name_their_roles": ("database", "config"),
    "vault_kubernetes_engine_roles_are_narrow": ("kubernetes", "roles"),
    "vault_pki_roles_are_narrow": ("pki", "roles"),
    "vault_ssh_roles_are_narrow": ("ssh", "roles"),
    "vault_transit_keys_cannot_leave": ("transit", "keys"),
}
_METHODS = {
    "vault_jwt_claims_choose_no_policy": "jwt",
    "vault_kubernetes_aliases_are_account_ids": "kubernetes",
}
_TUNES = (
    "vault_mounts_are_not_listed_without_login",
    "vault_mounts_hide_fields_in_audit",
    "vault_mounts_pass_no_headers",
)


def seen(*, mounts: tuple[Mount, ...] = (), methods: tuple[AuthMount, ...] = (), complete: bool = True) -> Snapshot:
    namespace = Namespace(
        path="", policies=(), mounts=mounts, auth_mounts=methods, token_roles=(), entities=(), groups=(),
        tokens=(TokenFacts(accessor="one", data={}),), mfa_enforcements=(),
    )  # fmt: skip
    server = Server(product="openbao", version="2.7.2", flags={})
    world = World(server=server, namespaces=(namespace,), namespaces_complete=complete)
    return snapshot_of(world, tenant("acme"), tenant("beta"))


def engine(kind: str, folder: str) -> Mount:
    made = EngineObject(kind=folder, name="one", data={})
    return Mount(path="m/", type=kind, accessor="m", version=None, tune={}, objects=(made,))


def method(kind: str) -> AuthMount:
    role = AuthRole(kind="role", name="one", data={})
    return AuthMount(path="m/", type=kind, accessor="m", tune={}, config={}, roles=(role,))


@pytest.mark.parametrize("check", _ENGINES)
def test_an_engine_object_without_fields_is_unknown(check: str) -> None:
    kind, folder = _ENGINES[check]
    found = findings(check, seen(mounts=(engine(kind, folder),)))
    assert of(found, Verdict.UNKNOWN) == [f"m/{folder}/one"]
    assert f"m/{folder}/one" not in of(found, Verdict.PASS)


@pytest.mark.parametrize("check", _METHODS)
def test_a_role_without_fields_is_unknown(check: str) -> None:
    found = findings(check, seen(methods=(method(_METHODS[check]),)))
    assert [(one.subject, one.verdict) for one in found] == [("auth/m/role/one", Verdict.UNKNOWN)]


@pytest.mark.parametrize("check", _TUNES)
def test_a_mount_without_settings_is_unknown(check: str) -> None:
    found = findings(check, seen(mounts=(engine("pki", "roles"),), methods=(method("jwt"),)))
    assert of(found, Verdict.UNKNOWN) == ["sys/mounts/m/tune", "sys/auth/m/tune"]
    assert not of(found, Verdict.PASS)


def test_a_token_without_fields_is_unknown() -> None:
    found = findings("vault_no_root_token_lives", seen())
    assert of(found, Verdict.UNKNOWN) == ["auth/token/accessors/one"]
    assert not of(found, Verdict.PASS)


@pytest.mark.parametrize("check", [*_ENGINES, *_METHODS, *_TUNES, "vault_no_root_token_lives"])
def test_namespaces_that_were_not_listed_are_told_once(check: str) -> None:
    found = findings(check, seen(complete=False))
    # A check of two parts tells it for each part, under a subject of its own.
    assert of(found, Verdict.UNKNOWN).count("sys/namespaces") == 1
