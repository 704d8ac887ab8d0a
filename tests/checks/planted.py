"""Pieces of the planted mistakes in `rows`: accounts with one word wrong, and their repaired twins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from cred_audit.decide.aws.world import Region, Replica, Secret
from cred_audit.facts import Snapshot
from cred_audit.target.model import Agent, AwsPrincipal, AwsTerritory
from tests import aws_lab as lab
from tests.aws_lab import document, statement

THING, OWN = "aws:ResourceTag/TenantId", "${aws:PrincipalTag/TenantId}"
PAIR, ASKED = {THING: OWN}, {"aws:RequestTag/TenantId": OWN}
SECRETS = "arn:aws:secretsmanager:*:*:secret:"
FOLDER = statement(resource=f"{SECRETS}acme/*")
READS, HARMLESS = statement(Condition=lab.EQUAL), statement("logs:PutLogEvents")
GUARD = statement("secretsmanager:*", effect="Deny", Condition={"StringNotEquals": PAIR})
ROOT = {"AWS": f"arn:aws:iam::{lab.ACCOUNT}:root"}
ADMINISTRATOR = document(statement("*"))
FULL = lab.PolicyText(name="p-FullAWSAccess", text=ADMINISTRATOR)
HOMES = {"acme": "222233334444", "beta": "333344445555"}
IDS = {"acme": "8f4e1c2a-93d7-4b1e-a0c5-6d2f7e8b9a10", "beta": "c1b7d9e3-5a48-4f60-9d2c-0e7a6b8f1d35"}
NAMES = tuple(HOMES)
ELSEWHERE = "eu-west-1"
OLD = lab.NOW - timedelta(days=120)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One planted mistake."""

    check: str
    """The check that fails on it."""
    broken: Snapshot
    mended: Snapshot
    """The same without the mistake."""


def shared(*statements: Any, **more: Any) -> Snapshot:
    """Return one role for two tenants, told apart by the tag of the session."""
    return lab.shared_role(document(*statements), names=NAMES, **more)


def each(*statements: Any, beta: Any = HARMLESS, **more: Any) -> Snapshot:
    """Return a role for each of two tenants; acme's may do what the statements say."""
    return lab.role_each({"acme": document(*statements), "beta": document(beta)}, **more)


