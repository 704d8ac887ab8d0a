"""What one call gives of many: everything of a service in an account and region, and everything below a folder."""

from collections.abc import Iterable, Iterator, Sequence

from cred_audit.decide import OTHERS
from cred_audit.decide.aws.engine import NO_RESOURCE_SIDE
from cred_audit.decide.aws.estate import Collection, Thing


def collections(account: str, region: str, things: Sequence[Thing], *, others: bool) -> Iterator[Thing]:
    """Yield the collections of one account and region. `things`: its secrets, parameters and customer keys.

    `others`: whether what nobody owns counts.
    """
    for service in ("secretsmanager", "ssm", "kms"):
        shown = [one for one in things if one.service == service]
        yield from _everything(account, region, service, shown, others=others)
    tagged = [one for one in things if one.tags is None or one.tags]
    yield from _everything(account, region, "tag", tagged, others=others)
    yield from _folders([one for one in things if one.service == "ssm"], others=others)


def _everything(account: str, region: str, service: str, things: Sequence[Thing], *, others: bool) -> Iterator[Thing]:
    """Yield what a call without a resource shows."""
    groups: dict[bool, list[Thing]] = {}
    for thing in things:
        seen = thing.owners_known and (service != "tag" or thing.tags is not None)
        groups.setdefault(seen, []).append(thing)
    for seen, group in groups.items():
        owners = _owners(group, others=others)
        if owners or (group and not seen):
            partition = group[0].arn.split(":", 2)[1]
            yield Thing(
                arn=f"arn:{partition}:{service}:{region}:{account}:*", owners=owners, owners_known=seen,
                collection=Collection.EVERYTHING, policies=NO_RESOURCE_SIDE,
            )  # fmt: skip


def _owners(things: Iterable[Thing], *, others: bool) -> tuple[str, ...]:
    found = {owner for thing in things for owner in thing.owners or ((OTHERS,) if others else ())}
    return tuple(sorted(found))


def _folders(parameters: Sequence[Thing], *, others: bool) -> Iterator[Thing]:
    """Yield a folder for each path above a parameter, once for all values below that need no customer key.

    A value under a customer key is decrypted for its own ARN, so each of these is a thing of its own.
    """
    together: dict[tuple[str, bool, bool], list[Thing]] = {}
    for parameter in parameters:
        for folder in _above(parameter.arn):
            if parameter.key is None:
                key = (folder, parameter.key_known, parameter.owners_known)
                together.setdefault(key, []).append(parameter)
            elif parameter.owners or others or not parameter.owners_known:
                yield Thing(
                    arn=folder, owners=_owners([parameter], others=others), owners_known=parameter.owners_known,
                    key=parameter.key, key_known=parameter.key_known, within=parameter.arn,
                    collection=Collection.FOLDER, policies=parameter.policies,
                )  # fmt: skip
    for (folder, key_known, owners_known), below in together.items():
        owners = _owners(below, others=others)
        if owners or not owners_known:
            yield Thing(
                arn=folder, owners=owners, owners_known=owners_known, key_known=key_known,
                collection=Collection.FOLDER, policies=below[0].policies,
            )  # fmt: skip


def _above(arn: str) -> Iterator[str]:
    """Yield the ARNs of the folders above a parameter; the uppermost is `parameter/`."""
    head, _, path = arn.partition(":parameter/")
    names = path.split("/")[:-1]
    for depth in range(len(names) + 1):
        yield f"{head}:parameter/{'/'.join(names[:depth])}"
