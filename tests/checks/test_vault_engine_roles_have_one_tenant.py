"""Roles that hand out credentials to the agents of several tenants."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.decide.vault.model import EngineObject, Mount
from tests.checks.real import clause, findings, hidden, of, policy, snapshot_of, tenant, world_of, worst, write

TWO = (tenant("acme"), tenant("beta"))


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    for engine in ("database", "kubernetes", "pki", "ssh", "rabbitmq", "totp"):
        write(admin, f"sys/mounts/{engine}", {"type": engine})
    write(admin, "database/config/d", {
        "plugin_name": "postgresql-database-plugin", "verify_connection": False, "username": "u", "password": "p",
        "connection_url": "postgresql://{{username}}:{{password}}@127.0.0.1/x", "allowed_roles": ["shared", "acme"],
    })  # fmt: skip
    for name in ("shared", "acme"):
        write(admin, f"database/roles/{name}", {"db_name": "d", "creation_statements": ["SELECT 1"]})
    write(admin, "kubernetes/config", {"kubernetes_host": "https://127.0.0.1:1", "disable_local_ca_jwt": True})
    body = {"allowed_kubernetes_namespaces": ["*"], "service_account_name": "x"}
    write(admin, "kubernetes/roles/shared", body)
    write(admin, "pki/roles/shared", {"allowed_domains": ["example.org"]})
    write(admin, "ssh/roles/shared", {"key_type": "otp", "default_user": "u", "cidr_list": "10.0.0.0/8"})
    write(admin, "totp/keys/shared", {"generate": True, "issuer": "a", "account_name": "b"})
    write(admin, "rabbitmq/roles/shared", {"vhosts": '{"/": {"write": ".*"}}'})
    return admin


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        (clause("database/creds/shared", "read"), ["database/roles/shared"]),
        (clause("database/creds/+", "read"), ["database/roles/acme", "database/roles/shared"]),
        (clause("kubernetes/creds/shared", "update"), ["kubernetes/roles/shared"]),
        (clause("pki/issue/shared", "update"), ["pki/roles/shared"]),
        (clause("pki/issuer/default/sign/shared", "update"), ["pki/roles/shared"]),
        (clause("ssh/creds/shared", "update"), ["ssh/roles/shared"]),
        (clause("totp/code/shared", "read"), ["totp/keys/shared"]),
        (clause("rabbitmq/creds/shared", "read"), ["rabbitmq/roles/shared"]),
        (clause("database/creds/shared", "list"), []),
        (clause("database/roles/shared", "read"), []),
    ],
)
def test_a_role_whose_credentials_two_tenants_get_fails(server: hvac.Client, text: str, fails: list[str]) -> None:
    for name in ("acme", "beta"):
        policy(server, name, text)
    assert of(findings(__file__, snapshot_of(world_of(server), *TWO)), Verdict.FAIL) == fails


def test_roles_of_their_own_pass(server: hvac.Client) -> None:
    policy(server, "acme", clause("database/creds/acme", "read"))
    policy(server, "beta", clause("database/creds/shared", "read"))
    whole = snapshot_of(world_of(server), *TWO)
    assert worst(findings(__file__, whole)) is Verdict.PASS
    blind = hidden(whole, lambda entry: replace(entry, mounts=tuple(
        replace(mount, objects=None) if mount.type == "database" else mount
        for mount in entry.mounts or ())))  # fmt: skip
    assert of(findings(__file__, blind), Verdict.UNKNOWN) == ["database/"]


def test_a_cloud_role_that_two_tenants_use_fails(server: hvac.Client) -> None:
    # The plug-ins of the clouds are not part of the server, so their roles are made up here.
    mount = Mount(path="aws/", type="aws", objects=(EngineObject(kind="roles", name="deploy", data={}),))
    for name in ("acme", "beta"):
        policy(server, name, clause("aws/sts/deploy", "read"))
    whole = hidden(
        snapshot_of(world_of(server), *TWO), lambda entry: replace(entry, mounts=(*(entry.mounts or ()), mount))
    )
    assert of(findings(__file__, whole), Verdict.FAIL) == ["aws/roles/deploy"]
