"""Which denies of policies do not stop what they name.

A deny belongs to a path; what it is meant to keep is an object, and an object may answer to several paths. So
the region of each deny is asked about like a territory: does a token that carries the deny touch what lies
there, in any form of a request? An allow that is written inside the denied region is an exception that its
author made, and no fault.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from cred_audit.claims.isolation import isolation
from cred_audit.claims.policytext import Clause, Fault, held, place_of, served, subjects, texts
from cred_audit.decide import Effect
from cred_audit.decide.vault.acl import Acl, Rule, RuleKind
from cred_audit.decide.vault.choose import NOBODY
from cred_audit.decide.vault.model import Namespace, Request, Subject
from cred_audit.decide.vault.patterns import contains, overlap
from cred_audit.decide.vault.reach import Grant, TerritoryIndex
from cred_audit.decide.vault.routes import routes_of
from cred_audit.decide.vault.territory import Holding, OperationClass, PathHolding
from cred_audit.facts import Snapshot

_VALUES = frozenset({OperationClass.READ, OperationClass.WRITE})
_ALL = frozenset({OperationClass.READ, OperationClass.LIST, OperationClass.WRITE})
_METHODS = ("GET", "LIST", "POST", "DELETE")
_TWINS = (("sys/policies/acl/", "sys/policy/"), ("sys/policy/", "sys/policies/acl/"))
"""Two names of one endpoint."""
_ANY_CASE = ("identity/entity/name/", "identity/group/name/")
"""Where the server finds an object whatever the case of its name, and asks the policies about it as sent."""

Place = tuple[str, str, int]
"""Namespace, policy and line of a clause."""
_PLAIN = re.compile(r"[a-z0-9_-]*[a-z][a-z0-9_-]*")
_WORDS = frozenset({
    "data", "metadata", "detailed-metadata", "subkeys", "delete", "undelete", "destroy", "config", "sys", "auth",
    "identity", "cubbyhole",
})  # fmt: skip
"""Segments that mean something to the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way around a deny."""

    shows: str
    """Half a sentence, in which `{clause}` stands for the pattern that grants the request."""
    clause: str = ""
    sure: bool = True


class Denies:
    """Every deny of a snapshot, judged within the policies that act together with it."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Take the snapshot and judge."""
        self._asked = isolation(snapshot)
        self._engine = self._asked.engine
        self._world = self._asked.world
        self._found: dict[Place, dict[str, Fault]] = {}
        self._done: set[tuple[object, ...]] = set()
        self._alike: dict[tuple[object, ...], tuple[Way, ...]] = {}
        placed = {part for entry in self._world.namespaces for part in _segments_of(entry)}
        words = _WORDS | placed
        self._tenants = {name for name in self._asked.tenants if _PLAIN.fullmatch(name) and name not in words}
        denying = {
            (clause.policy.namespace, clause.policy.name)
            for text in texts(snapshot)
            for clause in text.clauses
            if clause.denies
        }
        judged: set[tuple[str, str]] = set()
        for subject in subjects(snapshot):
            names = denying.intersection(held(subject))
            if names:
                judged |= names
                self._judge(subject)
        for namespace, name in sorted(denying - judged):
            self._judge(Subject(namespace=namespace, policies=(name,)))

    def faults(self, clause: Clause) -> Iterator[Fault]:
        """Yield the forms of requests that a deny does not stop."""
        if clause.denies:
            yield from self._found.get((clause.policy.namespace, clause.policy.name, clause.stanza.line), {}).values()

    def _judge(self, subject: Subject) -> None:
        for acl in self._engine.acls(subject):
            rules = (*acl.exact.values(), *acl.ordered)
            grants = [rule for rule in rules if rule.capabilities - {"deny"}]
            if acl.broken is not None or acl.root:
                continue
            for rule in rules:
                if rule.capabilities - {"deny"}:
                    continue
                beside = [grant for grant in grants if self._near(rule, grant)]
                key = (acl.profile.name, _identity(rule), *map(_identity, beside))
                if (beside or acl.unseen) and key not in self._done:
                    self._done.add(key)
                    for way in self._ways(subject, acl, rule, beside):
                        self._add(rule, way)

    def _ways(self, subject: Subject, acl: Acl, rule: Rule, beside: list[Rule]) -> tuple[Way, ...]:
        """Return the ways around a deny. Rules that are equal but for tenants' names are decided once."""
        if acl.unseen or acl.open_clauses:
            return tuple(self._of(subject, acl, rule))
        renamed = self._renamed(acl, rule, beside)
        if renamed is None:
            return tuple(self._of(subject, acl, rule))
        key, names = renamed
        if key not in self._alike:
            back = {name: place for place, name in names.items()}
            self._alike[key] = tuple(
                replace(way, clause=_replaced(way.clause, back)) for way in self._of(subject, acl, rule)
            )
        return tuple(replace(way, clause=_replaced(way.clause, names)) for way in self._alike[key])

    def _renamed(self, acl: Acl, rule: Rule, beside: list[Rule]) -> tuple[tuple[object, ...], dict[str, str]] | None:
        """Return what decides about a deny, tenants' names replaced by numbers, and which name each number is.

        None where the names themselves may matter: as the beginning of a segment, or as a word of the server.
        """
        names: dict[str, str] = {}
        places: dict[str, str] = {}
        # The order of priority is part of the key, since it depends on the lengths of the names.
        order = [one for one in (*acl.exact.values(), *acl.ordered) if one is rule or one in beside]
        key: list[object] = [acl.profile.name, self._pattern(rule)[1]]
        for one in order:
            parts = one.text.split("/")
            if one.prefix and parts[-1]:
                return None
            for part in parts:
                if part in self._tenants and part not in places:
                    places[part] = f"\0{len(places)}"
                    names[places[part]] = part
            key += [one is rule, _replaced(one.written, places), one.kind, one.capabilities, one.plain]
        return (tuple(key), names) if all(one.plain for one in order) else None

    def _near(self, rule: Rule, grant: Rule) -> bool:
        """Whether a grant may touch what a deny names: it meets the same mount, and is no exception to the deny."""
        if contains(rule.written, grant.written):
            return False
        namespace, path = place_of(self._world, rule.written)
        found = served(self._world, rule.written)
        root = namespace + (found[0].start if found is not None else path.split("/")[0].rstrip("*"))
        return overlap(f"{root}*", grant.written)

    def _of(self, subject: Subject, acl: Acl, rule: Rule) -> Iterator[Way]:
        bare = rule.text.replace("+", "") if rule.kind is RuleKind.SEGMENTS else rule.text
        if "*" in bare:
            yield Way(shows="denies a path with a star in its middle, which the server takes literally")
        yield from self._reached(subject, acl, rule)
        if rule.kind is not RuleKind.SEGMENTS:
            yield from self._forms(subject, rule)

    def _reached(self, subject: Subject, acl: Acl, rule: Rule) -> Iterator[Way]:
        pattern, folder = self._pattern(rule)
        namespace, path = place_of(self._world, pattern)
        entry = routes_of(self._world).entries.get(namespace)
        world = replace(self._world, namespaces=(entry,) if entry is not None else ())
        index = TerritoryIndex(world, (Holding(owner="denied", what=PathHolding(namespace=namespace, pattern=path)),))
        found = served(self._world, rule.written)
        view = found[1].split("/")[0] if found is not None and _is_versioned(found[0].type, found[0].version) else ""
        for wanted in _VALUES if view == "data" else _ALL:
            for grant in index.reach(self._engine, subject, wanted, own=NOBODY).grants:
                fault = self._fault(acl, rule, grant, view, folder=folder)
                if fault is not None:
                    yield fault

    def _pattern(self, rule: Rule) -> tuple[str, bool]:
        """Return the region that a deny names: a deny of a folder alone is meant for what is in it."""
        if rule.kind is not RuleKind.EXACT:
            return rule.written, False
        if rule.text.endswith("/"):
            return f"{rule.text}*", True
        for _, territories in self._asked.index.territories(("read", "list", "update")):
            node = territories.root
            for part in rule.text.split("/"):
                following = node.children.get(part)
                if following is None:
                    break
                node = following
            else:
                if node.sole is not None and not node.owners:
                    return f"{rule.text}/*", True
        return rule.text, False

    def _fault(self, acl: Acl, rule: Rule, grant: Grant, view: str, *, folder: bool) -> Way | None:
        if grant.witness is None or grant.effect is Effect.UNKNOWN:
            return Way(shows=f"may not stop every form of a request: {grant.because[0].why}", sure=False)
        full = grant.witness.namespace + unquote(grant.witness.path)
        if grant.operation in ("list", "scan") and not full.endswith("/"):
            full += "/"
        granting = acl.rule_for(grant.operation, full)
        if granting is None or contains(rule.written, granting.written):
            return None
        there = served(self._world, full)
        if view not in ("", "data", "+") and there is not None:
            other = there[1].split("/")[0]
            if other != view and not (other == "detailed-metadata" and view == "metadata"):
                return None
        if folder and rule.matches(full.removesuffix("/")):
            return None
        if folder:
            shows = f"denies the folder alone, and `{{clause}}` grants {grant.operation} of what is in it"
        elif rule.matches(full):
            shows = f"has lower priority than `{{clause}}`, which grants {grant.operation} there"
        else:
            shows = f"does not stop every form of a request: `{{clause}}` grants {grant.operation} of the same"
        return Way(shows=shows, clause=granting.written)

    def _forms(self, subject: Subject, rule: Rule) -> Iterator[Way]:
        """Try the forms of the denied path that the policies are asked about as they are sent."""
        namespace, path = place_of(self._world, rule.text + ("x" if rule.prefix else ""))
        for form, shows in self._other_forms(namespace, path):
            for method in _METHODS:
                body: dict[str, object] | None = {} if method == "POST" else None
                request = Request(
                    method=method, path=quote(form, safe="/"), namespace=namespace, body=body, exists=True
                )
                decision = self._engine.decide(subject, request)
                if decision.effect is not Effect.DENY and any(reason.clause for reason in decision.because):
                    yield Way(shows=shows, sure=decision.effect is Effect.ALLOW)
                    break

    def _other_forms(self, namespace: str, path: str) -> Iterator[tuple[str, str]]:
        yield path, "does not stop its own path, which the server changes before it asks the policies"
        for start, twin in _TWINS:
            if path.startswith(start):
                name = path.removeprefix(start)
                yield f"{start}{name}/", "does not stop the same policy with a slash behind its name"
                yield f"{twin}{name}", f"does not stop the same policy under {twin}"
        if path.startswith(self._any_case(namespace)):
            folder, _, name = path.rpartition("/")
            if name.swapcase() != name:
                yield f"{folder}/{name.swapcase()}", "does not stop the same object with its name in another case"

    def _any_case(self, namespace: str) -> tuple[str, ...]:
        entry = routes_of(self._world).entries.get(namespace)
        methods = entry.auth_mounts if entry is not None else None
        return (*_ANY_CASE, *(f"auth/{one.path}role/" for one in methods or () if one.type in ("jwt", "oidc")))

    def _add(self, rule: Rule, way: Way) -> None:
        shows = way.shows.replace("{clause}", way.clause)
        for source in rule.sources:
            if source.stanza.capabilities - {"deny"}:
                continue
            known = self._found.setdefault((source.namespace, source.policy, source.stanza.line), {})
            if shows not in known or way.sure:
                known[shows] = Fault(shows=shows, sure=way.sure)


def _segments_of(entry: Namespace) -> Iterator[str]:
    """Yield the segments of a namespace's path and of its mounts': what stands behind them differs."""
    yield from entry.path.split("/")
    for mount in entry.mounts or ():
        yield from mount.path.split("/")
    for method in entry.auth_mounts or ():
        yield from method.path.split("/")


def _replaced(pattern: str, names: Mapping[str, str]) -> str:
    return "/".join(names.get(part, part) for part in pattern.split("/"))


def _identity(rule: Rule) -> tuple[object, ...]:
    return (rule.written, rule.capabilities, *(
        (source.namespace, source.policy, source.stanza.line) for source in rule.sources))  # fmt: skip


def _is_versioned(kind: str, version: int | None) -> bool:
    return kind in ("kv", "generic") and version != 1
