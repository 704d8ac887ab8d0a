"""What a token can turn itself into: each way from one token to another, as the requests that do it.

A way is only offered when the engine lets each of its requests through, with the very body that would be
sent. Source: OpenBao 2.7.2, each way replayed on a real server.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from cred_audit.decide import Effect, Reason
from cred_audit.decide.vault.acl import Acl, Rule
from cred_audit.decide.vault.engine import Engine
from cred_audit.decide.vault.identity import groups_of
from cred_audit.decide.vault.model import Entity, Namespace, Request, Subject, World
from cred_audit.decide.vault.witness import wire_path

NAME = "cred-audit"
"""The name of everything that a chain makes."""
PASSWORD = "cred-audit-1"  # noqa: S105  (of a user that the chain makes)
EVERYTHING = 'path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list"] }'
_NAMES = 2000
"""Existing objects that are tried by name for one way."""
_KEPT = 64
"""Indexes of objects by name that are kept."""
_MERGE = {"Content-Type": "application/merge-patch+json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request of a chain."""

    request: Request
    shows: str
    """What it does, as half a sentence."""
    because: tuple[Reason, ...] = ()
    by: str = "agent"
    """Whose token is sent: `agent`, the name of a value that an earlier step took, or `none`."""
    takes: Mapping[str, str] = field(default_factory=dict)
    """Name -> field of the answer; later paths and bodies hold it as `${name}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A token that a way leads to."""

    subject: Subject
    steps: tuple[Step, ...]
    token: str
    """`agent`, or the name of the value that holds the new token."""
    texts: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Policies that the steps rewrote: (namespace, name) -> text."""
    world: World | None = None
    """The server afterwards, where the steps changed more than policies."""
    moved: Mapping[str, str] = field(default_factory=dict)
    """Mounts that the steps moved: namespace and path before -> path after."""
    assuming: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A way that ends in a choice, most often of a policy."""

    namespace: str
    names: tuple[str, ...] | None
    """What there is to choose from; None: any policy of the namespace."""
    made: "Callable[[str], Made | Gap | None]"
    """The way for one choice; None where a request of it is refused."""
    accepts: Callable[[str], bool] = lambda _: True
    """Whether a policy's name may be chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A way that may be open: something was not seen."""

    reason: str
    because: tuple[Reason, ...]


class Asker:
    """One token on one server, asked about the requests of its ways."""

    def __init__(self, engine: Engine, subject: Subject, role: str, token: str = "agent") -> None:  # noqa: S107
        self.engine = engine
        self.subject = subject
        self.role = role
        """The role that the agent holds credentials of; empty where it holds none."""
        self.token = token
        self.world = engine.world

    def may(  # noqa: PLR0913  (the parts of a request)
        self, method: str, path: str, body: Mapping[str, Any] | None, shows: str, *, namespace: str,
        exists: bool | None = True, takes: Mapping[str, str] | None = None,
    ) -> Step | None:  # fmt: skip
        """Return the step when the engine lets it through."""
        headers = _MERGE if method == "PATCH" else {}
        request = Request(
            method=method, path=wire_path(path), namespace=namespace, body=body, headers=headers, exists=exists
        )
        decision = self.engine.decide(self.subject, request)
        if decision.effect is not Effect.ALLOW:
            return None
        return Step(request=request, shows=shows, because=decision.because, by=self.token, takes=takes or {})

    def sudo(self, path: str) -> bool:
        """Whether the clause that decides an update of a path also holds sudo."""
        return all(
            (acl.root and path.startswith(acl.root_namespace)) or "sudo" in _capabilities(acl, path)
            for acl in self.engine.acls(self.subject)
        )

    def names(self, rules: Iterable[Rule], before: str, existing: Mapping[str, object], new: str = NAME) -> list[str]:
        """Return names worth trying at a point of the path: a new one first, whose replay harms nobody."""
        ahead = before.split("/")[:-1]
        at = len(ahead)
        found: dict[str, None] = {}
        for rule in rules:
            parts = rule.text.split("/")
            length = len(parts) - 1 if rule.prefix else len(parts)
            if not all(part in ("+", name) for part, name in zip(parts[:length], ahead, strict=False)):
                continue
            if length > at:
                if parts[at] == "+":
                    found.setdefault(new)
                    found.update(dict.fromkeys(islice(existing, _NAMES)))
                else:
                    found.setdefault(parts[at])
            elif rule.prefix:
                start = parts[at] if length == at else ""
                found.setdefault(start + new)
                found.update(dict.fromkeys(islice((name for name in existing if name.startswith(start)), _NAMES)))
        return [name for name in found if name][:_NAMES]


