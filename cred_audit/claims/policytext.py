"""Walk the clauses of a server's policies, for claims that judge policy text one clause at a time.

A policy that was not seen, or that its server would not read, gives UNKNOWN. What holds is said once per
namespace, with the number of clauses that it stands for.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from cred_audit.claims.isolation import isolation
from cred_audit.claims.survey import namespaces_unseen, unseen
from cred_audit.decide import Unknown
from cred_audit.decide.kept import of_the_last
from cred_audit.decide.vault.acl import stanzas_of
from cred_audit.decide.vault.model import Namespace, PolicyDocument, Subject, World
from cred_audit.decide.vault.patterns import TEMPLATE, normal, parts_of
from cred_audit.decide.vault.policy import Dialect, PolicySyntaxError, Stanza
from cred_audit.decide.vault.profile import profiles
from cred_audit.decide.vault.routes import Engine, routes_of
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Reaches, Verdict


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clause:
    """One stanza with the policy that it stands in."""

    policy: PolicyDocument
    stanza: Stanza
    pattern: str
    """Its path from the root namespace on, without a leading slash, directives replaced (see `normal`)."""

    @property
    def granted(self) -> frozenset[str]:
        """The capabilities beyond `deny`; empty for a clause that denies."""
        return self.stanza.capabilities - {"deny"}

    @property
    def denies(self) -> bool:
        """Whether it takes access away: an empty list of capabilities does so too."""
        return not self.granted

    @property
    def limits(self) -> bool:
        """Whether it grants under conditions."""
        stanza = self.stanza
        return bool(
            stanza.allowed_parameters or stanza.denied_parameters or stanza.required_parameters
            or stanza.min_wrapping_ttl or stanza.max_wrapping_ttl or stanza.control_group
            or stanza.pagination_limit > 0 or stanza.list_filter
        )  # fmt: skip

    @property
    def subject(self) -> str:
        """The stable name of the case."""
        return f"policy:{self.policy.namespace}{self.policy.name} {self.stanza.path}"

    def evidence(self, shows: str) -> Evidence:
        """Return the clause as evidence."""
        return Evidence(
            where=f"policy {self.policy.namespace}{self.policy.name}",
            shows=shows,
            quote=self.stanza.text,
            line=self.stanza.line,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way in which a clause breaks a claim, or may break it."""

    shows: str
    """Half a sentence about the clause: `is ignored after ...`."""
    sure: bool = True
    """False where something that was not seen decides it."""
    reaches: Reaches = field(default_factory=Reaches)
    fix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceText:
    """The policies of one namespace."""

    path: str
    clauses: tuple[Clause, ...]
    unseen: tuple[Finding, ...]
    """One UNKNOWN for each policy that is not known, or one for all of them."""
    policies: int


@of_the_last
def texts(snapshot: Snapshot) -> tuple[NamespaceText, ...]:
    """Return the clauses of every namespace; those of the last snapshot are kept."""
    world = world_of(snapshot)
    dialects = tuple(dict.fromkeys(profile.dialect for profile in profiles(world.server)))
    return tuple(_namespace(snapshot, entry, dialects) for entry in world.namespaces)


def mounts_unseen(snapshot: Snapshot, held: Iterable[str] | None = None) -> Iterator[Finding]:
    """Yield the UNKNOWN for each namespace whose mounts were not seen; of those in and below `held` if given."""
    wanted = None if held is None else tuple(held)
    for entry in world_of(snapshot).namespaces:
        if entry.mounts is None and (wanted is None or entry.path.startswith(wanted)):
            yield unseen(f"{entry.path}sys/mounts", snapshot)


