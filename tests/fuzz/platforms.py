"""Random small platforms on a real server: what `reach` says against what every agent's own token gets.

Run `python -m tests.fuzz.platforms --seconds N [--seed S]`. Every secret of every other tenant is tried with
every spelling; each witness is replayed, and each tenant that a grant names must be reached by a witness of
its own.
"""

import argparse
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cred_audit.decide import Effect
from cred_audit.decide.vault.engine import Engine
from cred_audit.decide.vault.identity import subject_of
from cred_audit.decide.vault.model import (
    Alias,
    AuthMount,
    AuthRole,
    Entity,
    Mount,
    Namespace,
    PolicyDocument,
    Request,
    Server,
    Subject,
    World,
)  # fmt: skip
from cred_audit.decide.vault.reach import Owners, TerritoryIndex
from cred_audit.decide.vault.territory import Holding, KvHolding, NamespaceHolding, OperationClass, PathHolding
from cred_audit.demo.server import running_server
from tests.fuzz.wire import Wire, refused

READ, LIST, WRITE = OperationClass.READ, OperationClass.LIST, OperationClass.WRITE
NAMES = ("a", "ab", "b", "b-eu", "acme", "eu")
LAYOUTS = ("prefix", "bare prefix", "nested", "mount", "namespace", "suffix", "exact suffix", "template")
CAPABILITIES = ("read", "list", "scan", "create", "update", "patch", "delete")
NOW = datetime.now(UTC)


@dataclass(slots=True)
class Secret:
    """One stored secret."""

    namespace: str
    mount: str
    key: str


@dataclass(slots=True)
class Agent:
    """One agent with its real token and what the engine takes it for."""

    tenant: str
    token: str
    principal: dict[str, Any]


@dataclass(slots=True)
class Platform:
    """What was written to the server."""

    layout: str
    tag: str
    version: int
    tenants: list[str]
    agents: list[Agent] = field(default_factory=list)
    holdings: list[Holding] = field(default_factory=list)
    secrets: dict[str, list[Secret]] = field(default_factory=dict)
    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    mounts: dict[str, list[Mount]] = field(default_factory=dict)
    users: list[AuthRole] = field(default_factory=list)
    roles: list[AuthRole] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)
    namespaces: list[str] = field(default_factory=lambda: [""])


