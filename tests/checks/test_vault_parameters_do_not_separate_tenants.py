"""Parameter limits that another form of the request passes, each compared with what the server does."""

from dataclasses import replace
from typing import Any

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.decide.vault.model import Server
from cred_audit.demo.server import RunningServer
from tests.checks.real import clause, findings, hidden, of, policy, snapshot_of, tenant, world_of, worst, write

ROLE = "auth/approle/role/x"
TWINS = 'denied_parameters = { "token_policies" = ["admin"] "policies" = [] }'


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    write(admin, "sys/auth/approle", {"type": "approle"})
    write(admin, "sys/mounts/transit", {"type": "transit"})
    write(admin, "transit/keys/k", {})
    write(admin, "secret/data/acme/x", {"data": {"a": "b"}})
    return admin


def sent(bao: RunningServer, admin: hvac.Client, path: str, body: dict[str, Any]) -> int:
    """The status of a request with a token that holds only the policy p."""
    token = admin.auth.token.create(policies=["p"], no_default_policy=True)["auth"]["client_token"]
    agent = hvac.Client(url=bao.address, token=token)
    answer = agent.session.post(f"{bao.address}/v1/{path}", json=body, headers={"X-Vault-Token": token})
    return int(answer.status_code)


@pytest.mark.parametrize(
    ("path", "limit", "refused", "passes"),
    [
        (ROLE, TWINS, {"token_policies": "admin"}, {"token_policies": ["admin"]}),
        (ROLE, TWINS, {"token_policies": "admin"}, {"token_policies": "x,admin"}),
        (ROLE, 'denied_parameters = { "token_policies" = [] }', {"token_policies": "a"}, {"policies": "admin"}),
        (ROLE, 'allowed_parameters = { "token_policies" = ["dev*"] }', {"token_policies": "admin"},
         {"token_policies": "dev,admin"}),
        (ROLE, 'denied_parameters = { "token_ttl" = [100] "ttl" = [] }', None, {"token_ttl": 100}),
        ("secret/data/acme/x", 'denied_parameters = { "password" = [] }', None, {"data": {"password": "x"}}),
        ("transit/encrypt/k", 'denied_parameters = { "plaintext" = [] }', {"plaintext": "aGk="},
         {"batch_input": [{"plaintext": "aGk="}]}),
    ],
)  # fmt: skip
def test_a_limit_that_the_server_lets_through_fails(  # noqa: PLR0913, PLR0917  (one case)
    bao: RunningServer,
    server: hvac.Client,
    path: str,
    limit: str,
    refused: dict[str, Any] | None,
    passes: dict[str, Any],
) -> None:
    policy(server, "p", clause(path, "create", "update", more=limit))
    assert refused is None or sent(bao, server, path, refused) == 403
    assert sent(bao, server, path, passes) < 300
    assert worst(findings(__file__, snapshot_of(world_of(server), tenant("acme")))) is Verdict.FAIL


@pytest.mark.parametrize(
    ("path", "limit", "refused"),
    [
        (ROLE, 'denied_parameters = { "token_policies" = [] "policies" = [] }', {"token_policies": ["admin"]}),
        (ROLE, 'allowed_parameters = { "token_policies" = ["dev"] }', {"token_policies": "dev,admin"}),
        (ROLE, 'allowed_parameters = { "token_policies" = ["dev"] }', {"policies": "admin"}),
        (ROLE, 'denied_parameters = { "*" = [] }', {"policies": "admin"}),
        ("transit/encrypt/k", 'allowed_parameters = { "plaintext" = [] }', {"batch_input": [{"plaintext": "aGk="}]}),
        ("transit/encrypt/k", 'denied_parameters = { "batch_input" = [] "context" = [] }', {"batch_input": []}),
    ],
)  # fmt: skip
def test_a_limit_that_the_server_holds_passes(
    bao: RunningServer, server: hvac.Client, path: str, limit: str, refused: dict[str, Any]
) -> None:
    policy(server, "p", clause(path, "create", "update", more=limit))
    assert sent(bao, server, path, refused) == 403
    assert worst(findings(__file__, snapshot_of(world_of(server), tenant("acme")))) is Verdict.PASS


def test_a_limit_of_operations_that_compare_none_fails(server: hvac.Client) -> None:
    policy(server, "p", clause("secret/metadata/acme/*", "list", "delete", more='denied_parameters = { "a" = [] }'))
    assert worst(findings(__file__, snapshot_of(world_of(server), tenant("acme")))) is Verdict.FAIL


def test_without_the_version_or_the_mounts_it_is_unknown(server: hvac.Client) -> None:
    policy(server, "p", clause(ROLE, "update", more=TWINS))
    world = world_of(server)
    unknown = snapshot_of(replace(world, server=Server()), tenant("acme"))
    assert worst(findings(__file__, unknown)) is Verdict.UNKNOWN
    policy(server, "p", clause("transit/encrypt/k", "update", more='denied_parameters = { "plaintext" = [] }'))
    whole = snapshot_of(world_of(server), tenant("acme"))
    blind = findings(__file__, hidden(whole, lambda entry: replace(entry, mounts=None)))
    assert worst(blind) is Verdict.UNKNOWN
    assert not of(blind, Verdict.PASS)
