"""What agents reach in random accounts, held against an independent evaluator: `python -m tests.fuzz.aws_reach`.

Every witness of `reach` must be a request that the evaluator allows; and every request without further context that
it allows an agent on another tenant's secret, parameter or key must be in one of the agent's grants. Facts go the whole
way: role, user, groups, boundary, organization, resource and key policies, owners by tag. Ends with 1 on a difference.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cred_audit.claims.aws.isolation import Acting, AwsIsolation
from cred_audit.decide import OTHERS, Effect, Unknown
from cred_audit.decide.aws.estate import ActionClass, Thing, actions_of, requests
from cred_audit.decide.aws.model import Principal, Request
from cred_audit.decide.aws.reach import Answer, Grant, Owners
from cred_audit.decide.aws.world import Key, Levels, Role, Secret, User
from cred_audit.facts import Snapshot
from cred_audit.target.model import Agent, AwsPrincipal
from tests.aws_lab import (
    ACCOUNT,
    OTHER_ACCOUNT,
    Group,
    Organization,
    PolicyText,
    account,
    agent,
    document,
    key,
    parameter,
    role,
    role_arn,
    secret,
    snapshot,
    statement,
    tenant,
)
from tests.fuzz.aws_departures import departures
from tests.fuzz.aws_evaluator import evaluated, folder_option, skipped

NAMES = ("acme", "acme-corp", "beta", "ACME")
CLASSES = (ActionClass.READ, ActionClass.LIST, ActionClass.WRITE, ActionClass.CONTROL)
SERVICES = ("secretsmanager", "secretsmanager", "ssm", "kms")
LOGINS = {name: name for name in NAMES} | {"ACME": "ACME-2"}
"""Tenant -> how its role and user are called; an account has no two whose names differ by case only."""
_SHOWN = 5
"""Differences that are printed before a run ends."""
_ASKED = 4
"""Actions of a class and service that are asked about one by one."""


class Platforms:
    """Makes small accounts with few names, so that policies often reach too far or just not."""

    def __init__(self, source: random.Random) -> None:
        """Take the source of chance."""
        self.source = source

    def maybe(self, chance: float) -> bool:
        """Return true with a chance."""
        return self.source.random() < chance

    def snapshot(self) -> Snapshot:
        """Return a platform: three tenants, a shared role, a role or a user each."""
        names = self.source.sample(NAMES, 3)
        form = self.source.choice(("shared", "roles", "users"))
        managed = {f"arn:aws:iam::{ACCOUNT}:policy/{name}": self.document() for name in ("m1", "m2")}
        roles, users, tenants = [], [], []
        shared = self.limits(managed)
        if form == "shared":
            roles.append(role("agent", *(self.document() for _ in range(self.source.randint(1, 2))), **shared))
        for name in names:
            tags = {self.source.choice(("TenantId", "TenantId", "tenantid")): name} if self.maybe(0.85) else {}
            if form == "shared":
                acting = agent(name, "agent", session_tags=tags, **self.session(name))
            elif form == "roles":
                roles.append(role(f"agent-{LOGINS[name]}", self.document(name), tags=tags, **self.limits(managed)))
                acting = agent(name, f"agent-{LOGINS[name]}", **self.session(name))
            else:
                arn = f"arn:aws:iam::{ACCOUNT}:user/{LOGINS[name]}"
                inline = (PolicyText(name="own", text=self.document(name)),)
                users.append(User(arn=arn, tags=tags, inline=inline, groups=("agents",), **self.limits(managed)))
                acting = Agent(id=name, aws=AwsPrincipal(user=arn))
            tenants.append(tenant(name, acting))
        group = Group(arn=f"arn:aws:iam::{ACCOUNT}:group/agents", inline=(PolicyText(name="g", text=self.document()),))
        keys = [
            key(name, policy=self.key_policy(name), tags=self.tags(self.source.choice((name, *names))))
            for name in names if self.maybe(0.5)
        ]  # fmt: skip
        return snapshot(
            [
                account(
                    roles=roles, users=users, groups=[group], policies=managed, keys=keys,
                    secrets=self.secrets(names, [one.arn for one in keys]),
                    parameters=[parameter(name, tags=self.tags(name)) for name in names if self.maybe(0.3)],
                ),
                account(id=OTHER_ACCOUNT, secrets=[
                    secret(name, "far", account=OTHER_ACCOUNT, policy=self.secret_policy(name))
                    for name in names if self.maybe(0.2)
                ]),
            ],
            tenants, organization=self.organization(), others=self.maybe(0.3),
        )  # fmt: skip

    def session(self, name: str) -> dict[str, Any]:
        """Return a session name, sometimes."""
        return {"session_name": name} if self.maybe(0.5) else {}

    def limits(self, managed: dict[str, str]) -> dict[str, Any]:
        """Return attached policies and a boundary."""
        first, second = managed
        return {
            "attached": (first,) if self.maybe(0.3) else (),
            "boundary": second if self.maybe(0.15) else "",
        }

    def organization(self) -> Organization:
        """Return no organization, or one with policies on two levels."""
        if self.maybe(0.7):
            return Organization()
        everything = PolicyText(name="p-full", text=document(statement("*")))
        scp = PolicyText(name="p-scp", text=self.document())
        rcp = PolicyText(
            name="p-rcp",
            text=document(
                statement("secretsmanager:Get*", self.resource(""), effect="Deny", Principal="*", **self.condition())
            ),
        )
        return Organization(
            scps={ACCOUNT: ((everything,), (everything, scp))},
            rcps={ACCOUNT: ((rcp,),)} if self.maybe(0.5) else {},
        )

    def secrets(self, names: Sequence[str], keys: Sequence[str]) -> list[Any]:
        """Return secrets, some with the wrong tags, a policy or a key."""
        found = []
        for name in names:
            for kind in ("db", "api"):
                more: dict[str, Any] = {"policy": self.secret_policy(name)} if self.maybe(0.25) else {}
                if keys and self.maybe(0.5):
                    more["key"] = self.source.choice(list(keys))
                found.append(secret(name, kind, tags=self.tags(name), **more))
        return found

    def tags(self, owner: str) -> dict[str, str]:
        """Return tags that make a tenant the owner, with one more; sometimes none."""
        if self.maybe(0.1):
            return {}
        return {"TenantId": owner} | ({"Team": self.source.choice(NAMES)} if self.maybe(0.5) else {})

    def document(self, name: str = "") -> str:
        """Return an identity policy; `name`: the tenant that it was written for."""
        statements = [self.statement(name) for _ in range(self.source.randint(1, 3))]
        return document(*statements, version="2008-10-17" if self.maybe(0.03) else "2012-10-17")

    def action(self) -> Any:
        """Return an Action element."""
        return self.source.choice((
            "secretsmanager:GetSecretValue", "secretsmanager:*", "secretsmanager:Get*", "*", "ssm:Get*", "kms:*",
            ["secretsmanager:GetSecretValue", "kms:Decrypt"], ["secretsmanager:Put*", "secretsmanager:*Resource"],
            "secretsmanager:DescribeSecret", "kms:Decrypt",
        ))  # fmt: skip

    def statement(self, name: str) -> dict[str, Any]:
        """Return a statement of an identity policy."""
        effect = "Deny" if self.maybe(0.2) else "Allow"
        found = statement(self.action(), self.resource(name), effect, **self.condition(name))
        if self.maybe(0.06):
            found["NotAction"] = found.pop("Action")
        if self.maybe(0.06):
            found["NotResource"] = found.pop("Resource")
        return found

    def resource(self, name: str) -> Any:
        """Return a Resource element."""
        if self.maybe(0.5):
            return "*"
        who = name or self.source.choice((*NAMES, "${aws:PrincipalTag/TenantId}", "${aws:username}"))
        end = self.source.choice(("*", "/*", "-*", "/db-??????", "/api*"))
        secrets = f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:{who}{end}"
        return self.source.choice((secrets, secrets, [secrets, f"arn:aws:kms:*:{ACCOUNT}:key/*"],
                                   f"arn:aws:ssm:*:*:parameter/{who}{end}"))  # fmt: skip

    def condition(self, name: str = "") -> dict[str, Any]:
        """Return a Condition element, or none."""
        if self.maybe(0.4):
            return {}
        pick = self.source.choice
        value = pick(("${aws:PrincipalTag/TenantId}", "${aws:PrincipalTag/TenantId}", "${aws:username}", name or "acme",
                      "${aws:PrincipalTag/Team, 'acme'}", ["acme", "beta"], "acme*", "*"))  # fmt: skip
        operator = pick(("", "", "", "ForAllValues:", "ForAnyValue:"))
        operator += pick(("StringEquals", "StringEquals", "StringLike", "StringNotEquals", "StringEqualsIgnoreCase"))
        tag = pick(("aws:ResourceTag/TenantId", "aws:ResourceTag/TenantId", "aws:ResourceTag/tenantid",
                    "aws:ResourceTag/Team", "aws:PrincipalTag/TenantId"))  # fmt: skip
        block: dict[str, Any] = {operator + ("IfExists" if self.maybe(0.2) else ""): {tag: value}}
        if self.maybe(0.25):
            block |= pick((
                {"StringEquals": {"aws:SourceVpce": "vpce-1"}}, {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
                {"Bool": {"aws:SecureTransport": "true"}},
                {"Null": {"aws:ResourceTag/TenantId": pick(("true", "false"))}},
                {"StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"}},
                {"StringNotEquals": {"aws:SourceVpc": ["vpc-1", "vpc-2"]}},
                {"NumericLessThan": {"aws:MultiFactorAuthAge": "60"}},
            ))  # fmt: skip
        return {"Condition": block}

    def secret_policy(self, owner: str) -> str:
        """Return the policy of a secret."""
        principal = self.source.choice((
            "*", {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, {"AWS": role_arn("agent")},
            {"AWS": role_arn(f"agent-{LOGINS[owner]}")}, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{LOGINS[owner]}"},
            {"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/agent/{owner}"},
        ))  # fmt: skip
        effect = "Deny" if self.maybe(0.2) else "Allow"
        return document(
            statement("secretsmanager:GetSecretValue", effect=effect, Principal=principal, **self.condition(owner))
        )

    def key_policy(self, owner: str) -> str:
        """Return the policy of a key."""
        root = statement("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
        named = statement(
            self.source.choice(("kms:Decrypt", "kms:*")), Principal={"AWS": role_arn(f"agent-{LOGINS[owner]}")},
            **self.condition(owner),
        )  # fmt: skip
        return document(*self.source.choice(((root,), (root, named), (named,))))


@dataclass(frozen=True, slots=True)
class Question:
    """One action of one agent on one thing, as the calls that must all be allowed."""

    acting: Acting
    action: str
    thing: Thing
    calls: tuple[dict[str, Any], ...]


class Audited:
    """One platform with what `reach` says of it, and the lines to ask the evaluator."""

    def __init__(self, facts: Snapshot, source: random.Random) -> None:
        """Ask `reach` about every agent and class."""
        self.facts = facts
        if facts.aws is None:
            raise LookupError("a platform has AWS facts")
        self.world = facts.aws.world
        self.asked = AwsIsolation(facts, facts.aws)
        self.source = source
        self.answers: list[tuple[Acting, ActionClass, Answer]] = [
            (acting, wanted, self.asked.estate.reach(acting.who, wanted))
            for acting in self.asked.acting if not isinstance(acting.who, Unknown)
            for wanted in CLASSES
        ]  # fmt: skip

    def line(self, acting: Acting, principal: Principal, request: Request) -> dict[str, Any]:
        """Return one call in the format of `ask aws`, put together from the facts without the code under test."""
        mine = next(one for one in self.world.accounts if one.id == ACCOUNT)
        there: list[Role | User] = [*(mine.roles or ()), *(mine.users or ())]
        who = next(one for one in there if one.arn == acting.arn)
        texts = {policy.name: policy.text for policy in mine.policies or ()}
        groups = [one for one in mine.groups or () if isinstance(who, User) and one.name in (who.groups or ())]
        identity = [text.text for one in (who, *groups) for text in one.inline or ()]
        identity += [texts[arn] for one in (who, *groups) for arn in one.attached or ()]
        organization = self.world.organization or Organization()
        owner = ACCOUNT if request.resource == "*" else request.resource.split(":")[4]
        policies = {
            "identity": [json.loads(text or "") for text in identity],
            "boundary": json.loads(texts[who.boundary] or "") if who.boundary else None,
            "scps": _levels(organization.scps.get(ACCOUNT)),
            "rcps": _levels(organization.rcps.get(owner)),
            "resource": self.resource_policy(request.resource),
        }
        return {
            "id": "1", "principal": principal.arn, "policies": {name: one for name, one in policies.items() if one},
            "principal_tags": who.tags or {}, "session_tags": dict(principal.session_tags),
            "request": {
                "action": request.action, "resource": request.resource,
                "resource_tags": dict(request.resource_tags or {}), "request_tags": dict(request.request_tags),
                "context": {
                    name: value if isinstance(value, str) else list(value) for name, value in request.context.items()
                },
            },
        }  # fmt: skip

    def resource_policy(self, arn: str) -> Any:
        """Return the policy of a secret or key, None without one."""
        for one in self.world.accounts:
            for region in one.regions:
                things: list[Secret | Key] = [*(region.secrets or ()), *(region.keys or ())]
                for thing in things:
                    if thing.arn == arn:
                        return json.loads(thing.policy) if thing.policy else None
        return None

    def witnesses(self) -> Iterator[tuple[Acting, Grant, tuple[dict[str, Any], ...]]]:
        """Yield every grant with the calls of its witness."""
        for acting, _, answer in self.answers:
            for grant in answer.grants:
                if grant.effect is Effect.ALLOW and not isinstance(acting.who, Unknown):
                    principal = acting.who.principal
                    session = next((text for text in grant.assuming if text.startswith("the session name is")), "")
                    if session:
                        name = session.partition("'")[2].rpartition("'")[0]
                        arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{acting.arn.rpartition('/')[2]}/{name}"
                        principal = replace(principal, arn=arn)
                    yield acting, grant, tuple(self.line(acting, principal, one) for one in grant.witness)

    def questions(self) -> Iterator[Question]:
        """Yield some actions of each agent on everything that is not its tenant's."""
        for acting, wanted, _ in self.answers:
            if isinstance(acting.who, Unknown):
                continue
            for thing in self.asked.estate.things:
                actions = actions_of(wanted, thing.sort)
                if thing.foreign(acting.tenant) and thing.collection is None:
                    for action in self.source.sample(actions, min(_ASKED, len(actions))):
                        called = (_sent(one) for one, _ in requests(action, thing, wanted))
                        calls = (self.line(acting, acting.who.principal, one) for one in called)
                        yield Question(acting, action, thing, tuple(calls))

    def found(self, question: Question) -> bool:
        """Whether `reach` has a grant, or says that it does not know, for what a question is about."""
        return any(
            question.action in grant.actions and owner in _named(self.asked, grant.owners)
            for acting, _, answer in self.answers if acting is question.acting
            for grant in answer.grants
            for owner in question.thing.owners or (OTHERS,)
        )  # fmt: skip


