"""A small platform of two tenants in a namespace of its own on a real server, and the replay of chains there."""

import itertools
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cred_audit.claims.takeover import judge_takeovers
from cred_audit.decide.vault.model import Alias, AuthMount, AuthRole, Entity, Group, Namespace, World
from cred_audit.demo.server import RunningServer
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict, Witness
from cred_audit.target.model import Agent, KvTerritory, PrincipalKind, Tenant, Territory, VaultPrincipal
from tests.checks.real import snapshot_of, world_of
from tests.fuzz.wire import Wire, refused

OWN = 'path "secret/data/acme/*" { capabilities = ["create", "read", "update", "delete"] }\n'
BETA = 'path "secret/data/beta/*" { capabilities = ["create", "read", "update", "delete"] }\n'
_NUMBERS = itertools.count()


@dataclass(slots=True)
class Lab:
    """Tenants acme and beta, each with a userpass login `<tenant>`, an entity and a policy; acme also holds `ctl`."""

    wire: Wire
    namespace: str
    accessors: dict[str, str] = field(default_factory=dict)
    entities: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def admin(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a request as root into the lab's namespace."""
        return self.wire.admin(method, path, body, namespace=self.namespace)

    def policy(self, name: str, text: str) -> None:
        """Write a policy."""
        self.admin("POST", f"sys/policies/acl/{name}", {"policy": text})

    def login(self, tenant: str) -> str:
        """Log an agent in; returns its token."""
        status, answer = self.wire.ask(
            "POST", f"auth/userpass/login/{tenant}", {"password": f"pw-{tenant}"}, token="", namespace=self.namespace
        )
        assert status == 200, answer
        return str(answer["auth"]["client_token"])

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, token: str = "") -> tuple[int, Any]:
        """Send a request with acme's token (or another)."""
        headers = {"Content-Type": "application/merge-patch+json"} if method == "PATCH" else {}
        return self.wire.ask(
            method, path, body, token=token or self.tokens["acme"], namespace=self.namespace, headers=headers
        )

    def world(self) -> World:
        """Read the lab back."""
        import hvac  # noqa: PLC0415

        client = hvac.Client(url=f"http://{self.wire.host}", token=self.wire.token)
        known = world_of(client, (self.namespace,))
        entry = known.namespaces[0]
        entry = replace(
            entry,
            auth_mounts=tuple(self._method(mount) for mount in entry.auth_mounts or ()),
            entities=tuple(self._entity(one) for one in entry.entities or ()),
            groups=tuple(self._group(one) for one in entry.groups or ()),
        )
        flags = self.wire.admin("GET", "sys/config/state/sanitized")["data"]
        root = (Namespace(path=""),) if self.namespace else ()
        return replace(known, server=replace(known.server, flags=flags), namespaces=(*root, entry))

    def _method(self, mount: AuthMount) -> AuthMount:
        if mount.type != "approle":
            return mount
        roles = []
        for role in mount.roles or ():
            identity = self.admin("GET", f"auth/{mount.path}role/{role.name}/role-id")["data"]["role_id"]
            roles.append(AuthRole(kind=role.kind, name=role.name, data={**(role.data or {}), "role_id": identity}))
        return replace(mount, roles=tuple(roles))

    def _entity(self, entity: Entity) -> Entity:
        data = self.admin("GET", f"identity/entity/id/{entity.id}")["data"]
        aliases = tuple(
            Alias(id=alias["id"], name=alias["name"], mount_accessor=alias["mount_accessor"],
                  metadata=alias["metadata"] or {}) for alias in data["aliases"] or ()
        )  # fmt: skip
        return replace(entity, metadata=data["metadata"] or {}, aliases=aliases)

    def _group(self, group: Group) -> Group:
        data = self.admin("GET", f"identity/group/id/{group.id}")["data"]
        return replace(group, type=data["type"], member_group_ids=tuple(data["member_group_ids"] or ()))

    def snapshot(self) -> Snapshot:
        """Return what an audit of the lab sees."""
        tenants = tuple(
            Tenant(
                id=name,
                agents=(Agent(id=name, vault=VaultPrincipal(
                    kind=PrincipalKind.ROLE, namespace=self.namespace, role=f"auth/userpass/users/{name}")),),
                territory=Territory(vault=self.territory(name)),
            )
            for name in ("acme", "beta")
        )  # fmt: skip
        return replace(snapshot_of(self.world(), *tenants), taken_at=datetime.now(UTC))

    def territory(self, name: str) -> tuple[KvTerritory, ...]:
        """Return a tenant's territory: its folder, and its own mount where there is one."""
        mounts = self.admin("GET", "sys/mounts")["data"]
        own = (KvTerritory(mount=f"{name}-kv/", namespace=self.namespace),) if f"{name}-kv/" in mounts else ()
        return (KvTerritory(mount="secret/", prefix=f"{name}/", namespace=self.namespace), *own)

    def judged(self) -> tuple[Finding, ...]:
        """Return the findings about acme."""
        return tuple(finding for finding in judge_takeovers(self.snapshot()) if finding.tenant == "acme")

    def replay(self, finding: Finding) -> tuple[int, Any]:
        """Send a chain with acme's own token, a secret put at the end first; returns the last answer."""
        assert finding.witness is not None
        values = {"agent": self.tokens["acme"], "none": ""}
        last = finding.witness
        for step in last.before:
            status, answer = self._sent(step, values)
            assert status < 300, (finding.summary, step.fields, status, answer)
            for name, place in step.fields.get("takes", {}).items():
                value: Any = answer
                for part in place.split("."):
                    value = value[part]
                values[name] = value
        for _ in range(100):
            if last.fields["operation"] == "read" and "/data/" in last.fields["path"]:
                body = {"data": {"k": "of beta"}}
                self.wire.ask("POST", last.fields["path"], body, namespace=last.fields["namespace"])
            status, answer = self._sent(last, values)
            if status != 404 and "pgrading" not in json.dumps(answer):
                break
            time.sleep(0.1)  # a mount is on its way, or its engine is
        return status, answer

    def _sent(self, step: Witness, values: Mapping[str, str]) -> tuple[int, Any]:
        fields = step.fields
        token = fields["token"]
        token = values[token[2:-1]] if token.startswith("${") else values[token]
        body = fields.get("body")
        if body is not None and "${credential}" in body:
            body = {"password": "pw-acme"}
        if body is not None:
            body = json.loads(_filled(json.dumps(body), values))
        return self.wire.ask(
            fields["method"], _filled(fields["path"], values), body, token=token, namespace=fields["namespace"],
            headers=fields.get("headers"),
        )  # fmt: skip


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda found: values[found.group(1)], text)


