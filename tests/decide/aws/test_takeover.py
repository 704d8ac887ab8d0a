"""The ways by which AWS agents take over others: each planted, each with a twin in which one thing more closes it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from cred_audit.claims.aws.takeover import judge_aws_takeovers
from cred_audit.decide.aws.world import Organization
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict
from cred_audit.target.model import AwsPrincipal
from tests import aws_lab as lab

ROOT = {"AWS": f"arn:aws:iam::{lab.ACCOUNT}:root"}
AGENT, TARGET = lab.role_arn("agent"), lab.role_arn("target")
ANY = lab.document(lab.statement("*"))
READS = lab.document(lab.statement())
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
OWN_POLICY = f"arn:aws:iam::{lab.ACCOUNT}:policy/own"
CLOSED = lab.document(lab.statement("iam:*", "*", "Deny"))
LAMBDA, EC2 = {"Service": "lambda.amazonaws.com"}, {"Service": "ec2.amazonaws.com"}


def world(
    *statements: Mapping[str, Any], agent: Mapping[str, Any] | None = None, organization: Any = None, **more: Any
) -> Snapshot:
    """Return acme's agent with these statements and a role of its own, and what beta owns."""
    roles = [lab.role("agent", lab.document(*statements), **(agent or {})), *more.pop("roles", ())]
    more.setdefault("secrets", [lab.secret("acme"), lab.secret("beta")])
    tenants = [lab.tenant("acme", lab.agent("a", "agent", session_tags=more.pop("tags", {}))), lab.tenant("beta")]
    return lab.snapshot([lab.account(roles=roles, **more)], tenants, organization=organization or Organization())


def found(snapshot: Snapshot) -> Finding:
    """Return the one finding about acme."""
    (one,) = judge_aws_takeovers(snapshot)
    return one


def chain(snapshot: Snapshot) -> list[str]:
    """Return the actions of a chain that is found, the last one included; none where there is none."""
    one = found(snapshot)
    if one.verdict is Verdict.PASS:
        return []
    assert one.verdict is Verdict.FAIL, one.summary
    assert one.reaches.tenants == ("beta",)
    assert one.witness is not None
    return [step.fields["action"] for step in (*one.witness.before, one.witness)]


def chains(snapshot: Snapshot) -> set[tuple[str, ...]]:
    """Return the actions before the last request of every chain."""
    return {
        tuple(step.fields["action"] for step in one.witness.before)
        for one in judge_aws_takeovers(snapshot)
        if one.witness is not None and one.verdict is Verdict.FAIL
    }


def target(*documents: str, **more: Any) -> Any:
    """Return a role that reads everything, which only Lambda may assume unless `trust` says otherwise."""
    return lab.role("target", *(documents or (READS,)), **more)


def scp(*statements: Mapping[str, Any]) -> Organization:
    """Return an organization that denies something."""
    allow, deny = lab.document(lab.statement("*")), lab.document(*statements)
    return Organization(
        management="999999999999",
        scps={lab.ACCOUNT: ((lab.PolicyText(name="full", text=allow), lab.PolicyText(name="deny", text=deny)),)},
        rcps={lab.ACCOUNT: ()},
    )


def test_without_any_way_it_is_a_proof() -> None:
    one = found(world(lab.statement(Condition=lab.EQUAL), roles=[target()]))
    assert (one.verdict, one.subject) == (Verdict.PASS, "agent:acme/a")
    assert one.evidence


@pytest.mark.parametrize(("trust", "expected"), [
    (lab.trust({"AWS": AGENT}), True),
    (lab.trust(ROOT), False),
    (lab.trust({"AWS": lab.role_arn("other")}), False),
    (lab.trust("*"), True),
    (lab.trust({"AWS": AGENT}, Condition={"StringEquals": {"sts:ExternalId": "x1"}}), True),
    (lab.trust({"AWS": AGENT}, Condition={"StringEquals": {"aws:PrincipalTag/Team": "ops"}}), False),
    (lab.trust({"AWS": f"arn:aws:sts::{lab.ACCOUNT}:assumed-role/agent/run"}), True),
])  # fmt: skip
def test_a_trust_policy_that_names_the_agent_is_enough_in_its_account(trust: str, *, expected: bool) -> None:
    actions = chain(world(lab.statement(Condition=lab.EQUAL), roles=[target(trust=trust)]))
    assert actions == (["sts:AssumeRole", lab.READ] if expected else [])


