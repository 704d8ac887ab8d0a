"""Sessions that a principal can get by assuming roles, with tags of its choosing.

IAM User Guide: "Passing session tags in AWS STS": the tags of a session are those that the call names, and naming any
needs sts:TagSession beside sts:AssumeRole, by the same policies and with the same tags. Tags of a session are not
passed on unless they were made transitive, which chains here never do.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice

from cred_audit.decide import Effect, Reason
from cred_audit.decide.aws.cells import documents_of
from cred_audit.decide.aws.clause import Clause
from cred_audit.decide.aws.model import Document, Kind, Request
from cred_audit.decide.aws.pattern import action_matcher
from cred_audit.decide.aws.principals import Principals
from cred_audit.decide.aws.profiles import Choice, Profile, Profiles
from cred_audit.decide.aws.trusts import ASSUME, TAG, TRUST_POLICY, Alike, Trusts
from cred_audit.decide.aws.ways import Blind, Found, Held, Node, Step, Tried, Way, matches_action
from cred_audit.decide.aws.world import Role, asked

MEMBERS = 20_000
"""Sessions of one way that are looked at."""
_OF_BOTH = frozenset({"aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:multifactorauthpresent",
                      "aws:multifactorauthage", "aws:currenttime", "aws:securetransport", "sts:transitivetagkeys",
                      "aws:useragent"})  # fmt: skip
"""Keys that both authorizations of one call see with one value."""
NOT_TRANSITIVE = "the tags of the login's session are not transitive"


class Sessions:
    """The ways by sts:AssumeRole."""

    def __init__(self, trusts: Trusts, profiles: Profiles, shared: Iterable[Document]) -> None:
        """Take all roles, and the policies on the side of what may be reached: they look at tags, too."""
        self.trusts = trusts
        self.principals = trusts.principals
        self.profiles = profiles
        self._shared = frozenset(shared)
        self._choices: dict[str, Choice] = {}

    def choice(self, role: Role) -> Choice:
        """Return the tags worth choosing for a session of a role."""
        known = self._choices.get(role.arn)
        if known is None:
            documents = (*documents_of(self.trusts.held(role).policies), *self._shared)
            known = self._choices[role.arn] = self.profiles.of(documents)
        return known

    def add(self, held: Held, found: Found) -> None:
        """Add the ways to sessions of roles as they are."""
        evaluator = held.evaluator
        clauses = tuple(dict.fromkeys((*evaluator.clauses("sts:assumerole"), *evaluator.clauses("sts:tagsession"))))
        for alike in self.trusts.candidates(held, clauses):
            self._group(held, held, alike, found)
        for name, roles in self.trusts.sessions(held).items():
            named = held.named(name)
            for role in roles:
                self._group(held, named, self.trusts.alike((role,)), found)
        found.blind += self._blind(held, clauses)

    def _group(self, held: Held, asker: Held, alike: Alike, found: Found) -> None:
        role = alike.roles[0]
        plain = self.ask(asker, role, {})
        if plain.open and alike.roles != (held.entity,):
            found.ways.append(Way(
                to=Node(("session", alike), lambda: map(self.trusts.held, alike.roles)),
                sure=plain.effect is Effect.ALLOW, first=plain.because,
                enter=lambda to: self.steps(held, asker, to),
            ))  # fmt: skip
        elif plain.open and held.session_tags:
            # Its own role again, without the tags of the login.
            found.ways.append(Way(
                to=Node(("session", alike), lambda: (self.trusts.held(role),)),
                sure=plain.effect is Effect.ALLOW, first=plain.because,
                enter=lambda to: self.steps(held, asker, to),
            ))  # fmt: skip
        document = self.trusts.document(role)
        if document is not None and not _may_tag(document):
            return
        by_choice: dict[Choice, list[Role]] = {}
        for one in alike.roles:
            choice = self.choice(one)
            if choice.profiles:
                by_choice.setdefault(choice, []).append(one)
        for choice, roles in by_choice.items():
            self._tagged(held, asker, self.trusts.alike(roles), choice, found)

    def _tagged(self, held: Held, asker: Held, alike: Alike, choice: Choice, found: Found) -> None:
        role = alike.roles[0]
        side = self.trusts.side(role)
        clauses: list[Clause] = [
            clause for action in (ASSUME, TAG) for clause in asker.evaluator.clauses(action.lower(), side)
        ]
        keys = asker.evaluator.keys(Request(action=ASSUME, resource=role.arn, resource_tags=role.tags))

        def may(profile: Profile) -> bool | None:
            tried = self.ask(asker, role, profile)
            return {Effect.ALLOW: True, Effect.UNKNOWN: None, Effect.DENY: False}[tried.effect]

        sure, unsure, complete = choice.allowed(keys, clauses, may)
        for profiles, is_sure in ((sure, True), (unsure, False)):
            if profiles:
                shared = profiles is choice.profiles
                key = ("tagged", alike, id(choice) if shared else tuple(tuple(one.items()) for one in profiles))
                tried = self.ask(asker, role, profiles[0])
                found.ways.append(Way(
                    to=_tagged_node(key, self.principals, alike, profiles),
                    sure=is_sure, first=tried.because, enter=lambda to: self.steps(held, asker, to),
                ))  # fmt: skip
        if not complete:
            found.blind.append(Blind(
                reason=f"there are more session tags for {role.arn} to choose from than were looked at",
                where=role.arn,
            ))  # fmt: skip

    def ask(self, asker: Held, role: Role, profile: Mapping[str, str], document: Document | None = None) -> Tried:
        """Decide sts:AssumeRole, with session tags also sts:TagSession; `document`: a trust policy in place of its."""
        side = self.trusts.side(role, document)
        tags, known = role.tags, role.tags is not None
        first = asker.ask(ASSUME, role.arn, tags=tags, tags_known=known, request_tags=profile, side=side)
        first = replace(first, because=_told(first.because, role))
        if not profile or not first.open:
            return first
        context = {key: value for key, value in first.request.context.items() if key.lower() in _OF_BOTH}
        second = asker.ask(TAG, role.arn, tags=tags, tags_known=known, request_tags=profile, context=context, side=side)
        second = replace(second, because=_told(second.because, role))
        if not second.open:
            return second
        effect = Effect.ALLOW if first.effect is second.effect is Effect.ALLOW else Effect.UNKNOWN
        assuming = tuple(dict.fromkeys((*first.assuming, *second.assuming)))
        return Tried(effect=effect, request=first.request, because=(*first.because, *second.because), assuming=assuming)

    def steps(self, held: Held, asker: Held, to: Held, document: Document | None = None) -> tuple[Step, ...] | None:
        """Return the request that gives one session; None where it is refused."""
        role = to.entity
        if not isinstance(role, Role):
            return None
        tried = self.ask(asker, role, to.session_tags, document)
        if not tried.open:
            return None
        assuming = list(tried.assuming)
        if asker is not held:
            assuming.insert(0, f"the session name is {asker.session_name!r}")
        if held.session_tags and to.session_tags:
            assuming.append(NOT_TRANSITIVE)
        also: tuple[Request, ...] = ()
        if to.session_tags:
            side = self.trusts.side(role, document)
            known = role.tags is not None
            tag = asker.ask(TAG, role.arn, tags=role.tags, tags_known=known, request_tags=to.session_tags, side=side)
            also = (tag.request,)
        return (Step(
            request=tried.request, also=also, by=asker.principal, shows=_shows(to), because=tried.because,
            assuming=tuple(assuming), command=_command(tried, to), gives=to.arn, holder=held.arn,
        ),)  # fmt: skip

    def _blind(self, held: Held, clauses: Iterable[Clause]) -> Iterator[Blind]:
        """Yield the accounts whose roles were not seen and may be assumed."""
        accounts = self.principals.accounts
        patterns = {
            resource.split(":", 5)[4] if resource.count(":") >= 5 else "*"
            for clause in clauses
            if clause.allow and clause.document.kind is Kind.IDENTITY
            for resource in (("*",) if clause.statement.not_resource else clause.statement.resources or ("*",))
        }
        if Kind.IDENTITY in held.policies.unseen:
            patterns.add("*")
        for account in accounts.values():
            wanted = account.id == held.account or any(_matches(pattern, account.id) for pattern in patterns)
            if account.roles is None and wanted:
                yield Blind(
                    reason=f"the roles of the account {account.id} were not seen", where=asked("iam", account.id)
                )
        for pattern in sorted(patterns):
            if pattern.isdigit() and pattern not in accounts:
                yield Blind(
                    reason=f"it may assume roles of the account {pattern}, which was not read",
                    where=f"account {pattern}",
                )


def _told(because: tuple[Reason, ...], role: Role) -> tuple[Reason, ...]:
    """Return reasons with the role in the name of its trust policy; what the caller's own policies say stands first."""
    named = (
        replace(reason, policy=f"trust policy of {role.arn}") if reason.policy == TRUST_POLICY else reason
        for reason in because
    )
    return tuple(sorted(named, key=lambda reason: reason.policy.startswith("trust policy of ")))


