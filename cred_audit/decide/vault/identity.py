"""Who an agent is on the server: what a login through a role, an entity or a list of policies gets.

Source: OpenBao 2.7.2 as measured. Groups count when the entity is in them directly or through other groups
(the policies of a group also go to the members of the groups inside it).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from cred_audit.decide import Unknown
from cred_audit.decide.kept import of_the_last
from cred_audit.decide.vault.model import Alias, AuthMount, AuthRole, Entity, Group, Namespace, Subject, World
from cred_audit.decide.vault.template import directives

DEFAULT = "default"
_ROLE_FOLDERS = ("cel/role", "role", "roles", "users", "groups", "certs")
_FIRST_LOGIN = "made-at-the-first-login"
"""Begins the id and name that stand for those of an entity which does not exist yet: nothing else has them."""


class _Directory:
    """A world's roles, entities and groups by what they are looked up by; made once, parts as they are needed."""

    def __init__(self, world: World) -> None:
        self.namespaces = {entry.path: entry for entry in world.namespaces}
        self._roles: dict[int, tuple[AuthMount, dict[tuple[str, str], AuthRole]]] = {}
        self._entities: dict[str, tuple[dict[str, Entity], dict[tuple[str, str], Entity]]] = {}
        self._free: dict[str, tuple[str, ...]] = {}
        self._members: dict[str, list[Group]] = {}
        self._above: dict[str, list[Group]] = {}
        for entry in world.namespaces:
            for group in entry.groups or ():
                for member in group.member_entity_ids:
                    self._members.setdefault(member, []).append(group)
                for inner in group.member_group_ids:
                    self._above.setdefault(inner, []).append(group)

    def role(self, mount: AuthMount, folder: str, name: str) -> AuthRole | None:
        """Return the role of a mount, without regard to case where its method has none."""
        known = self._roles.get(id(mount))
        if known is None:
            table: dict[tuple[str, str], AuthRole] = {}
            for entry in mount.roles or ():
                table.setdefault((entry.kind, entry.name), entry)
                if mount.type in _FOLDING:
                    table.setdefault((entry.kind, entry.name.lower()), entry)
            known = self._roles[id(mount)] = (mount, table)
        found = known[1].get((folder, name))
        return known[1].get((folder, name.lower())) if found is None and mount.type in _FOLDING else found

    def entity(self, known: Namespace, name: str) -> Entity | None:
        """Return the entity of this name or id."""
        return self._entities_of(known)[0].get(name)

    def alias(self, known: Namespace, mount: AuthMount, name: str) -> Entity | None:
        """Return the entity that a login of this name is."""
        table = self._entities_of(known)[1]
        found = table.get((mount.accessor, name))
        return table.get((mount.accessor, name.lower())) if found is None and mount.type in _NAMES_FOLD else found

    def _entities_of(self, known: Namespace) -> tuple[dict[str, Entity], dict[tuple[str, str], Entity]]:
        found = self._entities.get(known.path)
        if found is None:
            names: dict[str, Entity] = {}
            aliases: dict[tuple[str, str], Entity] = {}
            for entity in known.entities or ():
                names.setdefault(entity.id, entity)
            for entity in known.entities or ():
                names.setdefault(entity.name, entity)
                for alias in entity.aliases:
                    aliases.setdefault((alias.mount_accessor, alias.name), entity)
            folding = {mount.accessor for mount in known.auth_mounts or () if mount.type in _NAMES_FOLD}
            for entity in known.entities or ():
                for alias in entity.aliases:
                    if alias.mount_accessor in folding:
                        aliases.setdefault((alias.mount_accessor, alias.name.lower()), entity)
            found = self._entities[known.path] = (names, aliases)
        return found

    def groups(self, identity: str) -> tuple[Group, ...]:
        """Return every group that an entity is in, directly or through other groups, of any namespace."""
        found: dict[str, Group] = {}
        queue = list(self._members.get(identity, ())) if identity else []
        while queue:
            group = queue.pop()
            if group.id not in found:
                found[group.id] = group
                queue += self._above.get(group.id, ())
        return tuple(sorted(found.values(), key=lambda group: (group.namespace, group.name, group.id)))

    def free(self, known: Namespace) -> tuple[str, ...]:
        """Return every directive on an entity that the namespace's policies use."""
        found = self._free.get(known.path)
        if found is None:
            names = (name for policy in known.policies or () for name in directives(policy.text or ""))
            found = tuple(dict.fromkeys(name for name in names if name.startswith("identity.entity.")))
            self._free[known.path] = found
        return found


