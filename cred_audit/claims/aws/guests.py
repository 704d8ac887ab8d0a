"""Whom the policy of a role, secret or key lets in beside its owner: decided for stand-ins of those that it names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from cred_audit.claims.aws.isolation import witness_of
from cred_audit.claims.aws.outside import ANYONE, organization, outsiders, some_role, stand_in
from cred_audit.claims.aws.roles import AwsRoles
from cred_audit.decide import Effect, Unknown
from cred_audit.decide.aws.clause import compile_document
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.estate import Thing
from cred_audit.decide.aws.free import Search
from cred_audit.decide.aws.model import KmsGrant, Principal, PrincipalPolicies, Request, ResourcePolicies, Statement
from cred_audit.finding import Evidence, Witness

ACTIONS = {
    "secretsmanager": (
        "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:PutResourcePolicy",
        "secretsmanager:UpdateSecret", "secretsmanager:DeleteSecret", "secretsmanager:DescribeSecret",
    ),
    "kms": ("kms:Decrypt", "kms:ReEncryptFrom", "kms:GenerateDataKey", "kms:CreateGrant", "kms:PutKeyPolicy",
            "kms:ScheduleKeyDeletion"),
    "iam": ("sts:AssumeRole",),
}  # fmt: skip
"""Service of the resource -> what letting somebody in means, worst first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resource:
    """A role, secret or key with its own policy."""

    arn: str
    owners: frozenset[str]
    tags: Mapping[str, str] | None
    policies: ResourcePolicies
    kind: str
    """As a word."""
    thing: Thing | None = None
    """For a secret or key."""

    @property
    def home(self) -> str:
        """Its account."""
        return self.arn.split(":")[4]


class Found(NamedTuple):
    """What a principal may do, or may be able to."""

    action: str
    effect: Effect
    assuming: tuple[str, ...] = ()
    witness: Witness | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """One principal that is let in, or may be."""

    named: str
    """As the policy names it."""
    account: str
    """Empty for anyone."""
    tenants: frozenset[str]
    """Whose it is; none for nobody's."""
    found: "Found"
    evidence: Evidence


def guests(roles: AwsRoles, resource: Resource, *, tenants_only: bool = False) -> Iterator[Guest]:
    """Yield those outside the owner's accounts, and those inside them who are other tenants', whom it lets in.

    `tenants_only`: whether accounts that are named and no tenant's do not matter.
    """
    document = resource.policies.policy
    for statement in document.statements if document is not None else ():
        if statement.allow:
            yield from _outside(roles, resource, statement, tenants_only=tenants_only)
            yield from _inside(roles, resource, statement)
    for grant in resource.policies.grants:
        yield from _granted(roles, resource, grant)


def _outside(roles: AwsRoles, resource: Resource, statement: Statement, *, tenants_only: bool) -> Iterator[Guest]:
    for arn, value in outsiders(statement, resource.home):
        account = arn.split(":")[4]
        tenants = holders(roles, account)
        if value == arn and account in roles.facts.principals.accounts and not tenants:
            # One role or user of the platform's own accounts: whose agents act with it is what matters.
            yield from _named(roles, resource, statement, value)
            continue
        if value != ANYONE and (resource.owners & tenants or (tenants_only and not tenants)):
            continue
        found = _decided(stand_in(arn), resource, statement)
        if found is not None:
            anyone = value == ANYONE and account not in statement.text
            named = "anyone in any account" if anyone else account if value == ANYONE else value
            yield Guest(
                named=named, account="" if anyone else account, tenants=tenants, found=found,
                evidence=Evidence(where=resource.arn, shows=f"lets in {named}", quote=statement.text),
            )  # fmt: skip


