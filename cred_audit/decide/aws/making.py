"""The ways by what a principal makes in IAM: a new role or user with a policy that allows everything.

IAM API Reference: CreateRole, CreateUser, PutRolePolicy, AttachRolePolicy and their forms for users.
"""

import json
from dataclasses import replace

from cred_audit.decide import Effect
from cred_audit.decide.aws.document import read_document
from cred_audit.decide.aws.model import Kind, Value
from cred_audit.decide.aws.naming import names
from cred_audit.decide.aws.sessions import Sessions
from cred_audit.decide.aws.standing import limits_of
from cred_audit.decide.aws.ways import (
    ADMINISTRATOR,
    ADMINISTRATOR_ARN,
    Blind,
    Found,
    Held,
    Step,
    fixed,
    name_of,
    step_of,
)
from cred_audit.decide.aws.widening import ADMINISTERED, NAME, Widening
from cred_audit.decide.aws.world import Role, User


class Making:
    """The ways by new roles and users."""

    def __init__(self, sessions: Sessions, widening: Widening) -> None:
        """Take the ways by sessions: a new role is assumed like any other."""
        self.sessions = sessions
        self.principals = sessions.principals
        self.widening = widening

    def add(self, held: Held, found: Found) -> None:
        """Add all ways by what a principal makes."""
        self._role(held, found)
        self._user(held, found)

    def _role(self, held: Held, found: Found) -> None:
        """Add a role that it makes, with a policy that allows everything."""
        if not held.may("iam:CreateRole"):
            return
        start = f"arn:aws:iam::{held.account}:role/"
        text = trusting(held.arn)
        trust = read_document(text, Kind.RESOURCE, "trust policy that the chain writes")
        arns, complete = names(
            held, ("iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "sts:AssumeRole"), start
        )
        for boundary in ("", *self.widening.boundaries(held, "iam:CreateRole")):
            for arn in arns:
                role = Role(arn=arn, trust=text, inline=(ADMINISTERED,), boundary=boundary)
                made = self._made(held, role, "role", ("--assume-role-policy-document", text))
                taken = self.sessions.steps(held, held, Held(self.principals, role), trust)
                if made is not None and taken is not None:
                    sure = made[1] and self.sessions.ask(held, role, {}, trust).effect is Effect.ALLOW
                    found.ways.append(fixed(Held(self.principals, role), [*made[0], *taken], sure=sure))
                    if sure and not boundary:
                        return
                    if sure:
                        break
        self._untried(held, "iam:CreateRole", found, complete=complete)

    def _user(self, held: Held, found: Found) -> None:
        """Add a user that it makes, with a policy that allows everything and an access key."""
        if not held.may("iam:CreateUser"):
            return
        start = f"arn:aws:iam::{held.account}:user/"
        arns, complete = names(
            held, ("iam:CreateUser", "iam:PutUserPolicy", "iam:AttachUserPolicy", "iam:CreateAccessKey"), start
        )
        for boundary in ("", *self.widening.boundaries(held, "iam:CreateUser")):
            for arn in arns:
                user = User(arn=arn, inline=(ADMINISTERED,), boundary=boundary)
                made = self._made(held, user, "user", ())
                tried = held.ask("iam:CreateAccessKey", arn, context=limits_of(user))
                if made is not None and tried.open:
                    step = step_of(held, tried, f"can make an access key of {arn}",
                                 ("iam", "create-access-key", "--user-name", name_of(arn)))  # fmt: skip
                    sure = made[1] and tried.effect is Effect.ALLOW
                    steps = [*made[0], replace(step, gives=arn)]
                    found.ways.append(fixed(Held(self.principals, user), steps, sure=sure))
                    if sure and not boundary:
                        return
                    if sure:
                        break
        self._untried(held, "iam:CreateUser", found, complete=complete)

    def _untried(self, held: Held, action: str, found: Found, *, complete: bool) -> None:
        """Add what was not tried of the names and boundaries of what it would make."""
        found.blind += self.widening.more_boundaries(held, action)
        if not complete:
            reason = f"there are more names for what {action} would make than were tried"
            found.blind.append(Blind(reason=reason, where=held.arn))

    def _made(
        self, held: Held, entity: Role | User, kind: str, more: tuple[str, ...]
    ) -> tuple[tuple[Step, Step], bool] | None:
        """Return the requests that make a principal and give it a policy, and whether both are sure."""
        limits = limits_of(entity)
        bound = ("--permissions-boundary", entity.boundary) if entity.boundary else ()
        title = kind.title()
        made = held.ask(f"iam:Create{title}", entity.arn, context=limits)
        if not made.open:
            return None
        name = (f"--{kind}-name", name_of(entity.arn))
        first = step_of(
            held, made, f"can make the {kind} {entity.arn}", ("iam", f"create-{kind}", *name, *more, *bound)
        )
        for action, words, context in (
            (f"iam:Put{title}Policy", (f"put-{kind}-policy", *name, "--policy-name", NAME,
                                       "--policy-document", ADMINISTRATOR), {}),
            (f"iam:Attach{title}Policy", (f"attach-{kind}-policy", *name, "--policy-arn", ADMINISTRATOR_ARN),
             {"iam:PolicyARN": ADMINISTRATOR_ARN}),
        ):  # fmt: skip
            given: dict[str, Value] = {**limits, **context}
            tried = held.ask(action, entity.arn, context=given)
            if tried.open:
                second = step_of(held, tried, "can let it do everything", ("iam", *words))
                return (first, second), made.effect is tried.effect is Effect.ALLOW
        return None


def trusting(arn: str, before: str | None = None) -> str:
    """Return a trust policy for one principal that also lets in whom the policy before let in."""
    statement = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": ["sts:AssumeRole", "sts:TagSession"]}
    try:
        known = json.loads(before) if before is not None else {}
    except (ValueError, RecursionError):
        known = {}
    kept = known.get("Statement", []) if isinstance(known, dict) else []
    kept = [one for one in (kept if isinstance(kept, list) else [kept])
            if isinstance(one, dict) and one.get("Effect") == "Allow"]  # fmt: skip
    version = known.get("Version", "2008-10-17") if kept else "2012-10-17"
    return json.dumps({"Version": version, "Statement": [*kept, statement]})
