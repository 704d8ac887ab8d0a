"""One token's access control list: its policies' stanzas merged, and the look-up that picks the one that decides.

Exactly one rule decides a request: an exact one, else the first that matches in a priority order that
depends on the rules alone. Source: OpenBao 2.7.2 as measured; other versions differ by their profile.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any

from cred_audit.decide import Reason
from cred_audit.decide.vault.model import PolicyDocument, Subject
from cred_audit.decide.vault.policy import ControlGroup, Dialect, PolicySyntaxError, Stanza, decode_text, parse_policy
from cred_audit.decide.vault.profile import Profile
from cred_audit.decide.vault.template import Outcome, substitute

LISTING = frozenset({"list", "scan"})
_REGEX_FROM = 12
"""From this many patterns on, one combined expression beats trying them in turn."""


class RuleKind(Enum):
    """How a rule's text is compared with a path."""

    EXACT = "exact"
    PREFIX = "prefix"
    SEGMENTS = "segments"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One stanza that went into a rule."""

    namespace: str
    policy: str
    stanza: Stanza

    def reason(self, why: str) -> Reason:
        """Return the clause as a reason."""
        stanza = self.stanza
        return Reason(
            policy=self.policy,
            namespace=self.namespace,
            clause=stanza.text,
            line=stanza.line,
            end_line=stanza.end_line,
            why=why,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """Every stanza of one pattern, merged as the server merges them."""

    kind: RuleKind
    text: str
    """With the policy's namespace in front, without a leading slash and without the final star."""
    prefix: bool
    """Whether the text ended with a star."""
    capabilities: frozenset[str]
    allowed: Mapping[str, tuple[Any, ...]] | None = None
    denied: Mapping[str, tuple[Any, ...]] | None = None
    required: frozenset[str] = frozenset()
    min_wrapping_ttl: float = 0
    max_wrapping_ttl: float = 0
    control_group: ControlGroup | None = None
    pagination_limit: int = 0
    list_filter: str = ""
    sources: tuple[Source, ...]

    @property
    def plain(self) -> bool:
        """Whether the capabilities alone decide."""
        return not (
            self.allowed or self.denied or self.required or self.min_wrapping_ttl or self.max_wrapping_ttl
            or self.control_group or self.pagination_limit
        )  # fmt: skip

    @property
    def written(self) -> str:
        """The pattern as a policy of the root namespace would have it."""
        return self.text + ("*" if self.prefix else "")

    def matches(self, path: str) -> bool:
        """Whether the pattern holds a path (namespace and request path, no leading slash)."""
        if self.kind is RuleKind.EXACT:
            return path == self.text
        if self.kind is RuleKind.PREFIX:
            return path.startswith(self.text)
        return _segments(self.text, self.prefix).fullmatch(path) is not None


@lru_cache(maxsize=65536)
def _segments(text: str, prefix: bool) -> re.Pattern[str]:
    return re.compile(pattern(text, prefix), re.DOTALL)


def pattern(text: str, prefix: bool) -> str:
    """Return the regular expression of a segment-wildcard text; a `+` is a whole segment, empty ones included."""
    parts = ("[^/]*" if part == "+" else re.escape(part) for part in text.split("/"))
    return "/".join(parts) + (".*" if prefix else "")


def classify(text: str) -> tuple[RuleKind, str, bool]:
    """Return the kind of a pattern, its text without a final star, and whether there was one."""
    prefix = text.endswith("*")
    bare = text[:-1] if prefix else text
    if text == "+" or text.startswith("+/") or "/+" in text:
        return RuleKind.SEGMENTS, bare, prefix
    return (RuleKind.PREFIX, bare, True) if prefix else (RuleKind.EXACT, text, False)


