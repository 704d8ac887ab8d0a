"""AWS accounts for tests, put together by hand: roles, secrets, keys, and the target that declares their tenants."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from cred_audit.decide.aws.model import KmsGrant
from cred_audit.decide.aws.world import (
    Account,
    AwsWorld,
    Function,
    Group,
    Key,
    Organization,
    Parameter,
    PolicyText,
    Region,
    Role,
    Secret,
    Trail,
    User,
)
from cred_audit.facts import AwsFacts, Gap, Snapshot
from cred_audit.target.model import Agent, AwsPrincipal, AwsSource, AwsTerritory, Target, Tenant, Territory

ACCOUNT, OTHER_ACCOUNT = "111122223333", "444455556666"
REGION = "us-east-1"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
READ = "secretsmanager:GetSecretValue"
EQUAL = {"StringEquals": {"aws:ResourceTag/TenantId": "${aws:PrincipalTag/TenantId}"}}
TENANTS = ("acme", "beta", "gamma")


def statement(action: Any = READ, resource: Any = "*", effect: str = "Allow", **more: Any) -> dict[str, Any]:
    """Return a statement; without a Resource for `resource=None`."""
    found = {"Effect": effect, "Action": action}
    return found | ({} if resource is None else {"Resource": resource}) | more


def document(*statements: Mapping[str, Any], version: str = "2012-10-17") -> str:
    """Return a policy's text."""
    return json.dumps({"Version": version, "Statement": list(statements)})


def trust(principal: Any, action: Any = "sts:AssumeRole", **more: Any) -> str:
    """Return a trust policy with one statement."""
    return document(statement(action, None, Principal=principal, **more))


def role_arn(name: str, account: str = ACCOUNT) -> str:
    """Return the ARN of a role."""
    return f"arn:aws:iam::{account}:role/{name}"


def role(name: str, *documents: str, account: str = ACCOUNT, **more: Any) -> Role:
    """Return a role with inline policies `p1`, `p2` ..., trusted by the compute service that runs agents."""
    inline = tuple(PolicyText(name=f"p{number}", text=text) for number, text in enumerate(documents, 1))
    more.setdefault("trust", trust({"Service": "lambda.amazonaws.com"}))
    return Role(arn=role_arn(name, account), inline=inline, **more)


def secret(owner: str, name: str = "db", *, account: str = ACCOUNT, region: str = REGION, **more: Any) -> Secret:
    """Return a secret `OWNER/NAME`, tagged with its owner and rotated by nothing, unless `more` says otherwise."""
    arn = f"arn:aws:secretsmanager:{region}:{account}:secret:{owner}/{name}-AbCdEf"
    more.setdefault("rotation", more.get("rotated_by") is not None)
    return Secret(arn=arn, tags=more.pop("tags", {"TenantId": owner}), **more)


def parameter(owner: str, name: str = "db", *, account: str = ACCOUNT, region: str = REGION, **more: Any) -> Parameter:
    """Return a parameter `/OWNER/NAME`."""
    arn = f"arn:aws:ssm:{region}:{account}:parameter/{owner}/{name}"
    return Parameter(arn=arn, type=more.pop("type", "SecureString"), tags=more.pop("tags", {"TenantId": owner}), **more)


def key(name: str, *, account: str = ACCOUNT, region: str = REGION, **more: Any) -> Key:
    """Return a customer key whose policy delegates to the account, as the console makes it."""
    root = {"AWS": f"arn:aws:iam::{account}:root"}
    more.setdefault("policy", document(statement("kms:*", "*", Principal=root)))
    return Key(arn=f"arn:aws:kms:{region}:{account}:key/{name}", **more)


