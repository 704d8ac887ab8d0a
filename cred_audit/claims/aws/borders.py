"""Do accounts and resource policies keep tenants apart? Whom each policy lets in is decided, see `guests`."""

from collections.abc import Iterable, Iterator

from cred_audit.claims.aws.assuming import reaches_of
from cred_audit.claims.aws.guests import Guest, Resource, guests, holders
from cred_audit.claims.aws.keys import without_key_known
from cred_audit.claims.aws.roles import AwsRoles, aws_roles
from cred_audit.claims.isolation import sentence_of
from cred_audit.decide import Effect
from cred_audit.decide.aws.estate import Thing
from cred_audit.decide.aws.model import Kind
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Reaches, Verdict

_SHOWN = 3
_KINDS = {"secretsmanager": "secret", "kms": "key"}
_CLOSED = "the value is encrypted with AWS's own key, which works in its own account only: it can be replaced, not read"
_OPENED = "the policy of the key that encrypts it lets the same principal decrypt"
_FIX = (
    "name the one role of the tenant as Principal; `secretsmanager:BlockPublicPolicy` stops public policies only, not "
    "an account that is named"
)


def of_tenants(roles: AwsRoles) -> Iterator[Resource]:
    """Yield the secrets that are a tenant's and the customer keys that are, or that encrypt, a tenant's things."""
    used: dict[str, set[str]] = {}
    keys: dict[str, Thing] = {}
    for thing in roles.facts.holdings.all:
        if thing.collection is not None:
            continue
        if thing.key is not None and thing.owners:
            keys[thing.key.arn] = thing.key
            used.setdefault(thing.key.arn, set()).update(thing.owners)
        if thing.service == "kms" and thing.owners:
            keys[thing.arn] = thing
            used.setdefault(thing.arn, set()).update(thing.owners)
        if thing.service == "secretsmanager" and thing.owners:
            yield _resource(thing, frozenset(thing.owners))
    for arn, key in keys.items():
        yield _resource(key, frozenset(used[arn]))


def _resource(thing: Thing, owners: frozenset[str]) -> Resource:
    kind = _KINDS[thing.service]
    return Resource(arn=thing.arn, owners=owners, tags=thing.tags, policies=thing.policies, kind=kind, thing=thing)