@pytest.mark.parametrize(("statement", "expected"), [
    (lab.statement("sts:AssumeRole", TARGET), True),
    (lab.statement("sts:*", "arn:aws:iam::*:role/t*"), True),
    (lab.statement("sts:AssumeRole"), True),
    (lab.statement("sts:AssumeRole", lab.role_arn("other")), False),
    (lab.statement("sts:AssumeRole", Condition={"StringEquals": {"iam:ResourceTag/Env": "prod"}}), True),
    (lab.statement("sts:AssumeRole", Condition={"StringEquals": {"iam:ResourceTag/Env": "test"}}), False),
])  # fmt: skip
def test_a_trusted_account_leaves_it_to_identity_policies(statement: dict[str, Any], *, expected: bool) -> None:
    roles = [target(trust=lab.trust(ROOT), tags={"Env": "prod"})]
    assert chain(world(statement, roles=roles)) == (["sts:AssumeRole", lab.READ] if expected else [])


def test_roles_are_followed_over_several_hops_and_accounts() -> None:
    hop = lab.role("hop", lab.document(lab.statement("sts:AssumeRole")), trust=lab.trust({"AWS": AGENT}))
    away = lab.role_arn("far", lab.OTHER_ACCOUNT)
    far = lab.role("far", READS, account=lab.OTHER_ACCOUNT, trust=lab.trust({"AWS": lab.role_arn("hop")}))
    snapshot = world(roles=[hop], secrets=[lab.secret("acme")])
    aws = snapshot.aws
    assert aws is not None
    other = lab.account(id=lab.OTHER_ACCOUNT, roles=[far], secrets=[lab.secret("beta", account=lab.OTHER_ACCOUNT)])
    snapshot = replace(snapshot, aws=replace(aws, world=replace(aws.world, accounts=(*aws.world.accounts, other))))
    assert chain(snapshot) == ["sts:AssumeRole", "sts:AssumeRole", lab.READ]
    one = found(snapshot)
    assert one.witness is not None
    assert [step.fields["principal"] for step in (*one.witness.before, one.witness)] == [
        AGENT, lab.role_arn("hop"), away,
    ]  # fmt: skip
    closed = replace(far, trust=lab.trust({"AWS": AGENT}))
    other = replace(other, roles=(closed,))
    accounts = (*aws.world.accounts, other)
    assert chain(replace(snapshot, aws=replace(aws, world=replace(aws.world, accounts=accounts)))) == []


def test_its_own_role_again_without_its_tags_reads_what_is_untagged() -> None:
    equal = {"StringEqualsIfExists": {"aws:PrincipalTag/TenantId": "beta"}}
    trust = lab.trust({"AWS": AGENT})
    snapshot = world(lab.statement(Condition=equal), agent={"trust": trust}, tags={"TenantId": "acme"})
    assert chain(snapshot) == ["sts:AssumeRole", lab.READ]
    assert chain(world(lab.statement(Condition=equal), tags={"TenantId": "acme"})) == []


WIDENING = [
    ("iam:PutRolePolicy", AGENT, "iam:PutRolePolicy"),
    ("iam:AttachRolePolicy", AGENT, "iam:AttachRolePolicy"),
    ("iam:CreatePolicyVersion", OWN_POLICY, "iam:CreatePolicyVersion"),
    ("iam:*", "*", "iam:PutRolePolicy"),
]


@pytest.mark.parametrize(("action", "resource", "first"), WIDENING)
def test_it_widens_itself(action: str, resource: str, first: str) -> None:
    policies = {OWN_POLICY: lab.document(lab.statement(Condition=lab.EQUAL))}
    parts: dict[str, Any] = {"agent": {"attached": (OWN_POLICY,)}, "policies": policies}
    statement = lab.statement(action, resource)
    actions = chain(world(statement, **parts))
    assert (first in actions[:-1]) or action == "iam:*"
    assert actions[-1] == lab.READ
    deny = lab.statement(
        "secretsmanager:*", "*", "Deny", Condition={"StringNotEquals": {"aws:ResourceTag/TenantId": "acme"}}
    )
    assert chain(world(statement, organization=scp(deny), **parts)) == []
    assert chain(world(lab.statement(action, "arn:aws:iam::111122223333:group/other"), **parts)) == []


