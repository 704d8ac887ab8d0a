"""ACME without an account of the server."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from tests.checks.real import findings, hidden, of, snapshot_of, tenant, world_of, worst, write


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    write(admin, "sys/mounts/pki", {"type": "pki"})
    write(admin, "pki/root/generate/internal", {"common_name": "root", "ttl": "24h", "key_type": "ec"})
    write(admin, "pki/config/cluster", {"path": f"{admin.url}/v1/pki"})
    return admin


@pytest.mark.parametrize(
    ("enabled", "policy", "fails"),
    [
        (True, "not-required", True),
        (True, "new-account-required", False),
        (True, "always-required", False),
        (False, "not-required", False),
    ],
)
def test_who_gets_an_account(server: hvac.Client, policy: str, *, enabled: bool, fails: bool) -> None:
    write(server, "pki/config/acme", {"enabled": enabled, "eab_policy": policy})
    answer = server.session.get(f"{server.url}/v1/pki/acme/directory")
    asks_nobody = answer.ok and not answer.json()["meta"]["externalAccountRequired"]
    assert asks_nobody is fails
    found = findings(__file__, snapshot_of(world_of(server), tenant("acme")))
    assert worst(found) is (Verdict.FAIL if fails else Verdict.PASS)


def test_a_configuration_that_was_not_seen_is_unknown(server: hvac.Client) -> None:
    blind = hidden(snapshot_of(world_of(server), tenant("acme")), lambda entry: replace(entry, mounts=tuple(
        replace(mount, objects=tuple(replace(item, data=None) for item in mount.objects or ()))
        for mount in entry.mounts or ())))  # fmt: skip
    assert of(findings(__file__, blind), Verdict.UNKNOWN) == ["pki/config/acme"]
