"""Templates that an empty value opens."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.demo.server import RunningServer
from tests.checks.logins import acting, login, method, user
from tests.checks.real import clause, findings, hidden, of, policy, snapshot_of, world_of, worst, write

TENANTS = (acting("acme", role="auth/userpass/users/acme"),)
PATH = "secret/data/{{identity.entity.metadata.team}}*"


@pytest.fixture(scope="module")
def identity(admin: hvac.Client) -> str:
    method(admin, "userpass")
    policy(admin, "acme", clause(PATH, "read"))
    write(admin, "secret/data/beta/key", {"data": {"name": "value"}})
    return user(admin, "acme", "acme")


def test_an_empty_value_fails_and_opens_the_folder(bao: RunningServer, admin: hvac.Client, identity: str) -> None:
    write(admin, f"identity/entity/id/{identity}", {"metadata": {"team": ""}})
    found = findings(__file__, snapshot_of(world_of(admin), *TENANTS))
    assert of(found, Verdict.FAIL) == [f"agent:acme/agent policy:acme {PATH}"]
    assert not of(found, Verdict.PASS)
    agent = hvac.Client(url=bao.address, token=login(admin, "acme"))
    assert agent.secrets.kv.v2.read_secret_version("beta/key", raise_on_deleted_version=True)


@pytest.mark.parametrize("metadata", [{"team": "acme/"}, {}])
def test_a_value_and_a_missing_value_pass(admin: hvac.Client, identity: str, metadata: dict[str, str]) -> None:
    write(admin, f"identity/entity/id/{identity}", {"metadata": metadata})
    found = findings(__file__, snapshot_of(world_of(admin), *TENANTS))
    assert of(found, Verdict.PASS) == ["agent:acme/agent"]
    assert worst(found) is Verdict.PASS


def test_what_was_not_seen_is_unknown(admin: hvac.Client, identity: str) -> None:
    write(admin, f"identity/entity/id/{identity}", {"metadata": {"team": ""}})
    whole = snapshot_of(world_of(admin), *TENANTS)
    for blind in (
        hidden(whole, lambda entry: replace(entry, policies=None)),
        hidden(whole, lambda entry: replace(entry, entities=None)),
    ):
        found = findings(__file__, blind)
        assert worst(found) is Verdict.UNKNOWN
        assert not of(found, Verdict.PASS)