class Builder:
    """Makes platforms on one server, each with names of its own."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.default = wire.admin("GET", "sys/policies/acl/default")["data"]["policy"]
        wire.admin("POST", "sys/auth/userpass", {"type": "userpass"})
        wire.admin("POST", "sys/auth/approle", {"type": "approle"})
        methods = wire.admin("GET", "sys/auth")["data"]
        self.accessors = {name: methods[name]["accessor"] for name in ("userpass/", "approle/")}

    def build(self, number: int, source: random.Random) -> Platform:
        """Write one random platform to the server."""
        layout = source.choice(LAYOUTS)
        tenants = source.sample(NAMES, source.randint(2, 5))
        platform = Platform(layout=layout, tag=f"p{number}", version=source.choice((1, 2, 2)), tenants=tenants)
        self._territories(platform)
        for tenant in tenants:
            for each in range(source.choice((1, 1, 2))):
                platform.agents.append(self._agent(platform, tenant, each, source))
        return platform

    def _mount(self, platform: Platform, namespace: str, path: str) -> None:
        options = {"version": str(platform.version)}
        self.wire.admin("POST", f"sys/mounts/{path[:-1]}", {"type": "kv", "options": options}, namespace=namespace)
        platform.mounts.setdefault(namespace, []).append(Mount(path=path, type="kv", version=platform.version))

    def _territories(self, platform: Platform) -> None:
        layout, tag = platform.layout, platform.tag
        shared = layout not in ("mount", "namespace")
        if shared:
            self._mount(platform, "", f"{tag}/")
        view = "data/" if platform.version == 2 else ""
        for tenant in platform.tenants:
            namespace, mount, keys = "", f"{tag}/", [f"{tenant}/s", f"{tenant}/d/e"]
            what: KvHolding | NamespaceHolding | PathHolding = KvHolding(mount=mount, prefix=f"{tenant}/")
            if layout == "bare prefix":
                keys = [f"{tenant}-s", f"{tenant}/d/e"]
                what = KvHolding(mount=mount, prefix=f"{tenant}-") if tenant != "b" else what
                keys = keys[:1] if tenant != "b" else [f"{tenant}/s"]
            elif layout == "nested":
                keys = [f"eu/x/{key}" for key in keys]
                what = KvHolding(mount=mount, prefix=f"eu/x/{tenant}/")
            elif layout == "mount":
                mount, keys = f"{tag}-{tenant}/", ["s", "d/e"]
                what = KvHolding(mount=mount)
                self._mount(platform, "", mount)
            elif layout == "namespace":
                namespace, mount, keys = f"{tag}-{tenant}/", "kv/", ["s", "d/e"]
                self.wire.admin("POST", f"sys/namespaces/{tag}-{tenant}")
                platform.namespaces.append(namespace)
                what = NamespaceHolding(namespace=namespace)
                self._mount(platform, namespace, mount)
            elif layout == "suffix":
                keys = [f"x/{tenant}/s", f"y/{tenant}/d/e"]
                what = PathHolding(pattern=f"{tag}/{view}+/{tenant}/*")
            elif layout == "exact suffix":
                keys = [f"x/{tenant}", f"y/{tenant}"]
                what = PathHolding(pattern=f"{tag}/{view}+/{tenant}")
            platform.holdings.append(Holding(owner=tenant, what=what))
            platform.secrets[tenant] = [Secret(namespace=namespace, mount=mount, key=key) for key in keys]
            for secret in platform.secrets[tenant]:
                self.store(platform, secret)

    def store(self, platform: Platform, secret: Secret) -> None:
        """Write a secret anew."""
        view, body = ("data/", {"data": {"k": "v"}}) if platform.version == 2 else ("", {"k": "v"})
        self.wire.admin("POST", f"{secret.mount}{view}{secret.key}", body, namespace=secret.namespace)

    def _policy(self, platform: Platform, namespace: str, name: str, text: str) -> None:
        self.wire.admin("POST", f"sys/policies/acl/{name}", {"policy": text}, namespace=namespace)
        platform.texts[namespace, name] = text

    def _agent(self, platform: Platform, tenant: str, each: int, source: random.Random) -> Agent:
        name = f"{platform.tag}-{tenant}-{each}"
        inside = platform.layout == "namespace" and source.random() < 0.6
        namespace = f"{platform.tag}-{tenant}/" if inside else ""
        names = []
        for number in range(source.choice((1, 1, 2))):
            self._policy(platform, namespace, f"{name}-{number}", "".join(clauses(platform, tenant, source, namespace)))
            names.append(f"{name}-{number}")
        kind = source.choice(("policies", "approle", "userpass", "entity")) if not inside else "policies"
        if platform.layout == "template":
            kind = source.choice(("approle", "userpass", "entity"))
        if kind == "policies":
            body = {"policies": names, "no_default_policy": True}
            if inside:
                self.wire.admin("POST", "auth/token/roles/any", {"allowed_policies_glob": ["*"]}, namespace=namespace)
            auth = self.wire.admin("POST", "auth/token/create", body, namespace=namespace)["auth"]
            return Agent(tenant, auth["client_token"], {"namespace": namespace, "policies": tuple(names)})
        return self._login(platform, kind, tenant, name, names, source)

    def _login(  # noqa: PLR0913, PLR0917  (the parts of a login)
        self, platform: Platform, kind: str, tenant: str, name: str, names: list[str], source: random.Random
    ) -> Agent:
        no_default = source.random() < 0.7
        settings = {"token_policies": names if kind != "entity" else [], "token_no_default_policy": no_default}
        if kind == "approle":
            mount, role = "approle/", f"auth/approle/role/{name}"
            self.wire.admin("POST", role, settings)
            alias = self.wire.admin("GET", f"{role}/role-id")["data"]["role_id"]
            secret = self.wire.admin("POST", f"{role}/secret-id", {})["data"]["secret_id"]
            login = ("auth/approle/login", {"role_id": alias, "secret_id": secret})
            platform.roles.append(AuthRole(kind="role", name=name, data={**settings, "role_id": alias}))
        else:
            mount, alias, role = "userpass/", name, f"auth/userpass/users/{name}"
            self.wire.admin("POST", role, {**settings, "password": "pass-word-1"})
            login = (f"auth/userpass/login/{name}", {"password": "pass-word-1"})
            platform.users.append(AuthRole(kind="users", name=name, data=settings))
        entity = None
        if kind == "entity" or source.random() < 0.7:
            entity = self._entity(mount, alias, name, tenant, names if kind == "entity" else [], source)
        token = self.wire.admin("POST", *login)["auth"]["client_token"]
        if entity is not None:
            platform.entities.append(entity)
        if kind == "entity":
            own = () if no_default else ("default",)
            return Agent(tenant, token, {"entity": name, "policies": own})
        return Agent(tenant, token, {"role": role})

    def _entity(  # noqa: PLR0913, PLR0917  (the parts of an entity)
        self, mount: str, alias: str, name: str, tenant: str, policies: list[str], source: random.Random
    ) -> Entity:
        metadata = {"tenant": source.choice((tenant, tenant, tenant, "", "b"))} if source.random() < 0.9 else {}
        body = {"name": name, "metadata": metadata, "policies": policies}
        identity = self.wire.admin("POST", "identity/entity", body)["data"]["id"]
        accessor = self.accessors[mount]
        body = {"name": alias, "canonical_id": identity, "mount_accessor": accessor}
        self.wire.admin("POST", "identity/entity-alias", body)
        aliases = (Alias(name=alias, mount_accessor=accessor),)
        return Entity(id=identity, name=name, metadata=metadata, policies=tuple(policies), aliases=aliases)

    def world(self, platform: Platform) -> World:
        """Return what a collector would have read."""
        namespaces = []
        for path in platform.namespaces:
            policies = [PolicyDocument(namespace=path, name=name, text=text)
                        for (where, name), text in platform.texts.items() if where == path]  # fmt: skip
            policies.append(PolicyDocument(namespace=path, name="default", text=self.default))
            methods: tuple[AuthMount, ...] = ()
            if not path:
                methods = (
                    AuthMount(path="userpass/", type="userpass", accessor=self.accessors["userpass/"],
                              roles=tuple(platform.users)),
                    AuthMount(path="approle/", type="approle", accessor=self.accessors["approle/"],
                              roles=tuple(platform.roles)),
                )  # fmt: skip
            namespaces.append(Namespace(
                path=path, policies=tuple(policies), mounts=tuple(platform.mounts.get(path, ())), auth_mounts=methods,
                entities=() if path else tuple(platform.entities),
            ))  # fmt: skip
        server = Server(product="openbao", version="2.7.2")
        return World(server=server, namespaces=tuple(sorted(namespaces, key=lambda entry: entry.path)))


def clauses(platform: Platform, tenant: str, source: random.Random, namespace: str) -> Iterator[str]:
    """Yield the random clauses of one policy, many of them nearly right."""
    for _ in range(source.randint(1, 4)):
        whose = tenant if source.random() < 0.6 else source.choice(platform.tenants)
        view = source.choice(("data", "data", "metadata", "metadata", "delete", "destroy", "subkeys", "+"))
        if platform.layout == "template" and source.random() < 0.7:
            whose = source.choice(("{{identity.entity.metadata.tenant}}", "{{identity.entity.name}}"))
        middle = f"{view}/" if platform.version == 2 else ""
        mount = f"{platform.tag}/"
        tails: tuple[str, ...]
        if platform.layout == "mount":
            mount = source.choice((f"{platform.tag}-{whose}/", f"{platform.tag}-{whose}/", "+/"))
            tails = ("*", "s", "+", "", "d/*", "+/e", "d")
        elif platform.layout == "namespace":
            inside = "" if namespace else source.choice((f"{platform.tag}-{whose}/", "+/", f"{platform.tag}-{whose}/"))
            mount, tails = f"{inside}kv/", ("*", "s", "+", "", "d/*", "+/e", "d")
        elif "suffix" in platform.layout:
            tails = (
                f"+/{whose}/*",
                f"x/{whose}/*",
                f"+/{whose}",
                f"+/{whose}*",
                "+",
                "+/+",
                "x/*",
                "",
                "*",
                "+/+/s",
                "x",
            )
        else:
            root = "eu/x/" if platform.layout == "nested" else ""
            tails = (f"{root}{whose}/*", f"{root}{whose}/*", f"{root}{whose}/+", f"{root}{whose}*", f"{root}+/s",
                     f"{root}+/d/*", f"{root}+", "+", "*", "", root, root[:-1], f"{root}{whose}", f"{root}{whose}-s",
                     f"{root}{whose}/s", f"{root}/{whose}/*")  # fmt: skip
        path = f"{mount}{middle}{source.choice(tails)}"
        if source.random() < 0.15 and path.endswith("/"):
            path = path[:-1]
        granted = source.sample(CAPABILITIES, source.randint(1, 3)) if source.random() < 0.75 else ["deny"]
        extra = source.choice(EXTRAS) if source.random() < 0.15 and granted != ["deny"] else ""
        names = ", ".join(f'"{name}"' for name in granted)
        yield f'path "{path}" {{ capabilities = [{names}] {extra} }}\n'


EXTRAS = (
    'min_wrapping_ttl = "5s"', 'max_wrapping_ttl = "60s"', 'required_parameters = ["data"]',
    'allowed_parameters = { "data" = [] }', 'allowed_parameters = { "versions" = [] }',
    'denied_parameters = { "data" = [] }', 'denied_parameters = { "*" = [] }', "pagination_limit = 5",
    'required_parameters = ["version"]', 'allowed_parameters = { "k" = ["x*"] }',
)  # fmt: skip


def attempts(platform: Platform, secret: Secret) -> Iterator[tuple[OperationClass, Request]]:
    """Yield every request that touches a secret, in every spelling, the harmless ones first."""
    version, mount, key = platform.version, secret.mount, secret.key
    patch = {"Content-Type": "application/merge-patch+json"}
    wrap = {"X-Vault-Wrap-TTL": "10s"}
    made: list[tuple[OperationClass, str, str, dict[str, Any] | None, dict[str, str]]] = []
    folders = [key.rsplit("/", depth)[0] if depth <= key.count("/") else "" for depth in range(1, key.count("/") + 2)]
    if version == 1:
        made += [(READ, "GET", key, None, {}), (READ, "GET", key, None, wrap)]
        for folder in folders:
            made += [(LIST, verb, folder, None, {}) for verb in ("LIST", "SCAN")]
            made += [(LIST, verb, f"{folder}?limit=2", None, {}) for verb in ("LIST", "SCAN")]
        made += [(WRITE, "POST", key, {"k": "x"}, {}), (WRITE, "DELETE", key, None, {})]
    else:
        made += [(READ, "GET", f"{view}/{key}", None, extra) for view in ("data", "subkeys") for extra in ({}, wrap)]
        made += [(READ, "GET", f"data/{key}?version=1", None, {})]
        for spelling in spellings(key):
            made += [(LIST, "GET", f"metadata/{spelling}", None, {})]
        for folder in folders:
            for spelling in spellings(folder):
                for verb in ("LIST", "SCAN"):
                    made += [(LIST, verb, f"metadata/{spelling}", None, {}),
                             (LIST, verb, f"detailed-metadata/{spelling}", None, {})]  # fmt: skip
        for spelling in [text for text in spellings(key) if not text.endswith(("/", "%2F"))]:
            value = {"data": {"k": "x"}}
            made += [(WRITE, "PATCH", f"metadata/{spelling}", {"max_versions": 9}, patch),
                     (WRITE, "POST", f"metadata/{spelling}", {"max_versions": 9}, {}),
                     (WRITE, "POST", f"undelete/{spelling}", {"versions": [1]}, {}),
                     (WRITE, "POST", f"data/{spelling}", value, {}),
                     (WRITE, "POST", f"delete/{spelling}", {"versions": [1]}, {}),
                     (WRITE, "POST", f"destroy/{spelling}", {"versions": [1]}, {})]  # fmt: skip
        made += [(WRITE, "PATCH", f"data/{key}", {"data": {"k": "x"}}, patch)]
        made += [(WRITE, "DELETE", f"{view}/{spelling}", None, {}) for spelling in spellings(key)
                 for view in ("data", "metadata")]  # fmt: skip
    for wanted, method, path, body, headers in made:
        yield (
            wanted,
            Request(
                method=method, path=mount + path, namespace=secret.namespace, body=body, headers=headers, exists=True
            ),
        )


def spellings(key: str) -> Iterator[str]:
    """Yield the spellings that KV v2 takes for the same key."""
    yield key
    if key:
        yield f"%2F{key}"
        yield f"{key}/"
        yield f"{key}/%2F"
        if "/" in key:
            yield key.replace("/", "/%2F")


def send(wire: Wire, agent: Agent, request: Request) -> bool:
    """Send a request with an agent's own token; returns whether it gets through."""
    status, answer = wire.ask(
        request.method, request.path, request.body, token=agent.token, namespace=request.namespace,
        headers=request.headers,
    )  # fmt: skip
    return not refused(status, answer)


