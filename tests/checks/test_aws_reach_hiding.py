"""Hiding any fact of AWS never improves what the reach checks say of an agent."""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from cred_audit.decide.aws.world import Account, AwsWorld, Region
from cred_audit.facts import Snapshot
from cred_audit.finding import Verdict
from cred_audit.target.model import AwsTerritory
from tests import aws_lab as lab
from tests.checks.judged import judged

CHECKS = ("aws_no_cross_tenant_read", "aws_no_cross_tenant_list", "aws_no_cross_tenant_write", "aws_no_latent_reach")
RANK = {Verdict.FAIL: 0, Verdict.UNKNOWN: 1, Verdict.PASS: 2}
SECRETS, PARAMETERS = f"arn:aws:secretsmanager:*:{lab.ACCOUNT}:secret:", f"arn:aws:ssm:*:{lab.ACCOUNT}:parameter/"


def random_snapshot(source: random.Random) -> Snapshot:
    """Return a small platform: a shared role, a role each, secrets with and without keys and policies, parameters."""
    pick = source.choice
    root = {"AWS": f"arn:aws:iam::{lab.ACCOUNT}:root"}
    bound = lab.document(lab.statement("kms:*", Principal=root, Condition=lab.EQUAL))
    keys = [lab.key("k1", tags={"TenantId": "beta"}, aliases=("alias/k1",)), lab.key("k2", policy=bound)]
    secrets = [
        lab.secret(
            name, key=pick((None, None, keys[0].arn, "alias/k1", keys[1].arn)), policy=pick((None, None, _guard(name)))
        )
        for name in lab.TENANTS
    ]
    secrets.append(lab.secret("beta", "stray", tags={}))
    parameters = [lab.parameter(name, key=pick((None, keys[0].arn))) for name in lab.TENANTS]
    roles = [lab.role("shared", *(_policy(pick) for _ in range(2)), attached=("arn:aws:iam::aws:policy/m",))]
    roles += (lab.role(f"agent-{name}", _policy(pick, name), boundary=pick(("", "arn:aws:iam::aws:policy/m")))
              for name in lab.TENANTS)  # fmt: skip
    managed = {"arn:aws:iam::aws:policy/m": lab.document(lab.statement(pick(("secretsmanager:Get*", "ssm:*", "*"))))}
    territory = pick(("tags", "arns", "both"))
    tenants = [
        lab.tenant(
            name, lab.agent("s", "shared", session_tags={"TenantId": name}), lab.agent("o", f"agent-{name}"),
            territory=_territory(name, territory),
        )
        for name in lab.TENANTS
    ]  # fmt: skip
    account = lab.account(
        roles=roles, policies=managed, secrets=secrets, parameters=parameters, keys=keys, users=(), groups=()
    )
    scps = {lab.ACCOUNT: ((lab.PolicyText(name="scp", text=lab.document(lab.statement("*"))),),)}
    organization = pick((lab.NO_ORGANIZATION, lab.Organization(management="999999999999", scps=scps)))
    return lab.snapshot([account], tenants, organization=organization, others=pick((False, False, True)))


def _territory(name: str, kind: str) -> list[AwsTerritory]:
    parts = []
    if kind != "arns":
        parts.append(AwsTerritory(tags={"TenantId": name}))
    if kind != "tags":
        parts.append(AwsTerritory(arns=(f"{SECRETS}{name}/*", f"{PARAMETERS}{name}/*")))
    return parts


def _guard(name: str) -> str:
    condition = {"StringNotEquals": {"aws:PrincipalTag/TenantId": name}}
    return lab.document(lab.statement("*", "*", "Deny", Principal="*", Condition=condition))


