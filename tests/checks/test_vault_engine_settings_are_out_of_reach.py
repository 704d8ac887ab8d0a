"""Agents that may write the roles and connections of engines that others use."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.demo.server import RunningServer
from cred_audit.target.model import PathTerritory
from tests.checks.real import clause, findings, hidden, names, of, policy, snapshot_of, tenant, world_of, worst, write

TWO = (tenant("acme"), tenant("beta"))


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    for engine in ("database", "kubernetes", "pki", "ssh"):
        write(admin, f"sys/mounts/{engine}", {"type": engine})
    return admin


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        (clause("database/roles/acme", "create"), True),
        (clause("database/config/*", "update"), True),
        (clause("kubernetes/config", "update"), True),
        (clause("pki/roles/+", "update"), True),
        (clause("pki/config/urls", "update"), True),
        (clause("ssh/roles/acme", "delete"), True),
        (clause("database/*", "read", "update"), True),
        (clause("database/creds/acme", "read"), False),
        (clause("pki/issue/acme", "update"), False),
        (clause("database/roles/*", "read", "list"), False),
        (clause("database/*", "update") + clause("database/roles/*", "deny") + clause("database/config/*", "deny")
         + clause("database/static-roles/*", "deny"), False),
    ],
)  # fmt: skip
def test_writing_what_holds_for_the_engine(server: hvac.Client, text: str, *, fails: bool) -> None:
    policy(server, "acme", text)
    policy(server, "beta", clause("sys/x", "read"))
    found = findings(__file__, snapshot_of(world_of(server), *TWO))
    assert worst(found) is (Verdict.FAIL if fails else Verdict.PASS)
    assert all(finding.tenant == "acme" for finding in found if finding.verdict is Verdict.FAIL)


def test_the_witness_gets_through(bao: RunningServer, server: hvac.Client) -> None:
    policy(server, "acme", clause("ssh/roles/*", "update", "create"))
    found = findings(__file__, snapshot_of(world_of(server), *TWO))
    witness = next(finding.witness for finding in found if finding.verdict is Verdict.FAIL)
    assert witness is not None
    token = server.auth.token.create(policies=["acme"], no_default_policy=True)["auth"]["client_token"]
    body = {"key_type": "otp", "default_user": "u", "cidr_list": "10.0.0.0/8"}
    write(hvac.Client(url=bao.address, token=token), witness.fields["path"], body)
    assert names(server, "ssh/roles")


def test_an_engine_of_the_tenants_own_passes(server: hvac.Client) -> None:
    policy(server, "acme", clause("database/*", "create", "update"))
    world = world_of(server)
    whole = snapshot_of(world, tenant("acme", PathTerritory(path="database/*")))
    assert worst(findings(__file__, whole)) is Verdict.PASS
    part = snapshot_of(world, tenant("acme", PathTerritory(path="database/roles/acme*")))
    assert worst(findings(__file__, part)) is Verdict.FAIL


def test_what_was_not_seen_is_unknown(server: hvac.Client) -> None:
    policy(server, "acme", clause("database/*", "update"))
    whole = snapshot_of(world_of(server), *TWO)
    for change, where in (
        (lambda entry: replace(entry, mounts=None), "sys/mounts"),
        (lambda entry: replace(entry, policies=None), "acme: unknown:the policies of the namespace were not seen"),
    ):
        found = findings(__file__, hidden(whole, change))
        assert where in of(found, Verdict.UNKNOWN)
        assert not of(found, Verdict.PASS)
