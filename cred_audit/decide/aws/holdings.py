"""Whose is what in AWS: the secrets, parameters and keys of all accounts, each with the tenants that own it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cred_audit.decide.aws.collections import collections
from cred_audit.decide.aws.engine import NO_RESOURCE_SIDE
from cred_audit.decide.aws.estate import Thing
from cred_audit.decide.aws.model import Kind, KmsGrant, ResourcePolicies, Value
from cred_audit.decide.aws.pattern import arn_expression, compiled
from cred_audit.decide.aws.principals import Principals
from cred_audit.decide.aws.unread import unread
from cred_audit.decide.aws.world import Account, Key, Parameter, Region, Secret, asked

_OWN_KEYS = frozenset({"aws/secretsmanager", "aws/ssm"})
"""AWS's own keys, which each account has and everyone in it may use through the service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One part of a tenant's territory; exactly one field beside the owner is given."""

    owner: str
    tags: Mapping[str, str] | None = None
    """Everything with all of these tags."""
    arns: tuple[str, ...] | None = None
    """Patterns, as in a Resource element."""
    account: str | None = None


@dataclass(slots=True)
class Territories:
    """Everybody's territory, indexed: owners are found without asking every tenant."""

    _tags: dict[tuple[str, ...], dict[tuple[str, ...], list[str]]] = field(default_factory=dict)
    _accounts: dict[str, list[str]] = field(default_factory=dict)
    _arns: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """What a name begins with, up to the pattern's first wildcard -> (expression of the ARN, owner)."""
    _heads: dict[str, list[str]] = field(default_factory=dict)
    """The first five components of a pattern -> owners."""
    _taggers: frozenset[str] = frozenset()
    """Owners by tags, which anything may have."""

    @classmethod
    def of(cls, holdings: Iterable[Holding]) -> "Territories":
        """Index territories."""
        self = cls()
        taggers: set[str] = set()
        for holding in holdings:
            if holding.tags is not None:
                names = tuple(sorted(holding.tags))
                values = tuple(holding.tags[name] for name in names)
                self._tags.setdefault(names, {}).setdefault(values, []).append(holding.owner)
                taggers.add(holding.owner)
            if holding.account is not None:
                self._accounts.setdefault(holding.account, []).append(holding.owner)
            for pattern in holding.arns or ():
                expression = arn_expression([(pattern, True)], short=True)
                if expression is not None:
                    start = _literal_start(pattern.split(":", 5)[5] if pattern.count(":") > 4 else "")
                    self._arns.setdefault(start, []).append((expression, holding.owner))
                    self._heads.setdefault(":".join(pattern.split(":", 5)[:5]), []).append(holding.owner)
        self._taggers = frozenset(taggers)
        return self

    @property
    def by_tags(self) -> bool:
        """Whether tags make things somebody's."""
        return bool(self._tags)

    @property
    def taggers(self) -> frozenset[str]:
        """Owners by tags, which anything may have."""
        return self._taggers

    @property
    def accounts(self) -> Mapping[str, Iterable[str]]:
        """Account that is somebody's territory -> its owners."""
        return self._accounts

    @property
    def heads(self) -> Mapping[str, Iterable[str]]:
        """The first five components of a pattern -> its owners."""
        return self._heads

    def may_own(self, service: str, region: str, account: str) -> frozenset[str]:
        """Return the owners whose territory could hold something of a service in a region of an account."""
        place = f":{service}:{region}:{account}:"
        heads = {owner for head, owners in self._heads.items() if _covers(head, place) for owner in owners}
        return self._taggers | frozenset(self._accounts.get(account, ())) | heads

    def owners(self, arn: str, tags: Mapping[str, str] | None) -> tuple[str, ...]:
        """Return the owners of a thing, in a stable order; its tags own nothing where they were not seen."""
        found: dict[str, None] = {}
        for names, by_value in self._tags.items():
            if tags is not None and all(name in tags for name in names):
                found.update(dict.fromkeys(by_value.get(tuple(tags[name] for name in names), ())))
        fields = arn.split(":", 5)
        if len(fields) == 6:
            found.update(dict.fromkeys(self._accounts.get(fields[4], ())))
            for end in range(len(fields[5]) + 1):
                for expression, owner in self._arns.get(fields[5][:end], ()):
                    if owner not in found and compiled(expression).fullmatch(arn):
                        found[owner] = None
        return tuple(sorted(found))


