"""What roles of a PKI engine issue, compared with what the server issues."""

from dataclasses import replace
from typing import Any

import hvac
import pytest

from cred_audit.check import Verdict
from tests.checks.real import findings, hidden, of, snapshot_of, tenant, world_of, worst, write

OID = "1.3.6.1.4.1.311.20.2.3"
OWN = {"allowed_domains": ["acme.example"], "allow_bare_domains": True}
FOREIGN = {"common_name": "beta.example.org"}


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    write(admin, "sys/mounts/pki", {"type": "pki"})
    write(admin, "pki/root/generate/internal", {"common_name": "root", "ttl": "24h", "key_type": "ec"})
    return admin


def issues(admin: hvac.Client, names: dict[str, str]) -> bool:
    body = {"common_name": "acme.example", "ttl": "1m", **names}
    answer = admin.session.post(f"{admin.url}/v1/pki/issue/role", headers={"X-Vault-Token": admin.token}, json=body)
    return bool(answer.ok)


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ({"allow_any_name": True}, FOREIGN),
        ({"allowed_domains": ["*"], "allow_glob_domains": True}, FOREIGN),
        ({"allowed_domains": ["*.*"], "allow_glob_domains": True}, FOREIGN),
        ({**OWN, "allowed_uri_sans": ["*"]}, {"uri_sans": "spiffe://beta/x"}),
        ({**OWN, "allowed_uri_sans": ["spiffe://*"]}, {"uri_sans": "spiffe://beta/x"}),
        ({**OWN, "allowed_other_sans": ["*"]}, {"other_sans": f"{OID};utf8:beta"}),
        ({**OWN, "allowed_other_sans": [f"{OID};utf8:*"]}, {"other_sans": f"{OID};utf8:beta"}),
        ({**OWN, "allowed_user_ids": ["*"]}, {"user_ids": "beta"}),
    ],
)
def test_a_role_that_issues_everything_fails(server: hvac.Client, role: dict[str, Any], names: dict[str, str]) -> None:
    write(server, "pki/roles/role", {"key_type": "ec", **role})
    assert issues(server, names)
    assert of(findings(__file__, snapshot_of(world_of(server), tenant("acme"))), Verdict.FAIL) == ["pki/roles/role"]


@pytest.mark.parametrize(
    ("role", "names"),
    [
        (OWN, FOREIGN),
        ({**OWN, "allow_glob_domains": True}, FOREIGN),
        ({"allowed_domains": ["*"]}, FOREIGN),
        ({"allowed_domains": []}, FOREIGN),
        ({**OWN, "allowed_uri_sans": ["spiffe://acme/*"]}, {"uri_sans": "spiffe://beta/x"}),
        ({**OWN, "allowed_domains": ["{{identity.entity.name}}.example"], "allowed_domains_template": True}, FOREIGN),
    ],
)
def test_a_role_of_one_tenants_names_passes(server: hvac.Client, role: dict[str, Any], names: dict[str, str]) -> None:
    write(server, "pki/roles/role", {"key_type": "ec", **role})
    assert not issues(server, names)
    assert worst(findings(__file__, snapshot_of(world_of(server), tenant("acme")))) is Verdict.PASS


def test_a_template_whose_value_may_be_a_glob_fails(server: hvac.Client) -> None:
    write(server, "pki/roles/role", {
        "key_type": "ec", "allowed_domains": ["{{identity.entity.name}}"], "allowed_domains_template": True,
        "allow_glob_domains": True, "allow_globs_in_identity_templates": True,
    })  # fmt: skip
    assert worst(findings(__file__, snapshot_of(world_of(server), tenant("acme")))) is Verdict.FAIL


def test_a_role_that_was_not_seen_is_unknown(server: hvac.Client) -> None:
    whole = snapshot_of(world_of(server), tenant("acme"))
    for change in (
        lambda entry: replace(entry, mounts=None),
        lambda entry: replace(entry, mounts=tuple(replace(mount, objects=None) for mount in entry.mounts or ())),
        lambda entry: replace(entry, mounts=tuple(
            replace(mount, objects=tuple(replace(item, data=None) for item in mount.objects or ()))
            for mount in entry.mounts or ())),
    ):  # fmt: skip
        found = findings(__file__, hidden(whole, change))
        assert {finding.verdict for finding in found} == {Verdict.UNKNOWN}
    vault = whole.vault
    assert vault is not None
    partial = replace(whole, vault=replace(vault, world=replace(vault.world, namespaces_complete=False)))
    assert "sys/namespaces" in of(findings(__file__, partial), Verdict.UNKNOWN)