def allows(operator: str, pairs: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a statement that lets secrets be read under one condition."""
    return statement(Condition={operator: pairs or PAIR})


def of_tags(*broken: Any, mended: Any = READS, check: str = "aws_abac_tag_conditions_hold", **more: Any) -> Case:
    """Return a mistake in the role that all tenants share."""
    return Case(check=check, broken=shared(*broken, **more), mended=shared(mended, **more))


def of_text(statement: Any, mended: Any, check: str) -> Case:
    """Return a mistake in acme's own role."""
    return Case(check=check, broken=each(statement), mended=each(mended))


def of_right(check: str, *rights: Any, mended: Any = HARMLESS, **more: Any) -> Case:
    """Return a right too many beside the right to read one's own, in the role that all share."""
    return Case(check=check, broken=shared(READS, *rights, **more), mended=shared(READS, mended, **more))


def pair(check: str, plant: Callable[..., Snapshot], broken: Any, mended: Any) -> Case:
    """Return two snapshots that differ in one argument."""
    return Case(check=check, broken=plant(broken), mended=plant(mended))


def of_version(check: str, *others: str) -> Case:
    """Return the policy that reads by tags with its version in the repaired twin only, beside others."""
    old, new = (document(READS, version=version) for version in ("2008-10-17", "2012-10-17"))
    return pair(check, lambda text: lab.shared_role(text, *others, names=NAMES), old, new)


def of_names(check: str) -> Case:
    """Return a pattern without its separator, beside a tenant whose name begins like it."""
    broken, mended = (
        lab.role_each({"acme": document(statement(resource=SECRETS + name)), "acme-corp": document(HARMLESS)})
        for name in ("acme*", "acme/*")
    )
    return Case(check=check, broken=broken, mended=mended)


def untold(condition: Any) -> Snapshot:
    """Return a shared role of two tenants' agents without any tag; the secrets have theirs."""
    tenants = [lab.tenant(name, lab.agent(f"{name}-agent", "agent")) for name in NAMES]
    account = lab.account(
        roles=[lab.role("agent", document(statement(Condition=condition)))], secrets=[lab.secret(one) for one in NAMES]
    )
    return lab.snapshot([account], tenants)


def attached(text: str, arn: str = "arn:aws:iam::aws:policy/SecretsManagerReadWrite") -> Snapshot:
    """Return a shared role with a managed policy beside its own."""
    whole = shared(READS, policies={arn: text})
    assert whole.aws is not None
    (account,) = whole.aws.world.accounts
    roles = tuple(replace(role, attached=(arn,)) for role in account.roles or ())
    return lab.snapshot([replace(account, roles=roles)], whole.target.tenants)


def grouped(text: str) -> Snapshot:
    """Return a user for each tenant, in one group with this policy."""
    own = lab.PolicyText(name="own", text=document(READS))
    users = [
        lab.User(
            arn=f"arn:aws:iam::{lab.ACCOUNT}:user/{name}", tags={"TenantId": name}, inline=(own,), groups=("agents",)
        )
        for name in NAMES
    ]
    group = lab.Group(arn=f"arn:aws:iam::{lab.ACCOUNT}:group/agents", inline=(lab.PolicyText(name="team", text=text),))
    tenants = [
        lab.tenant(name, Agent(id=f"{name}-agent", aws=AwsPrincipal(user=user.arn)))
        for name, user in zip(NAMES, users, strict=True)
    ]
    secrets = [lab.secret(name) for name in NAMES]
    return lab.snapshot([lab.account(users=users, groups=[group], secrets=secrets)], tenants)


def with_policy(principal: Any, **more: Any) -> Snapshot:
    """Return acme's secret with a policy of its own, and agents that read by their tags."""
    policy = document(statement(lab.READ, "*", Principal=principal, **more))
    return each(READS, beta=READS, secrets=[lab.secret("acme", policy=policy), lab.secret("beta")])


def shared_in_policy() -> Case:
    """Return a secret's policy that names the role of all tenants, without and with the tag of one."""
    own = {"Condition": {"StringEquals": {"aws:PrincipalTag/TenantId": "acme"}}}

    def of(more: Mapping[str, Any]) -> Snapshot:
        policy = document(statement(lab.READ, "*", Principal={"AWS": lab.role_arn("agent")}, **more))
        return shared(READS, secrets=[lab.secret("acme", policy=policy), lab.secret("beta")])

    return pair("aws_resource_policies_name_one_tenant", of, {}, own)


def bounded(principal: Any) -> Snapshot:
    """Return agents with a boundary that allows no secret, and acme's secret with a policy of its own."""
    boundary = f"arn:aws:iam::{lab.ACCOUNT}:policy/boundary"
    policy = document(statement(lab.READ, "*", Principal=principal))
    account = lab.account(
        roles=[lab.role(f"agent-{name}", document(HARMLESS), boundary=boundary) for name in NAMES],
        secrets=[lab.secret("acme", policy=policy), lab.secret("beta")], policies={boundary: document(HARMLESS)},
    )  # fmt: skip
    return lab.snapshot([account], [lab.tenant(name, lab.agent(f"{name}-agent", f"agent-{name}")) for name in NAMES])


def organized(policies: Sequence[str]) -> Snapshot:
    """Return a role that reads everything in an account under these service control policies."""
    whole = shared(statement())
    assert whole.aws is not None
    texts = tuple(lab.PolicyText(name=f"p-{number}", text=text) for number, text in enumerate(policies))
    organization = lab.Organization(management="999988887777", scps={lab.ACCOUNT: ((FULL, *texts), (FULL,))})
    return lab.snapshot(whole.aws.world.accounts, whole.target.tenants, organization=organization)


def guarded(policies: Sequence[str]) -> Snapshot:
    """Return a tenant's account below an organizational unit with these service control policies."""
    texts = tuple(lab.PolicyText(name=f"p-{number}", text=text) for number, text in enumerate(policies))
    organization = lab.Organization(management="999988887777", scps={lab.ACCOUNT: ((FULL,), (FULL, *texts), (FULL,))})
    tenant = lab.tenant("acme", territory=[AwsTerritory(account=lab.ACCOUNT)])
    return lab.snapshot([lab.account()], [tenant], organization=organization)


def replicated(tags: Mapping[str, str]) -> Snapshot:
    """Return acme's secret with a copy in another region that has these tags."""
    account = lab.account(secrets=[lab.secret("acme", replicas=(Replica(region=ELSEWHERE),))])
    copy = lab.secret("acme", region=ELSEWHERE, primary_region=lab.REGION, tags=tags)
    there = Region(name=ELSEWHERE, secrets=(copy,), parameters=(), keys=(), functions=(), trails=())
    both = replace(account, regions=(*account.regions, there))
    return lab.snapshot([both], [lab.tenant(name) for name in NAMES])


def labelled(*more: Secret) -> Snapshot:
    """Return the usual secrets and these."""
    return shared(READS, secrets=[*(lab.secret(name) for name in NAMES), *more])


def keyed(*rights: Any, own: bool = False, grants: Any = ()) -> Snapshot:
    """Return secrets under a customer key; `own`: one for each tenant."""
    keys = [lab.key("k1", grants=grants), lab.key("k2")]
    of = keys if own else [keys[0], keys[0]]
    secrets = [lab.secret(name, key=key.arn) for name, key in zip(NAMES, of, strict=True)]
    return shared(READS, *rights, keys=keys, secrets=secrets)


def of_key(*rights: Any, mended: Any = HARMLESS, check: str = "aws_key_use_is_bound") -> Case:
    """Return a right to the key that tenants share."""
    return Case(check=check, broken=keyed(*rights), mended=keyed(mended))


def taking(*rights: Any, mended: Any = HARMLESS, check: str = "aws_no_takeover_path", **more: Any) -> Case:
    """Return rights of acme's with which it gets at beta, whose role reads beta's folder."""
    beta = statement(resource=f"{SECRETS}beta/*")
    return Case(check=check, broken=each(*rights, beta=beta, **more), mended=each(mended, beta=beta, **more))


OPERATOR = f"arn:aws:iam::{lab.ACCOUNT}:user/operator"
GROUP = f"arn:aws:iam::{lab.ACCOUNT}:group/readers"
POLICY = f"arn:aws:iam::{lab.ACCOUNT}:policy/agents"
ITSELF = f"arn:aws:iam::{lab.ACCOUNT}:user/acme"


def of_operator(action: str) -> Case:
    """Return a right of acme's at a user that reads beta's secrets."""
    own = lab.PolicyText(name="own", text=document(statement(resource=f"{SECRETS}beta/*")))
    return taking(statement(action, OPERATOR), users=[lab.User(arn=OPERATOR, inline=(own,), access_keys=())])


def of_versions(action: str) -> Case:
    """Return a right of acme's at the managed policy that is attached to all agents."""

    def of(right: Any) -> Snapshot:
        whole = each(right, beta=READS, policies={POLICY: document(HARMLESS)})
        assert whole.aws is not None
        (account,) = whole.aws.world.accounts
        roles = tuple(replace(role, attached=(POLICY,)) for role in account.roles or ())
        return lab.snapshot([replace(account, roles=roles)], whole.target.tenants)

    return pair("aws_no_takeover_path", of, statement(action, POLICY), HARMLESS)


def of_itself(action: str, resource: str = ITSELF) -> Case:
    """Return a right of acme's user, which may do nothing else, at itself or at a group that reads everything."""
    readers = lab.Group(arn=GROUP, inline=(lab.PolicyText(name="all", text=document(statement())),))

    def of(right: Any) -> Snapshot:
        text = lab.PolicyText(name="own", text=document(right))
        user = lab.User(arn=ITSELF, inline=(text,), access_keys=())
        agent = Agent(id="acme-agent", aws=AwsPrincipal(user=user.arn))
        secrets = [lab.secret(name) for name in NAMES]
        account = lab.account(users=[user], groups=[readers], secrets=secrets)
        return lab.snapshot([account], [lab.tenant("acme", agent), lab.tenant("beta")])

    return pair("aws_no_takeover_path", of, statement(action, resource), HARMLESS)


def session_tags(condition: Mapping[str, Any]) -> Snapshot:
    """Return the shared role, which a broker may assume with tags under this condition."""
    trust = lab.trust({"AWS": lab.role_arn("broker")}, ["sts:AssumeRole", "sts:TagSession"], **condition)
    whole = shared(READS, roles=[lab.role("broker", tags={"TenantId": "acme"})])
    assert whole.aws is not None
    (account,) = whole.aws.world.accounts
    roles = tuple(replace(one, trust=trust) if one.arn.endswith("/agent") else one for one in account.roles or ())
    return lab.snapshot([replace(account, roles=roles)], whole.target.tenants)


def tagged_sessions(check: str = "aws_no_takeover_path") -> Case:
    """Return a role that reads by its session's tag and lets the agents' role in with any tag, or with the same."""
    both = ["sts:AssumeRole", "sts:TagSession"]

    def of(condition: Mapping[str, Any]) -> Snapshot:
        reader = lab.role("reader", document(READS), trust=lab.trust(ROOT, both, **condition))
        return shared(statement(both, reader.arn), roles=[reader])

    return pair(check, of, {}, {"Condition": {"StringEquals": ASKED}})


def sealed(*rights: Any) -> Snapshot:
    """Return agents that may read every secret, each under its tenant's key, which they may not use."""
    keys = [lab.key(f"of-{name}", tags={"TenantId": name}) for name in NAMES]
    secrets = [lab.secret(name, key=key.arn) for name, key in zip(NAMES, keys, strict=True)]
    return shared(statement(), *rights, keys=keys, secrets=secrets)


def logged(trail: lab.Trail | None, right: Any = HARMLESS) -> Snapshot:
    """Return two tenants' secrets with a trail, or none, and what acme's agent may do."""
    return each(right, trails=[] if trail is None else [trail])


def function_arn(name: str) -> str:
    """Return the ARN of a function that rotates secrets."""
    return f"arn:aws:lambda:{lab.REGION}:{lab.ACCOUNT}:function:rotate-{name}"


def rotating(acme: Any = HARMLESS, *, one: bool = False) -> Snapshot:
    """Return functions that rotate; `one`: the same with the same role for both tenants."""
    secrets = [lab.secret(name, rotated_by=function_arn("all" if one else name)) for name in NAMES]
    functions = [lab.Function(arn=function_arn(name), role=lab.role_arn(f"rotate-{name}")) for name in ("all", *NAMES)]
    roles = [lab.role("rotate-all", document(statement()))] if one else []
    roles += [lab.role(f"rotate-{name}", document(allows("StringEquals", {THING: name}))) for name in NAMES]
    return each(acme, secrets=secrets, functions=functions, roles=roles)


def customers(trust: Mapping[str, Any], *, principal: Any = None, may: Any = None) -> Snapshot:
    """Return two customers' accounts whose roles have these conditions, and the platform's agents that assume them."""
    own = {name: f"arn:aws:iam::{HOMES[name]}:role/byoc" for name in NAMES}
    platform = lab.account(
        roles=[lab.role(f"agent-{name}", document(statement("sts:AssumeRole", may or own[name]))) for name in NAMES]
    )
    accounts = [
        lab.account(id=HOMES[name], roles=[lab.role("byoc", account=HOMES[name], trust=lab.trust(
            principal or {"AWS": lab.role_arn(f"agent-{name}")}, **({"Condition": trust[name]} if trust[name] else {})
        ))])
        for name in NAMES
    ]  # fmt: skip
    tenants = [
        lab.tenant(name, lab.agent(f"{name}-agent", f"agent-{name}"), territory=[AwsTerritory(account=HOMES[name])])
        for name in NAMES
    ]
    return lab.snapshot([platform, *accounts], tenants)


def asking(operator: str = "StringEquals", **ids: str) -> dict[str, Any]:
    """Return the conditions of both customers' roles; `ids` in place of random ones."""
    return {
        name: {operator if name in ids else "StringEquals": {"sts:ExternalId": (IDS | ids)[name]}} for name in NAMES
    }


def of_id(broken: Mapping[str, Any], **more: Any) -> Case:
    """Return a trust in another account that asks for too little."""
    return Case(check="aws_trust_needs_external_id", broken=customers(broken, **more), mended=customers(asking()))


def identified(condition: Any, provider: Any = None) -> Snapshot:
    """Return a tenant's role that an identity provider, or EKS Pod Identity, opens under this condition."""
    given = {"Federated": f"arn:aws:iam::{lab.ACCOUNT}:oidc-provider/{HOST}"}
    action = ["sts:AssumeRole", "sts:TagSession"] if provider else "sts:AssumeRoleWithWebIdentity"
    trust = lab.trust(provider or given, action, **({"Condition": condition} if condition else {}))
    role = lab.role("agent-acme", trust=trust)
    return lab.snapshot([lab.account(roles=[role])], [lab.tenant("acme", lab.agent("a", "agent-acme"))])


HOST = f"oidc.eks.{lab.REGION}.amazonaws.com/id/0123ABCD"
SUBJECT, AUDIENCE = {f"{HOST}:sub": "system:serviceaccount:acme:agent"}, {f"{HOST}:aud": "sts.amazonaws.com"}
BOTH_CLAIMS = {"StringEquals": SUBJECT | AUDIENCE}
PODS = {"Service": "pods.eks.amazonaws.com"}


def hopping(role: str, text: str) -> Snapshot:
    """Return a role with this policy that both tenants' agents may assume."""
    right = statement("sts:AssumeRole", lab.role_arn(role))
    return each(right, beta=right, roles=[lab.role(role, text, trust=lab.trust(ROOT))])


def administered(right: Any) -> Snapshot:
    """Return an account with the role that the organization's owner administers it with."""
    access = lab.role("OrganizationAccountAccessRole", ADMINISTRATOR, trust=lab.trust(ROOT))
    return each(right, roles=[access])


def acting(max_session: int = 3600, keys: Any = None) -> Snapshot:
    """Return an agent with a role, or with a user where `keys` says when its access keys were made."""
    user = lab.User(arn=f"arn:aws:iam::{lab.ACCOUNT}:user/acme", access_keys=keys)
    role = lab.role("agent-acme", max_session=max_session)
    agent = lab.agent("a", "agent-acme") if keys is None else Agent(id="a", aws=AwsPrincipal(user=user.arn))
    return lab.snapshot([lab.account(roles=[role], users=[user])], [lab.tenant("acme", agent)])


def homes(*, one: bool = False, trusted: str = "", **more: Any) -> Snapshot:
    """Return an account for each tenant; `one`: the same for both; `trusted`: whose account acme's role lets in."""
    of = dict.fromkeys(NAMES, HOMES["acme"]) if one else HOMES
    accounts: dict[str, Any] = {}
    for name, account in of.items():
        roles = [lab.role("agent", document(statement()), account=account)]
        if name == "acme" and trusted:
            roles.append(lab.role("x", account=account, trust=lab.trust({"AWS": f"arn:aws:iam::{trusted}:root"})))
        accounts.setdefault(account, lab.account(id=account, roles=roles, secrets=[lab.secret(name, account=account)]))
    tenants = [
        lab.tenant(
            name, lab.agent(f"{name}-agent", "agent", account=account), territory=[AwsTerritory(account=account)]
        )
        for name, account in of.items()
    ]
    return lab.snapshot(accounts.values(), tenants, **more)


TRAIL = lab.Trail(
    arn=f"arn:aws:cloudtrail:{lab.REGION}:{lab.ACCOUNT}:trail/all", logging=True, every_region=True, reads=True,
    bucket="logs",
)  # fmt: skip


def aged(**facts: Any) -> Snapshot:
    """Return two tenants' secrets, of which acme's has these dates."""
    fresh: dict[str, Any] = {"rotation": True, "rotates_every": 30, "last_rotated": lab.NOW, "last_changed": lab.NOW}
    secrets = [lab.secret("acme", **(fresh | facts)), lab.secret("beta", **fresh)]
    return lab.snapshot([lab.account(secrets=secrets)], [lab.tenant(name) for name in NAMES])
