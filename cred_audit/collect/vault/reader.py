"""Read one server in rounds: each round's calls follow from the answers before, and all of a round go out together."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cred_audit.collect.vault.changes import Changes, changes
from cred_audit.collect.vault.client import Answer, Call, Client
from cred_audit.collect.vault.documents import entity_of, group_of, policy_of, text_of
from cred_audit.collect.vault.gaps import Gaps
from cred_audit.collect.vault.listings import (
    MountFrame,
    late_engine,
    late_method,
    mount_frames,
    policy_names,
    policy_texts,
)
from cred_audit.collect.vault.public_fields import object_fields, token_fields
from cred_audit.collect.vault.shapes import METHODS, Shape, engine_shape
from cred_audit.decide.vault.model import (
    AuthMount,
    AuthRole,
    EngineObject,
    Entity,
    Group,
    Mount,
    Namespace,
    PolicyDocument,
    TokenFacts,
)

Progress = Callable[[str, int, int | None], None]
"""Hears the step, how many calls of it are done, and of how many."""

DETAILED = "sys/policies/detailed/acl/"
POLICIES = "sys/policies/acl/"
MOUNTS = "sys/mounts"
METHOD_MOUNTS = "sys/auth"
ENTITIES = "identity/entity/id/"
GROUPS = "identity/group/id/"
TOKEN_ROLES = "auth/token/roles/"  # noqa: S105  (a path)
ACCESSORS = "auth/token/accessors/"
LOOKUP = "auth/token/lookup-accessor"
LEASES = "sys/leases/lookup/"
MFA = "identity/mfa/login-enforcement/"
_FRAME = (
    ("LIST", DETAILED), ("GET", MOUNTS), ("GET", METHOD_MOUNTS), ("LIST", TOKEN_ROLES), ("LIST", ACCESSORS),
    ("LIST", ENTITIES), ("LIST", GROUPS), ("LIST", LEASES), ("LIST", MFA),
)  # fmt: skip
_LEASE_LEVELS = 3
"""Depth to which lease prefixes are listed: `database/creds/<role>/`."""
_VANISHED = (400, 403, 404)
_UNSEEN = Answer(status=0, reason="it was not asked for")


@dataclass(slots=True)
class Reader:
    """Reads namespaces; keeps every answer by its call until the facts are made of them."""

    client: Client
    gaps: Gaps
    progress: Progress
    detailed: bool = True
    """Whether the server may have a list of policies with their texts (OpenBao)."""
    answers: dict[Call, Answer] = field(default_factory=dict)

    def read(self, spaces: Iterable[tuple[str, str, bool]]) -> tuple[Namespace, ...]:
        """Return everything in these namespaces (path, id, locked), sorted by path."""
        found = sorted(spaces)
        names = [path for path, _, _ in found]
        self._round("mounts, policies, identities", (call for name in names for call in self._frame(name)))
        self._round("policies without details", (call for name in names for call in self._plain_policies(name)))
        self._round("lists of roles and objects", (call for name in names for call in self._lists(name)))
        self._round("roles, entities, objects", (call for name in names for call in self._objects(name)))
        self._round("login names", (call for name in names for call in self._role_details(name)))
        for level in range(1, _LEASE_LEVELS):
            self._round("leases", (call for name in names for call in self._leases(name, level)))
        before = {call: self.answers[call] for name in names for call in self._watched(name)}
        self._round("what changed meanwhile", before, again=True)
        after = {call: self.answers.get(call, _UNSEEN) for call in before}
        self.answers.update(before)
        return tuple(self._namespace(*space, changes(space[0], before, after, self.gaps)) for space in found)

    def _round(self, step: str, calls: Iterable[Call], *, again: bool = False) -> None:
        wanted = [call for call in dict.fromkeys(calls) if again or call not in self.answers]
        if not wanted:
            return
        total = len(wanted)
        answers = self.client.each(wanted, self.client.ask, lambda done: self.progress(step, done, total))
        self.answers.update(zip(wanted, answers, strict=True))

    def _frame(self, name: str) -> Iterator[Call]:
        for verb, path in _FRAME:
            if path != DETAILED or self.detailed:
                yield Call(name, verb, path)

    def _get(self, call: Call) -> Answer:
        return self.answers.get(call, _UNSEEN)

    def _seen(self, call: Call) -> Answer:
        """Return an answer and note the gap where nothing was seen."""
        answer = self._get(call)
        if answer.data is None and not answer.absent:
            self.gaps.unseen(call, answer)
        return answer

    def _must(self, call: Call) -> Answer:
        """Return the answer of a call that every server has: not even that it is absent is an answer."""
        answer = self._seen(call)
        if answer.absent:
            self.gaps.add(repr(call), answer.reason)
        return answer

    def _plain_policies(self, name: str) -> Iterator[Call]:
        if self._get(Call(name, "LIST", DETAILED)).data is None:
            yield Call(name, "LIST", POLICIES)

    def _watched(self, name: str) -> Iterator[Call]:
        """The calls that are made again at the end, to see what changed while the rest was read."""
        detailed = Call(name, "LIST", DETAILED)
        if self._get(detailed).data is not None:
            yield detailed
        else:
            plain = Call(name, "LIST", POLICIES)
            yield plain
            yield from (Call(name, "GET", POLICIES + policy) for policy in policy_names(self._get(plain)))
        yield Call(name, "GET", MOUNTS)
        yield Call(name, "GET", METHOD_MOUNTS)

    def _lists(self, name: str) -> Iterator[Call]:
        for prefix, mount, shape in self._shaped(name):
            if shape is not None:
                base = f"{prefix}{mount.path}"
                yield from (Call(name, "LIST", base + folder.folder) for folder in shape.folders)
                yield from (Call(name, "GET", base + path) for path in shape.single)

    def _objects(self, name: str) -> Iterator[Call]:
        for prefix, mount, shape in self._shaped(name):
            for folder in shape.folders if shape is not None else ():
                base = f"{prefix}{mount.path}"
                names = self._get(Call(name, "LIST", base + folder.folder)).names or ()
                yield from (Call(name, "GET", f"{base}{folder.kind}/{one}") for one in names if not one.endswith("/"))
        for path in (TOKEN_ROLES, ENTITIES, GROUPS):
            for one in self._get(Call(name, "LIST", path)).names or ():
                yield Call(name, "GET", path + one)
        for accessor in self._get(Call(name, "LIST", ACCESSORS)).names or ():
            yield lookup(name, accessor)
        if self._get(Call(name, "LIST", DETAILED)).data is None:
            for policy in policy_names(self._get(Call(name, "LIST", POLICIES))):
                yield Call(name, "GET", POLICIES + policy)

    def _role_details(self, name: str) -> Iterator[Call]:
        for prefix, mount, _ in self._shaped(name):
            if prefix and mount.type == "approle":
                for role in self._get(Call(name, "LIST", f"{prefix}{mount.path}role/")).names or ():
                    base = f"{prefix}{mount.path}role/{role}"
                    yield Call(name, "GET", f"{base}/role-id")
                    yield Call(name, "LIST", f"{base}/secret-id/")

    def _leases(self, name: str, level: int) -> Iterator[Call]:
        for prefix in self._prefixes(name, level):
            yield Call(name, "LIST", f"{LEASES}{prefix}")

    def _prefixes(self, name: str, level: int) -> tuple[str, ...]:
        """Lease prefixes of a depth, from 1."""
        above = ("",) if level == 1 else self._prefixes(name, level - 1)
        return tuple(
            f"{prefix}{key}"
            for prefix in above
            for key in self._get(Call(name, "LIST", f"{LEASES}{prefix}")).names or ()
            if key.endswith("/")
        )

    def _shaped(self, name: str) -> Iterator[tuple[str, MountFrame, Shape | None]]:
        for mount in mount_frames(self._get(Call(name, "GET", MOUNTS))):
            yield "", mount, engine_shape(mount.type, mount.version)
        for mount in mount_frames(self._get(Call(name, "GET", METHOD_MOUNTS))):
            yield "auth/", mount, METHODS.get(mount.type)

    def _namespace(self, name: str, identity: str, locked: bool, changed: Changes) -> Namespace:
        mounts = self._must(Call(name, "GET", MOUNTS))
        methods = self._must(Call(name, "GET", METHOD_MOUNTS))
        late = [late_engine(path, entry) for path, entry in sorted(changed.mounts.items())]
        late_methods = [late_method(path, entry) for path, entry in sorted(changed.methods.items())]
        return Namespace(
            path=name,
            id=identity,
            locked=locked,
            policies=self._policies(name, changed),
            mounts=None
            if mounts.data is None
            else (
                *(self._mount(name, mount) for mount in mount_frames(mounts) if mount.path not in changed.mounts),
                *late,
            ),
            auth_mounts=None
            if methods.data is None
            else (
                *(self._method(name, mount) for mount in mount_frames(methods) if mount.path not in changed.methods),
                *late_methods,
            ),
            token_roles=self._token_roles(name),
            entities=self._entities(name),
            groups=self._groups(name),
            tokens=self._tokens(name),
            lease_prefixes=self._lease_prefixes(name),
            mfa_enforcements=self._seen(Call(name, "LIST", MFA)).names,
        )

    def _policies(self, name: str, changed: Changes) -> tuple[PolicyDocument, ...] | None:
        detailed = self._get(Call(name, "LIST", DETAILED))
        if detailed.data is not None:
            texts: dict[str, Mapping[str, Any] | None] = dict(policy_texts(detailed))
        else:
            listed = self._must(Call(name, "LIST", POLICIES))
            if listed.data is None:
                return None
            texts = {}
            for policy in policy_names(listed):
                call = Call(name, "GET", POLICIES + policy)
                texts[policy] = self._get(call).data
                if texts[policy] is None and policy not in changed.policies:
                    self.gaps.unseen(call, self._get(call))
        texts.update(dict.fromkeys(changed.policies))
        return tuple(policy_of(name, policy, data) for policy, data in sorted(texts.items()))

    def _mount(self, name: str, mount: MountFrame) -> Mount:
        shape = engine_shape(mount.type, mount.version)
        objects: tuple[EngineObject, ...] | None
        if shape is None:
            objects = None
            what = f"LIST {name}{mount.path}"
            self.gaps.add(what, f"engines of type {mount.type[:60]!r} are not known here, so their roles were not read")
        else:
            found = self._found(name, mount.path, shape)
            objects = None if found is None else tuple(EngineObject(kind=k, name=n, data=d) for k, n, d in found)
        return Mount(
            path=mount.path, type=mount.type, accessor=mount.accessor, version=mount.version, tune=mount.tune,
            objects=objects,
        )  # fmt: skip

    def _found(self, name: str, base: str, shape: Shape) -> list[tuple[str, str, Mapping[str, Any] | None]] | None:
        """Return kind, name and public fields of every object; None where a list was not seen."""
        found: list[tuple[str, str, Mapping[str, Any] | None]] = []
        complete = True
        for folder in shape.folders:
            names = self._seen(Call(name, "LIST", base + folder.folder)).names
            if names is None:
                complete = False
                continue
            found += [
                (folder.kind, one, self._fields(Call(name, "GET", f"{base}{folder.kind}/{one}")))
                for one in names
                if not one.endswith("/")
            ]
        for path in shape.single:
            call = Call(name, "GET", base + path)
            if not self._get(call).absent:
                kind, _, rest = path.partition("/")
                found.append((kind, rest, self._fields(call)))
        return found if complete else None

    def _fields(self, call: Call) -> Mapping[str, Any] | None:
        answer = self._get(call)
        if answer.absent:
            self.gaps.add(repr(call), "it was listed and then gone; it changed while it was being read")
        data = self._seen(call).data
        return None if data is None else object_fields(data)

    def _method(self, name: str, mount: MountFrame) -> AuthMount:
        shape = METHODS.get(mount.type)
        base = f"auth/{mount.path}"
        roles: list[AuthRole] | None = []
        config: Mapping[str, Any] | None = {}
        if shape is None:
            roles = config = None
            what = f"LIST {name}{base}"
            reason = f"auth methods of type {mount.type[:60]!r} are not known here, so their roles were not read"
            self.gaps.add(what, reason)
        else:
            found = self._found(name, base, Shape(folders=shape.folders))
            roles = (
                None
                if found is None
                else [self._role(name, base, mount.type, AuthRole(kind=k, name=n, data=d)) for k, n, d in found]
            )
            for path in shape.single:
                config = self._config(Call(name, "GET", base + path))
        return AuthMount(
            path=mount.path, type=mount.type, accessor=mount.accessor, tune=mount.tune, config=config,
            roles=None if roles is None else tuple(roles),
        )  # fmt: skip

    def _config(self, call: Call) -> Mapping[str, Any] | None:
        answer = self._seen(call)
        if answer.absent:
            return {}
        return None if answer.data is None else object_fields(answer.data)

    def _role(self, name: str, base: str, method: str, role: AuthRole) -> AuthRole:
        if method != "approle" or role.data is None:
            return role
        identity = self._seen(Call(name, "GET", f"{base}role/{role.name}/role-id"))
        if identity.data is None:
            # Without the name of its logins nobody can tell which entity they get, so the role counts as not seen.
            return replace(role, data=None)
        secret_ids = self._seen(Call(name, "LIST", f"{base}role/{role.name}/secret-id/")).names
        more = {
            "role_id": text_of(identity.data.get("role_id")),
            "secret_ids": None if secret_ids is None else len(secret_ids),
        }
        return replace(role, data={**role.data, **more})

    def _token_roles(self, name: str) -> tuple[AuthRole, ...] | None:
        names = self._seen(Call(name, "LIST", TOKEN_ROLES)).names
        if names is None:
            return None
        return tuple(
            AuthRole(kind="roles", name=one, data=self._fields(Call(name, "GET", TOKEN_ROLES + one))) for one in names
        )

    def _entities(self, name: str) -> tuple[Entity, ...] | None:
        data = self._all(name, ENTITIES)
        return None if data is None else tuple(entity_of(name, one, found) for one, found in data)

    def _groups(self, name: str) -> tuple[Group, ...] | None:
        data = self._all(name, GROUPS)
        return None if data is None else tuple(group_of(name, one, found) for one, found in data)

    def _all(self, name: str, path: str) -> list[tuple[str, Mapping[str, Any]]] | None:
        """Return every object of a folder; None unless all were seen: one that is missing could change a decision."""
        names = self._seen(Call(name, "LIST", path)).names
        if names is None:
            return None
        found: list[tuple[str, Mapping[str, Any]]] = []
        complete = True
        for one in names:
            call = Call(name, "GET", path + one)
            answer = self._seen(call)
            if answer.absent:
                self.gaps.add(repr(call), "it was listed and then gone; it changed while it was being read")
            elif answer.data is None:
                complete = False
            else:
                found.append((one, answer.data))
        return found if complete else None

    def _tokens(self, name: str) -> tuple[TokenFacts, ...] | None:
        accessors = self._seen(Call(name, "LIST", ACCESSORS)).names
        if accessors is None:
            return None
        found = []
        for accessor in accessors:
            call = lookup(name, accessor)
            answer = self._get(call)
            if answer.data is None and answer.status in _VANISHED and "invalid accessor" in answer.reason:
                # The token expired after it was listed.
                continue
            data = self._seen(call).data
            found.append(TokenFacts(accessor=accessor, data=None if data is None else token_fields(data)))
        return tuple(found)

    def _lease_prefixes(self, name: str) -> tuple[str, ...] | None:
        if self._seen(Call(name, "LIST", LEASES)).names is None:
            return None
        for level in range(1, _LEASE_LEVELS):
            for call in self._leases(name, level):
                self._seen(call)
        return tuple(
            sorted({prefix for level in range(1, _LEASE_LEVELS + 1) for prefix in self._prefixes(name, level)})
        )


def lookup(namespace: str, accessor: str) -> Call:
    """Return the look-up of a token by its accessor: it shows no token and changes none."""
    return Call(namespace, "POST", LOOKUP, body=(("accessor", accessor),))
