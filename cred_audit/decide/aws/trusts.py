"""Who may be able to assume which roles: trust policies, indexed by whom they name.

IAM User Guide: "Role trust policies", "AWS JSON policy elements: Principal". A role whose trust policy names few is
found by those that it names; roles that a whole account or anyone may assume are told apart by what the policies of
the one who asks compare, and decided once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cred_audit.decide.aws.atoms import is_principal_key, tag_of
from cred_audit.decide.aws.clause import Clause
from cred_audit.decide.aws.crowd import Crowd, One
from cred_audit.decide.aws.keys import Either, Keys
from cred_audit.decide.aws.model import Document, Kind, Request, ResourcePolicies, Statement
from cred_audit.decide.aws.principals import Principals
from cred_audit.decide.aws.ways import Held, matches_action
from cred_audit.decide.aws.world import Role

TRUST_POLICY = "role trust policy"
"""How every trust policy is named where it is read, so that equal ones are one document."""
ASSUME, TAG = "sts:AssumeRole", "sts:TagSession"
_EXACT = frozenset({"StringEquals", "ArnEquals"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alike:
    """Roles that no policy tells apart when one principal asks for them."""

    roles: tuple[Role, ...]


class Trusts:
    """Every role of every account, by who may assume it."""

    def __init__(self, principals: Principals) -> None:
        """Read all trust policies."""
        self.principals = principals
        self.roles: tuple[Role, ...] = tuple(principals.roles[arn] for arn in sorted(principals.roles))
        self._documents = tuple(self._read(role) for role in self.roles)
        self.documents = tuple(dict.fromkeys(one for one in self._documents if one is not None))
        """All trust policies, equal ones once."""
        self.taggable = sum(document is None or may_tag(document) for document in self._documents)
        """How many roles take session tags from somebody."""
        self.services: dict[str, list[int]] = {}
        """Service principal -> roles that it may assume, as far as the principal decides."""
        self._named: dict[str, list[int]] = {}
        self._valued: dict[tuple[str, str], list[int]] = {}
        self._sessions: dict[str, dict[str, list[int]]] = {}
        self._open: dict[str, list[int]] = {}
        self._anyone: list[int] = []
        self._broads: dict[str, dict[int, None]] = {}
        self._nears: dict[str, tuple[int, ...]] = {}
        self.unseen: list[int] = []
        """Roles whose trust policy was not seen."""
        for number in range(len(self.roles)):
            self._index(number)
        self.crowd = Crowd(map(self._one, self.roles))
        self._alike: dict[tuple[str, ...], Alike] = {}
        self._held: dict[str, Held] = {}

    def named(self) -> Iterator[tuple[str, None]]:
        """Yield the ARNs that trust policies name."""
        for arn in self._named:
            yield arn, None
        for numbers in self._sessions.values():
            yield from ((self.roles[number].arn, None) for found in numbers.values() for number in found)
        for role in self.roles:
            if f"{role.arn.split(':')[4]}/{role.arn.rpartition('/')[2]}" in self._sessions:
                yield role.arn, None

    @property
    def by_value(self) -> bool:
        """Whether some trust policy lets principals in by a tag or name."""
        return bool(self._valued)

    def leads_on(self, role: Role) -> bool:
        """Whether a role may be able to assume others."""
        return (
            self.held(role).uses("sts") or role.arn in self._named or bool(self._valued)
            or f"{role.arn.split(':')[4]}/{role.arn.rpartition('/')[2]}" in self._sessions
        )  # fmt: skip

    def held(self, role: Role) -> Held:
        """Return a session of a role without session tags."""
        known = self._held.get(role.arn)
        if known is None:
            known = self._held[role.arn] = Held(self.principals, role)
        return known

    def _read(self, role: Role) -> Document | None:
        return self.principals.documents.read(role.trust, Kind.RESOURCE, TRUST_POLICY)

    def document(self, role: Role) -> Document | None:
        """Return a role's trust policy; None where it was not seen."""
        return self._read(role)

    def side(self, role: Role, document: Document | None = None) -> ResourcePolicies:
        """Return the policies on a role's side, with another trust policy where one is given."""
        rcps, seen = self.principals.levels(role.arn.split(":", 5)[4], Kind.RCP)
        found = self._read(role) if document is None else document
        unseen = (set() if seen else {Kind.RCP}) | ({Kind.RESOURCE} if found is None else set())
        return ResourcePolicies(policy=found, rcps=rcps, unseen=frozenset(unseen))

    def _one(self, role: Role) -> One:
        document = self._read(role)
        own = role.arn if document is not None and _about_itself(document) else ""
        return One(arn=role.arn, tags=role.tags, mark=(document, own))

    def _index(self, number: int) -> None:
        document = self._documents[number]
        if document is None:
            self._anyone.append(number)
            self.unseen.append(number)
            return
        for statement in document.statements:
            if statement.allow and statement.principals is not None and matches_action(
                statement.actions, "sts:assumerole", negated=statement.not_action
            ):  # fmt: skip
                self._statement(number, statement)

    def _statement(self, number: int, statement: Statement) -> None:
        if statement.not_principal:
            self._anyone.append(number)
            return
        for named in statement.principals or ():
            if named.type == "Service":
                self.services.setdefault(named.value, []).append(number)
        values = _required(statement)
        if values is not None:
            for key, value in values:
                self._valued.setdefault((key, value), []).append(number)
            return
        for named in statement.principals or ():
            if named.type == "*" or named.value == "*":
                self._anyone.append(number)
            elif named.type != "AWS":
                continue
            elif named.value.isdigit() or named.value.endswith(":root"):
                account = named.value if named.value.isdigit() else named.value.split(":")[4]
                self._open.setdefault(account, []).append(number)
            elif ":assumed-role/" in named.value and named.value.count("/") == 2:
                role = f"{named.value.split(':')[4]}/{named.value.split('/')[1]}"
                self._sessions.setdefault(role, {}).setdefault(named.value.split("/")[2], []).append(number)
            else:
                self._named.setdefault(named.value, []).append(number)

    def sessions(self, held: Held) -> dict[str, list[Role]]:
        """Return the roles that one of a principal's sessions may assume by its name."""
        if held.session_name is not None or ":role/" not in held.arn:
            return {}
        found = self._sessions.get(f"{held.account}/{held.arn.rpartition('/')[2]}", {})
        return {name: [self.roles[number] for number in numbers] for name, numbers in found.items()}

    def candidates(self, held: Held, clauses: Sequence[Clause]) -> Iterable[Alike]:
        """Yield the roles that a principal may be able to assume, those that are alike together.

        `clauses`: those on the principal's side that hold sts:AssumeRole or sts:TagSession.
        """
        by_trust: set[int] = set()
        keys = held.evaluator.keys(_REQUEST)
        for key, value in keys.items():
            if is_principal_key(key):
                for one in (value,) if isinstance(value, str) else value.values if isinstance(value, Either) else ():
                    by_trust.update(self._valued.get((key, one), ()))
        if held.entity.tags is None:
            by_trust.update(number for numbers in self._valued.values() for number in numbers)
        for arn in {held.arn, held.principal.arn}:
            by_trust.update(self._named.get(arn, ()))
        broad = self._broad(held.account)
        if not broad:
            yield from self._divided(sorted(by_trust), clauses, keys)
            return
        meant = None if Kind.IDENTITY in held.policies.unseen else self.crowd.meant(clauses, keys)
        if meant is None:
            yield from self._divided(tuple(broad), clauses, keys, held.account)
            by_trust.difference_update(broad)
        else:
            # A star in a trust policy of the account needs no identity policy.
            wanted = {number for number in meant if number in broad}
            near = [number for number in self._near(held.account) if number not in wanted]
            by_trust |= wanted
            by_trust.difference_update(near)
            yield from self._divided(near, clauses, keys, "" if wanted else f"near {held.account}")
        yield from self._divided(sorted(by_trust), clauses, keys)

    def _broad(self, account: str) -> dict[int, None]:
        """Return the roles that anyone of an account may be able to assume."""
        known = self._broads.get(account)
        if known is None:
            known = self._broads[account] = dict.fromkeys((*self._open.get(account, ()), *self._anyone))
        return known

    def _near(self, account: str) -> tuple[int, ...]:
        """Return the roles of an account that anyone may be able to assume."""
        known = self._nears.get(account)
        if known is None:
            same = (number for number in self._anyone if self.roles[number].arn.split(":", 5)[4] == account)
            known = self._nears[account] = tuple(same)
        return known

    def _divided(
        self, numbers: Sequence[int], clauses: Sequence[Clause], keys: Keys, name: str = ""
    ) -> Iterator[Alike]:
        for group in self.crowd.divided(numbers, clauses, keys, name):
            yield self.alike([self.roles[number] for number in group])

    def alike(self, roles: Sequence[Role]) -> Alike:
        """Return these roles as one value, the same one for the same roles."""
        key = tuple(role.arn for role in roles)
        known = self._alike.get(key)
        if known is None:
            known = self._alike[key] = Alike(roles=tuple(roles))
        return known


def _about_itself(document: Document) -> bool:
    """Whether a trust policy looks at tags of its role, so that roles with equal ones need not be alike."""
    return any(
        tag_of(condition.key.lower()) is not None or any("resourcetag/" in value.lower() for value in condition.values)
        for statement in document.statements
        for condition in statement.conditions
    )


def _required(statement: Statement) -> tuple[tuple[str, str], ...] | None:
    """Return the values of a principal's key of which a statement needs one; None where it needs none."""
    for condition in statement.conditions:
        key = condition.key.lower()
        if (
            is_principal_key(key) and condition.operator in _EXACT and not condition.if_exists and not condition.every
            and not any("${" in value or "*" in value or "?" in value for value in condition.values)
        ):  # fmt: skip
            return tuple((key, value) for value in condition.values)
    return None


_REQUEST = Request(action=ASSUME)


def may_tag(document: Document) -> bool:
    """Whether a trust policy lets anyone name session tags."""
    return any(
        statement.allow and matches_action(statement.actions, "sts:tagsession", negated=statement.not_action)
        for statement in document.statements
    )
