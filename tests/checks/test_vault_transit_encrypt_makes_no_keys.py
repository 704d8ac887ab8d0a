"""Keys that come into being because somebody encrypted with a name."""

from dataclasses import replace

import hvac
import pytest
from hvac.exceptions import InvalidRequest

from cred_audit.check import Verdict
from cred_audit.demo.server import RunningServer
from tests.checks.real import (
    clause,
    findings,
    hidden,
    names,
    of,
    policy,
    snapshot_of,
    tenant,
    world_of,
    worst,
    write,
)


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    write(admin, "sys/mounts/transit", {"type": "transit"})
    write(admin, "transit/keys/acme", {})
    return admin


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        (clause("transit/encrypt/*", "create", "update"), True),
        (clause("transit/+/acme*", "create"), True),
        (clause("transit/encrypt/misspelt", "create", "update"), True),
        (clause("transit/encrypt/acme", "create", "update"), False),
        (clause("transit/encrypt/*", "update"), False),
        (clause("transit/encrypt/*", "create") + clause("transit/encrypt/+", "deny"), False),
    ],
)
def test_create_on_the_encryption_of_a_missing_key(server: hvac.Client, text: str, *, fails: bool) -> None:
    policy(server, "acme", text)
    found = findings(__file__, snapshot_of(world_of(server), tenant("acme")))
    assert worst(found) is (Verdict.FAIL if fails else Verdict.PASS)


def test_the_server_makes_the_key_unless_it_is_told_not_to(bao: RunningServer, server: hvac.Client) -> None:
    policy(server, "acme", clause("transit/encrypt/*", "create"))
    token = server.auth.token.create(policies=["acme"], no_default_policy=True)["auth"]["client_token"]
    agent = hvac.Client(url=bao.address, token=token)
    write(agent, "transit/encrypt/fresh", {"plaintext": "aGk="})
    assert "fresh" in names(server, "transit/keys")
    write(server, "transit/config/keys", {"disable_upsert": True})
    with pytest.raises(InvalidRequest):
        write(agent, "transit/encrypt/fresher", {"plaintext": "aGk="})
    whole = snapshot_of(world_of(server), tenant("acme"))
    assert worst(findings(__file__, whole)) is Verdict.PASS
    write(server, "transit/config/keys", {"disable_upsert": False})
    assert worst(findings(__file__, snapshot_of(world_of(server), tenant("acme")))) is Verdict.FAIL


def test_keys_that_were_not_seen_are_unknown(server: hvac.Client) -> None:
    blind = hidden(snapshot_of(world_of(server), tenant("acme")), lambda entry: replace(entry, mounts=tuple(
        replace(mount, objects=None) for mount in entry.mounts or ())))  # fmt: skip
    assert of(findings(__file__, blind), Verdict.UNKNOWN) == ["transit/"]
    assert not of(findings(__file__, blind), Verdict.PASS)
    settings = hidden(snapshot_of(world_of(server), tenant("acme")), lambda entry: replace(entry, mounts=tuple(
        replace(mount, objects=tuple(
            replace(item, data=None) if item.kind == "config" else item for item in mount.objects or ()))
        for mount in entry.mounts or ())))  # fmt: skip
    assert worst(findings(__file__, settings)) is Verdict.UNKNOWN