def _matches(pattern: str, account: str) -> bool:
    return action_matcher(pattern)(account)


def _tagged_node(key: object, principals: Principals, alike: Alike, profiles: tuple[Profile, ...]) -> Node:
    def make() -> Iterator[Held]:
        every = (Held(principals, role, session_tags=profile) for profile in profiles for role in alike.roles)
        return islice(every, MEMBERS)

    return Node(key, make)


def _may_tag(document: Document) -> bool:
    return any(
        statement.allow and matches_action(statement.actions, "sts:tagsession", negated=statement.not_action)
        for statement in document.statements
    )


def _shows(to: Held) -> str:
    if not to.session_tags:
        return f"can assume {to.arn}"
    tags = ", ".join(f"{tag}={value}" for tag, value in sorted(to.session_tags.items()))
    return f"can assume {to.arn} with the session tag{'s' if len(to.session_tags) > 1 else ''} {tags}"


def _command(tried: Tried, to: Held) -> tuple[str, ...]:
    context = {key.lower(): value for key, value in tried.request.context.items()}
    name = context.get("sts:rolesessionname", "cred-audit")
    words = ["sts", "assume-role", "--role-arn", to.arn, "--role-session-name",
             name if isinstance(name, str) else "cred-audit"]  # fmt: skip
    outside = context.get("sts:externalid")
    if isinstance(outside, str):
        words += ["--external-id", outside]
    if to.session_tags:
        words += ["--tags", *(f"Key={tag},Value={value}" for tag, value in sorted(to.session_tags.items()))]
    return tuple(words)