def truth(builder: Builder, platform: Platform, agent: Agent) -> dict[OperationClass, dict[str, Request]]:
    """Return whom an agent's token really reaches, with a request that does."""
    reached: dict[OperationClass, dict[str, Request]] = {READ: {}, LIST: {}, WRITE: {}}
    for tenant, secrets in platform.secrets.items():
        if tenant == agent.tenant:
            continue
        for secret in secrets:
            for wanted, request in attempts(platform, secret):
                if tenant not in reached[wanted] and send(builder.wire, agent, request):
                    reached[wanted][tenant] = request
                    if wanted is WRITE:
                        builder.store(platform, secret)
    return reached


def names_of(owners: Owners, tenants: list[str]) -> set[str]:
    """Return a set of owners by name."""
    return set(owners.names) if owners.all_except is None else set(tenants) - set(owners.all_except)


def compare(builder: Builder, platform: Platform) -> list[str]:
    """Return every disagreement between `reach` and the server."""
    world = builder.world(platform)
    engine = Engine(world, NOW)
    index = TerritoryIndex(world, platform.holdings)
    faults = []
    for agent in platform.agents:
        subject = subject_of(world, **agent.principal)
        if not isinstance(subject, Subject):
            faults.append(f"{agent.principal}: {subject}")
            continue
        real = truth(builder, platform, agent)
        for wanted in (READ, LIST, WRITE):
            answer = index.reach(engine, subject, wanted, own=agent.tenant)
            found: set[str] = set()
            for grant in answer.grants:
                found |= names_of(grant.owners, platform.tenants) if grant.effect is Effect.ALLOW else set()
                if grant.effect is Effect.UNKNOWN and not agent_is_open(subject):
                    faults.append(f"{agent.tenant} {wanted.value}: unknown {grant}")
                faults += replayed(builder, platform, agent, grant, wanted.value)
            missed = real[wanted].keys() - found
            faults += [f"{agent.tenant} {wanted.value}: missed {name} {real[wanted][name]}" for name in sorted(missed)]
            for tenant in sorted(found - real[wanted].keys()):
                pair = [holding for holding in platform.holdings if holding.owner in (tenant, agent.tenant)]
                alone = TerritoryIndex(world, pair).reach(engine, subject, wanted, own=agent.tenant)
                if not alone.grants:
                    faults.append(f"{agent.tenant} {wanted.value}: no witness at {tenant} alone")
                for grant in alone.grants:
                    faults += replayed(builder, platform, agent, grant, f"{wanted.value} at {tenant}")
    return faults


