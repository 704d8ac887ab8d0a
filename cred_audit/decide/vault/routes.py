"""Where requests go on one server: its namespaces and mounts, indexed once.

A world is immutable, so its index is kept as long as the world is in use.
"""

from dataclasses import dataclass

from cred_audit.decide.vault.model import Namespace, World

_BUILT_IN = (("sys/", "system"), ("identity/", "identity"), ("cubbyhole/", "cubbyhole"), ("auth/token/", "token"))
_GUARDED = frozenset({"pki", "ssh"})
"""Engines some of whose paths need sudo or no token."""
_KEPT = 512
"""Indexes kept at a time; worlds come and go with the lines of a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What is mounted at a path."""

    start: str
    """Path of the mount below its namespace, `auth/` included, with its slash."""
    type: str
    version: int | None = None
    """KV only; None where it is not known."""


class Routes:
    """The namespaces and mounts of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.entries: dict[str, Namespace] = {entry.path: entry for entry in world.namespaces}
        self.paths = frozenset(self.entries)
        self.nested = any(self.paths - {""})
        """Whether there is a namespace below the root."""
        self.locked = tuple(entry.path for entry in world.namespaces if entry.locked)
        self.guarded = bool(self.locked) or any(
            mount.type in _GUARDED for entry in world.namespaces for mount in entry.mounts or ()
        )
        """Whether a mount or namespace has rules of its own, so that every path has to be looked at."""
        self._mounts: dict[str, dict[str, Engine]] = {}
        for entry in world.namespaces:
            mounts = {name: Engine(start=name, type=kind) for name, kind in _BUILT_IN}
            mounts |= {
                mount.path: Engine(start=mount.path, type=mount.type, version=mount.version)
                for mount in entry.mounts or ()
            }
            for auth in entry.auth_mounts or ():
                start = f"auth/{auth.path}"
                mounts[start] = Engine(start=start, type=auth.type)
            self._mounts[entry.path] = mounts

    def engine_of(self, namespace: str, path: str) -> Engine | None:
        """Return what serves a path of a namespace, the longest mount first."""
        mounts = self._mounts.get(namespace)
        if not mounts:
            return None
        end = path.rfind("/") + 1
        while end > 0:
            found = mounts.get(path[:end])
            if found is not None:
                return found
            end = path.rfind("/", 0, end - 1) + 1
        # A mount also answers to its own name without the slash.
        return mounts.get(f"{path}/")


_routes: dict[int, Routes] = {}


def routes_of(world: World) -> Routes:
    """Return the index of a world, made on first use."""
    known = _routes.get(id(world))
    if known is not None and known.world is world:
        return known
    while len(_routes) >= _KEPT:
        _routes.pop(next(iter(_routes)))
    made = _routes[id(world)] = Routes(world)
    return made
