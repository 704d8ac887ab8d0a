"""Files that stand for a server: folders of policies, and the snapshot that `collect -o` wrote elsewhere.

What the files do not say is not seen (a gap), or, where the target says it or nothing else makes sense, assumed; every
assumption is a sentence of the report. The files may come from a stranger: they are bounded and nothing leaves
the folder.
"""

import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cred_audit.decide.vault.model import Mount, Namespace, PolicyDocument, Server, World
from cred_audit.errors import CollectError, SnapshotError
from cred_audit.facts import Gap, VaultFacts
from cred_audit.snapshot import LARGEST, load
from cred_audit.target.model import KvTerritory, Target, VaultSource

_SUFFIXES = (".hcl", ".json")
_LARGEST_POLICY = 4 * 1024 * 1024
"""Bytes; a server takes no longer request than 32 MiB, and no policy comes near."""
_LARGEST_FOLDER = 512 * 1024 * 1024
_MOST_FILES = 200_000
_SPELLED_OUT = 20
"""Namespaces whose unseen parts get gaps of their own."""
_UNSEEN = (
    ("GET", "sys/auth"), ("LIST", "auth/token/roles/"), ("LIST", "auth/token/accessors/"),
    ("LIST", "identity/entity/id/"), ("LIST", "identity/group/id/"), ("LIST", "sys/leases/lookup/"),
    ("LIST", "identity/mfa/login-enforcement/"),
)  # fmt: skip
_UNSEEN_OF_SERVER = (
    "sys/audit",
    "sys/config/state/sanitized",
    "sys/config/auditing/request-headers",
    "sys/quotas/rate-limit/",
)
_ONLY_POLICIES = "only files of policies were given; collect from the server and give `bundle:` to see it"


def read_offline(target: Target, *, allow_outside: bool = False) -> tuple[VaultFacts, tuple[Gap, ...], datetime]:
    """Return what the target's files say, what they do not, and the time that this was so.

    Raises CollectError where a folder or bundle cannot be read, or where the folders hold no policy at all.
    """
    source = target.vault
    if source is None:
        raise LookupError("the target declares no Vault")
    reader = _Reader(allow_outside=allow_outside)
    folders = {name: reader.folder(name, folder) for name, folder in (source.policies or {}).items()}
    if source.bundle is None:
        if not any(folders.values()):
            shown = ", ".join(str(folder) for folder in (source.policies or {}).values())[:200]
            raise CollectError(f"vault: no .hcl or .json file in {shown or 'any folder'}; give folders with policies")
        return _of_folders(target, source, folders, reader.gaps), tuple(reader.gaps), datetime.now(UTC)
    return _of_bundle(source, source.bundle, folders, reader.gaps)


def _of_bundle(
    source: VaultSource, bundle: Path, folders: Mapping[str, tuple[PolicyDocument, ...]], gaps: list[Gap]
) -> tuple[VaultFacts, tuple[Gap, ...], datetime]:
    try:
        with bundle.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise CollectError(f"vault: the bundle {_shown(bundle)} cannot be read: {_cause(error)}") from None
    try:
        saved = load(content, source=str(bundle))
    except SnapshotError as error:
        raise CollectError(f"vault: {error}") from None
    if saved.vault is None:
        raise CollectError(f"vault: the bundle {_shown(bundle)} holds nothing of a Vault; collect it anew")
    world = saved.vault.world
    spaces = {space.path: space for space in world.namespaces}
    assumed = list(saved.vault.assumed)
    for name, policies in folders.items():
        spaces[name] = replace(spaces.get(name, Namespace(path=name)), policies=policies)
        assumed.append(f"The policies of {_called(name)} are those of the files, not those of the bundle.")
    for name, mounts in (source.mounts or {}).items():
        spaces[name] = replace(spaces.get(name, Namespace(path=name)), mounts=_mounts(mounts))
        assumed.append(f"The mounts of {_called(name)} are those of the target, not those of the bundle.")
    server = world.server
    if source.product is not None or source.version is not None:
        server = replace(server, product=source.product or server.product, version=source.version or server.version)
        assumed.append("Product and version are those of the target, not those of the bundle.")
    world = replace(world, server=server, namespaces=tuple(sorted(spaces.values(), key=lambda space: space.path)))
    facts = replace(saved.vault, world=world, assumed=tuple(assumed))
    return facts, (*saved.gaps, *gaps), saved.taken_at