def _sent(request: Request) -> Request:
    """Return a request with what every one has: the services take no call without TLS."""
    return replace(request, context={"aws:SecureTransport": "true", **request.context})


def _levels(levels: Levels | None) -> list[list[Any]]:
    return [[json.loads(policy.text or "") for policy in level] for level in levels or ()]


def _named(asked: AwsIsolation, owners: Owners) -> set[str]:
    return set(owners.names) if owners.all_except is None else set(asked.estate.owners) - set(owners.all_except)


def main() -> int:
    """Compare platforms until the count or the time is reached."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    folder_option(options)
    options.add_argument("--platforms", type=int, default=1000)
    options.add_argument("--seconds", type=float, default=300)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    if skipped(chosen.evaluator, "the comparison of what AWS agents reach"):
        return 0
    counts, faults, start, number = compare(chosen.evaluator, chosen.platforms, chosen.seconds, chosen.seed)
    for name, count in counts.most_common():
        sys.stdout.write(f"{count:>8} {name}\n")
    sys.stdout.write(f"{number} platforms in {time.monotonic() - start:.0f} s, {faults} differences\n")
    return 1 if faults else 0


def compare(folder: Path, platforms: int, seconds: float, seed: int) -> tuple[Counter[str], int, float, int]:
    """Return what was counted, the differences, when it began and how many platforms there were."""
    source = random.Random(seed)  # noqa: S311  (not for secrets)
    maker, counts, faults = Platforms(source), Counter[str](), 0
    start, number = time.monotonic(), 0
    while number < platforms and time.monotonic() < start + seconds and faults < _SHOWN:
        batch = [Audited(maker.snapshot(), source) for _ in range(min(10, platforms - number))]
        number += len(batch)
        witnesses = [(one, found) for one in batch for found in one.witnesses()]
        questions = [(one, question) for one in batch for question in one.questions()]
        calls = [call for _, (_, _, lines) in witnesses for call in lines]
        calls += [call for _, question in questions for call in question.calls]
        answers = iter(evaluated(calls, folder))
        for _, (acting, grant, lines) in witnesses:
            got = [next(answers) for _ in lines]
            counts["witnesses"] += 1
            if any("no.resource.types" in answer.get("error", "") for answer in got):
                # It knows no parameter whose name is the root folder.
                counts["witnesses refused by the evaluator"] += 1
            elif faults < _SHOWN and any(answer.get("decision") != "ALLOW" for answer in got):
                faults += not _excused(counts, "witness", lines, (acting.arn, grant.actions[0], got))
        for audited, question in questions:
            got = [next(answers) for _ in question.calls]
            counts["questions"] += 1
            allowed = all(answer.get("decision") == "ALLOW" for answer in got)
            counts["questions allowed"] += allowed
            if allowed and faults < _SHOWN and not audited.found(question):
                faults += not _excused(counts, "not found", question.calls, (question.acting.tenant, question.action))
    return counts, faults, start, number


def _excused(counts: Counter[str], what: str, lines: tuple[dict[str, Any], ...], shown: tuple[Any, ...]) -> bool:
    points = frozenset[str]().union(*(departures(line) for line in lines))
    if points:
        counts.update(f"{what} with {point}" for point in points)
        return True
    sys.stdout.write(f"DIFFERENT {what}: {shown}\n" + "".join(json.dumps(line) + "\n" for line in lines))
    return False


if __name__ == "__main__":
    raise SystemExit(main())
