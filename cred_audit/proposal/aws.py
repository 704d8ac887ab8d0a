"""Tenants guessed from AWS accounts: from the tag that policies compare, from name prefixes, and from accounts.

The roles and users whose tag or name is a tenant's become its agents; a role that policies tell apart by the tag of its
session stands for the agents of all tenants.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from cred_audit.decide.aws.document import PolicyError, read_document
from cred_audit.decide.aws.model import Kind
from cred_audit.decide.aws.world import Account, AwsWorld, PolicyText, Role, User
from cred_audit.proposal.names import LONGEST_NAME, NOT_TENANTS, SEPARATOR, distinct
from cred_audit.target.model import AwsPrincipal, AwsTerritory

_TELLING = ("tenant", "customer", "client", "organization", "organisation", "workspace", "account", "team")
"""What a tag's key holds where it names a tenant, the most telling first."""
_PRINCIPAL_TAG = re.compile(r"\$\{aws:PrincipalTag/([^},]{1,128})[},]", re.IGNORECASE)
_NOT_OF_A_TENANT = ("/aws-service-role/", "/aws-reserved/")
_PARTS = 12
"""Parts of a name that are looked at."""
_RANDOM_END = re.compile(r"-[A-Za-z0-9]{6}$")
"""What Secrets Manager puts behind a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsTenant:
    """What seems to be one tenant's in AWS, each part with the reason for the guess."""

    name: str
    agents: tuple[tuple[str, AwsPrincipal, str], ...]
    """(name, principal, reason)."""
    territory: tuple[tuple[AwsTerritory, str], ...]


class _Thing(NamedTuple):
    """A secret, parameter or key."""

    account: str
    service: str
    name: str
    """Empty for a key."""
    tags: dict[str, str]


@dataclass(slots=True)
class _Found:
    agents: dict[str, tuple[str, AwsPrincipal, str]] = field(default_factory=dict)
    """ARN -> (name, principal, reason)."""
    territory: list[tuple[AwsTerritory, str]] = field(default_factory=list)


def propose_aws(world: AwsWorld, known: Iterable[str] = ()) -> tuple[tuple[AwsTenant, ...], tuple[str, ...]]:
    """Return the tenants that the accounts suggest, sorted, and what was seen and given to none.

    `known`: names of tenants that are known from elsewhere; things with their names are theirs.
    """
    return _Guess(world, known).proposal()


class _Guess:
    def __init__(self, world: AwsWorld, known: Iterable[str]) -> None:
        self.world = world
        self.found: dict[str, _Found] = {name: _Found() for name in known}
        self.folded: dict[str, str] = {}
        """Name of a tenant without case -> the name; roles are often called so."""
        self.left_out: dict[str, None] = {}
        self.things = tuple(thing for account in world.accounts for thing in _things(account))
        self.comparing = {holder.arn: tuple(_compared(account, holder)) for account, holder in self.holders()}
        """ARN of a role or user -> keys of the principal's tags that its policies look at."""

    def proposal(self) -> tuple[tuple[AwsTenant, ...], tuple[str, ...]]:
        key = self.tag_key()
        if key:
            self.tags(key)
        self.prefixes()
        self.accounts()
        self.principals(key)
        self.sessions(key)
        tenants = tuple(
            AwsTenant(name=name, agents=_distinct_agents(found), territory=tuple(found.territory))
            for name, found in sorted(self.found.items()) if found.agents or found.territory
        )  # fmt: skip
        return tenants, tuple(self.left_out)

    def holders(self) -> Iterator[tuple[Account, Role | User]]:
        """Yield the roles and users that may be agents."""
        for account in self.world.accounts:
            holders: list[Role | User] = [*(account.roles or ()), *(account.users or ())]
            for holder in holders:
                if not any(part in holder.arn for part in _NOT_OF_A_TENANT):
                    yield account, holder

    def name(self, text: str) -> _Found | None:
        """Return what is known under a name; None, and the name noted, where it is no tenant's."""
        if text not in self.found and (not text or len(text) > LONGEST_NAME or text.lower() in NOT_TENANTS):
            self.left_out[f"{text[:LONGEST_NAME]!r} does not look like a tenant"] = None
            return None
        return self.found.setdefault(text, _Found())

    def tag_key(self) -> str:
        """Return the key of the tag that tells tenants apart, empty for none."""
        uses = Counter(key for thing in self.things for key in thing.tags)
        meeting = Counter(key for thing in self.things for key, value in thing.tags.items() if value in self.found)
        compared = Counter(key.casefold() for keys in self.comparing.values() for key in keys)
        ranked = sorted(
            (-compared[key.casefold()], _telling(key), -meeting[key], -count, key) for key, count in uses.items()
            if compared[key.casefold()] or meeting[key] or _telling(key) < len(_TELLING)
        )  # fmt: skip
        return ranked[0][-1] if ranked else ""

    def tags(self, key: str) -> None:
        counts = Counter(thing.tags[key] for thing in self.things if key in thing.tags)
        for value, count in sorted(counts.items()):
            found = self.name(value)
            if found is not None:
                things = "1 thing has" if count == 1 else f"{count} things have"
                found.territory.append((AwsTerritory(tags={key: value}), f"{things} this tag"))

    def prefixes(self) -> None:
        """Take names that begin with a tenant's and a slash; without any tenant, the beginnings are the tenants."""
        counts = Counter(
            (thing.account, thing.service, thing.name.lstrip("/").partition("/")[0])
            for thing in self.things if "/" in thing.name.lstrip("/")
        )  # fmt: skip
        alone = not self.found
        for (account, service, start), count in sorted(counts.items()):
            if not alone and start not in self.found:
                self.left_out[f"{count} names of {service} in {account} begin with {start[:LONGEST_NAME]!r}/"] = None
                continue
            found = self.name(start)
            if found is not None and not any(wild in start for wild in "*?$"):
                form = f"secret:{start}/*" if service == "secretsmanager" else f"parameter/{start}/*"
                pattern = f"arn:{_partition(self.world)}:{service}:*:{account}:{form}"
                names = "1 name begins" if count == 1 else f"{count} names begin"
                found.territory.append((AwsTerritory(arns=(pattern,)), f"{names} so"))

    def accounts(self) -> None:
        """Take whole accounts for tenants where nothing inside tells them apart and there are several."""
        if self.found or len(self.world.accounts) < 2:
            return
        for account in self.world.accounts:
            found = self.name(account.id)
            if found is not None:
                found.territory.append((AwsTerritory(account=account.id), "an account of its own"))

    def principals(self, key: str) -> None:
        self.folded = {name.casefold(): name for name in reversed(self.found)}
        for account, holder in self.holders():
            tags = {name.casefold(): value for name, value in (holder.tags or {}).items()}
            value = tags.get(key.casefold(), "") if key else ""
            owner, why = value if value in self.found else None, f"its tag {key} says so"
            if owner is None:
                owner, why = self.owner(_short(holder.arn)), "by its name"
            if owner is None and account.id in self.found:
                owner, why = account.id, "it is in the tenant's account"
            if owner is not None:
                self.add(owner, holder, {}, why)
            elif not self.comparing[holder.arn]:
                self.left_out[f"{holder.arn} could not be given to one tenant"] = None

    def sessions(self, key: str) -> None:
        """Take a role that no tenant has, and whose policies look at the session's tag, for all that lack an agent."""
        lacking = [name for name, found in self.found.items() if not found.agents and found.territory]
        taken = {arn for found in self.found.values() for arn in found.agents}
        for _, holder in self.holders():
            if holder.arn in taken or not self.comparing[holder.arn]:
                continue
            told = next((one for one in self.comparing[holder.arn] if one.casefold() == key.casefold()), "")
            if not told or not isinstance(holder, Role):
                self.left_out[f"{holder.arn} could not be given to one tenant"] = None
                continue
            for name in lacking:
                self.add(name, holder, {told: name}, "its policies compare this tag of the session")

    def owner(self, name: str) -> str | None:
        """Return the tenant whose name is a part of a role's: `agent-acme-labs` is acme-labs', not acme's."""
        marks = [0, *(match.end() for match in SEPARATOR.finditer(name[:LONGEST_NAME]))][:_PARTS]
        ends = [*(mark - 1 for mark in marks[1:]), len(name)]
        parts = sorted(
            (name[start:end] for start in marks for end in ends if end > start), key=lambda part: (-len(part), part)
        )
        return next((self.folded[part.casefold()] for part in parts if part.casefold() in self.folded), None)

    def add(self, owner: str, holder: Role | User, session_tags: dict[str, str], why: str) -> None:
        user = isinstance(holder, User)
        principal = AwsPrincipal(
            role="" if user else holder.arn, user=holder.arn if user else "", session_tags=session_tags
        )
        self.found[owner].agents.setdefault(holder.arn, (_short(holder.arn), principal, why))


