"""What roles of an SSH engine sign, compared with what the server signs."""

from dataclasses import replace
from typing import Any

import hvac
import pytest

from cred_audit.check import Verdict
from tests.checks.real import findings, hidden, of, snapshot_of, tenant, world_of, worst, write

USERS = {"key_type": "ca", "allow_user_certificates": True}
ROOT = {"valid_principals": "root"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEaoDIzZEYroU/zEL32bqtWi0owlYDHvq8kAH/mgg3cy"


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    write(admin, "sys/mounts/ssh", {"type": "ssh"})
    write(admin, "ssh/config/ca", {"generate_signing_key": True})
    return admin


def signs(admin: hvac.Client, asked: dict[str, str]) -> bool:
    headers = {"X-Vault-Token": admin.token}
    answer = admin.session.post(f"{admin.url}/v1/ssh/sign/role", headers=headers, json={"public_key": KEY, **asked})
    return bool(answer.ok)


@pytest.mark.parametrize(
    ("role", "asked"),
    [
        ({**USERS, "allowed_users": "*"}, ROOT),
        ({**USERS, "allowed_users": "acme", "allow_empty_principals": True}, {}),
        ({"key_type": "ca", "allow_host_certificates": True, "allowed_domains": "*"},
         {"cert_type": "host", "valid_principals": "beta.example.org"}),
    ],
)  # fmt: skip
def test_a_role_that_signs_for_everybody_fails(
    server: hvac.Client, role: dict[str, Any], asked: dict[str, str]
) -> None:
    write(server, "ssh/roles/role", role)
    assert signs(server, asked)
    assert of(findings(__file__, snapshot_of(world_of(server), tenant("acme"))), Verdict.FAIL) == ["ssh/roles/role"]


@pytest.mark.parametrize(
    "role",
    [
        {**USERS, "allowed_users": "acme"},
        {**USERS, "allowed_users": "acme,*"},
        {**USERS, "allowed_users": "**"},
        {**USERS, "default_user": "acme"},
        {**USERS, "allowed_users": "{{identity.entity.name}}", "allowed_users_template": True},
    ],
)
def test_a_role_of_named_users_passes(server: hvac.Client, role: dict[str, Any]) -> None:
    write(server, "ssh/roles/role", role)
    assert not signs(server, ROOT)
    assert worst(findings(__file__, snapshot_of(world_of(server), tenant("acme")))) is Verdict.PASS


def test_a_one_time_password_for_any_user_fails(server: hvac.Client) -> None:
    role = {"key_type": "otp", "default_user": "acme", "cidr_list": "10.0.0.0/8"}
    headers = {"X-Vault-Token": server.token}
    for users, fails in (("*", True), ("acme", False), ("", False)):
        write(server, "ssh/roles/role", {**role, "allowed_users": users})
        asked = {"ip": "10.0.0.1", "username": "root"}
        answer = server.session.post(f"{server.url}/v1/ssh/creds/role", headers=headers, json=asked)
        assert answer.ok is fails
        found = findings(__file__, snapshot_of(world_of(server), tenant("acme")))
        assert worst(found) is (Verdict.FAIL if fails else Verdict.PASS)


@pytest.mark.parametrize("option", ["allow_commas_in_identity_templates", "allow_wildcards_in_identity_templates"])
def test_a_template_whose_value_may_be_more_than_a_name_fails(server: hvac.Client, option: str) -> None:
    body = {**USERS, "allowed_users": "{{identity.entity.name}}", "allowed_users_template": True, option: True}
    write(server, "ssh/roles/role", body)
    assert worst(findings(__file__, snapshot_of(world_of(server), tenant("acme")))) is Verdict.FAIL


def test_roles_that_were_not_seen_are_unknown(server: hvac.Client) -> None:
    blind = hidden(snapshot_of(world_of(server), tenant("acme")), lambda entry: replace(entry, mounts=tuple(
        replace(mount, objects=None) for mount in entry.mounts or ())))  # fmt: skip
    assert {finding.verdict for finding in findings(__file__, blind)} == {Verdict.UNKNOWN}
