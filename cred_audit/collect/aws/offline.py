"""Files that stand for AWS accounts: what the command line printed, plans of Terraform, plain policy documents.

What the files do not say is not seen (a gap that names the command to run), or, where nothing else makes sense,
assumed; every assumption is a sentence of the report.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from cred_audit.collect.aws.files import Files, Notes, RefusedError, bounded
from cred_audit.collect.aws.policies import PolicyFiles
from cred_audit.collect.aws.printed.iam import Identities, read_identities
from cred_audit.collect.aws.printed.organization import read_organization
from cred_audit.collect.aws.printed.regional import (
    Belongings,
    partition_of,
    read_functions,
    read_keys,
    read_parameters,
    read_secrets,
    read_trails,
)
from cred_audit.collect.aws.printed.shape import Listing, Place
from cred_audit.collect.aws.terraform.planned import Planned, read_plan
from cred_audit.decide.aws.world import Account, AwsWorld, Organization, Region
from cred_audit.errors import CollectError
from cred_audit.facts import AwsFacts, Gap
from cred_audit.target.model import AwsFiles, AwsSource, Target

_ANYWHERE = "(any region)"
"""Stands for the regions of an account of which no file and no `regions` names one."""
_FEW = 5
_READERS: dict[str, Callable[[Any, Place, Belongings], None]] = {
    "secrets": read_secrets,
    "parameters": read_parameters,
    "keys": read_keys,
    "functions": read_functions,
    "trails": read_trails,
}
_COMMANDS = {
    "iam": "give as `authorization_details` what `aws iam get-account-authorization-details` prints",
    "secrets": "give as `secrets` what `aws secretsmanager list-secrets` prints, with each secret's ResourcePolicy "
    "as get-resource-policy prints it",
    "parameters": "give as `parameters` what `aws ssm describe-parameters` prints, with each one's Tags",
    "keys": "give as `keys` what `aws kms list-keys`, get-key-policy, list-grants and list-resource-tags print; "
    "write `keys: []` where there is no customer key",
    "functions": "give as `functions` what `aws lambda get-function-configuration` prints for each that rotates",
    "trails": "give as `trails` what `aws cloudtrail describe-trails` prints, with each one's IsLogging and selectors; "
    "write `trails: []` where there is none",
}


def read_aws_files(
    source: AwsSource, target: Target, *, allow_outside: bool = False
) -> tuple[AwsFacts, tuple[Gap, ...]]:
    """Return what the files say, and the gaps. Raises CollectError where nothing can be read."""
    reader = _Reader(source, target, allow_outside=allow_outside)
    given = source.files or {}
    if not given:
        raise CollectError("aws: `files` names no account; write the account's 12 digits, with its files below")
    accounts = tuple(reader.account(account, files) for account, files in sorted(given.items()))
    organization = reader.organization(tuple(given))
    if not reader.files.read and reader.refused:
        raise CollectError(f"aws: no file could be read; {reader.refused[0]}")
    world = AwsWorld(accounts=accounts, organization=organization)
    facts = AwsFacts(world=world, coverage=_coverage(world, reader.files.read), assumed=reader.notes.assumed)
    return facts, reader.notes.gaps


class _Reader:
    """Reads the files of one target."""

    def __init__(self, source: AwsSource, target: Target, *, allow_outside: bool) -> None:
        self.source = source
        self.notes = Notes()
        folder = target.path.parent if target.path is not None else None
        self.files = Files(folder, allow_outside=allow_outside)
        self.refused: list[str] = []
        self.planned: list[Planned] = []

    def account(self, account: str, files: AwsFiles) -> Account:
        """Return what the files of one account say."""
        identities, belongings = Identities(), Belongings()
        details = files.authorization_details
        for place, document in self._documents(account, details, identities.miss):
            read_identities(document, place, identities)
        seen = set() if details is None else {"iam"}
        for part, read in _READERS.items():
            paths: tuple[Path, ...] | None = getattr(files, part)
            listing: Listing[Any] = getattr(belongings, part)
            for place, document in self._documents(account, paths, listing.missing.append):
                read(document, place, belongings)
            if paths is not None:
                seen.add(part)
            if paths == ():
                self.notes.assume(f"The account {account} has no {part}: the target says so")
        self._plans(account, files, identities, belongings)
        if files.terraform:
            seen |= {"iam", *_READERS} - {"trails"}
            # A plan without any trail says nothing of those that others keep: one for all accounts, by hand.
            if belongings.trails.found or belongings.trails.missing:
                seen.add("trails")
        self._silent_regions(account, files, belongings)
        self._policies(account, files, identities)
        if files.roles or files.users:
            seen.add("iam")
        return self._assembled(account, identities, belongings, seen)

    def _documents(
        self, account: str, paths: tuple[Path, ...] | None, miss: Callable[[str], None]
    ) -> Iterator[tuple[Place, Any]]:
        for path in paths or ():
            shown = self.files.shown(path)
            try:
                document = self.files.json(path)
            except RefusedError as error:
                self.refused.append(f"{shown}: {error}")
                miss(f"{shown}: {error}")
            else:
                yield Place(file=shown, account=account, regions=self.source.regions, notes=self.notes), document

    def _plans(self, account: str, files: AwsFiles, identities: Identities, belongings: Belongings) -> None:
        def miss(reason: str) -> None:
            identities.miss(reason)
            for part in _READERS:
                getattr(belongings, part).missing.append(reason)

        elsewhere = frozenset(
            other
            for other, entry in (self.source.files or {}).items()
            if other != account and set(entry.terraform or ()) & set(files.terraform or ())
        )
        for place, document in self._documents(account, files.terraform, miss):
            planned = read_plan(document, place, elsewhere)
            if planned.refused:
                self.refused.append(f"{place.file}: {planned.refused}")
                miss(f"{place.file}: {planned.refused}")
                continue
            planned.into(identities, belongings)
            self.planned.append(planned)

    def _policies(self, account: str, files: AwsFiles, identities: Identities) -> None:
        if not (files.roles or files.users):
            return
        partition = partition_of(self.source.regions[0] if self.source.regions else "")
        reader = PolicyFiles(self.files, self.notes, account=account, partition=partition)
        for role in reader.roles(files.roles):
            before = identities.roles.found.get(role.arn, role)
            trust = role.trust if role.trust is not None else before.trust
            identities.roles.found[role.arn] = replace(role, trust=trust, instance_profiles=before.instance_profiles)
        for user in reader.users(files.users):
            identities.users.found[user.arn] = user
        identities.policies.found |= reader.managed
        if files.authorization_details or files.terraform:
            self.notes.assume(
                f"Of the roles and users of the account {account} that the target gives policy files for, these files "
                "stand in place of what its other files say"
            )
        else:
            self.notes.assume(
                f"The account {account} has the roles and users that the target gives policy files for, and no others; "
                "they have no managed policies, groups or instance profiles"
            )

    def _silent_regions(self, account: str, files: AwsFiles, belongings: Belongings) -> None:
        """Say where a part is taken to be empty: a command prints one region, and an empty answer does not name it."""
        for part in _READERS:
            listing: Listing[Any] = getattr(belongings, part)
            silent = [
                region for region in self.source.regions
                if not any(_lies_in(one, region) for one in listing.found.values())
            ]  # fmt: skip
            # As many files as regions are one for each.
            if silent and part != "functions" and 0 < len(getattr(files, part) or ()) < len(self.source.regions):
                self.notes.assume(
                    f"The account {account} has no {part} in {', '.join(silent[:20])}: its files show none there; "
                    "give what the command prints for each region, also where it is empty"
                )

    def _assembled(self, account: str, identities: Identities, belongings: Belongings, seen: set[str]) -> Account:
        names = {arn.split(":")[3] for part in _READERS for arn in getattr(belongings, part).found}
        regions = sorted({*self.source.regions, *names} - {""}) or [_ANYWHERE]
        if regions != [_ANYWHERE] and not set(regions) <= set(self.source.regions):
            self.notes.assume(
                f"The account {account} has something in the regions that its files name, and in no others: "
                f"{', '.join(regions[:20])}"
            )
        whole = {
            part: self._listed(getattr(belongings, part), part, account, regions, seen=part in seen)
            for part in _READERS
        }
        iam = ("roles", "users", "groups", "policies")
        for part in iam:
            self._say(getattr(identities, part).missing, "iam", account, "")
        if "iam" not in seen:
            self.notes.part("iam", account, "", f"no file says who is there; {_COMMANDS['iam']}")
        return Account(
            id=account,
            regions=tuple(
                Region(
                    name=region,
                    **{
                        part: None if found is None else tuple(one for one in found if _lies_in(one, region))
                        for part, found in whole.items()
                    },
                )
                for region in regions
            ),
            **{part: getattr(identities, part).whole() if "iam" in seen else None for part in iam},
        )

    def _listed(
        self, listing: Listing[Any], part: str, account: str, regions: list[str], *, seen: bool
    ) -> tuple[Any, ...] | None:
        for region in regions:
            if not seen:
                self.notes.part(part, account, region, f"no file says what is there; {_COMMANDS[part]}")
            self._say(listing.missing, part, account, region)
        return listing.whole() if seen else None

    def _say(self, missing: list[str], part: str, account: str, region: str) -> None:
        for reason in missing[:_FEW]:
            self.notes.part(part, account, region, reason)
        if len(missing) > _FEW:
            self.notes.part(part, account, region, f"and {len(missing) - _FEW:,} more entries like these")

    def organization(self, accounts: tuple[str, ...]) -> Organization | None:
        """Return the organization, or None with the gap."""
        path = self.source.organization
        if path is None:
            for planned in self.planned:
                found = planned.organization(accounts)
                if found is not None:
                    return found
            self.notes.part(
                "organization", "", "",
                "no file says which policies bind the accounts; give `organization:` below `files`, "
                "a file with {} where there is no organization",
            )  # fmt: skip
            return None
        shown = self.files.shown(path)
        try:
            document = self.files.json(path)
        except RefusedError as error:
            self.refused.append(f"{shown}: {error}")
            self.notes.part("organization", "", "", bounded(f"{shown}: {error}"))
            return None
        return read_organization(document, shown, accounts, self.notes)


def _lies_in(thing: Any, region: str) -> bool:
    return bool(getattr(thing, "every_region", False)) or thing.arn.split(":")[3] == region


def _coverage(world: AwsWorld, files: int) -> dict[str, int]:
    counts = {"accounts": len(world.accounts), "files": files}
    for part in ("roles", "users", "groups", "policies"):
        counts[part] = sum(len(getattr(account, part) or ()) for account in world.accounts)
    for part in ("secrets", "parameters", "keys"):
        counts[part] = sum(len(getattr(region, part) or ()) for account in world.accounts for region in account.regions)
    return counts
