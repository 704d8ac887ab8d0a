"""Real servers for those who ask: an OpenBao of each module's own, one AWS emulator; loopback only, in memory."""

import time
from collections.abc import Iterator
from typing import Any

import hvac
import pytest
from hvac.adapters import JSONAdapter
from hvac.exceptions import InvalidRequest

from cred_audit.demo.server import RunningServer, running_server
from tests.aws_server import AwsServer, running_aws


class _Patient(JSONAdapter):
    """Asks again while the server prepares a KV engine that was just mounted, as it does for a moment."""

    def request(self, *args: Any, **kwargs: Any) -> Any:
        for _ in range(100):
            try:
                return super().request(*args, **kwargs)
            except InvalidRequest as error:
                if "Upgrading from non-versioned" not in str(error):
                    raise
                time.sleep(0.05)
        return super().request(*args, **kwargs)


@pytest.fixture(scope="module")
def bao() -> Iterator[RunningServer]:
    """Start a server of the module's own."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="module")
def admin(bao: RunningServer) -> hvac.Client:
    """Return a client that holds the server's root token."""
    return hvac.Client(url=bao.address, token=bao.token, adapter=_Patient)


@pytest.fixture(scope="session")
def running_aws_server() -> Iterator[AwsServer]:
    """Start the AWS emulator once."""
    with running_aws() as server:
        yield server


@pytest.fixture
def aws_server(running_aws_server: AwsServer) -> AwsServer:
    """Return the AWS emulator, empty."""
    running_aws_server.reset()
    return running_aws_server
