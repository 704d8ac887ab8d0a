from collections.abc import Iterator

import pytest

from tests.aws_server import AwsServer, running_aws
from tests.collect import aws_planted as planted


@pytest.fixture(scope="session")
def planted_server() -> Iterator[AwsServer]:
    """Start an AWS emulator that holds one of everything and that nobody resets or changes."""
    with running_aws() as server:
        planted.everything(server)
        yield server
