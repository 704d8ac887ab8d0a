"""From Vault into AWS: agents get credentials of Vault's AWS engine and act with them.

The doors are the engine's roles; what opens one is a clause of the agent's Vault policies. Behind it the agent is
whoever the role says, decided over everybody's things in AWS.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from cred_audit.check import Skip
from cred_audit.claims.aws.isolation import AwsIsolation, aws_isolation, gap_evidence, reason_evidence, witness_of
from cred_audit.claims.isolation import Acting, Isolation, clause_evidence, grant_subject, isolation
from cred_audit.claims.isolation import witness_of as vault_witness
from cred_audit.claims.joint.judge import Judge, Owned, Reached, Walker, Way, names_of
from cred_audit.claims.survey import engines, namespaces_unseen, unseen
from cred_audit.decide import Effect, Unknown
from cred_audit.decide.aws import reach
from cred_audit.decide.aws.estate import ActionClass
from cred_audit.decide.joint import Issued, Issuer
from cred_audit.decide.vault.choose import NOBODY
from cred_audit.decide.vault.model import Request, Subject
from cred_audit.decide.vault.reach import Grant, Owners, TerritoryIndex
from cred_audit.decide.vault.territory import Holding, OperationClass, PathHolding
from cred_audit.decide.vault.witness import METHODS, wire_path
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Witness

_ASKED = ((ActionClass.READ, "read"), (ActionClass.WRITE, "change"))
_FIX = (
    "let the agent's policy ask for credentials of its own tenant's role only, and limit what that role may do in AWS"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Door:
    """One role of an engine."""

    namespace: str
    paths: tuple[str, ...]
    """Where its credentials are asked for, relative to the namespace."""
    given: tuple[Issued | Unknown, ...]


def judge_reach_through_vault(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the findings of the claim "no agent gets to what another tenant owns in AWS through Vault's engine".

    Raises Skip where a full reading shows no AWS engine, and where no agent has a Vault principal.
    """
    vault = isolation(snapshot)
    if not vault.acting:
        raise Skip("no agent of the target has a Vault principal")
    asked = aws_isolation(snapshot)
    blind = tuple(namespaces_unseen(snapshot))
    doors: dict[str, _Door] = {}
    issuer = Issuer(asked.principals)
    found = False
    for namespace, mount in engines(snapshot):
        if mount is None:
            blind += (unseen(f"{namespace.path}sys/mounts", snapshot),)
        elif mount.type == "aws":
            found = True
            where = f"{namespace.path}{mount.path}"
            if mount.objects is None:
                blind += (unseen(where, snapshot),)
            for item in mount.objects or ():
                place = f"{where}{item.kind}/{item.name}"
                if item.kind == "roles":
                    paths: tuple[str, ...] = (f"{mount.path}creds/{item.name}", f"{mount.path}sts/{item.name}")
                    given = issuer.role(place, item.data)
                elif item.kind == "static-roles":
                    paths = (f"{mount.path}static-creds/{item.name}",)
                    given = issuer.static_role(place, item.data)
                else:
                    continue
                doors[place] = _Door(namespace=namespace.path, paths=paths, given=given)
    if not found and not blind:
        raise Skip("no secrets engine of type aws; sys/mounts read in full")
    yield from blind
    beyond = _Aws(snapshot, asked, vault, doors)
    judge = Judge(beyond, through="Vault's AWS engine", into="in AWS", fix=_FIX)
    evidence = tuple(one for finding in blind for one in finding.evidence)
    yield from judge.findings(_Ways(vault, doors).walkers(), evidence)


class _Ways:
    """The clauses that let Vault's agents ask for credentials."""

    def __init__(self, vault: Isolation, doors: Mapping[str, _Door]) -> None:
        self._vault = vault
        holdings = [
            Holding(owner=label, what=PathHolding(namespace=door.namespace, pattern=path))
            for label, door in doors.items()
            for path in door.paths
        ]
        self._index = TerritoryIndex(vault.world, holdings)
        self._known: dict[tuple[object, ...], tuple[Way, ...]] = {}
        self._labels: dict[frozenset[Owners], tuple[str, ...]] = {}

    def walkers(self) -> Iterator[Walker]:
        for acting in self._vault.acting:
            subject = acting.subject
            ways = subject if isinstance(subject, Unknown) else self._of(subject)
            yield Walker(tenant=acting.tenant, agent=acting.agent, ways=ways)

    def _of(self, subject: Subject) -> tuple[Way, ...]:
        entity = (subject.entity.id or id(subject.entity)) if subject.entity is not None else None
        groups = tuple(group.id for group in subject.groups)
        key = (subject.namespace, subject.policies, entity, groups, tuple(sorted(subject.free)))
        if key not in self._known:
            self._known[key] = tuple(self._asked(subject))
        return self._known[key]

    def _asked(self, subject: Subject) -> Iterator[Way]:
        """Yield one way for each clause, whatever operations it grants."""
        merged: dict[tuple[object, ...], list[Grant]] = {}
        for grant in self._index.reach(self._vault.engine, subject, OperationClass.READ, own=NOBODY).grants:
            clause = grant.because[0]
            key = (clause.namespace, clause.policy, clause.clause, grant.effect, grant.assuming)
            merged.setdefault(key, []).append(grant)
        for grants in merged.values():
            first = grants[0]
            yield Way(
                subject=grant_subject(first),
                doors=self._doors(frozenset(grant.owners for grant in grants)),
                sure=first.effect is Effect.ALLOW,
                evidence=tuple(clause_evidence(reason) for reason in first.because),
                assuming=first.assuming,
            )

    def _doors(self, owners: frozenset[Owners]) -> tuple[str, ...]:
        known = self._labels.get(owners)
        if known is None:
            every = (names_of(one.names, one.all_except, self._index.owners) for one in owners)
            known = self._labels[owners] = tuple(sorted(frozenset().union(*every)))
        return known


