"""What can be made of a role or user that is there: more policies, no boundary, no deny.

IAM API Reference: PutRolePolicy, AttachRolePolicy, CreatePolicyVersion, DeleteRolePermissionsBoundary and their forms
for users and groups. What comes of it is a role or user like any other: its rights are decided again, so that a
service control policy or a deny that stays still holds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cred_audit.decide import Effect
from cred_audit.decide.aws.model import Kind, Value
from cred_audit.decide.aws.principals import Principals
from cred_audit.decide.aws.standing import limits_of
from cred_audit.decide.aws.ways import ADMINISTRATOR, ADMINISTRATOR_ARN, Blind, Held, Step, name_of
from cred_audit.decide.aws.world import Group, PolicyText, Role, User, asked

NAME = "cred-audit"
"""Name of an inline policy that a chain writes."""
_POLICIES = 30
"""Managed policies and groups that are tried where not every one may be taken."""
_UNSEEN = "(not seen)"
"""Stands for policies or groups that were not seen."""
WIDENS = (
    "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:DeleteRolePolicy", "iam:DetachRolePolicy",
    "iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary", "iam:PutUserPolicy", "iam:AttachUserPolicy",
    "iam:DeleteUserPolicy", "iam:DetachUserPolicy", "iam:DeleteUserPermissionsBoundary",
    "iam:PutUserPermissionsBoundary", "iam:PutGroupPolicy", "iam:AttachGroupPolicy", "iam:AddUserToGroup",
    "iam:RemoveUserFromGroup", "iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion",
)  # fmt: skip
"""The actions that make more of a role or user that is there."""
ADMINISTERED = PolicyText(name=NAME, text=ADMINISTRATOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Widened:
    """A role or user as one request leaves it."""

    entity: Role | User
    step: Step
    sure: bool


class Widening:
    """What one principal may make of roles and users of its account."""

    def __init__(self, principals: Principals) -> None:
        """Take everyone's policies."""
        self.principals = principals

    def of(self, actor: Held, entity: Role | User) -> Iterator[Widened]:
        """Yield what a principal can make of a role or user, one request each."""
        if entity.arn.split(":", 5)[4] != actor.account:
            return
        entity = _filled(entity)
        if ADMINISTERED not in (entity.inline or ()):
            yield from self._more(actor, entity)
        if entity.boundary != "":
            yield from self._unbound(actor, entity)
        yield from self._less(actor, entity)

    def blind(self, actor: Held, entity: Role | User, made: Sequence[Widened]) -> Iterator[Blind]:
        """Yield what was not seen or not tried and may widen a role or user beyond what was made of it."""
        yield from self._untried(actor, entity, made)
        if not any(one.sure and ADMINISTERED in (one.entity.inline or ()) for one in made):
            # With every right nothing that was not seen adds one; what was seen and denies is looked at from there.
            yield from self._unseen(actor, entity)

    def _untried(self, actor: Held, entity: Role | User, made: Sequence[Widened]) -> Iterator[Blind]:
        """Yield what there is more of than is tried, where what was tried does not do."""
        kind, _ = _kind(entity)
        cut = []
        full = ADMINISTERED in (entity.inline or ())
        if not full and not any(one.sure and ADMINISTERED in (one.entity.inline or ()) for one in made):
            if len(self._to_attach(actor, f"iam:Attach{kind}Policy")) > _POLICIES:
                cut.append(f"managed policies to attach to {entity.arn}")
            if isinstance(entity, User) and len(self._to_join(actor, entity)) > _POLICIES:
                cut.append(f"groups for {entity.arn} to join")
        bound = entity.boundary != "" and not any(one.sure and one.entity.boundary == "" for one in made)
        if bound and len(self._boundaries(actor, f"iam:Put{kind}PermissionsBoundary")) > _POLICIES:
            cut.append(f"boundaries to put on {entity.arn}")
        for what in cut:
            yield Blind(reason=f"there are more {what} than the {_POLICIES} that were tried", where=actor.arn)

    def _unseen(self, actor: Held, entity: Role | User) -> Iterator[Blind]:
        account = self.principals.accounts[actor.account]
        full = ADMINISTERED in (entity.inline or ())
        if isinstance(entity, User) and not full and account.groups is None and actor.may("iam:AddUserToGroup"):
            yield Blind(reason="the groups that it may join were not seen", where=asked("iam", actor.account))
        for arn in entity.attached or ():
            if full and not self._denies(actor.account, None, arn):
                continue
            if ":policy/" in arn and not arn.startswith("arn:aws:iam::aws:"):
                step = self._step(actor, "iam:SetDefaultPolicyVersion", arn, "", tags_known=False)
                if step is not None:
                    yield Blind(
                        reason=f"what other versions of the policy {arn} grant, one of which it may make the default, "
                        "was not seen",
                        where=f"iam list-policy-versions --policy-arn {arn}", because=step[0].because,
                    )  # fmt: skip

    def _more(self, actor: Held, entity: Role | User) -> Iterator[Widened]:
        kind, option = _kind(entity)
        with_all = replace(entity, inline=(*(entity.inline or ()), ADMINISTERED))
        yield from self._one(
            actor, f"iam:Put{kind}Policy", entity, f"can put a policy of its choosing on {entity.arn}", with_all,
            option, ("--policy-name", NAME, "--policy-document", ADMINISTRATOR),
        )  # fmt: skip
        yield from self._attached(actor, entity, with_all)
        for arn in entity.attached or ():
            if arn.startswith("arn:aws:iam::aws:") or arn == _UNSEEN:
                continue
            rest = tuple(one for one in entity.attached or () if one != arn)
            yield from self._one(
                actor, "iam:CreatePolicyVersion", arn, f"can write a new default version of the policy {arn}",
                replace(with_all, attached=rest), ("--policy-arn", arn),
                ("--set-as-default", "--policy-document", ADMINISTRATOR), tags_known=False,
            )  # fmt: skip
        if isinstance(entity, User):
            yield from self._by_groups(actor, entity)

    def _attached(self, actor: Held, entity: Role | User, with_all: Role | User) -> Iterator[Widened]:
        kind, option = _kind(entity)
        action = f"iam:Attach{kind}Policy"
        for arn in self._to_attach(actor, action)[:_POLICIES]:
            if arn in (entity.attached or ()):
                continue
            attached = replace(entity, attached=(*(entity.attached or ()), arn))
            yield from self._one(
                actor, action, entity, f"can attach the policy {arn} to {entity.arn}",
                with_all if arn == ADMINISTRATOR_ARN else attached, option, ("--policy-arn", arn),
                context={"iam:PolicyARN": arn},
            )  # fmt: skip

    def _to_attach(self, actor: Held, action: str) -> tuple[str, ...]:
        """Return the policies worth attaching: where it may be any, the one that allows everything."""
        if not actor.may(action):
            return ()
        asked_for = any(
            condition.key.lower() == "iam:policyarn"
            for clause in actor.evaluator.clauses(action.lower())
            for condition in clause.statement.conditions
        )
        if not asked_for:
            return (ADMINISTRATOR_ARN,)
        known = (policy.name for policy in self.principals.accounts[actor.account].policies or ())
        return tuple(dict.fromkeys((ADMINISTRATOR_ARN, *known)))

    def _to_join(self, actor: Held, user: User) -> tuple[Group, ...]:
        if not actor.may("iam:AddUserToGroup"):
            return ()
        groups = self.principals.accounts[actor.account].groups or ()
        return tuple(group for group in groups if group.name not in (user.groups or ()))

    def _by_groups(self, actor: Held, user: User) -> Iterator[Widened]:
        groups = self.principals.accounts[actor.account].groups or ()
        with_all = replace(user, inline=(*(user.inline or ()), ADMINISTERED))
        for group in groups:
            option = ("--group-name", group.name)
            if group.name in (user.groups or ()):
                yield from self._one(
                    actor, "iam:PutGroupPolicy", group.arn, f"can put a policy of its choosing on {group.arn}",
                    with_all, option, ("--policy-name", NAME, "--policy-document", ADMINISTRATOR),
                )  # fmt: skip
                yield from self._one(
                    actor, "iam:AttachGroupPolicy", group.arn, f"can attach any policy to {group.arn}", with_all,
                    option, ("--policy-arn", ADMINISTRATOR_ARN), context={"iam:PolicyARN": ADMINISTRATOR_ARN},
                )  # fmt: skip
                for arn in group.attached or ():
                    if not arn.startswith("arn:aws:iam::aws:"):
                        yield from self._one(
                            actor, "iam:CreatePolicyVersion", arn,
                            f"can write a new default version of the policy {arn}", with_all, ("--policy-arn", arn),
                            ("--set-as-default", "--policy-document", ADMINISTRATOR), tags_known=False,
                        )  # fmt: skip
        for group in self._to_join(actor, user)[:_POLICIES]:
            yield from self._joined(actor, user, group)

    def _joined(self, actor: Held, user: User, group: Group) -> Iterator[Widened]:
        yield from self._one(
            actor, "iam:AddUserToGroup", group.arn, f"can add {user.arn} to {group.arn}",
            replace(user, groups=(*(user.groups or ()), group.name)), ("--group-name", group.name),
            ("--user-name", name_of(user.arn)),
        )  # fmt: skip

    def _unbound(self, actor: Held, entity: Role | User) -> Iterator[Widened]:
        kind, option = _kind(entity)
        free = replace(entity, boundary="")
        yield from self._one(
            actor,
            f"iam:Delete{kind}PermissionsBoundary",
            entity,
            f"can take the boundary off {entity.arn}",
            free,
            option,
        )
        action = f"iam:Put{kind}PermissionsBoundary"
        if actor.may(action):
            for arn in (ADMINISTRATOR_ARN, *self.boundaries(actor, action)):
                yield from self._one(
                    actor, action, entity, f"can put the boundary {arn} on {entity.arn}",
                    free if arn == ADMINISTRATOR_ARN else replace(entity, boundary=arn), option,
                    ("--permissions-boundary", arn), context={"iam:permissionsboundary": arn},
                )  # fmt: skip
        if entity.boundary and not entity.boundary.startswith("arn:aws:iam::aws:"):
            arn = entity.boundary
            yield from self._one(
                actor, "iam:CreatePolicyVersion", arn, f"can write a new default version of the boundary {arn}", free,
                ("--policy-arn", arn), ("--set-as-default", "--policy-document", ADMINISTRATOR), tags_known=False,
            )  # fmt: skip

    def boundaries(self, actor: Held, action: str) -> tuple[str, ...]:
        """Return the managed policies that statements on an action name as boundaries, the first ones of many."""
        return self._boundaries(actor, action)[:_POLICIES]

    def more_boundaries(self, actor: Held, action: str) -> Iterator[Blind]:
        """Yield that there are more boundaries than are tried, where it is so."""
        if len(self._boundaries(actor, action)) > _POLICIES:
            yield Blind(
                reason=f"{action} may take more boundaries than the {_POLICIES} that were tried", where=actor.arn
            )

    def _boundaries(self, actor: Held, action: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(
            value
            for clause in actor.evaluator.clauses(action.lower())
            for condition in clause.statement.conditions
            if condition.key.lower() == "iam:permissionsboundary"
            for value in condition.values
            if self.principals.managed(actor.account, value, Kind.BOUNDARY) is not None
        ))  # fmt: skip

    def _less(self, actor: Held, entity: Role | User) -> Iterator[Widened]:
        """Yield the entity without one of the policies that deny something."""
        kind, option = _kind(entity)
        for policy in entity.inline or ():
            if policy.name == _UNSEEN or not self._denies(actor.account, policy, None):
                continue
            rest = tuple(one for one in entity.inline or () if one != policy)
            named = (*option, "--policy-name", policy.name)
            yield from self._one(
                actor, f"iam:Delete{kind}Policy", entity, f"can delete the policy {policy.name} of {entity.arn}",
                replace(entity, inline=rest), named,
            )  # fmt: skip
            yield from self._one(
                actor, f"iam:Put{kind}Policy", entity, f"can overwrite the policy {policy.name} of {entity.arn}",
                replace(entity, inline=(*(one for one in rest if one != ADMINISTERED), ADMINISTERED)), named,
                ("--policy-document", ADMINISTRATOR),
            )  # fmt: skip
        for arn in entity.attached or ():
            if arn != _UNSEEN and self._denies(actor.account, None, arn):
                rest_arns = tuple(one for one in entity.attached or () if one != arn)
                yield from self._one(
                    actor, f"iam:Detach{kind}Policy", entity, f"can detach the policy {arn} from {entity.arn}",
                    replace(entity, attached=rest_arns), option, ("--policy-arn", arn), context={"iam:PolicyARN": arn},
                )  # fmt: skip
        for name in (entity.groups or ()) if isinstance(entity, User) else ():
            groups = {group.name: group for group in self.principals.accounts[actor.account].groups or ()}
            if name in groups and isinstance(entity, User):
                left = replace(entity, groups=tuple(one for one in entity.groups or () if one != name))
                yield from self._one(
                    actor, "iam:RemoveUserFromGroup", groups[name].arn, f"can take {entity.arn} out of {name}",
                    left, ("--group-name", name), ("--user-name", name_of(entity.arn)),
                )  # fmt: skip

    def _denies(self, account: str, inline: PolicyText | None, managed: str | None) -> bool:
        if inline is not None:
            document = self.principals.documents.read(inline.text, Kind.IDENTITY, f"inline policy {inline.name}")
        else:
            document = self.principals.managed(account, managed or "", Kind.IDENTITY)
        return document is None or any(not statement.allow for statement in document.statements)

    def _one(  # noqa: PLR0913, PLR0917  (the parts of a request)
        self, actor: Held, action: str, on: Role | User | str, shows: str, after: Role | User,
        option: tuple[str, ...], more: tuple[str, ...] = (), *,
        context: Mapping[str, Value] | None = None, tags_known: bool = True,
    ) -> Iterator[Widened]:  # fmt: skip
        if not actor.may(action):
            return
        given: dict[str, Value] = {} if isinstance(on, str) else dict(limits_of(on))
        given |= context or {}
        arn = on if isinstance(on, str) else on.arn
        tags = None if isinstance(on, str) else on.tags
        known = tags_known and (isinstance(on, str) or on.tags is not None)
        call = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in action.removeprefix("iam:"))
        made = self._step(
            actor, action, arn, shows, tags=tags, tags_known=known, context=given,
            command=("iam", call.lstrip("-"), *option, *more),
        )  # fmt: skip
        if made is not None:
            yield Widened(entity=after, step=made[0], sure=made[1])

    def _step(  # noqa: PLR0913  (the parts of a request)
        self, actor: Held, action: str, arn: str, shows: str, *, tags: Mapping[str, str] | None = None,
        tags_known: bool = True, context: Mapping[str, Value] | None = None, command: tuple[str, ...] = (),
    ) -> tuple[Step, bool] | None:  # fmt: skip
        if not actor.may(action):
            return None
        tried = actor.ask(action, arn, tags=tags, tags_known=tags_known, context=context)
        if not tried.open:
            return None
        step = Step(
            request=tried.request, by=actor.principal, shows=shows, because=tried.because, assuming=tried.assuming,
            command=command, holder=actor.arn,
        )  # fmt: skip
        return step, tried.effect is Effect.ALLOW


def _filled(entity: Role | User) -> Role | User:
    """Return a role or user that keeps what was not seen beside what a request adds."""
    if entity.inline is None:
        entity = replace(entity, inline=(PolicyText(name=_UNSEEN, text=None),))
    if entity.attached is None:
        entity = replace(entity, attached=(_UNSEEN,))
    if isinstance(entity, User) and entity.groups is None:
        entity = replace(entity, groups=(_UNSEEN,))
    return entity


def _kind(entity: Role | User) -> tuple[str, tuple[str, ...]]:
    """Return how actions and the command line name a role or user."""
    if isinstance(entity, Role):
        return "Role", ("--role-name", name_of(entity.arn))
    return "User", ("--user-name", name_of(entity.arn))