def test_attaching_is_bound_to_the_policies_that_may_be_attached() -> None:
    attach = lab.statement("iam:AttachRolePolicy", AGENT, Condition={"ArnEquals": {"iam:PolicyARN": OWN_POLICY}})
    assert chain(world(attach, policies={OWN_POLICY: READS})) == ["iam:AttachRolePolicy", lab.READ]
    assert chain(world(attach, policies={OWN_POLICY: lab.document(lab.statement(Condition=lab.EQUAL))})) == []


def test_a_boundary_holds_unless_it_can_be_taken_off() -> None:
    boundary = "arn:aws:iam::111122223333:policy/limit"
    limit = lab.document(lab.statement("iam:PutRolePolicy"), lab.statement(Condition=lab.EQUAL))
    parts: dict[str, Any] = {"agent": {"boundary": boundary}, "policies": {boundary: limit}}
    put = lab.statement("iam:PutRolePolicy", AGENT)
    assert chain(world(put, **parts)) == []
    gone = lab.statement("iam:DeleteRolePermissionsBoundary", AGENT)
    assert chain(world(put, gone, **parts)) == []
    parts["policies"] = {boundary: lab.document(lab.statement("iam:*Role*"), lab.statement(Condition=lab.EQUAL))}
    assert chains(world(put, gone, **parts)) == {
        ("iam:DeleteRolePermissionsBoundary", "iam:PutRolePolicy"),
        ("iam:PutRolePolicy", "iam:DeleteRolePermissionsBoundary"),
    }


def test_a_deny_holds_unless_it_can_be_removed() -> None:
    deny = lab.document(lab.statement("secretsmanager:*", "*", "Deny"))
    agent = {"inline": (
        lab.PolicyText(name="p1", text=lab.document(lab.statement(), lab.statement("iam:DeleteRolePolicy", AGENT))),
        lab.PolicyText(name="guard", text=deny),
    )}  # fmt: skip
    snapshot = world()
    aws = snapshot.aws
    assert aws is not None

    def with_inline(inline: Any) -> Snapshot:
        account = aws.world.accounts[0]
        roles = tuple(replace(role, inline=inline) for role in account.roles or ())
        return replace(snapshot, aws=replace(aws, world=replace(aws.world, accounts=(replace(account, roles=roles),))))

    assert chain(with_inline(agent["inline"])) == ["iam:DeleteRolePolicy", lab.READ]
    bare = lab.PolicyText(name="p1", text=lab.document(lab.statement()))
    assert chain(with_inline((bare, agent["inline"][1]))) == []


def test_its_own_tags_count_where_its_session_has_none() -> None:
    tag = lab.statement("iam:TagRole", AGENT)
    assert chain(world(lab.statement(Condition=lab.EQUAL), tag)) == ["iam:TagRole", lab.READ]
    assert chain(world(lab.statement(Condition=lab.EQUAL), tag, tags={"TenantId": "acme"})) == []
    own = {"StringEquals": {"aws:RequestTag/TenantId": "acme"}}
    assert chain(world(lab.statement(Condition=lab.EQUAL), tag | {"Condition": own})) == []
    again = {"trust": lab.trust({"AWS": AGENT})}
    snapshot = world(lab.statement(Condition=lab.EQUAL), tag, tags={"TenantId": "acme"}, agent=again)
    assert chains(snapshot) == {("iam:TagRole", "sts:AssumeRole"), ("sts:AssumeRole", "iam:TagRole")}


def test_a_rewritten_trust_policy_opens_a_role() -> None:
    rewrite = lab.statement("iam:UpdateAssumeRolePolicy", TARGET)
    assert chain(world(rewrite, roles=[target()])) == ["iam:UpdateAssumeRolePolicy", "sts:AssumeRole", lab.READ]
    deny = lab.statement("sts:AssumeRole", "*", "Deny")
    assert chain(world(rewrite, deny, roles=[target()])) == []


def test_a_role_is_widened_before_it_is_taken() -> None:
    weak = lab.role("target", trust=lab.trust(ROOT))
    put, assume = lab.statement("iam:PutRolePolicy", TARGET), lab.statement("sts:AssumeRole", TARGET)
    assert chain(world(put, assume, roles=[weak])) == ["iam:PutRolePolicy", "sts:AssumeRole", lab.READ]
    assert chain(world(put, roles=[weak])) == []


def user(name: str = "ops", text: str = READS, **more: Any) -> Any:
    """Return a user with one policy."""
    inline = (lab.PolicyText(name="p1", text=text),)
    return lab.User(arn=f"arn:aws:iam::{lab.ACCOUNT}:user/{name}", inline=inline, **more)


