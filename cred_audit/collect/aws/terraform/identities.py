"""The roles, users, groups and managed policies of a plan, with what it attaches to whom."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from cred_audit.collect.aws.printed.iam import Identities
from cred_audit.collect.aws.printed.shape import Fact, Listing, ShapeError, document_of
from cred_audit.collect.aws.terraform.gone import KINDS, Gone
from cred_audit.collect.aws.terraform.plan import UNKNOWN, Resource, listed, mapping
from cred_audit.collect.aws.terraform.site import Site
from cred_audit.decide.aws.world import Group, PolicyText, Role, User

Holder = TypeVar("Holder", Role, User, Group)


@dataclass(slots=True)
class _Held:
    """What a role, user or group has besides what stands in its own resource."""

    inline: dict[str, PolicyText] = field(default_factory=dict)
    attached: dict[str, None] = field(default_factory=dict)
    groups: dict[str, None] = field(default_factory=dict)
    profiles: dict[str, None] = field(default_factory=dict)
    """ARNs of instance profiles."""
    unseen: set[str] = field(default_factory=set)
    """`inline`, `attached` or `groups`: parts that are not all known."""


@dataclass(slots=True)
class PlannedIdentities:
    """Everything of IAM in one plan."""

    site: Site
    found: Identities = field(default_factory=Identities)
    held: dict[tuple[str, str], _Held] = field(default_factory=dict)
    """(kind, name) -> what links add to it, also where the plan does not hold the role, user or group itself."""
    managed: dict[str, str] = field(default_factory=dict)
    """Address of a managed policy -> its ARN."""
    names: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Address of a role, user or group -> its kind and name."""
    unsure: set[tuple[str, str]] = field(default_factory=set)
    """(kind, part): something of this part is for one of the kind, and nobody knows for which."""
    gone: Gone = field(init=False)

    def __post_init__(self) -> None:
        self.gone = Gone.of(self.site.plan)

    def read(self) -> None:
        """Read the plan."""
        resources = self.site.plan.resources
        by_type: dict[str, list[Resource]] = {}
        for resource in resources:
            by_type.setdefault(resource.type, []).append(resource)
        for resource in by_type.get("aws_iam_policy", ()):
            self._own(resource, self.found.policies, self._policy)
        for values in self.site.plan.data("aws_iam_policy"):
            arn, text = values.get("arn"), document_of(values.get("policy"))
            if isinstance(arn, str) and text is not None:
                self.found.policies.found.setdefault(arn, PolicyText(name=arn, text=text))
        for resource in by_type.get("aws_iam_role", ()):
            self._own(resource, self.found.roles, self._role)
        for resource in by_type.get("aws_iam_user", ()):
            self._own(resource, self.found.users, self._user)
        for resource in by_type.get("aws_iam_group", ()):
            self._own(resource, self.found.groups, self._group)
        for kind in KINDS:
            self._links(by_type, kind)
        for resource in by_type.get("aws_iam_instance_profile", ()):
            self._profile(resource)
        for resource in by_type.get("aws_iam_user_group_membership", ()):
            self._memberships(resource)
        for resource in by_type.get("aws_iam_group_membership", ()):
            self._members(resource)

    def _links(self, by_type: Mapping[str, list[Resource]], kind: str) -> None:
        for resource in by_type.get(f"aws_iam_{kind}_policy", ()):
            self._link(resource, kind, "inline")
        for resource in by_type.get(f"aws_iam_{kind}_policy_attachment", ()):
            self._link(resource, kind, "attached")
        for resource in by_type.get("aws_iam_policy_attachment", ()):
            self._attach_many(resource, kind)

    def _own(self, resource: Resource, listing: Listing[Fact], read: Callable[[Resource], tuple[str, Fact]]) -> None:
        try:
            if self.site.here(resource):
                listing.add(*read(resource))
        except ShapeError as error:
            listing.missing.append(f"{self.site.place.file}: {error}")

    def _named(self, resource: Resource, kind: str) -> str:
        """Return the ARN of a role, user, group or policy, and keep how it is called."""
        name = self.site.name(resource)
        path = resource.get("path")
        if path is UNKNOWN:
            raise ShapeError(f"{resource.address}: its path is not known before the plan is applied")
        path = path if isinstance(path, str) and path else "/"
        self.names[resource.address] = (kind, name)
        return self.site.arn(resource, "iam", f"{kind}{path}{name}", kind=f"{kind}/")

    def _policy(self, resource: Resource) -> tuple[str, PolicyText]:
        arn = self._named(resource, "policy")
        self.managed[resource.address] = arn
        return arn, PolicyText(name=arn, text=self.site.document(resource, "policy"))

    def _role(self, resource: Resource) -> tuple[str, Role]:
        arn = self._named(resource, "role")
        held = self.held.setdefault(self.names[resource.address], _Held())
        role = self.names[resource.address][1]
        for name, text in self._inline_blocks(resource, held):
            # What nobody configured is what AWS has now, also what the plan is about to take away.
            if resource.configured("inline_policy") or not self._taken(
                held, "inline", ("role", role), ("role", role, name) in self.gone.inline
            ):
                held.inline[name] = PolicyText(name=name, text=text)
        attached = resource.settled("managed_policy_arns")
        if attached is UNKNOWN or not all(isinstance(one, str) for one in listed(attached)):
            self.site.unseen(resource, "managed_policy_arns")
            held.unseen.add("attached")
        else:
            own = resource.configured("managed_policy_arns")
            held.attached |= {
                one: None
                for one in listed(attached)
                if own or not self._taken(held, "attached", ("role", role), ("role", role, one) in self.gone.attached)
            }
        longest = resource.get("max_session_duration")
        return arn, Role(
            arn=arn,
            tags=self.site.tags(resource),
            trust=self.site.document(resource, "assume_role_policy"),
            boundary=self._boundary(resource),
            max_session=longest if isinstance(longest, int) and not isinstance(longest, bool) else None,
        )

    def _taken(self, held: _Held, part: str, holder: tuple[str, str], gone: bool) -> bool:
        """Whether the plan takes something from somebody; a plan of several accounts does not say in which one."""
        if gone and self.site.elsewhere:
            held.unseen.add(part)
            self.site.place.notes.detail(
                f"{self.site.place.file}: {holder[0]} {part}",
                f"{self.site.place.file}: arn:{self.site.partition()}:iam::{self.site.account}:{'/'.join(holder)}",
                "the plan takes a policy or group from somebody of this name, and is given for several accounts; "
                "apply it, or plan each account on its own",
            )
        return gone

    def _inline_blocks(self, resource: Resource, held: _Held) -> Iterator[tuple[str, str | None]]:
        blocks = resource.settled("inline_policy")
        if blocks is UNKNOWN:
            self.site.unseen(resource, "inline_policy")
            held.unseen.add("inline")
            return
        for block in listed(blocks):
            name = mapping(block).get("name")
            # A block without name and policy is how a role says that it has none.
            if isinstance(name, str) and name:
                yield name, document_of(mapping(block).get("policy"))

    def _user(self, resource: Resource) -> tuple[str, User]:
        arn = self._named(resource, "user")
        self.held.setdefault(self.names[resource.address], _Held())
        return arn, User(arn=arn, tags=self.site.tags(resource), boundary=self._boundary(resource))

    def _group(self, resource: Resource) -> tuple[str, Group]:
        arn = self._named(resource, "group")
        self.held.setdefault(self.names[resource.address], _Held())
        return arn, Group(arn=arn)

    def _boundary(self, resource: Resource) -> str | None:
        value = resource.get("permissions_boundary")
        if value is UNKNOWN:
            return self._managed_of(resource, "permissions_boundary")
        return value if isinstance(value, str) else ""

    def _managed_of(self, resource: Resource, argument: str) -> str | None:
        """Return the ARN of the managed policy that an argument names; None, with a gap, where it is not known."""
        value = resource.get(argument)
        if isinstance(value, str) and value:
            return value
        one = self.site.referred(resource, argument, "aws_iam_policy")
        found = self.managed.get(one.address) if one is not None else None
        if found is None:
            self.site.unseen(resource, argument)
        return found

    def _link(self, resource: Resource, kind: str, part: str) -> None:
        """Add an inline policy or an attachment to whoever it is for."""
        held = self._holder(resource, kind, part)
        if held is None:
            return
        if part == "inline":
            name = resource.text("name") or resource.address
            held.inline[name] = PolicyText(name=name, text=self.site.document(resource, "policy"))
        else:
            self._attach(held, self._managed_of(resource, "policy_arn"))

    @staticmethod
    def _attach(held: _Held, policy: str | None) -> None:
        if policy is None:
            held.unseen.add("attached")
        else:
            held.attached[policy] = None

    def _holder(self, resource: Resource, kind: str, part: str) -> _Held | None:
        """Return whom a link is for; None for somebody of another account, or where it is not known."""
        value = resource.get(kind)
        if not self._here(resource, kind, (kind, part)):
            return None
        if isinstance(value, str) and value:
            return self.held.setdefault((kind, value), _Held())
        one = self.site.referred(resource, kind, KINDS[kind])
        if one is not None and one.address in self.names:
            return self.held.setdefault(self.names[one.address], _Held())
        self.site.unseen(resource, kind)
        self.unsure.add((kind, part))
        return None

    def _here(self, resource: Resource, argument: str, part: tuple[str, str]) -> bool:
        """Whether a link is for this account; where it is not known, this part of everybody's is not sure."""
        try:
            return self.site.here(resource)
        except ShapeError as error:
            self.site.unseen(resource, argument, str(error))
            self.unsure.add(part)
            return False

    def _profile(self, resource: Resource) -> None:
        """Give a role its instance profile. For which role is what nobody may have to guess: none is whole then."""
        held = self._holder(resource, "role", "profiles")
        if held is None and ("role", "profiles") in self.unsure:
            self.found.roles.missing.append(f"{resource.address}: which role it holds is not known before apply")
        elif held is not None:
            path, name = resource.text("path") or "/", resource.text("name") or resource.address
            own = f"arn:{self.site.partition()}:iam::{self.site.account}:instance-profile{path}{name}"
            held.profiles[resource.text("arn") or own] = None

    def _attach_many(self, resource: Resource, kind: str) -> None:
        names = resource.settled(f"{kind}s")
        if (names is not UNKNOWN and not listed(names)) or not self._here(resource, f"{kind}s", (kind, "attached")):
            return
        policy = self._managed_of(resource, "policy_arn")
        if names is UNKNOWN:
            self.site.unseen(resource, f"{kind}s")
            self.unsure.add((kind, "attached"))
        for name in listed(names):
            self._attach(self.held.setdefault((kind, str(name)), _Held()), policy)

    def _memberships(self, resource: Resource) -> None:
        held = self._holder(resource, "user", "groups")
        groups = resource.get("groups")
        if held is not None and groups is UNKNOWN:
            self.site.unseen(resource, "groups")
            held.unseen.add("groups")
        elif held is not None:
            held.groups |= {str(name): None for name in listed(groups)}

    def _members(self, resource: Resource) -> None:
        users, group = resource.get("users"), resource.get("group")
        if not self._here(resource, "users", ("user", "groups")):
            return
        if group is UNKNOWN:
            one = self.site.referred(resource, "group", "aws_iam_group")
            group = self.names.get(one.address, ("", UNKNOWN))[1] if one is not None else UNKNOWN
        if users is UNKNOWN or not isinstance(group, str):
            self.site.unseen(resource, "users")
            self.unsure.add(("user", "groups"))
            return
        for name in listed(users):
            self.held.setdefault(("user", str(name)), _Held()).groups[group] = None

    def into(self, identities: Identities) -> None:
        """Put the plan on top of what other files say: what it removes goes, what it holds stands."""
        _overlay(identities.roles, self.found.roles, self.gone.arns)
        _overlay(identities.users, self.found.users, self.gone.arns)
        _overlay(identities.groups, self.found.groups, self.gone.arns)
        _overlay(identities.policies, self.found.policies, self.gone.arns)
        self._hold(identities.roles, "role", Role)
        self._hold(identities.users, "user", User)
        self._hold(identities.groups, "group", Group)
        self._join(identities.users)

    def _hold(self, listing: Listing[Holder], kind: str, make: type[Holder]) -> None:
        """Give everybody the policies that the plan adds or takes away."""
        arns = {arn.rpartition("/")[2]: arn for arn in listing.found}
        for of, name, *_ in (*self.gone.inline, *self.gone.attached):
            if of == kind and name in arns:
                # Who is not in the plan loses what the plan takes all the same.
                self.held.setdefault((kind, name), _Held())
        for (of, name), held in self.held.items():
            if of == kind:
                arn = arns.get(name) or self._stranger(listing, kind, name, make)
                before = listing.found[arn]
                inline, attached = before.inline, before.attached
                holder: tuple[str, str] = (of, name)
                if inline is not None:
                    kept = {
                        one.name: one for one in inline
                        if one.name not in held.inline
                        and not self._taken(held, "inline", holder, (*holder, one.name) in self.gone.inline)
                    }  # fmt: skip
                    inline = None if "inline" in held.unseen else tuple((kept | held.inline).values())
                if attached is not None:
                    rest = {
                        one: None for one in attached
                        if one not in held.attached
                        and not self._taken(held, "attached", holder, (*holder, one) in self.gone.attached)
                    }  # fmt: skip
                    attached = None if "attached" in held.unseen else tuple(rest | held.attached)
                listing.found[arn] = replace(before, inline=inline, attached=attached)
                self._profiles(listing.found, arn, held)
        if (kind, "inline") in self.unsure:
            listing.found = {arn: replace(one, inline=None) for arn, one in listing.found.items()}
        if (kind, "attached") in self.unsure:
            listing.found = {arn: replace(one, attached=None) for arn, one in listing.found.items()}

    @staticmethod
    def _profiles(found: dict[str, Any], arn: str, held: _Held) -> None:
        if held.profiles:
            profiles = dict.fromkeys(found[arn].instance_profiles) | held.profiles
            found[arn] = replace(found[arn], instance_profiles=tuple(profiles))

    def _join(self, listing: Listing[User]) -> None:
        """Give users the groups that the plan puts them into."""
        for arn, user in listing.found.items():
            name = arn.rpartition("/")[2]
            held = self.held.get(("user", name), _Held())
            if user.groups is not None:
                kept = {
                    one: None for one in user.groups
                    if one not in held.groups
                    and not self._taken(held, "groups", ("user", name), (name, one) in self.gone.members)
                }  # fmt: skip
                known = "groups" not in held.unseen and ("user", "groups") not in self.unsure
                listing.found[arn] = replace(user, groups=tuple(kept | held.groups) if known else None)

    def _stranger(self, listing: Listing[Holder], kind: str, name: str, make: type[Holder]) -> str:
        """Add a role, user or group of which nothing but its name was seen, and return its ARN."""
        arn = f"arn:{self.site.partition()}:iam::{self.site.account}:{kind}/{name}"
        listing.found[arn] = _unseen(make, arn)
        self.site.place.notes.detail(
            f"{self.site.place.file}: {kind}",
            f"{self.site.place.file}: {arn}",
            f"the plan gives this {kind} a policy or group and does not hold the {kind} itself; "
            "give `authorization_details` too",
        )
        return arn


