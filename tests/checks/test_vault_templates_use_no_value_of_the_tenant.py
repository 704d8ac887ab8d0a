"""Templates whose values the agent writes itself."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.demo.server import RunningServer
from tests.checks.logins import acting, login, method, replay, user
from tests.checks.real import clause, findings, hidden, of, policy, read, snapshot_of, world_of, worst, write

TENANTS = (acting("acme", role="auth/userpass/users/acme"),)


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    method(admin, "userpass")
    identity = user(admin, "acme", "acme")
    write(admin, f"identity/entity/id/{identity}", {"metadata": {"tenant": "acme"}})
    write(admin, "identity/group/name/crew", {"member_entity_ids": [identity], "metadata": {"tenant": "acme"}})
    # The policy that every token has uses the entity's name; the cases write their own templates.
    write(admin, "auth/userpass/users/acme", {"token_no_default_policy": True})
    return admin


def accessor(admin: hvac.Client) -> str:
    methods = read(admin, "sys/auth")
    assert methods is not None
    return str(methods["userpass/"]["accessor"])


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("identity.entity.metadata.tenant", "identity/entity/id/*"),
        ("identity.entity.metadata.tenant", "identity/entity"),
        ("identity.entity.name", "identity/entity/name/acme"),
        ("identity.groups.names.crew.metadata.tenant", "identity/group/name/crew"),
        ("identity.entity.aliases.ACCESSOR.custom_metadata.tenant", "identity/entity-alias/id/*"),
    ],
)
def test_a_value_that_the_agent_writes_fails(bao: RunningServer, server: hvac.Client, value: str, written: str) -> None:
    value = value.replace("ACCESSOR", accessor(server))
    policy(server, "acme", clause(f"secret/data/{{{{{value}}}}}/*", "read") + clause(written, "update"))
    found = findings(__file__, snapshot_of(world_of(server), *TENANTS))
    assert of(found, Verdict.FAIL) == [f"agent:acme/agent {value}"]
    assert not of(found, Verdict.PASS)
    witness = next(one.witness for one in found if one.verdict is Verdict.FAIL)
    assert witness is not None
    if written == "identity/group/name/crew":
        assert replay(bao.address, login(server, "acme"), witness) < 300


@pytest.mark.parametrize("value", ["identity.entity.id", "identity.entity.metadata.tenant", "time.now"])
def test_a_value_that_it_cannot_write_passes(server: hvac.Client, value: str) -> None:
    policy(server, "acme", clause(f"secret/data/{{{{{value}}}}}/*", "read") + clause("identity/*", "read"))
    found = findings(__file__, snapshot_of(world_of(server), *TENANTS))
    assert of(found, Verdict.PASS) == ["agent:acme/agent"]
    assert worst(found) is Verdict.PASS


def test_a_value_that_the_login_sets_is_unknown(server: hvac.Client) -> None:
    value = f"identity.entity.aliases.{accessor(server)}.metadata.team"
    policy(server, "acme", clause(f"secret/data/{{{{{value}}}}}/*", "read"))
    assert worst(findings(__file__, snapshot_of(world_of(server), *TENANTS))) is Verdict.UNKNOWN


def test_what_was_not_seen_is_unknown(server: hvac.Client) -> None:
    policy(server, "acme", clause("secret/data/{{identity.entity.metadata.tenant}}/*", "read"))
    whole = snapshot_of(world_of(server), *TENANTS)
    for blind in (
        hidden(whole, lambda entry: replace(entry, policies=None)),
        hidden(whole, lambda entry: replace(entry, entities=None)),
        hidden(whole, lambda entry: replace(entry, policies=tuple(
            replace(one, text=None) for one in entry.policies or ()))),
    ):  # fmt: skip
        found = findings(__file__, blind)
        assert worst(found) is Verdict.UNKNOWN
        assert not of(found, Verdict.PASS)
