"""What belongs to whom on a server, and by which requests it is touched.

A holding is what a target declares; its regions are the request paths that touch it, one for each kind of
request. Sources: the KV engines' API as measured on OpenBao 2.7.2; the classes of operations are the target's.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Any

from cred_audit.decide.vault.model import Mount, Namespace, World


class OperationClass(Enum):
    """What a request does to what it touches."""

    READ = "read"
    """Gives a secret value: data, subkeys, an issued credential, a decrypted text or an exported key."""
    LIST = "list"
    """Gives names or metadata, a parent folder that shows an owner's name included."""
    WRITE = "write"
    """Changes something: create, update, patch, delete, undelete, destroy and metadata."""
    DELETE = "delete"
    """The part of WRITE that removes."""
    CONTROL = "control"
    """Changes who may do what: policies, mounts, auth methods and identities of a namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KvHolding:
    """The secrets of a KV mount whose key starts with a prefix; an empty prefix is the whole mount."""

    namespace: str = ""
    mount: str
    """With its trailing slash, relative to the namespace."""
    prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceHolding:
    """Every secrets engine in a namespace and below it, and its control paths."""

    namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathHolding:
    """Paths in Vault's own syntax: `+` is one segment, a final `*` any rest."""

    namespace: str = ""
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One thing that one owner declares as its own."""

    owner: str
    what: KvHolding | NamespaceHolding | PathHolding


class Keys(Enum):
    """What a server makes of empty segments below a point of the path."""

    PLAIN = "refused or of no use"
    RAW = "part of the name"
    CLEANED = "dropped after the policies were asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """All paths of one operation that touch one holding."""

    wanted: OperationClass
    operation: str
    segments: tuple[str | None, ...]
    """From the root namespace on; None is any one segment. The last is the start of a segment if `open`."""
    open: bool = True
    base: int
    """How many segments lead to the folder that holds all keys; from there on `keys` applies."""
    keys: Keys
    listing: bool = False
    """Whether folders above, down from `base`, show the holding's names."""
    namespace: str
    kind: str
    sure: bool = True
    """False where the engine or its version was not seen."""
    body: Mapping[str, Any] | None = None
    """What a write must say to touch the holding; None where any body does."""


_WRITE, _READ, _LIST = OperationClass.WRITE, OperationClass.READ, OperationClass.LIST
_DELETE = OperationClass.DELETE

