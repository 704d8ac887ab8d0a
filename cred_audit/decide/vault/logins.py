"""Ways to another token through logins: roles and users that can be written or whose credentials can be set.

See `gains`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from cred_audit.decide import Unknown
from cred_audit.decide.vault.acl import Rule
from cred_audit.decide.vault.gains import (
    NAME,
    PASSWORD,
    Asker,
    Gap,
    Made,
    Offer,
    Once,
    Step,
    login_path,
    login_with,
    may_hold,
    named,
)  # fmt: skip
from cred_audit.decide.vault.identity import subject_of
from cred_audit.decide.vault.model import AuthMount, AuthRole, Namespace, Request, Subject
from cred_audit.decide.vault.witness import wire_path


def by_logins(asker: Asker, entry: Namespace, rules: tuple[Rule, ...]) -> Iterator[Offer]:
    """Offer logins through roles and users that the token can write, or whose credentials it can set."""
    for mount in entry.auth_mounts or ():
        if not any(may_hold(rule, f"{entry.path}auth/{mount.path}") for rule in rules):
            continue
        if mount.type == "approle":
            yield from _by_approle(asker, entry, mount, rules)
        elif mount.type == "userpass":
            yield from _by_userpass(asker, entry, mount, rules)
        elif mount.type in _FOLDERS:
            yield from _by_other(asker, entry, mount, rules)


def _by_approle(asker: Asker, entry: Namespace, mount: AuthMount, rules: tuple[Rule, ...]) -> Iterator[Offer]:
    folder = f"auth/{mount.path}role/"
    existing = named(mount.roles)
    once = Once()
    names = asker.names(rules, entry.path + folder, existing)
    for name in names:
        written = _role(asker, entry, mount, name, exists=name in existing)
        made = written("default")
        if made is not None and once.new(made.steps[0]):
            yield Offer(namespace=entry.path, names=None, made=written)
        elif made is None and asker.role.strip("/") == f"{folder}{name}":
            yield from _own_policies(asker, entry, f"{folder}{name}/policies")
    others = tuple(name for name in names if name in existing and asker.role.strip("/") != f"{folder}{name}")
    if others:
        yield Offer(
            namespace=entry.path, names=others, made=lambda name: _foreign_role(asker, entry, mount, existing[name])
        )


def _role(asker: Asker, entry: Namespace, mount: AuthMount, name: str, *, exists: bool) -> Callable[[str], Made | None]:
    """Return the way through a role with any policy, whose id the chain sets itself."""
    path = f"auth/{mount.path}role/{name}"

    def made(policy: str) -> Made | None:
        body = {
            "role_id": f"{NAME}-{name}", "bind_secret_id": False, "token_bound_cidrs": ["0.0.0.0/0", "::/0"],
            "token_policies": [policy], "token_no_default_policy": True,
        }  # fmt: skip
        shows = f"writes the role {name} with the policy {policy}"
        write = asker.may("POST", path, body, shows, namespace=entry.path, exists=exists)
        if write is None:
            return None
        login = login_with(f"auth/{mount.path}login", {"role_id": body["role_id"]}, entry.path)
        return Made(subject=Subject(namespace=entry.path, policies=(policy,)), steps=(write, login), token="gained")  # noqa: S106

    return made


def _own_policies(asker: Asker, entry: Namespace, path: str) -> Iterator[Offer]:
    """Offer any policy through the role that the agent itself logs in with."""

    def made(policy: str) -> Made | None:
        shows = f"gives its own login the policy {policy}"
        write = asker.may("POST", path, {"token_policies": [policy]}, shows, namespace=entry.path)
        if write is None:
            return None
        login = Step(
            request=Request(method="POST", path=wire_path(login_path(asker.role)), namespace=entry.path,
                            body={"${credential}": "${its own}"}),
            shows="logs in again with its own credential", by="none", takes={"gained": "auth.client_token"},
        )  # fmt: skip
        subject = replace(asker.subject, policies=(policy, "default"))
        return Made(subject=subject, steps=(write, login), token="gained")  # noqa: S106

    if made("default") is not None:
        yield Offer(namespace=entry.path, names=None, made=made)


def _foreign_role(asker: Asker, entry: Namespace, mount: AuthMount, role: AuthRole) -> Made | Gap | None:
    """Return the login through a role whose id can be read and for which a secret id can be made."""
    path, namespace = f"auth/{mount.path}role/{role.name}", entry.path
    body: dict[str, Any] = {"role_id": "${role_id}"}
    read = asker.may(
        "GET", f"{path}/role-id", None, f"reads the role id of {role.name}", namespace=namespace,
        takes={"role_id": "data.role_id"},
    )  # fmt: skip
    if read is None:
        body = {"role_id": f"{NAME}-{role.name}"}
        read = asker.may("POST", f"{path}/role-id", body, f"sets the role id of {role.name}", namespace=namespace)
    if read is None:
        return None
    steps = [read]
    if (role.data or {}).get("bind_secret_id") is not False:
        for ending, sent in (("secret-id", {}), ("custom-secret-id", {"secret_id": PASSWORD})):
            secret = asker.may(
                "POST", f"{path}/{ending}", sent, f"makes a secret id of {role.name}", namespace=namespace,
                takes={"secret_id": "data.secret_id"},
            )  # fmt: skip
            if secret is not None:
                break
        if secret is None:
            return None
        steps.append(secret)
        body["secret_id"] = "${secret_id}"  # noqa: S105  (the value that an earlier answer gave)
    return _as_role(asker, entry, path, steps, login_with(f"auth/{mount.path}login", body, namespace))


def _as_role(asker: Asker, entry: Namespace, path: str, steps: Iterable[Step], login: Step) -> Made | Gap:
    subject = subject_of(asker.world, namespace=entry.path, role=path)
    if isinstance(subject, Unknown):
        because = tuple(reason for step in steps for reason in step.because)
        return Gap(reason=f"who logs in through {entry.path}{path} is not known: {subject.reason}", because=because)
    return Made(subject=subject, steps=(*steps, login), token="gained")  # noqa: S106


def _by_userpass(asker: Asker, entry: Namespace, mount: AuthMount, rules: tuple[Rule, ...]) -> Iterator[Offer]:
    folder, namespace = f"auth/{mount.path}users/", entry.path
    existing = named(mount.roles)
    once = Once()
    names = asker.names(rules, namespace + folder, existing)
    for name in names:
        path = f"{folder}{name}"
        login = login_with(f"auth/{mount.path}login/{name}", {"password": PASSWORD}, namespace)
        written = _user(asker, entry, path, login, exists=name in existing)
        made = written("default")
        if made is not None and once.new(made.steps[0]):
            yield Offer(namespace=namespace, names=None, made=written)
        elif made is None and asker.role.strip("/") == path:
            yield from _own_policies(asker, entry, f"{path}/policies")

    def password(name: str) -> Made | Gap | None:
        path = f"{folder}{name}"
        login = login_with(f"auth/{mount.path}login/{name}", {"password": PASSWORD}, namespace)
        shows = f"sets the password of {name}"
        for where in (f"{path}/password", path):
            step = asker.may("POST", where, {"password": PASSWORD}, shows, namespace=namespace)
            if step is not None:
                return _as_role(asker, entry, path, [step], login)
        return None

    others = tuple(name for name in names if name in existing and asker.role.strip("/") != f"{folder}{name}")
    if others:
        yield Offer(namespace=namespace, names=others, made=password)


def _user(asker: Asker, entry: Namespace, path: str, login: Step, *, exists: bool) -> Callable[[str], Made | None]:
    def made(policy: str) -> Made | None:
        body = {"password": PASSWORD, "token_policies": [policy], "token_no_default_policy": True}
        shows = f"writes the user {path.rsplit('/', 1)[-1]} with the policy {policy}"
        step = asker.may("POST", path, body, shows, namespace=entry.path, exists=exists)
        subject = Subject(namespace=entry.path, policies=(policy,))
        return Made(subject=subject, steps=(step, login), token="gained") if step else None  # noqa: S106

    return made


_FOLDERS: Mapping[str, tuple[str, ...]] = {
    "jwt": ("role/",), "oidc": ("role/",), "kubernetes": ("role/",), "cert": ("certs/",), "ldap": ("users/", "groups/"),
    "radius": ("users/",), "github": ("map/teams/", "map/users/"), "aws": ("role/",), "gcp": ("role/",),
    "azure": ("role/",),
}  # fmt: skip


def _by_other(asker: Asker, entry: Namespace, mount: AuthMount, rules: tuple[Rule, ...]) -> Iterator[Offer]:
    """Offer what writing a role of another method gives to whoever can log in there."""
    for folder in _FOLDERS[mount.type]:
        existing = named(mount.roles)
        for name in asker.names(rules, f"{entry.path}auth/{mount.path}{folder}", existing):
            offer = Offer(
                namespace=entry.path, names=None,
                made=_external(asker, entry, mount, f"auth/{mount.path}{folder}{name}", exists=name in existing),
            )  # fmt: skip
            if offer.made("default") is not None:
                yield offer
                break


def _external(
    asker: Asker, entry: Namespace, mount: AuthMount, path: str, *, exists: bool
) -> Callable[[str], Made | None]:
    def made(policy: str) -> Made | None:
        shows = f"writes {path} with the policy {policy}"
        step = asker.may("POST", path, {"token_policies": [policy]}, shows, namespace=entry.path, exists=exists)
        if step is None:
            return None
        login = login_with(
            f"auth/{mount.path}login", {"role": path.rsplit("/", 1)[-1], "${credential}": "${its own}"}, entry.path
        )
        return Made(
            subject=Subject(namespace=entry.path, policies=(policy, "default")), steps=(step, login), token="gained",  # noqa: S106
            assuming=(f"the agent can log in at {entry.path}auth/{mount.path} with a credential of its own",),
        )  # fmt: skip

    return made