def _things(account: Account) -> Iterator[_Thing]:
    for region in account.regions:
        for secret in region.secrets or ():
            name = _RANDOM_END.sub("", secret.arn.split(":", 6)[-1])
            yield _Thing(account.id, "secretsmanager", name, dict(secret.tags or {}))
        for parameter in region.parameters or ():
            name = parameter.arn.split(":", 5)[-1].removeprefix("parameter/")
            yield _Thing(account.id, "ssm", name, dict(parameter.tags or {}))
        for key in region.keys or ():
            yield _Thing(account.id, "kms", "", dict(key.tags or {}))


def _compared(account: Account, holder: Role | User) -> Iterator[str]:
    """Yield the keys of the principal's tags that its policies compare or fill in."""
    managed = {policy.name: policy for policy in account.policies or ()}
    groups = {group.name: group for group in account.groups or ()}
    holders = [holder, *(groups[name] for name in getattr(holder, "groups", None) or () if name in groups)]
    texts: list[PolicyText] = []
    for one in holders:
        texts += one.inline or ()
        texts += (managed[arn] for arn in one.attached or () if arn in managed)
    for policy in texts:
        yield from _variables(policy.text or "{}")


@lru_cache(maxsize=4096)
def _variables(text: str) -> tuple[str, ...]:
    """Return the keys of the principal's tags that a policy names; none where it is no policy."""
    try:
        document = read_document(text, Kind.IDENTITY, "policy")
    except PolicyError:
        return ()
    written: list[str] = []
    for statement in document.statements:
        written += statement.resources or ()
        written += (one for part in statement.conditions for one in part.values)
    return tuple(match[1].strip() for one in written for match in _PRINCIPAL_TAG.finditer(one))


def _telling(key: str) -> int:
    lowered = key.lower()
    return next((number for number, word in enumerate(_TELLING) if word in lowered), len(_TELLING))


def _short(arn: str) -> str:
    return arn.rpartition("/")[2]


def _partition(world: AwsWorld) -> str:
    """Return the partition of the accounts, as the ARN of some role has it."""
    arns = (role.arn for account in world.accounts for role in account.roles or ())
    return next((arn.split(":")[1] for arn in arns if arn.count(":") > 4), "aws")


def _distinct_agents(found: _Found) -> tuple[tuple[str, AwsPrincipal, str], ...]:
    ids = distinct([f"{name}\0{number}" for number, (name, _, _) in enumerate(found.agents.values())])
    return tuple(
        (identity, principal, why)
        for identity, (_, principal, why) in zip(ids.values(), found.agents.values(), strict=True)
    )
