"""A first target file from what a server holds: guesses, marked as such, for a person to correct.

Tenants are guessed from namespaces, from folders of KV mounts that policies name, and from mounts of their own;
agents from the roles, entities and policies whose names or paths lead to exactly one tenant.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from cred_audit.decide.vault.identity import login_policies
from cred_audit.decide.vault.model import Mount, Namespace, PolicyDocument, World
from cred_audit.decide.vault.policy import PolicySyntaxError, decode_text, parse_policy
from cred_audit.decide.vault.template import directives
from cred_audit.proposal.names import (
    LONGEST_NAME,
    NOT_TENANTS,
    SEPARATOR,
    ancestors,
    differences,
    distinct,
    first_segment,
    heads,
    parent,
)
from cred_audit.target.model import (
    AwsPrincipal,
    AwsTerritory,
    KvTerritory,
    NamespaceTerritory,
    PathTerritory,
    PrincipalKind,
    VaultPrincipal,
    VaultTerritory,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedAgent:
    """One principal that seems to act for a tenant."""

    id: str
    principal: VaultPrincipal | None = None
    aws: AwsPrincipal | None = None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedTenant:
    """One guessed tenant."""

    id: str
    agents: tuple[ProposedAgent, ...]
    territory: tuple[tuple[VaultTerritory, str], ...]
    """Each part with the reason for the guess."""
    aws: tuple[tuple[AwsTerritory, str], ...] = ()
    """Likewise in AWS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """All guesses about one server."""

    tenants: tuple[ProposedTenant, ...]
    left_out: tuple[str, ...]
    """What was seen and given to no tenant, each as a sentence without its full stop."""


class _Path(NamedTuple):
    """One path that a policy of a shared namespace names."""

    namespace: Namespace
    """The policy's."""
    policy: PolicyDocument
    inside: str
    """The namespace that the path lies in."""
    path: str
    """Relative to that namespace."""
    grants: bool
    """Whether the clause lets anything through."""


@dataclass(slots=True)
class _Found:
    """What was found under one name so far."""

    territory: dict[VaultTerritory, str] = field(default_factory=dict)
    agents: dict[VaultPrincipal, tuple[str, str]] = field(default_factory=dict)
    """Principal -> (name, why)."""


_INTERNAL = frozenset({"cubbyhole", "ns_cubbyhole", "system", "ns_system", "identity", "ns_identity"})
_KV = frozenset({"kv", "generic"})


def propose(world: World) -> Proposal:
    """Return the tenants that the server's layout suggests, sorted by id."""
    return _Guess(world).proposal()


