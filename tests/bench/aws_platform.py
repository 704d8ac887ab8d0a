"""A large platform in one AWS account, for the benchmarks of whole scans: roles, secrets, keys, what binds them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cred_audit.decide.aws.world import (
    Account,
    AwsWorld,
    Function,
    Key,
    Organization,
    PolicyText,
    Region,
    Role,
    Secret,
    Trail,
)
from cred_audit.facts import AwsFacts, Snapshot
from cred_audit.target.model import Agent, AwsPrincipal, AwsSource, AwsTerritory, Target, Tenant, Territory

ACCOUNT, REGION = "111122223333", "us-east-1"
_EQUAL = {"StringEquals": {"aws:ResourceTag/TenantId": "${aws:PrincipalTag/TenantId}"}}
_ROTATOR = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:rotator"
_OWN = f"arn:aws:iam::{ACCOUNT}:policy/agents"


def _document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def _policies(name: str, number: int) -> tuple[PolicyText, ...]:
    """Return what one role of a tenant may do: by tag, by name, by both, lists alone, or by a name cut short."""
    own = f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:{name}"
    kinds = (
        _allow("secretsmanager:*", Condition=_EQUAL),
        _allow(["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"], f"{own}/*"),
        _allow("secretsmanager:Get*", f"{own}/*", Condition=_EQUAL),
        _allow(["secretsmanager:ListSecrets", "secretsmanager:DescribeSecret"]),
        _allow("secretsmanager:GetSecretValue", f"{own}*"),
    )
    use = {"StringEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}}
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/shared"
    return (
        PolicyText(name="agent", text=_document(kinds[number % len(kinds)], _allow("kms:Decrypt", key, Condition=use))),
    )


def platform(tenants: int, roles: int, secrets: int, now: datetime) -> Snapshot:
    """Return so many tenants with so many roles, each an agent, and so many secrets each."""
    names = [f"tenant-{number:05}" for number in range(tenants)]
    trust = _document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}})
    broker = _document({
        "Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/broker"},
        "Condition": {"StringEquals": {"aws:RequestTag/TenantId": "${aws:PrincipalTag/TenantId}"}},
    })  # fmt: skip
    made = [
        Role(
            arn=f"arn:aws:iam::{ACCOUNT}:role/agent-{name}-{number}", tags={"TenantId": name},
            trust=broker if number % 2 else trust, inline=_policies(name, number), attached=(_OWN,), max_session=3600,
        )
        for name in names
        for number in range(roles)
    ]  # fmt: skip
    made.append(Role(arn=f"arn:aws:iam::{ACCOUNT}:role/broker", trust=trust, max_session=3600))
    made.append(Role(arn=f"arn:aws:iam::{ACCOUNT}:role/rotator", trust=trust, max_session=3600))
    recent = now - timedelta(days=20)
    held = [
        Secret(
            arn=f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}/s{number}-AbCdEf", tags={"TenantId": name},
            key="alias/shared", rotation=number % 2 == 0, rotated_by=None if number % 2 else _ROTATOR,
            rotates_every=None if number % 2 else 30, last_rotated=None if number % 2 else recent, last_changed=recent,
        )
        for name in names
        for number in range(secrets)
    ]  # fmt: skip
    delegates = _document(
        {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    )
    region = Region(
        name=REGION,
        secrets=tuple(held),
        parameters=(),
        keys=(Key(arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/shared", policy=delegates, aliases=("alias/shared",)),),
        functions=(Function(arn=_ROTATOR, role=f"arn:aws:iam::{ACCOUNT}:role/rotator"),),
        trails=(
            Trail(arn=f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/t", logging=True, every_region=True, reads=True),
        ),
    )
    account = Account(
        id=ACCOUNT, regions=(region,), roles=tuple(made), users=(), groups=(),
        policies=(PolicyText(name=_OWN, text=_document(_allow("logs:*"))),),
    )  # fmt: skip
    everything = (PolicyText(name="p-FullAWSAccess", text=_document(_allow("*"))),)
    guard = PolicyText(name="p-guard", text=_document({"Effect": "Deny", "Action": "iam:*", "Resource": "*"}))
    organization = Organization(management="123456789012", scps={ACCOUNT: (everything, (*everything, guard))})
    declared = tuple(
        Tenant(
            id=name,
            agents=tuple(
                Agent(id=f"a{number}", aws=AwsPrincipal(role=f"arn:aws:iam::{ACCOUNT}:role/agent-{name}-{number}"))
                for number in range(roles)
            ),
            territory=Territory(aws=(AwsTerritory(tags={"TenantId": name}),)),
        )
        for name in names
    )
    return Snapshot(
        target=Target(name="bench", tenants=declared, aws=AwsSource(accounts=(ACCOUNT,))),
        taken_at=now.astimezone(UTC), tool_version="0",
        aws=AwsFacts(world=AwsWorld(accounts=(account,), organization=organization), coverage={"roles": len(made)}),
    )  # fmt: skip
