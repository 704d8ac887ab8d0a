"""A platform with a recognisable secret in every place that the server has for one."""

import base64
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import hvac

from cred_audit.demo.server import RunningServer
from cred_audit.target.model import (
    Agent,
    KvTerritory,
    NamespaceTerritory,
    PrincipalKind,
    SecretRef,
    Target,
    Tenant,
    Territory,
    VaultPrincipal,
    VaultSource,
)

_NUMBERS = itertools.count(1)


@dataclass(slots=True)
class Planted:
    """What was planted."""

    secrets: list[str] = field(default_factory=list)
    """Texts that may show up nowhere."""
    readable: list[tuple[str, str, str]] = field(default_factory=list)
    """Namespace, method and path of requests that would show a secret to a token that may make them."""

    def canary(self, place: str) -> str:
        """Return a new secret for a place."""
        text = f"CANARY-{place}-{next(_NUMBERS):04d}-zq7x"
        self.secrets.append(text)
        return text

    def made(self, value: Any) -> None:
        """Note a secret that the server made."""
        if isinstance(value, str) and value:
            self.secrets.append(value)


@dataclass(frozen=True, slots=True)
class Server:
    """Sends requests with the root token."""

    client: hvac.Client

    def post(self, path: str, namespace: str = "", /, **body: Any) -> dict[str, Any]:
        return self.send("post", path, namespace, json=body)

    def send(self, method: str, path: str, namespace: str = "", **more: Any) -> dict[str, Any]:
        headers = {"X-Vault-Namespace": namespace} if namespace else {}
        answer = self.client.adapter.request(method, f"/v1/{path}", headers=headers, **more)
        return answer if isinstance(answer, dict) else {}


def target_for(bao: RunningServer, *agents: Agent) -> Target:
    """Return a target with one tenant for a running server."""
    tenant = Tenant(
        id="acme",
        agents=agents,
        territory=Territory(vault=(KvTerritory(mount="secret/", prefix="acme/"), NamespaceTerritory(namespace="t1/"))),
    )
    return Target(name="planted", tenants=(tenant,), vault=VaultSource(address=bao.address), others=True)


def token_agent(name: str, variable: str) -> Agent:
    """Return an agent whose token an environment variable gives."""
    return Agent(id=name, vault=VaultPrincipal(kind=PrincipalKind.TOKEN, token=SecretRef(env=variable)))


def plant(client: hvac.Client) -> Planted:
    """Build the platform."""
    server, planted = Server(client), Planted()
    _namespaces(server, planted)
    _kv(server, planted)
    _methods(server, planted)
    _engines(server, planted)
    _identity(server, planted)
    server.post("sys/quotas/rate-limit/gentle", rate=100_000, path="secret/")
    return planted


def _namespaces(server: Server, planted: Planted) -> None:
    server.post("sys/namespaces/t1")
    server.post("sys/namespaces/deep", "t1")
    server.post("sys/namespaces/t2")
    for name in ("t1", "t1/deep"):
        server.post("sys/mounts/kv", name, type="kv", options={"version": "1"})
        server.post("sys/mounts/kv2", name, type="kv", options={"version": "2"})
        server.post("kv/config", name, value=planted.canary("kv1-config"))
        server.post("kv/roles/agent", name, value=planted.canary("kv1-roles"))
        server.post("kv2/data/app", name, data={"value": planted.canary("kv2")})
        server.post("sys/auth/approle", name, type="approle")
        server.post("auth/approle/role/agent", name, token_policies="agent")
        server.post("sys/policies/acl/agent", name, policy='path "kv2/data/app" { capabilities = ["read"] }')
        planted.readable += [(name, "GET", "kv/config"), (name, "GET", "kv/roles/agent"), (name, "GET", "kv2/data/app")]


