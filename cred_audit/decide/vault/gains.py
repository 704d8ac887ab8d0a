"""What a token can turn itself into: each way from one token to another, as the requests that do it.

A way is only offered when the engine lets each of its requests through, with the very body that would be
sent. Source: OpenBao 2.7.2, each way replayed on a real server.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cred_audit.decide import Effect, Reason
from cred_audit.decide.vault.acl import Acl, Rule
from cred_audit.decide.vault.engine import Engine
from cred_audit.decide.vault.identity import Unknown, groups_of, subject_of
from cred_audit.decide.vault.model import AuthMount, AuthRole, Entity, Namespace, Request, Subject, World
from cred_audit.decide.vault.witness import wire_path

NAME = "cred-audit"
"""The name of everything that a chain makes."""
PASSWORD = "cred-audit-1"  # noqa: S105  (of a user that the chain makes)
EVERYTHING = 'path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list"] }'
_NAMES = 2000
"""Existing objects that are tried by name for one way."""
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
    made: Callable[[str], Made | None]
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

    def names(self, rules: Iterable[Rule], before: str, existing: Iterable[str], new: str = NAME) -> list[str]:
        """Return names worth trying at a point of the path: those that exist, those that clauses name, a new one."""
        at = before.count("/")
        found = dict.fromkeys(existing)
        for rule in rules:
            parts = rule.text.split("/")
            if len(parts) > at and parts[at] != "+":
                name = parts[at] + (new if rule.prefix and at == len(parts) - 1 else "")
                found.setdefault(name)
        found.setdefault(new)
        return [name for name in found if name][:_NAMES]


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
            rule = next((rule for rule in rules if _may_hold(rule, entry.path + start)), None)
            if rule is not None:
                because = tuple(source.reason("may open a way") for source in rule.sources[:1])
                yield Gap(reason=f"{where} was not read", because=because)


def _may_hold(rule: Rule, start: str) -> bool:
    literal = rule.text.split("+", 1)[0]
    wild = rule.prefix or "+" in rule.text
    return (literal.startswith(start) and not literal.startswith(f"{start}token/")) or (
        wild and start.startswith(literal)
    )


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


def by_tokens(asker: Asker, entry: Namespace, rules: tuple[Rule, ...]) -> Iterator[Offer | Gap]:
    """Offer tokens that the token store makes."""
    subject, namespace = asker.subject, entry.path
    own = namespace == subject.namespace
    if not own and not namespace.startswith(subject.namespace):
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
    existing = {role.name: role for role in entry.token_roles or ()}
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
        write = asker.may(
            "POST", f"auth/token/roles/{name}", body, shows, namespace=namespace, exists=role is not None
        )  # fmt: skip
        if write is not None:
            yield Offer(
                namespace=namespace, names=None, made=_after((write,), _creating(asker, namespace, path, orphan=False))
            )


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


def as_entity(world: World, subject: Subject, entity: Entity, policies: Iterable[str]) -> Subject | None:
    """Return the subject with another entity; None where its groups were not seen."""
    known = next((entry for entry in world.namespaces if entry.path == entity.namespace), None)
    groups = groups_of(world, known, entity.id) if known is not None else None
    if groups is None:
        return None
    return replace(subject, policies=tuple(policies), entity=entity, groups=groups, free={})


def by_logins(asker: Asker, entry: Namespace, rules: tuple[Rule, ...]) -> Iterator[Offer | Gap]:
    """Offer logins through roles and users that the token can write, or whose credentials it can set."""
    for mount in entry.auth_mounts or ():
        if mount.type == "approle":
            yield from _by_approle(asker, entry, mount, rules)
        elif mount.type == "userpass":
            yield from _by_userpass(asker, entry, mount, rules)
        elif mount.type in _FOLDERS:
            yield from _by_other(asker, entry, mount, rules)


def _by_approle(asker: Asker, entry: Namespace, mount: AuthMount, rules: tuple[Rule, ...]) -> Iterator[Offer | Gap]:
    folder = f"auth/{mount.path}role/"
    existing = {role.name: role for role in mount.roles or ()}
    for name in asker.names(rules, entry.path + folder, existing):
        path, role = f"{folder}{name}", existing.get(name)
        offer = _written_role(asker, entry, mount, name, exists=role is not None)
        if offer is not None:
            yield offer
        elif asker.role.strip("/") == path:
            yield from _own_policies(asker, entry, f"{path}/policies")
        if role is not None and asker.role.strip("/") != path:
            yield from _foreign_role(asker, entry, mount, role)
        elif mount.roles is None:
            step = asker.may("POST", f"{path}/secret-id", {}, "", namespace=entry.path)
            if step is not None:
                yield Gap(reason=f"the roles of {entry.path}auth/{mount.path} were not seen", because=step.because)


def _written_role(asker: Asker, entry: Namespace, mount: AuthMount, name: str, *, exists: bool) -> Offer | None:
    """Offer a role with any policy, whose id the chain sets itself."""
    path = f"auth/{mount.path}role/{name}"

    def made(policy: str) -> Made | None:
        body = {
            "role_id": f"{NAME}-{name}", "bind_secret_id": False, "token_bound_cidrs": ["0.0.0.0/0", "::/0"],
            "token_policies": [policy], "token_no_default_policy": True,
        }  # fmt: skip
        shows = f"writes the role {name} with the policy {policy}"
        write = asker.may("POST", path, body, shows, namespace=entry.path, exists=exists)
        if write is None:
            return None
        login = login_with(f"auth/{mount.path}login", {"role_id": body["role_id"]}, entry.path)
        return Made(subject=Subject(namespace=entry.path, policies=(policy,)), steps=(write, login), token="gained")  # noqa: S106

    return Offer(namespace=entry.path, names=None, made=made) if made("default") is not None else None


def login_with(path: str, body: Mapping[str, Any], namespace: str) -> Step:
    """Return a login, which needs no token."""
    return Step(
        request=Request(method="POST", path=wire_path(path), namespace=namespace, body=body), shows="logs in",
        by="none", takes={"gained": "auth.client_token"},
    )  # fmt: skip


def _own_policies(asker: Asker, entry: Namespace, path: str) -> Iterator[Offer]:
    """Offer any policy through the role that the agent itself logs in with."""

    def made(policy: str) -> Made | None:
        shows = f"gives its own login the policy {policy}"
        write = asker.may("POST", path, {"token_policies": [policy]}, shows, namespace=entry.path)
        if write is None:
            return None
        login = Step(
            request=Request(method="POST", path=wire_path(login_path(asker.role)), namespace=entry.path,
                            body={"${credential}": "${its own}"}),
            shows="logs in again with its own credential", by="none", takes={"gained": "auth.client_token"},
        )  # fmt: skip
        subject = replace(asker.subject, policies=(policy, "default"))
        return Made(subject=subject, steps=(write, login), token="gained")  # noqa: S106

    if made("default") is not None:
        yield Offer(namespace=entry.path, names=None, made=made)


def login_path(role: str) -> str:
    """Return where a role's holder logs in."""
    parts = role.strip("/").split("/")
    mount = "/".join(parts[:-2])
    return f"{mount}/login/{parts[-1]}" if parts[-2] == "users" else f"{mount}/login"


