"""What `reach` says of random platforms against what every agent's own token gets on a real server."""

import pytest

from cred_audit.demo.server import RunningServer
from tests.fuzz.platforms import run

SECONDS = 5.0


@pytest.mark.parametrize("seed", [11])
def test_no_break_is_missed_and_no_alarm_is_false_on_random_platforms(bao: RunningServer, seed: int) -> None:
    number, sent, faults = run(bao.address, bao.token, SECONDS, seed)
    assert not faults, "\n\n".join(faults)
    assert number >= 1, "too few platforms were tried to say anything"
    assert sent > 500