def agent_is_open(subject: Subject) -> bool:
    """Whether some values of the subject are only known once it logs in."""
    return bool(subject.free)


def replayed(builder: Builder, platform: Platform, agent: Agent, grant: Any, what: str) -> list[str]:
    """Replay a grant's witness; an object that must be there is put there first."""
    request: Request | None = grant.witness
    if request is None or grant.effect is not Effect.ALLOW or any("login's" in text for text in grant.assuming):
        return []
    if any("is stored at" in text for text in grant.assuming):
        prepare(builder, platform, request)
    if request.exists is False and platform.version == 2 and request.path.count("/") > 1:
        mount, _, key = request.path.split("/", 2)
        builder.wire.ask("DELETE", f"{mount}/metadata/{key}", namespace=request.namespace)
    elif request.exists is False:
        builder.wire.ask("DELETE", request.path, namespace=request.namespace)
    if send(builder.wire, agent, request):
        return []
    return [f"{agent.tenant} {what}: the witness {request} is refused, by {grant.because[0].clause}"]


def prepare(builder: Builder, platform: Platform, request: Request) -> None:
    """Store something where a request would write."""
    if platform.version == 1:
        builder.wire.admin("POST", request.path, {"k": "v"}, namespace=request.namespace)
        return
    mount, view, key = request.path.split("/", 2)
    del view
    builder.wire.ask("POST", f"{mount}/data/{key}", {"data": {"k": "v"}}, namespace=request.namespace)