@pytest.mark.parametrize("action", ["iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:UpdateLoginProfile"])
def test_credentials_of_other_users(action: str) -> None:
    statement = lab.statement(action, "arn:aws:iam::111122223333:user/*")
    assert chain(world(statement, users=[user()])) == [action, lab.READ]
    assert chain(world(statement, users=[user(text=lab.document(lab.statement(Condition=lab.EQUAL)))])) == []
    assert chain(world(lab.statement(action, "arn:aws:iam::111122223333:user/me"), users=[user()])) == []


def test_users_widen_themselves_by_groups() -> None:
    readers = lab.Group(
        arn=f"arn:aws:iam::{lab.ACCOUNT}:group/readers", inline=(lab.PolicyText(name="p1", text=READS),)
    )
    own = lab.Group(arn=f"arn:aws:iam::{lab.ACCOUNT}:group/own")

    def acting(*statements: Mapping[str, Any], **more: Any) -> Snapshot:
        acme = user("acme", lab.document(*statements), groups=("own",))
        snapshot = world(users=[acme], groups=[own, readers], **more)
        agent = replace(snapshot.target.tenants[0].agents[0], aws=AwsPrincipal(user=acme.arn))
        tenants = (replace(snapshot.target.tenants[0], agents=(agent,)), snapshot.target.tenants[1])
        return replace(snapshot, target=replace(snapshot.target, tenants=tenants))

    assert chain(acting(lab.statement("iam:AddUserToGroup", readers.arn))) == ["iam:AddUserToGroup", lab.READ]
    assert chain(acting(lab.statement("iam:AddUserToGroup", own.arn))) == []
    assert chain(acting(lab.statement("iam:PutGroupPolicy", own.arn))) == ["iam:PutGroupPolicy", lab.READ]
    assert chain(acting(lab.statement("iam:PutUserPolicy", "arn:aws:iam::111122223333:user/${aws:username}"))) == [
        "iam:PutUserPolicy", lab.READ,
    ]  # fmt: skip


def test_a_role_of_its_own_making_with_a_name_that_the_policies_allow() -> None:
    named = "arn:aws:iam::111122223333:role/made/x-*"
    make = lab.statement(["iam:CreateRole", "iam:PutRolePolicy"], named)
    one = found(world(make))
    assert chain(world(make)) == ["iam:CreateRole", "iam:PutRolePolicy", "sts:AssumeRole", lab.READ]
    assert one.witness is not None
    assert one.witness.fields["principal"].startswith("arn:aws:iam::111122223333:role/made/x-")
    assert chain(world(lab.statement("iam:CreateRole", named))) == []
    limit = "arn:aws:iam::111122223333:policy/limit"
    bound = {"StringEquals": {"iam:PermissionsBoundary": limit}}
    closed = {limit: lab.document(lab.statement(Condition=lab.EQUAL))}
    assert chain(world(make | {"Condition": bound}, policies=closed)) == []
    assert chain(world(make | {"Condition": bound}, policies={limit: ANY}))[-1] == lab.READ


@pytest.mark.parametrize(("service", "actions"), [
    ("lambda.amazonaws.com", ["lambda:CreateFunction", "lambda:InvokeFunction"]),
    ("ecs-tasks.amazonaws.com", ["ecs:RegisterTaskDefinition", "ecs:RunTask"]),
    ("glue.amazonaws.com", ["glue:CreateJob", "glue:StartJobRun"]),
    ("cloudformation.amazonaws.com", ["cloudformation:CreateStack"]),
    ("codebuild.amazonaws.com", ["codebuild:CreateProject", "codebuild:StartBuild"]),
    ("states.amazonaws.com", ["states:CreateStateMachine", "states:StartExecution"]),
    ("tasks.apprunner.amazonaws.com", ["apprunner:CreateService"]),
    ("bedrock-agentcore.amazonaws.com", ["bedrock-agentcore:CreateAgentRuntime",
                                         "bedrock-agentcore:InvokeAgentRuntime"]),
])  # fmt: skip
def test_a_role_passed_to_a_service_runs_what_the_agent_wants(service: str, actions: list[str]) -> None:
    roles = [target(trust=lab.trust({"Service": service}))]
    passing, running = lab.statement("iam:PassRole", TARGET), lab.statement(actions)
    assert chain(world(passing, running, roles=roles)) == ["iam:PassRole", *actions, lab.READ]
    other = {"StringEquals": {"iam:PassedToService": "other.amazonaws.com"}}
    assert chain(world(passing | {"Condition": other}, running, roles=roles)) == []
    assert chain(world(passing, lab.statement(actions[:-1] or "s3:*"), roles=roles)) == []
    assert chain(world(passing, running, roles=[target(trust=lab.trust(ROOT))])) == []