def lab_on(server: RunningServer, ctl: str, *, root: bool = False) -> Lab:
    """Set the platform up, in a new namespace or in the root namespace."""
    wire = Wire(server.address, server.token)
    name = "" if root else f"lab{next(_NUMBERS)}"
    if name:
        wire.admin("POST", f"sys/namespaces/{name}")
    lab = Lab(wire, f"{name}/" if name else "")
    if name:
        lab.admin("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
    for kind in ("userpass", "approle"):
        lab.admin("POST", f"sys/auth/{kind}", {"type": kind})
    lab.accessors = {path: data["accessor"] for path, data in lab.admin("GET", "sys/auth")["data"].items()}
    for tenant, text in (("acme", OWN), ("beta", BETA)):
        lab.policy(tenant, text)
        lab.admin("POST", f"auth/userpass/users/{tenant}", {
            "password": f"pw-{tenant}", "token_policies": [tenant, *(["ctl"] if tenant == "acme" else [])],
        })  # fmt: skip
        body = {"name": tenant, "metadata": {"tenant": tenant}}
        lab.entities[tenant] = lab.admin("POST", "identity/entity", body)["data"]["id"]
        body = {"name": tenant, "canonical_id": lab.entities[tenant], "mount_accessor": lab.accessors["userpass/"]}
        lab.admin("POST", "identity/entity-alias", body)
    lab.policy("ctl", ctl or 'path "cubbyhole/nothing" { capabilities = ["read"] }')
    lab.tokens["acme"] = lab.login("acme")
    return lab


def worst_of(findings: tuple[Finding, ...]) -> Verdict:
    """Return the worst verdict."""
    verdicts = {finding.verdict for finding in findings}
    return next(one for one in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS) if one in verdicts)


def got_through(status: int, answer: Any) -> bool:
    """Whether the policies and the handlers let a request through."""
    return status < 300 and not refused(status, answer)
