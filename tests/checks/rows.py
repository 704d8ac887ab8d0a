"""The ways in which AWS isolation breaks, each planted beside its repaired twin, by its number in checks/README.md."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from tests import aws_lab as lab
from tests.aws_lab import document, statement
from tests.checks import planted as plant
from tests.checks.planted import (
    FOLDER,
    GUARD,
    HARMLESS,
    HOMES,
    IDS,
    OWN,
    PAIR,
    ROOT,
    SECRETS,
    THING,
    Case,
    allows,
    pair,
)

ABAC, TAGS, TAKEOVER = "aws_abac_tag_conditions_hold", "aws_tags_are_trustworthy", "aws_no_takeover_path"
READ, WRITE, LATENT = "aws_no_cross_tenant_read", "aws_no_cross_tenant_write", "aws_no_latent_reach"
FITTING, SPANS = "aws_conditions_fit_their_actions", "aws_no_wildcard_spans_tenants"
MANAGED, POLICIES = "aws_agents_hold_no_broad_managed_policy", "aws_resource_policies_name_one_tenant"
PINNED, KEYS = "aws_session_tags_are_pinned", "aws_keys_are_per_tenant"
ROTATION, WEB = "aws_rotation_functions_are_per_tenant", "aws_web_identity_trust_is_bound"
CHAINS, SESSIONS = "aws_role_chains_serve_one_tenant", "aws_agents_use_short_sessions"
ACCOUNTS, LOGS = "aws_accounts_are_separate", "aws_logs_are_out_of_agents_reach"
LOGGED, ROTATED = "aws_secret_reads_are_logged", "aws_secrets_are_rotated"

BETA, AGENT, KEY = lab.role_arn("agent-beta"), lab.role_arn("agent"), lab.key("k1").arn
ACME, STRANGER = {"AWS": lab.role_arn("agent-acme")}, {"AWS": f"arn:aws:iam::{lab.OTHER_ACCOUNT}:root"}
RIGHT, WITHOUT = lab.secret("beta", "x"), lab.secret("beta", "x", tags={})
OTHER_KEY, OTHER_VALUE, TWICE = (
    lab.secret("beta", "x", tags=tags)
    for tags in ({"tenant_id": "beta"}, {"TenantId": "acme"}, {"TenantId": "beta", "tenantid": "beta"})
)
SET, OFF = "secretsmanager:TagResource", "secretsmanager:UntagResource"
VOID = statement(effect="Deny", Condition={"StringEquals": {THING: "${aws:PrincipalTag/Rival}"}})
PIN = {"Condition": {"StringEquals": {"aws:RequestTag/TenantId": OWN}}}
RUNS, READER = statement(["lambda:CreateFunction", "lambda:InvokeFunction"]), lab.role("r", document(statement()))
CHANGES = statement("lambda:UpdateFunctionCode", plant.function_arn("beta"))
THROUGH = {"StringEquals": {"kms:ViaService": f"secretsmanager.{lab.REGION}.amazonaws.com"}}
LIMIT = document(statement("organizations:LeaveOrganization", "*", "Deny"))
NO_ID: dict[str, None] = dict.fromkeys(HOMES)
ANY_POD = {"StringEquals": plant.AUDIENCE, "StringLike": {f"{plant.HOST}:sub": "system:serviceaccount:*:agent"}}
ONE_POD = {"StringEquals": {"aws:RequestTag/kubernetes-namespace": "acme"}}
ACCESS = statement("sts:AssumeRole", lab.role_arn("OrganizationAccountAccessRole"))

ROWS: Mapping[int, tuple[Case, ...]] = {
    1: (plant.of_tags(plant.READS, statement()), plant.of_tags(plant.READS, statement(), check=READ)),
    2: (
        plant.of_tags(allows("StringEquals", {"aws:ResourceTag/tenant_id": OWN}), check=FITTING),
        pair(TAGS, plant.labelled, OTHER_KEY, RIGHT),
    ),
    3: (plant.of_tags(allows("StringEqualsIfExists")),),
    4: (plant.of_tags(allows("ForAllValues:StringEquals")),),
    5: (plant.of_tags(allows("StringLike", {THING: "*"})), plant.of_tags(allows("StringLike", {THING: [OWN, "*"]}))),
    6: (plant.of_tags(allows("StringEquals", {THING: "beta"})),),
    7: (
        pair(ABAC, plant.untold, {"StringNotEquals": PAIR}, {"StringEquals": PAIR}),
        plant.of_tags(allows("Null", {THING: "true"})),
    ),
    8: (
        plant.of_version(ABAC, document(statement(SET))),
        plant.of_version(FITTING),
    ),
    9: (
        plant.of_text({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, FOLDER, READ),
        plant.of_text({"Effect": "Allow", "Action": lab.READ, "NotResource": f"{SECRETS}x/*"}, FOLDER, SPANS),
    ),
    10: (
        plant.of_names(READ),
        plant.of_names(SPANS),
        plant.of_text(statement(resource=f"{SECRETS}acme*"), FOLDER, LATENT),
    ),
    11: (Case(check=ABAC, broken=plant.shared(statement(), VOID), mended=plant.shared(statement(), GUARD)),),
    12: (
        pair(ABAC, plant.grouped, document(statement()), document(HARMLESS)),
        pair(MANAGED, plant.attached, document(statement("secretsmanager:*")), document(HARMLESS)),
        pair(READ, plant.bounded, "*", ACME),
    ),
    13: (
        pair(POLICIES, plant.with_policy, "*", ACME),
        pair(POLICIES, plant.with_policy, STRANGER, ROOT),
        plant.shared_in_policy(),
    ),
    14: (pair(READ, plant.organized, (), (document(GUARD),)),),
    15: (
        plant.of_right(TAGS, statement(SET)),
        plant.of_right(TAGS, statement(OFF)),
        plant.of_right(TAKEOVER, statement(SET)),
    ),
    16: (
        plant.of_right(TAGS, statement("iam:TagRole", AGENT)),
        pair(TAGS, plant.grouped, document(statement("iam:TagUser")), document(HARMLESS)),
        plant.of_right(TAKEOVER, statement("iam:TagRole", AGENT)),
    ),
    17: (pair(PINNED, plant.session_tags, {}, PIN), plant.tagged_sessions()),
    18: (pair(TAGS, plant.labelled, WITHOUT, RIGHT), pair(TAGS, plant.labelled, OTHER_VALUE, RIGHT)),
    19: (pair("aws_replicas_keep_their_tags", plant.replicated, {"TenantId": "beta"}, {"TenantId": "acme"}),),
    20: (pair(TAGS, plant.labelled, TWICE, RIGHT),),
    21: (Case(check=KEYS, broken=plant.keyed(), mended=plant.keyed(own=True)),),
    22: (
        plant.of_key(statement("kms:CreateGrant", KEY)),
        plant.of_key(statement("kms:PutKeyPolicy", KEY)),
        Case(check=TAKEOVER, broken=plant.sealed(statement("kms:CreateGrant")), mended=plant.sealed()),
        Case(check=TAKEOVER, broken=plant.sealed(statement("kms:PutKeyPolicy")), mended=plant.sealed()),
    ),
    23: (plant.of_key(statement("kms:Decrypt", KEY), mended=statement("kms:Decrypt", KEY, Condition=THROUGH)),),
    24: (plant.taking(statement("iam:PassRole", READER.arn), RUNS, mended=RUNS, roles=[READER]),),
    25: (
        plant.taking(statement("iam:UpdateAssumeRolePolicy", BETA)),
        plant.taking(statement("iam:AttachRolePolicy", BETA)),
        plant.taking(statement("iam:PutRolePolicy", lab.role_arn("agent-acme"))),
        plant.of_versions("iam:CreatePolicyVersion"),
        plant.of_versions("iam:SetDefaultPolicyVersion"),
        plant.of_operator("iam:CreateAccessKey"),
        plant.of_operator("iam:CreateLoginProfile"),
        plant.of_operator("iam:UpdateLoginProfile"),
        plant.of_itself("iam:AddUserToGroup", plant.GROUP),
        plant.of_itself("iam:PutUserPolicy"),
        plant.of_itself("iam:AttachUserPolicy"),
    ),
    26: (plant.of_right(TAKEOVER, statement("secretsmanager:PutResourcePolicy")),),
    27: (
        plant.taking(statement("secretsmanager:RotateSecret", f"{SECRETS}beta/*"), check=WRITE),
        plant.taking(statement("secretsmanager:UpdateSecret", f"{SECRETS}beta/*"), check=WRITE),
    ),
    28: (Case(check=ROTATION, broken=plant.rotating(one=True), mended=plant.rotating()),),
    29: (pair(ROTATION, plant.rotating, CHANGES, HARMLESS), pair(TAKEOVER, plant.rotating, CHANGES, HARMLESS)),
    30: (plant.of_id(NO_ID),),
    31: (plant.of_id(plant.asking(beta=IDS["acme"])),),
    32: (plant.of_id(plant.asking("StringLike", acme="*")),),
    33: (
        plant.of_id(plant.asking(acme="acme")),
        plant.of_id(plant.asking(acme="Zk3q9XvT-0041", beta="Zk3q9XvT-0042")),
    ),
    34: (plant.of_id(plant.asking(), principal=ROOT, may="*"),),
    35: (plant.of_id(plant.asking(), principal=ROOT, may="arn:aws:iam::*:role/byoc"),),
    36: (
        pair(WEB, plant.identified, {"StringEquals": plant.AUDIENCE}, plant.BOTH_CLAIMS),
        pair(WEB, plant.identified, {"StringEquals": plant.SUBJECT}, plant.BOTH_CLAIMS),
        pair(WEB, plant.identified, ANY_POD, plant.BOTH_CLAIMS),
        pair(WEB, partial(plant.identified, provider=plant.PODS), None, ONE_POD),
    ),
    37: (pair(CHAINS, partial(plant.hopping, "hop"), document(statement()), document(HARMLESS)),),
    38: (
        pair(SESSIONS, plant.acting, 12 * 3600, 3600),
        Case(check=SESSIONS, broken=plant.acting(keys=(plant.OLD,)), mended=plant.acting(keys=())),
    ),
    39: (Case(check=ACCOUNTS, broken=plant.homes(one=True), mended=plant.homes()),),
    40: (Case(check=ACCOUNTS, broken=plant.homes(trusted=HOMES["beta"]), mended=plant.homes(trusted=lab.ACCOUNT)),),
    41: (pair(CHAINS, plant.administered, ACCESS, HARMLESS),),
    42: (
        pair(LOGS, partial(plant.logged, plant.TRAIL), statement("s3:GetObject"), HARMLESS),
        pair(LOGS, partial(plant.logged, plant.TRAIL), statement("cloudtrail:LookupEvents"), HARMLESS),
        Case(check=KEYS, broken=plant.keyed(), mended=plant.keyed(own=True)),
    ),
    43: (pair("aws_guardrails_are_attached", plant.guarded, (), (LIMIT,)),),
    46: (
        pair(LOGGED, plant.logged, None, plant.TRAIL),
        pair(LOGGED, plant.logged, replace(plant.TRAIL, reads=False), plant.TRAIL),
    ),
    47: (
        Case(check=ROTATED, broken=plant.aged(rotation=False, last_changed=plant.OLD), mended=plant.aged()),
        Case(check=ROTATED, broken=plant.aged(last_rotated=plant.OLD), mended=plant.aged()),
    ),
}
