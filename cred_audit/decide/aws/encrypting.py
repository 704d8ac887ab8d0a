"""The keys that encrypt what tenants own, as things of these tenants: whoever controls a key decides who decrypts.

A key that lies in nobody's territory, or in another tenant's, is held here once for each tenant whose secrets or
parameters it encrypts (KMS Developer Guide: "Key policies", "Grants in AWS KMS").
"""

from collections.abc import Iterator
from dataclasses import replace

from cred_audit.decide.aws.estate import Thing
from cred_audit.decide.aws.holdings import Holdings
from cred_audit.decide.aws.model import Kind, ResourcePolicies


def encrypting_keys(holdings: Holdings) -> tuple[Thing, ...]:
    """Return a thing for each key and each tenant of which it encrypts something, but for a tenant's own keys.

    Where it is not known which key encrypts something it may be any of its region: such a thing's owner is not known.
    """
    found: dict[tuple[str, tuple[str, ...]], Thing] = {}
    unknown: dict[str, list[Thing]] = {}
    for thing in holdings.things:
        if thing.collection is not None or thing.service == "kms":
            continue
        if not thing.key_known:
            unknown.setdefault(thing.region, []).append(thing)
        elif thing.key is not None:
            alone: list[tuple[str, ...]] = [(owner,) for owner in thing.owners]
            for owners in alone if thing.owners_known else (*alone, ()):
                if not owners or owners != thing.key.owners:
                    key = replace(thing.key, owners=owners, owners_known=bool(owners))
                    found.setdefault((key.arn, owners), key)
    for key in _candidates(holdings, unknown):
        found.setdefault((key.arn, key.owners), key)
    return tuple(found.values())


def _candidates(holdings: Holdings, unknown: dict[str, list[Thing]]) -> Iterator[Thing]:
    """Yield the keys that may encrypt what is encrypted with a key that is not known, by region."""
    keys = [thing for thing in holdings.all if thing.service == "kms" and thing.collection is None]
    for region, things in unknown.items():
        owners = {thing.owners if thing.owners_known else () for thing in things}
        # What several tenants may have a part in is foreign to each of them.
        one = next(iter(owners)) if len(owners) == 1 and len(next(iter(owners))) == 1 else ()
        if any(thing.key is None for thing in things):
            for key in keys:
                if key.region == region and (not one or key.owners != one):
                    yield replace(key, owners=one, owners_known=False)
        # One in an account that was not read.
        for arn in dict.fromkeys(thing.key.arn for thing in things if thing.key is not None):
            policies = ResourcePolicies(unseen=frozenset({Kind.RESOURCE}))
            yield Thing(arn=arn, tags=None, policies=policies, owners=one, owners_known=False)
