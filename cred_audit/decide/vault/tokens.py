"""Ways to another token through the token store; see `gains`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from cred_audit.decide.vault.acl import Rule
from cred_audit.decide.vault.gains import Asker, Gap, Made, Offer, Once, Step, as_entity, may_hold, named
from cred_audit.decide.vault.model import Entity, Namespace, Subject

_NAMES = 2000
"""Entities that are tried through one token role."""


def by_tokens(asker: Asker, entry: Namespace, rules: tuple[Rule, ...]) -> Iterator[Offer | Gap]:
    """Offer tokens that the token store makes."""
    subject, namespace = asker.subject, entry.path
    own = namespace == subject.namespace
    if not own and not namespace.startswith(subject.namespace):
        return
    if not any(may_hold(rule, f"{namespace}auth/token/") for rule in rules):
        return
    for folder in ("auth/token/create", "auth/token/create-orphan"):
        orphan = folder.endswith("orphan")
        if asker.sudo(namespace + folder):
            yield Offer(namespace=namespace, names=None, made=_creating(asker, namespace, folder, orphan=orphan))
        elif own:
            yield from _subsets(asker, namespace, folder, orphan=orphan)
    if own or asker.sudo(f"{namespace}auth/token/create"):
        yield from _by_token_roles(asker, entry, rules)


def _creating(asker: Asker, namespace: str, path: str, *, orphan: bool) -> Callable[[str], Made | None]:
    def made(name: str) -> Made | None:
        subject = _child(asker.subject, namespace, (name,), orphan=orphan)
        shows = f"makes a token with the policy {namespace}{name}"
        for body in ({"policies": [name], "no_default_policy": True}, {"policies": [name]}, {"policies": name}):
            step = asker.may("POST", path, body, shows, namespace=namespace, takes={"gained": "auth.client_token"})
            if step is not None:
                if "no_default_policy" not in body:
                    subject = _child(asker.subject, namespace, (name, "default"), orphan=orphan)
                return Made(subject=subject, steps=(step,), token="gained")  # noqa: S106
        return None

    return made


def _child(subject: Subject, namespace: str, policies: tuple[str, ...], *, orphan: bool) -> Subject:
    if orphan or namespace != subject.namespace:
        return Subject(namespace=namespace, policies=policies)
    return replace(subject, policies=policies)


def _subsets(asker: Asker, namespace: str, path: str, *, orphan: bool) -> Iterator[Offer]:
    """Offer tokens with fewer policies: dropping one that denies can reach more."""
    held = tuple(dict.fromkeys(asker.subject.policies))
    chosen = {(name,) for name in held} | {tuple(other for other in held if other != name) for name in held}
    if orphan and asker.subject.entity is not None:
        chosen.add(held)
    elif not orphan:
        chosen.discard(held)
    sets = {", ".join(names): names for names in sorted(chosen) if names}
    if not sets:
        return

    def made(label: str) -> Made | None:
        body = {"policies": list(sets[label]), "no_default_policy": True}
        shows = f"makes a token that holds only {label}" + (" and no entity" if orphan else "")
        step = asker.may("POST", path, body, shows, namespace=namespace, takes={"gained": "auth.client_token"})
        subject = _child(asker.subject, namespace, sets[label], orphan=orphan)
        return Made(subject=subject, steps=(step,), token="gained") if step else None  # noqa: S106

    yield Offer(namespace=namespace, names=tuple(sets), made=made)


def _by_token_roles(asker: Asker, entry: Namespace, rules: tuple[Rule, ...]) -> Iterator[Offer | Gap]:
    namespace = entry.path
    existing = named(entry.token_roles)
    once = Once()
    for name in asker.names(rules, f"{namespace}auth/token/create/", existing):
        path = f"auth/token/create/{name}"
        use = asker.may("POST", path, {}, "", namespace=namespace)
        if use is None:
            continue
        role = existing.get(name)
        if role is not None and role.data is not None:
            yield _role_offer(asker, namespace, path, role.data)
            yield from _by_alias(asker, entry, path, role.data)
        elif entry.token_roles is None or role is not None:
            yield Gap(reason=f"the token role {namespace}auth/token/roles/{name} was not seen", because=use.because)
        body = {"allowed_policies_glob": ["*"]}
        shows = f"writes the token role {name} that allows every policy"
        where = f"auth/token/roles/{name}"
        write = asker.may("POST", where, body, shows, namespace=namespace, exists=role is not None)
        if write is not None and once.new(write):
            creating = _creating(asker, namespace, path, orphan=False)
            yield Offer(namespace=namespace, names=None, made=_after((write,), creating))


def _after(before: tuple[Step, ...], then: Callable[[str], Made | None]) -> Callable[[str], Made | None]:
    def made(name: str) -> Made | None:
        found = then(name)
        return replace(found, steps=before + found.steps) if found is not None else None

    return made


def _role_offer(asker: Asker, namespace: str, path: str, role: Mapping[str, Any]) -> Offer:
    allowed, globs = _texts(role, "allowed_policies"), _texts(role, "allowed_policies_glob")
    refused, refused_globs = _texts(role, "disallowed_policies"), _texts(role, "disallowed_policies_glob")
    orphan = bool(role.get("orphan"))
    creating = _creating(asker, namespace, path, orphan=orphan)
    if not (allowed or globs or refused or refused_globs):
        held = tuple(asker.subject.policies)
        return Offer(namespace=namespace, names=held if orphan or len(held) > 1 else (), made=creating)

    def accepts(name: str) -> bool:
        if name in refused or any(_glob(pattern, name) for pattern in refused_globs):
            return False
        return not (allowed or globs) or name in allowed or any(_glob(pattern, name) for pattern in globs)

    return Offer(namespace=namespace, names=None, made=creating, accepts=accepts)


def _by_alias(asker: Asker, entry: Namespace, path: str, role: Mapping[str, Any]) -> Iterator[Offer]:
    """Offer the entities that a token role may put on its tokens: those with an alias in the token store."""
    patterns = _texts(role, "allowed_entity_aliases")
    accessor = next((m.accessor for m in entry.auth_mounts or () if m.path == "token/"), "")
    if not patterns or not accessor:
        return
    entities: dict[str, Entity] = {}
    for entity in entry.entities or ():
        for alias in entity.aliases:
            name = alias.name.lower()
            if alias.mount_accessor == accessor and any(_glob(pattern.lower(), name) for pattern in patterns):
                entities[name] = entity
    if not entities:
        return
    policies = _texts(role, "allowed_policies") or asker.subject.policies

    def made(name: str) -> Made | None:
        subject = as_entity(asker.world, asker.subject, entities[name], policies)
        shows = f"makes a token that is the entity {entities[name].name}"
        step = asker.may(
            "POST", path, {"entity_alias": name}, shows, namespace=entry.path, takes={"gained": "auth.client_token"}
        )  # fmt: skip
        return Made(subject=subject, steps=(step,), token="gained") if step and subject else None  # noqa: S106

    yield Offer(namespace=entry.path, names=tuple(entities)[:_NAMES], made=made)


def _texts(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = data.get(key) or ()
    return tuple(str(entry) for entry in ([value] if isinstance(value, str) else value))


def _glob(pattern: str, text: str) -> bool:
    """Match as the server's glob does: stars anywhere, nothing else is special."""
    parts = pattern.split("*")
    if len(parts) == 1:
        return pattern == text
    if not text.startswith(parts[0]) or not text.endswith(parts[-1]):
        return False
    at = len(parts[0])
    for part in parts[1:-1]:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(text) - len(parts[-1]) >= at
