"""Servers that join the identities of namespaces."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Skip, Verdict
from cred_audit.demo.server import running_server
from cred_audit.facts import Snapshot
from tests.checks.real import findings, of, snapshot_of, world_of, worst


def snapshot(config: str = "") -> Snapshot:
    """Return what a server with this configuration answers."""
    with running_server(config) as server:
        return snapshot_of(world_of(hvac.Client(url=server.address, token=server.token)))


def of_server(whole: Snapshot, **fields: object) -> Snapshot:
    assert whole.vault is not None
    world = whole.vault.world
    server = replace(world.server, **fields)  # type: ignore[arg-type]
    return replace(whole, vault=replace(whole.vault, world=replace(world, server=server)))


@pytest.mark.parametrize("name", ["unsafe_cross_namespace_identity"])
def test_the_option_fails_when_it_is_on(name: str) -> None:
    found = findings(__file__, snapshot(f"{name} = true"))
    assert of(found, Verdict.FAIL) == [f"sys/config/state/sanitized {name}"]


def test_the_server_as_it_comes_passes_and_unseen_it_is_unknown() -> None:
    whole = snapshot()
    assert worst(findings(__file__, whole)) is Verdict.PASS
    unseen: tuple[dict[str, object] | None, ...] = (None, {})
    for flags in unseen:
        found = findings(__file__, of_server(whole, flags=flags))
        assert worst(found) is Verdict.UNKNOWN
        assert not of(found, Verdict.PASS)


def test_it_is_not_called_for_on_the_other_product() -> None:
    with pytest.raises(Skip, match="no such option"):
        findings(__file__, of_server(snapshot(), product="vault"))
