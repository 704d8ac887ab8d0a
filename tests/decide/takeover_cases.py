"""Grants that let one tenant take another over, each with a twin that does not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.takeover_lab import Lab

Setup = Callable[[Lab], None]


def clause(path: str, *capabilities: str, more: str = "") -> str:
    names = ", ".join(f'"{name}"' for name in capabilities)
    return f'path "{path}" {{ capabilities = [{names}] {more} }}\n'


@dataclass(frozen=True)
class Case:
    """A grant that lets acme take beta over, and its twin that does not, with the request that fails then."""

    name: str
    grant: str
    near: str
    request: tuple[str, str, dict[str, Any] | None]
    setup: Setup | None = None
    near_setup: Setup | None = None
    steps: int = 1


def nothing(lab: Lab) -> None:
    del lab


def token_role(name: str, **data: Any) -> Setup:
    return lambda lab: lab.admin("POST", f"auth/token/roles/{name}", data)


def beta_role(lab: Lab) -> None:
    lab.admin("POST", "auth/approle/role/beta", {"token_policies": ["beta"]})


def beta_token_alias(lab: Lab) -> None:
    lab.admin("POST", f"identity/entity/id/{lab.entities['beta']}", {"policies": ["beta"]})
    body = {"name": "beta-t", "canonical_id": lab.entities["beta"], "mount_accessor": lab.accessors["token/"]}
    lab.admin("POST", "identity/entity-alias", body)


def alias_role(*names: str) -> Setup:
    def setup(lab: Lab) -> None:
        beta_token_alias(lab)
        lab.admin("POST", "auth/token/roles/r", {"allowed_entity_aliases": list(names)})

    return setup


def beta_entity(lab: Lab) -> None:
    lab.admin("POST", f"identity/entity/id/{lab.entities['beta']}", {"policies": ["beta"]})


def beta_elsewhere(lab: Lab) -> None:
    """Give beta's rights to an entity that logs in by AppRole only."""
    other = lab.admin("POST", "identity/entity", {"name": "beta-agent", "policies": ["beta"]})["data"]["id"]
    body = {"name": "some-role", "canonical_id": other, "mount_accessor": lab.accessors["approle/"]}
    lab.admin("POST", "identity/entity-alias", body)


def template(lab: Lab) -> None:
    lab.policy("acme", clause("secret/data/{{identity.entity.metadata.tenant}}/*", "read"))


def named_template(lab: Lab) -> None:
    lab.policy("acme", clause("secret/data/{{identity.entity.name}}/*", "read"))


def no_default(setup: Setup = nothing) -> Setup:
    """Take the default policy from acme: it holds a rule for the token's own entity, which wins."""

    def made(lab: Lab) -> None:
        setup(lab)
        body = {"password": "pw-acme", "token_policies": ["acme", "ctl"], "token_no_default_policy": True}
        lab.admin("POST", "auth/userpass/users/acme", body)
        lab.tokens["acme"] = lab.login("acme")

    return made


def beta_group(lab: Lab) -> None:
    lab.admin("POST", "identity/group", {"name": "betas", "policies": ["beta"]})


def dropped_deny(lab: Lab) -> None:
    lab.policy("wide", clause("secret/data/*", "read"))
    lab.policy("stop", clause("secret/data/beta/*", "deny"))
    users = {"password": "pw-acme", "token_policies": ["acme", "ctl", "wide", "stop"], "token_no_default_policy": True}
    lab.admin("POST", "auth/userpass/users/acme", users)
    lab.tokens["acme"] = lab.login("acme")


def entity_deny(lab: Lab) -> None:
    lab.policy("wide", clause("secret/data/*", "read"))
    lab.policy("stop", clause("secret/data/beta/*", "deny") + clause("secret/data/beta", "deny"))
    lab.admin("POST", "auth/userpass/users/acme", {"password": "pw-acme", "token_policies": ["acme", "ctl", "wide"]})
    lab.admin("POST", f"identity/entity/id/{lab.entities['acme']}", {"policies": ["stop"]})
    lab.tokens["acme"] = lab.login("acme")


def ops_role(lab: Lab) -> None:
    lab.policy("ops", clause("sys/policies/acl/*", "update"))
    lab.admin("POST", "auth/token/roles/r", {"allowed_policies": ["ops"]})


def dangling_role(lab: Lab) -> None:
    lab.admin("POST", "auth/token/roles/r", {"allowed_policies": ["not-yet"]})


def beta_mount(lab: Lab) -> None:
    for tenant in ("acme", "beta"):
        lab.admin("POST", f"sys/mounts/{tenant}-kv", {"type": "kv", "options": {"version": "2"}})