_KV2: tuple[tuple[OperationClass, str, str, Keys, str], ...] = (
    (_READ, "read", "data", Keys.PLAIN, "value"),
    (_READ, "read", "subkeys", Keys.PLAIN, "field names"),
    (_LIST, "list", "metadata", Keys.CLEANED, "key names"),
    (_LIST, "scan", "metadata", Keys.CLEANED, "key names"),
    (_LIST, "list", "detailed-metadata", Keys.CLEANED, "key names"),
    (_LIST, "scan", "detailed-metadata", Keys.CLEANED, "key names"),
    (_LIST, "read", "metadata", Keys.CLEANED, "metadata"),
    (_WRITE, "create", "data", Keys.CLEANED, "value"),
    (_WRITE, "update", "data", Keys.CLEANED, "value"),
    (_WRITE, "patch", "data", Keys.PLAIN, "value"),
    (_WRITE, "delete", "data", Keys.CLEANED, "value"),
    (_WRITE, "update", "delete", Keys.CLEANED, "versions"),
    (_WRITE, "update", "undelete", Keys.CLEANED, "versions"),
    (_WRITE, "update", "destroy", Keys.CLEANED, "versions"),
    (_WRITE, "create", "metadata", Keys.CLEANED, "metadata"),
    (_WRITE, "update", "metadata", Keys.CLEANED, "metadata"),
    (_WRITE, "patch", "metadata", Keys.CLEANED, "metadata"),
    (_WRITE, "delete", "metadata", Keys.CLEANED, "all versions"),
    (_DELETE, "delete", "data", Keys.CLEANED, "value"),
    (_DELETE, "update", "delete", Keys.CLEANED, "versions"),
    (_DELETE, "update", "destroy", Keys.CLEANED, "versions"),
    (_DELETE, "delete", "metadata", Keys.CLEANED, "all versions"),
)
_KV1: tuple[tuple[OperationClass, str, str], ...] = (
    (_READ, "read", "value"),
    (_LIST, "list", "key names"),
    (_LIST, "scan", "key names"),
    (_WRITE, "create", "value"),
    (_WRITE, "update", "value"),
    (_WRITE, "delete", "value"),
    (_DELETE, "delete", "value"),
)
_ANY_ENGINE = (
    (_READ, "read", "value"),
    (_LIST, "list", "names"),
    (_LIST, "scan", "names"),
    (_WRITE, "create", "object"),
    (_WRITE, "update", "object"),
    (_WRITE, "patch", "object"),
    (_WRITE, "delete", "object"),
    (_DELETE, "delete", "object"),
)
_ISSUING: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "transit": (("update", "decrypt", "decrypted text"), ("read", "export", "key"), ("read", "backup", "key"),
                ("update", "datakey/plaintext", "data key")),
    "database": (("read", "creds", "credential"), ("read", "static-creds", "credential")),
    "pki": (("update", "issue", "certificate"), ("update", "sign", "certificate"),
            ("update", "sign-verbatim", "certificate")),
    "ssh": (("update", "creds", "credential"), ("update", "sign", "certificate"), ("update", "issue", "certificate")),
    "rabbitmq": (("read", "creds", "credential"),),
    "ldap": (("read", "creds", "credential"), ("read", "static-cred", "credential")),
    "kubernetes": (("update", "creds", "credential"),),
    "totp": (("read", "code", "code"),),
    "aws": (("read", "creds", "credential"), ("update", "creds", "credential"), ("read", "sts", "credential"),
            ("update", "sts", "credential"), ("read", "static-creds", "credential")),
}  # fmt: skip
"""By engine: the operation and the folder that give a secret. Using a key without seeing a secret (encrypt, sign,
hmac of transit) counts as WRITE: it acts in the owner's name and shows nothing."""

_CONTROL = (
    "sys/policies/", "sys/policy/", "sys/mounts/", "sys/auth/", "sys/namespaces/", "sys/remount", "sys/raw/",
    "sys/quotas/", "sys/config/", "sys/workflows/", "sys/leases/revoke", "auth/token/create", "auth/token/roles/",
    "auth/token/revoke-accessor", "auth/token/revoke-orphan", "identity/entity", "identity/group", "identity/alias",
    "identity/persona", "identity/oidc/key/", "identity/oidc/role/", "identity/mfa/",
)  # fmt: skip
"""Control paths of a namespace; what every token does to itself (lookup-self, wrapping, tools) is none."""
_AUTH_CONTROL = ("role/", "roles/", "users/", "groups/", "certs/", "map/", "config", "cel/")
CHANGES = ("create", "update", "patch", "delete")
"""The operations of CONTROL: its regions are the same for each, so they leave the operation empty."""


class Places:
    """The namespaces of a world, found by path or by the path above them, and the mounts in them."""

    def __init__(self, world: World) -> None:
        self.known = {namespace.path: namespace for namespace in world.namespaces}
        self.sorted = sorted(self.known)
        self.lists_details = world.server.product != "vault"
        self._mounts: dict[str, dict[str, Mount]] = {}

    def mounts(self, namespace: str) -> Mapping[str, Mount]:
        """Return the known mounts of a namespace by path."""
        found = self._mounts.get(namespace)
        if found is None:
            known = self.known.get(namespace)
            found = {mount.path: mount for mount in (known.mounts or () if known is not None else ())}
            self._mounts[namespace] = found
        return found

    def seen(self, namespace: str) -> bool:
        """Whether the mounts of a namespace were read."""
        known = self.known.get(namespace)
        return known is not None and known.mounts is not None

    def below(self, namespace: str) -> Iterator[Namespace]:
        """Yield a namespace and every one inside it."""
        for path in islice(self.sorted, bisect_left(self.sorted, namespace), None):
            if not path.startswith(namespace):
                return
            yield self.known[path]