def test_an_instance_needs_an_instance_profile() -> None:
    rights = (lab.statement("iam:PassRole", TARGET), lab.statement("ec2:RunInstances"))
    profile = {"instance_profiles": ("arn:aws:iam::111122223333:instance-profile/target",)}
    with_one = [target(trust=lab.trust(EC2), **profile)]
    assert chain(world(*rights, roles=with_one)) == ["iam:PassRole", "ec2:RunInstances", lab.READ]
    assert chain(world(*rights, roles=[target(trust=lab.trust(EC2))])) == []


def test_the_code_of_a_rotation_function() -> None:
    function = lab.Function(arn=f"arn:aws:lambda:us-east-1:{lab.ACCOUNT}:function:rotate", role=TARGET)
    change = lab.statement("lambda:UpdateFunctionCode", function.arn)
    snapshot = world(change, roles=[target(trust=lab.trust(LAMBDA))], functions=[function])
    assert chain(snapshot) == ["lambda:UpdateFunctionCode", lab.READ]
    assert "the function runs by itself when a secret is rotated" in found(snapshot).assuming
    other = lab.statement("lambda:UpdateFunctionCode", function.arn + "-2")
    assert chain(world(other, roles=[target(trust=lab.trust(LAMBDA))], functions=[function])) == []
    assert found(world(change, functions=None)).verdict is Verdict.UNKNOWN


def test_control_of_a_policy_or_a_key_is_followed_to_reading() -> None:
    put = lab.statement("secretsmanager:PutResourcePolicy")
    assert chain(world(put)) == ["secretsmanager:PutResourcePolicy", lab.READ]
    key = lab.key("k1")
    secrets = [lab.secret("acme"), lab.secret("beta", key=key.arn)]
    assert chain(world(put, secrets=secrets, keys=[key])) == ["secretsmanager:PutResourcePolicy"]
    decrypt = lab.statement("kms:Decrypt")
    assert chain(world(put, decrypt, secrets=secrets, keys=[key])) == ["secretsmanager:PutResourcePolicy", lab.READ]
    owned = replace(key, tags={"TenantId": "beta"})
    rights = (lab.statement(), lab.statement("kms:CreateGrant"))
    assert chain(world(*rights, secrets=secrets, keys=[owned])) == ["kms:CreateGrant", lab.READ]
    service = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    assert chain(world(rights[0], rights[1] | {"Condition": service}, secrets=secrets, keys=[owned])) == []
    policy = lab.statement("kms:PutKeyPolicy")
    assert chain(world(rights[0], policy, secrets=secrets, keys=[owned])) == ["kms:PutKeyPolicy", lab.READ]


def test_what_was_not_seen_leaves_a_chain_unknown() -> None:
    assume = lab.statement("sts:AssumeRole", TARGET)
    assert found(world(assume, roles=[target(trust=None)])).verdict is Verdict.UNKNOWN
    hidden = replace(target(trust=lab.trust(ROOT)), inline=None)
    assert found(world(assume, roles=[hidden])).verdict is Verdict.UNKNOWN
    away = lab.statement("sts:AssumeRole", lab.role_arn("far", lab.OTHER_ACCOUNT))
    assert found(world(away)).verdict is Verdict.UNKNOWN
    statement = lab.statement("iam:CreateAccessKey")
    assert found(world(statement, users=None)).verdict is Verdict.UNKNOWN
    snapshot = world(assume, roles=[target(trust=lab.trust(ROOT))])
    aws = snapshot.aws
    assert aws is not None
    blind = replace(snapshot, aws=replace(aws, world=replace(aws.world, organization=None)))
    assert found(blind).verdict is Verdict.UNKNOWN


def test_hostile_names_stay_quoted() -> None:
    name = "x'; rm -rf ~ #"
    secrets = [lab.secret("acme"), lab.secret("beta", name=name)]
    one = found(world(lab.statement("secretsmanager:PutResourcePolicy"), secrets=secrets))
    assert "'\"'\"'" in (one.reproduce or "")
    assert json.dumps(one.witness.fields if one.witness else {})