class _Guess:
    """One world being looked at."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.known = {namespace.path: namespace for namespace in world.namespaces}
        self.mounts_of = {
            namespace.path: {mount.path: mount for mount in namespace.mounts or ()} for namespace in world.namespaces
        }
        self.found: dict[str, _Found] = {}
        self.left_out: dict[str, None] = {}
        self.touched: dict[tuple[str, str], set[str]] = {}
        """(namespace, policy) -> the names of the tenants whose territory its paths name."""
        self.owned: dict[str, str] = {}
        """Namespace of a tenant -> the tenant's name; those below it included."""

    def proposal(self) -> Proposal:
        self.namespaces()
        paths = list(self.paths())
        self.folders(paths)
        self.mounts()
        self.alike()
        self.objects()
        self.other_engines(paths)
        self.roles()
        self.entities()
        self.policies()
        ids = distinct(sorted(self.found))
        tenants = tuple(_tenant(ids[name], self.found[name]) for name in sorted(self.found, key=ids.__getitem__))
        return Proposal(tenants=tenants, left_out=tuple(self.left_out))

    def name(self, text: str) -> _Found | None:
        """Return what is known under a name; None, and the name noted, where it is no tenant's."""
        if not text or len(text) > LONGEST_NAME or text.lower() in NOT_TENANTS:
            self.left_out[f"{text[:LONGEST_NAME]!r} does not look like a tenant"] = None
            return None
        return self.found.setdefault(text, _Found())

    def owner(self, text: str) -> str | None:
        """Return the tenant's name that a role's, key's or policy's name is or begins with."""
        return next((head for head in heads(text) if head in self.found), None)

    def shared(self) -> Iterator[Namespace]:
        """Yield the namespaces that are no tenant's own."""
        return (namespace for namespace in self.world.namespaces if namespace.path not in self.owned)

    def namespaces(self) -> None:
        children: dict[str, list[str]] = {}
        for path in sorted(self.known):
            if path:
                children.setdefault(parent(path), []).append(path)
        tenants: list[str] = []
        queue = list(children.get("", ()))
        while queue:
            path = queue.pop()
            inside = children.get(path, [])
            alone = len(children[parent(path)]) == 1 and len(inside) > 1
            own = any(mount.type not in _INTERNAL for mount in self.known[path].mounts or ())
            if inside and (alone or not own):
                queue += inside
            else:
                tenants.append(path)
        last = [path.rstrip("/").rpartition("/")[2] for path in tenants]
        uses = Counter(last)
        for path, short in zip(tenants, last, strict=True):
            name = short if uses[short] == 1 else path.strip("/").replace("/", "-")
            found = self.name(name)
            if found is not None:
                found.territory[NamespaceTerritory(namespace=path)] = "a namespace of its own"
                self.owned[path] = name
        for path in self.known:
            above = next((above for above in ancestors(path) if above in self.owned), None)
            if above is not None:
                self.owned[path] = self.owned[above]

    def paths(self) -> Iterator[_Path]:
        """Yield the policies of shared namespaces with each path they name: its namespace and the rest."""
        for namespace in self.shared():
            for policy in namespace.policies or ():
                for path, grants in self.labels(policy):
                    full = namespace.path + path.lstrip("/")
                    inside = next((above for above in ancestors(full) if above in self.known), "")
                    if inside in self.owned and grants:
                        self.touched.setdefault((namespace.path, policy.name), set()).add(self.owned[inside])
                    elif inside not in self.owned:
                        yield _Path(namespace, policy, inside, full[len(inside) :], grants)

    def labels(self, policy: PolicyDocument) -> tuple[tuple[str, bool], ...]:
        try:
            stanzas = parse_policy(decode_text(policy.text or ""))
        except PolicySyntaxError:
            self.left_out[f"policy {policy.name[:LONGEST_NAME]!r} could not be read"] = None
            return ()
        return tuple((stanza.path, "deny" not in stanza.capabilities) for stanza in stanzas)

    def folders(self, paths: Iterable[_Path]) -> None:
        seen: set[tuple[str, str, str]] = set()
        acting = self.acting_names()
        for namespace, policy, inside, path, grants in paths:
            mount = self.mount(inside, path)
            if mount is None or mount.type not in _KV:
                continue
            segment, complete = first_segment(mount, path[len(mount.path) :])
            bare = segment.removesuffix("*").rstrip("-_.")
            if not complete and bare != segment and bare in acting:  # a forgotten slash: somebody has this name
                segment, complete = bare, True
            if not segment or not complete or any(char in segment for char in "*+"):
                continue
            if "{{" not in segment:
                values = [segment]
            elif (inside, mount.path, segment) in seen:
                continue
            else:
                seen.add((inside, mount.path, segment))
                values = self.values(segment, inside)
            for value in values:
                found = self.name(value)
                if found is None:
                    continue
                territory = KvTerritory(mount=mount.path, prefix=f"{value}/", namespace=inside)
                found.territory.setdefault(territory, f"policy {policy.name!r} names this folder")
                if len(values) == 1 and grants:
                    self.touched.setdefault((namespace.path, policy.name), set()).add(value)

    def acting_names(self) -> set[str]:
        """Return what the names of roles, entities and policies of shared namespaces begin with."""
        names = [name for _, _, name, _ in self.shared_roles()]
        for namespace in self.shared():
            names += [entity.name for entity in namespace.entities or ()]
            names += [policy.name for policy in namespace.policies or ()]
        return {head for name in names for head in heads(name)}

    def mount(self, namespace: str, path: str) -> Mount | None:
        mounts = self.mounts_of[namespace]
        return next((mounts[above] for above in ancestors(path) if above in mounts), None)

    def values(self, segment: str, namespace: str) -> list[str]:
        """Return what an identity directive that fills a segment stands for, over all known entities."""
        names = directives(segment)
        if len(names) != 1 or not (segment.startswith("{{") and segment.endswith("}}")):
            return []
        entities = self.known[namespace].entities or ()
        if names[0] == "identity.entity.name":
            return [entity.name for entity in entities]
        key = names[0].removeprefix("identity.entity.metadata.")
        return [entity.metadata[key] for entity in entities if key != names[0] and key in entity.metadata]

    def mounts(self) -> None:
        """Take KV mounts in which no policy names a folder for tenants, when there are several.

        Where tenants are known already, such a mount is only taken for one of them.
        """
        used = {
            (part.namespace, part.mount)
            for found in self.found.values()
            for part in found.territory
            if isinstance(part, KvTerritory)
        }
        whole = [
            (namespace.path, mount.path)
            for namespace in self.shared()
            for mount in namespace.mounts or ()
            if mount.type in _KV and (namespace.path, mount.path) not in used
        ]
        if len(self.found) > 1:
            for namespace, path in whole:
                owner = next((part for part in SEPARATOR.split(path) if part in self.found), None)
                if owner is None:
                    self.left_out[f"the mount {namespace}{path} could not be given to one tenant"] = None
                else:
                    self.own_mount(owner, namespace, path)
        elif len(whole) > 1:
            for (namespace, path), name in zip(whole, differences([path for _, path in whole]), strict=True):
                self.own_mount(name, namespace, path)

    def own_mount(self, name: str, namespace: str, path: str) -> None:
        found = self.name(name)
        if found is not None:
            found.territory[KvTerritory(mount=path, namespace=namespace)] = "a mount of its own"

    def other_engines(self, paths: Iterable[_Path]) -> None:
        for _, policy, inside, path, _ in paths:
            mount = self.mount(inside, path)
            if mount is None or mount.type in _KV or mount.type in _INTERNAL:
                continue
            segments = path[len(mount.path) :].split("/")
            for index, segment in enumerate(segments):
                bare = segment.removesuffix("*")
                owner = None if "{{" in bare or "*" in bare else self.owner(bare) or self.owner(bare.rstrip("-_."))
                if owner is None:
                    continue
                before = ["+"] if mount.type == "transit" and index == 1 else segments[:index]
                after = [*before, segment] if index == len(segments) - 1 else [*before, segment, "*"]
                if not any("*" in part or "{{" in part for part in before):
                    territory = PathTerritory(path=mount.path + "/".join(after), namespace=inside)
                    self.found[owner].territory.setdefault(territory, f"policy {policy.name!r} names it")
                break

    def objects(self) -> None:
        """Take keys and roles of other engines that are called like a tenant."""
        for namespace in self.shared():
            for mount in namespace.mounts or ():
                for entry in mount.objects or () if mount.type not in _KV else ():
                    owner = self.owner(entry.name)
                    if owner is not None and "/" not in entry.name:
                        path = PathTerritory(path=f"{mount.path}+/{entry.name}", namespace=namespace.path)
                        self.found[owner].territory.setdefault(path, f"{entry.kind} {entry.name!r} of the engine")

    def alike(self) -> None:
        """Take the roles that are called like those of known tenants (`<tenant>-agent`) for more tenants.

        What such a tenant holds is guessed too: the folder of its name in each mount where others have one.
        """
        endings = Counter(
            name[len(owner) :] for _, _, name, _ in self.shared_roles() if (owner := self.owner(name)) and owner != name
        )
        mounts = Counter(
            (part.namespace, part.mount)
            for found in self.found.values()
            for part in found.territory
            if isinstance(part, KvTerritory) and part.prefix
        )
        common = [at for at, uses in mounts.items() if uses > 1]
        for _, _, name, _ in self.shared_roles():
            head = next((head for head in heads(name) if head != name and endings[name[len(head) :]] > 1), None)
            if head is None or self.owner(name) is not None:
                continue
            found = self.name(head)
            if found is None:
                continue
            for namespace, mount in common:
                part = KvTerritory(mount=mount, prefix=f"{head}/", namespace=namespace)
                found.territory[part] = "no policy names it; other tenants' folders are called so"

    def shared_roles(self) -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
        """Yield namespace, API path, name and policies of each role of the shared namespaces."""
        return (role for namespace in self.shared() for role in _roles(namespace))

    def roles(self) -> None:
        for namespace, path, name, policies in (role for each in self.world.namespaces for role in _roles(each)):
            owner, why = self.acting(namespace, name, policies)
            if owner is None:
                self.left_out[f"{namespace}{path} could not be given to one tenant"] = None
            else:
                principal = VaultPrincipal(kind=PrincipalKind.ROLE, role=path, namespace=namespace)
                self.found[owner].agents[principal] = (name, why)

    def acting(self, namespace: str, name: str, policies: Iterable[str]) -> tuple[str | None, str]:
        """Return whose a principal is, and why."""
        if namespace in self.owned:
            return self.owned[namespace], "it is in the tenant's namespace"
        owner = self.owner(name)
        if owner is not None:
            return owner, "by its name"
        touched = {owner for policy in policies for owner in self.touched.get((namespace, policy), ())}
        if len(touched) == 1:
            return touched.pop(), "its policies name this tenant's paths only"
        return None, ""

    def entities(self) -> None:
        """Take entities for the tenants that no role belongs to."""
        lacking = {name for name, found in self.found.items() if not found.agents}
        for namespace in self.world.namespaces:
            for entity in namespace.entities or ():
                owner, why = self.acting(namespace.path, entity.name, entity.policies)
                if owner in lacking and owner is not None and entity.name:
                    principal = VaultPrincipal(
                        kind=PrincipalKind.ENTITY, entity=entity.name, namespace=namespace.path, policies=("default",)
                    )
                    self.found[owner].agents[principal] = (entity.name, why)

    def policies(self) -> None:
        """Take a policy's name for the tenants that neither a role nor an entity belongs to."""
        lacking = {name for name, found in self.found.items() if not found.agents}
        for namespace in self.world.namespaces:
            for policy in namespace.policies or ():
                owner, why = self.acting(namespace.path, policy.name, (policy.name,))
                if owner in lacking and owner is not None and policy.name not in ("root", "default"):
                    names = (policy.name, "default")
                    principal = VaultPrincipal(kind=PrincipalKind.POLICIES, policies=names, namespace=namespace.path)
                    self.found[owner].agents[principal] = (policy.name, f"no role was found; {why}")


def _roles(namespace: Namespace) -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    for mount in namespace.auth_mounts or ():
        for role in mount.roles or () if mount.type != "token" else ():
            path = f"auth/{mount.path}{role.kind}/{role.name}"
            yield namespace.path, path, role.name, login_policies(role.data or {})


def _tenant(identity: str, found: _Found) -> ProposedTenant:
    names = [name for name, _ in found.agents.values()]
    ids = distinct([f"{name}\0{index}" for index, name in enumerate(names)])
    agents = tuple(
        ProposedAgent(id=agent_id, principal=principal, why=why)
        for agent_id, (principal, (_, why)) in zip(ids.values(), found.agents.items(), strict=True)
    )
    return ProposedTenant(id=identity, agents=agents, territory=tuple(found.territory.items()))
