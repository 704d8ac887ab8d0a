"""Listeners that others reach without TLS."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.demo.server import running_server
from cred_audit.facts import Snapshot
from tests.checks.real import findings, of, snapshot_of, world_of


def with_listener(whole: Snapshot, **settings: object) -> Snapshot:
    """Return the snapshot with these settings in the listener that the server shows."""
    assert whole.vault is not None
    flags = whole.vault.world.server.flags
    assert flags is not None
    first = flags["listeners"][0]
    listener = {**first, "config": {**first["config"], **settings}}
    server = replace(whole.vault.world.server, flags={**flags, "listeners": [listener]})
    return replace(whole, vault=replace(whole.vault, world=replace(whole.vault.world, server=server)))


@pytest.fixture(scope="module")
def whole() -> Snapshot:
    with running_server() as server:
        return snapshot_of(world_of(hvac.Client(url=server.address, token=server.token)))


def test_the_servers_own_listener_on_loopback_passes(whole: Snapshot) -> None:
    found = findings(__file__, whole)
    assert {one.verdict for one in found} == {Verdict.PASS}
    assert found[0].subject.startswith("sys/config/state/sanitized listener 127.0.0.1:")


# Tests bind to loopback only, so other addresses are written into what the server answered.
@pytest.mark.parametrize("address", ["0.0.0.0:8200", "[::]:8200", "10.1.2.3:8200", "vault.example:8200", ":8200"])
@pytest.mark.parametrize("off", [True, "true", 1, "1"])
def test_a_listener_for_others_without_tls_fails(whole: Snapshot, address: str, off: object) -> None:
    found = findings(__file__, with_listener(whole, address=address, tls_disable=off))
    assert of(found, Verdict.FAIL) == [f"sys/config/state/sanitized listener {address}"]


@pytest.mark.parametrize(
    ("address", "off"),
    [
        ("0.0.0.0:8200", False),
        ("127.9.9.9:8200", True),
        ("[::1]:8200", True),
        ("localhost:8200", True),
        ("/run/bao", 1),
    ],
)
def test_a_listener_with_tls_or_of_this_host_passes(whole: Snapshot, address: str, off: object) -> None:
    found = findings(__file__, with_listener(whole, address=address, tls_disable=off))
    assert {one.verdict for one in found} == {Verdict.PASS}


def test_listeners_that_were_not_seen_are_unknown(whole: Snapshot) -> None:
    assert whole.vault is not None
    for flags in (None, {}, {"listeners": "?"}):
        server = replace(whole.vault.world.server, flags=flags)
        blind = replace(whole, vault=replace(whole.vault, world=replace(whole.vault.world, server=server)))
        assert {one.verdict for one in findings(__file__, blind)} == {Verdict.UNKNOWN}
