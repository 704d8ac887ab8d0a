"""Quick answers about which rules can meet which places, before an index of the places is built.

Most agents name what they use in full. Those need no search: the paths that they name are looked up.
"""

from collections.abc import Iterable, Mapping

from cred_audit.decide import Effect
from cred_audit.decide.vault.acl import Acl, Rule, RuleKind
from cred_audit.decide.vault.engine import Engine
from cred_audit.decide.vault.model import Request, Subject
from cred_audit.decide.vault.reach import Grant, Owners
from cred_audit.decide.vault.territory import Holding, PathHolding
from cred_audit.decide.vault.witness import METHODS, wire_path

Path = tuple[str | None, ...]


def pattern_of(holding: Holding) -> str:
    """Return the pattern of a place that is given as a path. Raises TypeError for any other."""
    if not isinstance(holding.what, PathHolding):
        raise TypeError("only places that are given as a path can be looked up")
    return holding.what.namespace + holding.what.pattern


class Beginnings:
    """The literal beginnings of many patterns, in whole segments."""

    def __init__(self) -> None:
        self._everything = False
        self._through: set[str] = set()
        self._ends: set[str] = set()
        """Where the literal part of a pattern with a wildcard ends."""

    def add(self, segments: list[str], *, wild: bool) -> None:
        """Add a pattern by its literal segments; `wild` when a wildcard follows them."""
        self._through.update("/".join(segments[:end]) for end in range(len(segments) + 1))
        if wild:
            self._ends.add("/".join(segments))

    def add_rules(self, acl: Acl) -> None:
        """Add the rules that grant something."""
        self._everything |= acl.root or bool(acl.unseen or acl.open_clauses)
        for rule in (*acl.exact.values(), *acl.ordered):
            if rule.capabilities - {"deny"}:
                segments, wild = literal_of(rule)
                self.add(segments, wild=wild)

    def may_meet(self, pattern: str) -> bool:
        """Whether some path may match the pattern and one of those added."""
        parts = pattern.split("/")
        return self.meets(parts[: parts.index("+")] if "+" in parts else parts)

    def meets(self, segments: list[str]) -> bool:
        """Whether a pattern with these literal segments may meet one of those added."""
        return (
            self._everything
            or "/".join(segments) in self._through
            or any("/".join(segments[:end]) in self._ends for end in range(len(segments) + 1))
        )


def literal_of(rule: Rule) -> tuple[list[str], bool]:
    """Return the literal segments with which a rule begins, and whether a wildcard follows."""
    parts = rule.text.split("/")
    if rule.kind is RuleKind.SEGMENTS and "+" in parts:
        return parts[: parts.index("+")], True
    return (parts[:-1], True) if rule.prefix else (parts, False)


class Exactly:
    """Places found by their path."""

    def __init__(self, holdings: Iterable[Holding], uses: Mapping[str, frozenset[str]]) -> None:
        """Take the places and, by their owners, the operations that count."""
        self._uses = uses
        self._places: dict[Path, list[tuple[str, str]]] = {}
        self._masks: set[tuple[int, tuple[int, ...]]] = set()
        self._beginnings = Beginnings()
        for holding in holdings:
            parts = pattern_of(holding).split("/")
            plus = tuple(place for place, part in enumerate(parts) if part == "+")
            self._masks.add((len(parts), plus))
            key = tuple(None if part == "+" else part for part in parts)
            self._places.setdefault(key, []).append((holding.owner, holding.what.namespace))
            self._beginnings.add(parts[: plus[0]] if plus else parts, wild=bool(plus))

    def grants(self, engine: Engine, subject: Subject) -> list[Grant] | None:
        """Return what a subject may use; None where a search is needed."""
        wanted: dict[tuple[str, str, str], str] = {}
        for acl in engine.acls(subject):
            if acl.root or acl.unseen or acl.open_clauses:
                return None
            if any(self._may_meet(rule) for rule in acl.ordered):
                return None
            for rule in acl.exact.values():
                for owner, namespace in self._at(rule.text) if rule.capabilities - {"deny"} else ():
                    if not rule.plain:
                        return None
                    for operation in sorted(rule.capabilities & self._uses[owner]):
                        wanted[owner, operation, rule.text[len(namespace) :]] = namespace
        out = []
        for (owner, operation, path), namespace in wanted.items():
            grant = _decided(engine, subject, owner, operation, path, namespace)
            if grant is not None:
                out.append(grant)
        return out

    def _may_meet(self, rule: Rule) -> bool:
        return bool(rule.capabilities - {"deny"}) and self._beginnings.meets(literal_of(rule)[0])

    def _at(self, path: str) -> Iterable[tuple[str, str]]:
        parts = path.split("/")
        for length, plus in self._masks:
            if length == len(parts):
                key = tuple(None if place in plus else part for place, part in enumerate(parts))
                yield from self._places.get(key, ())


def _decided(  # noqa: PLR0913, PLR0917  (the parts of a request)
    engine: Engine, subject: Subject, owner: str, operation: str, path: str, namespace: str
) -> Grant | None:
    writes = operation in ("create", "update", "patch")
    request = Request(
        method=METHODS[operation],
        path=wire_path(path),
        namespace=namespace,
        body={} if writes else None,
        headers={"Content-Type": "application/merge-patch+json"} if operation == "patch" else {},
        exists=operation != "create" if writes else None,
    )
    decision = engine.decide(subject, request)
    if decision.effect is Effect.DENY:
        return None
    return Grant(
        effect=decision.effect,
        owners=Owners(names=(owner,), count=1),
        operation=operation,
        witness=request,
        because=decision.because,
        assuming=decision.assuming,
        kind="object",
    )