SUDO = ("update", "sudo")
ROLE = {"allowed_policies": ["beta"]}
NO_SUDO = ("POST", "auth/token/create", {"policies": ["beta"]})
CASES = (
    Case(
        "any policy",
        clause("sys/policies/acl/*", "update"),
        clause("sys/policies/acl/*", "create"),
        ("POST", "sys/policies/acl/acme", {"policy": ""}),
    ),
    Case(
        "legacy policy endpoint",
        clause("sys/policy/acme", "update"),
        clause("sys/policy/nobodys", "update"),
        ("POST", "sys/policy/acme", {"policy": clause("*", "read")}),
    ),
    Case(
        "patch of a policy",
        clause("sys/policies/acl/acme", "patch"),
        clause("sys/policies/acl/acme", "patch", more='denied_parameters = { "policy" = [] }'),
        ("PATCH", "sys/policies/acl/acme", {"policy": clause("*", "read")}),
    ),
    Case(
        "policy with parameters",
        clause("sys/policies/acl/*", "update", more='allowed_parameters = { "policy" = [] }'),
        clause("sys/policies/acl/*", "update", more='allowed_parameters = { "ttl" = [] }'),
        ("POST", "sys/policies/acl/acme", {"policy": clause("*", "read")}),
    ),
    Case("token create with sudo", clause("auth/token/create", *SUDO), clause("auth/token/create", "update"), NO_SUDO),
    Case(
        "token role that only disallows",
        clause("auth/token/create/r", "update"),
        clause("auth/token/create/r", "update"),
        ("POST", "auth/token/create/r", {"policies": ["beta"]}),
        token_role("r", disallowed_policies=["admin"]),
        token_role("r", disallowed_policies=["beta"]),
    ),
    Case(
        "token role with a glob",
        clause("auth/token/create/r", "update"),
        clause("auth/token/create/r", "update"),
        ("POST", "auth/token/create/r", {"policies": ["beta"]}),
        token_role("r", allowed_policies_glob=["b*"]),
        token_role("r", allowed_policies_glob=["a*"]),
    ),
    Case(
        "token role of another tenant",
        clause("auth/token/create/r", "update"),
        clause("auth/token/create/r", "read"),
        ("POST", "auth/token/create/r", {}),
        token_role("r", allowed_policies=["beta"]),
        token_role("r", **ROLE),
    ),
    Case(
        "token role without any list",
        clause("auth/token/create/+", "update") + clause("auth/token/roles/*", "create"),
        clause("auth/token/create/+", "update") + clause("auth/token/roles/*", "read"),
        ("POST", "auth/token/create/r", {"policies": ["beta"]}),
        token_role("r"),
        token_role("r"),
        steps=2,
    ),
    Case(
        "token role with entity aliases",
        clause("auth/token/create/r", "update"),
        clause("auth/token/create/r", "update"),
        ("POST", "auth/token/create/r", {"entity_alias": "beta-t"}),
        alias_role("*"),
        alias_role("acme*"),
    ),
    Case(
        "child token without the policy that denies",
        clause("auth/token/create", "update"),
        clause("auth/token/lookup", "update"),
        ("POST", "auth/token/create", {"policies": ["wide"]}),
        dropped_deny,
        dropped_deny,
    ),
    Case(
        "orphan without the entity that denies",
        clause("auth/token/create-orphan", "update"),
        clause("auth/token/create", "update"),
        ("POST", "auth/token/create-orphan", {"policies": ["wide"]}),
        entity_deny,
        entity_deny,
    ),
    Case(
        "new AppRole role",
        clause("auth/approle/role/*", "create"),
        clause("auth/approle/role/*", "read"),
        ("POST", "auth/approle/role/x", {"token_policies": ["beta"]}),
        steps=2,
    ),
    Case(
        "new user",
        clause("auth/userpass/users/*", "create"),
        clause("auth/userpass/users/acme/password", "update"),
        ("POST", "auth/userpass/users/x", {"password": "x", "token_policies": ["beta"]}),
        steps=2,
    ),
    Case(
        "another's password",
        clause("auth/userpass/users/beta/password", "update"),
        clause("auth/userpass/users/beta/password", "create"),
        ("POST", "auth/userpass/users/beta/password", {"password": "x"}),
        steps=2,
    ),
    Case(
        "own user's policies",
        clause("auth/userpass/users/acme/policies", "update"),
        clause("auth/userpass/users/acme/policies", "read"),
        ("POST", "auth/userpass/users/acme/policies", {"token_policies": ["beta"]}),
        steps=2,
    ),
    Case(
        "another's AppRole",
        clause("auth/approle/role/+/role-id", "read") + clause("auth/approle/role/beta/secret-id", "update"),
        clause("auth/approle/role/+/role-id", "read"),
        ("POST", "auth/approle/role/beta/secret-id", {}),
        beta_role,
        beta_role,
        steps=3,
    ),
    Case(
        "own entity's policies",
        clause("identity/entity/id/*", "update"),
        clause("identity/entity/id/*", "read"),
        ("POST", "identity/entity/name/acme", {"policies": ["beta"]}),
        no_default(),
        no_default(),
    ),
    Case(
        "own entity by another spelling",
        clause("identity/entity/name/*", "update"),
        clause("identity/entity/name/acm*", "update"),
        ("POST", "identity/entity/name/ACME", {"policies": ["beta"]}),
        nothing,
        nothing,
    ),
    Case(
        "entity by its body",
        clause("identity/entity", "update"),
        clause("identity/entity", "create"),
        ("POST", "identity/entity", {"name": "acme", "policies": ["beta"]}),
    ),
    Case(
        "metadata that a template uses",
        clause("identity/entity/name/acme", "update", more='allowed_parameters = { "metadata" = [] }'),
        clause("identity/entity/name/acme", "update", more='allowed_parameters = { "disabled" = [] }'),
        ("POST", "identity/entity/name/acme", {"metadata": {"tenant": "beta"}}),
        template,
        template,
    ),
    Case(
        "a name that a template uses",
        clause("identity/entity/id/*", "update", more='allowed_parameters = { "name" = [] }'),
        clause("identity/entity/name/acme", "update", more='allowed_parameters = { "name" = [] }'),
        ("POST", "identity/entity/name/beta", {"name": "x"}),
        no_default(named_template),
        no_default(named_template),
        steps=2,
    ),
    Case(
        "own alias onto another entity",
        clause("identity/entity-alias", "update"),
        clause("identity/entity-alias", "update"),
        ("DELETE", "identity/entity-alias/id/x", None),
        beta_elsewhere,
        beta_entity,
        steps=2,
    ),
    Case(
        "own alias in another's place",
        clause("identity/entity-alias", "update") + clause("identity/entity-alias/id/*", "delete"),
        clause("identity/entity-alias/id/*", "read"),
        ("POST", "identity/entity-alias", {}),
        beta_entity,
        beta_entity,
        steps=3,
    ),
    Case(
        "merge over the same login method",
        clause("identity/entity/merge", "update"),
        clause("identity/entity/merge", "update", more='denied_parameters = { "to_entity_id" = [] }'),
        ("POST", "identity/entity/merge", {"to_entity_id": "x"}),
        beta_entity,
        beta_entity,
    ),
    Case(
        "merge into another entity",
        clause("identity/entity/merge", "update"),
        clause("identity/entity/merge", "read"),
        ("POST", "identity/entity/merge", {}),
        beta_elsewhere,
        beta_elsewhere,
    ),
    Case(
        "new group",
        clause("identity/group", "update"),
        clause("identity/group", "read"),
        ("POST", "identity/group", {"name": "x", "policies": ["beta"]}),
    ),
    Case(
        "another's group",
        clause("identity/group/name/betas", "update", more='allowed_parameters = { "member_entity_ids" = [] }'),
        clause("identity/group/name/acmes", "update", more='allowed_parameters = { "member_entity_ids" = [] }'),
        ("POST", "identity/group/name/betas", {"member_entity_ids": []}),
        beta_group,
        beta_group,
    ),
    Case(
        "auth method of its own",
        clause("sys/auth/mine", *SUDO) + clause("auth/mine/users/*", "create"),
        clause("sys/auth/mine", "update") + clause("auth/mine/users/*", "create"),
        ("POST", "sys/auth/mine", {"type": "userpass"}),
        steps=3,
    ),
    Case(
        "remount",
        clause("sys/remount", *SUDO) + clause("free/*", "read"),
        clause("sys/remount", "update") + clause("free/*", "read"),
        ("POST", "sys/remount", {"from": "beta-kv", "to": "free"}),
        beta_mount,
        beta_mount,
    ),
    Case(
        "two hops",
        clause("auth/token/create/r", "update"),
        clause("auth/token/create/s", "update"),
        ("POST", "auth/token/create/r", {}),
        ops_role,
        ops_role,
        steps=2,
    ),
    Case(
        "a policy that is not there yet",
        clause("auth/token/create/r", "update") + clause("sys/policies/acl/not-yet", "update"),
        clause("auth/token/create/r", "update") + clause("sys/policies/acl/other", "update"),
        ("POST", "sys/policies/acl/not-yet", {"policy": clause("*", "read")}),
        dangling_role,
        dangling_role,
        steps=2,
    ),
)
