"""What tenants stand on in IAM: roles, users, groups and policies, and who may change those of others.

A role or user is a tenant's where one of its agents acts with it or where it is in the tenant's territory; a managed
policy or group is everybody's who has a role or user with it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from cred_audit.decide import Effect, Reason
from cred_audit.decide.aws import catalogue
from cred_audit.decide.aws.crowd import Crowd, One
from cred_audit.decide.aws.holdings import Territories
from cred_audit.decide.aws.model import Request, Value
from cred_audit.decide.aws.principals import Principals
from cred_audit.decide.aws.ways import Held
from cred_audit.decide.aws.world import Role, User

_CHANGING = frozenset({"Write", "Permissions management", "Tagging"})
_MAKING = frozenset({
    "CreateRole", "CreateServiceLinkedRole", "CreateUser", "CreateGroup", "CreatePolicy", "PassRole",
    "DeleteServiceLinkedRole",
})  # fmt: skip
"""Actions that change nothing of a role, user, group or policy that is there and not AWS's own."""
_HARMLESS = frozenset({
    "ChangePassword", "TagPolicy", "UntagPolicy", "UpdateRoleDescription", "ResyncMFADevice",
})  # fmt: skip
"""Actions that change nothing which anybody's rights depend on, or that only the user itself can send."""
KINDS = ("role", "user", "group", "policy")


