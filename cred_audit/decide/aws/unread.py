"""What a territory names and nobody read: accounts and regions that are not among the facts at all."""

from collections.abc import Iterable, Iterator, Mapping

from cred_audit.decide.aws.pattern import compiled, glob_expression
from cred_audit.decide.aws.world import AwsWorld, asked

_PARTS = {"secretsmanager": "secrets", "ssm": "parameters", "kms": "keys"}
_NAMED = 20
"""Accounts that are told one by one; more are told together."""


def unread(
    world: AwsWorld, accounts: Mapping[str, Iterable[str]], heads: Mapping[str, Iterable[str]]
) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Yield each part that was not read, as `secrets of eu-west-1 in 111122223333`, the call and the owners there.

    `accounts`: account that is somebody's territory -> its owners. `heads`: the first five components of a pattern of
    ARNs -> its owners; a region that a pattern leaves open is none that it names.
    """
    read = {account.id: frozenset(region.name for region in account.regions) for account in world.accounts}
    missing: dict[str, set[str]] = {}
    for account, owners in accounts.items():
        if account not in read:
            missing.setdefault(account, set()).update(owners)
    for head, owners in heads.items():
        service, region, account = _place(head)
        if service not in _PARTS:
            continue
        if account and account not in read:
            missing.setdefault(account, set()).update(owners)
        elif region:
            for name in (account,) if account else _covered(head.rpartition(":")[2], read):
                if region not in read[name]:
                    part = _PARTS[service]
                    yield f"{part} of {region} in {name}", asked(part, name, region), frozenset(owners)
    yield from _accounts(missing)


def _accounts(missing: Mapping[str, set[str]]) -> Iterator[tuple[str, str, frozenset[str]]]:
    named = sorted(missing)
    for account in named[:_NAMED]:
        call = f"account {account}"
        yield f"secrets, parameters and keys of the {call}", call, frozenset(missing[account])
    rest = named[_NAMED:]
    if rest:
        owners = frozenset().union(*(missing[account] for account in rest))
        yield f"secrets, parameters and keys of {len(rest)} more accounts", f"account {rest[0]} and others", owners


def _place(head: str) -> tuple[str, str, str]:
    """Return service, region and account of a pattern's first components; empty where they leave it open."""
    fields = head.split(":")
    if len(fields) != 5:
        return "", "", ""
    service, region, account = ("" if "*" in text or "?" in text else text for text in fields[2:])
    return service, region, account


def _covered(pattern: str, accounts: Iterable[str]) -> Iterator[str]:
    """Yield the accounts that an account component covers."""
    expression = compiled(glob_expression([(pattern, True)]))
    yield from (account for account in accounts if expression.fullmatch(account))
