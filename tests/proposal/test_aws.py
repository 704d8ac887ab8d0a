"""Tenants guessed from AWS accounts: tags, prefixes, accounts, and who acts for whom."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cred_audit.decide.aws.world import Account, AwsWorld, Organization, PolicyText, User
from cred_audit.demo.aws_platform import build_aws
from cred_audit.demo.run import HERE, RECORDED
from cred_audit.proposal import Proposal, joined, propose, propose_aws, written
from cred_audit.snapshot import load
from cred_audit.target.load import load_target
from cred_audit.target.model import AwsPrincipal, AwsSource, AwsTerritory, Target
from tests.aws_lab import (
    ACCOUNT,
    EQUAL,
    OTHER_ACCOUNT,
    account,
    document,
    key,
    parameter,
    role,
    role_arn,
    secret,
    statement,
    trust,
)
from tests.aws_server import AwsServer
from tests.record_demo import silent

ROOT = Path(__file__).parents[2]
NOTHING = Proposal(tenants=(), left_out=())
SECRETS = f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:"


def world(*accounts: Account) -> AwsWorld:
    return AwsWorld(accounts=accounts, organization=Organization())


def loaded(proposal: Proposal, folder: Path, *, vault: bool = False) -> Target:
    file = folder / "target.yaml"
    source = AwsSource(regions=("us-east-1",))
    text = written(proposal.tenants, left_out=proposal.left_out, vault=vault, aws=source)
    file.write_bytes(text.encode())
    return load_target(file)


def guessed(seen: AwsWorld, folder: Path, known: Iterable[str] = ()) -> tuple[Target, tuple[str, ...]]:
    found, left_out = propose_aws(seen, known)
    return loaded(joined(NOTHING, found, left_out), folder), left_out


def owned(target: Target) -> dict[str, list[AwsTerritory]]:
    return {tenant.id: list(tenant.territory.aws) for tenant in target.tenants}


def acting(target: Target) -> dict[str, list[AwsPrincipal | None]]:
    return {tenant.id: [agent.aws for agent in tenant.agents] for tenant in target.tenants}


def test_the_demo_is_proposed_as_it_is_declared_in_both_systems(tmp_path: Path) -> None:
    recorded = load(RECORDED.read_bytes(), source=str(RECORDED))
    assert recorded.aws is not None
    assert recorded.vault is not None
    vault = propose(recorded.vault.world)
    found, _ = propose_aws(recorded.aws.world, [tenant.id for tenant in vault.tenants])
    proposed = loaded(joined(vault, found), tmp_path, vault=True)
    declared = load_target(HERE / "target.yaml")

    def shown(target: Target) -> list[Any]:
        return [(one.id, one.agents, sorted(map(repr, one.territory.aws))) for one in target.tenants]

    assert [one for one in shown(proposed) if one[0] != "auditor"] == shown(declared)


def test_the_tag_that_policies_compare_tells_tenants_apart(tmp_path: Path) -> None:
    labels = [secret(name, tags={"Owner": name, "CustomerTier": "gold"}) for name in ("acme", "beta")]
    equal = {"StringEquals": {"aws:ResourceTag/Owner": "${aws:PrincipalTag/owner, 'x'}"}}
    roles = [role("r1", document(statement(Condition=equal)), tags={"owner": "acme"}), role("robot")]
    target, left_out = guessed(world(account(secrets=labels, roles=roles)), tmp_path)
    assert owned(target) == {
        name: [AwsTerritory(tags={"Owner": name}), AwsTerritory(arns=(f"{SECRETS}{name}/*",))]
        for name in ("acme", "beta")
    }
    assert acting(target) == {"acme": [AwsPrincipal(role=role_arn("r1"))], "beta": []}
    assert left_out == (f"{role_arn('robot')} could not be given to one tenant",)


def test_a_role_for_all_tenants_is_told_apart_by_its_sessions(tmp_path: Path) -> None:
    shared = role("agent", document(statement(Condition=EQUAL)), trust=trust("*", ["sts:AssumeRole", "sts:TagSession"]))
    keys = [key("k1", tags={"TenantId": "beta"})]
    target, _ = guessed(world(account(roles=[shared], secrets=[secret("acme"), secret("beta")], keys=keys)), tmp_path)
    assert acting(target) == {
        name: [AwsPrincipal(role=role_arn("agent"), session_tags={"TenantId": name})] for name in ("acme", "beta")
    }
    text = (tmp_path / "target.yaml").read_text("utf-8")
    assert "# guess: its policies compare this tag of the session" in text
    assert "# guess: 2 things have this tag" in text


def test_the_longest_name_in_a_roles_name_is_its_tenants(tmp_path: Path) -> None:
    roles = [role("agent-acme-labs"), role("ACME-agent"), role("aws-service-role/x/acme")]
    user = User(arn=f"arn:aws:iam::{ACCOUNT}:user/bots/acme.bot")
    seen = world(account(roles=roles, users=[user], secrets=[secret("acme"), secret("acme-labs")]))
    target, _ = guessed(seen, tmp_path)
    assert acting(target) == {
        "acme": [AwsPrincipal(role=role_arn("ACME-agent")), AwsPrincipal(user=user.arn)],
        "acme-labs": [AwsPrincipal(role=role_arn("agent-acme-labs"))],
    }


def test_without_tags_the_beginnings_of_names_are_tenants(tmp_path: Path) -> None:
    secrets = [secret("acme", tags={}), secret("acme", "api", tags={}), secret("shared", tags={})]
    target, left_out = guessed(world(account(secrets=secrets, parameters=[parameter("beta", tags={})])), tmp_path)
    assert owned(target) == {
        "acme": [AwsTerritory(arns=(f"{SECRETS}acme/*",))],
        "beta": [AwsTerritory(arns=(f"arn:aws:ssm:*:{ACCOUNT}:parameter/beta/*",))],
    }
    assert left_out == ("'shared' does not look like a tenant",)


def test_names_that_begin_with_no_tenant_are_named_and_left_out(tmp_path: Path) -> None:
    seen = world(account(secrets=[secret("acme"), secret("legacy", tags={})]))
    target, left_out = guessed(seen, tmp_path)
    assert list(owned(target)) == ["acme"]
    assert left_out == (f"1 names of secretsmanager in {ACCOUNT} begin with 'legacy'/",)


def test_accounts_are_tenants_where_nothing_in_them_tells_tenants_apart(tmp_path: Path) -> None:
    other = account(id=OTHER_ACCOUNT, roles=[role("agent", account=OTHER_ACCOUNT)])
    target, _ = guessed(world(account(roles=[role("agent")]), other), tmp_path)
    assert owned(target) == {name: [AwsTerritory(account=name)] for name in (ACCOUNT, OTHER_ACCOUNT)}
    assert acting(target)[OTHER_ACCOUNT] == [AwsPrincipal(role=role_arn("agent", OTHER_ACCOUNT))]


def test_tenants_of_vault_and_aws_with_one_name_are_one(tmp_path: Path) -> None:
    recorded = load(RECORDED.read_bytes(), source=str(RECORDED))
    assert recorded.vault is not None
    vault = propose(recorded.vault.world)
    seen = world(
        account(secrets=[secret("wayne"), secret("new")], roles=[role("wayne-1"), role("wayne-2"), role("new-1")])
    )
    found, _ = propose_aws(seen, [tenant.id for tenant in vault.tenants])
    target = loaded(joined(vault, found), tmp_path, vault=True)
    wayne = next(tenant for tenant in target.tenants if tenant.id == "wayne")
    assert [(agent.id, agent.vault is None, agent.aws is None) for agent in wayne.agents] == [
        ("wayne-agent", False, True), ("wayne-1", True, False), ("wayne-2", True, False),
    ]  # fmt: skip
    assert "new" in [tenant.id for tenant in target.tenants]


def test_an_account_without_tenants_gives_a_target_to_fill_in(tmp_path: Path) -> None:
    unseen = Account(id=ACCOUNT, regions=())
    target, left_out = guessed(world(unseen), tmp_path)
    assert [tenant.id for tenant in target.tenants] == ["tenant-1"]
    assert (target.vault, left_out) == (None, ())


HOSTILE = ["no", "null", "(others)", " a ", "a: b", "a#b", "{x}", "*", "a?", '"', "\\", "a\nb: c", "\x1b[31m", "\u202e",
           "\ud800", "x" * 10_000, "a/b", "${aws:username}", "Tenant", "1"]  # fmt: skip
NAMES = st.one_of(st.sampled_from(HOSTILE), st.text(min_size=1, max_size=8))


@settings(max_examples=150, deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=4), tags=st.lists(NAMES, min_size=1, max_size=3))
def test_whatever_the_names_are_the_proposal_loads(
    names: list[str], tags: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    seen = world(
        account(
            secrets=[secret(name, tags=dict.fromkeys((*tags, "tenant"), name)) for name in names],
            parameters=[parameter(name, tags={}) for name in names],
            roles=[role(name, "not a policy", tags={"tenant": name}) for name in names],
            policies=dict.fromkeys(names, "{}"),
        )
    )
    folder = tmp_path_factory.mktemp("hostile")
    found, left_out = propose_aws(seen)
    target = loaded(joined(NOTHING, found, left_out), folder)
    assert 0 < len(target.tenants) <= max(len(found), 1)
    assert all(line.isprintable() for line in (folder / "target.yaml").read_text("utf-8").split("\n"))


def test_ten_thousand_tenants_take_seconds(tmp_path: Path) -> None:
    names = [f"t{number}" for number in range(10_000)]
    policy = PolicyText(name="arn:aws:iam::aws:policy/p", text=document(statement(Condition=EQUAL)))
    roles = [role(f"agent-{name}", attached=(policy.name,)) for name in names]
    seen = world(
        account(secrets=[secret(name) for name in names], roles=roles, policies={policy.name: policy.text or ""})
    )
    started = time.process_time()
    found, _ = propose_aws(seen)
    assert len(found) == 10_000
    assert all(len(tenant.agents) == 1 for tenant in found)
    assert time.process_time() - started < 10
    assert len(loaded(joined(NOTHING, found), tmp_path).tenants) == 10_000


def init(folder: Path, *arguments: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("VAULT_", "BAO_", "AWS_"))}
    return subprocess.run(
        [sys.executable, "-m", "cred_audit", "init", "--yes", "-o", str(folder / "target.yaml"), *arguments],
        capture_output=True, text=True, timeout=120, check=False, cwd=ROOT, env=own | environ,
    )  # fmt: skip


def test_init_proposes_the_tenants_of_an_account(aws_server: AwsServer, tmp_path: Path) -> None:
    environ = aws_server.environ() | {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    build_aws(environ, silent)
    address = environ.pop("AWS_ENDPOINT_URL")
    done = init(tmp_path, "--aws", "--endpoint-url", address, environ=environ)
    assert done.returncode == 0, done.stderr
    target = load_target(tmp_path / "target.yaml")
    assert target.vault is None
    assert target.aws == AwsSource(regions=("us-east-1",), endpoint_url=address)
    declared = load_target(HERE / "target.yaml")
    assert acting(target) == acting(declared)


def test_an_account_that_cannot_be_read_is_written_without_a_proposal(tmp_path: Path) -> None:
    nowhere = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "us-east-1"}
    done = init(tmp_path, "--aws", "--endpoint-url", "http://127.0.0.1:9", environ=nowhere)
    assert done.returncode == 0, done.stderr
    assert "the target is written without a proposal" in done.stderr
    assert load_target(tmp_path / "target.yaml").aws is not None
    assert init(tmp_path, "--force", "--endpoint-url", "http://127.0.0.1:9", environ=nowhere).returncode == 2
