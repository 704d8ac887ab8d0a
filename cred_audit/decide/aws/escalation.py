"""The ways that IAM's own actions open: wider principals, rewritten trust, other users' credentials, new principals.

IAM API Reference: UpdateAssumeRolePolicy, TagRole, CreateAccessKey, CreateLoginProfile, CreateRole, CreateUser ...
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from cred_audit.decide import Effect
from cred_audit.decide.aws.cells import documents_of
from cred_audit.decide.aws.crowd import Crowd, One
from cred_audit.decide.aws.document import read_document
from cred_audit.decide.aws.making import Making, trusting
from cred_audit.decide.aws.model import Kind, Request
from cred_audit.decide.aws.profiles import Profile
from cred_audit.decide.aws.sessions import Sessions, Then
from cred_audit.decide.aws.standing import limits_of
from cred_audit.decide.aws.ways import (
    Blind,
    Found,
    Held,
    Node,
    Step,
    Tried,
    Way,
    fixed,
    name_of,
    step_of,
)
from cred_audit.decide.aws.widening import WIDENS, Widened, Widening
from cred_audit.decide.aws.world import Role, User, asked

_OTHERS = 64
"""Principals that are widened before they are taken."""
_LOOKED_AT = 500
"""Principals of which it is tried."""
_TAGGED = 4000
"""Principals with tags of their choosing that are looked at."""
_EXPANDED = 300
"""Principals beside the agents whose rights of IAM are followed."""
_FEWEST = 8
"""Sets of tags that are looked at, however many agents there are."""
_KEYS = 2
"""Access keys that a user can have."""


class Escalation:
    """The ways by IAM."""

    def __init__(self, sessions: Sessions, agents: Iterable[Held]) -> None:
        """Take the ways by sessions, which are taken again behind a rewritten trust policy, and who will ask."""
        self.agents = frozenset(agents)
        self._looked_at = 0
        self.most = max(_FEWEST, _TAGGED // max(1, len(self.agents)))
        self.sessions = sessions
        self.trusts = sessions.trusts
        self.principals = sessions.principals
        self.widening = Widening(self.principals)
        self._making = Making(sessions, self.widening)
        self._roles = Crowd(
            One(arn=role.arn, tags=role.tags, mark=(role.boundary, self.trusts.document(role)))
            for role in self.trusts.roles
        )
        self._by_account: dict[str, list[int]] = {}
        for number, role in enumerate(self.trusts.roles):
            self._by_account.setdefault(role.arn.split(":", 5)[4], []).append(number)
        self.users: tuple[User, ...] = tuple(self.principals.users[arn] for arn in sorted(self.principals.users))
        self._users = Crowd(
            One(arn=user.arn, tags=user.tags, mark=len(user.access_keys or ()) >= _KEYS) for user in self.users
        )
        self._users_of: dict[str, list[int]] = {}
        for number, user in enumerate(self.users):
            self._users_of.setdefault(user.arn.split(":", 5)[4], []).append(number)

    def add(self, held: Held, found: Found) -> None:
        """Add all ways that begin with a request to IAM."""
        if not held.uses("iam"):
            return
        if held.unbound:
            # Whatever it made of others or of itself, it would have no more rights in its account.
            self._trust(held, found, self.sessions.crossing)
            return
        if held not in self.agents:
            self._looked_at += 1
            if self._looked_at > _EXPANDED:
                reason = "there are more principals with rights of IAM to be held than were looked at"
                found.blind.append(Blind(reason=reason, where=held.arn))
                return
        before = len(found.ways)
        self._itself(held, found)
        every = next((way for way in found.ways[before:] if way.sure and way.to.members[0].unbound), None)
        if every is None:
            self._others(held, found)
        elif held in self.agents:
            # What begins with the same statement leads no further than every right in the account.
            more = Found()
            self._others(held, more)
            found.ways += (way for way in more.ways if way.first[:1] != every.first[:1])
            found.blind += more.blind

    def _others(self, held: Held, found: Found) -> None:
        self._trust(held, found, None)
        self._other_users(held, found)
        if any(held.may(action) for action in WIDENS):
            self._widened_first(held, tuple(found.ways), found)
        self._tags(held, found)
        self._again(held, found)
        self._making.add(held, found)

    def _itself(self, held: Held, found: Found) -> None:
        """Add what it can make of itself."""
        made = tuple(self.widening.of(held, held.entity))
        found.ways += (fixed(self._as(held, wider), [wider.step], sure=wider.sure) for wider in made)
        found.blind += self.widening.blind(held, held.entity, made)

    def _as(self, held: Held, wider: Widened) -> Held:
        return Held(self.principals, wider.entity, session_tags=held.session_tags, session_name=held.session_name)

    def _tags(self, held: Held, found: Found) -> None:
        """Add itself with other tags: those of its session still win."""
        kind = "Role" if isinstance(held.entity, Role) else "User"
        action, entity = f"iam:Tag{kind}", held.entity
        original = self.principals.roles.get(held.arn) or self.principals.users.get(held.arn)
        if original is None or original.tags != entity.tags:
            # Tags of its choosing once are tags of its choosing: other choices start from where it was.
            return
        if held.may(action) and entity.tags is not None:
            choice = self.sessions.profiles.of((*documents_of(held.policies), *self.sessions.shared))
            clauses = held.evaluator.clauses(action.lower())
            keys = held.evaluator.keys(Request(action=action, resource=held.arn, resource_tags=entity.tags))

            def ask(profile: Profile) -> Tried:
                return held.ask(action, held.arn, tags=entity.tags, request_tags=profile)

            def may(profile: Profile) -> bool | None:
                return {Effect.ALLOW: True, Effect.UNKNOWN: None, Effect.DENY: False}[ask(profile).effect]

            sure, unsure, complete = choice.allowed(keys, clauses, may)
            for profiles in (sure, unsure):
                if profiles:
                    complete = complete and len(profiles) <= self.most
                    found.ways.append(self._tagged(held, profiles, ask, sure=profiles is sure))
            if not complete:
                reason = f"there are more tags for {held.arn} to choose from than were looked at"
                found.blind.append(Blind(reason=reason, where=held.arn))
        untag = f"iam:Untag{kind}"
        for tag in entity.tags or () if held.may(untag) else ():
            tried = held.ask(untag, held.arn, tags=entity.tags, context={"aws:TagKeys": (tag,)})
            if tried.open:
                rest = {name: value for name, value in (entity.tags or {}).items() if name != tag}
                option = "--role-name" if kind == "Role" else "--user-name"
                words = ("iam", f"untag-{kind.lower()}", option, name_of(held.arn), "--tag-keys", tag)
                step = step_of(held, tried, f"can take the tag {tag} off {held.arn}", words)
                changed = Held(self.principals, replace(entity, tags=rest), session_tags=held.session_tags,
                               session_name=held.session_name)  # fmt: skip
                found.ways.append(fixed(changed, [step], sure=tried.effect is Effect.ALLOW))

    def _tagged(self, held: Held, profiles: tuple[Profile, ...], ask: Callable[[Profile], Tried], *, sure: bool) -> Way:
        entity = held.entity
        taken: dict[Held, Profile] = {}
        for profile in profiles[: self.most]:
            lowered = {tag.lower() for tag in profile}
            tags = {tag: value for tag, value in (entity.tags or {}).items() if tag.lower() not in lowered}
            changed = Held(self.principals, replace(entity, tags={**tags, **profile}),
                           session_tags=held.session_tags, session_name=held.session_name)  # fmt: skip
            taken.setdefault(changed, profile)
        kind = "role" if isinstance(entity, Role) else "user"

        def enter(to: Held) -> tuple[Step, ...] | None:
            profile = taken[to]
            tried = ask(profile)
            if not tried.open:
                return None
            shown = ", ".join(f"{tag}={value}" for tag, value in sorted(profile.items()))
            words = (f"Key={tag},Value={value}" for tag, value in sorted(profile.items()))
            return (step_of(held, tried, f"can tag {held.arn} with {shown}",
                          ("iam", f"tag-{kind}", f"--{kind}-name", name_of(held.arn), "--tags", *words)),)  # fmt: skip

        key = ("retagged", held.key, tuple(tuple(one.items()) for one in profiles))
        return Way(to=Node(key, lambda: taken), sure=sure, first=ask(profiles[0]).because, enter=enter)

    def _again(self, held: Held, found: Found) -> None:
        """Add its own role, changed, once more without the tags of its session."""
        role = held.entity
        if isinstance(role, Role) and held.session_tags and role is not self.principals.roles.get(role.arn):
            plain = Held(self.principals, role)
            tried = self.sessions.ask(held, role, {})
            steps = self.sessions.steps(held, held, plain)
            if tried.open and steps is not None:
                found.ways.append(fixed(plain, steps, sure=tried.effect is Effect.ALLOW))

    def _meant(self, held: Held, action: str, crowd: Crowd, near: list[int], name: str) -> Iterator[tuple[int, ...]]:
        """Yield those that a principal may send an action for, those that are alike together."""
        if not near or not held.may(action):
            return
        clauses = held.evaluator.clauses(action.lower())
        keys = held.evaluator.keys(Request(action=action))
        meant = None if Kind.IDENTITY in held.policies.unseen else crowd.meant(clauses, keys)
        if meant is None:
            yield from crowd.divided(near, clauses, keys, f"{name} {held.account}")
        else:
            yield from crowd.divided(sorted(meant.intersection(near)), clauses, keys)

    def _trust(self, held: Held, found: Found, only: frozenset[str] | None) -> None:
        """Add roles whose trust policy it may rewrite, and then assume. `only`: those that are of use; None for all."""
        action = "iam:UpdateAssumeRolePolicy"
        near = self._by_account.get(held.account, [])
        if only is not None:
            near = [number for number in near if self.trusts.roles[number].arn in only]
        for group in self._meant(held, action, self._roles, near, "roles" if only is None else "crossing"):
            roles = [self.trusts.roles[number] for number in group]
            tried = self._rewrite(held, roles[0])
            if not tried.open:
                continue
            text = trusting(held.arn, roles[0].trust if self.trusts.document(roles[0]) is not None else None)
            document = read_document(text, Kind.RESOURCE, "trust policy that the chain writes")
            then = Then(
                trust=document, before=partial(self._rewriting, held, text), sure=tried.effect is Effect.ALLOW,
                first=tried.because,
            )  # fmt: skip
            self.sessions.rewritten(held, self.trusts.alike(roles), found, then)

    @staticmethod
    def _rewrite(held: Held, role: Role) -> Tried:
        return held.ask("iam:UpdateAssumeRolePolicy", role.arn, tags=role.tags, tags_known=role.tags is not None,
                        context=limits_of(role))  # fmt: skip

    def _rewriting(self, held: Held, text: str, to: Held) -> tuple[Step, ...] | None:
        role = to.entity
        if not isinstance(role, Role):
            return None
        tried = self._rewrite(held, role)
        if not tried.open:
            return None
        return (step_of(held, tried, f"can rewrite the trust policy of {role.arn}",
                      ("iam", "update-assume-role-policy", "--role-name", name_of(role.arn),
                       "--policy-document", text)),)  # fmt: skip

    def _widened_first(self, held: Held, ways: tuple[Way, ...], found: Found) -> None:
        """Add roles that it widens before it takes them."""
        firm: set[str] = set()
        widened = looked_at = 0
        for way, member in ((one, member) for one in ways for member in one.to.members):
            if member.arn == held.arn or member.account != held.account or member.arn in firm:
                continue
            if widened >= _OTHERS or looked_at >= _LOOKED_AT:
                reason = f"it can take more principals than the {looked_at} of which it was tried to change them before"
                found.blind.append(Blind(reason=reason, where=held.arn))
                return
            looked_at += 1
            made = tuple(self.widening.of(held, member.entity))
            found.blind += self.widening.blind(held, member.entity, made)
            if not made:
                firm.add(member.arn)
                continue
            widened += 1
            for wider in made:
                steps = way.enter(member)
                if steps is not None:
                    found.ways.append(
                        fixed(self._as(member, wider), [wider.step, *steps], sure=way.sure and wider.sure)
                    )

    def _other_users(self, held: Held, found: Found) -> None:
        """Add users of the account whose credentials it may make."""
        account = self.principals.accounts[held.account]
        for action, shows, call, assuming in _CREDENTIALS:
            if account.users is None and held.may(action):
                found.blind.append(Blind(
                    reason=f"the users of the account {account.id} were not seen", where=asked("iam", account.id)
                ))  # fmt: skip
            for group in self._meant(held, action, self._users, self._users_of.get(held.account, []), "users"):
                users = tuple(user for number in group if (user := self.users[number]).arn != held.arn)
                if users:
                    self._user(held, users, action, (shows, call, assuming), found)

    def _user(self, held: Held, users: tuple[User, ...], action: str, told: tuple[str, str, str], found: Found) -> None:
        shows, call, assuming = told

        def ask(user: User) -> Tried:
            return held.ask(action, user.arn, tags=user.tags, tags_known=user.tags is not None, context=limits_of(user))

        def enter(to: Held) -> tuple[Step, ...] | None:
            user = to.entity
            tried = ask(user) if isinstance(user, User) else None
            if tried is None or not tried.open:
                return None
            more = ("--password", "${PASSWORD}") if "login" in call else ()
            words = ("iam", call, "--user-name", name_of(to.arn), *more)
            made = step_of(held, tried, f"can {shows} {to.arn}", words, assuming)
            return (replace(made, gives=to.arn),)

        first = ask(users[0])
        full = action == "iam:CreateAccessKey" and len(users[0].access_keys or ()) >= _KEYS
        if first.open and not full:
            node = self.sessions.node(("users", tuple(user.arn for user in users)),
                        lambda: (Held(self.principals, user) for user in users))  # fmt: skip
            found.ways.append(Way(to=node, sure=first.effect is Effect.ALLOW, first=first.because, enter=enter))


_CREDENTIALS = (
    ("iam:CreateAccessKey", "make an access key of", "create-access-key", ""),
    ("iam:CreateLoginProfile", "give a password to", "create-login-profile", "the user has no password yet"),
    ("iam:UpdateLoginProfile", "change the password of", "update-login-profile", "the user has a password"),
)