def auth_methods_unseen(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the UNKNOWN for each namespace whose auth methods were not seen."""
    for entry in world_of(snapshot).namespaces:
        if entry.auth_mounts is None:
            yield unseen(f"{entry.path}sys/auth", snapshot)


def versions_unseen(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the UNKNOWN for each KV mount whose version was not seen."""
    for entry in world_of(snapshot).namespaces:
        for mount in entry.mounts or ():
            if mount.type in ("kv", "generic") and mount.version is None:
                yield unseen(f"{entry.path}sys/mounts/{mount.path}", snapshot)


def world_of(snapshot: Snapshot) -> World:
    """Return what was read of the server."""
    if snapshot.vault is None:
        raise LookupError("Vault was not read")
    return snapshot.vault.world


def _namespace(snapshot: Snapshot, entry: Namespace, dialects: tuple[Dialect, ...]) -> NamespaceText:
    if entry.policies is None:
        missing = (unseen(f"{entry.path}sys/policies/acl", snapshot),)
        return NamespaceText(path=entry.path, clauses=(), unseen=missing, policies=0)
    clauses: list[Clause] = []
    lost: list[Finding] = []
    for policy in entry.policies:
        stanzas = _stanzas(snapshot, policy, dialects)
        if isinstance(stanzas, Finding):
            lost.append(stanzas)
            continue
        clauses += (
            Clause(policy=policy, stanza=stanza, pattern=policy.namespace + normal(stanza.path)) for stanza in stanzas
        )
    return NamespaceText(
        path=entry.path, clauses=tuple(clauses), unseen=tuple(lost), policies=len(entry.policies) - len(lost)
    )


def _stanzas(snapshot: Snapshot, policy: PolicyDocument, dialects: tuple[Dialect, ...]) -> tuple[Stanza, ...] | Finding:
    where = f"{policy.namespace}sys/policies/acl/{policy.name}"
    if policy.text is None:
        return unseen(where, snapshot)
    refused: PolicySyntaxError | None = None
    for dialect in dialects:
        try:
            return stanzas_of(policy.text, dialect)
        except PolicySyntaxError as error:
            refused = error
    reason = f"line {refused.line}: {refused.message}" if refused is not None else "no dialect is known"
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject=where,
        summary=f"What the policy {policy.namespace}{policy.name} says is not known: {reason}.",
        evidence=(Evidence(where=where, shows=reason),),
    )


def judge_clauses(  # noqa: PLR0913  (each part of the claim has its name)
    snapshot: Snapshot,
    faults: Callable[[Clause], Iterable[Fault]],
    *,
    breaks: str,
    fix: str,
    doubts: Iterable[Finding] = (),
    all_namespaces: bool = False,
) -> Iterator[Finding]:
    """Judge every clause. `breaks` ends the sentence "No clause ..." of a namespace without any fault.

    `doubts` are findings about facts that every clause's judgement needs and that were not seen: no namespace
    passes then. With `all_namespaces` the same holds while a namespace may exist that was not seen.
    """
    unlisted = tuple(namespaces_unseen(snapshot))
    yield from unlisted
    unsure = tuple(doubts)
    yield from unsure
    for text in texts(snapshot):
        clean = not text.unseen and not unsure and not (all_namespaces and unlisted)
        yield from text.unseen
        for clause in text.clauses:
            found = tuple(faults(clause))
            if found:
                clean = False
                yield clause_finding(clause, found, fix)
        if clean:
            yield passed(text, breaks)


class Together:
    """Which clauses act together: those of one policy, and those of the policies that an agent of the target holds."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Take the snapshot."""
        self._clauses: dict[tuple[str, str], tuple[Clause, ...]] = {}
        for text in texts(snapshot):
            for clause in text.clauses:
                key = (clause.policy.namespace, clause.policy.name)
                self._clauses[key] = (*self._clauses.get(key, ()), clause)
        self._held: dict[tuple[str, str], set[tuple[str, str]]] = {}
        self.unknown: str = ""
        """An agent whose policies are not known; empty when there is none."""
        for acting in isolation(snapshot).acting:
            if isinstance(acting.subject, Unknown):
                self.unknown = f"{acting.tenant}/{acting.agent}"
                continue
            names = frozenset(held(acting.subject))
            for name in names:
                self._held.setdefault(name, set()).update(names)

    def beside(self, clause: Clause) -> Iterator[Clause]:
        """Yield the other clauses that act together with one."""
        own = (clause.policy.namespace, clause.policy.name)
        for key in sorted({own} | self._held.get(own, set())):
            for other in self._clauses.get(key, ()):
                if other is not clause:
                    yield other


def subjects(snapshot: Snapshot) -> Iterator[Subject]:
    """Yield the subjects of the target's agents, those with the same rules once."""
    return (subject for subject, _ in grouped(snapshot))


