"""Ways to another token that lead over identities, mounts and the storage; see `gains`."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from cred_audit.decide.vault.acl import Rule, applies
from cred_audit.decide.vault.engine import Engine
from cred_audit.decide.vault.gains import (
    NAME,
    PASSWORD,
    Asker,
    Gap,
    Made,
    Offer,
    Step,
    as_entity,
    login_path,
    login_with,
    may_hold,
)  # fmt: skip
from cred_audit.decide.vault.model import AuthMount, Entity, Group, Mount, Namespace, Request, Subject, World
from cred_audit.decide.vault.template import directives

_MOST = 300
"""Entities and groups that are tried."""


def by_identity(asker: Asker, entry: Namespace, rules: tuple[Rule, ...], first: Iterable[str]) -> Iterator[Offer | Gap]:
    """Offer what the token's entity can be made into. `first`: ids of entities to try before the others."""
    entity = asker.subject.entity
    if entity is None or not entity.id or entity.namespace != entry.path:
        return
    if not any(may_hold(rule, f"{entry.path}identity/") for rule in rules):
        return
    yield from _own_entity(asker, entry, entity)
    yield from _groups(asker, entry, entity, rules)
    yield from _other_entities(asker, entry, entity, first)


def _own_entity(asker: Asker, entry: Namespace, entity: Entity) -> Iterator[Offer]:
    def made(policy: str) -> Made | None:
        shows = f"gives its own entity the policy {policy}"
        step = _change(asker, entry, entity, {"policies": [policy]}, shows)
        subject = replace(asker.subject, entity=replace(entity, policies=(policy,)))
        return Made(subject=subject, steps=(step,), token=asker.token) if step else None

    if made("default") is not None:
        yield Offer(namespace=entry.path, names=None, made=made)


def _change(asker: Asker, entry: Namespace, entity: Entity, change: dict[str, object], shows: str) -> Step | None:
    name = entity.name
    ways = [(f"identity/entity/id/{entity.id}", change)]
    if "name" not in change:
        # The server takes names of entities in any case, and the policies are asked for the name as it was sent.
        ways += [
            (f"identity/entity/name/{spelt}", change) for spelt in dict.fromkeys((name, name.upper(), name.lower()))
        ]
    ways.append(("identity/entity", {"id": entity.id, **change}))
    steps = (asker.may("POST", path, body, shows, namespace=entry.path) for path, body in ways)
    return next((step for step in steps if step is not None), None)


def templated(asker: Asker, entry: Namespace) -> tuple[str, ...]:
    """Return the directives of the token's policies whose values it can set on its own entity."""
    entity = asker.subject.entity
    if entity is None or not entity.id or entity.namespace != entry.path:
        return ()
    used = {
        name
        for policy in applies(asker.engine.policies, asker.subject)
        for name in directives(policy.text or "")
    }  # fmt: skip
    found = []
    if _change(asker, entry, entity, {"metadata": {"x": "x"}}, "") is not None:
        found += [name for name in used if name.startswith("identity.entity.metadata.")]
    if "identity.entity.name" in used and _change(asker, entry, entity, {"name": NAME}, "") is not None:
        found.append("identity.entity.name")
    return tuple(sorted(found))


def retitled(asker: Asker, entry: Namespace, values: dict[str, str]) -> Made | None:
    """Return the token after its entity got these template values; None where a request of it is refused."""
    entity = asker.subject.entity
    if entity is None:
        return None
    steps: list[Step] = []
    change: dict[str, object] = {}
    changed = entity
    start = "identity.entity.metadata."
    metadata = {name.removeprefix(start): value for name, value in values.items() if name.startswith(start)}
    if metadata:
        whole = {**entity.metadata, **metadata}
        change["metadata"] = whole
        changed = replace(changed, metadata=whole)
    name = values.get("identity.entity.name")
    if name is not None and name != entity.name:
        taken = next((other for other in entry.entities or () if other.name == name and other.id != entity.id), None)
        if taken is not None:
            moved = _change(asker, entry, taken, {"name": f"{name}-{NAME}"}, f"renames the entity {name}")
            if moved is None:
                return None
            steps.append(moved)
        change["name"] = name
        changed = replace(changed, name=name)
    if not change:
        return None
    told = " and ".join(f"{directive} {value!r}" for directive, value in sorted(values.items()))
    step = _change(asker, entry, entity, change, f"gives its own entity {told}")
    if step is None:
        return None
    return Made(subject=replace(asker.subject, entity=changed, free={}), steps=(*steps, step), token=asker.token)


