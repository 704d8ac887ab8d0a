"""Sessions that a principal can get by assuming roles, with tags of its choosing.

IAM User Guide: "Passing session tags in AWS STS": the tags of a session are those that the call names, and naming any
needs sts:TagSession beside sts:AssumeRole, by the same policies and with the same tags. Tags of a session are not
passed on unless they were made transitive, which chains here never do.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from cred_audit.decide import Effect, Reason
from cred_audit.decide.aws.cells import documents_of
from cred_audit.decide.aws.clause import Clause
from cred_audit.decide.aws.document import NEGATED
from cred_audit.decide.aws.model import Document, Kind, Request
from cred_audit.decide.aws.pattern import action_matcher
from cred_audit.decide.aws.principals import Principals
from cred_audit.decide.aws.profiles import Choice, Profile, Profiles
from cred_audit.decide.aws.trusts import ASSUME, TAG, TRUST_POLICY, Alike, Trusts, may_tag
from cred_audit.decide.aws.ways import Blind, Found, Held, Node, Step, Tried, Way
from cred_audit.decide.aws.world import Role, asked

MEMBERS = 20_000
"""Sessions of one role with other tags each that are looked at."""
_OF_MANY = 4000
"""Sessions of several roles that are looked at together."""
_FEWEST = 8
_OF_BOTH = frozenset({"aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:multifactorauthpresent",
                      "aws:multifactorauthage", "aws:currenttime", "aws:securetransport", "sts:transitivetagkeys",
                      "aws:useragent"})  # fmt: skip
"""Keys that both authorizations of one call see with one value."""
NOT_TRANSITIVE = "the tags of the login's session are not transitive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Then:
    """What comes before a role is assumed: its trust policy is rewritten."""

    trust: Document
    before: Callable[[Held], tuple[Step, ...] | None]
    """The requests that do it, for one of the roles."""
    sure: bool
    first: tuple[Reason, ...]


class Sessions:
    """The ways by sts:AssumeRole."""

    def __init__(
        self, trusts: Trusts, profiles: Profiles, shared: Iterable[Document], crossing: frozenset[str] | None
    ) -> None:
        """Take all roles, and the policies on the side of what may be reached: they look at tags, too.

        `crossing`: the roles that reach what their account's administrator does not; None where any may.
        """
        self.crossing = crossing
        self.trusts = trusts
        self.principals = trusts.principals
        self.profiles = profiles
        self.shared = frozenset(shared)
        self._choices: dict[str, Choice] = {}
        self._nodes: dict[object, Node] = {}
        self.share = max(_FEWEST, MEMBERS // max(1, trusts.taggable))
        """How many sets of tags are looked at for one role: fewer where many roles take any."""

    def node(self, key: object, make: Callable[[], Iterable[Held]]) -> Node:
        """Return the node of a key, made once."""
        known = self._nodes.get(key)
        if known is None:
            known = self._nodes[key] = Node(key, make)
        return known

    def choice(self, role: Role) -> Choice:
        """Return the tags worth choosing for a session of a role."""
        known = self._choices.get(role.arn)
        if known is None:
            documents = [*documents_of(self.trusts.held(role).policies), *self.shared]
            if self.trusts.leads_on(role):
                documents += self.trusts.documents
            known = self._choices[role.arn] = self.profiles.of(documents)
        return known

    def add(self, held: Held, found: Found) -> None:
        """Add the ways to sessions of roles as they are."""
        evaluator = held.evaluator
        clauses = tuple(dict.fromkeys((*evaluator.clauses("sts:assumerole"), *evaluator.clauses("sts:tagsession"))))
        for alike in self.trusts.candidates(held, clauses):
            useful = self._useful(held, alike)
            if useful is not None:
                self._group(held, held, useful, found)
        for name, roles in self.trusts.sessions(held).items():
            named = held.named(name)
            for role in roles:
                self._group(held, named, self.trusts.alike((role,)), found)
        found.blind += self._blind(held, clauses)

    def _useful(self, held: Held, alike: Alike) -> Alike | None:
        """Return the roles that may reach what a principal does not; one with every right needs none of its account."""
        if self.crossing is None or not held.unbound:
            return alike
        roles = [
            role for role in alike.roles
            if role.arn.split(":", 5)[4] != held.account or role.arn in self.crossing
        ]  # fmt: skip
        return self.trusts.alike(roles) if roles else None

    def _group(self, held: Held, asker: Held, alike: Alike, found: Found) -> None:
        """Add the ways to sessions of some roles, with and without tags; to its own role again only without its own."""
        if alike.roles != (held.entity,) or held.session_tags:
            tried = self.ask(asker, alike.roles[0], {})
            if tried.open:
                node = self.node(("session", alike), lambda: map(self.trusts.held, alike.roles))
                found.ways.append(self._way(held, asker, node, tried))
        document = self.trusts.document(alike.roles[0])
        if document is None or may_tag(document):
            self.tagged(held, asker, alike, found)

    def _way(self, held: Held, asker: Held, node: Node, tried: Tried, then: Then | None = None) -> Way:
        def enter(to: Held) -> tuple[Step, ...] | None:
            before = () if then is None else then.before(to)
            taken = self.steps(held, asker, to, None if then is None else then.trust)
            return None if before is None or taken is None else (*before, *taken)

        sure, first = tried.effect is Effect.ALLOW, tried.because
        if then is not None:
            sure, first = sure and then.sure, then.first
        return Way(to=node, sure=sure, first=first, enter=enter)

    def rewritten(self, held: Held, alike: Alike, found: Found, then: Then) -> None:
        """Add the ways to sessions of roles whose trust policy is rewritten first."""
        tried = self.ask(held, alike.roles[0], {}, then.trust)
        if tried.open:
            node = self.node(("session", alike), lambda: map(self.trusts.held, alike.roles))
            found.ways.append(self._way(held, held, node, tried, then))
        self.tagged(held, held, alike, found, then)

    def tagged(self, held: Held, asker: Held, alike: Alike, found: Found, then: Then | None = None) -> None:
        """Add the ways to sessions with tags that can make a difference."""
        by_choice: dict[Choice, list[Role]] = {}
        for one in alike.roles:
            choice = self.choice(one)
            if choice.profiles:
                by_choice.setdefault(choice, []).append(one)
        for choice, roles in by_choice.items():
            self._chosen(held, asker, self.trusts.alike(roles), choice, found, then)

    def _chosen(  # noqa: PLR0913, PLR0917  (the parts of one step)
        self, held: Held, asker: Held, alike: Alike, choice: Choice, found: Found, then: Then | None
    ) -> None:
        role = alike.roles[0]
        trust = None if then is None else then.trust
        side = self.trusts.side(role, trust)
        clauses: list[Clause] = [
            clause for action in (ASSUME, TAG) for clause in asker.evaluator.clauses(action.lower(), side)
        ]
        keys = asker.evaluator.keys(Request(action=ASSUME, resource=role.arn, resource_tags=role.tags))

        def may(profile: Profile) -> bool | None:
            tried = self.ask(asker, role, profile, trust)
            return {Effect.ALLOW: True, Effect.UNKNOWN: None, Effect.DENY: False}[tried.effect]

        sure, unsure, complete = choice.allowed(keys, clauses, may)
        for profiles in (sure, unsure):
            if profiles:
                shared = profiles is choice.profiles
                key = ("tagged", alike, choice if shared else tuple(tuple(one.items()) for one in profiles))
                tried = self.ask(asker, role, profiles[0], trust)
                most = self.share if len(alike.roles) == 1 else min(_OF_MANY, self.share)
                node = self.node(key, partial(_tagged, self.principals, alike, profiles, most))
                found.ways.append(self._way(held, asker, node, tried, then))
                complete = complete and len(profiles) * len(alike.roles) <= most
        if not complete:
            found.blind.append(Blind(
                reason=f"there are more session tags for {role.arn} to choose from than were looked at",
                where=role.arn,
            ))  # fmt: skip

    def ask(self, asker: Held, role: Role, profile: Mapping[str, str], document: Document | None = None) -> Tried:
        """Decide sts:AssumeRole, with session tags also sts:TagSession; `document`: a trust policy in place of its."""
        return self._both(asker, role, profile, document)[0]

    def _both(
        self, asker: Held, role: Role, profile: Mapping[str, str], document: Document | None
    ) -> tuple[Tried, tuple[Request, ...]]:
        """Return the answer, and the request for the session tags that goes with it."""
        key = (role.arn, tuple(sorted(profile.items())), document)
        known = asker.asked.get(key)
        if known is None:
            known = self._decided(asker, role, profile, document)
            if profile and not known[0].open:
                # A policy may ask for further tags, which the caller can send as well.
                wanted = {**self._asked_for(asker, role, profile, document), **profile}
                known = self._decided(asker, role, wanted, document) if len(wanted) > len(profile) else known
            asker.asked[key] = known
        return known

    def _asked_for(
        self, asker: Held, role: Role, profile: Mapping[str, str], document: Document | None
    ) -> dict[str, str]:
        """Return values for the tags of the request that policies name beside those that are sent."""
        sent = {tag.lower() for tag in profile}
        policy = self.trusts.side(role, document).policy
        documents = (*asker.policies.identity, *((policy,) if policy is not None else ()))
        found: dict[str, str] = {}
        for condition in (one for each in documents for statement in each.statements for one in statement.conditions):
            start, _, tag = condition.key.partition("/")
            if start.lower() != "aws:requesttag" or tag.lower() in sent or condition.operator in NEGATED:
                continue
            if condition.operator == "Null":
                if "false" in condition.values:
                    found.setdefault(tag, "x")
            elif condition.values and "${" not in condition.values[0]:
                found[tag] = condition.values[0].replace("*", "x").replace("?", "x")
        return found

    def _decided(
        self, asker: Held, role: Role, profile: Mapping[str, str], document: Document | None
    ) -> tuple[Tried, tuple[Request, ...]]:
        side = self.trusts.side(role, document)
        tags, known = role.tags, role.tags is not None
        first = asker.ask(ASSUME, role.arn, tags=tags, tags_known=known, request_tags=profile, side=side)
        first = replace(first, because=_told(first.because, role))
        if not profile or not first.open:
            return first, ()
        context = {key: value for key, value in first.request.context.items() if key.lower() in _OF_BOTH}
        second = asker.ask(TAG, role.arn, tags=tags, tags_known=known, request_tags=profile, context=context, side=side)
        second = replace(second, because=_told(second.because, role))
        if not second.open:
            return second, ()
        effect = Effect.ALLOW if first.effect is second.effect is Effect.ALLOW else Effect.UNKNOWN
        assuming = tuple(dict.fromkeys((*first.assuming, *second.assuming)))
        because = (*first.because, *second.because)
        return Tried(effect=effect, request=first.request, because=because, assuming=assuming), (second.request,)

    def steps(self, held: Held, asker: Held, to: Held, document: Document | None = None) -> tuple[Step, ...] | None:
        """Return the request that gives one session; None where it is refused."""
        role = to.entity
        if not isinstance(role, Role):
            return None
        tried, also = self._both(asker, role, to.session_tags, document)
        if not tried.open:
            return None
        assuming = list(tried.assuming)
        if asker is not held:
            assuming.insert(0, f"the session name is {asker.session_name!r}")
        if held.session_tags and to.session_tags:
            assuming.append(NOT_TRANSITIVE)
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


def _tagged(principals: Principals, alike: Alike, profiles: tuple[Profile, ...], most: int) -> Iterator[Held]:
    every = (Held(principals, role, session_tags=profile) for profile in profiles for role in alike.roles)
    return islice(every, most)


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