def _foreign_role(asker: Asker, entry: Namespace, mount: AuthMount, role: AuthRole) -> Iterator[Offer | Gap]:
    """Offer a login through a role whose id can be read and for which a secret id can be made."""
    path, namespace = f"auth/{mount.path}role/{role.name}", entry.path
    body: dict[str, Any] = {"role_id": "${role_id}"}
    read = asker.may(
        "GET", f"{path}/role-id", None, f"reads the role id of {role.name}", namespace=namespace,
        takes={"role_id": "data.role_id"},
    )  # fmt: skip
    if read is None:
        body = {"role_id": f"{NAME}-{role.name}"}
        read = asker.may("POST", f"{path}/role-id", body, f"sets the role id of {role.name}", namespace=namespace)
    if read is None:
        return
    steps = [read]
    if (role.data or {}).get("bind_secret_id") is not False:
        for ending, sent in (("secret-id", {}), ("custom-secret-id", {"secret_id": PASSWORD})):
            secret = asker.may(
                "POST", f"{path}/{ending}", sent, f"makes a secret id of {role.name}", namespace=namespace,
                takes={"secret_id": "data.secret_id"},
            )  # fmt: skip
            if secret is not None:
                break
        if secret is None:
            return
        steps.append(secret)
        body["secret_id"] = "${secret_id}"  # noqa: S105  (the value that an earlier answer gave)
    yield from _as_role(asker, entry, path, steps, login_with(f"auth/{mount.path}login", body, namespace))


