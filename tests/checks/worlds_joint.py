"""Generated snapshots of a Vault and of AWS accounts whose agents have a principal in each."""

from dataclasses import replace
from itertools import zip_longest
from typing import Any

from hypothesis import strategies as st

from cred_audit.decide.vault.model import AuthMount, AuthRole, EngineObject, Mount
from cred_audit.facts import Snapshot
from cred_audit.target.model import Agent, Tenant
from tests.aws_lab import ACCOUNT, role_arn
from tests.checks.worlds import snapshots
from tests.checks.worlds_aws import IDENTITY, aws_snapshots

_policy = st.sampled_from(("", *IDENTITY))
_assumed = st.builds(
    lambda name, policy, tags: {
        "credential_types": ["assumed_role"], "role_arns": [role_arn(name)], "policy_document": policy,
        "policy_arns": None, "session_tags": tags,
    },
    st.sampled_from(("agent", "agent-red", "agent-blue", "nobody")), _policy,
    st.sampled_from((None, {"TenantId": "red"}, {"TenantId": "blue"})),
)  # fmt: skip
_made = st.builds(
    lambda kind, policy: {"credential_types": [kind], "policy_document": policy},
    st.sampled_from(("iam_user", "federation_token")), _policy,
)  # fmt: skip
_login = st.builds(
    lambda bound, policy, resolves: {
        "auth_type": "iam", "bound_iam_principal_arn": [bound], "token_policies": [policy],
        "resolve_aws_unique_ids": resolves, "token_no_default_policy": True,
    },
    st.sampled_from((
        role_arn("agent-red"), role_arn("agent*"), role_arn("agent"), f"arn:aws:iam::{ACCOUNT}:user/red",
        f"arn:aws:iam::{ACCOUNT}:*",
    )),
    st.sampled_from(("red", "blue", "absent")), st.booleans(),
)  # fmt: skip


@st.composite
def _mounts(draw: st.DrawFn) -> tuple[Mount, AuthMount]:
    objects = [EngineObject(kind="roles", name=name, data=draw(_assumed | _made)) for name in ("red", "blue")]
    if draw(st.booleans()):
        objects.append(EngineObject(kind="static-roles", name="ci", data={"username": "red"}))
    logins = tuple(AuthRole(kind="role", name=name, data=draw(_login)) for name in ("red", "blue"))
    engine = Mount(path="aws/", type="aws", accessor="aws-1", tune={}, objects=tuple(objects))
    return engine, AuthMount(path="aws/", type="aws", accessor="auth-aws-1", tune={}, config={}, roles=logins)


def _joined(one: Tenant, other: Tenant) -> Tenant:
    agents = (
        Agent(id=(vault or aws).id, vault=vault.vault if vault else None, aws=aws.aws if aws else None)
        for vault, aws in zip_longest(one.agents, other.agents)
    )
    return replace(one, agents=tuple(agents), territory=replace(one.territory, aws=other.territory.aws))


@st.composite
def joint_snapshots(draw: st.DrawFn) -> Snapshot:
    """A server with an AWS engine and AWS logins, accounts, and two tenants in both."""
    vault, aws = draw(snapshots()), draw(aws_snapshots())
    assert vault.vault is not None
    engine, method = draw(_mounts())
    root, *below = vault.vault.world.namespaces
    root = replace(root, mounts=(*(root.mounts or ()), engine), auth_mounts=(*(root.auth_mounts or ()), method))
    world = replace(vault.vault.world, namespaces=(root, *below))
    tenants = tuple(map(_joined, vault.target.tenants, aws.target.tenants))
    changed: dict[str, Any] = {"tenants": tenants, "aws": aws.target.aws, "others": aws.target.others}
    return replace(vault, vault=replace(vault.vault, world=world), aws=aws.aws, target=replace(vault.target, **changed))