def _priority(rule: Rule) -> tuple[int, bool, int, int, bytes]:
    raw = rule.text.encode("utf-8", "surrogateescape")
    if rule.kind is RuleKind.PREFIX:
        return len(raw), False, 0, len(raw), raw
    pluses = sum(part == b"+" for part in raw.split(b"/"))
    return raw.index(b"+"), not rule.prefix, -pluses, len(raw), raw


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeClause:
    """A stanza whose path holds a template value that nobody knows yet."""

    matcher: re.Pattern[str]
    directives: frozenset[str]
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A policy whose rules are not known; they can only hold paths of its namespace."""

    namespace: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Acl:
    """What one token may do, on a server of one profile."""

    profile: Profile
    root: bool = False
    """Whether the token carries `root`: everything in `root_namespace` and below it."""
    root_namespace: str = ""
    exact: Mapping[str, Rule] = field(default_factory=dict)
    ordered: tuple[Rule, ...] = ()
    """All patterns, highest priority first: the first that matches decides."""
    broken: Reason | None = None
    """Why the server cannot build this list; it then refuses every request of the token."""
    unseen: tuple[Unseen, ...] = ()
    open_clauses: tuple[FreeClause, ...] = ()
    _combined: list[re.Pattern[str]] = field(default_factory=list)

    simple: bool = True
    """Whether nothing but its rules decides: nothing broken, hidden or open, no root, no disabled entity."""

    @property
    def free(self) -> frozenset[str]:
        """The directives without a known value that some stanza uses."""
        return frozenset(name for clause in self.open_clauses for name in clause.directives)

    def rule_for(self, operation: str, path: str) -> Rule | None:
        """Return the rule that decides an operation on a path (namespace and request path)."""
        rule = self.exact.get(path)
        if rule is not None:
            return rule
        if operation not in LISTING:
            return self._pattern_for(path)
        rule = self.exact.get(path.removesuffix("/"))
        if rule is not None:
            return rule
        if not path.endswith("/"):
            return self._pattern_for(path)
        first, second = path, path[:-1]
        if self.profile.list_without_slash_first:
            first, second = second, first
        return self._pattern_for(first) or self._pattern_for(second)

    def _pattern_for(self, path: str) -> Rule | None:
        ordered = self.ordered
        if len(ordered) < _REGEX_FROM:
            for rule in ordered:
                if path.startswith(rule.text) if rule.kind is RuleKind.PREFIX else rule.matches(path):
                    return rule
            return None
        if not self._combined:
            parts = (
                f"({re.escape(rule.text)})" if rule.kind is RuleKind.PREFIX
                else f"({pattern(rule.text, rule.prefix)}\\Z)"
                for rule in ordered
            )  # fmt: skip
            self._combined.append(re.compile("|".join(parts), re.DOTALL))
        found = self._combined[0].match(path)
        return ordered[found.lastindex - 1] if found is not None and found.lastindex is not None else None


def applies(policies: Mapping[tuple[str, str], PolicyDocument], subject: Subject) -> tuple[PolicyDocument, ...]:
    """Return the policies that act on a subject, in the order in which the server merges them.

    Token policies are those of the token's namespace, entity policies those of the entity's. A group's act
    when the group is in the token's namespace or below it. Names without a policy are skipped.
    """
    wanted = {(subject.namespace, name.strip().lower()) for name in subject.policies}
    entity = subject.entity
    if entity is not None:
        wanted |= {(entity.namespace, name.strip().lower()) for name in entity.policies}
        for group in subject.groups:
            if group.namespace.startswith(subject.namespace):
                wanted |= {(group.namespace, name.strip().lower()) for name in group.policies}
    chosen = (policies[key] for key in wanted if key in policies)
    return tuple(sorted(chosen, key=lambda policy: (policy.name, policy.namespace)))


@lru_cache(maxsize=32768)
def _read(text: str, dialect: Dialect) -> tuple[Stanza, ...] | PolicySyntaxError:
    try:
        return parse_policy(decode_text(text), dialect)
    except PolicySyntaxError as error:
        return error


def stanzas_of(text: str, dialect: Dialect, now: datetime | None = None) -> tuple[Stanza, ...]:
    """Return the stanzas of a policy's text, as stored; each text is read once. Raises PolicySyntaxError.

    With `now`, what the server does not look at in a stanza that has expired may be wrong.
    """
    read = _read(text, dialect)
    if not isinstance(read, PolicySyntaxError):
        return read
    if now is None:
        raise PolicySyntaxError(read.message, read.line, read.column)
    return parse_policy(decode_text(text), dialect, now=now)


def compile_acl(
    policies: Iterable[PolicyDocument],
    subject: Subject,
    profile: Profile,
    *,
    now: datetime,
    assume: Mapping[str, str] | None = None,
) -> Acl:
    """Merge the policies that act on a subject (see `applies`) into its access control list.

    `assume` gives values to directives that `subject.free` leaves open. A policy that was not seen, or whose
    text cannot be read, leaves its namespace unknown.
    """
    builder = _Builder(subject, profile, now, assume or {})
    for policy in policies:
        builder.add(policy)
    return builder.acl()


class _Builder:
    """Collects stanzas by pattern."""

    def __init__(self, subject: Subject, profile: Profile, now: datetime, assume: Mapping[str, str]) -> None:
        self.subject = subject
        self.profile = profile
        self.now = now
        self.assume = assume
        self.sources: dict[str, list[Source]] = {}
        self.unseen: list[Unseen] = []
        self.open: list[FreeClause] = []
        self.broken: Reason | None = None

    def add(self, policy: PolicyDocument) -> None:
        if policy.expiration is not None and policy.expiration <= self.now:
            return
        if policy.text is None:
            self._unseen(policy, "its text was not seen")
            return
        try:
            stanzas = stanzas_of(policy.text, self.profile.dialect, self.now)
        except PolicySyntaxError as error:
            self._unseen(policy, f"line {error.line}: {error.message}")
            return
        for stanza in stanzas:
            self._stanza(policy, stanza)

    def _unseen(self, policy: PolicyDocument, why: str) -> None:
        reason = Reason(policy=policy.name, namespace=policy.namespace, why=why)
        self.unseen.append(Unseen(namespace=policy.namespace, reason=reason))

    def _stanza(self, policy: PolicyDocument, stanza: Stanza) -> None:
        source = Source(namespace=policy.namespace, policy=policy.name, stanza=stanza)
        resolved = substitute(
            stanza.path,
            self.subject,
            self.profile,
            namespace=policy.namespace,
            now=self.now,
            assume=self.assume,
            allow_wildcards=policy.allow_wildcards,
            allow_slashes=policy.allow_slashes,
        )
        # The server resolves the path before it looks at the expiration.
        if resolved.outcome is Outcome.FAILED:
            self._broken(source, resolved.why)
        elif stanza.expiration is not None and stanza.expiration <= self.now:
            return
        elif resolved.outcome is Outcome.FREE:
            self.open.append(self._open(source, resolved.path, resolved.free))
        elif resolved.outcome is Outcome.RESOLVED:
            text = policy.namespace + resolved.path.removeprefix("/")
            if "+*" in text:
                self._broken(source, "its values make +* of the path")
            self.sources.setdefault(text, []).append(source)

    def _broken(self, source: Source, why: str) -> None:
        if self.broken is None:
            self.broken = source.reason(f"{why}, so the server refuses every request of the token")

    def _open(self, source: Source, path: str, free: frozenset[str]) -> FreeClause:
        marked = re.sub(r"\{\{.*?\}\}", "\0", path.removeprefix("/"), flags=re.DOTALL)
        pieces = re.escape(source.namespace + marked).replace(re.escape("\0"), ".*").replace(r"\+", "[^/]*")
        matcher = re.compile(pieces.removesuffix(r"\*") + (".*" if pieces.endswith(r"\*") else ""), re.DOTALL)
        return FreeClause(matcher=matcher, directives=free, source=source)

    def acl(self) -> Acl:
        exact: dict[str, Rule] = {}
        patterns: list[Rule] = []
        for text, sources in self.sources.items():
            rule = _merged(text, tuple(sources))
            if rule.kind is RuleKind.EXACT:
                exact[rule.text] = rule
            else:
                patterns.append(rule)
        patterns.sort(key=_priority, reverse=True)
        root = any(name.strip().lower() == "root" for name in self.subject.policies)
        disabled = self.subject.entity is not None and self.subject.entity.disabled
        return Acl(
            profile=self.profile,
            root=root,
            root_namespace=self.subject.namespace,
            exact=exact,
            ordered=tuple(patterns),
            broken=self.broken,
            unseen=tuple(self.unseen),
            open_clauses=tuple(self.open),
            simple=not (root or self.broken or self.unseen or self.open or disabled),
        )


def _merged(text: str, sources: tuple[Source, ...]) -> Rule:
    """Merge the stanzas of one pattern in order: not a union, restrictions survive (and control groups may not)."""
    kind, bare, prefix = classify(text)
    stanzas = [source.stanza for source in sources]
    if any("deny" in stanza.capabilities for stanza in stanzas):
        return Rule(kind=kind, text=bare, prefix=prefix, capabilities=frozenset({"deny"}), sources=sources)
    if len(stanzas) == 1:
        only = stanzas[0]
        allowed, denied = only.allowed_parameters, only.denied_parameters
    else:
        allowed = _values(stanza.allowed_parameters for stanza in stanzas)
        denied = _values(stanza.denied_parameters for stanza in stanzas)
    limits = [stanza.pagination_limit for stanza in stanzas if stanza.pagination_limit > 0]
    return Rule(
        kind=kind,
        text=bare,
        prefix=prefix,
        capabilities=frozenset().union(*(stanza.capabilities for stanza in stanzas)),
        allowed=allowed or None,
        denied=denied or None,
        required=frozenset(name.lower() for stanza in stanzas for name in stanza.required_parameters),
        min_wrapping_ttl=_shortest([stanza.min_wrapping_ttl for stanza in stanzas]),
        max_wrapping_ttl=_shortest([stanza.max_wrapping_ttl for stanza in stanzas]),
        control_group=stanzas[0].control_group,
        pagination_limit=min(limits, default=0),
        list_filter=next((stanza.list_filter for stanza in stanzas if stanza.list_filter), ""),
        sources=sources,
    )


def _shortest(times: list[float]) -> float:
    """Return the shortest time above 0; one of 0 or less is kept only where it comes first and alone."""
    merged = times[0]
    for time in times[1:]:
        if time > 0 and (merged == 0 or time < merged):
            merged = time
    return merged


def _values(sides: Iterable[Mapping[str, tuple[Any, ...]] | None]) -> dict[str, tuple[Any, ...]]:
    """Unite parameter lists by name; an empty list, which stands for any value, wins for its name."""
    merged: dict[str, tuple[Any, ...]] = {}
    for side in sides:
        for name, values in (side or {}).items():
            if name not in merged:
                merged[name] = values
            elif merged[name] and values:
                merged[name] += tuple(value for value in values if value not in merged[name])
            else:
                merged[name] = ()
    return merged