@dataclass(slots=True)
class Once:
    """Lets through one request for each clause that grants it."""

    seen: set[tuple[str, str, int]] = field(default_factory=set)

    def new(self, step: Step) -> bool:
        """Whether no step with the same clause was seen."""
        reason = step.because[0] if step.because else Reason(policy="", why="")
        key = (reason.namespace, reason.policy, reason.line)
        if key in self.seen:
            return False
        self.seen.add(key)
        return True


_named: dict[int, tuple[object, Mapping[str, Any]]] = {}


def named(objects: tuple[Any, ...] | None) -> Mapping[str, Any]:
    """Return objects by name; the index is kept, since every agent asks for the same ones."""
    known = _named.get(id(objects))
    if known is None or known[0] is not objects:
        if len(_named) >= _KEPT:
            _named.clear()
        known = _named[id(objects)] = (objects, {one.name: one for one in objects or ()})
    return known[1]


def _capabilities(acl: Acl, path: str) -> frozenset[str]:
    rule = acl.rule_for("update", path)
    return rule.capabilities if rule is not None else frozenset()


def missing(entry: Namespace, rules: Iterable[Rule]) -> Iterator[Gap]:
    """Yield what was not seen of a namespace and may open a way to a clause."""
    lists: list[tuple[str, str, object]] = [
        (f"{entry.path}identity/entity", "identity/", entry.entities),
        (f"{entry.path}identity/group", "identity/", entry.groups),
    ]
    if entry.auth_mounts is None:
        lists.append((f"{entry.path}sys/auth", "auth/", None))
    lists += [(f"{entry.path}auth/{mount.path}", f"auth/{mount.path}", mount.roles) for mount in entry.auth_mounts or ()
              if mount.path != "token/"]  # fmt: skip
    for where, start, seen in lists:
        if seen is None:
            rule = next(
                (rule for rule in rules if may_hold(rule, entry.path + start) and not _of_tokens(rule, entry)), None
            )
            if rule is not None:
                because = tuple(source.reason("may open a way") for source in rule.sources[:1])
                yield Gap(reason=f"{where} was not read", because=because)


def _of_tokens(rule: Rule, entry: Namespace) -> bool:
    return rule.text.startswith(f"{entry.path}auth/token/")


def may_hold(rule: Rule, start: str) -> bool:
    """Whether a rule may hold a path that begins with a text."""
    literal = rule.text.split("+", 1)[0]
    wild = rule.prefix or "+" in rule.text
    return literal.startswith(start) or (wild and start.startswith(literal))


def by_policies(asker: Asker, entry: Namespace) -> Iterator[Offer | Gap]:
    """Offer the rewriting of a policy that the token holds."""
    subject, namespace = asker.subject, entry.path
    held = [name for name in subject.policies if subject.namespace == namespace]
    if subject.entity is not None and subject.entity.namespace == namespace:
        held += subject.entity.policies
    held += [name for group in subject.groups if group.namespace == namespace for name in group.policies]
    for name in dict.fromkeys(held):
        if name in ("root", "response-wrapping"):
            continue
        texts = {(namespace, name): EVERYTHING}
        step = writing(asker, namespace, name, EVERYTHING)
        if step is not None:
            made = Made(subject=subject, steps=(step,), token=asker.token, texts=texts)
            yield Offer(namespace=namespace, names=(name,), made=_same(made))


def _same(made: Made) -> "Callable[[str], Made | Gap | None]":
    return lambda _: made


def writing(asker: Asker, namespace: str, name: str, text: str) -> Step | None:
    """Return the request that writes a policy, by any of the endpoints."""
    shows = f"writes the policy {namespace}{name}"
    known = (namespace, name) in asker.engine.policies
    ways = [
        ("POST", "sys/policies/acl/"),
        ("POST", "sys/policy/"),
        *((("PATCH", "sys/policies/acl/"),) if known else ()),
    ]
    for method, folder in ways:
        step = asker.may(method, folder + name, {"policy": text}, shows, namespace=namespace, exists=known)
        if step is not None:
            return step
    return None


def as_entity(world: World, subject: Subject, entity: Entity, policies: Iterable[str]) -> Subject | None:
    """Return the subject with another entity; None where its groups were not seen."""
    known = next((entry for entry in world.namespaces if entry.path == entity.namespace), None)
    groups = groups_of(world, known, entity.id) if known is not None else None
    if groups is None:
        return None
    return replace(subject, policies=tuple(policies), entity=entity, groups=groups, free={})


def login_with(path: str, body: Mapping[str, Any], namespace: str) -> Step:
    """Return a login, which needs no token."""
    return Step(
        request=Request(method="POST", path=wire_path(path), namespace=namespace, body=body), shows="logs in",
        by="none", takes={"gained": "auth.client_token"},
    )  # fmt: skip


def login_path(role: str) -> str:
    """Return where a role's holder logs in."""
    parts = role.strip("/").split("/")
    mount = "/".join(parts[:-2])
    return f"{mount}/login/{parts[-1]}" if parts[-2] == "users" else f"{mount}/login"
