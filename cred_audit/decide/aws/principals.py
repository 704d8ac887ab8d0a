"""Who an agent is in AWS: a role or user of an account with every policy that binds it, as the facts have them."""

from collections.abc import Iterable, Mapping

from cred_audit.decide import Unknown
from cred_audit.decide.aws.document import PolicyError, read_document
from cred_audit.decide.aws.model import Document, Kind, Principal, PrincipalPolicies
from cred_audit.decide.aws.world import Account, AwsWorld, Levels, Organization, PolicyText, Role, User, asked

_ANYTHING = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'


class Documents:
    """Policy texts, read once: equal texts of one name and kind are one document, so that agents can be alike."""

    def __init__(self) -> None:
        self._known: dict[tuple[Kind, str, str], Document | None] = {}
        self.refused: dict[str, str] = {}
        """Name of a policy that AWS would not take -> why; what it says counts as not seen."""

    def read(self, text: str | None, kind: Kind, name: str) -> Document | None:
        """Return a document; None where its text was not seen or AWS would refuse it."""
        if text is None:
            return None
        key = (kind, name, text)
        if key not in self._known:
            try:
                self._known[key] = read_document(text, kind, name)
            except PolicyError as error:
                self._known[key] = None
                self.refused[name] = str(error)
        return self._known[key]


class Principals:
    """The roles and users of all accounts, by ARN, with their policies."""

    def __init__(self, world: AwsWorld, documents: Documents) -> None:
        """Take the accounts; nothing is read before it is asked for."""
        self.world = world
        self.documents = documents
        self.accounts: Mapping[str, Account] = {account.id: account for account in world.accounts}
        self.roles: Mapping[str, Role] = {role.arn: role for account in world.accounts for role in account.roles or ()}
        self.users: Mapping[str, User] = {user.arn: user for account in world.accounts for user in account.users or ()}
        self._managed = {
            account.id: {policy.name: policy.text for policy in account.policies or ()} for account in world.accounts
        }
        self._groups = {account.id: {group.name: group for group in account.groups or ()} for account in world.accounts}
        self._levels: dict[tuple[Kind, str], tuple[tuple[tuple[Document, ...], ...], bool]] = {}

    def found(self, arn: str) -> Role | User | Unknown:
        """Return the role or user of an ARN, or why it is not known."""
        account = arn.split(":")[4] if arn.count(":") >= 5 else ""
        facts = self.accounts.get(account)
        if facts is None:
            return Unknown(reason=f"the account {account} was not read", where=f"account {account}")
        call = asked("iam", account)
        if ":role/" in arn:
            if facts.roles is None:
                return Unknown(reason=f"the roles of the account {account} were not seen", where=call)
            return self.roles.get(arn) or Unknown(reason=f"there is no role {arn}", where=call)
        if facts.users is None:
            return Unknown(reason=f"the users of the account {account} were not seen", where=call)
        return self.users.get(arn) or Unknown(reason=f"there is no user {arn}", where=call)

    def principal(
        self, arn: str, *, session_tags: Mapping[str, str] | None = None, session_name: str | None = None
    ) -> tuple[Principal, PrincipalPolicies] | Unknown:
        """Return a role's session or a user as the engine takes it. Without a name, the session's is not known."""
        found = self.found(arn)
        if isinstance(found, Unknown):
            return found
        acting = arn
        if isinstance(found, Role) and session_name:
            fields = arn.split(":")
            acting = f"{fields[0]}:{fields[1]}:sts::{fields[4]}:assumed-role/{arn.rpartition('/')[2]}/{session_name}"
        principal = Principal(
            arn=acting,
            role=arn if isinstance(found, Role) else "",
            unique_id=found.unique_id,
            alone=self.world.organization == Organization(),
            tags=found.tags,
            session_tags=dict(session_tags or {}),
        )
        return principal, self.policies(found)

    def policies(self, found: Role | User) -> PrincipalPolicies:
        """Return all policies on the side of a role or user."""
        account = found.arn.split(":")[4]
        unseen: set[Kind] = set()
        identity = self._identity(account, found.inline, found.attached, unseen)
        if isinstance(found, User):
            if found.groups is None or (found.groups and self.accounts[account].groups is None):
                unseen.add(Kind.IDENTITY)
            for name in sorted(found.groups or ()):
                group = self._groups[account].get(name)
                if group is None:
                    unseen.add(Kind.IDENTITY)
                else:
                    identity += self._identity(account, group.inline, group.attached, unseen, f" of group {name}")
        boundary = None
        if found.boundary is None:
            unseen.add(Kind.BOUNDARY)
        elif found.boundary:
            boundary = self.managed(account, found.boundary, Kind.BOUNDARY)
            if boundary is None:
                unseen.add(Kind.BOUNDARY)
        scps, seen = self.levels(account, Kind.SCP)
        if not seen:
            unseen.add(Kind.SCP)
        return PrincipalPolicies(
            identity=tuple(dict.fromkeys(identity)), boundary=boundary, scps=scps, unseen=frozenset(unseen)
        )

    def _identity(
        self,
        account: str,
        inline: Iterable[PolicyText] | None,
        attached: Iterable[str] | None,
        unseen: set[Kind],
        whose: str = "",
    ) -> list[Document]:
        # By name: which statement an answer names must not depend on the order in which policies were listed.
        texts = sorted(inline or (), key=lambda policy: policy.name)
        found = [
            self.documents.read(policy.text, Kind.IDENTITY, f"inline policy {policy.name}{whose}") for policy in texts
        ]
        found += [self.managed(account, arn, Kind.IDENTITY) for arn in sorted(attached or ())]
        if inline is None or attached is None or None in found:
            unseen.add(Kind.IDENTITY)
        return [document for document in found if document is not None]

    def managed(self, account: str, arn: str, kind: Kind) -> Document | None:
        """Return a managed policy as an identity policy or boundary; None where it was not seen."""
        return self.documents.read(self._managed.get(account, {}).get(arn), kind, arn)

    def levels(self, account: str, kind: Kind) -> tuple[tuple[tuple[Document, ...], ...], bool]:
        """Return the SCPs or RCPs that bind an account, root first, and whether they are all known."""
        known = self._levels.get((kind, account))
        if known is None:
            known = self._levels[kind, account] = self._read_levels(account, kind)
        return known

    def _read_levels(self, account: str, kind: Kind) -> tuple[tuple[tuple[Document, ...], ...], bool]:
        organization = self.world.organization
        if organization is None:
            return (), False
        if account == organization.management:
            return (), True
        given: Levels | None = (organization.scps if kind is Kind.SCP else organization.rcps).get(account, ())
        if given is None:
            return (), False
        levels = [[self.documents.read(policy.text, kind, policy.name) for policy in level] for level in given]
        seen = all(document is not None for level in levels for document in level)
        # A policy that was not seen may allow anything; what its level denies for sure still counts.
        anything = self.documents.read(_ANYTHING, kind, "a policy that was not seen") if kind is Kind.SCP else None
        known = (
            (
                *(one for one in level if one is not None),
                *([anything] if anything is not None and None in level else []),
            )
            for level in levels
        )
        return tuple(known), seen
