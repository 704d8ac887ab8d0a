"""What agents reach: told things apart by hand, and against deciding every pair."""

import random
from dataclasses import replace
from typing import Any

import pytest

from cred_audit.decide import OTHERS, Effect
from cred_audit.decide.aws.asker import Asker
from cred_audit.decide.aws.collections import collections
from cred_audit.decide.aws.document import read_document
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.estate import ActionClass, Thing, actions_of, requests
from cred_audit.decide.aws.model import Document, Kind, Principal, PrincipalPolicies, Request, ResourcePolicies
from cred_audit.decide.aws.reach import Agent, Estate, Owners

ACCOUNT, ELSEWHERE = "111122223333", "444455556666"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/agent"
READ = "secretsmanager:GetSecretValue"
EQUAL = {"StringEquals": {"aws:ResourceTag/TenantId": "${aws:PrincipalTag/TenantId}"}}
SECRETS = f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:"


def allow(action: Any = READ, resource: Any = "*", effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource} | more


def document(*statements: dict[str, Any], kind: Kind = Kind.IDENTITY, version: str = "2012-10-17") -> Document:
    return read_document({"Version": version, "Statement": list(statements)}, kind, "policy")


def secret(owner: str, name: str = "db", **more: Any) -> Thing:
    tags = more.pop("tags", {"TenantId": owner})
    arn = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{owner}/{name}-AbCdEf"
    return Thing(arn=arn, owners=more.pop("owners", (owner,)), tags=tags, **more)


def agent(tenant: str, *documents: Document, arn: str = ROLE, **more: Any) -> Agent:
    session_tags = more.pop("session_tags", {"TenantId": tenant})
    principal = Principal(arn=arn, session_tags=session_tags, tags=more.pop("tags", {}))
    return Agent(tenant=tenant, principal=principal, policies=PrincipalPolicies(identity=documents, **more))


TENANTS = ("acme", "beta", "gamma")


def reached(acting: Agent, things: list[Thing], wanted: ActionClass = ActionClass.READ) -> list[Any]:
    answer = Estate(things, [acting]).reach(acting, wanted)
    for grant in answer.grants:
        evaluator = Evaluator(acting.principal, acting.policies)
        policies = {thing.arn: thing.policies for thing in things}
        policies |= {thing.key.arn: thing.key.policies for thing in things if thing.key is not None}
        if not grant.assuming or "session name" not in grant.assuming[0]:
            for request in grant.witness:
                effect = evaluator.decide(request, policies[request.resource]).effect
                assert effect is Effect.ALLOW or grant.effect is not Effect.ALLOW
    return [(grant.effect.value, grant.owners, grant.things) for grant in answer.grants]


ALL = [secret(tenant) for tenant in TENANTS]
FOREIGN = Owners(all_except=("acme",))


def test_equal_tags_isolate_and_the_proof_names_the_statement() -> None:
    acting = agent("acme", document(allow(Condition=EQUAL)))
    answer = Estate(ALL, [acting]).reach(acting, ActionClass.READ)
    assert answer.grants == ()
    assert any("StringEquals aws:ResourceTag/TenantId does not hold" in reason.why for reason in answer.closest)


@pytest.mark.parametrize(("statement", "things", "expected"), [
    (allow(), ALL, [("allow", FOREIGN, 2)]),
    (allow(resource=SECRETS + "*"), ALL, [("allow", FOREIGN, 2)]),
    (allow(resource=SECRETS + "acme*"), [*ALL, secret("acme-corp")], [("allow", Owners(names=("acme-corp",)), 1)]),
    (allow(resource=SECRETS + "acme/*"), [*ALL, secret("acme-corp")], []),
    (allow(resource=SECRETS + "${aws:PrincipalTag/TenantId}*"), [*ALL, secret("acme-eu")],
     [("allow", Owners(names=("acme-eu",)), 1)]),
    (allow(resource=SECRETS + "beta/*"), ALL, [("allow", Owners(names=("beta",)), 1)]),
    (allow(Condition={"StringEqualsIfExists": EQUAL["StringEquals"]}), [*ALL, secret("delta", tags={})],
     [("allow", Owners(names=("delta",)), 1)]),
    (allow(Condition={"ForAllValues:StringEquals": EQUAL["StringEquals"]}), [*ALL, secret("delta", tags={})],
     [("allow", Owners(names=("delta",)), 1)]),
    (allow(Condition={"StringLike": {"aws:ResourceTag/TenantId": "*"}}), ALL, [("allow", FOREIGN, 2)]),
    (allow(Condition={"StringEqualsIgnoreCase": EQUAL["StringEquals"]}), [*ALL, secret("ACME")],
     [("allow", Owners(names=("ACME",)), 1)]),
    (allow(Condition={"StringEquals": {"aws:ResourceTag/TenantId": ["beta", "gamma"]}}), ALL,
     [("allow", FOREIGN, 2)]),
    (allow(Condition={"StringNotEquals": {"aws:ResourceTag/Team": "x"}}), ALL, [("allow", FOREIGN, 2)]),
    (allow(action="secretsmanager:DescribeSecret"), ALL, []),
    (allow(), [secret("acme"), secret("x", owners=())], [("allow", Owners(names=(OTHERS,)), 1)]),
])  # fmt: skip
def test_the_ways_in_which_isolation_breaks(statement: dict[str, Any], things: list[Thing], expected: Any) -> None:
    assert reached(agent("acme", document(statement)), things) == expected


