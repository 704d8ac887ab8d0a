"""What would be reached if somebody else had it, against trying every short name with every tag."""

import itertools
import random
from typing import Any

import pytest

from cred_audit.decide import Effect
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.estate import ActionClass
from cred_audit.decide.aws.foresight import Foresight
from cred_audit.decide.aws.latent import SORTS, Around, Coming, Latent, Own
from cred_audit.decide.aws.model import Kind, PrincipalPolicies, Request, ResourcePolicies
from cred_audit.decide.aws.reach import Agent
from tests.decide.aws.test_reach import ACCOUNT, ALL, EQUAL, READ, SECRETS, agent, allow, document, secret

REGIONS = ("us-east-1", "eu-west-1")
AROUND = Around(regions=REGIONS)
PARAMETERS = f"arn:aws:ssm:*:{ACCOUNT}:parameter/"


def coming(acting: Agent, wanted: ActionClass = ActionClass.READ, **own: Any) -> tuple[Coming, ...]:
    mine = Own(named={"tenant": acting.tenant, "value": acting.tenant}, **own)
    return Latent(Evaluator(acting.principal, acting.policies), mine, AROUND).coming(wanted)


def shown(acting: Agent, **more: Any) -> list[tuple[str, str, str, dict[str, str]]]:
    return [(one.effect.value, one.sort.name, one.name, dict(one.tags)) for one in coming(acting, **more)]


@pytest.mark.parametrize(("statements", "expected"), [
    ((allow(Condition=EQUAL),), []),
    ((allow(),), [("allow", "secret", "x", {})]),
    ((allow(Condition={"StringEqualsIfExists": EQUAL["StringEquals"]}),), [("allow", "secret", "x", {})]),
    ((allow(Condition={"ForAllValues:StringEquals": EQUAL["StringEquals"]}),), [("allow", "secret", "x", {})]),
    ((allow(Condition={"StringEqualsIgnoreCase": EQUAL["StringEquals"]}),),
     [("allow", "secret", "x", {"TenantId": "ACME"})]),
    ((allow(Condition={"StringLike": {"aws:ResourceTag/TenantId": "${aws:PrincipalTag/TenantId}*"}}),),
     [("allow", "secret", "x", {"TenantId": "acmex"})]),
    ((allow(Condition={"StringEquals": {"aws:ResourceTag/Team": "shared"}}),),
     [("allow", "secret", "x", {"Team": "shared"})]),
    ((allow(resource=SECRETS + "acme*"),), [("allow", "secret", "acmex", {})]),
    ((allow(resource=SECRETS + "acme/*"),), []),
    ((allow(resource=SECRETS + "${aws:PrincipalTag/TenantId}*"),), [("allow", "secret", "acmex", {})]),
    ((allow(resource=SECRETS + "prod/*/${aws:PrincipalTag/TenantId}-??????"),), []),
    ((allow(resource=SECRETS + "acme/db-AbCdEf"),), []),
    ((allow("ssm:GetParameter", PARAMETERS + "acme*"),), [("allow", "parameter", "acmex", {})]),
    ((allow("ssm:GetParametersByPath", PARAMETERS + "acme*"),), [("allow", "folder", "acmex", {})]),
    ((allow("ssm:GetParametersByPath", PARAMETERS + "acme"),), []),
    ((allow(), allow(effect="Deny", Condition={"StringNotEquals": EQUAL["StringEquals"]})), []),
    ((allow(Condition={"StringEquals": {"aws:PrincipalTag/TenantId": "${aws:ResourceTag/TenantId}"}}),), []),
    ((allow(resource="arn:aws:secretsmanager:ap-south-1:*:secret:*"),), []),
])  # fmt: skip
def test_what_may_come(statements: tuple[dict[str, Any], ...], expected: Any) -> None:
    assert shown(agent("acme", document(*statements))) == expected