def described(platform: Platform) -> str:
    """Return a platform as text, for a report of what went wrong."""
    lines = [f"{platform.layout} v{platform.version} {platform.tenants} {platform.tag}"]
    lines += [f"  {where}{name}: {text.strip()}" for (where, name), text in platform.texts.items()]
    lines += [f"  {agent.tenant}: {agent.principal}" for agent in platform.agents]
    lines += [f"  {entity.name}: {entity.metadata} {entity.policies}" for entity in platform.entities]
    return "\n".join(lines)


def run(address: str, token: str, seconds: float, seed: int) -> tuple[int, int, list[str]]:
    """Compare random platforms for some seconds; returns platforms, requests and disagreements."""
    builder = Builder(Wire(address, token))
    until = time.monotonic() + seconds
    faults: list[str] = []
    number = 0
    while time.monotonic() < until and len(faults) < 10:
        platform = builder.build(number, random.Random(seed * 1_000_003 + number))  # noqa: S311  (no secret)
        number += 1
        found = compare(builder, platform)
        if found:
            faults.append("\n".join([described(platform), *found]))
    return number, builder.wire.sent, faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with running_server() as server:
        number, sent, faults = run(server.address, server.token, arguments.seconds, arguments.seed)
    print("\n\n".join(faults))  # noqa: T201  (the result)
    print(f"{number} platforms, {sent} requests, {len(faults)} with disagreements")  # noqa: T201  (the result)
    raise SystemExit(1 if faults else 0)


if __name__ == "__main__":
    main()
