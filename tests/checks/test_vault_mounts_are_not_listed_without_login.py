"""Mounts that are shown without a token."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from tests.checks.logins import hide_tune, method
from tests.checks.real import findings, hidden, of, snapshot_of, world_of, worst, write


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    method(admin, "approle")
    return admin


@pytest.mark.parametrize("place", ["sys/mounts/secret/tune", "sys/auth/approle/tune"])
@pytest.mark.parametrize(("bad", "good"), [({"listing_visibility": "unauth"}, {"listing_visibility": "hidden"})])
def test_a_mount_with_the_setting_fails_and_without_it_passes(
    server: hvac.Client, place: str, bad: dict[str, object], good: dict[str, object]
) -> None:
    write(server, place, bad)
    found = findings(__file__, snapshot_of(world_of(server)))
    assert of(found, Verdict.FAIL) == [place]
    assert next(one for one in found if one.verdict is Verdict.FAIL).fix
    write(server, place, good)
    found = findings(__file__, snapshot_of(world_of(server)))
    assert worst(found) is Verdict.PASS
    assert place in of(found, Verdict.PASS)


def test_settings_that_were_not_seen_are_unknown(server: hvac.Client) -> None:
    whole = snapshot_of(world_of(server))
    for blind in (hide_tune(whole), hidden(whole, lambda entry: replace(entry, mounts=None, auth_mounts=None))):
        found = findings(__file__, blind)
        assert worst(found) is Verdict.UNKNOWN
        assert not of(found, Verdict.PASS)