def _inside(roles: AwsRoles, resource: Resource, statement: Statement) -> Iterator[Guest]:
    """Yield whom it lets in within its account: everybody, and roles or users that are other tenants'."""
    for named in statement.principals or ():
        value = named.value
        if statement.not_principal or named.type == "*" or value == "*":
            found = _decided(_powerless(some_role(resource.home)), resource, statement)
            if found is not None and not resource.owners & holders(roles, resource.home):
                yield Guest(
                    named="everybody in its account", account=resource.home, tenants=frozenset(), found=found,
                    evidence=Evidence(where=resource.arn, shows="lets in everybody", quote=statement.text),
                )  # fmt: skip
            return
        if named.type == "AWS" and value.count(":") > 4 and value.split(":")[4] == resource.home:
            yield from _named(roles, resource, statement, value)


def _named(roles: AwsRoles, resource: Resource, statement: Statement, value: str) -> Iterator[Guest]:
    """Yield an agent of another tenant that acts with a role or user that the statement names.

    Agents that share a role differ by their tags alone: the first one stands for them here.
    """
    arn = value
    if ":assumed-role/" in value:
        arn = value.replace(":sts:", ":iam:").replace(":assumed-role/", ":role/").rpartition("/")[0]
    others = (acting for acting in roles.acting.get(arn, ()) if acting.tenant not in resource.owners)
    acting = next(others, None)
    if acting is None:
        return
    found: Found | None
    if isinstance(acting.who, Unknown):
        found = Found("its own policies were not seen", Effect.UNKNOWN)
    else:
        found = _decided(roles.facts.search(acting.who), resource, statement)
    if found is not None:
        yield Guest(
            named=value, account=arn.split(":")[4], tenants=frozenset({acting.tenant}), found=found,
            evidence=Evidence(where=resource.arn, shows=f"lets in {value}", quote=statement.text),
        )  # fmt: skip


def _granted(roles: AwsRoles, resource: Resource, grant: KmsGrant) -> Iterator[Guest]:
    """Yield the grantee of a KMS grant that is another tenant's or outside."""
    account = grant.grantee.split(":")[4] if grant.grantee.count(":") > 4 else ""
    tenants = frozenset(acting.tenant for acting in roles.acting.get(grant.grantee, ())) or holders(roles, account)
    foreign = tenants - resource.owners if tenants else frozenset()
    outside = bool(account) and account != resource.home and not tenants
    if foreign or outside:
        operations = ", ".join(sorted(grant.operations))
        yield Guest(
            named=grant.grantee, account=account, tenants=foreign, found=Found(operations, Effect.ALLOW),
            evidence=Evidence(where=f"kms list-grants {resource.arn}", shows=f"lets {grant.grantee} {operations}"),
        )  # fmt: skip


def _decided(search: Search, resource: Resource, statement: Statement) -> Found | None:
    """Return the worst that a principal may do where a statement allows it, decided with all others."""
    document = resource.policies.policy
    best: Found | None = None
    for action in ACTIONS[resource.arn.split(":")[2]]:
        clauses = compile_document(document).for_action(action.lower()) if document is not None else ()
        if not any(clause.statement is statement for clause in clauses):
            continue
        context, assumed = organization(document)
        request = Request(
            action=action, resource=resource.arn, resource_tags=resource.tags, context=dict(context)
        )  # fmt: skip
        found = search.possible(request, resource.policies)
        effect, assuming = found.decision.effect, (*assumed, *found.decision.assuming)
        if effect is Effect.ALLOW:
            return Found(action, effect, assuming, witness_of(search.evaluator.principal, (found.request,)))
        if effect is Effect.UNKNOWN and best is None:
            best = Found(action, effect, assuming)
    return best


@lru_cache(maxsize=65536)
def _powerless(arn: str) -> Search:
    """Return a role that no policy of its own lets do anything; its tags are not known."""
    return Search(Evaluator(Principal(arn=arn, tags=None), PrincipalPolicies()))


def holders(roles: AwsRoles, account: str) -> frozenset[str]:
    """Return the tenants that own an account as a whole."""
    return frozenset(roles.facts.holdings.territories.owners(f"arn:aws:iam::{account}:root", None))
