"""Judges reach that leads through one system into another: doors of the first, and what lies behind each in the second.

What lies behind a door is asked once for nobody's tenant, and summed up once for the doors that one clause opens; so
nothing loops over pairs of tenants. A failure is then asked again for the acting tenant, whose witness it carries.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Protocol

from cred_audit.claims.isolation import holds, sentence_of, who_acts
from cred_audit.decide import Unknown
from cred_audit.finding import Evidence, Finding, Reaches, Verdict, Witness

_FEW = 3
_TRIED = 8
"""Doors that are asked again for one failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One clause or bound of the first system that opens doors to an agent."""

    subject: str
    """Its stable name."""
    doors: tuple[str, ...]
    sure: bool
    evidence: tuple[Evidence, ...]
    assuming: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """Whose things lie behind a door."""

    sure: frozenset[str] = frozenset()
    maybe: frozenset[str] = frozenset()
    unknown: Unknown | None = None
    """Why it is not known what lies there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Something of others that an agent reaches behind a door, or may reach."""

    sure: bool
    does: str
    """What the agent gets to, as half a sentence: `gets a session of ... and can read`."""
    witness: Witness | None
    evidence: tuple[Evidence, ...]
    assuming: tuple[str, ...] = ()
    """Of both systems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walker:
    """One declared agent with its ways out of the first system."""

    tenant: str
    agent: str
    ways: tuple[Way, ...] | Unknown


class Beyond(Protocol):
    """The second system."""

    owners: tuple[str, ...]
    """Everybody who holds something there."""
    tenants: tuple[str, ...]
    """All that the target declares."""
    unseen: tuple[Evidence, ...]
    """What was not seen there."""

    def owned(self, door: str) -> Owned:
        """Return whose things lie behind a door, for nobody's tenant."""

    def reached(self, walker: Walker, door: str) -> Iterator[Reached]:
        """Yield what an agent reaches behind a door of what others than its tenant own, or may reach."""

    def closest(self, walker: Walker, door: str) -> tuple[Evidence, ...]:
        """Return what keeps an agent from more behind a door."""


@dataclass(slots=True)
class _Sum:
    """What lies behind several doors."""

    sure: frozenset[str]
    maybe: frozenset[str]
    doors: tuple[tuple[str, Owned], ...]
    beside: tuple[str, ...]
    """Tenants of which nothing lies there for sure."""
    names: tuple[str, ...]
    """Those of whom something does."""

    def reaches(self, tenant: str) -> Reaches:
        count = len(self.sure) - (tenant in self.sure)
        if count > _FEW and len(self.beside) < len(self.sure):
            return Reaches(all_except=tuple(sorted({*self.beside, tenant})), count=count)
        return Reaches(tenants=tuple(name for name in self.names if name != tenant), count=count)