Key = tuple[str | None, ...]
"""Segments of a pattern; None is any one segment."""


def regions(places: Places, holding: Holding) -> Iterator[Region]:
    """Yield every region of a holding. Mounts that were not seen are taken for KV of either version."""
    what = holding.what
    if isinstance(what, KvHolding):
        mount = places.mounts(what.namespace).get(what.mount)
        version = mount.version if mount else None
        yield from _kv(places, what.namespace, what.mount, tuple(what.prefix.split("/")), version, prefix=True)
    elif isinstance(what, PathHolding):
        yield from _path(places, what)
    else:
        yield from _namespace(places, what.namespace)


def _kv(  # noqa: PLR0913  (the parts of a set of keys)
    places: Places, namespace: str, mount: str, key: Key, version: int | None, *, prefix: bool
) -> Iterator[Region]:
    root = tuple((namespace + mount).rstrip("/").split("/"))
    sure = version is not None
    if version != 1:
        for wanted, operation, view, keys, kind in _KV2:
            if view != "detailed-metadata" or places.lists_details:
                yield Region(
                    wanted=wanted, operation=operation, segments=(*root, view, *key), open=prefix, base=len(root) + 1,
                    keys=keys, listing=operation in ("list", "scan"), namespace=namespace, kind=kind, sure=sure,
                )  # fmt: skip
    if version != 2:
        for wanted, operation, kind in _KV1:
            yield Region(
                wanted=wanted, operation=operation, segments=(*root, *key), open=prefix, base=len(root), keys=Keys.RAW,
                listing=operation in ("list", "scan"), namespace=namespace, kind=kind, sure=sure,
            )  # fmt: skip


def _path(places: Places, what: PathHolding) -> Iterator[Region]:
    """Yield the regions of a pattern in each mount that it meets, and as it stands where it meets none."""
    pattern = what.pattern.removeprefix("/")
    prefix = pattern.endswith("*")
    parts: Key = tuple(None if part == "+" else part for part in pattern.removesuffix("*").split("/"))
    met = False
    for mount in _mounts_met(places, what.namespace, parts, prefix=prefix):
        own = mount.path.rstrip("/").split("/")
        rest: Key = parts[len(own) :] if len(parts) > len(own) else ("",)
        met = True
        if mount.type in ("kv", "generic"):
            yield from _kv_path(places, what.namespace, mount, rest, prefix=prefix)
        else:
            yield from _engine(what.namespace, mount, rest, prefix=prefix)
    if not met:
        base = len(what.namespace.split("/"))
        whole = (*what.namespace.split("/")[:-1], *parts)
        seen = places.seen(what.namespace)
        for wanted, operation, kind in (*_ANY_ENGINE, *(() if seen else ((_READ, "update", "value"),))):
            yield _other(wanted, operation, whole, base, what.namespace, kind, prefix=prefix, sure=seen)


def _mounts_met(places: Places, namespace: str, parts: Key, *, prefix: bool) -> Iterator[Mount]:
    known = places.mounts(namespace)
    if len(parts) > 1 and None not in parts:
        text = ""
        for part in parts[:-1]:
            text += f"{part}/"
            if text in known:
                yield known[text]
                return
    for mount in known.values():
        own = mount.path.rstrip("/").split("/")
        here = parts[: len(own)] if len(parts) > len(own) else parts[:-1]
        if not all(part in (None, name) for part, name in zip(here, own, strict=False)):
            continue
        last = parts[-1]
        if len(parts) > len(own) or (prefix and (last is None or own[len(parts) - 1].startswith(last))):
            yield mount