def test_a_condition_on_what_nobody_knows_is_a_grant_with_an_assumption() -> None:
    statement = allow(Condition={"StringEquals": {"aws:SourceVpce": "vpce-1"}})
    acting = agent("acme", document(statement))
    (grant,) = Estate(ALL, [acting]).reach(acting, ActionClass.READ).grants
    assert grant.effect is Effect.ALLOW
    assert grant.assuming == ("aws:SourceVpce is vpce-1",)
    assert grant.witness[0].context == {"aws:RequestedRegion": "us-east-1", "aws:sourcevpce": "vpce-1"}


def test_conditions_that_no_value_meets_grant_nothing() -> None:
    condition = {"StringLike": {"aws:SourceVpce": "vpce-a*"}, "StringNotLike": {"aws:SourceVpce": "vpce-*"}}
    assert reached(agent("acme", document(allow(Condition=condition))), ALL) == []
    ranges = {
        "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
        "NotIpAddress": {"aws:SourceIp": ["10.0.0.0/9", "10.128.0.0/9"]},
    }
    assert reached(agent("acme", document(allow(Condition=ranges))), ALL) == []


def test_a_gap_between_two_patterns_is_found() -> None:
    condition = {"StringLike": {"aws:SourceVpce": "vpce-*"}, "StringNotLike": {"aws:SourceVpce": ["vpce-a*", "*b"]}}
    assert reached(agent("acme", document(allow(Condition=condition))), ALL) == [("allow", FOREIGN, 2)]


def test_a_customer_key_stands_in_the_way() -> None:
    key_policy = document(
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"},
        kind=Kind.RESOURCE,
    )
    key = Thing(arn=f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k1", policies=ResourcePolicies(policy=key_policy))
    things = [secret("acme"), secret("beta", key=key), secret("gamma", key_known=False)]
    unknown = ("unknown", Owners(names=("gamma",)), 1)
    assert reached(agent("acme", document(allow())), things) == [unknown]
    via = {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}}
    found = reached(agent("acme", document(allow(), allow("kms:Decrypt", Condition=via))), things)
    assert sorted(effect for effect, _, _ in found) == ["allow", "unknown"]
    bound = {"StringLike": {"kms:EncryptionContext:SecretARN": SECRETS + "acme/*"}}
    assert reached(agent("acme", document(allow(), allow("kms:Decrypt", Condition=bound))), things) == [unknown]


def test_a_resource_policy_that_names_the_session_is_a_grant_to_that_session() -> None:
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/agent/run"
    policy = document(
        {"Effect": "Allow", "Principal": {"AWS": session}, "Action": READ, "Resource": "*"}, kind=Kind.RESOURCE
    )
    acting = agent("acme")
    things = [secret("acme"), secret("beta", policies=ResourcePolicies(policy=policy)), secret("gamma")]
    (grant,) = Estate(things, [acting]).reach(acting, ActionClass.READ).grants
    assert grant.owners == Owners(names=("beta",))
    assert grant.assuming == ("the session name is 'run'",)