def _as_role(asker: Asker, entry: Namespace, path: str, steps: Iterable[Step], login: Step) -> Iterator[Offer | Gap]:
    subject = subject_of(asker.world, namespace=entry.path, role=path)
    if isinstance(subject, Unknown):
        yield Gap(reason=f"who logs in through {entry.path}{path} is not known: {subject.reason}",
                  because=tuple(reason for step in steps for reason in step.because))  # fmt: skip
        return
    made = Made(subject=subject, steps=(*steps, login), token="gained")  # noqa: S106
    yield Offer(namespace=entry.path, names=(path,), made=_same(made))


def _same(found: Made) -> Callable[[str], Made | None]:
    return lambda _: found


def _by_userpass(asker: Asker, entry: Namespace, mount: AuthMount, rules: tuple[Rule, ...]) -> Iterator[Offer | Gap]:
    folder, namespace = f"auth/{mount.path}users/", entry.path
    existing = {user.name: user for user in mount.roles or ()}
    for name in asker.names(rules, namespace + folder, existing):
        path, user = f"{folder}{name}", existing.get(name)
        login = login_with(f"auth/{mount.path}login/{name}", {"password": PASSWORD}, namespace)
        offer = Offer(namespace=namespace, names=None, made=_user(asker, entry, path, login, exists=user is not None))
        if offer.made("default") is not None:
            yield offer
        elif asker.role.strip("/") == path:
            yield from _own_policies(asker, entry, f"{path}/policies")
        if user is None or asker.role.strip("/") == path:
            continue
        shows = f"sets the password of {name}"
        for where in (f"{path}/password", path):
            step = asker.may("POST", where, {"password": PASSWORD}, shows, namespace=namespace)
            if step is not None:
                yield from _as_role(asker, entry, path, [step], login)
                break


def _user(asker: Asker, entry: Namespace, path: str, login: Step, *, exists: bool) -> Callable[[str], Made | None]:
    def made(policy: str) -> Made | None:
        body = {"password": PASSWORD, "token_policies": [policy], "token_no_default_policy": True}
        shows = f"writes the user {path.rsplit('/', 1)[-1]} with the policy {policy}"
        step = asker.may("POST", path, body, shows, namespace=entry.path, exists=exists)
        subject = Subject(namespace=entry.path, policies=(policy,))
        return Made(subject=subject, steps=(step, login), token="gained") if step else None  # noqa: S106

    return made


_FOLDERS: Mapping[str, tuple[str, ...]] = {
    "jwt": ("role/",), "oidc": ("role/",), "kubernetes": ("role/",), "cert": ("certs/",), "ldap": ("users/", "groups/"),
    "radius": ("users/",), "github": ("map/teams/", "map/users/"), "aws": ("role/",), "gcp": ("role/",),
    "azure": ("role/",),
}  # fmt: skip


def _by_other(asker: Asker, entry: Namespace, mount: AuthMount, rules: tuple[Rule, ...]) -> Iterator[Offer | Gap]:
    """Offer what writing a role of another method gives to whoever can log in there."""
    for folder in _FOLDERS[mount.type]:
        existing = {role.name: role for role in mount.roles or ()}
        for name in asker.names(rules, f"{entry.path}auth/{mount.path}{folder}", existing):
            offer = Offer(
                namespace=entry.path, names=None,
                made=_external(asker, entry, mount, f"auth/{mount.path}{folder}{name}", exists=name in existing),
            )  # fmt: skip
            if offer.made("default") is not None:
                yield offer
                break


def _external(
    asker: Asker, entry: Namespace, mount: AuthMount, path: str, *, exists: bool
) -> Callable[[str], Made | None]:
    def made(policy: str) -> Made | None:
        shows = f"writes {path} with the policy {policy}"
        step = asker.may("POST", path, {"token_policies": [policy]}, shows, namespace=entry.path, exists=exists)
        if step is None:
            return None
        login = login_with(
            f"auth/{mount.path}login", {"role": path.rsplit("/", 1)[-1], "${credential}": "${its own}"}, entry.path
        )
        return Made(
            subject=Subject(namespace=entry.path, policies=(policy, "default")), steps=(step, login), token="gained",  # noqa: S106
            assuming=(f"the agent can log in at {entry.path}auth/{mount.path} with a credential of its own",),
        )  # fmt: skip

    return made


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
