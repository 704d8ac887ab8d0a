"""Walk the clauses of a server's policies, for claims that judge policy text one clause at a time.

A policy that was not seen, or that its server would not read, gives UNKNOWN. What holds is said once per
namespace, with the number of clauses that it stands for.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from cred_audit.decide.vault.acl import stanzas_of
from cred_audit.decide.vault.model import Namespace, PolicyDocument, World
from cred_audit.decide.vault.patterns import normal
from cred_audit.decide.vault.policy import Dialect, PolicySyntaxError, Stanza
from cred_audit.decide.vault.profile import profiles
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Reaches, Verdict
from cred_audit.survey import unseen


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


_PREPARED: list[tuple[Snapshot, tuple[NamespaceText, ...]]] = []


def texts(snapshot: Snapshot) -> tuple[NamespaceText, ...]:
    """Return the clauses of every namespace; those of the last snapshot are kept."""
    for known, prepared in _PREPARED:
        if known is snapshot:
            return prepared
    world = world_of(snapshot)
    dialects = tuple(dict.fromkeys(profile.dialect for profile in profiles(world.server)))
    _PREPARED[:] = [(snapshot, tuple(_namespace(snapshot, entry, dialects) for entry in world.namespaces))]
    return _PREPARED[0][1]


def mounts_unseen(snapshot: Snapshot, held: Iterable[str] | None = None) -> Iterator[Finding]:
    """Yield the UNKNOWN for each namespace whose mounts were not seen; of those in and below `held` if given."""
    wanted = None if held is None else tuple(held)
    for entry in world_of(snapshot).namespaces:
        if entry.mounts is None and (wanted is None or entry.path.startswith(wanted)):
            yield unseen(f"{entry.path}sys/mounts", snapshot)


def world_of(snapshot: Snapshot) -> World:
    """Return what was read of the server."""
    if snapshot.vault is None:
        raise LookupError("Vault was not read")
    return snapshot.vault.world


def namespaces_unseen(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the UNKNOWN for namespaces that may exist and were not listed."""
    if not world_of(snapshot).namespaces_complete:
        yield unseen("sys/namespaces", snapshot)


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
    """Judge every clause. `breaks` ends the sentence "None of the clauses ..." of a namespace without any fault.

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


def passed(text: NamespaceText, breaks: str) -> Finding:
    """Return the PASS of a namespace in which every clause was judged."""
    where = f"{text.path}sys/policies/acl"
    name = f"namespace {text.path}" if text.path else "the root namespace"
    return Finding(
        verdict=Verdict.PASS,
        subject=where,
        count=max(1, len(text.clauses)),
        summary=f"None of the {len(text.clauses)} clauses in {text.policies} policies of {name} {breaks}.",
        evidence=(Evidence(where=where, shows=f"{text.policies} policies were read and each clause was judged"),),
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