def test_ten_thousand_resource_policies_of_one_form_are_one_kind() -> None:
    def guarded(tenant: str) -> Thing:
        statement = {"Effect": "Deny", "Principal": "*", "Action": READ, "Resource": "*",
                     "Condition": {"StringNotEquals": {"aws:PrincipalTag/TenantId": tenant}}}  # fmt: skip
        return secret(tenant, policies=ResourcePolicies(policy=document(statement, kind=Kind.RESOURCE)))

    things = [guarded(f"t{number}") for number in range(300)]
    agents = [agent(f"t{number}", document(allow())) for number in range(3)]
    estate = Estate(things, agents)
    assert len(estate._cells.cells) == 1
    assert all(estate.reach(acting, ActionClass.READ).grants == () for acting in agents)
    untagged = agent("t1", document(allow(Condition={"Null": {"aws:PrincipalTag/TenantId": "true"}})), session_tags={})
    assert Estate(things, [untagged]).reach(untagged, ActionClass.READ).grants == ()


TAGS = ("T", "t", "U")
NAMES = ("a", "b", "ab", "A", "a-b", "*")


class Platform:
    """A small random estate in which names are near each other."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)  # noqa: S311  (not for secrets)
        denies = {**self.guard("a"), "Effect": "Deny", "Principal": "*"}
        self.rcps = ((document(denies, kind=Kind.RCP),),) if self.source.random() < 0.3 else ()
        self.things = [self.thing(number) for number in range(14)]
        shared = [self.policy() for _ in range(2)]
        self.agents = [self.agent(shared) for _ in range(5)]

    def thing(self, number: int) -> Thing:
        pick = self.source.choice
        owner = pick(NAMES)
        arn = f"arn:aws:secretsmanager:{pick(('us-east-1', 'eu-west-1'))}:{pick((ACCOUNT, ACCOUNT, ELSEWHERE))}:secret:"
        tags = None if self.source.random() < 0.05 else self.tags()
        policy = None
        if self.source.random() < 0.4:
            policy = document(self.guard(owner), kind=Kind.RESOURCE)
        name = owner.replace("*", "x")
        rcps = self.rcps if self.source.random() < 0.5 else ()
        return Thing(
            arn=f"{arn}{name}{pick(('/', '-', ''))}{number}", owners=(owner,), tags=tags,
            policies=ResourcePolicies(policy=policy, rcps=rcps), key=self.key() if self.source.random() < 0.4 else None,
        )  # fmt: skip

    def key(self) -> Thing:
        root = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"}
        policy = document(root, kind=Kind.RESOURCE)
        arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{self.source.choice(NAMES[:4])}"
        return Thing(arn=arn, tags=self.tags(), policies=ResourcePolicies(policy=policy))

    def tags(self) -> dict[str, str]:
        return {self.source.choice(TAGS): self.source.choice((*NAMES, "")) for _ in range(self.source.randint(0, 2))}

    def guard(self, owner: str) -> dict[str, Any]:
        pick = self.source.choice
        principal = pick(("*", {"AWS": f"arn:aws:iam::{ACCOUNT}:role/{pick(NAMES[:3])}"}, {"AWS": ACCOUNT},
                          {"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/{pick(NAMES[:3])}/run"}))  # fmt: skip
        entry: dict[str, Any] = {"Effect": pick(("Allow", "Deny")), "Principal": principal, "Action": READ}
        entry["Resource"] = pick(
            ("*", "*", "*", f"{SECRETS}a*", f"arn:aws:secretsmanager:us*:*:secret:{owner}*", "arn:*b*")
        )
        if self.source.random() < 0.7:
            operator = pick(("StringEquals", "StringNotEquals", "StringLike", "StringNotEqualsIgnoreCase"))
            value = pick((owner, owner, "${aws:ResourceTag/T}", pick(NAMES)))
            entry["Condition"] = {operator: {pick(("aws:PrincipalTag/T", "aws:ResourceTag/T")): value}}
        return entry

    def policy(self) -> Document:
        statements = [self.statement() for _ in range(self.source.randint(1, 3))]
        return document(*statements, version=self.source.choice(("2012-10-17",) * 6 + ("2008-10-17",)))

    def statement(self) -> dict[str, Any]:
        pick = self.source.choice
        names = ("secret:*", "secret:a*", "secret:a/*", "secret:${aws:PrincipalTag/T}*", "secret:*b*", "secret:?-*",
                 "secret:*${aws:PrincipalTag/T}*", "secret:${aws:userid}/*", "key/*",
                 "parameter/a*", "parameter/${aws:PrincipalTag/T}*", "parameter/",
                 "key/${aws:PrincipalTag/T}")  # fmt: skip
        head = f"arn:aws:{pick(('secretsmanager', 'secretsmanager', '*'))}:{pick(('*', 'us-east-1'))}:"
        resource = "*" if self.source.random() < 0.5 else f"{head}{pick(('*', ACCOUNT))}:{pick(names)}"
        action = pick((READ, "*", "kms:Decrypt", [READ, "kms:*"]))
        entry = allow(action, effect=pick(("Allow", "Allow", "Allow", "Deny")))
        entry.pop("Resource")
        entry["NotResource" if self.source.random() < 0.1 else "Resource"] = resource
        if self.source.random() < 0.7:
            operator = pick(("StringEquals", "StringNotEquals", "StringLike", "StringEqualsIfExists", "Null",
                             "StringEqualsIgnoreCase", "ForAllValues:StringEquals", "NumericEquals"))  # fmt: skip
            key = pick(("aws:ResourceTag/T", "secretsmanager:ResourceTag/u", "aws:PrincipalTag/T", "aws:SourceVpce"))
            value = pick(
                ("${aws:PrincipalTag/T}", "${aws:PrincipalTag/u}x", "a", ["a", "b"], "a*", "${aws:ResourceTag/U}")
            )
            entry["Condition"] = {operator: {key: pick(("true", "false")) if operator == "Null" else value}}
        return entry

    def agent(self, shared: list[Document]) -> Agent:
        pick = self.source.choice
        documents = (pick(shared),) if self.source.random() < 0.6 else (self.policy(), self.policy())
        arn = f"arn:aws:iam::{ACCOUNT}:role/{pick(NAMES[:3])}"
        return agent(pick(NAMES), *documents, arn=arn, session_tags={}, tags=self.tags())


SOURCES = (None, *["a", "b", "aa", "abc", "x", "A", "ax", "a-b", "ab", "bx", "a-bx", "abx", "*", "*x", "a*"])


def by_trying(platform: Platform, acting: Agent) -> set[str]:
    """Return what some value of the one free key lets through for sure, asking the engine alone."""
    found = set()
    role = acting.principal.arn.rpartition("/")[2]
    session = Principal(arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/run", tags=acting.principal.tags)
    for principal in (acting.principal, session):
        evaluator = Evaluator(principal, acting.policies)
        for thing in platform.things:
            if acting.tenant in thing.owners or not thing.key_known:
                continue
            calls = requests(READ, thing)
            tried = (
                [
                    {**request.context, **({"aws:SourceVpce": value} if value is not None else {})}
                    for request, _ in calls
                ]
                for value in SOURCES
            )
            if any(
                all(
                    evaluator.decide(replace(request, context=context), side).effect is Effect.ALLOW
                    for context, (request, side) in zip(contexts, calls, strict=True)
                )
                for contexts in tried
            ):
                found.add(thing.arn)
    return found


def test_what_some_value_lets_through_is_reached() -> None:
    """By a twin that shares no code with the search; values of the key that it does not try are checked elsewhere."""
    seen = 0
    for seed in range(60):
        platform = Platform(seed)
        for acting in platform.agents:
            if any("userid" in one.text for policy in acting.policies.identity for one in policy.statements):
                continue  # unknown to the search, absent to the twin
            sure = by_trying(platform, acting)
            asker = Asker(acting, frozenset({"aws:userid"}))
            session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{acting.principal.arn.rpartition('/')[2]}/run"
            for thing in platform.things:
                if acting.tenant not in thing.owners:
                    effect = asker.best(READ, thing, ActionClass.READ, [session]).effect
                    assert effect is Effect.ALLOW or thing.arn not in sure, (seed, thing.arn)
            seen += len(sure)
    assert seen > 100


def by_pairs(platform: Platform, acting: Agent) -> dict[str, tuple[set[str], int]]:
    """Decide every thing by itself."""
    asker = Asker(acting, frozenset({"aws:userid"}))
    sessions = [f"arn:aws:sts::{ACCOUNT}:assumed-role/{acting.principal.arn.rpartition('/')[2]}/run"]
    found: dict[str, tuple[set[str], int]] = {}
    for thing in platform.things:
        if acting.tenant in thing.owners:
            continue
        for action in actions_of(ActionClass.READ, thing.service):
            effect = asker.best(action, thing, ActionClass.READ, sessions).effect
            if effect is not Effect.DENY:
                owners, count = found.get(effect.value, (set(), 0))
                found[effect.value] = (owners | set(thing.owners or (OTHERS,)), count + 1)
    return found


@pytest.mark.parametrize("limit", [0, 2, 64])
def test_reach_equals_deciding_every_pair(limit: int) -> None:
    granted = 0
    for seed in range(60):
        platform = Platform(seed)
        estate = Estate(platform.things, platform.agents, limit=limit)
        for acting in platform.agents:
            found: dict[str, tuple[set[str], int]] = {}
            for grant in estate.reach(acting, ActionClass.READ).grants:
                names = set(grant.owners.names)
                if grant.owners.all_except is not None:
                    names = set(estate.owners) - set(grant.owners.all_except)
                owners, count = found.get(grant.effect.value, (set(), 0))
                found[grant.effect.value] = (owners | names, count + grant.things)
            assert found == by_pairs(platform, acting), (seed, acting.tenant)
            granted += bool(found)
    assert granted > 50


def with_collections(platform: Platform) -> list[Thing]:
    """Return the platform's secrets with parameters beside them, and what one call gives of them together."""
    source = platform.source
    things = list(platform.things)
    for number in range(8):
        path = "/".join(source.choices(NAMES[:3], k=source.randint(1, 3)))
        account = source.choice((ACCOUNT, ACCOUNT, ELSEWHERE))
        arn = f"arn:aws:ssm:us-east-1:{account}:parameter/{path}{number}"
        key = platform.key() if source.random() < 0.3 else None
        things.append(Thing(arn=arn, owners=(source.choice(NAMES),), tags=platform.tags(), key=key))
    for account in (ACCOUNT, ELSEWHERE):
        for region in ("us-east-1", "eu-west-1"):
            here = [one for one in things if (one.account, one.region) == (account, region)]
            things += collections(account, region, [one for one in here if one.collection is None], others=False)
    return things


