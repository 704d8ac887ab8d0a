"""Walk the objects of a Vault server for claims that judge one object at a time.

What could not be listed or read gives UNKNOWN with its gap; a fully read server that has none of the
objects makes the claim not applicable.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from cred_audit.check import Skip
from cred_audit.decide.kept import of_the_last
from cred_audit.decide.vault.model import AuthMount, AuthRole, Mount, Namespace, Server
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Verdict

Faults = Callable[[Mapping[str, Any]], Iterable[str]]
"""Given an object's public fields, the ways in which it breaks the claim, each as half a sentence."""


def judge_auth_roles(snapshot: Snapshot, types: frozenset[str], faults: Faults, fix: str) -> Iterator[Finding]:
    """Judge every role of the auth methods of these types. Raises Skip where a full reading shows no mount."""
    seen = False
    for finding in namespaces_unseen(snapshot):
        seen = True
        yield finding
    for namespace in _namespaces(snapshot):
        if namespace.auth_mounts is None:
            seen = True
            yield unseen(f"{namespace.path}sys/auth", snapshot)
            continue
        for mount in namespace.auth_mounts:
            if mount.type not in types:
                continue
            seen = True
            yield from _judge_mount(snapshot, namespace, mount, faults, fix)
    if not seen:
        names = ", ".join(sorted(types))
        raise Skip(f"no auth method of type {names}; sys/auth read in full")


def _judge_mount(
    snapshot: Snapshot, namespace: Namespace, mount: AuthMount, faults: Faults, fix: str
) -> Iterator[Finding]:
    where = f"{namespace.path}auth/{mount.path}"
    if mount.roles is None:
        yield unseen(f"{where}role", snapshot)
        return
    if not mount.roles:
        yield Finding(
            verdict=Verdict.PASS,
            subject=where,
            summary=f"{where} has no role.",
            evidence=(Evidence(where=where, shows="its roles were listed: there is none"),),
        )
    for role in mount.roles:
        yield judge(snapshot, f"{where}{role.kind}/{role.name}", role.data, faults, fix)


def judge_engine_objects(  # noqa: PLR0913  (which objects, and what of them)
    snapshot: Snapshot,
    types: frozenset[str],
    kinds: frozenset[str],
    faults: Faults,
    fix: str,
    *,
    only: frozenset[str] | None = None,
) -> Iterator[Finding]:
    """Judge every object of these kinds (and of the names `only`) in the engines of these types.

    Raises Skip where a full reading shows no such engine.
    """
    seen = False
    for finding in namespaces_unseen(snapshot):
        seen = True
        yield finding
    for namespace, mount in engines(snapshot):
        if mount is None:
            seen = True
            yield unseen(f"{namespace.path}sys/mounts", snapshot)
            continue
        if mount.type not in types:
            continue
        seen = True
        where = f"{namespace.path}{mount.path}"
        if mount.objects is None:
            yield unseen(where, snapshot)
            continue
        chosen = [item for item in mount.objects if item.kind in kinds and (only is None or item.name in only)]
        if not chosen:
            yield Finding(
                verdict=Verdict.PASS,
                subject=where,
                summary=f"{where} has none of these objects.",
                evidence=(Evidence(where=where, shows="its objects were listed: there is none of the kind"),),
            )
        for item in chosen:
            yield judge(snapshot, f"{where}{item.kind}/{item.name}", item.data, faults, fix)
    if not seen:
        names = ", ".join(sorted(types))
        raise Skip(f"no secrets engine of type {names}; sys/mounts read in full")


