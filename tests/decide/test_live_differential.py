"""A short comparison with a live server: random rules, identities, requests and policy texts.

The seed is the same each time, so that a run says the same of the same program; FUZZ_SEED takes another.
"""

import os

from cred_audit.demo.server import RunningServer
from tests.fuzz import rules
from tests.fuzz.replay import replayer
from tests.fuzz.texts import compare
from tests.fuzz.vault import Comparison

_SECONDS = 4.0
_SEED = int(os.environ.get("FUZZ_SEED", "1"))


def test_random_rules_and_requests_are_decided_as_the_server_decides_them() -> None:
    with replayer({"namespaces": rules.NAMESPACES, "mounts": rules.MOUNTS}) as server:
        comparison = Comparison(server, _SEED)
        comparison.run(_SECONDS)
    assert comparison.compared > 1000
    assert comparison.real > 100
    assert not comparison.mismatches, (_SEED, comparison.mismatches[0])


def test_random_policy_texts_are_stored_and_read_as_the_server_does(bao: RunningServer) -> None:
    compared, wrong = compare(bao, _SECONDS, _SEED)
    assert compared > 100
    assert not wrong, (_SEED, wrong[0])
