"""What belongs to whom on a server, and by which requests it is touched.

A holding is what a target declares; its regions are the request paths that touch it, one for each kind of
request. Sources: the KV engines' API as measured on OpenBao 2.7.2; the classes of operations are the target's.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import islice

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
    "aws": (("read", "creds", "credential"), ("update", "sts", "credential"), ("read", "sts", "credential")),
}  # fmt: skip
"""By engine: the operation and the folder that give a secret. Using a key without seeing a secret (encrypt, sign,
hmac of transit) counts as WRITE: it acts in the owner's name and shows nothing."""

_CONTROL = (
    "sys/policies/", "sys/policy/", "sys/mounts/", "sys/auth/", "sys/namespaces/", "sys/remount", "sys/raw/",
    "sys/quotas/", "sys/config/", "sys/workflows/", "sys/leases/revoke", "auth/token/create", "auth/token/roles/",
    "auth/token/revoke", "identity/entity", "identity/group", "identity/alias", "identity/persona",
    "identity/oidc/key/", "identity/oidc/role/", "identity/mfa/",
)  # fmt: skip
"""Control paths of a namespace; what every token does to itself (lookup-self, wrapping, tools) is none."""
_AUTH_CONTROL = ("role/", "roles/", "users/", "groups/", "certs/", "map/", "config", "cel/")
CHANGES = ("create", "update", "patch", "delete")
"""The operations of CONTROL: its regions are the same for each, so they leave the operation empty."""


class Places:
    """The namespaces of a world, found by path or by the path above them."""

    def __init__(self, world: World) -> None:
        self.known = {namespace.path: namespace for namespace in world.namespaces}
        self.sorted = sorted(self.known)

    def mounts(self, namespace: str) -> tuple[Mount, ...]:
        """Return the known mounts of a namespace."""
        known = self.known.get(namespace)
        return (known.mounts or ()) if known is not None else ()

    def below(self, namespace: str) -> Iterator[Namespace]:
        """Yield a namespace and every one inside it."""
        for path in islice(self.sorted, bisect_left(self.sorted, namespace), None):
            if not path.startswith(namespace):
                return
            yield self.known[path]


def regions(places: Places, holding: Holding) -> Iterator[Region]:
    """Yield every region of a holding. Mounts that were not seen are taken for KV of either version."""
    what = holding.what
    if isinstance(what, KvHolding):
        mount = next((mount for mount in places.mounts(what.namespace) if mount.path == what.mount), None)
        yield from _kv(what.namespace, what.mount, what.prefix, mount.version if mount else None)
    elif isinstance(what, PathHolding):
        yield from _path(places, what)
    else:
        yield from _namespace(places, what.namespace)


def _kv(namespace: str, mount: str, prefix: str, version: int | None) -> Iterator[Region]:
    root = tuple((namespace + mount).rstrip("/").split("/"))
    key = tuple(prefix.split("/"))
    sure = version is not None
    if version != 1:
        for wanted, operation, view, keys, kind in _KV2:
            yield Region(
                wanted=wanted, operation=operation, segments=(*root, view, *key), base=len(root) + 1, keys=keys,
                listing=operation in ("list", "scan"), namespace=namespace, kind=kind, sure=sure,
            )  # fmt: skip
    if version != 2:
        for wanted, operation, kind in _KV1:
            yield Region(
                wanted=wanted, operation=operation, segments=(*root, *key), base=len(root), keys=Keys.RAW,
                listing=operation in ("list", "scan"), namespace=namespace, kind=kind, sure=sure,
            )  # fmt: skip


def _path(places: Places, what: PathHolding) -> Iterator[Region]:
    pattern = what.pattern.removeprefix("/")
    prefix = pattern.endswith("*")
    bare = pattern.removesuffix("*")
    mount = next((mount for mount in places.mounts(what.namespace) if bare.startswith(mount.path)), None)
    parts = tuple(None if part == "+" else part for part in (what.namespace + bare).split("/"))
    base = len((what.namespace + (mount.path if mount else bare.split("/")[0] + "/")).split("/")) - 1
    engine = mount.type if mount else ""
    folders = _ISSUING.get(engine)
    if engine in ("kv", "generic") and mount is not None and mount.version == 2:
        folder = parts[base] if len(parts) > base else None
        for wanted, operation, view, keys, kind in _KV2:
            if view == folder:
                yield Region(
                    wanted=wanted, operation=operation, segments=parts, open=prefix, base=base + 1, keys=keys,
                    listing=prefix and None not in parts and operation in ("list", "scan"),
                    namespace=what.namespace, kind=kind,
                )  # fmt: skip
        return
    for wanted, operation, kind in _ANY_ENGINE:
        if wanted is not _READ or folders is None:
            yield _other(wanted, operation, parts, base, what.namespace, kind, prefix=prefix)
    for operation, folder_name, kind in folders or ():
        names = folder_name.split("/")
        here = parts[base : base + len(names)]
        if len(here) == len(names) and all(part in (None, name) for part, name in zip(here, names, strict=True)):
            exact = (*parts[:base], *names, *parts[base + len(names) :])
            yield _other(_READ, operation, exact, base + len(names), what.namespace, kind, prefix=prefix)
        elif prefix and len(parts) == base + 1 and parts[-1] is not None and names[0].startswith(parts[-1]):
            yield _other(
                _READ, operation, (*parts[:base], *names, ""), base + len(names), what.namespace, kind, prefix=True
            )


def _other(  # noqa: PLR0913, PLR0917  (a region without its defaults)
    wanted: OperationClass, operation: str, segments: tuple[str | None, ...], base: int, namespace: str, kind: str,
    *, prefix: bool,
) -> Region:  # fmt: skip
    return Region(
        wanted=wanted, operation=operation, segments=segments, open=prefix, base=base, keys=Keys.RAW,
        namespace=namespace, kind=kind,
    )  # fmt: skip


_NOT_SHARED = frozenset({"cubbyhole", "ns_cubbyhole", "system", "ns_system", "identity", "ns_identity"})


def _namespace(places: Places, namespace: str) -> Iterator[Region]:
    for known in places.below(namespace):
        for mount in known.mounts or ():
            if mount.type in ("kv", "generic"):
                yield from _kv(known.path, mount.path, "", mount.version)
            elif mount.type not in _NOT_SHARED:
                yield from _path(places, PathHolding(namespace=known.path, pattern=mount.path + "*"))
        folders = list(_CONTROL)
        folders += [f"auth/{m.path}{f}" for m in known.auth_mounts or () if m.type != "token" for f in _AUTH_CONTROL]
        for folder in folders:
            parts = tuple((known.path + folder).split("/"))
            yield Region(
                wanted=OperationClass.CONTROL, operation="", segments=parts, base=len(parts) - 1,
                keys=Keys.RAW, namespace=known.path, kind=f"control of {folder.rstrip('/')}",
            )  # fmt: skip