def account(  # noqa: PLR0913  (the parts of an account)
    *,
    id: str = ACCOUNT,  # noqa: A002  (as the fact is called)
    roles: Iterable[Role] | None = (),
    users: Iterable[User] | None = (),
    groups: Iterable[Group] | None = (),
    policies: Mapping[str, str] | None = None,
    secrets: Iterable[Secret] | None = (),
    parameters: Iterable[Parameter] | None = (),
    keys: Iterable[Key] | None = (),
    functions: Iterable[Function] | None = (),
    trails: Iterable[Trail] | None = (),
    region: str = REGION,
) -> Account:
    """Return an account read in full in one region; None for a part that was not seen."""
    return Account(
        id=id,
        roles=_whole(roles),
        users=_whole(users),
        groups=_whole(groups),
        policies=tuple(PolicyText(name=name, text=text) for name, text in (policies or {}).items()),
        regions=(
            Region(
                name=region, secrets=_whole(secrets), parameters=_whole(parameters), keys=_whole(keys),
                functions=_whole(functions), trails=_whole(trails),
            ),
        ),
    )  # fmt: skip


def _whole(part: Iterable[Any] | None) -> tuple[Any, ...] | None:
    return None if part is None else tuple(part)


NO_ORGANIZATION = Organization()


def tenant(name: str, *agents: Agent, territory: Iterable[AwsTerritory] | None = None) -> Tenant:
    """Return a tenant that owns what is tagged with its name, unless `territory` says otherwise."""
    parts = (AwsTerritory(tags={"TenantId": name}),) if territory is None else tuple(territory)
    return Tenant(id=name, agents=agents, territory=Territory(aws=parts))


def agent(name: str, role_name: str, *, account: str = ACCOUNT, **more: Any) -> Agent:
    """Return an agent that acts with a role."""
    return Agent(id=name, aws=AwsPrincipal(role=role_arn(role_name, account), **more))


def snapshot(
    accounts: Iterable[Account],
    tenants: Iterable[Tenant],
    *,
    organization: Organization | None = NO_ORGANIZATION,
    others: bool = False,
    gaps: Iterable[Gap] = (),
) -> Snapshot:
    """Return a snapshot of these accounts."""
    accounts = tuple(accounts)
    target = Target(
        name="lab", tenants=tuple(tenants), others=others, aws=AwsSource(accounts=tuple(one.id for one in accounts))
    )
    world = AwsWorld(accounts=accounts, organization=organization)
    facts = AwsFacts(world=world, coverage={"accounts": len(accounts)})
    return Snapshot(target=target, taken_at=NOW, tool_version="0", aws=facts, gaps=tuple(gaps))


def shared_role(*documents: str, names: Any = TENANTS, **more: Any) -> Snapshot:
    """Return the usual case: one role `agent` for all tenants, told apart by a session tag; a secret each.

    `more`: parts of the account (`secrets`, `keys` ...) that stand in place of the usual ones.
    """
    names = tuple(names)
    parts: dict[str, Any] = {"secrets": [secret(name) for name in names]} | more
    roles = [role("agent", *documents), *parts.pop("roles", ())]
    tenants = [tenant(name, agent(f"{name}-agent", "agent", session_tags={"TenantId": name})) for name in names]
    return snapshot([account(roles=roles, **parts)], tenants)


def role_each(policy: Mapping[str, str], **more: Any) -> Snapshot:
    """Return a role `agent-NAME` for each tenant with its own policy text; a secret each."""
    parts: dict[str, Any] = {"secrets": [secret(name) for name in policy]} | more
    roles = [role(f"agent-{name}", text) for name, text in policy.items()]
    tenants = [tenant(name, agent(f"{name}-agent", f"agent-{name}")) for name in policy]
    return snapshot([account(roles=[*roles, *parts.pop("roles", ())], **parts)], tenants)


__all__ = [
    "ACCOUNT", "EQUAL", "NOW", "NO_ORGANIZATION", "OTHER_ACCOUNT", "READ", "REGION", "TENANTS", "Function", "Group",
    "KmsGrant", "Organization", "PolicyText", "Trail", "User", "account", "agent", "document", "key", "parameter",
    "role", "role_arn", "role_each", "secret", "shared_role", "snapshot", "statement", "tenant", "trust",
]  # fmt: skip