def test_every_statement_that_alone_would_reach_is_found() -> None:
    wide = agent("acme", document(allow(), allow(resource=SECRETS + "acme*"), allow("s3:*")))
    assert [one.because[0].why for one in coming(wide)] == ["statement 1 allows", "statement 2 allows"]
    first = frozenset(coming(wide)[0].because)
    latent = Latent(Evaluator(wide.principal, wide.policies), Own(named={"tenant": "acme"}), AROUND)
    assert [one.because[0].why for one in latent.coming(ActionClass.READ, first)] == ["statement 2 allows"]


def test_the_tenants_own_account_and_names_are_not_foreign() -> None:
    acting = agent("acme", document(allow(resource=SECRETS + "acme*")))
    assert shown(acting, accounts=frozenset({ACCOUNT})) == []
    assert shown(acting, arns=(SECRETS + "acme*",)) == []
    assert shown(acting, arns=(SECRETS + "acme/*",)) == [("allow", "secret", "acmex", {})]


def test_a_name_that_a_policy_spells_out_and_that_is_there_does_not_come() -> None:
    acting = agent("acme", document(allow(resource=SECRETS + "shared/key-??????")))
    own = Own(named={"tenant": "acme"})
    there = secret("shared", "key", owners=(), tags={})
    regions = {ACCOUNT: ("us-east-1",)}
    assert Foresight([there], regions).foreseen(acting, own, ActionClass.READ, frozenset()).coming == ()
    (one,) = Foresight([], regions).foreseen(acting, own, ActionClass.READ, frozenset()).coming
    assert one.name == "shared/key"


def test_too_many_states_name_the_pattern() -> None:
    hard = [allow(effect="Deny", resource=f"{SECRETS}*{letter}{'?' * 14}{letter}") for letter in "cde"]
    (one,) = coming(agent("acme", document(allow(resource=SECRETS + "*a??????????????b"), *hard)))
    assert one.effect is Effect.UNKNOWN
    assert "?????" in one.because[0].why


def test_policies_that_were_not_seen_make_no_proof() -> None:
    blind = agent("acme", document(allow(Condition=EQUAL)), unseen=frozenset({Kind.IDENTITY}))
    assert {one.effect for one in coming(blind)} == {Effect.UNKNOWN}


def test_what_binds_the_account_binds_what_comes() -> None:
    acting = agent("acme", document(allow()))
    deny = allow("secretsmanager:*", effect="Deny", Principal="*", Condition={"StringNotEquals": EQUAL["StringEquals"]})
    side = ResourcePolicies(rcps=((document(deny, kind=Kind.RCP),),))
    regions = {ACCOUNT: REGIONS}
    own = Own(named={"tenant": "acme"})
    bound = Foresight([], regions, sides={ACCOUNT: side})
    assert bound.foreseen(acting, own, ActionClass.READ, frozenset()).coming == ()
    blind = Foresight([], regions, sides={ACCOUNT: ResourcePolicies(unseen=frozenset({Kind.RCP}))})
    found = blind.foreseen(acting, own, ActionClass.READ, frozenset()).coming
    assert {one.effect for one in found} == {Effect.UNKNOWN}


OWN, ELSE = ("a", "b", "ab"), ("b", "", "a", "ab", "x", "A", "ax", "ba")
NAMES = ["".join(word) for length in range(1, 4) for word in itertools.product("ab/x", repeat=length)]


def random_agent(source: random.Random) -> Agent:
    tenant = source.choice(OWN)
    names = ("*", "a*", "a/*", "*b*", "a?*", "${aws:PrincipalTag/T}*", "*/${aws:PrincipalTag/T}", "b-??????",
             "${aws:PrincipalTag/T}/*", "*a-??????", "x*", "*/b*")  # fmt: skip
    operators = ("StringEquals", "StringNotEquals", "StringLike", "StringEqualsIfExists", "StringEqualsIgnoreCase",
                 "ForAllValues:StringEquals", "ForAnyValue:StringLike", "StringNotLike", "Null")  # fmt: skip
    values = ("${aws:PrincipalTag/T}", "${aws:PrincipalTag/T}*", "a", ["a", "b"], "a*", "*b", "${aws:PrincipalTag/U}")
    statements = []
    for _ in range(source.randint(1, 4)):
        one = allow(resource=SECRETS + source.choice(names), effect=source.choice(("Allow", "Allow", "Deny")))
        if source.random() < 0.2:
            one["NotResource"] = one.pop("Resource")
        if source.random() < 0.6:
            operator = source.choice(operators)
            key = source.choice(("aws:ResourceTag/T", "secretsmanager:ResourceTag/t", "aws:ResourceTag/U"))
            value = source.choice(values)
            one["Condition"] = {operator: {key: source.choice(("true", "false")) if operator == "Null" else value}}
        statements.append(one)
    return agent(tenant, document(*statements), session_tags={"T": tenant})