def _unseen(make: type[Holder], arn: str) -> Holder:
    """Return a role, user or group of which nothing but its name was seen."""
    found: Any = make(arn=arn, inline=None, attached=None)
    if isinstance(found, Role):
        # It may have an instance profile, and no fact says that this was not seen.
        found = replace(found, tags=None, boundary=None, instance_profiles=("(not seen)",))
    if isinstance(found, User):
        found = replace(found, tags=None, boundary=None, groups=None)
    return found  # type: ignore[no-any-return]


def _overlay(listing: Listing[Any], own: Listing[Any], gone: frozenset[str]) -> None:
    """Put what a plan holds over what was seen; inline policies and attachments of before stay until they are taken."""
    for arn in gone:
        listing.found.pop(arn, None)
    for arn, fact in own.found.items():
        before = listing.found.get(arn)
        if before is not None and not isinstance(fact, PolicyText):
            fact = replace(fact, inline=before.inline, attached=before.attached)  # noqa: PLW2901
            if isinstance(fact, User):
                fact = replace(fact, groups=before.groups, access_keys=before.access_keys)  # noqa: PLW2901
        if before is not None and isinstance(fact, Role):
            fact = replace(fact, instance_profiles=before.instance_profiles)  # noqa: PLW2901
        listing.found[arn] = fact
    listing.missing += own.missing