def owners_by_pairs(things: list[Thing], acting: Agent, wanted: ActionClass) -> dict[str, set[str]]:
    asker = Asker(acting, frozenset({"aws:userid"}))
    account = acting.principal.arn.split(":")[4]
    sessions = [f"arn:aws:sts::{account}:assumed-role/{acting.principal.arn.rpartition('/')[2]}/run"]
    found: dict[str, set[str]] = {}
    for thing in things:
        for action in actions_of(wanted, thing.sort) if thing.foreign(acting.tenant) else ():
            effect = asker.best(action, thing, wanted, sessions).effect
            if effect is not Effect.DENY:
                found.setdefault(effect.value, set()).update(set(thing.owners) - {acting.tenant})
    return found


def test_collections_are_reached_as_deciding_every_pair_says() -> None:
    granted = {ActionClass.READ: 0, ActionClass.LIST: 0}
    for seed in range(25):
        platform = Platform(seed)
        things = with_collections(platform)
        agents = [*platform.agents, replace(platform.agents[0], principal=replace(
            platform.agents[0].principal, arn=f"arn:aws:iam::{ELSEWHERE}:role/a"))]  # fmt: skip
        estate = Estate(things, agents, limit=seed % 3)
        for acting in agents:
            for wanted in granted:
                found: dict[str, set[str]] = {}
                for grant in estate.reach(acting, wanted).grants:
                    names = set(grant.owners.names)
                    if grant.owners.all_except is not None:
                        names = set(estate.owners) - set(grant.owners.all_except)
                    found.setdefault(grant.effect.value, set()).update(names)
                assert found == owners_by_pairs(things, acting, wanted), (seed, acting.tenant, wanted)
                granted[wanted] += bool(found)
    assert min(granted.values()) > 20


def test_a_witness_is_a_request_that_decide_allows() -> None:
    for seed in range(40):
        platform = Platform(seed)
        for acting in platform.agents:
            reached(acting, platform.things)


def test_an_open_request_needs_no_more_than_it_says() -> None:
    acting = agent("acme", document(allow(Condition={"Bool": {"aws:SecureTransport": "true"}})))
    (grant,) = Estate(ALL, [acting]).reach(acting, ActionClass.READ).grants
    decided = Evaluator(acting.principal, acting.policies).decide(
        Request(action=READ, resource=grant.witness[0].resource, context={"aws:SecureTransport": "true"})
    )
    assert decided.effect is Effect.ALLOW
