"""Where Vault and AWS meet: what a role of Vault's AWS engine gives, and which principals an AWS auth role lets in.

Vault's documentation: "AWS secrets engine" and "AWS auth method", with their API pages. Field names are the API's.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from cred_audit.decide import Unknown
from cred_audit.decide.aws.model import Document, Kind, Principal, PrincipalPolicies, Statement
from cred_audit.decide.aws.principals import Principals
from cred_audit.decide.aws.world import PolicyText, Role, User, asked
from cred_audit.decide.vault.model import AuthRole

_MADE = "vault-made-on-request"
"""Name of a user or federated user that Vault makes: nothing else is called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """AWS credentials that an object of Vault's engine gives."""

    shows: str
    """Whose they are, as half a sentence: `a session of arn:...`."""
    principal: Principal
    policies: PrincipalPolicies
    assuming: tuple[str, ...] = ()
    """What has to be true of Vault's own credentials."""


class Issuer:
    """Vault's AWS engine over the accounts that were read."""

    def __init__(self, principals: Principals) -> None:
        """Take who there is in AWS."""
        self.principals = principals

    def role(self, where: str, data: Mapping[str, Any] | None) -> tuple[Issued | Unknown, ...]:
        """Return what `roles/<name>` gives, one entry for each AWS role; `where` is its API path."""
        if not data:
            return (Unknown(reason="the role's fields were not seen", where=where),)
        types = _texts(data.get("credential_types")) or _texts(data.get("credential_type"))
        if not types:
            return (Unknown(reason="the role's credential type was not seen", where=where),)
        found: list[Issued | Unknown] = []
        for kind in types:
            if kind == "assumed_role":
                found += self._sessions(where, data)
            elif kind == "iam_user":
                found.append(self._user(where, data))
            elif kind == "federation_token":
                found.append(self._federated(where, data))
            else:
                # Among them `session_token`, which is the engine's own user without any limit.
                reason = f"what the user of the engine itself may do ({kind[:40]}) is not known"
                found.append(Unknown(reason=reason, where=f"{where.partition('roles/')[0]}config/root"))
        return tuple(found)

    def static_role(self, where: str, data: Mapping[str, Any] | None) -> tuple[Issued | Unknown, ...]:
        """Return what `static-roles/<name>` gives: the keys of a user that is there."""
        name = (data or {}).get("username")
        if not isinstance(name, str) or not name:
            return (Unknown(reason="the user of the static role was not seen", where=where),)
        blind = next((account.id for account in self.principals.world.accounts if account.users is None), None)
        if blind is not None:
            return (Unknown(reason=f"the users of {blind} were not seen", where=asked("iam", blind)),)
        arns = self._users.get(name, ())
        if len(arns) != 1:
            reason = (
                f"{len(arns) or 'no'} user{'s' * (len(arns) != 1)} of the accounts read {'are' if arns else 'is'} it"
            )
            return (Unknown(reason=f"{reason}: {name[:64]}", where=where),)
        found = self.principals.principal(arns[0])
        if isinstance(found, Unknown):
            return (found,)
        return (Issued(shows=f"keys of the user {arns[0]}", principal=found[0], policies=found[1]),)

    @cached_property
    def _users(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for arn in self.principals.users:
            name = arn.rpartition("/")[2]
            found[name] = (*found.get(name, ()), arn)
        return found

    def _sessions(self, where: str, data: Mapping[str, Any]) -> Iterator[Issued | Unknown]:
        if data.get("role_arns") is None:
            yield Unknown(reason="the AWS roles of the role were not seen", where=where)
        for arn in dict.fromkeys(_texts(data.get("role_arns"))):
            role = self.principals.found(arn)
            found = self.principals.principal(arn, session_tags=_pairs(data.get("session_tags")))
            if isinstance(found, Unknown) or not isinstance(role, Role):
                yield found if isinstance(found, Unknown) else Unknown(reason=f"{arn} is no role", where=where)
                continue
            trusting = self._trusts_principals(role)
            if trusting is False:
                continue
            if trusting is None:
                yield Unknown(reason=f"the trust policy of {arn} was not seen", where=asked("iam", arn.split(":")[4]))
                continue
            limit, seen = self._limit(where, arn.split(":")[4], data)
            unseen = found[1].unseen | (frozenset() if seen else frozenset({Kind.SESSION}))
            yield Issued(
                shows=f"a session of {arn}",
                principal=found[0],
                policies=replace(found[1], session=limit, unseen=unseen),
                assuming=(f"Vault's own credentials may assume {arn}",),
            )

    def _trusts_principals(self, role: Role) -> bool | None:
        """Whether a role can be assumed by some principal of an account; None where its trust was not seen."""
        document = self.principals.documents.read(role.trust, Kind.RESOURCE, f"trust policy of {role.arn}")
        if document is None:
            return None
        return any(
            statement.allow and (statement.not_principal or _names_principals(statement))
            for statement in document.statements
        )

    def _user(self, where: str, data: Mapping[str, Any]) -> Issued | Unknown:
        account, assuming = self._account(where, data)
        if isinstance(account, Unknown):
            return account
        path = data.get("user_path") or "/"
        text = data.get("policy_document")
        user = User(
            arn=f"arn:aws:iam::{account}:user{path}{_MADE}",
            tags=_pairs(data.get("iam_tags")),
            inline=(PolicyText(name=f"that {where} writes", text=str(text)),) if text else (),
            attached=_texts(data.get("policy_arns")),
            boundary=str(data.get("permissions_boundary_arn") or ""),
            groups=_texts(data.get("iam_groups")),
        )
        principal = Principal(arn=user.arn, tags=user.tags)
        return Issued(
            shows=f"keys of a new user in {account}", principal=principal, policies=self.principals.policies(user),
            assuming=assuming,
        )  # fmt: skip

    def _federated(self, where: str, data: Mapping[str, Any]) -> Issued | Unknown:
        account, assuming = self._account(where, data)
        if isinstance(account, Unknown):
            return account
        limit, seen = self._limit(where, account, data)
        if not seen:
            return Unknown(reason="the policies that limit the federated user were not seen", where=where)
        scps, known = self.principals.levels(account, Kind.SCP)
        unseen = frozenset({Kind.IDENTITY} if known else {Kind.IDENTITY, Kind.SCP})
        return Issued(
            shows=f"a federated user in {account}, of the engine's own user",
            principal=Principal(arn=f"arn:aws:sts::{account}:federated-user/{_MADE}"),
            policies=PrincipalPolicies(session=limit, scps=scps, unseen=unseen),
            assuming=assuming,
        )

    def _limit(self, where: str, account: str, data: Mapping[str, Any]) -> tuple[Document | None, bool]:
        """Return the session policies as one document, and whether all are known. What any of them allows counts."""
        found: list[Document | None] = []
        if text := data.get("policy_document"):
            found.append(self.principals.documents.read(str(text), Kind.SESSION, f"policy_document of {where}"))
        found += (self.principals.managed(account, arn, Kind.SESSION) for arn in _texts(data.get("policy_arns")))
        documents = [document for document in found if document is not None]
        same = len({document.variables for document in documents}) <= 1
        if _texts(data.get("iam_groups")) or len(documents) != len(found) or not same:
            return None, False
        if len(documents) < 2:
            return (documents[0] if documents else None), True
        statements = (statement for document in documents for statement in document.statements)
        numbered = tuple(replace(statement, index=number) for number, statement in enumerate(statements, 1))
        name = f"session policies of {where}"
        return Document(kind=Kind.SESSION, name=name, variables=documents[0].variables, statements=numbered), True

    def _account(self, where: str, data: Mapping[str, Any]) -> tuple[str | Unknown, tuple[str, ...]]:
        """Return the account in which Vault makes users: one that the role's policies name, or the only one read."""
        arns = [*_texts(data.get("policy_arns")), *_texts(data.get("permissions_boundary_arn"))]
        named = {arn.split(":")[4] for arn in arns if arn.count(":") >= 5} - {"aws", ""}
        known = self.principals.accounts
        if len(named) == 1 and named <= set(known):
            return named.pop(), ()
        if not named and len(known) == 1:
            account = next(iter(known))
            return account, (f"Vault's own credentials are of the account {account}",)
        return Unknown(reason="in which account Vault makes its users is not known", where=where), ()


def _names_principals(statement: Statement) -> bool:
    return any(named.type in {"AWS", "*"} for named in statement.principals or ())


def _texts(value: Any) -> tuple[str, ...]:
    """Return a list of texts, which the API also takes divided by commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(str(part) for part in value) if isinstance(value, list | tuple) else ()


def _pairs(value: Any) -> dict[str, str]:
    """Return tags, which the API gives as an object or as a list of `key=value`."""
    if isinstance(value, Mapping):
        return {str(key): str(one) for key, one in value.items()}
    return dict(text.partition("=")[::2] for text in _texts(value) if "=" in text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Auth roles that one bound lets a principal into."""

    bound: str
    """As the roles name it."""
    sure: bool
    why: str
    """What lets it in, or keeps it from being sure, as half a sentence."""
    roles: tuple[str, ...]
    """API paths."""


@dataclass(slots=True)
class _Table:
    """Roles by what they are bound to: a whole name, or what a name begins with."""

    sure: bool
    why: str
    exact: dict[str, list[str]] = field(default_factory=dict)
    begins: dict[str, list[str]] = field(default_factory=dict)
    known: dict[str, Admitted] = field(default_factory=dict)

    def add(self, bound: str, role: str, *, begins: bool = False) -> None:
        (self.begins if begins else self.exact).setdefault(bound, []).append(role)

    def of(self, name: str) -> Iterator[Admitted]:
        """Yield the roles that are bound to a name."""
        if name in self.exact:
            yield self._admitted(name, self.exact, "")
        if self.begins:
            for end in range(len(name) + 1):
                if name[:end] in self.begins:
                    yield self._admitted(name[:end], self.begins, "*")

    def all(self) -> Iterator[Admitted]:
        """Yield every role, whatever it is bound to."""
        for table, star in ((self.exact, ""), (self.begins, "*")):
            for text in table:
                yield self._admitted(text, table, star)

    def _admitted(self, text: str, table: Mapping[str, list[str]], star: str) -> Admitted:
        """Return the same object for the same bound, so that what lies behind its roles is summed up once."""
        known = self.known.get(text + star)
        if known is None:
            known = Admitted(bound=text + star, sure=self.sure, why=self.why, roles=tuple(table[text]))
            self.known[text + star] = known
        return known


class Admissions:
    """The roles of Vault's AWS auth methods, found by the principal that logs in."""

    def __init__(self, roles: Iterable[tuple[str, AuthRole]]) -> None:
        """Take each role with its API path."""
        self._whole = _Table(sure=True, why="is bound to it")
        """By the full ARN: the server compares unique ids, or looks the path up for a pattern."""
        self._bare = _Table(sure=True, why="is bound to it")
        """By the ARN without the role's path, which the server compares where it resolves no ids."""
        self._unsure = _Table(sure=False, why="is bound to it, and the server asks for more that was not seen")
        self._roles = _Table(sure=False, why="lets instances with this role in: whether the agent runs on one is open")
        self._profiles = _Table(sure=False, why="lets instances with this profile in")
        self._accounts = _Table(sure=False, why="lets instances of the account in")
        self._instances = _Table(sure=False, why="lets instances in whose bounds name no role")
        self._unknown = _Table(sure=False, why="has bounds that were not seen")
        for path, role in roles:
            self._take(path, role.data or {})

    def _take(self, path: str, data: Mapping[str, Any]) -> None:
        kind = data.get("auth_type")
        bound = _texts(data.get("bound_iam_principal_arn"))
        if kind == "ec2":
            self._instance(path, data)
        elif kind != "iam" or not bound:
            # The server takes no such role without a bound, so it was not seen; or who comes in is inferred.
            self._unknown.add("", path)
        else:
            for arn in bound:
                if data.get("inferred_entity_type"):
                    self._unsure.add(arn.removesuffix("*"), path, begins=arn.endswith("*"))
                elif arn.endswith("*"):
                    self._whole.add(arn[:-1], path, begins=True)
                elif data.get("resolve_aws_unique_ids") is None:
                    self._unsure.add(arn, path)
                else:
                    (self._whole if data["resolve_aws_unique_ids"] else self._bare).add(arn, path)

    def _instance(self, path: str, data: Mapping[str, Any]) -> None:
        for name, table in (
            ("bound_iam_role_arn", self._roles), ("bound_iam_instance_profile_arn", self._profiles),
            ("bound_account_id", self._accounts),
        ):  # fmt: skip
            bounds = _texts(data.get(name))
            for bound in bounds:
                table.add(bound.removesuffix("*"), path, begins=name != "bound_account_id")
            if bounds:
                return
        self._instances.add("", path)

    def of(self, arn: str, found: Role | User | Unknown) -> Iterator[Admitted]:
        """Yield what a role or user is let into, by each bound."""
        bare = _without_path(arn)
        yield from self._whole.of(arn)
        yield from self._bare.of(bare)
        yield from self._unsure.of(arn)
        yield from self._unknown.of("")
        if not isinstance(found, User) and (isinstance(found, Unknown) or found.instance_profiles):
            yield from self._roles.of(arn)
            yield from self._accounts.of(arn.split(":")[4] if arn.count(":") > 4 else "")
            yield from self._instances.of("")
            if isinstance(found, Unknown):
                yield from self._profiles.all()
            else:
                for profile in found.instance_profiles:
                    yield from self._profiles.of(profile)


def _without_path(arn: str) -> str:
    """Return a role's ARN as its sessions tell it; a user's stays."""
    head, slash, name = arn.partition(":role/")
    return f"{head}{slash}{name.rpartition('/')[2]}" if slash else arn