def _covers(head: str, place: str) -> bool:
    """Whether a pattern's first components may match a place; a shorter pattern covers what follows."""
    expression = arn_expression([(f"{head}:*" if head.count(":") == 4 else head, True)], short=True)
    partition = head.split(":", 2)[1] if head.count(":") else "aws"
    known = partition if "*" not in partition and "?" not in partition else "aws"
    return expression is not None and compiled(expression).fullmatch(f"arn:{known}{place}x") is not None


def _literal_start(text: str) -> str:
    places = [place for place in (text.find("*"), text.find("?")) if place >= 0]
    return text[: min(places)] if places else text


class Holdings:
    """The things of all accounts, ready for `Estate`."""

    def __init__(self, principals: Principals, holdings: Iterable[Holding], *, others: bool) -> None:
        """Take who there is and whose is what. `others`: whether what nobody owns is to be judged too."""
        self.principals = principals
        self.territories = Territories.of(holdings)
        self.others = others
        self.unseen: dict[str, str] = {}
        """What was not seen of what may hold somebody's things, as `secrets of us-east-1 in 111122223333` -> how a gap
        names the call that shows it."""
        self._matters: dict[str, frozenset[str]] = {}
        """Part that was not seen -> owners that may have something there."""
        self._keys: dict[str, Thing] = {}
        self._keys_elsewhere: dict[str, Thing] = {}
        self._aliases: dict[tuple[str, str, str], str] = {}
        self._ids: dict[tuple[str, str, str], str] = {}
        self.keys: dict[str, Key] = {}
        """ARN -> key, of all accounts."""
        for account in principals.world.accounts:
            for region in account.regions:
                self._take_keys(account, region)
        found: list[Thing] = []
        for account in principals.world.accounts:
            for region in account.regions:
                single = tuple(self._things(account, region))
                found += (*single, *collections(account.id, region.name, single, others=others))
        self.all = tuple(sorted(found, key=lambda thing: thing.arn))
        """Every thing, owned or not, by ARN: no answer may depend on the order in which things were listed."""
        self.things = tuple(thing for thing in self.all if others or thing.owners or not thing.owners_known)
        """Those that are or may be somebody's, or all where `others` is a territory."""
        for name, call, owners in unread(principals.world, self.territories.accounts, self.territories.heads):
            self._add_unseen(name, call, owners)

    def _miss(self, part: str, service: str, account: Account, region: Region) -> None:
        owners = self.territories.may_own(service, region.name, account.id)
        self._add_unseen(f"{part} of {region.name} in {account.id}", asked(part, account.id, region.name), owners)

    def _add_unseen(self, name: str, call: str, owners: frozenset[str]) -> None:
        self.unseen[name] = call
        self._matters[name] = self._matters.get(name, frozenset()) | owners

    def _miss_copies(self, account: Account, secret: Secret) -> None:
        """Note the copies of a secret in regions that were not asked for."""
        asked_for = {region.name for region in account.regions}
        for replica in secret.replicas:
            if replica.region not in asked_for:
                owners = frozenset(self.territories.owners(secret.arn, secret.tags))
                if secret.tags is None:
                    owners |= self.territories.may_own("secretsmanager", replica.region, account.id)
                if owners or self.others:
                    call = asked("secrets", account.id, replica.region)
                    self._add_unseen(f"secrets of {replica.region} in {account.id}", call, owners)

    def unseen_of_others(self, owner: str) -> Iterator[tuple[str, str]]:
        """Yield what was not seen of what may hold things of others than an owner, as in `unseen`."""
        for part, call in self.unseen.items():
            matters = self._matters[part]
            if self.others or len(matters) > (owner in matters):
                yield part, call

    def perhaps_owners(self) -> frozenset[str]:
        """Return the owners who may have something that was not seen, or whose tags were not seen."""
        found = frozenset().union(*self._matters.values())
        return found if all(thing.owners_known for thing in self.all) else found | self.territories.taggers

    def _take_keys(self, account: Account, region: Region) -> None:
        if region.keys is None:
            self._miss("keys", "kms", account, region)
        for key in region.keys or ():
            self.keys[key.arn] = key
            self._ids[account.id, region.name, key.arn.rpartition("/")[2]] = key.arn
            for alias in key.aliases:
                self._aliases[account.id, region.name, alias] = key.arn
            self._keys[key.arn] = self._thing(
                key.arn, key.tags, self._policies(account.id, key.policy, "key policy", key),
                known={"kms:resourcealiases": key.aliases} if key.aliases else {}, usable=key.enabled is not False,
            )  # fmt: skip

    def _thing(self, arn: str, tags: Mapping[str, str] | None, policies: ResourcePolicies, **more: Any) -> Thing:
        owners = self.territories.owners(arn, tags)
        # What is somebody's by its name or account may be somebody else's, too, by tags that were not seen.
        seen = tags is not None or not self.territories.by_tags
        return Thing(arn=arn, owners=owners, tags=tags, policies=policies, owners_known=seen, **more)

    def _things(self, account: Account, region: Region) -> Iterable[Thing]:
        if region.secrets is None:
            self._miss("secrets", "secretsmanager", account, region)
        if region.parameters is None:
            self._miss("parameters", "ssm", account, region)
        for secret in region.secrets or ():
            self._miss_copies(account, secret)
            key, known = self._encrypting(account.id, region.name, secret.key) if secret.key_seen else (None, False)
            policies = self._policies(account.id, secret.policy, "resource policy of the secret", secret)
            facts: dict[str, Value] = {"secretsmanager:secretprimaryregion": secret.primary_region or region.name}
            if secret.rotated_by is not None:
                facts["secretsmanager:resource/allowrotationlambdaarn"] = secret.rotated_by
            yield self._thing(secret.arn, secret.tags, policies, key=key, key_known=known, known=facts)
        for parameter in region.parameters or ():
            key, known = (None, True)
            if parameter.type == "SecureString":
                key, known = self._encrypting(account.id, region.name, parameter.key)
            policies = self._policies(account.id, None, "", parameter)
            yield self._thing(parameter.arn, parameter.tags, policies, key=key, key_known=known)
        for key_ in region.keys or ():
            if key_.customer is not False:
                yield self._keys[key_.arn]

    def _encrypting(self, account: str, region: str, given: str | None) -> tuple[Thing | None, bool]:
        """Return a key as `key_of` does; of one in an account that was not read what its ARN tells."""
        key, known = self.key_of(account, region, given)
        fields = (given or "").split(":", 5)
        named = len(fields) == 6 and fields[2] == "kms" and fields[5].startswith("key/")
        if known or given is None or not named or fields[4] in self.principals.accounts:
            return key, known
        if given not in self._keys_elsewhere:
            side = ResourcePolicies(unseen=frozenset({Kind.RESOURCE, Kind.RCP}))
            self._keys_elsewhere[given] = Thing(arn=given, tags=None, policies=side, owners_known=False)
        return self._keys_elsewhere[given], False

    def key_of(self, account: str, region: str, given: str | None) -> tuple[Thing | None, bool]:
        """Return the customer key that a KmsKeyId names and whether it is known; (None, True) for AWS's own key."""
        if given is None:
            return None, True
        name = given.split(":", 5)[5] if given.startswith("arn:") and given.count(":") >= 5 else given
        if name.removeprefix("alias/") in _OWN_KEYS:
            return None, True
        arn = given
        if name.startswith("alias/"):
            fields = given.split(":", 5)
            owner, place = (fields[4], fields[3]) if len(fields) == 6 else (account, region)
            arn = self._aliases.get((owner, place, name), "")
        elif not given.startswith("arn:"):
            arn = self._ids.get((account, region, given), "")
        thing = self._keys.get(arn)
        if thing is not None and self._is_aws_own(arn):
            return None, True
        return thing, thing is not None

    def _is_aws_own(self, arn: str) -> bool:
        key = self.keys[arn]
        return key.customer is False or any(alias.removeprefix("alias/") in _OWN_KEYS for alias in key.aliases)

    def side_of(self, account: str) -> ResourcePolicies:
        """Return what binds everything in an account, whatever policies of its own it has: the RCPs."""
        rcps, seen = self.principals.levels(account, Kind.RCP)
        return ResourcePolicies(rcps=rcps, unseen=frozenset() if seen else frozenset({Kind.RCP}))

    def _policies(self, account: str, text: str | None, name: str, of: Secret | Parameter | Key) -> ResourcePolicies:
        document = self.principals.documents.read(text, Kind.RESOURCE, name)
        rcps, seen = self.principals.levels(account, Kind.RCP)
        unseen: set[Kind] = set() if seen else {Kind.RCP}
        if text is not None and document is None:
            unseen.add(Kind.RESOURCE)
        grants: tuple[KmsGrant, ...] = ()
        if isinstance(of, Secret) and not of.policy_seen:
            unseen.add(Kind.RESOURCE)
        if isinstance(of, Key):
            grants = of.grants or ()
            if of.policy is None or of.grants is None:
                unseen.add(Kind.RESOURCE)
        if document is None and not (rcps or grants or unseen):
            return NO_RESOURCE_SIDE
        return ResourcePolicies(policy=document, rcps=rcps, grants=grants, unseen=frozenset(unseen))
