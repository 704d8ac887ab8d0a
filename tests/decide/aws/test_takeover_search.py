"""Takeover chains against a search that tries every request in turn, and with facts hidden."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from cred_audit.claims.aws.takeover import judge_aws_takeovers
from cred_audit.decide import Effect, Unknown
from cred_audit.decide.aws.engine import decide
from cred_audit.decide.aws.making import trusting
from cred_audit.decide.aws.model import Kind, Request, ResourcePolicies
from cred_audit.decide.aws.principals import Documents, Principals
from cred_audit.decide.aws.ways import ADMINISTRATOR
from cred_audit.decide.aws.world import AwsWorld, Organization, PolicyText, Role
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict
from cred_audit.target.model import AwsTerritory
from tests import aws_lab as lab

ASSUME, TAG, PUT, REWRITE = "sts:AssumeRole", "sts:TagSession", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"
OVERWRITE = "iam:PutRolePolicy over the role's own policy"
NAMES = ("r0", "r1", "r2")
CHOICES: tuple[Mapping[str, str], ...] = ({}, {"T": "acme"}, {"T": "beta"})
DEPTH = 3
ROOT = f"arn:aws:iam::{lab.ACCOUNT}:root"
SECRETS = [lab.secret(name, tags={"T": name}) for name in ("acme", "beta")]


def random_world(seed: int) -> Snapshot:
    """Return acme's agent `r0` among three roles with random rights over each other."""
    source = random.Random(seed)  # noqa: S311  (not for secrets)

    def some(*values: Any) -> Any:
        return source.choice(values)

    def statement() -> dict[str, Any]:
        action = some(ASSUME, ASSUME, [ASSUME, TAG], [ASSUME, TAG], PUT, REWRITE, lab.READ)
        if action == lab.READ:
            literal = {"StringEquals": {"aws:ResourceTag/T": some("acme", "beta")}}
            equal = {"StringEquals": {"aws:ResourceTag/T": "${aws:PrincipalTag/T}"}}
            return lab.statement(action, "*", some("Allow", "Allow", "Deny"), Condition=some(equal, equal, literal))
        effect = some("Allow", "Allow", "Allow", "Deny")
        found = lab.statement(action, some("*", *(lab.role_arn(name) for name in NAMES)), effect)
        if action == [ASSUME, TAG] and source.random() < 0.3:
            own = some("acme", "${aws:PrincipalTag/T}")
            found["Condition"] = {"StringEqualsIfExists": {"aws:RequestTag/T": own}}
        return found

    def role(name: str) -> Role:
        who = some(ROOT, ROOT, *(lab.role_arn(other) for other in NAMES), "lambda")
        named = {"Service": "lambda.amazonaws.com"} if who == "lambda" else {"AWS": who}
        more: dict[str, Any] = {}
        if source.random() < 0.2:
            more["Condition"] = {"StringEquals": {"aws:PrincipalTag/T": some("acme", "beta")}}
        statements = [statement() for _ in range(source.randint(1, 3))]
        return lab.role(name, lab.document(*statements), trust=lab.trust(named, some(ASSUME, [ASSUME, TAG]), **more))

    roles = [role(name) for name in NAMES]
    tenants = [lab.tenant("acme", lab.agent("a", "r0", session_tags={"T": "acme"}),
                          territory=[AwsTerritory(tags={"T": "acme"})]),
               lab.tenant("beta", territory=[AwsTerritory(tags={"T": "beta"})])]  # fmt: skip
    return lab.snapshot([lab.account(roles=roles, secrets=SECRETS)], tenants)


@dataclass(frozen=True)
class State:
    """The roles as requests left them, and what is held: (role, its session's tags)."""

    roles: tuple[Role, ...]
    held: frozenset[tuple[str, tuple[tuple[str, str], ...]]]

    @property
    def key(self) -> object:
        """What makes two states the same."""
        return tuple((role.inline, role.trust) for role in self.roles), self.held