def _kv(server: Server, planted: Planted) -> None:
    server.post("sys/mounts/old", type="kv", options={"version": "1"})
    paths = ("config", "roles/a", "keys/a", "role/a", "sys/mounts", "config/keys", "auth/token/roles/x", "issuers")
    for path in paths:
        server.post(f"old/{path}", value=planted.canary("kv1"))
        planted.readable.append(("", "GET", f"old/{path}"))
    server.post("secret/data/acme/db", data={"password": planted.canary("kv2"), "note": planted.canary("kv2")})
    server.post("secret/data/config", data={"password": planted.canary("kv2")})
    server.post("secret/metadata/acme/db", custom_metadata={"owner": planted.canary("kv2-custom-metadata")})
    server.post("cubbyhole/own", value=planted.canary("cubbyhole"))
    for path in ("secret/data/acme/db", "secret/data/config", "secret/subkeys/acme/db", "secret/metadata/acme/db"):
        planted.readable.append(("", "GET", path))
    planted.readable += [("", "LIST", "secret/metadata/"), ("", "LIST", "old/"), ("", "SCAN", "old/")]


def _methods(server: Server, planted: Planted) -> None:
    for kind in ("approle", "userpass", "jwt", "kubernetes", "cert", "oidc"):
        server.post(f"sys/auth/{kind}", type=kind)
    server.post("auth/userpass/users/ann", password=planted.canary("userpass"), token_policies="agent")
    server.post("auth/approle/role/agent", token_policies="agent", secret_id_ttl="1h")
    made = server.post("auth/approle/role/agent/secret-id", metadata='{"note": "' + planted.canary("secret-id") + '"}')
    planted.made(made["data"]["secret_id"])
    server.post("auth/approle/role/agent/custom-secret-id", secret_id=planted.canary("custom-secret-id"))
    server.post(
        "auth/jwt/config",
        jwt_validation_pubkeys=[_public_key(server)],
        provider_config={},
        bound_issuer="https://issuer.example.test",
    )
    server.post(
        "auth/jwt/role/agent", role_type="jwt", user_claim="sub", bound_audiences=["api"], token_policies=["agent"],
        bound_claims={"client_secret": planted.canary("bound-claim")},
    )  # fmt: skip
    server.post(
        "auth/kubernetes/config", kubernetes_host=f"https://user:{planted.canary('url-login')}@kube.example.test",
        token_reviewer_jwt=_unsigned_token(planted), kubernetes_ca_cert=_certificate(server), disable_local_ca_jwt=True,
    )  # fmt: skip
    server.post("auth/kubernetes/role/agent", bound_service_account_names="a", bound_service_account_namespaces="b")
    server.post("auth/cert/certs/agent", certificate=_certificate(server), allowed_common_names="a.example.test")
    server.post("auth/token/roles/agent", allowed_policies="agent")
    server.post("sys/policies/acl/agent", policy='path "secret/data/acme/*" { capabilities = ["read"] }')
    for _ in range(2):
        made = server.post("auth/token/create", policies=["agent"], meta={"note": planted.canary("token-meta")})
        planted.made(made["auth"]["client_token"])
    wrapped = server.client.adapter.request(
        "get", "/v1/secret/data/acme/db", headers={"X-Vault-Wrap-TTL": "300s"}, raise_exception=True
    )
    planted.made(wrapped["wrap_info"]["token"])
    planted.readable.append(("", "GET", "auth/approle/role/agent/local-secret-ids"))


