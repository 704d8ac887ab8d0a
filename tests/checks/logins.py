"""Auth methods of a real server, ready for roles, and snapshots in which they were not seen."""

from collections.abc import Iterator
from dataclasses import replace

import hvac
import requests

from cred_audit.check import Witness
from cred_audit.decide.vault.model import AuthMount
from cred_audit.facts import Snapshot
from cred_audit.target.model import Agent, KvTerritory, PrincipalKind, Tenant, Territory, VaultPrincipal
from tests.checks.real import hidden, read, write


def method(admin: hvac.Client, kind: str) -> None:
    """Enable an auth method under its own name, with what roles need."""
    write(admin, f"sys/auth/{kind}", {"type": kind})
    if kind == "jwt":
        write(admin, "sys/mounts/transit", {"type": "transit"})
        write(admin, "transit/keys/issuer", {"type": "ecdsa-p256"})
        key = read(admin, "transit/keys/issuer")
        assert key is not None
        write(admin, "auth/jwt/config", {"jwt_validation_pubkeys": [key["keys"]["1"]["public_key"]]})
    if kind == "kubernetes":
        write(admin, "auth/kubernetes/config", {"kubernetes_host": "http://127.0.0.1:1", "kubernetes_ca_cert": "x"})


def authority_of(admin: hvac.Client) -> str:
    """Return the certificate of an authority that the server makes."""
    write(admin, "sys/mounts/authority", {"type": "pki"})
    made = write(admin, "authority/root/generate/internal", {"common_name": "authority"})
    return str(made["data"]["certificate"])


def _each(snapshot: Snapshot, **fields: object) -> Snapshot:
    def change(mount: AuthMount) -> AuthMount:
        return replace(mount, **fields)  # type: ignore[arg-type]

    return hidden(
        snapshot, lambda entry: replace(entry, auth_mounts=tuple(map(change, entry.auth_mounts or ())))
    )  # fmt: skip


def hide_roles(snapshot: Snapshot) -> Iterator[Snapshot]:
    """Yield the snapshot without the fields of roles, without the roles, and without the auth methods."""
    yield hidden(
        snapshot,
        lambda entry: replace(entry, auth_mounts=tuple(
            replace(mount, roles=tuple(replace(role, data=None) for role in mount.roles or ()))
            for mount in entry.auth_mounts or ()
            if mount.type != "token"
        )),
    )  # fmt: skip
    yield _each(snapshot, roles=None)
    yield hidden(snapshot, lambda entry: replace(entry, auth_mounts=None))


def hide_tune(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot without the settings of mounts and auth methods."""
    bare = _each(snapshot, tune=None)
    return hidden(
        bare, lambda entry: replace(entry, mounts=tuple(replace(mount, tune=None) for mount in entry.mounts or ()))
    )  # fmt: skip


def acting(
    name: str, *, role: str = "", entity: str = "", policies: tuple[str, ...] | None = None, namespace: str = ""
) -> Tenant:
    """Return a tenant with one agent, given by a role, an entity or policies."""
    kind = PrincipalKind.ROLE if role else PrincipalKind.ENTITY if entity else PrincipalKind.POLICIES
    principal = VaultPrincipal(kind=kind, namespace=namespace, role=role, entity=entity, policies=policies)
    return Tenant(
        id=name,
        agents=(Agent(id="agent", vault=principal),),
        territory=Territory(vault=(KvTerritory(mount="secret/", prefix=f"{name}/"),)),
    )


def user(admin: hvac.Client, name: str, *policies: str) -> str:
    """Write a user of userpass and its entity, and return the entity's id; the login is the user's own."""
    write(admin, f"auth/userpass/users/{name}", {"password": name, "token_policies": list(policies)})
    methods = read(admin, "sys/auth")
    assert methods is not None
    write(admin, "identity/entity", {"name": name})
    entity = read(admin, f"identity/entity/name/{name}")
    assert entity is not None
    alias = {"name": name, "canonical_id": entity["id"], "mount_accessor": methods["userpass/"]["accessor"]}
    write(admin, "identity/entity-alias", alias)
    return str(entity["id"])


def login(admin: hvac.Client, name: str) -> str:
    """Log in as a user and return the token."""
    return str(write(admin, f"auth/userpass/login/{name}", {"password": name})["auth"]["client_token"])


def replay(address: str, token: str, witness: Witness) -> int:
    """Send a witness with the agent's own token and return the status of the answer."""
    fields = witness.fields
    headers = {"X-Vault-Token": token, "X-Vault-Namespace": fields["namespace"]}
    url = f"{address}/v1/{fields['path']}"
    return requests.request(
        fields["method"], url, headers=headers, json=fields.get("body"), timeout=5, stream=True
    ).status_code  # fmt: skip