def _kv_path(places: Places, namespace: str, mount: Mount, rest: Key, *, prefix: bool) -> Iterator[Region]:
    """Yield every way to the keys that a pattern names: who owns a secret's value owns its metadata too."""
    if mount.version == 1:
        yield from _kv(places, namespace, mount.path, rest, 1, prefix=prefix)
        return
    views = {view for _, _, view, _, _ in _KV2}
    view = rest[0]
    if len(rest) > 1:
        if view is None or view in views:
            yield from _kv(places, namespace, mount.path, rest[1:], 2, prefix=prefix)
    elif prefix and (view is None or any(name.startswith(view) for name in views)):
        yield from _kv(places, namespace, mount.path, ("",), 2, prefix=True)
    if mount.version is None:
        yield from _kv(places, namespace, mount.path, rest, None, prefix=prefix)


def _engine(namespace: str, mount: Mount, rest: Key, *, prefix: bool) -> Iterator[Region]:
    root: Key = tuple((namespace + mount.path).rstrip("/").split("/"))
    folders = _ISSUING.get(mount.type)
    for wanted, operation, kind in _ANY_ENGINE:
        if wanted is not _READ or folders is None:
            yield _other(wanted, operation, (*root, *rest), len(root), namespace, kind, prefix=prefix)
    for operation, folder, kind in folders or ():
        names = folder.split("/")
        here = rest[: len(names)]
        base = len(root) + len(names)
        if len(rest) > len(names) and all(part in (None, name) for part, name in zip(here, names, strict=True)):
            exact = (*root, *names, *rest[len(names) :])
            yield _other(_READ, operation, exact, base, namespace, kind, prefix=prefix)
        elif prefix and len(rest) == 1 and (rest[0] is None or names[0].startswith(rest[0])):
            yield _other(_READ, operation, (*root, *names, ""), base, namespace, kind, prefix=True)


def _other(  # noqa: PLR0913, PLR0917  (a region without its defaults)
    wanted: OperationClass, operation: str, segments: tuple[str | None, ...], base: int, namespace: str, kind: str,
    *, prefix: bool, sure: bool = True,
) -> Region:  # fmt: skip
    return Region(
        wanted=wanted, operation=operation, segments=segments, open=prefix, base=base, keys=Keys.RAW,
        namespace=namespace, kind=kind, sure=sure,
    )  # fmt: skip


_NOT_SHARED = frozenset({"cubbyhole", "ns_cubbyhole", "system", "ns_system", "identity", "ns_identity"})


def _namespace(places: Places, namespace: str) -> Iterator[Region]:
    if namespace not in places.known:
        yield from _not_seen(namespace)
    for known in places.below(namespace):
        if known.mounts is None:
            yield from _not_seen(known.path)
        for mount in known.mounts or ():
            if mount.type in ("kv", "generic"):
                yield from _kv(places, known.path, mount.path, ("",), mount.version, prefix=True)
            elif mount.type not in _NOT_SHARED:
                yield from _engine(known.path, mount, ("",), prefix=True)
        folders = list(_CONTROL)
        methods = [mount.path for mount in known.auth_mounts or () if mount.path != "token/"]
        folders += [f"auth/{path}{folder}" for path in methods for folder in _AUTH_CONTROL]
        for folder in folders:
            parts = tuple((known.path + folder).split("/"))
            yield Region(
                wanted=OperationClass.CONTROL, operation="", segments=parts, base=len(parts) - 1,
                keys=Keys.RAW, namespace=known.path, kind=f"control of {folder.rstrip('/')}",
            )  # fmt: skip


def _not_seen(namespace: str) -> Iterator[Region]:
    """Yield everything in a namespace whose mounts were not read: each grant there is unknown."""
    parts: Key = tuple(namespace.split("/"))
    for wanted, operation, kind in (*_ANY_ENGINE, (_READ, "update", "value")):
        yield _other(wanted, operation, parts, len(parts) - 1, namespace, kind, prefix=True, sure=False)