class _Aws:
    """What lies behind the roles of Vault's AWS engines."""

    def __init__(self, snapshot: Snapshot, asked: AwsIsolation, vault: Isolation, doors: Mapping[str, _Door]) -> None:
        self._asked = asked
        self._vault = vault
        self._doors = doors
        self._subjects = {(one.tenant, one.agent): one for one in vault.acting}
        # Vault assumes roles without MFA, whoever else may assume them with it.
        self._agents = {
            label: tuple(
                (issued, reach.Agent(tenant=NOBODY, principal=issued.principal, policies=issued.policies))
                for issued in door.given
                if isinstance(issued, Issued)
            )
            for label, door in doors.items()
        }
        everybody = [agent for agents in self._agents.values() for _, agent in agents]
        self._estate = asked.estate_of(everybody)
        self.owners = self._estate.owners
        self.tenants = asked.tenants
        self.unseen = tuple(gap_evidence(snapshot.gaps, part, call) for part, call in asked.holdings.unseen.items())
        self._names: dict[reach.Owners, frozenset[str]] = {}

    def owned(self, door: str) -> Owned:
        """Return whose things the credentials of a role reach."""
        sure: frozenset[str] = frozenset()
        maybe: frozenset[str] = frozenset()
        for _, agent in self._agents[door]:
            for wanted, _ in _ASKED:
                for grant in self._estate.reach(agent, wanted).grants:
                    names = self._in_full(grant.owners)
                    if grant.effect is Effect.ALLOW:
                        sure = sure | names if sure else names
                    else:
                        maybe = maybe | names if maybe else names
        unknown = next((given for given in self._doors[door].given if isinstance(given, Unknown)), None)
        return Owned(sure=sure, maybe=maybe, unknown=unknown)

    def _in_full(self, owners: reach.Owners) -> frozenset[str]:
        known = self._names.get(owners)
        if known is None:
            known = self._names[owners] = names_of(owners.names, owners.all_except, self.owners)
        return known

    def reached(self, walker: Walker, door: str) -> Iterator[Reached]:
        """Yield what an agent reaches with the credentials of a role."""
        acting = self._subjects[walker.tenant, walker.agent]
        asking, decided = self._request(acting, door)
        if decided is Effect.DENY:
            return
        # A name that the login chooses is what the clause's own assumption is about.
        free = not isinstance(acting.subject, Unknown) and bool(acting.subject.free)
        lets = decided is Effect.ALLOW or free
        for issued, agent in self._agents[door]:
            own = replace(agent, tenant=walker.tenant)
            for wanted, verb in _ASKED:
                for grant in self._estate.reach(own, wanted).grants:
                    witness = witness_of(issued.principal, grant.witness) if grant.witness and asking else None
                    yield Reached(
                        sure=grant.effect is Effect.ALLOW and lets,
                        does=f"gets {issued.shows} from {door} and can {verb}",
                        witness=replace(witness, before=(asking,)) if witness and asking else None,
                        evidence=(
                            Evidence(where=door, shows=f"gives {issued.shows}"),
                            *(reason_evidence(reason) for reason in grant.because),
                        ),
                        assuming=(*issued.assuming, *grant.assuming),
                    )

    def _request(self, acting: Acting, door: str) -> tuple[Witness | None, Effect]:
        """Return the request to Vault that gives the credentials, and whether Vault lets it through."""
        found = self._doors[door]
        best: tuple[Witness | None, Effect] = (None, Effect.DENY)
        if isinstance(acting.subject, Unknown):
            return None, Effect.UNKNOWN
        for path in found.paths:
            for operation in ("read", "update"):
                request = Request(
                    method=METHODS[operation], path=wire_path(path), namespace=found.namespace,
                    exists=True if operation == "update" else None,
                )  # fmt: skip
                effect = self._vault.engine.decide(acting.subject, request).effect
                if effect is Effect.ALLOW:
                    return vault_witness(operation, request), effect
                if effect is Effect.UNKNOWN:
                    best = (vault_witness(operation, request), effect)
        return best

    def closest(self, walker: Walker, door: str) -> tuple[Evidence, ...]:
        """Return the statements that come closest."""
        found = []
        for issued, agent in self._agents[door]:
            found.append(Evidence(where=door, shows=f"gives {issued.shows}"))
            own = replace(agent, tenant=walker.tenant)
            found += [reason_evidence(reason) for reason in self._estate.reach(own, ActionClass.READ).closest]
        return tuple(found)