def by_trying(acting: Agent, own: Own) -> bool:
    evaluator = Evaluator(acting.principal, acting.policies)
    latent = Latent(evaluator, own, AROUND)
    tags: list[dict[str, str]] = [{}]
    tags += ({key: value} for key in "TU" for value in ELSE)
    tags += ({"T": one, "U": other} for one in ELSE[:4] for other in ELSE[:4])
    for name in NAMES:
        arn = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{name}-QQQQQQ"
        for given in tags:
            request = Request(action=READ, resource=arn, resource_tags=given)
            if not latent.is_foreign(SORTS[0], arn, name, given.values()):
                continue
            if evaluator.decide(request).effect is Effect.ALLOW:
                return True
    return False


def test_what_trying_finds_is_foreseen_and_what_is_foreseen_is_allowed() -> None:
    outcomes = set()
    for seed in range(30):
        acting = random_agent(random.Random(seed))  # noqa: S311  (not for secrets)
        own = Own(named={"tenant": acting.tenant}, arns=(SECRETS + "a/*",) if seed % 3 == 0 else ())
        evaluator = Evaluator(acting.principal, acting.policies)
        latent = Latent(evaluator, own, AROUND)
        found = [one for one in latent.coming(ActionClass.READ) if one.effect is Effect.ALLOW]
        for one in found:
            assert one.witness is not None
            assert evaluator.decide(one.witness).effect is Effect.ALLOW
            assert latent.is_foreign(one.sort, one.witness.resource, one.name, one.tags.values())
        assert found or not by_trying(acting, own), seed
        outcomes.add(bool(found))
    assert outcomes == {True, False}


def test_alike_agents_get_the_answers_that_they_would_get_alone() -> None:
    """By deciding each agent with a memory of the others and without."""
    shared = 0
    for seed in range(8):
        source = random.Random(seed)  # noqa: S311  (not for secrets)
        acting = random_agent(source)
        regions = {ACCOUNT: REGIONS}
        together = Foresight(ALL, regions)
        for tenant in ("x", "q", "zz", "z/z", "a", "b", "ab", "ba", "secret", "a-b"):
            other = agent(tenant, *acting.policies.identity, session_tags={"T": tenant})
            own = Own(named={"tenant": tenant})
            found = together.foreseen(other, own, ActionClass.READ, frozenset()).coming
            alone = Foresight(ALL, regions).foreseen(other, own, ActionClass.READ, frozenset()).coming
            assert {(one.effect, one.because) for one in found} == {(one.effect, one.because) for one in alone}
        shared += 10 - len(together._memo)
    assert shared > 8


def test_a_policy_each_is_decided_once_for_all() -> None:
    foresight = Foresight(ALL, {ACCOUNT: REGIONS})
    for number in range(1000, 1060):
        tenant = f"t{number}"
        policies = PrincipalPolicies(identity=(document(allow(resource=f"{SECRETS}{tenant}*")),))
        acting = Agent(tenant=tenant, principal=agent(tenant).principal, policies=policies)
        own = Own(named={"tenant": tenant})
        (one,) = foresight.foreseen(acting, own, ActionClass.READ, frozenset()).coming
        assert one.name == f"{tenant}x"
        assert tenant in one.because[0].clause
    assert len(foresight._memo) == 1