def namespaces_unseen(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the UNKNOWN for namespaces that may exist and were not listed."""
    vault = snapshot.vault
    if vault is not None and not vault.world.namespaces_complete:
        yield unseen("sys/namespaces", snapshot)


def engines(snapshot: Snapshot) -> Iterator[tuple[Namespace, Mount | None]]:
    """Yield every secrets engine with its namespace; None stands for a namespace whose mounts were not seen."""
    for namespace in _namespaces(snapshot):
        if namespace.mounts is None:
            yield namespace, None
        else:
            for mount in namespace.mounts:
                yield namespace, mount


def judge(snapshot: Snapshot, where: str, data: Mapping[str, Any] | None, faults: Faults, fix: str) -> Finding:
    """Judge one object by its public fields."""
    if not data:
        # The server always gives some field: none at all is an answer that was not understood.
        return unseen(where, snapshot)
    try:
        found = tuple(faults(data))
    except Incomplete as error:
        return _unknown(where, str(error))
    if not found:
        return Finding(
            verdict=Verdict.PASS,
            subject=where,
            summary=f"{where} holds the claim.",
            evidence=(Evidence(where=where, shows="its fields were read and none breaks the claim"),),
        )
    return Finding(
        verdict=Verdict.FAIL,
        subject=where,
        summary=f"{where}: {'; '.join(found)}.",
        evidence=tuple(Evidence(where=where, shows=fault) for fault in found),
        fix=fix,
    )


def unseen(where: str, snapshot: Snapshot) -> Finding:
    """Return the UNKNOWN for something that was not seen, with the gap that says why."""
    reason = _reason(where.rstrip("/"), snapshot)
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject=where,
        summary=f"{where} was not seen: {reason}.",
        evidence=(Evidence(where=where, shows=reason),),
    )


_FEW = 1_000
"""Gaps up to which each is searched for a place that none of them names in full."""


@of_the_last
def _reasons(snapshot: Snapshot) -> dict[str, str]:
    """Return the reason of each gap by the place that it names."""
    return {f"{gap.namespace}{gap.what}".split(" ")[-1].rstrip("/"): gap.reason for gap in snapshot.gaps[::-1]}


def _reason(where: str, snapshot: Snapshot) -> str:
    """Return why a place was not seen, as its gap says."""
    known = _reasons(snapshot)
    if where not in known and len(snapshot.gaps) <= _FEW:
        found = (gap.reason for gap in snapshot.gaps if where in f"{gap.namespace}{gap.what}")
        return next(found, "it was not read")
    return known.get(where, "it was not read")


def _namespaces(snapshot: Snapshot) -> tuple[Namespace, ...]:
    if snapshot.vault is None:
        raise LookupError("Vault was not read")
    return snapshot.vault.world.namespaces


def namespace_words(namespace: str) -> str:
    """Return a namespace as words."""
    return f"namespace {namespace}" if namespace else "the root namespace"


class Incomplete(Exception):
    """Raised by a judgement that needs a field which was not read; the case is then UNKNOWN."""


def known(data: Mapping[str, Any], name: str) -> Any:
    """Return a field that the server always gives. Raises Incomplete where it was not read."""
    if name not in data:
        raise Incomplete(f"its field {name} was not read")
    return data[name]


def words(value: Any) -> tuple[str, ...]:
    """Return a list as the servers give it (a list, a text with commas, null) as texts without blanks around them."""
    parts = value if isinstance(value, list | tuple) else str(value).split(",") if value not in (None, "") else ()
    return tuple(text for part in parts if (text := str(part).strip()))


def is_on(value: Any) -> bool:
    """Whether an option is switched on, as configuration writes it: true, "true", "1", 1."""
    return value is True or str(value).strip().lower() in ("true", "1", "t")


def judge_each(
    snapshot: Snapshot, items: Iterable[tuple[str, Mapping[str, Any] | None]], faults: Faults, fix: str, none: str
) -> Iterator[Finding]:
    """Judge objects by their fields: where each stands, and its fields or None. Raises Skip(none) for no object."""
    seen = False
    for where, data in items:
        seen = True
        yield judge(snapshot, where, data, faults, fix)
    if not seen:
        raise Skip(none)


_BY_CONFIGURATION = frozenset({"ldap", "radius", "github", "okta", "kerberos"})
"""Methods whose configuration, not a role, gives tokens their shape."""


def logins(snapshot: Snapshot) -> Iterator[tuple[str, AuthMount | None, Mapping[str, Any] | None]]:
    """Yield all that gives tokens their shape: where it stands, its auth method (None: a token role), its fields."""
    for finding in namespaces_unseen(snapshot):
        yield finding.subject, None, None
    for namespace in _namespaces(snapshot):
        for role in (_UNSEEN,) if namespace.token_roles is None else namespace.token_roles:
            yield f"{namespace.path}auth/token/roles/{role.name}".rstrip("/"), None, role.data
        if namespace.auth_mounts is None:
            yield f"{namespace.path}sys/auth", None, None
            continue
        for mount in namespace.auth_mounts:
            where = f"{namespace.path}auth/{mount.path}"
            if mount.type == "token":
                continue
            if mount.type in _BY_CONFIGURATION:
                yield f"{where}config", mount, mount.config
                continue
            for role in (_UNSEEN,) if mount.roles is None else mount.roles:
                if role.kind != "cel/role":
                    yield f"{where}{role.kind}/{role.name}".rstrip("/"), mount, role.data


_UNSEEN = AuthRole(kind="role", name="", data=None)


def tuned(snapshot: Snapshot) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """Yield the settings of every mount but the server's own: where it stands, and its tuning or None."""
    for finding in namespaces_unseen(snapshot):
        yield finding.subject, None
    for namespace in _namespaces(snapshot):
        if namespace.mounts is None:
            yield f"{namespace.path}sys/mounts", None
        for engine in namespace.mounts or ():
            if engine.type not in _BUILT_IN:
                yield f"{namespace.path}sys/mounts/{engine.path}tune", engine.tune
        if namespace.auth_mounts is None:
            yield f"{namespace.path}sys/auth", None
        for method in namespace.auth_mounts or ():
            yield f"{namespace.path}sys/auth/{method.path}tune", method.tune


_BUILT_IN = frozenset({"system", "ns_system", "identity", "ns_identity", "cubbyhole", "ns_cubbyhole"})
"""Engines that every namespace has and that nobody tunes; two pass headers on by nature."""


def judge_tokens(
    snapshot: Snapshot, faults: Callable[[Namespace, Mapping[str, Any]], Iterable[str]], fix: str
) -> Iterator[Finding]:
    """Judge every live token that was listed. Those of one origin with the same faults make one finding."""
    yield from namespaces_unseen(snapshot)
    for namespace in _namespaces(snapshot):
        where = f"{namespace.path}auth/token/accessors"
        if namespace.tokens is None:
            yield unseen(where, snapshot)
            continue
        groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        held = 0
        for token in namespace.tokens:
            if not token.data:
                yield unseen(f"{where}/{token.accessor}", snapshot)
                continue
            try:
                found = tuple(faults(namespace, token.data))
            except Incomplete as error:
                yield _unknown(f"{where}/{token.accessor}", str(error))
                continue
            held += not found
            if found:
                origin = str(token.data.get("path") or "an unknown path")
                groups.setdefault((origin, found), []).append(token.accessor)
        for (origin, found), accessors in sorted(groups.items()):
            yield _failing_tokens(namespace, origin, found, sorted(accessors), fix)
        if held or not namespace.tokens:
            shows = f"{held} tokens were looked up and hold the claim" if held else "it was listed and is empty"
            yield Finding(
                verdict=Verdict.PASS,
                subject=where,
                count=max(held, 1),
                summary=f"{held} tokens at {where} hold the claim.",
                evidence=(Evidence(where=where, shows=shows),),
            )


def _failing_tokens(
    namespace: Namespace, origin: str, found: tuple[str, ...], accessors: list[str], fix: str
) -> Finding:
    who = "1 token" if len(accessors) == 1 else f"{len(accessors)} tokens"
    return Finding(
        verdict=Verdict.FAIL,
        subject=f"{namespace.path}tokens of {origin}: {'; '.join(found)}",
        count=len(accessors),
        summary=f"{who} of {namespace.path}{origin}: {'; '.join(found)}.",
        evidence=tuple(
            Evidence(
                where=f"{namespace.path}auth/token/lookup-accessor", shows=f"accessor {accessor}: {'; '.join(found)}"
            )
            for accessor in accessors[:3]
        ),
        fix=fix,
    )


def judge_options(
    snapshot: Snapshot, options: Mapping[str, str], fix: str, *, product: str | None = None
) -> Iterator[Finding]:
    """Judge options of the server's configuration that must be off: name -> what it does when it is on.

    `product`: the only product that has these options; the claim is not called for on the other one.
    """
    where = "sys/config/state/sanitized"
    server = _server(snapshot)
    if product is not None and server.product not in (product, None):
        raise Skip(f"the server is {server.product}, which has no such option")
    if server.flags is None:
        yield unseen(where, snapshot)
        return
    for name, effect in options.items():
        place = f"{where} {name}"
        if name not in server.flags:
            yield _unknown(place, f"the configuration that was read does not name {name}")
        elif is_on(server.flags[name]):
            yield Finding(
                verdict=Verdict.FAIL,
                subject=place,
                summary=f"The server's option {name} is on: {effect}.",
                evidence=(Evidence(where=where, shows=f"{name} is on"),),
                fix=fix,
            )
        else:
            yield Finding(
                verdict=Verdict.PASS,
                subject=place,
                summary=f"The server's option {name} is off.",
                evidence=(Evidence(where=where, shows=f"{name} is off"),),
            )


def listeners(snapshot: Snapshot) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield where each listener stands in the server's configuration, and its settings; nothing where unseen."""
    given = (_server(snapshot).flags or {}).get("listeners")
    for number, listener in enumerate(given if isinstance(given, list | tuple) else ()):
        settings = listener.get("config") if isinstance(listener, Mapping) else None
        if isinstance(settings, Mapping):
            place = str(settings.get("address") or number)
            yield f"sys/config/state/sanitized listener {place}", settings


def _server(snapshot: Snapshot) -> Server:
    if snapshot.vault is None:
        raise LookupError("Vault was not read")
    return snapshot.vault.world.server


def _unknown(where: str, reason: str) -> Finding:
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject=where,
        summary=f"{where} cannot be judged: {reason}.",
        evidence=(Evidence(where=where, shows=reason),),
    )
