"""Servers and listeners that answer without a token."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.demo.server import running_server
from cred_audit.facts import Snapshot
from tests.checks.ports import free_port
from tests.checks.real import findings, of, snapshot_of, world_of, worst


def snapshot(config: str = "", inside: str = "") -> Snapshot:
    """Return what a server with this configuration, and this in a listener of its own, answers."""
    text = f'listener "tcp" {{ address = "127.0.0.1:{free_port()}" \n tls_disable = true \n {inside} }}\n'
    with running_server(text + config) as server:
        return snapshot_of(world_of(hvac.Client(url=server.address, token=server.token)))


@pytest.mark.parametrize(
    "inside",
    [
        "telemetry { unauthenticated_metrics_access = true }",
        "profiling { unauthenticated_pprof_access = true }",
        "inflight_requests_logging { unauthenticated_in_flight_requests_access = true }",
        "disable_unauthed_rekey_endpoints = false",
    ],
)
def test_a_listener_that_answers_without_a_token_fails(inside: str) -> None:
    found = findings(__file__, snapshot(inside=inside))
    assert [
        subject.startswith("sys/config/state/sanitized listener 127.0.0.1:") for subject in of(found, Verdict.FAIL)
    ] == [True]


def test_workflows_without_a_token_fail() -> None:
    found = findings(__file__, snapshot("allow_unauthenticated_workflows = true"))
    assert of(found, Verdict.FAIL) == ["sys/config/state/sanitized allow_unauthenticated_workflows"]


def test_the_server_as_it_comes_passes_and_unseen_it_is_unknown() -> None:
    whole = snapshot()
    assert worst(findings(__file__, whole)) is Verdict.PASS
    assert whole.vault is not None
    server = replace(whole.vault.world.server, flags=None)
    blind = replace(whole, vault=replace(whole.vault, world=replace(whole.vault.world, server=server)))
    assert {one.verdict for one in findings(__file__, blind)} == {Verdict.UNKNOWN}