def judge_resource_policies(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each secret and key of a tenant that has a policy of its own."""
    roles = aws_roles(snapshot)
    holdings = roles.facts.holdings
    # Such a key may be one that no tenant's thing seems to use.
    yield from without_key_known(roles.facts)
    unsure = bool(holdings.unseen) or not all(thing.owners_known and thing.key_known for thing in holdings.all)
    for resource in of_tenants(roles):
        policies = resource.policies
        if Kind.RESOURCE in policies.unseen:
            yield _not_seen(resource)
        elif policies.policy is not None or policies.grants:
            # A key serves whoever has something encrypted with it, so all that was not seen matters.
            known = not unsure if resource.kind == "key" else resource.thing is None or resource.thing.owners_known
            yield _judged(roles, resource, tuple(guests(roles, resource)), owners_known=known)


def _not_seen(resource: Resource) -> Finding:
    shows = "its policy or its grants were not seen, or are none that AWS takes"
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject=f"{resource.kind}:{resource.arn}",
        summary=f"Whom the policy of {resource.arn} lets in is not known: {shows}.",
        evidence=(Evidence(where=resource.arn, shows=shows),),
    )


def _judged(roles: AwsRoles, resource: Resource, found: tuple[Guest, ...], *, owners_known: bool = True) -> Finding:
    """Return the finding of one policy. `owners_known`: whether a tenant that it lets in is surely none of its own."""
    owners = reaches_of(roles.facts, resource.owners)
    sure = tuple(guest for guest in found if guest.found.effect is Effect.ALLOW and (owners_known or not guest.tenants))
    if not found:
        return Finding(
            verdict=Verdict.PASS,
            subject=f"{resource.kind}:{resource.arn}",
            summary=f"The policy of {resource.arn} lets in nobody but {sentence_of(owners)}.",
            evidence=(Evidence(where=resource.arn, shows="no statement lets in another account or tenant"),),
        )
    told = sure or found
    names = ", ".join(dict.fromkeys(guest.named for guest in told))
    tenants = sorted({name for guest in told for name in guest.tenants} - resource.owners)
    return Finding(
        verdict=Verdict.FAIL if sure else Verdict.UNKNOWN,
        subject=f"{resource.kind}:{resource.arn}",
        tenant=tenants[0] if len(tenants) == 1 else None,
        reaches=owners,
        summary=f"The policy of {resource.arn}, which belongs to {sentence_of(owners)}, "
        f"{'lets' if sure else 'may let'} in {names} ({told[0].found.action}).",
        evidence=tuple(guest.evidence for guest in told[:_SHOWN]),
        witness=told[0].found.witness,
        assuming=tuple(dict.fromkeys((*told[0].found.assuming, *_assumed(resource, told[0])))),
        fix=_FIX if sure else None,
    )


def _assumed(resource: Resource, guest: Guest) -> Iterator[str]:
    """Yield what must be true beside the resource's policy for the request to go through."""
    if guest.account != resource.home:
        yield "the policies of the other account allow it too"
    if guest.found.action == "secretsmanager:GetSecretValue":
        if resource.thing is not None and resource.thing.key is not None:
            yield _OPENED
        elif guest.account != resource.home:
            yield _CLOSED


def judge_accounts(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield findings on the accounts that tenants own: who else is in them, and whom their policies let in."""
    roles = aws_roles(snapshot)
    owned: dict[str, set[str]] = {}
    for tenant in snapshot.target.tenants:
        for part in tenant.territory.aws:
            if part.account is not None:
                owned.setdefault(part.account, set()).add(tenant.id)
    if not owned:
        return
    open_ = _policies_between(roles, owned)
    strangers = _strangers(roles, owned)
    read = roles.facts.principals.accounts
    for account, owners in owned.items():
        bad = list(open_.get(account, ()))
        if len(owners) > 1:
            yield _shared(roles, account, owners, "it is declared as the account of each")
        if strangers.get(account):
            yield _shared(roles, account, owners | strangers[account], "things in it belong to others")
        yield from bad
        if len(owners) == 1 and not bad and not strangers.get(account):
            verdict = Verdict.PASS if account in read else Verdict.UNKNOWN
            shows = "no policy in it lets another tenant's account in" if account in read else "it was not read"
            yield Finding(
                verdict=verdict,
                subject=f"account:{account}",
                summary=f"The account {account} of {min(owners)}: {shows}.",
                evidence=(Evidence(where=f"account {account}", shows=shows),),
            )
    yield from _lodgers(roles)


def _shared(roles: AwsRoles, account: str, owners: Iterable[str], shows: str) -> Finding:
    reaches = reaches_of(roles.facts, owners)
    return Finding(
        verdict=Verdict.FAIL,
        subject=f"account:{account}: {shows}",
        reaches=reaches,
        summary=f"The account {account} serves {sentence_of(reaches)}: {shows}.",
        evidence=(Evidence(where=f"account {account}", shows=shows),),
        fix="give each tenant an account of its own",
    )


def _strangers(roles: AwsRoles, owned: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the tenants that own things in an account that is another's."""
    found: dict[str, set[str]] = {}
    for thing in roles.facts.holdings.all:
        if thing.collection is None and thing.account in owned:
            others = set(thing.owners) - owned[thing.account]
            if others:
                found.setdefault(thing.account, set()).update(others)
    return found


def _policies_between(roles: AwsRoles, owned: dict[str, set[str]]) -> dict[str, list[Finding]]:
    """Return what is open among tenants' accounts, by the account whose policy it is."""
    found: dict[str, list[Finding]] = {}
    for resource in _in_accounts(roles, owned):
        if Kind.RESOURCE in resource.policies.unseen:
            found.setdefault(resource.home, []).append(_not_seen(resource))
            continue
        let = tuple(
            guest for guest in guests(roles, resource, tenants_only=True)
            if not guest.account or (guest.account != resource.home and guest.tenants - resource.owners)
        )  # fmt: skip
        if let:
            found.setdefault(resource.home, []).append(_judged(roles, resource, let))
    return found


def _in_accounts(roles: AwsRoles, owned: dict[str, set[str]]) -> Iterator[Resource]:
    for thing in roles.facts.holdings.all:
        if thing.collection is None and thing.account in owned and thing.service in _KINDS:
            policies = thing.policies
            if policies.policy is not None or policies.grants or Kind.RESOURCE in policies.unseen:
                yield _resource(thing, frozenset(owned[thing.account]))
    for account, owners in owned.items():
        facts = roles.facts.principals.accounts.get(account)
        for role in (facts.roles if facts is not None else None) or ():
            yield Resource(
                arn=role.arn,
                owners=frozenset(owners),
                tags=role.tags,
                policies=roles.policies(role),
                kind="role",
            )


def _lodgers(roles: AwsRoles) -> Iterator[Finding]:
    """Yield agents that act in the account of another tenant."""
    for acting in roles.facts.acting:
        account = acting.arn.split(":")[4] if acting.arn.count(":") > 4 else ""
        owners = holders(roles, account)
        if not owners:
            continue
        own = acting.tenant in owners
        name = f"{acting.tenant}/{acting.agent}"
        reaches = Reaches(tenants=tuple(sorted(owners)), count=len(owners))
        yield Finding(
            verdict=Verdict.PASS if own else Verdict.FAIL,
            subject=f"agent:{name}",
            tenant=acting.tenant,
            agents=(acting.agent,),
            reaches=Reaches() if own else reaches,
            summary=f"{name} acts in {'its own' if own else 'the'} account {account}"
            f"{'' if own else f' of {sentence_of(reaches)}'}.",
            evidence=(Evidence(where=acting.arn, shows=f"is a principal of {account}"),),
            fix=None if own else "let the agent act in its tenant's own account",
        )
