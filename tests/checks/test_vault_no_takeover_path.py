"""The claim about takeover paths, through its check, on a real server."""

from dataclasses import replace

import hvac

from cred_audit.demo.server import RunningServer
from cred_audit.finding import Verdict
from tests.checks.logins import acting, hide_roles, method, user
from tests.checks.real import clause, findings, of, policy, snapshot_of, world_of, worst
from tests.takeover_lab import lab_on


def test_a_chain_is_one_finding_with_every_request_in_order(bao: RunningServer) -> None:
    lab = lab_on(bao, clause("auth/token/create", "update", "sudo"))
    found = findings(__file__, lab.snapshot())
    (broken,) = [one for one in found if one.verdict is Verdict.FAIL]
    assert (broken.tenant, broken.agents, broken.reaches.tenants) == ("acme", ("acme",), ("beta",))
    policy = f"{lab.namespace}beta"
    assert broken.summary == f"acme/acme makes a token with the policy {policy}, and can then read what beta holds."
    assert broken.witness is not None
    assert [step.fields["path"] for step in broken.witness.before] == ["auth/token/create"]
    assert broken.witness.fields["token"] == "${gained}"
    lines = (broken.reproduce or "").splitlines()
    assert lines[0].startswith("gained=$(curl -s --path-as-is -X POST")
    assert '"X-Vault-Token: $gained"' in lines[1]


def test_ordinary_policies_hold(bao: RunningServer) -> None:
    found = findings(__file__, lab_on(bao, clause("auth/userpass/users/acme/password", "update")).snapshot())
    assert worst(found) is Verdict.PASS
    assert {one.tenant for one in found} == {"acme", "beta"}


def test_an_unread_policy_is_unknown(bao: RunningServer) -> None:
    snapshot = lab_on(bao, clause("auth/token/create", "update", "sudo")).snapshot()
    vault = snapshot.vault
    assert vault is not None
    entry = vault.world.namespaces[-1]
    policies = tuple(replace(one, text=None) if one.name == "ctl" else one for one in entry.policies or ())
    world = replace(vault.world, namespaces=(*vault.world.namespaces[:-1], replace(entry, policies=policies)))
    found = findings(__file__, replace(snapshot, vault=replace(vault, world=world)))
    assert worst([one for one in found if one.tenant == "acme"]) is Verdict.UNKNOWN


def test_what_an_unseen_agent_stands_on_may_be_what_another_changes(admin: hvac.Client) -> None:
    method(admin, "userpass")
    for name in ("acme", "beta"):
        user(admin, name, name)
        policy(admin, name, clause(f"secret/data/{name}/*", "read"))
    policy(admin, "acme", clause("identity/entity/id/*", "update") + clause("secret/data/acme/*", "read"))
    whole = snapshot_of(
        world_of(admin), acting("acme", policies=("acme",)), acting("beta", role="auth/userpass/users/beta")
    )
    assert of(findings(__file__, whole), Verdict.FAIL)
    for blind in hide_roles(whole):
        found = findings(__file__, blind)
        assert worst(found) is Verdict.UNKNOWN
        assert "agent:acme/agent" not in of(found, Verdict.PASS)
