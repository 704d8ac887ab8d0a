"""Where the path of a clause leads: the namespace and the mount that would serve it."""

from collections.abc import Iterator

from cred_audit.claims.policytext import Clause, Fault, place_of, served, world_of
from cred_audit.claims.survey import namespace_words
from cred_audit.decide.vault.model import Namespace, World
from cred_audit.decide.vault.patterns import TEMPLATE, parts_of
from cred_audit.decide.vault.routes import routes_of
from cred_audit.facts import Snapshot
from cred_audit.target.model import KvTerritory

_VIEWS = frozenset({
    "data", "metadata", "detailed-metadata", "subkeys", "delete", "undelete", "destroy", "config",
})  # fmt: skip
"""What follows the mount in the paths of KV version 2."""
_BUILT_IN = ("sys/", "identity/", "cubbyhole/", "auth/token/")
"""Mounts that every namespace has."""


class Routing:
    """One server's namespaces and mounts."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Take the snapshot."""
        self.world = world_of(snapshot)
        self._routes = routes_of(self.world)
        self._starts = {
            entry.path: tuple(
                [mount.path for mount in entry.mounts or ()] + [f"auth/{m.path}" for m in entry.auth_mounts or ()]
            )
            for entry in self.world.namespaces
        }
        self._folders = {
            (territory.namespace, territory.mount, territory.prefix.split("/")[0])
            for tenant in snapshot.target.tenants
            for territory in tenant.territory.vault
            if isinstance(territory, KvTerritory)
        }

    def no_mount(self, clause: Clause) -> Iterator[Fault]:
        """Yield a fault where the clause names a mount that does not exist; none where the mounts were not seen."""
        namespace, path = place_of(self.world, clause.pattern)
        literal, cut = _literal(path)
        entry = self._routes.entries.get(namespace)
        if entry is None or not literal or _is_built_in(clause.pattern, self.world):
            return
        auth = literal.startswith("auth/")
        if cut and literal.count("/") < (2 if auth else 1):
            # The wildcard stands where the mount's name would end.
            return
        known = entry.auth_mounts if auth else entry.mounts
        if known is None or self._served(entry, literal, cut=cut):
            return
        mount = "/".join(literal.split("/")[: 2 if auth else 1])
        shows = f"names {mount}/, where nothing is mounted in {namespace_words(namespace)}"
        # A namespace that was not listed may lie where the mount seems to be missing.
        yield Fault(shows=shows, sure=self.world.namespaces_complete)

    def _served(self, entry: Namespace, literal: str, *, cut: bool) -> bool:
        if self._routes.engine_of(entry.path, literal if cut else f"{literal}/") is not None:
            return True
        # A pattern may end above mounts with longer paths, and those are then what it holds.
        return cut and any(start.startswith(literal) for start in self._starts[entry.path])

    def other_version(self, clause: Clause) -> Iterator[Fault]:
        """Yield a fault where the clause is written for the other version of its KV mount, if that was seen."""
        found = served(self.world, clause.pattern)
        if found is None or found[0].type not in ("kv", "generic"):
            return
        engine, rest = found
        parts, is_open = parts_of(rest)
        first = parts[0]
        partial = is_open and len(parts) == 1
        if first is None or TEMPLATE in first or (len(parts) == 1 and first == ""):
            return
        if partial and any(view.startswith(first) for view in _VIEWS):
            return
        versioned = first in _VIEWS
        if engine.version == 2 and not versioned:
            yield Fault(shows=f"has no folder of version 2 behind {engine.start}, so it matches no secret there")
        elif (
            engine.version == 1
            and versioned
            and (place_of(self.world, clause.pattern)[0], engine.start, first) not in self._folders
        ):
            yield Fault(shows=f"has the folder {first}/ of version 2, and {engine.start} is version 1")


def _is_built_in(pattern: str, world: World) -> bool:
    path = place_of(world, pattern)[1]
    return path.startswith(_BUILT_IN) or f"{path}/" in _BUILT_IN


def _literal(path: str) -> tuple[str, bool]:
    """Return the beginning of a pattern that holds no wildcard, and whether one follows."""
    parts, is_open = parts_of(path)
    literal: list[str] = []
    for position, part in enumerate(parts):
        if part is None or TEMPLATE in part:
            beginning = (part or "").partition(TEMPLATE)[0]
            return "/".join([*literal, beginning]), True
        literal.append(part)
        if is_open and position == len(parts) - 1:
            return "/".join(literal), True
    return "/".join(literal), False
