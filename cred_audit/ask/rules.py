"""From the rules of a batch's line to a server and a subject, or to what the server would refuse to store."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cred_audit.ask.line import LineError, Reader
from cred_audit.decide import Reason
from cred_audit.decide.vault.builtin import DEFAULT, DEFAULT_TEXT, UNWRITABLE
from cred_audit.decide.vault.engine import Engine
from cred_audit.decide.vault.model import (
    Alias,
    AuthMount,
    Entity,
    Group,
    Mount,
    Namespace,
    PolicyDocument,
    Server,
    Subject,
    World,
)
from cred_audit.decide.vault.options import PolicyOptions, policy_options
from cred_audit.decide.vault.policy import Dialect, PolicySyntaxError, decode_text, parse_policy
from cred_audit.decide.vault.profile import profiles
from cred_audit.decide.vault.wire import canonical

_POLICY = ("namespace", "name", "text", "options")
_MOUNT = ("namespace", "path", "type", "version", "options")
_SUBJECT = ("namespace", "policies", "entity", "groups")
_ENTITY = ("namespace", "id", "name", "metadata", "policies", "disabled", "aliases", "groups")
_ALIAS = ("id", "name", "mount_accessor", "metadata", "custom_metadata")
_GROUP = ("namespace", "id", "name", "type", "policies", "metadata")
_METHODS = ("approle", "cert", "jwt", "kubernetes", "ldap", "oidc", "radius", "userpass")
"""Auth methods that are taken to be mounted under their own names where a line lists none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The rules of one line, ready to be asked."""

    engine: Engine
    subject: Subject
    refused: tuple[Reason, ...] = ()
    """What the server would not store; then nothing else can be answered."""
    timed: bool = False
    """Whether an answer can change with the time."""


def setup(line: Reader, now: datetime) -> Setup:
    """Read server, namespaces, mounts, policies and subject. Raises LineError."""
    server = _server(line)
    subject = _subject(line)
    names = {canonical(name) for name in line.texts("namespaces")} | {"", subject.namespace}
    policies, refused, timed = _policies(line, server, now)
    names |= {namespace for namespace, _ in policies}
    mounts = _mounts(line)
    names |= set(mounts)
    names |= {group.namespace for group in subject.groups}
    for name in tuple(names):
        parts = name.split("/")[:-1]
        names |= {"/".join(parts[:count]) + "/" for count in range(1, len(parts))}
    listed = line.value.get("mounts") is not None
    logins = any(isinstance(mount, AuthMount) for entries in mounts.values() for mount in entries)
    world = World(
        server=server,
        namespaces=tuple(
            _namespace(name, policies, mounts.get(name, []), listed=listed, logins=logins) for name in sorted(names)
        ),
    )
    return Setup(engine=Engine(world, now, trusts_exists=True), subject=subject, refused=tuple(refused), timed=timed)


def _server(line: Reader) -> Server:
    value = line.value.get("server")
    if value is None:
        return Server()
    server = Reader(value, "server", ("product", "version", "flags"))
    product = server.text("product", "").strip().lower() or None
    if product not in ("openbao", "vault", None):
        server.fail("product", "openbao or vault")
    flags = server.value.get("flags")
    if flags is not None and not isinstance(flags, dict):
        server.fail("flags", "an object")
    return Server(product=product, version=server.text("version", "") or None, flags=flags)


def _policies(
    line: Reader, server: Server, now: datetime
) -> tuple[dict[tuple[str, str], PolicyDocument], list[Reason], bool]:
    found: dict[tuple[str, str], PolicyDocument] = {}
    refused: list[Reason] = []
    timed = False
    dialects = tuple(dict.fromkeys(profile.dialect for profile in profiles(server)))
    for number, value in enumerate(line.list("policies", required=True)):
        policy = Reader(value, f"policies[{number}]", _POLICY)
        namespace = canonical(policy.text("namespace", ""))
        name = policy.text("name").strip().lower()
        text = policy.text("text")
        given = policy.value.get("options") or {}
        if not isinstance(given, dict):
            policy.fail("options", "an object")
        options = policy_options(given, now)
        fault = _fault(name, text, options, dialects, now)
        if fault is not None:
            line_number, why = fault
            refused.append(Reason(policy=name, namespace=namespace, line=line_number, why=why))
            continue
        if isinstance(options, str):  # pragma: no cover - such options are a fault
            raise LineError(options)
        timed = timed or "expiration" in text or "time." in text or options.expiration is not None
        found[namespace, name] = PolicyDocument(
            namespace=namespace,
            name=name,
            text=text,
            expiration=options.expiration,
            allow_wildcards=options.allow_wildcards,
            allow_slashes=options.allow_slashes,
        )
    return found, refused, timed


def _fault(
    name: str, text: str, options: PolicyOptions | str, dialects: tuple[Dialect, ...], now: datetime
) -> tuple[int, str] | None:
    """Return line and reason for which no server that it may be would store the policy."""
    if not name or name.endswith("/"):
        return 0, "a policy's name is not empty and ends with no slash"
    if name in UNWRITABLE:
        return 0, f"the policy {name} cannot be written"
    if isinstance(options, str):
        return 0, options
    if not text:
        return 0, "the text is empty"
    first: PolicySyntaxError | None = None
    for dialect in dialects:
        try:
            parse_policy(decode_text(text), dialect, now=now)
        except PolicySyntaxError as error:
            first = first or error
        else:
            return None
    return (first.line, first.message) if first is not None else None


def _mounts(line: Reader) -> dict[str, list[Mount | AuthMount]]:
    found: dict[str, list[Mount | AuthMount]] = {}
    for number, value in enumerate(line.list("mounts")):
        mount = Reader(value, f"mounts[{number}]", _MOUNT)
        path = mount.text("path").strip("/") + "/"
        kind = mount.text("type")
        entries = found.setdefault(canonical(mount.text("namespace", "")), [])
        if path.startswith("auth/"):
            entries.append(AuthMount(path=path.removeprefix("auth/"), type=kind))
        else:
            base, _, suffix = kind.partition("-v")
            version = _version(mount) or (int(suffix) if base == "kv" and suffix in ("1", "2") else None)
            entries.append(Mount(path=path, type=base if base == "kv" else kind, version=version))
    return found


def _version(mount: Reader) -> int | None:
    options = mount.value.get("options")
    value = mount.value.get("version", options.get("version") if isinstance(options, Mapping) else None)
    if value is None:
        return None
    if str(value) not in ("1", "2") or isinstance(value, bool):
        mount.fail("version", "1 or 2")
    return int(value)


def _namespace(
    path: str,
    policies: Mapping[tuple[str, str], PolicyDocument],
    mounts: list[Mount | AuthMount],
    *,
    listed: bool,
    logins: bool,
) -> Namespace:
    """Return one namespace. `listed`: whether the line lists mounts; `logins`: auth methods among them."""
    documents = [document for (namespace, _), document in policies.items() if namespace == path]
    if (path, DEFAULT) not in policies:
        documents.append(PolicyDocument(namespace=path, name=DEFAULT, text=DEFAULT_TEXT, source="built in"))
    methods = [mount for mount in mounts if isinstance(mount, AuthMount)]
    if not logins:
        methods = [AuthMount(path=f"{name}/", type=name) for name in _METHODS]
    return Namespace(
        path=path,
        policies=tuple(documents),
        mounts=tuple(mount for mount in mounts if isinstance(mount, Mount)) if listed else None,
        auth_mounts=tuple(methods),
    )


def _subject(line: Reader) -> Subject:
    value = Reader(line.value.get("subject"), "subject", _SUBJECT)
    namespace = canonical(value.text("namespace", ""))
    policies = value.texts("policies", required=True)
    given = value.value.get("entity")
    if given is None:
        return Subject(namespace=namespace, policies=policies)
    entity = Reader(given, "subject.entity", _ENTITY)
    holder = entity if "groups" in entity.value else value
    place = "subject.entity.groups" if holder is entity else "subject.groups"
    return Subject(
        namespace=namespace,
        policies=policies,
        entity=Entity(
            namespace=canonical(entity.text("namespace", namespace)),
            id=entity.text("id", ""),
            name=entity.text("name", ""),
            policies=entity.texts("policies"),
            metadata=entity.map("metadata"),
            disabled=bool(entity.flag("disabled")),
            aliases=tuple(_alias(one, n) for n, one in enumerate(entity.list("aliases"))),
        ),
        groups=tuple(_group(one, f"{place}[{n}]", namespace) for n, one in enumerate(holder.list("groups"))),
    )


def _alias(value: Any, number: int) -> Alias:
    alias = Reader(value, f"subject.entity.aliases[{number}]", _ALIAS)
    return Alias(
        id=alias.text("id", ""),
        name=alias.text("name", ""),
        mount_accessor=alias.text("mount_accessor", ""),
        metadata=alias.map("metadata"),
        custom_metadata=alias.map("custom_metadata"),
    )


def _group(value: Any, place: str, namespace: str) -> Group:
    group = Reader(value, place, _GROUP)
    return Group(
        namespace=canonical(group.text("namespace", namespace)),
        id=group.text("id", ""),
        name=group.text("name", ""),
        type=group.text("type", "internal"),
        policies=group.texts("policies"),
        metadata=group.map("metadata"),
    )
