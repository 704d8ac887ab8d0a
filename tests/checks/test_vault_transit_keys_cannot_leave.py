"""Keys that can be taken out of the server, or made so by an agent."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.demo.server import RunningServer
from tests.checks.real import clause, findings, hidden, of, policy, read, snapshot_of, tenant, world_of, worst, write


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    for mount in ("transit", "loose"):
        write(admin, f"sys/mounts/{mount}", {"type": "transit"})
    write(admin, "transit/keys/kept", {})
    policy(admin, "acme", clause("transit/encrypt/kept", "update"))
    return admin


def test_a_key_that_stays_passes(server: hvac.Client) -> None:
    assert worst(findings(__file__, snapshot_of(world_of(server), tenant("acme")))) is Verdict.PASS


@pytest.mark.parametrize("flag", ["exportable", "allow_plaintext_backup"])
def test_a_key_that_may_leave_fails(server: hvac.Client, flag: str) -> None:
    write(server, f"loose/keys/{flag.replace('_', '-')}", {flag: True})
    found = findings(__file__, snapshot_of(world_of(server), tenant("acme")))
    assert f"loose/keys/{flag.replace('_', '-')}" in of(found, Verdict.FAIL)


def test_an_agent_that_may_change_the_settings_of_a_key_fails(bao: RunningServer, server: hvac.Client) -> None:
    policy(server, "keeper", clause("transit/keys/+/config", "update"))
    whole = snapshot_of(world_of(server), tenant("acme", policies=("keeper",)))
    assert of(findings(__file__, whole), Verdict.FAIL)[-1] == "settings of transit/keys/kept"
    token = server.auth.token.create(policies=["keeper"], no_default_policy=True)["auth"]["client_token"]
    write(hvac.Client(url=bao.address, token=token), "transit/keys/kept/config", {"exportable": True})
    assert (read(server, "transit/keys/kept") or {})["exportable"] is True


def test_keys_that_were_not_seen_are_unknown(server: hvac.Client) -> None:
    whole = snapshot_of(world_of(server), tenant("acme"))
    blind = hidden(whole, lambda entry: replace(entry, mounts=tuple(
        replace(mount, objects=None) for mount in entry.mounts or ())))  # fmt: skip
    found = findings(__file__, blind)
    assert set(of(found, Verdict.UNKNOWN)) == {"transit/", "loose/", "settings of transit/", "settings of loose/"}
    assert not of(found, Verdict.PASS)
    parts = hidden(whole, lambda entry: replace(entry, mounts=tuple(
        replace(mount, objects=tuple(replace(item, data=None) for item in mount.objects or ()))
        for mount in entry.mounts or ())))  # fmt: skip
    assert "transit/keys/kept" in of(findings(__file__, parts), Verdict.UNKNOWN)