_FOLDING = frozenset({"approle", "userpass", "ldap", "radius", "kubernetes", "jwt", "oidc"})
"""Methods whose roles or users are found without regard to case."""
_NAMES_FOLD = frozenset({"userpass", "ldap", "radius"})
"""Methods whose logins are known by a name without regard to case."""
_directory = of_the_last(_Directory)
"""The directory of a world."""


def subject_of(  # noqa: PLR0913  (the ways in which a target names a principal)
    world: World,
    *,
    namespace: str = "",
    role: str | None = None,
    entity: str | None = None,
    policies: Iterable[str] | None = None,
    token_data: Mapping[str, Any] | None = None,
) -> Subject | Unknown:
    """Return the subject that a principal's token is, or what was not seen.

    `role` is `auth/<mount>/role/<name>` as the API has it; `entity` is a name; `policies` are the token's own.
    """
    known = _directory(world).namespaces.get(namespace)
    if token_data is not None:
        return _of_token(world, namespace, token_data)
    if known is None:
        where = f"{namespace}sys/namespaces"
        return Unknown(reason=f"the namespace {namespace or 'root'} was not seen", where=where)
    if role is not None:
        return _of_role(world, known, role)
    if entity is None:
        return Subject(namespace=namespace, policies=tuple(policies or ()))
    if known.entities is None:
        return Unknown(reason="the entities could not be read", where=f"{namespace}identity/entity/id")
    found = _directory(world).entity(known, entity)
    if found is None:
        return Unknown(reason=f"there is no entity {entity!r}", where=f"{namespace}identity/entity/name/{entity}")
    return _with_entity(world, known, tuple(policies) if policies is not None else (DEFAULT,), found)


def _of_token(world: World, namespace: str, data: Mapping[str, Any]) -> Subject | Unknown:
    where = f"{namespace}auth/token/lookup-self"
    path = str(data.get("namespace_path") or namespace)
    known = _directory(world).namespaces.get(path)
    if known is None:
        return Unknown(reason=f"the token's namespace {path!r} was not seen", where=where)
    names = tuple(str(name) for name in data.get("policies") or ())
    identity = str(data.get("entity_id") or "")
    if not identity:
        return Subject(namespace=path, policies=names)
    if known.entities is None:
        return Unknown(reason="the entities could not be read", where=f"{path}identity/entity/id")
    found = _directory(world).entity(known, identity)
    if found is None:
        return Unknown(reason="the token's entity was not seen", where=f"{path}identity/entity/id/{identity}")
    return _with_entity(world, known, names, found)


def _role_at(world: World, known: Namespace, role: str) -> tuple[AuthMount, AuthRole] | Unknown:
    """Return the auth method and the role that a path names."""
    path = role.strip("/")
    where = f"{known.path}{path}"
    if known.auth_mounts is None:
        return Unknown(reason="the auth methods could not be read", where=f"{known.path}sys/auth")
    best: AuthMount | None = None
    for mount in known.auth_mounts:
        inside = path.startswith(f"auth/{mount.path}")
        if inside and (best is None or len(mount.path) > len(best.path)):
            best = mount
    if best is None:
        return Unknown(reason=f"there is no auth method at {path!r}", where=f"{known.path}sys/auth")
    if best.roles is None:
        where = f"{known.path}auth/{best.path}role"
        return Unknown(reason="the roles of the auth method could not be read", where=where)
    rest = path.removeprefix(f"auth/{best.path}")
    for folder in _ROLE_FOLDERS:
        if not rest.startswith(f"{folder}/"):
            continue
        entry = _directory(world).role(best, folder, rest.removeprefix(f"{folder}/"))
        if entry is not None:
            return best, entry
    return Unknown(reason=f"there is no role {rest!r}", where=where)