def _policy(pick: Any, name: str = "acme") -> str:
    own = f"{SECRETS}{name}"
    statements = (
        lab.statement(Condition=lab.EQUAL), lab.statement(resource=f"{own}*"), lab.statement(resource=f"{own}/*"),
        lab.statement("secretsmanager:*", Condition={"StringEqualsIfExists": lab.EQUAL["StringEquals"]}),
        lab.statement("kms:*"), lab.statement("kms:Decrypt", Condition=lab.EQUAL), lab.statement("s3:*"),
        lab.statement("ssm:*", f"{PARAMETERS}{name}*"), lab.statement("*", "*", "Deny", Condition={
            "StringNotEqualsIfExists": lab.EQUAL["StringEquals"]}),
        lab.statement("secretsmanager:ListSecrets"), lab.statement("ssm:GetParametersByPath", PARAMETERS),
    )  # fmt: skip
    return lab.document(*(pick(statements) for _ in range(pick((1, 2, 3)))))


def hidden(snapshot: Snapshot, source: random.Random) -> Iterator[tuple[str, Snapshot]]:
    """Yield the snapshot with one fact hidden, for some of its facts."""
    assert snapshot.aws is not None
    world = snapshot.aws.world
    (account,) = world.accounts
    (region,) = account.regions
    changes: list[tuple[str, AwsWorld]] = [("organization", replace(world, organization=None))]
    if world.organization is not None and world.organization.scps:
        blind = replace(world.organization, scps={lab.ACCOUNT: None})
        changes.append(("scps", replace(world, organization=blind)))
    changes += ((name, _with(world, account, **{name: None})) for name in ("roles", "policies"))
    changes += (
        (name, _in_region(world, account, region, **{name: None})) for name in ("secrets", "parameters", "keys")
    )
    for part, fields in {
        "secrets": ({"tags": None}, {"key_seen": False, "key": None}, {"policy_seen": False, "policy": None}),
        "parameters": ({"tags": None},),
        "keys": ({"tags": None}, {"policy": None}, {"grants": None}, {"customer": None}),
    }.items():
        for change in fields:
            things = list(getattr(region, part))
            index = source.randrange(len(things))
            things[index] = replace(things[index], **change)
            name = f"{part} {index} {sorted(change)}"
            changes.append((name, _in_region(world, account, region, **{part: tuple(things)})))
    blank: tuple[dict[str, Any], ...] = (
        {"tags": None},
        {"trust": None},
        {"inline": None},
        {"attached": None},
        {"boundary": None},
    )
    for change in blank:
        roles = list(account.roles or ())
        index = source.randrange(len(roles))
        roles[index] = replace(roles[index], **change)
        changes.append((f"role {index} {sorted(change)}", _with(world, account, roles=tuple(roles))))
    for name, changed in source.sample(changes, 6):
        yield name, replace(snapshot, aws=replace(snapshot.aws, world=changed))


def _with(world: AwsWorld, account: Account, **change: Any) -> AwsWorld:
    return replace(world, accounts=(replace(account, **change),))


def _in_region(world: AwsWorld, account: Account, region: Region, **change: Any) -> AwsWorld:
    return _with(world, account, regions=(replace(region, **change),))


def verdicts(check: str, snapshot: Snapshot) -> dict[tuple[str, str], Verdict]:
    """Return the worst verdict of each agent."""
    found: dict[tuple[str, str], Verdict] = {}
    for finding in judged(check, snapshot):
        assert finding.tenant is not None
        assert finding.evidence
        for agent in finding.agents:
            known = found.get((finding.tenant, agent), finding.verdict)
            found[finding.tenant, agent] = min(known, finding.verdict, key=RANK.__getitem__)
    return found


@pytest.mark.parametrize("check", CHECKS)
def test_no_agent_looks_better_when_a_fact_is_hidden(check: str) -> None:
    seen = set()
    for seed in range(5):
        source = random.Random(seed)  # noqa: S311  (not for secrets)
        snapshot = random_snapshot(source)
        before = verdicts(check, snapshot)
        assert len(before) == 6
        seen |= set(before.values())
        for name, less in hidden(snapshot, source):
            after = verdicts(check, less)
            for agent, verdict in before.items():
                assert verdict is Verdict.PASS or after[agent] is not Verdict.PASS, (seed, name, agent)
    assert seen >= {Verdict.PASS, Verdict.FAIL}
