"""Agents that are alike up to their tenants' names are tried once: every one of them gets what it would get alone."""

import itertools
import random
from typing import Any

import pytest

from cred_audit.claims.aws import kin
from cred_audit.claims.aws.conditions import judge_tag_conditions
from cred_audit.claims.aws.texts import texts_of
from cred_audit.facts import Snapshot
from cred_audit.finding import Verdict
from tests import aws_lab as lab

NAMES = ("acme", "beta", "gama", "acmx", "bcme", "meme", "zeta", "Zeta", "omeg", "delt", "agen", "me", "b", "acme2")
PRINCIPAL = "aws:PrincipalTag/TenantId"
TAG, OWN = "aws:ResourceTag/TenantId", "${aws:PrincipalTag/TenantId}"


def random_world(seed: int) -> Snapshot:
    """Return tenants with names that hold each other, each with a role of its own; most policies read the same."""
    source = random.Random(seed)  # noqa: S311  (not for secrets)
    names = source.sample(NAMES, 11)
    usual: tuple[Any, ...] = tuple(source.choice(FORMS) for _ in range(source.choice((1, 1, 2))))

    def policy(name: str) -> str:
        forms = usual if source.random() < 0.8 else (source.choice(FORMS),)
        return lab.document(*(form(name) for form in forms))

    tagged = source.random() < 0.8
    roles = [lab.role(f"agent-{name}", policy(name), tags={"TenantId": name} if tagged else {}) for name in names]
    secrets = [
        lab.secret(name, source.choice(("db", "db", "acme", "meme-db", "zeta")), **guard(source, name))
        for name in names
    ]
    if source.random() < 0.3:
        secrets.append(lab.secret("nobody", tags={}))
    tenants = [lab.tenant(name, lab.agent("a", f"agent-{name}")) for name in names]
    return lab.snapshot([lab.account(roles=roles, secrets=secrets)], tenants)


def guard(source: random.Random, name: str) -> dict[str, Any]:
    """Return a policy for a secret now and then, which names a role or a tenant."""
    if source.random() < 0.8:
        return {}
    other = source.choice(NAMES)
    condition = source.choice(({}, {"StringEquals": {"aws:PrincipalTag/TenantId": other}}))
    who = source.choice(({"AWS": lab.role_arn(f"agent-{other}")}, "*"))
    effect = source.choice(("Allow", "Deny"))
    return {"policy": lab.document(lab.statement(lab.READ, "*", effect, Principal=who, Condition=condition)),
            "tags": {"TenantId": name}}  # fmt: skip


def _named(pattern: str) -> str:
    return f"arn:aws:secretsmanager:*:{lab.ACCOUNT}:secret:{pattern}"


FORMS = (
    lambda _: lab.statement(Condition={"StringEquals": {TAG: OWN}}),
    lambda name: lab.statement(resource=_named(f"{name}/*"), Condition={"StringEquals": {TAG: OWN}}),
    lambda name: lab.statement(resource=_named(f"*{name}*"), Condition={"StringLike": {TAG: f"{name}*"}}),
    lambda name: lab.statement(Condition={"StringLike": {TAG: f"*{name}"}}),
    lambda name: lab.statement(Condition={"StringEqualsIgnoreCase": {TAG: name}}),
    lambda name: lab.statement(Condition={"StringEqualsIfExists": {TAG: name}}),
    lambda _: lab.statement(Condition={"StringNotEquals": {TAG: ["acme", "beta"]}}),
    lambda _: lab.statement(Condition={"StringLike": {PRINCIPAL: "${aws:ResourceTag/TenantId}*"}}),
    lambda name: lab.statement(
        resource=_named(f"{name}*"), Condition={"StringLike": {TAG: "*", "aws:PrincipalArn": f"*{name}"}}
    ),
    lambda name: lab.statement(resource=_named(f"{name}*"), Condition={"StringEqualsIfExists": {TAG: OWN}}),
    lambda _: lab.statement(Condition={"StringLike": {TAG: [OWN, "ac*-x0", "m?-x0"]}}),
    lambda _: lab.statement(Condition={"StringEqualsIfExists": {TAG: OWN}, "StringLike": {PRINCIPAL: "*me*"}}),
    lambda _: lab.statement(
        Condition={"StringEqualsIfExists": {TAG: OWN}, "ArnLike": {"aws:PrincipalArn": "*:role/*me*"}}
    ),
    lambda name: lab.statement(effect="Deny", Condition={"StringNotEquals": {TAG: name}}),
)  # fmt: skip


def told(snapshot: Snapshot) -> list[tuple[object, ...]]:
    """Return what is said of each agent."""
    return sorted((one.subject, one.verdict.value, one.summary, one.note) for one in judge_tag_conditions(snapshot))


@pytest.mark.parametrize("part", range(4))
def test_each_gets_what_it_would_get_alone(monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    numbers = itertools.count()
    for seed in range(part * 15, part * 15 + 15):
        together = told(random_world(seed))
        with monkeypatch.context() as alone:
            alone.setattr(kin.Kin, "of", lambda *_: (next(numbers),))
            assert told(random_world(seed)) == together, seed


def test_agents_are_alike_where_only_the_name_differs() -> None:
    names = [f"tenant-{number:03}" for number in range(100, 160)]
    snapshot = lab.role_each({name: lab.document(FORMS[1](name)) for name in names})
    texts = texts_of(snapshot)
    found = kin.Kin(texts, tuple(one for one in texts.asked.holdings.all if one.collection is None)[:2])
    keys = {found.of(actor) for actor in texts.actors}
    assert len(keys) == 3


@pytest.mark.parametrize(("form", "broken"), [
    (lambda _: lab.statement(Condition={"StringLike": {TAG: [OWN, "ni*-x0"]}}), {"nicx"}),
    (lambda name: lab.statement(resource=_named(f"*/{name}-*"), Condition={"StringEqualsIfExists": {TAG: OWN}}),
     {"meme"}),
    (lambda _: lab.statement(Condition={"StringEqualsIfExists": {TAG: OWN}, "StringLike": {PRINCIPAL: "z*"}}),
     {"zeta"}),
    (lambda name: lab.statement(
        resource=_named(f"{name}/*"), Condition={"StringEquals": {TAG: OWN}}), set()),
])  # fmt: skip
def test_what_tells_names_apart_is_seen(form: Any, broken: set[str]) -> None:
    names = ("aaa1", "aaa2", "aaa3", "aaa4", "omeg", "nicx", "meme", "zeta")
    policies = {name: lab.document(form(name)) for name in names}
    roles = [lab.role(f"agent-{name}", text, tags={"TenantId": name}) for name, text in policies.items()]
    secrets = [lab.secret(name, "meme" if name == "aaa3" else "db") for name in names]
    tenants = [lab.tenant(name, lab.agent("a", f"agent-{name}")) for name in names]
    findings = judge_tag_conditions(lab.snapshot([lab.account(roles=roles, secrets=secrets)], tenants))
    assert {one.tenant for one in findings if one.verdict is Verdict.FAIL} == broken