class Naive:
    """Decides one request after the other in a world that changes."""

    def __init__(self) -> None:
        self.documents = Documents()

    def allowed(self, state: State, who: tuple[str, tuple[tuple[str, str], ...]], request: Request) -> bool:
        """Whether a request goes through."""
        account = lab.account(roles=state.roles)
        principals = Principals(AwsWorld(accounts=(account,), organization=Organization()), self.documents)
        found = principals.principal(who[0], session_tags=dict(who[1]))
        assert not isinstance(found, Unknown)
        side = ResourcePolicies()
        if request.action in {ASSUME, TAG}:
            trust = principals.roles[request.resource].trust
            side = ResourcePolicies(policy=self.documents.read(trust, Kind.RESOURCE, "trust"))
        return decide(*found, request, side).effect is Effect.ALLOW

    def after(
        self, state: State, who: tuple[str, tuple[tuple[str, str], ...]], action: str, arn: str, tags: Mapping[str, str]
    ) -> State | None:
        """Return the world after one request; None where it is refused."""
        asked = PUT if action == OVERWRITE else action
        if not self.allowed(state, who, Request(action=asked, resource=arn, request_tags=tags)):
            return None
        if action == ASSUME:
            if tags and not self.allowed(state, who, Request(action=TAG, resource=arn, request_tags=tags)):
                return None
            return replace(state, held=state.held | {(arn, tuple(sorted(tags.items())))})
        (role,) = [one for one in state.roles if one.arn == arn]
        if action == PUT:
            written = PolicyText(name="cred-audit", text=ADMINISTRATOR)
            changed = replace(role, inline=tuple(dict.fromkeys((*(role.inline or ()), written))))
        elif action == OVERWRITE:
            changed = replace(role, inline=(PolicyText(name="cred-audit", text=ADMINISTRATOR),))
        else:
            changed = replace(role, trust=trusting(who[0], role.trust))
        return replace(state, roles=tuple(changed if one.arn == arn else one for one in state.roles))

    def wins(self, state: State) -> bool:
        """Whether something that is held reads beta's secret."""
        request = Request(action=lab.READ, resource=SECRETS[1].arn, resource_tags=SECRETS[1].tags)
        return any(self.allowed(state, who, request) for who in state.held)

    def reaches(self, state: State, depth: int) -> bool:
        """Whether some chain of at most so many requests leads to beta's secret."""
        level, seen = [state], {state.key}
        for _ in range(depth):
            after: dict[object, State] = {}
            for one in level:
                for found in self._next(one):
                    if found.key not in seen:
                        after[found.key] = found
            if any(map(self.wins, after.values())):
                return True
            seen.update(after)
            level = list(after.values())
        return False

    def _next(self, state: State) -> Iterator[State]:
        for who in sorted(state.held):
            for name in NAMES:
                arn = lab.role_arn(name)
                moves = [(ASSUME, tags) for tags in CHOICES] + [(PUT, {}), (OVERWRITE, {}), (REWRITE, {})]
                for action, tags in moves:
                    after = self.after(state, who, action, arn, tags)
                    if after is not None:
                        yield after


def start(snapshot: Snapshot) -> State:
    """Return the world before any request."""
    assert snapshot.aws is not None
    return State(snapshot.aws.world.accounts[0].roles or (), frozenset({(lab.role_arn("r0"), (("T", "acme"),))}))


def replayed(naive: Naive, snapshot: Snapshot, finding: Finding) -> bool:
    """Whether every request of a finding goes through in turn."""
    states = [start(snapshot)]
    assert finding.witness is not None
    for step in finding.witness.before:
        fields = step.fields
        who = (fields["principal"], tuple(sorted(fields["session_tags"].items())))
        actions = (OVERWRITE, PUT) if fields["action"] == PUT else (fields["action"],)
        made = [naive.after(state, who, action, fields["resource"], fields["request_tags"])
                for state in states for action in actions if who in state.held]  # fmt: skip
        states = [state for state in made if state is not None]
    return any(map(naive.wins, states))


def test_a_search_over_all_requests_finds_the_same() -> None:
    naive = Naive()
    reached = proven = 0
    for seed in range(70):
        snapshot = random_world(seed)
        findings = list(judge_aws_takeovers(snapshot))
        failed = [one for one in findings if one.verdict is Verdict.FAIL]
        assert not [one.summary for one in findings if one.verdict is Verdict.UNKNOWN], seed
        for one in failed:
            assert replayed(naive, snapshot, one), (seed, one.summary)
        reached += bool(failed)
        if not failed and not naive.wins(start(snapshot)):
            assert not naive.reaches(start(snapshot), DEPTH), seed
            proven += 1
    assert reached > 12
    assert proven > 20


def without(fact: Any, part: str) -> Any:
    """Return a fact without one of its parts."""
    return replace(fact, **{part: None})


def hidden(snapshot: Snapshot) -> Iterator[Snapshot]:
    """Yield the snapshot with one fact hidden, each in turn."""
    aws = snapshot.aws
    assert aws is not None
    (account,) = aws.world.accounts
    region = account.regions[0]

    def seen(changed: Any) -> Snapshot:
        return replace(snapshot, aws=replace(aws, world=replace(aws.world, accounts=(changed,))))

    yield replace(snapshot, aws=replace(aws, world=replace(aws.world, organization=None)))
    for part in ("roles", "users", "groups", "policies"):
        yield seen(without(account, part))
    for part in ("secrets", "parameters", "keys", "functions"):
        yield seen(replace(account, regions=(without(region, part),)))
    roles = account.roles or ()
    for number, role in enumerate(roles):
        for part in ("trust", "inline", "attached", "boundary", "tags"):
            changed = without(role, part)
            yield seen(replace(account, roles=(*roles[:number], changed, *roles[number + 1 :])))
    secrets = region.secrets or ()
    for number, secret in enumerate(secrets):
        for less in (replace(secret, tags=None), replace(secret, policy_seen=False), replace(secret, key_seen=False)):
            rest = (*secrets[:number], less, *secrets[number + 1 :])
            yield seen(replace(account, regions=(replace(region, secrets=rest),)))


@pytest.mark.parametrize("seed", range(3))
def test_hiding_a_fact_never_makes_it_better(seed: int) -> None:
    snapshot = random_world(seed)
    before = {one.verdict for one in judge_aws_takeovers(snapshot)}
    for number, blind in enumerate(hidden(snapshot)):
        after = {one.verdict for one in judge_aws_takeovers(blind)}
        if Verdict.PASS in after:
            assert before == {Verdict.PASS}, (seed, number)