def _of_role(world: World, known: Namespace, role: str) -> Subject | Unknown:
    found = _role_at(world, known, role)
    if isinstance(found, Unknown):
        return found
    mount, entry = found
    where = f"{known.path}auth/{mount.path}{entry.kind}/{entry.name}"
    if entry.data is None:
        return Unknown(reason="the role could not be read", where=where)
    if entry.kind == "cel/role" or entry.data.get("token_policies_template_claims"):
        return Unknown(reason="the login's claims choose its policies", where=where)
    policies = login_policies(entry.data)
    alias = alias_name(mount, entry)
    if alias is None:
        return _free(world, known, mount, policies)
    if known.entities is None:
        reason = "the entities could not be read, so the login's identity is not known"
        return Unknown(reason=reason, where=f"{known.path}identity/entity/id")
    identity = _directory(world).alias(known, mount, alias)
    if identity is not None:
        return _with_entity(world, known, policies, identity)
    # The first login makes an entity whose id and name nobody can choose and that has no metadata.
    known_as = Alias(name=alias, mount_accessor=mount.accessor)
    # Without what a template must not insert: an id that the server makes never holds it.
    place = f"{mount.path}{entry.kind}/{entry.name}".translate(str.maketrans("/*+", "..."))
    own = f"{_FIRST_LOGIN} {place}"
    fresh = Entity(namespace=known.path, id=own, name=f"entity_{own}", aliases=(known_as,))
    return Subject(namespace=known.path, policies=policies, entity=fresh)


def unborn(entity: Entity) -> bool:
    """Whether the entity is one that the first login will make."""
    return entity.id.startswith(_FIRST_LOGIN)


def login_policies(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the policies of a token that a role gives, `default` included where the role does not exclude it."""
    raw = data.get("token_policies") or data.get("policies") or ()
    names = [raw] if isinstance(raw, str) else list(raw) if isinstance(raw, list | tuple) else []
    policies = [str(name).strip().lower() for part in names for name in str(part).split(",")]
    if not data.get("token_no_default_policy"):
        policies.append(DEFAULT)
    return tuple(dict.fromkeys(name for name in policies if name))


def alias_name(mount: AuthMount, role: AuthRole) -> str | None:
    """Return the name under which the login's entity knows it; None where the login chooses it."""
    if mount.type == "userpass":
        return role.name.lower()
    if mount.type in ("ldap", "radius"):
        return role.name.lower() if role.kind == "users" else None
    if mount.type == "approle":
        identity = (role.data or {}).get("role_id")
        return str(identity) if identity else None
    return None


def _with_entity(world: World, known: Namespace, policies: tuple[str, ...], entity: Entity) -> Subject | Unknown:
    groups = groups_of(world, known, entity.id)
    if groups is None:
        return Unknown(reason="the groups could not be read", where=f"{known.path}identity/group/id")
    return Subject(namespace=known.path, policies=policies, entity=entity, groups=groups)


def groups_of(world: World, known: Namespace, identity: str) -> tuple[Group, ...] | None:
    """Return every group that an entity is in; None where some were not seen.

    Groups of other namespaces count too: a group may have members from a namespace above it.
    """
    if known.groups is None:
        return None
    return _directory(world).groups(identity)


def _free(world: World, known: Namespace, mount: AuthMount, policies: tuple[str, ...]) -> Subject | Unknown:
    """Return the subject of a login whose name is chosen outside: groups that it may be in are not known."""
    if known.groups is None:
        return Unknown(reason="the groups could not be read", where=f"{known.path}identity/group/id")
    source = f"whoever logs in through auth/{mount.path}"
    return Subject(namespace=known.path, policies=policies, free=dict.fromkeys(_directory(world).free(known), source))