def _of_folders(
    target: Target, source: VaultSource, folders: Mapping[str, tuple[PolicyDocument, ...]], gaps: list[Gap]
) -> VaultFacts:
    given = source.mounts or {}
    names = _namespaces(target, source)
    assumed = ["The namespaces are those that the target names, and no others."]
    if source.product is None or source.version is None:
        assumed.append("Product and version are not given: an answer holds only where every version gives it.")
    kv = _kv_mounts(target)
    spaces = []
    for name in names:
        policies = folders.get(name)
        if policies is None:
            gaps.append(_gap(f"LIST {name}sys/policies/acl/", f"no folder is given for {_called(name)}"))
        mounts = dict(given.get(name, {}))
        for path in sorted(kv.get(name, set()) - set(mounts)):
            mounts[path] = {"type": "kv", "version": 2}
            assumed.append(f"{name}{path} is taken to be KV version 2, since a territory lies there.")
        assumed += [
            f"{name}{path} is taken to be KV version 2, since its version is not given."
            for path, mount in sorted(mounts.items())
            if mount.get("type", "kv") == "kv" and mount.get("version") is None
        ]
        if mounts:
            assumed.append(f"The mounts of {_called(name)} are those that the target names, and no others.")
        else:
            gaps.append(_gap(f"GET {name}sys/mounts", f"the target names no mounts of {_called(name)}"))
        spaces.append(_space(name, policies, _mounts(mounts) if mounts else None))
    gaps += [_gap(f"GET {path}", _ONLY_POLICIES) for path in _UNSEEN_OF_SERVER]
    for name in names[:_SPELLED_OUT]:
        gaps += [_gap(f"{verb} {name}{path}", _ONLY_POLICIES) for verb, path in _UNSEEN]
    if len(names) > _SPELLED_OUT:
        gaps.append(_gap(f"the same of {len(names) - _SPELLED_OUT} more namespaces", _ONLY_POLICIES))
    world = World(server=Server(product=source.product, version=source.version), namespaces=tuple(spaces))
    return VaultFacts(
        address="",
        world=world,
        audit_devices=None,
        seal=None,
        coverage={
            "namespaces": len(names),
            "policies": sum(policy.text is not None for space in spaces for policy in space.policies or ()),
            "mounts": sum(len(space.mounts or ()) for space in spaces),
        },
        assumed=tuple(assumed),
    )


def _space(name: str, policies: tuple[PolicyDocument, ...] | None, mounts: tuple[Mount, ...] | None) -> Namespace:
    return Namespace(
        path=name, policies=policies, mounts=mounts, auth_mounts=None, token_roles=None, entities=None, groups=None,
        tokens=None, lease_prefixes=None, mfa_enforcements=None,
    )  # fmt: skip


def _mounts(mounts: Mapping[str, Mapping[str, Any]]) -> tuple[Mount, ...]:
    found = []
    for path, mount in sorted(mounts.items()):
        kind = str(mount.get("type") or "kv")
        version = mount.get("version")
        number = version if isinstance(version, int) and not isinstance(version, bool) else None
        if kind == "kv" and number is None:
            number = 2
        found.append(Mount(path=path, type=kind, version=number if kind == "kv" else None, tune=None, objects=None))
    return tuple(found)


def _namespaces(target: Target, source: VaultSource) -> list[str]:
    names = {"", *(source.policies or {}), *(source.mounts or {}), *source.namespaces}
    for tenant in target.tenants:
        names |= {agent.vault.namespace for agent in tenant.agents if agent.vault is not None}
        names |= {part.namespace for part in tenant.territory.vault}
    for name in tuple(names):
        parts = name.rstrip("/").split("/") if name else []
        names |= {"/".join(parts[:count]) + "/" for count in range(1, len(parts) + 1)}
    return sorted(names)


