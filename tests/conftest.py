"""A real OpenBao server for each module that asks for one; loopback only, in memory."""

from collections.abc import Iterator

import hvac
import pytest

from cred_audit.demo.server import RunningServer, running_server


@pytest.fixture(scope="module")
def bao() -> Iterator[RunningServer]:
    """Start a server of the module's own."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="module")
def admin(bao: RunningServer) -> hvac.Client:
    """Return a client that holds the server's root token."""
    return hvac.Client(url=bao.address, token=bao.token)
