"""Generated AWS accounts, near the claims of the catalogue: what holds, and what breaks in each known way."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from cred_audit.decide.aws.world import Account, Function, Group, PolicyText, Replica, Role, Secret, Trail, User
from cred_audit.facts import Snapshot
from cred_audit.target.model import Agent, AwsPrincipal, AwsTerritory, Tenant
from tests import aws_lab as lab
from tests.aws_lab import ACCOUNT, EQUAL, OTHER_ACCOUNT, REGION, document, role_arn, statement, trust
from tests.checks.worlds import FIRST, NOW, SECOND

_NAMES = ("red", "blue")
"""What the tags and names of the tenants' things say; the target's ids of tenants are other words."""
_OTHER_REGION = "eu-west-1"
_TAG, _OF_PRINCIPAL = "aws:ResourceTag/TenantId", "${aws:PrincipalTag/TenantId}"
_SECRETS = f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:"
_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/shared"
_ROTATOR = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:rotator"
_OWN_POLICY, _BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/own", f"arn:aws:iam::{ACCOUNT}:policy/boundary"
_AWS_POLICY = "arn:aws:iam::aws:policy/SecretsManagerReadWrite"
_BOTH = ["sts:AssumeRole", "sts:TagSession"]
_ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
_ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123ABCD"
_AUDIENCE = {f"{_ISSUER}:aud": "sts.amazonaws.com"}
_ENCRYPTED = "kms:EncryptionContext:SecretARN"


def _when(operator: str, value: Any = _OF_PRINCIPAL, key: str = _TAG, **more: Any) -> dict[str, Any]:
    more.setdefault("action", lab.READ)
    return statement(**more, Condition={operator: {key: value}})


IDENTITY = tuple(
    document(*statements, version=version)
    for statements, version in (
        *(((one,), "2012-10-17") for one in (
            _when("StringEquals"),
            _when("StringEquals", action="secretsmanager:*"),
            _when("StringEqualsIfExists"),
            _when("ForAllValues:StringEquals"),
            _when("StringLike", "*"),
            _when("StringLike", f"{_OF_PRINCIPAL}*"),
            _when("StringEquals", ["red", "blue"]),
            _when("StringEquals", "red"),
            _when("StringNotEquals", "blue"),
            _when("StringEqualsIgnoreCase"),
            _when("Null", "true"),
            _when("StringEquals", key="aws:ResourceTag/tenant_id"),
            _when("StringEquals", key="secretsmanager:ResourceTag/TenantId"),
            _when("StringEquals", "red", key="aws:PrincipalTag/TenantId"),
            _when("StringEquals", key="aws:RequestTag/TenantId"),
            _when("StringEquals", "vpce-1", key="aws:SourceVpce"),
            _when("Bool", "true", key="aws:MultiFactorAuthPresent", action="*"),
            statement(),
            statement("secretsmanager:*"),
            statement("*"),
            statement(["secretsmanager:List*", "ssm:DescribeParameters", "tag:GetResources"]),
            {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
            {"Effect": "Allow", "Action": lab.READ, "NotResource": f"{_SECRETS}blue/*"},
            statement(resource=f"{_SECRETS}red*"),
            statement(resource=f"{_SECRETS}red/*"),
            statement(resource=[f"{_SECRETS}{_OF_PRINCIPAL}/*", f"{_SECRETS}${{aws:username, 'blue'}}/*"]),
            statement("ssm:GetParameter*", f"arn:aws:ssm:*:{ACCOUNT}:parameter/red/*"),
            statement("ssm:GetParametersByPath", f"arn:aws:ssm:*:{ACCOUNT}:parameter/*"),
            statement(["kms:Decrypt", "kms:GenerateDataKey"], _KEY,
                      Condition={"StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"}}),
            statement(["kms:Decrypt", "kms:CreateGrant", "kms:PutKeyPolicy"]),
            statement(["secretsmanager:TagResource", "secretsmanager:UntagResource"]),
            _when("StringEquals", action="secretsmanager:TagResource"),
            statement(["secretsmanager:PutResourcePolicy", "secretsmanager:UpdateSecret"], f"{_SECRETS}*"),
            statement(["iam:TagRole", "iam:UntagRole"], role_arn("agent")),
            statement(["iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"], f"arn:aws:iam::{ACCOUNT}:role/*"),
            statement(["iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"]),
            statement(["lambda:UpdateFunctionCode", "lambda:InvokeFunction"], _ROTATOR),
            statement(["iam:CreateAccessKey", "iam:AddUserToGroup"]),
            statement(_BOTH),
            statement(_BOTH, role_arn("broker")),
            statement("sts:AssumeRole", f"arn:aws:iam::{OTHER_ACCOUNT}:role/*"),
            statement(["s3:GetObject", "cloudtrail:StopLogging"]),
            statement("logs:*"),
        )),
        ((_when("StringEquals"), statement("secretsmanager:DescribeSecret")), "2012-10-17"),
        ((statement(), _when("StringNotEquals", effect="Deny")), "2012-10-17"),
        ((statement(), statement(resource=f"{_SECRETS}{_OF_PRINCIPAL}/*", effect="Deny")), "2012-10-17"),
        ((statement(), statement("secretsmanager:*", f"{_SECRETS}blue/*", "Deny")), "2012-10-17"),
        ((_when("StringEquals"),), "2008-10-17"),
        ((_when("StringNotEquals"),), "2008-10-17"),
    )
)  # fmt: skip
"""Policies of roles, users and groups."""
_FOR_ROLES = {"StringEquals": {"sts:ExternalId": "ext-4f1c9a20b7"}}
TRUSTS = (
    trust({"Service": "lambda.amazonaws.com"}),
    trust({"Service": "events.amazonaws.com"}),
    trust({"Service": "events.amazonaws.com"}, Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}}),
    trust(_ROOT, _BOTH),
    trust(_ROOT, _BOTH, Condition={"StringEquals": {"aws:RequestTag/TenantId": _OF_PRINCIPAL}}),
    trust({"AWS": role_arn("broker")}, _BOTH),
    trust({"AWS": role_arn("broker")}, "sts:AssumeRole"),
    trust({"AWS": [role_arn("agent-red"), role_arn("agent-blue")]}),
    trust({"AWS": OTHER_ACCOUNT}),
    trust({"AWS": OTHER_ACCOUNT}, Condition=_FOR_ROLES),
    trust({"AWS": "999988887777"}, Condition=_FOR_ROLES),
    trust({"AWS": "999988887777"}, Condition={"StringLike": {"sts:ExternalId": "*"}}),
    trust("*"),
    *(
        trust({"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{_ISSUER}"}, "sts:AssumeRoleWithWebIdentity",
              **({"Condition": conditions} if conditions else {}))
        for conditions in (
            {},
            {"StringEquals": _AUDIENCE},
            {"StringEquals": {f"{_ISSUER}:sub": "system:serviceaccount:red:agent", **_AUDIENCE}},
            {"StringLike": {f"{_ISSUER}:sub": "system:serviceaccount:*"}, "StringEquals": _AUDIENCE},
        )
    ),
)  # fmt: skip
ON_SECRETS = (
    None, None,
    document(statement("secretsmanager:*", "*", Principal=_ROOT)),
    document(statement(Principal="*")),
    document(statement(Principal={"AWS": role_arn("agent-red")})),
    document(statement(Principal={"AWS": role_arn("agent")}, Condition=EQUAL)),
    document(statement(Principal={"AWS": OTHER_ACCOUNT})),
    document(statement("secretsmanager:*", "*", "Deny", Principal="*",
                       Condition={"StringNotEquals": {"aws:PrincipalTag/TenantId": "${aws:ResourceTag/TenantId}"}})),
    document(statement("secretsmanager:*", "*", "Deny", NotPrincipal={"AWS": [role_arn("agent-blue"), ACCOUNT]})),
)  # fmt: skip
_DELEGATES = statement("kms:*", "*", Principal=_ROOT)
ON_KEYS = (
    document(_DELEGATES),
    document(statement("kms:*", "*", Principal={"AWS": role_arn("agent-red")})),
    document(_DELEGATES, statement("kms:Decrypt", "*", Principal="*",
                                   Condition={"StringEquals": {"kms:CallerAccount": ACCOUNT}})),
    document(_DELEGATES, statement("kms:Decrypt", "*", "Deny", Principal="*",
                                   Condition={"StringNotLike": {_ENCRYPTED: f"{_SECRETS}red/*"}})),
)  # fmt: skip
_EVERYTHING = PolicyText(name="p-FullAWSAccess", text=document(statement("*")))
_GUARDS = (
    PolicyText(name="p-guard", text=document(statement("iam:*", "*", "Deny"))),
    PolicyText(name="p-abac", text=document(_when("StringNotEquals", effect="Deny", action="secretsmanager:*"))),
    PolicyText(name="p-list", text=document(statement(["secretsmanager:*", "kms:*"]))),
)
_RCPS = (
    PolicyText(name="p-RCPFullAWSAccess", text=document(statement("*", Principal="*"))),
    PolicyText(name="p-outside", text=document(statement(
        "secretsmanager:*", "*", "Deny", Principal="*",
        Condition={"StringNotEqualsIfExists": {"aws:PrincipalAccount": ACCOUNT}}))),
)  # fmt: skip

_some = st.lists(st.sampled_from(IDENTITY), min_size=1, max_size=2, unique=True)
_owners = st.sampled_from(({"TenantId": "red"}, {"TenantId": "blue"}, {}))
_recent, _old = datetime(2026, 10, 30, tzinfo=NOW.tzinfo), datetime(2024, 1, 1, tzinfo=NOW.tzinfo)
_times = st.sampled_from((_recent, _recent, _recent, _old, None))
_mostly = st.sampled_from((True, True, False))
_seconds = st.sampled_from((3600, 43200))


def _texts(documents: list[str]) -> tuple[PolicyText, ...]:
    return tuple(PolicyText(name=f"p{number}", text=text) for number, text in enumerate(documents, 1))


@st.composite
def _role(draw: st.DrawFn, name: str, account: str = ACCOUNT) -> Role:
    return Role(
        arn=role_arn(name, account),
        tags=draw(st.sampled_from(({"TenantId": name.rpartition("-")[2]}, {}, {"tenantid": "blue"}))),
        trust=draw(st.sampled_from(TRUSTS)),
        inline=_texts(draw(_some)),
        attached=draw(st.sampled_from(((), (), (_OWN_POLICY,), (_AWS_POLICY,)))),
        boundary=draw(st.sampled_from(("", "", _BOUNDARY))),
        max_session=draw(_seconds),
    )


@st.composite
def _user(draw: st.DrawFn, name: str) -> User:
    return User(
        arn=f"arn:aws:iam::{ACCOUNT}:user/{name}",
        tags={"TenantId": name},
        inline=_texts(draw(_some)),
        groups=draw(st.sampled_from(((), ("crew",)))),
        access_keys=draw(st.sampled_from(((), (_old,)))),
    )


_keys = st.sampled_from((
    None, None, _KEY, _KEY, _KEY, "alias/own", "alias/own", f"arn:aws:kms:{REGION}:999988887777:key/far",
))  # fmt: skip


@st.composite
def _secret(draw: st.DrawFn, name: str, region: str = REGION) -> Secret:
    rotated = draw(st.booleans())
    tags = [{"TenantId": name}] * 9
    return lab.secret(
        name,
        region=region,
        tags=draw(st.sampled_from((*tags, {}, {"TenantId": "blue"}, {"TenantId": name, "tenantid": "blue"}))),
        key=draw(_keys),
        policy=draw(st.sampled_from(ON_SECRETS)),
        rotation=rotated,
        rotated_by=draw(st.sampled_from((_ROTATOR, None))) if rotated else None,
        rotates_every=draw(st.sampled_from((None, 30))) if rotated else None,
        last_rotated=draw(_times) if rotated else None,
        last_changed=draw(_times),
        owning_service=draw(st.sampled_from(("", "", "", "rds"))),
    )


@st.composite
def _account(draw: st.DrawFn) -> Account:
    secrets = [draw(_secret(name)) for name in _NAMES]
    secrets += [draw(_secret(name)) for name in draw(st.sampled_from(((), ("shared",), ("reds",))))]
    regions = []
    if draw(st.booleans()):
        # A copy of the first, as it was made or with tags and a policy of its own.
        copy = draw(_secret("red", _OTHER_REGION))
        first = secrets[0] = replace(secrets[0], replicas=(Replica(region=_OTHER_REGION, key=copy.key),))
        same: dict[str, Any] = {"tags": first.tags, "policy": first.policy} if draw(st.booleans()) else {}
        copy = replace(
            copy, primary_region=REGION, rotation=False, rotated_by=None, rotates_every=None, last_rotated=None, **same
        )
        regions = list(lab.account(region=_OTHER_REGION, secrets=[copy]).regions)
    grant = lab.KmsGrant(
        grantee=role_arn(draw(st.sampled_from(("agent", "agent-red")))), operations=frozenset({"Decrypt"}),
        context_subset=draw(st.sampled_from((None, {"SecretARN": secrets[0].arn}))),
    )  # fmt: skip
    keys = [
        lab.key("shared", policy=draw(st.sampled_from(ON_KEYS)), grants=draw(st.sampled_from(((), (grant,)))),
                tags=draw(_owners), aliases=draw(st.sampled_from(((), ("alias/red",))))),
        lab.key("own", aliases=("alias/own",), tags={"TenantId": "red"}),
    ]  # fmt: skip
    trail = Trail(
        arn=f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/t", logging=draw(_mostly), every_region=draw(_mostly),
        reads=draw(_mostly), bucket="logs", key=draw(st.sampled_from((None, _KEY))),
    )  # fmt: skip
    functions = [Function(arn=_ROTATOR, role=role_arn("rotator"))]
    parameters = [
        lab.parameter(name, type=draw(st.sampled_from(("String", "SecureString"))), tags=draw(_owners),
                      key=draw(_keys), last_changed=draw(_times))
        for name in draw(st.sampled_from(((), _NAMES)))
    ]  # fmt: skip
    roles = ("agent", "agent-red", "agent-blue", *draw(st.sampled_from(((), ("broker",), ("rotator", "broker")))))
    group = Group(arn=f"arn:aws:iam::{ACCOUNT}:group/crew", inline=_texts(draw(_some)))
    policies = {
        _OWN_POLICY: draw(st.sampled_from(IDENTITY)),
        _BOUNDARY: draw(st.sampled_from(IDENTITY)),
        _AWS_POLICY: document(statement("secretsmanager:*")),
    }
    made = lab.account(
        roles=[draw(_role(name)) for name in roles], users=[draw(_user(name)) for name in _NAMES], groups=[group],
        policies=policies, secrets=secrets, parameters=parameters, keys=keys, functions=functions,
        trails=draw(st.sampled_from(((), (trail,)))),
    )  # fmt: skip
    return replace(made, regions=(*made.regions, *regions))


@st.composite
def _organization(draw: st.DrawFn) -> lab.Organization:
    def levels(everything: PolicyText, guards: tuple[PolicyText, ...]) -> Any:
        return (everything,), draw(st.sampled_from(((everything,), *((everything, one) for one in guards))))

    kind = draw(st.sampled_from(("none", "member", "management")))
    if kind == "none":
        return lab.NO_ORGANIZATION
    scps: Mapping[str, Any] = {one: levels(_EVERYTHING, _GUARDS) for one in (ACCOUNT, OTHER_ACCOUNT)}
    rcps: Mapping[str, Any] = {one: levels(*_RCPS[:1], _RCPS[1:]) for one in (ACCOUNT, OTHER_ACCOUNT)}
    management = ACCOUNT if kind == "management" else "123456789012"
    return lab.Organization(management=management, scps=scps, rcps=rcps)


@st.composite
def _principal(draw: st.DrawFn, name: str) -> AwsPrincipal:
    kind = draw(st.sampled_from(("shared", "shared", "own", "own", "user", "absent")))
    session: dict[str, Any] = {"session_name": draw(st.sampled_from((None, "run")))}
    if kind == "shared":
        return AwsPrincipal(role=role_arn("agent"), session_tags={"TenantId": name}, **session)
    if kind == "user":
        return AwsPrincipal(user=f"arn:aws:iam::{ACCOUNT}:user/{name}")
    return AwsPrincipal(role=role_arn(f"agent-{name}" if kind == "own" else "nobody"), **session)


@st.composite
def _tenant(draw: st.DrawFn, id_: str, name: str) -> Tenant:
    kinds = st.sampled_from(("tags", "tags", "tags", "arns", "account"))
    parts = []
    for kind in draw(st.lists(kinds, min_size=1, max_size=2, unique=True)):
        if kind == "tags":
            parts.append(AwsTerritory(tags={"TenantId": name}))
        elif kind == "arns":
            parts.append(AwsTerritory(arns=(f"arn:aws:secretsmanager:*:*:secret:{name}/*",
                                            f"arn:aws:ssm:*:*:parameter/{name}/*")))  # fmt: skip
        else:
            parts.append(AwsTerritory(account=ACCOUNT if name == "red" else OTHER_ACCOUNT))
    acting = draw(st.lists(_principal(name), min_size=draw(st.sampled_from((0, 1, 1, 1))), max_size=2))
    return lab.tenant(id_, *(Agent(id=f"a{number}", aws=one) for number, one in enumerate(acting)), territory=parts)


@st.composite
def aws_snapshots(draw: st.DrawFn) -> Snapshot:
    """One or two accounts with two tenants, fully seen, with mistakes of every kind."""
    accounts = [draw(_account())]
    if draw(st.booleans()):
        far = lab.secret("blue", account=OTHER_ACCOUNT, policy=draw(st.sampled_from(ON_SECRETS)), rotation=False)
        roles = [draw(_role(name, OTHER_ACCOUNT)) for name in ("OrganizationAccountAccessRole", "agent-blue")]
        roles = [replace(one, attached=(), boundary="") for one in roles]
        accounts.append(lab.account(id=OTHER_ACCOUNT, roles=roles, secrets=[far]))
    tenants = [draw(_tenant(id_, name)) for id_, name in zip((FIRST, SECOND), _NAMES, strict=True)]
    whole = lab.snapshot(accounts, tenants, organization=draw(_organization()), others=draw(st.booleans()))
    return replace(whole, taken_at=NOW)