def _kv_mounts(target: Target) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for tenant in target.tenants:
        for part in tenant.territory.vault:
            if isinstance(part, KvTerritory):
                found.setdefault(part.namespace, set()).add(part.mount)
    return found


class _RefusedError(Exception):
    """A file that is not taken, and why."""


class _Reader:
    """Reads folders of policies, within bounds."""

    def __init__(self, *, allow_outside: bool) -> None:
        self.allow_outside = allow_outside
        self.gaps: list[Gap] = []
        self.size = 0

    def folder(self, namespace: str, folder: Path) -> tuple[PolicyDocument, ...]:
        """Return the policies of a folder, sorted by name; the text is None where a file cannot be taken."""
        found: dict[str, PolicyDocument] = {}
        for file in self._files(folder):
            name = file.stem.strip().lower()
            text = self._text(folder, file)
            if name in found:
                self._refuse(file, f"another file of the folder gives the policy {name!r} too; keep one")
                text = None
            source = str(_near(file)).encode("utf-8", "backslashreplace").decode()
            found[name] = PolicyDocument(namespace=namespace, name=name, text=text, source=source)
        if found and "default" not in found:
            # Every server has it and nearly every token carries it; nobody knows what was added to it.
            reason = f"{_shown(folder)} has no default.hcl; add it: bao policy read default > default.hcl"
            self.gaps.append(_gap(f"GET {namespace}sys/policies/acl/default", reason))
            found["default"] = PolicyDocument(namespace=namespace, name="default", text=None, source=str(_near(folder)))
        return tuple(found[name] for name in sorted(found))

    def _files(self, folder: Path) -> Iterator[Path]:
        try:
            entries = []
            for entry in folder.iterdir():
                entries.append(entry)
                if len(entries) > _MOST_FILES:
                    raise CollectError(f"vault: the folder {_shown(folder)} holds more than {_MOST_FILES:,} files")
        except OSError as error:
            reason = _cause(error)
            raise CollectError(f"vault: the folder of policies {_shown(folder)} cannot be read: {reason}") from None
        for entry in sorted(entries):
            if entry.name.startswith("."):
                continue
            if entry.suffix in _SUFFIXES:
                yield entry
            elif entry.is_dir() and not entry.is_symlink():
                self._refuse(entry, "folders in a folder of policies are not read; name it in `policies` by itself")

    def _text(self, folder: Path, file: Path) -> str | None:
        try:
            content = self._content(folder, file)
            self.size += len(content)
            if self.size > _LARGEST_FOLDER:
                raise CollectError(f"vault: the policies are larger than {_LARGEST_FOLDER // 2**20} MiB together")
            return content.decode("utf-8")
        except _RefusedError as error:
            self._refuse(file, str(error))
        except UnicodeDecodeError:
            self._refuse(file, "not UTF-8 text, so no policy")
        except (OSError, RuntimeError) as error:
            self._refuse(file, f"it cannot be read: {_cause(error)}")
        return None

    def _content(self, folder: Path, file: Path) -> bytes:
        if not self.allow_outside and not file.resolve(strict=True).is_relative_to(folder.resolve(strict=True)):
            raise _RefusedError("a link that leaves the folder; use --allow-outside if you trust this target")
        if not stat.S_ISREG(file.stat().st_mode):
            raise _RefusedError("no file, so it was not read")
        with file.open("rb") as opened:
            content = opened.read(_LARGEST_POLICY + 1)
        if len(content) > _LARGEST_POLICY:
            raise _RefusedError(f"larger than {_LARGEST_POLICY // 2**20} MiB; no policy is")
        return content

    def _refuse(self, file: Path, reason: str) -> None:
        self.gaps.append(_gap(_shown(file), reason))


def _gap(what: str, reason: str) -> Gap:
    return Gap(source="vault", what=what, reason=reason)


def _called(namespace: str) -> str:
    return f"the namespace {namespace}" if namespace else "the root namespace"


def _near(path: Path) -> Path:
    """Return the path as seen from the working directory where it lies below: reports travel, machines do not."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _shown(path: Path) -> str:
    text = str(_near(path))[-200:]
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _cause(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or type(error).__name__).lower()