def grouped(snapshot: Snapshot) -> Iterator[tuple[Subject, tuple[str, ...]]]:
    """Yield the subjects of the target's agents, those with the same rules once, with their tenants."""
    groups: dict[tuple[object, ...], tuple[Subject, dict[str, None]]] = {}
    for acting in isolation(snapshot).acting:
        subject = acting.subject
        if isinstance(subject, Unknown):
            continue
        identity = (subject.entity.id or id(subject.entity)) if subject.entity is not None else None
        key = (subject.namespace, subject.policies, identity, tuple(group.id for group in subject.groups),
               tuple(sorted(subject.free)))  # fmt: skip
        groups.setdefault(key, (subject, {}))[1][acting.tenant] = None
    for subject, tenants in groups.values():
        yield subject, tuple(tenants)


def agents_unseen(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the UNKNOWN for each agent of which it is not known who it is on the server."""
    for acting in isolation(snapshot).acting:
        if isinstance(acting.subject, Unknown):
            name = f"{acting.tenant}/{acting.agent}"
            yield Finding(
                verdict=Verdict.UNKNOWN,
                subject=f"agent:{name}",
                tenant=acting.tenant,
                agents=(acting.agent,),
                summary=f"What {name} may do is not known: {acting.subject.reason}.",
                evidence=(Evidence(where=acting.subject.where, shows=acting.subject.reason),),
            )


def held(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield namespace and name of each policy that a subject carries."""
    for name in subject.policies:
        yield subject.namespace, name.strip().lower()
    if subject.entity is not None:
        for name in subject.entity.policies:
            yield subject.entity.namespace, name.strip().lower()
    for group in subject.groups:
        for name in group.policies:
            yield group.namespace, name.strip().lower()


def unrouted(world: World, pattern: str) -> bool:
    """Whether the mounts of the namespace to which a pattern leads were not seen."""
    namespace, path = place_of(world, pattern)
    entry = routes_of(world).entries.get(namespace)
    return entry is not None and (entry.auth_mounts if path.startswith("auth/") else entry.mounts) is None


def place_of(world: World, pattern: str) -> tuple[str, str]:
    """Return the namespace in which the literal beginning of a pattern ends, and the rest of the pattern."""
    known = routes_of(world).paths
    parts, is_open = parts_of(pattern)
    namespace = ""
    for part in parts[:-1] if is_open else parts:
        if part is None or f"{namespace}{part}/" not in known:
            break
        namespace += f"{part}/"
    return namespace, pattern[len(namespace) :]


def served(world: World, pattern: str) -> tuple[Engine, str] | None:
    """Return the engine to which the literal beginning of a pattern leads, and what follows its mount."""
    namespace, path = place_of(world, pattern)
    parts, is_open = parts_of(path)
    fixed = [
        part for part in takewhile(lambda part: part is not None and TEMPLATE not in part, parts) if part is not None
    ]
    if is_open and len(fixed) == len(parts):
        fixed.pop()
    found = routes_of(world).engine_of(namespace, "/".join([*fixed, ""]))
    return None if found is None else (found, path[len(found.start) :])


def passed(text: NamespaceText, breaks: str) -> Finding:
    """Return the PASS of a namespace in which every clause was judged."""
    where = f"{text.path}sys/policies/acl"
    name = f"namespace {text.path}" if text.path else "the root namespace"
    policies = "1 policy" if text.policies == 1 else f"{text.policies} policies"
    read = f"{policies} {'was' if text.policies == 1 else 'were'}"
    clauses = "1 clause" if len(text.clauses) == 1 else f"{len(text.clauses)} clauses"
    return Finding(
        verdict=Verdict.PASS,
        subject=where,
        count=max(1, len(text.clauses)),
        summary=f"No clause of {name} ({clauses} in {policies}) {breaks}.",
        evidence=(Evidence(where=where, shows=f"{read} read and each clause was judged"),),
    )


def clause_finding(clause: Clause, faults: tuple[Fault, ...], fix: str) -> Finding:
    """Return the finding of a clause with faults: FAIL as soon as one is sure."""
    sure = tuple(fault for fault in faults if fault.sure)
    told = sure or faults
    name = f"{clause.policy.namespace}{clause.policy.name}"
    return Finding(
        verdict=Verdict.FAIL if sure else Verdict.UNKNOWN,
        subject=clause.subject,
        reaches=next((fault.reaches for fault in told if fault.reaches.count), Reaches()),
        summary=f"The clause `{clause.stanza.path}` of policy {name} {'; it '.join(fault.shows for fault in told)}.",
        evidence=tuple(clause.evidence(fault.shows) for fault in told),
        fix=next((fault.fix for fault in told if fault.fix), fix),
    )