def _engines(server: Server, planted: Planted) -> None:
    for kind in ("transit", "pki", "ssh", "database", "totp", "rabbitmq", "kubernetes"):
        server.post(f"sys/mounts/{kind}", type=kind)
    server.post("transit/keys/shared", exportable=True, allow_plaintext_backup=True)
    server.post("transit/keys/rsa", type="ecdsa-p256", exportable=True)
    exported = server.send("get", "transit/export/encryption-key/shared")["data"]["keys"]
    for key in exported.values():
        planted.made(key)
    planted.readable += [("", "GET", "transit/export/encryption-key/shared"), ("", "GET", "transit/backup/shared")]
    root = server.post(
        "pki/root/generate/exported", common_name="root.example.test", ttl="24h", key_type="ec", key_bits=256
    )
    planted.made(root["data"]["private_key"].splitlines()[2])
    server.post("pki/roles/agent", allowed_domains=["example.test"], allow_subdomains=True)
    server.post("ssh/config/ca", generate_signing_key=True)
    server.post("ssh/roles/agent", key_type="ca", allow_user_certificates=True, allowed_users="agent")
    server.post(
        "database/config/main", plugin_name="postgresql-database-plugin", verify_connection=False, allowed_roles="*",
        connection_url=f"postgresql://{{{{username}}}}:{planted.canary('db-url')}@127.0.0.1:5/x?k={planted.canary('db')}",
        username="vault", password=planted.canary("db-password"),
        root_credentials_rotate_statements=[f"ALTER USER x PASSWORD '{planted.canary('db-rotate')}'"],
    )  # fmt: skip
    server.post(
        "database/roles/agent", db_name="main", creation_statements=[f"-- {planted.canary('db-statement')}"],
        revocation_statements=[f"-- {planted.canary('db-statement')}"],
    )  # fmt: skip
    key = base64.b32encode(planted.canary("totp").encode()).decode().rstrip("=")
    planted.secrets.append(key)
    server.post("totp/keys/agent", key=key, issuer="i", account_name="a")
    server.post("rabbitmq/roles/agent", vhosts='{"/": {"write": ".*"}}')
    server.post(
        "kubernetes/config", kubernetes_host="https://kube.example.test", service_account_jwt=planted.canary("k8s-jwt"),
        disable_local_ca_jwt=True,
    )  # fmt: skip
    server.post("kubernetes/roles/agent", allowed_kubernetes_namespaces="*", service_account_name="agent")
    for path in ("totp/code/agent", "database/creds/agent", "kubernetes/creds/agent", "rabbitmq/creds/agent"):
        planted.readable.append(("", "GET", path))


def _identity(server: Server, planted: Planted) -> None:
    accessor = server.send("get", "sys/auth")["data"]["userpass/"]["accessor"]
    entity = server.post("identity/entity", name="ann", policies=["agent"], metadata={"team": "acme"})["data"]["id"]
    server.post(
        "identity/entity-alias", name="ann", canonical_id=entity, mount_accessor=accessor,
        custom_metadata={"squad": "blue"},
    )  # fmt: skip
    server.post("identity/group", name="builders", member_entity_ids=[entity], policies=["agent"])
    external = server.post("identity/group", name="outside", type="external")["data"]["id"]
    server.post("identity/group-alias", name="outsiders", canonical_id=external, mount_accessor=accessor)
    server.post("identity/oidc/key/named", allowed_client_ids=["*"])
    server.post("identity/oidc/client/app", key="named", redirect_uris=["https://app.example.test"])
    client = server.send("get", "identity/oidc/client/app")["data"]
    planted.made(client["client_secret"])
    method = server.post(
        "identity/mfa/method/duo", secret_key=planted.canary("duo"), integration_key=planted.canary("duo"),
        api_hostname="api.example.test",
    )["data"]["method_id"]  # fmt: skip
    server.post("identity/mfa/login-enforcement/second", mfa_method_ids=[method], auth_method_types=["oidc"])
    planted.readable += [("", "GET", "identity/oidc/client/app"), ("", "GET", f"identity/mfa/method/{method}")]


def _public_key(server: Server) -> str:
    server.post("sys/mounts/signing", type="transit")
    server.post("signing/keys/issuer", type="ecdsa-p256")
    keys: Mapping[str, Any] = server.send("get", "signing/keys/issuer")["data"]["keys"]
    return str(keys["1"]["public_key"])


def _certificate(server: Server) -> str:
    if "ca/" not in server.send("get", "sys/mounts")["data"]:
        server.post("sys/mounts/ca", type="pki")
    made = server.post(
        "ca/root/generate/internal", common_name="ca.example.test", ttl="24h", key_type="ec", key_bits=256
    )
    return str(made["data"]["certificate"])


def _unsigned_token(planted: Planted) -> str:
    parts = (b'{"alg":"RS256"}', b'{"sub":"x"}', planted.canary("reviewer").encode())
    text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    planted.secrets.append(text)
    return text