def _groups(asker: Asker, entry: Namespace, entity: Entity, rules: tuple[Rule, ...]) -> Iterator[Offer]:
    member = {"member_entity_ids": [entity.id]}
    existing = {group.name: group for group in entry.groups or () if group.type != "external"}

    def new(path: str, name: str) -> Offer | None:
        def made(policy: str) -> Made | None:
            body = {**({} if "/" in path.removeprefix("identity/") else {"name": name}), "policies": [policy], **member}
            step = asker.may(
                "POST", path, body, f"puts itself into a group with the policy {policy}", namespace=entry.path
            )
            group = Group(namespace=entry.path, id=NAME, name=name, policies=(policy,))
            subject = replace(asker.subject, groups=(*asker.subject.groups, group))
            return Made(subject=subject, steps=(step,), token=asker.token) if step else None

        return Offer(namespace=entry.path, names=None, made=made) if made("default") is not None else None

    ways = [("identity/group", NAME)]
    ways += [(f"identity/group/name/{name}", name)
             for name in asker.names(rules, f"{entry.path}identity/group/name/", existing)]  # fmt: skip
    ways += [(f"identity/group/id/{group.id}", group.name) for group in existing.values()]
    for path, name in ways[:_MOST]:
        offer = new(path, name)
        if offer is not None:
            yield offer
            return
    joined = {}
    for name, group in list(existing.items())[:_MOST]:
        for path in (f"identity/group/id/{group.id}", f"identity/group/name/{name}"):
            step = asker.may("POST", path, member, f"puts itself into the group {name}", namespace=entry.path)
            if step is not None:
                subject = replace(asker.subject, groups=(*asker.subject.groups, group))
                joined[name] = Made(subject=subject, steps=(step,), token=asker.token)
                break
    if joined:
        yield Offer(namespace=entry.path, names=tuple(joined), made=joined.get)


def _other_entities(asker: Asker, entry: Namespace, entity: Entity, first: Iterable[str]) -> Iterator[Offer]:
    by_id = {other.id: other for other in entry.entities or () if other.id != entity.id}
    ids = tuple(dict.fromkeys((*(known for known in first if known in by_id), *by_id)))[:_MOST]
    if not ids:
        return

    def merged(identity: str) -> Made | None:
        other = by_id[identity]
        body: dict[str, object] = {"from_entity_ids": [entity.id], "to_entity_id": other.id}
        shared = {alias.mount_accessor for alias in other.aliases}
        kept = [alias.id for alias in entity.aliases if alias.mount_accessor in shared]
        if kept:
            body["conflicting_alias_ids_to_keep"] = kept
        shows = f"merges its own entity into {other.name}"
        step = asker.may("POST", "identity/entity/merge", body, shows, namespace=entry.path)
        subject = as_entity(asker.world, asker.subject, other, asker.subject.policies)
        if step is None or subject is None:
            return None
        return Made(subject=subject, steps=(step,), token=asker.token)

    yield Offer(namespace=entry.path, names=ids, made=merged)
    alias = next((alias for alias in entity.aliases if _logs_in(asker, entry, alias.mount_accessor)), None)
    if alias is None:
        return

    def moved(identity: str) -> Made | None:
        other = by_id[identity]
        steps = _without_alias(asker, entry, other, alias.mount_accessor)
        body = {"name": alias.name, "canonical_id": other.id, "mount_accessor": alias.mount_accessor}
        shows = f"moves its own login to the entity {other.name}"
        step = asker.may("POST", "identity/entity-alias", body, shows, namespace=entry.path)
        if step is None and alias.id:
            path = f"identity/entity-alias/id/{alias.id}"
            step = asker.may("POST", path, body, shows, namespace=entry.path)
        subject = as_entity(asker.world, asker.subject, other, asker.subject.policies)
        if step is None or subject is None or steps is None:
            return None
        return Made(subject=subject, steps=(*steps, step, again(asker, entry)), token="gained")  # noqa: S106

    yield Offer(namespace=entry.path, names=ids, made=moved)


def _without_alias(asker: Asker, entry: Namespace, other: Entity, accessor: str) -> tuple[Step, ...] | None:
    """Return the removal of an entity's login by one method, of which it can have one; None where it is refused."""
    taken = next((alias for alias in other.aliases if alias.mount_accessor == accessor), None)
    if taken is None:
        return ()
    path, shows = f"identity/entity-alias/id/{taken.id}", f"removes the login of the entity {other.name}"
    step = asker.may("DELETE", path, None, shows, namespace=entry.path)
    return (step,) if step is not None else None


def _logs_in(asker: Asker, entry: Namespace, accessor: str) -> bool:
    """Whether the agent's own role lies on the auth method of an alias."""
    mount = next((mount for mount in entry.auth_mounts or () if mount.accessor == accessor), None)
    return mount is not None and asker.role.strip("/").startswith(f"auth/{mount.path}")


