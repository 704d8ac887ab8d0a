"""Whether the tags that tell tenants apart can be believed: nobody changes them, and they say what names say."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cred_audit.check import Skip
from cred_audit.claims.aws.isolation import gap_evidence
from cred_audit.claims.aws.retagging import Retagging
from cred_audit.claims.aws.texts import Cases, Texts, tenants_reach, texts_of
from cred_audit.decide.aws.estate import Thing
from cred_audit.decide.aws.holdings import Holding, Territories
from cred_audit.decide.aws.world import Account, Region
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Verdict

_SHOWN = 10
_FIXES = {
    "without the tag": "tag every secret with its tenant, and refuse to create one without (aws:RequestTag)",
    "whose tag and name disagree": "correct the tag or move the thing: policies and people must read the same owner",
    "whose tags differ by case only": "keep one spelling of the tag key, and refuse others with aws:TagKeys",
    "owned by two tenants": "correct the tag, or the territory in the target file",
}


def judge_tags(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the findings. Raises Skip where no tag tells tenants apart."""
    texts = texts_of(snapshot)
    unknown = tuple(texts.unknown_agents("Which tags may be changed"))
    if not texts.keys:
        blind = texts.blind
        if not (unknown or blind):
            raise Skip("no tag tells tenants apart: no territory is given by tags and no policy compares them")
        yield from unknown
        if blind:
            yield Finding(
                verdict=Verdict.UNKNOWN,
                subject="policies",
                summary="Whether tags tell tenants apart is not known: not all policies were seen.",
                evidence=blind[:_SHOWN],
            )
        return
    yield from unknown
    retagging = Retagging(texts)
    cases = Cases()
    for actor in texts.actors:
        for finding in retagging.findings(actor):
            cases.add(finding)
    yield from cases
    yield from _Owners(snapshot, texts).findings()


@dataclass(slots=True)
class _Fault:
    """Things of one region with one fault."""

    things: list[tuple[Thing, str]] = field(default_factory=list)
    tenants: set[str] = field(default_factory=set)


class _Owners:
    """What tags, names and territories say about whose things are."""

    def __init__(self, snapshot: Snapshot, texts: Texts) -> None:
        self.snapshot = snapshot
        self.texts = texts
        parts = [(tenant.id, part) for tenant in snapshot.target.tenants for part in tenant.territory.aws]
        self.by_tags = Territories.of(Holding(owner=owner, tags=part.tags) for owner, part in parts if part.tags)
        self.by_arns = Territories.of(Holding(owner=owner, arns=part.arns) for owner, part in parts if part.arns)
        self.accounts = {part.account for _, part in parts if part.account}
        self._of: dict[tuple[str, str], list[Thing]] = {}
        for thing in texts.asked.holdings.all:
            if thing.collection is None:
                self._of.setdefault((thing.account, thing.region), []).append(thing)

    def findings(self) -> Iterator[Finding]:
        """Yield one finding for each fault of each region, or one that says that there is none."""
        for account in self.texts.asked.world.accounts:
            for region in account.regions:
                yield from self._region(account, region)

    def _region(self, account: Account, region: Region) -> Iterator[Finding]:
        place = f"{region.name} in {account.id}"
        things = self._of.get((account.id, region.name), [])
        faults: dict[str, _Fault] = {}
        for thing in things:
            for fault, shows, tenants in self._faults(thing):
                known = faults.setdefault(fault, _Fault())
                known.things.append((thing, shows))
                known.tenants |= tenants
        for fault, found in faults.items():
            yield Finding(
                verdict=Verdict.FAIL,
                subject=f"things {fault}: {place}",
                reaches=tenants_reach(found.tenants),
                count=len(found.things),
                summary=f"In {place} there {_counted(len(found.things))} {fault}.",
                evidence=tuple(Evidence(where=thing.arn, shows=shows) for thing, shows in found.things[:_SHOWN]),
                fix=_FIXES[fault],
            )
        unseen = [
            gap_evidence(self.snapshot.gaps, part, call)
            for part, call in self.texts.asked.holdings.unseen.items()
            if part.endswith(f" {place}")
        ]
        unseen += [Evidence(where=one.arn, shows="its tags were not seen") for one in things if one.tags is None]
        # A policy that was not seen may compare further tags.
        unseen += self.texts.blind
        if unseen:
            yield Finding(
                verdict=Verdict.UNKNOWN,
                subject=f"things of {place}",
                summary=f"Not all tags of {place} were seen.",
                evidence=tuple(unseen[:_SHOWN]),
            )
        elif things and not faults:
            yield Finding(
                verdict=Verdict.PASS,
                subject=f"things of {place}",
                count=len(things),
                summary=f"The tags in {place} say what the names and territories of their things say.",
                evidence=(Evidence(where=things[0].arn, shows="has one tag that names its tenant, like the others"),),
            )

    def _faults(self, thing: Thing) -> Iterator[tuple[str, str, set[str]]]:
        if thing.tags is None:
            return
        tags = {key: value for key, value in thing.tags.items() if key.lower() in self.texts.keys}
        named = self._named(thing)
        tagged = {tenant for value in tags.values() for tenant in self.texts.values.get(value, ())}
        lowered = [key.lower() for key in tags]
        twice = sorted(key for key in tags if lowered.count(key.lower()) > 1)
        if twice:
            yield "whose tags differ by case only", f"has the tags {', '.join(twice)}", tagged | named
        arns, by_tags = set(self.by_arns.owners(thing.arn, None)), set(self.by_tags.owners(thing.arn, thing.tags))
        if arns and by_tags and not arns & by_tags:
            shows = f"is {_list(by_tags)}'s by its tags and {_list(arns)}'s by its ARN"
            yield "owned by two tenants", shows, arns | by_tags
        elif not tags:
            if thing.account not in self.accounts and (named or arns or thing.service == "secretsmanager"):
                whose = f", and its name says {_list(named | arns)}" if named | arns else ""
                yield "without the tag", f"has no tag {' or '.join(self.texts.keys.values())}{whose}", named | arns
        elif named and not named & tagged:
            shows = f"has the tag {_pairs(tags)}, and its name says {_list(named)}"
            yield "whose tag and name disagree", shows, named | tagged

    def _named(self, thing: Thing) -> set[str]:
        """Return the tenants that a name, or a key's alias, stands for: as a whole, or by one of its folders.

        The start of a folder's name is no tenant's: `acme-labs` is somebody else than `acme`.
        """
        names = [thing.name.partition("/" if thing.service == "ssm" else ":")[2]]
        if thing.service == "kms":
            key = self.texts.asked.holdings.keys.get(thing.arn)
            names = [alias.removeprefix("alias/") for alias in (key.aliases if key is not None else ())]
        elif thing.service == "secretsmanager":
            names = [re.sub(r"-[A-Za-z0-9]{6}$", "", names[0])]
        for name in names:
            for part in (name, *name.split("/")):
                found = self.texts.values.get(part)
                if found:
                    return set(found)
        return set()


def _counted(number: int) -> str:
    return "is a thing" if number == 1 else f"are {number} things"


def _list(names: set[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:3]) + (" ..." if len(shown) > 3 else "")


def _pairs(tags: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in sorted(tags.items()))