class Judge:
    """Walkers against what lies beyond."""

    def __init__(self, beyond: Beyond, *, through: str, into: str, fix: str) -> None:
        """Take the second system. `through`: `Vault's AWS engine`; `into`: `in AWS`."""
        self._beyond = beyond
        self._through = through
        self._into = into
        self._fix = fix
        self._owned: dict[str, Owned] = {}
        self._sums: dict[int, tuple[tuple[str, ...], _Sum]] = {}

    def findings(self, walkers: Iterable[Walker], unseen: tuple[Evidence, ...]) -> Iterator[Finding]:
        """Yield one finding for each clause of each tenant that leads to others, and one PASS for each other agent.

        `unseen`: what was not seen of the first system, and may hold more doors.
        """
        judged: dict[tuple[str, str, bool, int], tuple[Finding | None, list[str]]] = {}
        for walker in walkers:
            if isinstance(walker.ways, Unknown):
                yield self._not_known(walker, walker.ways)
                continue
            told = False
            for way in walker.ways:
                key = (walker.tenant, way.subject, way.sure, id(way.doors))
                if key not in judged:
                    judged[key] = (self._finding(walker, way), [])
                if judged[key][0] is not None:
                    told = True
                    judged[key][1].append(walker.agent)
            if not told:
                yield self._without(walker, walker.ways, unseen)
        for (tenant, *_), (finding, agents) in judged.items():
            if finding is not None:
                yield _with_agents(finding, tenant, tuple(dict.fromkeys(agents)))

    def _sum(self, doors: tuple[str, ...]) -> _Sum:
        known = self._sums.get(id(doors))
        if known is not None:
            return known[1]
        parts = tuple((door, self._owned_by(door)) for door in doors)
        sure: frozenset[str] = frozenset().union(*{id(part.sure): part.sure for _, part in parts}.values())
        maybe: frozenset[str] = frozenset().union(*{id(part.maybe): part.maybe for _, part in parts}.values())
        beside = tuple(name for name in self._beyond.tenants if name not in sure)
        total = _Sum(sure=sure, maybe=maybe, doors=parts, beside=beside, names=tuple(sorted(sure)))
        self._sums[id(doors)] = (doors, total)
        return total

    def _owned_by(self, door: str) -> Owned:
        known = self._owned.get(door)
        if known is None:
            known = self._owned[door] = self._beyond.owned(door)
        return known

    def _finding(self, walker: Walker, way: Way) -> Finding | None:
        total = self._sum(way.doors)
        tenant = walker.tenant
        first: Reached | None = None
        tried = 0
        foreign = total.sure | total.maybe if total.maybe else total.sure
        if len(foreign) > (tenant in foreign):
            for door in islice(_leading(total, tenant), _TRIED + 1):
                tried += 1
                if tried > _TRIED:
                    break
                for reached in self._beyond.reached(walker, door):
                    if way.sure and reached.sure:
                        return self._fails(walker, way, reached, total.reaches(tenant))
                    first = first or reached
        if first is not None:
            return self._may(walker, way, first.evidence, first.assuming)
        if tried > _TRIED:
            shows = f"{_TRIED} of the {len(way.doors)} roles that are open to it were asked for a request"
            return self._may(walker, way, (Evidence(where=way.subject, shows=shows),), ())
        doubt = next((part.unknown for _, part in total.doors if part.unknown is not None), None)
        if doubt is not None:
            return self._may(walker, way, (Evidence(where=doubt.where, shows=doubt.reason),), ())
        return None

    def _fails(self, walker: Walker, way: Way, reached: Reached, reaches: Reaches) -> Finding:
        return Finding(
            verdict=Verdict.FAIL,
            subject=f"{walker.tenant}: {way.subject}",
            tenant=walker.tenant,
            reaches=reaches,
            count=max(1, len(way.doors)),
            summary=f"{reached.does} what {sentence_of(reaches)} {holds(reaches)} {self._into}.",
            evidence=(*way.evidence, *reached.evidence),
            witness=reached.witness,
            assuming=(*way.assuming, *reached.assuming),
            fix=self._fix,
            note=f"roles that are open to it: {len(way.doors)}",
        )

    def _may(self, walker: Walker, way: Way, evidence: tuple[Evidence, ...], assuming: tuple[str, ...]) -> Finding:
        return Finding(
            verdict=Verdict.UNKNOWN,
            subject=f"{walker.tenant}: {way.subject}",
            tenant=walker.tenant,
            count=max(1, len(way.doors)),
            summary=f"may reach through {self._through} what other tenants hold {self._into}.",
            evidence=(*way.evidence, *evidence),
            assuming=(*way.assuming, *assuming),
        )

    def _not_known(self, walker: Walker, unknown: Unknown) -> Finding:
        name = f"{walker.tenant}/{walker.agent}"
        return Finding(
            verdict=Verdict.UNKNOWN,
            subject=f"agent:{name}",
            tenant=walker.tenant,
            agents=(walker.agent,),
            summary=f"What {name} may reach through {self._through} is not known: {unknown.reason}.",
            evidence=(Evidence(where=unknown.where, shows=unknown.reason),),
        )

    def _without(self, walker: Walker, ways: tuple[Way, ...], unseen: tuple[Evidence, ...]) -> Finding:
        name = f"{walker.tenant}/{walker.agent}"
        # Without a door it does not matter what was not seen behind the doors.
        blind = unseen + (self._beyond.unseen if ways else ())
        if ways:
            shown = tuple(one for way in ways[:_FEW] for one in way.evidence[:1])
            evidence = shown + tuple(
                one for way in ways[:1] for one in self._beyond.closest(walker, way.doors[0])[:_FEW]
            )
        else:
            shows = f"nothing opens {self._through} to it"
            evidence = (Evidence(where=f"agent {name}", shows=shows),)
        return Finding(
            verdict=Verdict.UNKNOWN if blind else Verdict.PASS,
            subject=f"agent:{name}",
            tenant=walker.tenant,
            agents=(walker.agent,),
            summary=f"{name} reaches nothing through {self._through} of what was seen; not everything was seen."
            if blind
            else f"{name} reaches nothing that another tenant owns through {self._through}.",
            evidence=(*blind, *evidence),
        )


def _leading(total: _Sum, tenant: str) -> Iterator[str]:
    """Yield the doors behind which others than a tenant own something, those where that is sure first."""
    sure = (door for door, part in total.doors if any(name != tenant for name in part.sure))
    maybe = (
        door for door, part in total.doors
        if not any(name != tenant for name in part.sure) and any(name != tenant for name in part.maybe)
    )  # fmt: skip
    return chain(sure, maybe)


def _with_agents(finding: Finding, tenant: str, agents: tuple[str, ...]) -> Finding:
    return replace(finding, agents=agents, summary=f"{who_acts(tenant, agents)} {finding.summary}")


def names_of(names: Iterable[str], all_except: Iterable[str] | None, owners: Iterable[str]) -> frozenset[str]:
    """Return a set of owners in full."""
    return frozenset(names) if all_except is None else frozenset(owners) - frozenset(all_except)