def again(asker: Asker, entry: Namespace) -> Step:
    """Return the agent's own login."""
    request = Request(
        method="POST", path=login_path(asker.role), namespace=entry.path, body={"${credential}": "${its own}"}
    )  # fmt: skip
    return Step(request=request, shows="logs in again with its own credential", by="none",
                takes={"gained": "auth.client_token"})  # fmt: skip


def by_new_method(asker: Asker, entry: Namespace, rules: tuple[Rule, ...]) -> Iterator[Offer]:
    """Offer a login through an auth method that the token mounts itself."""
    if not any(may_hold(rule, f"{entry.path}sys/auth/") for rule in rules):
        return
    mounted = {mount.path.rstrip("/") for mount in entry.auth_mounts or ()}
    for name in asker.names(rules, f"{entry.path}sys/auth/", {}):
        if name in mounted or name == "token":
            continue
        enable = asker.may(
            "POST", f"sys/auth/{name}", {"type": "userpass"}, f"mounts a method of its own at auth/{name}",
            namespace=entry.path,
        )  # fmt: skip
        if enable is None:
            continue
        method = AuthMount(path=f"{name}/", type="userpass")
        world = replace(
            asker.world,
            namespaces=tuple(
                replace(one, auth_mounts=(*(one.auth_mounts or ()), method)) if one.path == entry.path else one
                for one in asker.world.namespaces
            ),
        )
        yield from _user_of_new(asker, entry, name, world, enable)
        return


def _user_of_new(asker: Asker, entry: Namespace, name: str, world: World, enable: Step) -> Iterator[Offer]:
    later = Asker(Engine(world, asker.engine.now), asker.subject, asker.role, asker.token)

    def made(policy: str) -> Made | None:
        body = {"password": PASSWORD, "token_policies": [policy], "token_no_default_policy": True}
        path = f"auth/{name}/users/{NAME}"
        shows = f"writes a user there with the policy {policy}"
        write = later.may("POST", path, body, shows, namespace=entry.path, exists=False)
        if write is None:
            return None
        login = login_with(f"auth/{name}/login/{NAME}", {"password": PASSWORD}, entry.path)
        subject = Subject(namespace=entry.path, policies=(policy,))
        return Made(subject=subject, steps=(enable, write, login), token="gained")  # noqa: S106

    if made("default") is not None:
        yield Offer(namespace=entry.path, names=None, made=made)


def by_remount(asker: Asker, entry: Namespace, foreign: Iterable[str]) -> Iterator[Offer]:
    """Offer the move of another's mount to a path that the token can read. `foreign`: mounts with others' secrets."""
    if _moving(asker, entry, NAME, f"{NAME}-moved") is None:
        return
    mounts = {mount.path: mount for mount in entry.mounts or ()}
    targets: dict[str, None] = {}
    for acl in asker.engine.acls(asker.subject):
        for rule in (*acl.exact.values(), *acl.ordered):
            if "read" in rule.capabilities and rule.text.startswith(entry.path):
                first = rule.text[len(entry.path) :].split("/")[0]
                if first not in ("", "+", "sys", "auth", "identity", "cubbyhole"):
                    targets.setdefault(f"{first}/")
    ways = {
        f"{source} to {target}": (source, target)
        for source in foreign
        if source in mounts
        for target in targets
        if target != source
    }

    def made(label: str) -> Made | None:
        source, target = ways[label]
        steps = []
        renamed = {source: target}
        if target in mounts:
            renamed[target] = f"{NAME}-moved/"
            steps.append(_moving(asker, entry, target, renamed[target]))
        steps.append(_moving(asker, entry, source, target))
        done = tuple(step for step in steps if step is not None)
        if len(done) < len(steps):
            return None
        world = replace(
            asker.world,
            namespaces=tuple(
                replace(one, mounts=tuple(_at(mount, renamed) for mount in one.mounts or ()))
                if one.path == entry.path
                else one
                for one in asker.world.namespaces
            ),
        )
        moved = {entry.path + source: target}
        return Made(subject=asker.subject, steps=done, token=asker.token, world=world, moved=moved)

    if ways:
        yield Offer(namespace=entry.path, names=tuple(ways)[:_MOST], made=made)


def _at(mount: Mount, renamed: dict[str, str]) -> Mount:
    return replace(mount, path=renamed.get(mount.path, mount.path))


def _moving(asker: Asker, entry: Namespace, source: str, target: str) -> Step | None:
    body = {"from": source.rstrip("/"), "to": target.rstrip("/")}
    return asker.may("POST", "sys/remount", body, f"moves the mount {source} to {target}", namespace=entry.path)