@cache
def changes_of(kind: str) -> tuple[str, ...]:
    """Return the actions that change a role, user, group or policy."""
    return tuple(
        action
        for action, levels in catalogue.actions_on("iam", kind)
        if not _CHANGING.isdisjoint(levels) and action.partition(":")[2] not in _MAKING | _HARMLESS
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Statements that let a principal change what others stand on."""

    sure: bool
    kind: str
    """role, user, group or policy."""
    arn: str
    """One of them."""
    owners: frozenset[str]
    actions: tuple[str, ...]
    request: Request
    because: tuple[Reason, ...]
    assuming: tuple[str, ...]


def limits_of(entity: Role | User) -> dict[str, Value]:
    """Return the condition keys that a role's or user's own boundary gives to requests that change it."""
    # Absent without a boundary; unknown where it was not seen.
    return {} if entity.boundary is None else {"iam:permissionsboundary": entity.boundary or ()}


def _everyone(principals: Principals) -> Iterator[Role | User]:
    yield from principals.roles.values()
    yield from principals.users.values()


def _joined(sets: set[frozenset[str]]) -> frozenset[str]:
    return next(iter(sets)) if len(sets) == 1 else frozenset().union(*sets)


class Standing:
    """Everything in IAM that somebody stands on."""

    def __init__(self, principals: Principals, territories: Territories, agents: Iterable[tuple[str, str]]) -> None:
        """Take the roles and users, whose is what, and the agents: (tenant, ARN of its role or user)."""
        self.principals = principals
        self.owners: dict[str, frozenset[str]] = {}
        """ARN -> who stands on it."""
        self.unseen: set[str] = set()
        """Roles and users whose tags, which may make them somebody's, were not seen."""
        found: dict[str, set[str]] = {}
        for tenant, arn in agents:
            found.setdefault(arn, set()).add(tenant)
        for entity in _everyone(principals):
            owners = territories.owners(entity.arn, entity.tags)
            if owners:
                found.setdefault(entity.arn, set()).update(owners)
            elif entity.tags is None and territories.by_tags:
                self.unseen.add(entity.arn)
        shared: dict[frozenset[str], frozenset[str]] = {}
        for arn, names in found.items():
            kept = frozenset(names)
            self.owners[arn] = shared.setdefault(kept, kept)
        self._of_policies()
        self._crowds: dict[str, tuple[Crowd, dict[str, list[int]]]] = {}

    def _of_policies(self) -> None:
        found: dict[str, set[frozenset[str]]] = {}
        groups = {
            (account.id, group.name): group
            for account in self.principals.accounts.values() for group in account.groups or ()
        }  # fmt: skip
        for entity in _everyone(self.principals):
            owners = self.owners.get(entity.arn)
            if owners is None:
                continue
            attached = [*(entity.attached or ()), *([entity.boundary] if entity.boundary else ())]
            if isinstance(entity, User):
                for name in entity.groups or ():
                    group = groups.get((entity.arn.split(":", 5)[4], name))
                    if group is not None:
                        found.setdefault(group.arn, set()).add(owners)
                        attached += group.attached or ()
            for arn in attached:
                if not arn.startswith("arn:aws:iam::aws:"):
                    found.setdefault(arn, set()).add(owners)
        for arn, sets in found.items():
            self.owners[arn] = next(iter(sets)) if len(sets) == 1 else frozenset().union(*sets)

    def commands(self, held: Held, own: str) -> Iterator[Command]:
        """Yield what a principal may change of what others than a tenant stand on."""
        if not held.uses("iam"):
            return
        for kind in KINDS:
            crowd, by_account = self._crowd(kind)
            near = by_account.get(held.account, [])
            if near:
                for group, action in self._groups(held, kind, crowd, near):
                    yield from self._command(held, own, kind, action, [crowd.things[number] for number in group])

    def _groups(self, held: Held, kind: str, crowd: Crowd, near: list[int]) -> Iterator[tuple[tuple[int, ...], str]]:
        for action in changes_of(kind):
            if not held.may(action):
                continue
            clauses = held.evaluator.clauses(action.lower())
            keys = held.evaluator.keys(Request(action=action))
            meant = crowd.meant(clauses, keys) if held.allows(action) else None
            numbers = near if meant is None else sorted(meant.intersection(near))
            for group in crowd.divided(numbers, clauses, keys, held.account if meant is None else ""):
                yield group, action

    def _command(self, held: Held, own: str, kind: str, action: str, group: list[One]) -> Iterator[Command]:
        foreign = [one for one in group if self._owners(one) - {own}]
        unsure = [one for one in group if one.arn in self.unseen and one.arn != held.arn]
        if not foreign and not unsure:
            return
        one = (foreign or unsure)[0]
        context = {} if "Boundary" in action and "Put" in action else self._facts(one.arn)
        tried = held.ask(action, one.arn, tags=one.tags, tags_known=one.tags is not None, context=context)
        if tried.open:
            yield Command(
                sure=tried.effect is Effect.ALLOW and bool(foreign), kind=kind, arn=one.arn, actions=(action,),
                owners=_joined({self._owners(other) for other in foreign}),
                request=tried.request, because=tried.because, assuming=tried.assuming,
            )  # fmt: skip

    def _owners(self, one: One) -> frozenset[str]:
        return self.owners.get(one.arn, frozenset())

    def _facts(self, arn: str) -> Mapping[str, Value]:
        entity = self.principals.roles.get(arn) or self.principals.users.get(arn)
        return {} if entity is None else limits_of(entity)

    def _crowd(self, kind: str) -> tuple[Crowd, dict[str, list[int]]]:
        """Return everything of a kind that somebody stands on, and its numbers by account."""
        known = self._crowds.get(kind)
        if known is None:
            arns = [arn for arn in sorted({*self.owners, *self.unseen}) if f":{kind}/" in arn]
            crowd = Crowd(map(self._one, arns))
            by_account: dict[str, list[int]] = {}
            for number, arn in enumerate(arns):
                by_account.setdefault(arn.split(":", 5)[4], []).append(number)
            known = self._crowds[kind] = (crowd, by_account)
        return known

    def _one(self, arn: str) -> One:
        entity = self.principals.roles.get(arn) or self.principals.users.get(arn)
        if entity is not None:
            return One(arn=arn, tags=entity.tags, mark=entity.boundary)
        # Tags of managed policies are not collected; those of groups do not exist.
        return One(arn=arn, tags={} if ":group/" in arn else None)
