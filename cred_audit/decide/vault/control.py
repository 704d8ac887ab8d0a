"""What changes who may do what: the paths of control, whose they are, and which clauses meet any of them.

A tenant's control objects are the policies, roles, users, entities, groups, mounts and namespaces that its
agents and its secrets stand on. Source: OpenBao 2.7.2 as measured.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cred_audit.decide.vault.acl import Acl, FreeClause, Rule, RuleKind
from cred_audit.decide.vault.model import Subject, World
from cred_audit.decide.vault.territory import Holding, Keys, KvHolding, OperationClass, PathHolding, Places, Region

_DIRECTIVE = re.compile(r"[^/]*\{\{.*?\}\}[^/]*", re.DOTALL)
_CHANGING = frozenset({"create", "update", "patch", "delete"})
_FAMILIES = (
    "sys/policies/acl/", "sys/policy/", "sys/mounts/", "sys/auth/", "sys/remount", "sys/raw", "sys/namespaces/",
    "sys/plugins/catalog/", "sys/leases/revoke-prefix/", "sys/leases/revoke-force/", "sys/quotas/", "sys/seal",
    "sys/step-down", "auth/token/create", "auth/token/roles/", "auth/token/revoke-accessor", "identity/entity",
    "identity/group", "identity/alias", "identity/persona",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """One declared agent: its tenant, its token, and the role that it logs in through."""

    tenant: str
    subject: Subject
    namespace: str = ""
    role: str = ""
    """`auth/<mount>/role/<name>`; empty where the target names none."""


class Controls:
    """Finds the clauses of control; one for each world."""

    def __init__(self, world: World) -> None:
        self.namespaces = sorted(namespace.path for namespace in world.namespaces)
        self._known = frozenset(self.namespaces)

    def rules(self, acl: Acl) -> tuple[Rule, ...]:
        """Return the rules that may let a token change a control object: none for ordinary policies."""
        return tuple(
            rule
            for rules in (acl.exact.values(), acl.ordered, map(_anything, acl.open_clauses))
            for rule in rules
            if (rule.capabilities & _CHANGING or "sudo" in rule.capabilities) and self._meets(rule)
        )

    def _meets(self, rule: Rule) -> bool:
        parts = rule.text.split("/")
        start = 0
        while start < len(parts) - 1 and "/".join(parts[: start + 1]) + "/" in self._known:
            start += 1
        head = "/".join(parts[:start]) + "/" if start else ""
        rest = parts[start:]
        if rest[0] == "+" or (rule.prefix and len(rest) == 1 and self._covers_namespace(head + rest[0])):
            return True
        text = "/".join(rest)
        if text.startswith("auth/") and not text.startswith("auth/token/"):
            return True
        return any(_alike(rest, family.split("/"), prefix=rule.prefix) for family in (*_FAMILIES, "auth/x/"))

    def _covers_namespace(self, text: str) -> bool:
        at = bisect_left(self.namespaces, text)
        return text != "" and at < len(self.namespaces) and self.namespaces[at].startswith(text)

    def touched(self, rules: Iterable[Rule]) -> tuple[str, ...]:
        """Return the namespaces whose control paths some of the rules may hold."""
        found: set[str] = set()
        for rule in rules:
            literal = rule.text.split("+", 1)[0] if "+" in rule.text else rule.text
            for end, character in enumerate(literal):
                if character == "/" and literal[: end + 1] in self._known:
                    found.add(literal[: end + 1])
            found.add("")
            if rule.prefix or "+" in rule.text:
                at = bisect_left(self.namespaces, literal)
                while at < len(self.namespaces) and self.namespaces[at].startswith(literal):
                    found.add(self.namespaces[at])
                    at += 1
        return tuple(sorted(found & self._known))


def _anything(clause: FreeClause) -> Rule:
    """Return a clause with an open directive as the rule that it may become."""
    path = clause.source.namespace + _DIRECTIVE.sub("+", clause.source.stanza.path.removeprefix("/"))
    return Rule(
        kind=RuleKind.SEGMENTS,
        text=path.removesuffix("*"),
        prefix=path.endswith("*"),
        capabilities=frozenset(clause.source.stanza.capabilities),
        sources=(clause.source,),
    )


def _alike(rest: list[str], family: list[str], *, prefix: bool) -> bool:
    """Whether a rule's segments and a control path's may be the beginning of one another."""
    for at, part in enumerate(rest):
        last_rule, last_family = at == len(rest) - 1, at == len(family) - 1
        if at >= len(family):
            return True
        name = family[at]
        if last_rule and prefix:
            return part == "+" or name.startswith(part) or (last_family and part.startswith(name))
        if last_family:
            return part == "+" or part.startswith(name)
        if part not in ("+", name):
            return False
    return False


def control_regions(
    world: World, holders: Iterable[Holder], holdings: Iterable[Holding]
) -> Iterator[tuple[str, Region]]:
    """Yield every control object with the tenant that stands on it."""
    present: dict[str, set[str]] = {}
    places = Places(world)
    for holder in holders:
        yield from _of_holder(holder)
        present.setdefault(holder.namespace, set()).add(holder.tenant)
    for holding in holdings:
        what = holding.what
        if isinstance(what, KvHolding | PathHolding):
            present.setdefault(what.namespace, set()).add(holding.owner)
            mount = what.mount if isinstance(what, KvHolding) else _mount(places, what)
            if mount:
                yield holding.owner, _region(what.namespace, f"sys/mounts/{mount.rstrip('/')}", "delete", "the mount")
                tune = f"sys/mounts/{mount}tune"
                yield holding.owner, _region(what.namespace, tune, "update", "settings of the mount")
        else:
            path = what.namespace.rstrip("/")
            above, _, name = path.rpartition("/")
            present.setdefault(what.namespace, set()).add(holding.owner)
            while path:
                where = f"{above}/" if above else ""
                present.setdefault(where, set()).add(holding.owner)
                for operation in ("update", "patch", "delete"):
                    yield holding.owner, _region(where, f"sys/namespaces/{name}", operation, "the namespace")
                path = above
                above, _, name = path.rpartition("/")
    opened, _ = raw_storage(world)
    for namespace, tenants in present.items():
        for tenant in sorted(tenants):
            yield from ((tenant, region) for region in _everybody(namespace, opened))


_WHOLE: tuple[tuple[str, str, str, bool, Mapping[str, Any]], ...] = (
    ("sys/remount", "update", "the mounts", False, {"from": "cred-audit/", "to": "cred-audit-moved/"}),
    ("sys/leases/revoke-prefix/", "update", "the leases and tokens", True, {}),
    ("sys/leases/revoke-force/", "update", "the leases and tokens", True, {}),
    ("sys/quotas/rate-limit/", "update", "the request limits", True, {"rate": 1}),
    ("sys/quotas/rate-limit/", "create", "the request limits", True, {"rate": 1}),
    ("sys/seal", "update", "the availability", False, {}),
    ("sys/step-down", "update", "the availability", False, {}),
    ("sys/raw/", "update", "the storage", True, {"value": "x"}),
    ("sys/raw/", "create", "the storage", True, {"value": "x"}),
    ("sys/raw/", "delete", "the storage", True, {}),
    ("sys/plugins/catalog/secret/", "update", "the server's plugins", True, {"sha256": "00", "command": "x"}),
    ("sys/plugins/catalog/auth/", "update", "the server's plugins", True, {"sha256": "00", "command": "x"}),
)
"""Path, operation, what is controlled, whether more follows, and a body."""


def _everybody(namespace: str, opened: bool | None) -> Iterator[Region]:
    for path, operation, kind, more, body in _WHOLE:
        raw = path == "sys/raw/"
        if not raw or (opened is not False and not namespace):
            region = _region(namespace, path, operation, kind, more=more, body=body)
            yield replace(region, sure=False) if raw and opened is None else region


def raw_storage(world: World) -> tuple[bool | None, tuple[str, ...]]:
    """Return whether the server opens its storage below every policy, and what that assumes; None when not seen.

    A server in development mode opens it without saying so in its configuration; its storage is in memory.
    """
    flags = world.server.flags
    if flags is None:
        return None, ()
    if flags.get("raw_storage_endpoint"):
        return True, ()
    storage = flags.get("storage")
    if isinstance(storage, Mapping) and storage.get("type") == "inmem":
        return True, ("the server runs in development mode, as its storage in memory suggests",)
    return False, ()


def _of_holder(holder: Holder) -> Iterator[tuple[str, Region]]:
    subject, tenant = holder.subject, holder.tenant
    names = {(subject.namespace, name) for name in subject.policies}
    entity = subject.entity
    if entity is not None:
        names |= {(entity.namespace, name) for name in entity.policies}
    names |= {(group.namespace, name) for group in subject.groups for name in group.policies}
    text = {"policy": 'path "cubbyhole/*" { capabilities = ["deny"] }'}
    for namespace, name in sorted(names):
        if name == "root":
            continue
        for path, operations in (
            (f"sys/policies/acl/{name}", ("update", "patch", "delete")),
            (f"sys/policy/{name}", ("update", "delete")),
        ):
            for operation in operations:
                yield tenant, _region(namespace, path, operation, "a policy", body=text)
    if holder.role:
        yield from ((tenant, region) for region in _of_role(holder))
    if entity is not None and entity.id:
        for path in (f"identity/entity/id/{entity.id}", f"identity/entity/name/{entity.name}"):
            for operation in ("update", "delete"):
                yield tenant, _region(entity.namespace, path, operation, "the entity", body={"policies": []})
        body = {"id": entity.id, "policies": []}
        yield tenant, _region(entity.namespace, "identity/entity", "update", "the entity", body=body)
        merge = {"from_entity_ids": [entity.id], "to_entity_id": "00000000-0000-0000-0000-000000000000"}
        yield tenant, _region(entity.namespace, "identity/entity/merge", "update", "the entity", body=merge)
        deletion = {"entity_ids": [entity.id]}
        yield tenant, _region(entity.namespace, "identity/entity/batch-delete", "update", "the entity", body=deletion)
    for group in subject.groups:
        for path in (f"identity/group/id/{group.id}", f"identity/group/name/{group.name}"):
            for operation in ("update", "delete"):
                body = {"member_entity_ids": []}
                yield tenant, _region(group.namespace, path, operation, "a group", body=body)


def _of_role(holder: Holder) -> Iterator[Region]:
    role = holder.role.strip("/")
    namespace = holder.namespace
    change: Mapping[str, Any] = {"token_policies": ["cred-audit"]}
    if "/users/" in role:
        change = {"password": "cred-audit"}
    for operation in ("update", "delete"):
        yield _region(namespace, role, operation, "the login role", body=change)
    parts: Mapping[str, Mapping[str, Any]] = {
        "password": {"password": "cred-audit"}, "policies": {"token_policies": ["cred-audit"]},
        "secret-id": {}, "custom-secret-id": {"secret_id": "cred-audit"}, "role-id": {"role_id": "cred-audit"},
        "bind-secret-id": {"bind_secret_id": False},
    }  # fmt: skip
    known = ("password", "policies") if "/users/" in role else tuple(parts)[1:]
    for name in known:
        yield _region(namespace, f"{role}/{name}", "update", "the login role", body=parts[name])


def _region(  # noqa: PLR0913  (a region's parts)
    namespace: str, path: str, operation: str, kind: str, *, more: bool = False, body: Mapping[str, Any] | None = None
) -> Region:
    parts = tuple((namespace + path).split("/"))
    return Region(
        wanted=OperationClass.CONTROL, operation=operation, segments=parts, open=more, base=len(parts) - 1,
        keys=Keys.RAW, namespace=namespace, kind=kind, body={} if body is None else body,
    )  # fmt: skip


def _mount(places: Places, what: PathHolding) -> str:
    parts = what.pattern.removeprefix("/").split("/")
    known = places.mounts(what.namespace)
    starts = ("/".join(parts[:end]) + "/" for end in range(1, len(parts)))
    return next((start for start in starts if start in known), "")
