"""The demo's platform: five tenants' agents on one OpenBao, four of them with a mistake that real platforms make.

acme has a star without the slash before it, globex may write every AppRole role, initech's template takes its
tenant from a group that anybody could be in (it is shared), umbrella shares a transit key and lists all names;
wayne is built as it should be.
"""

import secrets
from collections.abc import Callable
from typing import Any

import hvac

from cred_audit.demo.server import RunningServer

TENANTS = ("acme", "acme-labs", "globex", "initech", "umbrella", "wayne")

_OWN = """# {tenant}: its own secrets
path "secret/data/{tenant}/*" {{
  capabilities = ["create", "read", "update", "delete"]
}}

path "secret/metadata/{tenant}/*" {{
  capabilities = ["read", "list"]
}}
"""

_POLICIES = {
    # No slash before the star: acme's agent reads acme-labs as well.
    "acme-agent": """# acme: its own secrets
path "secret/data/acme*" {
  capabilities = ["read", "list"]
}
""",
    "acme-labs-agent": _OWN.format(tenant="acme-labs"),
    # Onboarding was automated with the agent's own token.
    "globex-agent": _OWN.format(tenant="globex")
    + """
# onboarding creates roles for new agents
path "auth/approle/role/*" {
  capabilities = ["create", "read", "update"]
}
""",
    # Everybody is denied the one folder that somebody remembered.
    "initech-agent": """# initech: a shared service policy
path "secret/data/*" {
  capabilities = ["read"]
}

path "secret/data/wayne/*" {
  capabilities = ["deny"]
}
""",
    "umbrella-agent": _OWN.format(tenant="umbrella")
    + """
# the console shows the folder tree
path "secret/metadata/" {
  capabilities = ["list"]
}

path "transit/decrypt/+" {
  capabilities = ["update"]
}
""",
    "wayne-agent": _OWN.format(tenant="wayne")
    + """
path "transit/decrypt/wayne" {
  capabilities = ["update"]
}
""",
}


_BOUND = {
    "token_ttl": "20m",
    "token_max_ttl": "1h",
    "secret_id_ttl": "24h",
    "secret_id_num_uses": 40,
    "token_bound_cidrs": ["127.0.0.0/8"],
}


def build(server: RunningServer, progress: Callable[[str, int, int | None], None]) -> None:
    """Write the platform to an empty server. The secrets are random and die with the server."""
    client: Any = hvac.Client(url=server.address, token=server.token)
    client.sys.enable_auth_method("approle")
    client.sys.enable_secrets_engine("transit")
    for number, tenant in enumerate(TENANTS):
        progress("demo platform", number, len(TENANTS))
        policy = f"{tenant}-agent"
        client.sys.create_or_update_policy(policy, _POLICIES[policy])
        client.write_data(f"auth/approle/role/{policy}", data={"token_policies": [policy], **_BOUND})
        for provider in ("openai", "anthropic"):
            client.secrets.kv.v2.create_or_update_secret(
                f"{tenant}/{provider}", {"api_key": secrets.token_urlsafe(24)}, mount_point="secret"
            )
        client.secrets.transit.create_key(tenant)
    progress("demo platform", len(TENANTS), len(TENANTS))


def auditor_token(server: RunningServer, policy: str) -> str:
    """Return a token with just this policy, and revoke the root token that the platform was built with."""
    client: Any = hvac.Client(url=server.address, token=server.token)
    client.sys.create_or_update_policy("auditor", policy)
    role = "auth/approle/role/auditor"
    client.write_data(role, data={"token_policies": ["auditor"], **_BOUND})
    role_id = client.read(f"{role}/role-id")["data"]["role_id"]
    secret_id = client.write_data(f"{role}/secret-id", data={})["data"]["secret_id"]
    login = client.auth.approle.login(role_id, secret_id, use_token=False)
    client.auth.token.revoke_self()
    return str(login["auth"]["client_token"])
