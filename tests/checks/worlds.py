"""Generated Vault servers, near the claims of the catalogue."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from cred_audit.decide.vault.model import (
    Alias,
    AuthMount,
    AuthRole,
    EngineObject,
    Entity,
    Group,
    Mount,
    Namespace,
    PolicyDocument,
    Server,
    TokenFacts,
    World,
)
from cred_audit.facts import AuditDevice, Snapshot, VaultFacts
from cred_audit.target.model import (
    Agent,
    KvTerritory,
    NamespaceTerritory,
    PrincipalKind,
    Target,
    Tenant,
    Territory,
    VaultPrincipal,
    VaultSource,
)

NOW = datetime(2026, 11, 25, tzinfo=UTC)
FIRST, SECOND = "tenantqa", "tenantqb"
"""Ids of tenants, which nothing on the server is called."""

_PATHS = (
    "secret/data/red/*", "secret/data/blue/*", "secret/data/*", "secret/metadata/", "secret/+/blue/*", "*", "sys/*",
    "sys/policies/acl/*", "auth/*", "auth/userpass/users/red", "auth/token/create", "identity/*",
    "identity/entity/id/*",
    "secret/data/{{identity.entity.name}}/*", "secret/data/{{identity.entity.metadata.team}}*", "transit/keys/*",
    "secret/data/{{identity.groups.names.crew.metadata.team}}/*", "child/*", "kv/blue/*", "cubbyhole/*",
    "aws/creds/red", "aws/creds/*", "aws/sts/blue",
)  # fmt: skip
_LISTS = ('"read"', '"read", "list"', '"create", "update"', '"deny"', '"update", "sudo"', '"list"', '"delete", "patch"')
_stanza = st.builds(
    lambda path, listed: f'path "{path}" {{ capabilities = [{listed}] }}\n',
    st.sampled_from(_PATHS),
    st.sampled_from(_LISTS),
)
_texts = st.lists(_stanza, max_size=4).map("".join).map(lambda text: text or " ")
_names = st.lists(st.sampled_from(("red", "blue", "shared", "default", "absent")), max_size=3, unique=True)


def _data(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(fields)


_seconds = st.sampled_from((0, 3600, 90_000_000))
_token = {
    "token_policies": _names.map(list), "token_type": st.sampled_from(("default", "service", "batch")),
    "token_max_ttl": _seconds, "token_explicit_max_ttl": _seconds, "token_period": _seconds,
    "token_no_default_policy": st.booleans(),
}  # fmt: skip
_bound = st.sampled_from((None, [], ["*"], ["red"], ["team-*"]))
_ROLES = {
    "userpass": ("users", _data(**_token)),
    "approle": (
        "role",
        _data(
            bind_secret_id=st.booleans(), secret_id_ttl=_seconds, secret_id_num_uses=_seconds, token_bound_cidrs=_bound,
            role_id=st.sampled_from(("id-red", "id-blue")), **_token,
        ),
    ),
    "kubernetes": (
        "role",
        _data(
            bound_service_account_names=_bound, bound_service_account_namespaces=_bound,
            audience=st.sampled_from(("", "vault")), alias_name_source=st.sampled_from(("serviceaccount_uid", "other")),
            **_token,
        ),
    ),
    "jwt": (
        "role",
        _data(
            role_type=st.just("jwt"), user_claim=st.sampled_from(("sub", "email")),
            bound_subject=st.sampled_from(("", "x")),
            bound_claims=st.sampled_from((None, {"team": ["*"]}, {"team": "red"})), bound_audiences=_bound,
            bound_claims_type=st.sampled_from(("glob", "string")), token_policies_template_claims=st.booleans(),
            **_token,
        ),
    ),
    "cert": ("certs", _data(allowed_common_names=_bound, allowed_dns_sans=_bound, **_token)),
}  # fmt: skip
_OBJECTS = {
    "kv": (),
    "transit": (
        ("keys", _data(exportable=st.booleans(), allow_plaintext_backup=st.booleans(), derived=st.booleans())),
    ),
    "pki": (("roles", _data(allow_any_name=st.booleans(), allow_glob_domains=st.booleans(), allowed_domains=_bound)),),
    "ssh": (("roles", _data(allowed_users=st.sampled_from(("*", "red")), key_type=st.just("ca"))),),
    "database": (("config", _data(allowed_roles=_bound)), ("roles", _data(db_name=st.just("one")))),
}
_tune = _data(
    listing_visibility=st.sampled_from(("", "unauth")), audit_non_hmac_request_keys=_bound, max_lease_ttl=_seconds,
    passthrough_request_headers=_bound, token_type=st.sampled_from(("default-service", "default-batch")),
)  # fmt: skip
_FLAGS = (
    "unsafe_cross_namespace_identity", "unsafe_relative_paths", "disable_printable_check", "raw_storage_endpoint",
    "introspection_endpoint", "allow_unauthenticated_workflows", "unsafe_allow_api_audit_creation",
)  # fmt: skip


@st.composite
def _method(draw: st.DrawFn, kind: str, place: str) -> AuthMount:
    folder, data = _ROLES[kind]
    some = st.lists(st.sampled_from(("red", "blue")), max_size=2, unique=True)
    chosen = ["red", "blue"] if kind == "userpass" else draw(some)
    roles = tuple(AuthRole(kind=folder, name=name, data=draw(data)) for name in chosen)
    return AuthMount(path=f"{kind}/", type=kind, accessor=f"{kind}-{place}", tune=draw(_tune), config={}, roles=roles)


@st.composite
def _engine(draw: st.DrawFn, kind: str, path: str) -> Mount:
    objects = tuple(
        EngineObject(kind=folder, name=name, data=draw(data))
        for folder, data in _OBJECTS[kind]
        for name in draw(st.lists(st.sampled_from(("red", "blue")), max_size=2, unique=True))
    )
    version = draw(st.sampled_from((1, 2))) if kind == "kv" else None
    return Mount(path=path, type=kind, accessor=f"{kind}-{path}", version=version, tune=draw(_tune), objects=objects)


@st.composite
def _namespace(draw: st.DrawFn, path: str) -> Namespace:
    named = ("red", "blue", *draw(st.lists(st.sampled_from(("shared", "default")), max_size=2, unique=True)))
    policies = tuple(
        PolicyDocument(namespace=path, name=name, text=draw(_texts), source=f"sys/policies/acl/{name}")
        for name in named
    )
    others = [kind for kind in sorted(_ROLES) if kind != "userpass"]
    kinds = ["userpass", *draw(st.lists(st.sampled_from(others), max_size=2, unique=True))]
    entities = tuple(
        Entity(
            namespace=path, id=f"{path}e-{name}", name=name, policies=tuple(draw(_names)),
            metadata=draw(st.sampled_from(({}, {"team": ""}, {"team": name}))),
            aliases=(Alias(id=f"{path}a-{name}", name=name, mount_accessor=f"userpass-{path}"),),
        )
        for name in draw(st.sampled_from((("red", "blue"), ("red", "blue"), ("red",), ())))
    )  # fmt: skip
    members = st.lists(st.sampled_from([f"{path}e-red", f"{path}e-blue"]), max_size=2, unique=True)
    group = Group(
        namespace=path, id=f"{path}g", name="crew", type=draw(st.sampled_from(("internal", "external"))),
        policies=tuple(draw(_names)), metadata={"team": "red"}, member_entity_ids=tuple(draw(members)),
    )  # fmt: skip
    if group.type == "external":
        group = replace(group, alias=Alias(id=f"{path}ga", name="staff", mount_accessor=f"jwt-{path}"))
    engines = draw(st.lists(st.sampled_from([kind for kind in _OBJECTS if kind != "kv"]), max_size=2, unique=True))
    mounts = [draw(_engine("kv", "secret/")), *(draw(_engine(kind, f"{kind}/")) for kind in engines)]
    return Namespace(
        path=path,
        policies=policies,
        mounts=tuple(mounts),
        auth_mounts=tuple(draw(_method(kind, path)) for kind in kinds),
        token_roles=tuple(
            AuthRole(kind="roles", name=name, data=draw(_data(
                allowed_policies=_names.map(list), disallowed_policies=_names.map(list), allowed_policies_glob=_bound,
                allowed_entity_aliases=_bound, disallowed_policies_glob=_bound, orphan=st.booleans(), period=_seconds,
                token_type=st.sampled_from(("default-service", "batch")))))
            for name in draw(st.lists(st.just("run"), max_size=1))
        ),
        entities=entities,
        groups=draw(st.sampled_from(((), (group,)))),
        tokens=tuple(
            TokenFacts(accessor=f"{path}t{number}", data=draw(_data(
                policies=st.sampled_from((["root"], ["default"], ["red"])), creation_ttl=_seconds, orphan=st.booleans(),
                explicit_max_ttl=_seconds, path=st.sampled_from(("auth/token/create", "auth/userpass/login/red")),
                role=st.sampled_from(("", "run")), period=_seconds)))
            for number in range(draw(st.integers(0, 2)))
        ),
        mfa_enforcements=draw(st.sampled_from(((), ("one",)))),
    )  # fmt: skip


def tenant(name: str, *agents: VaultPrincipal, held: tuple[KvTerritory | NamespaceTerritory, ...]) -> Tenant:
    named = tuple(Agent(id=f"a{number}", vault=principal) for number, principal in enumerate(agents))
    return Tenant(id=name, agents=named, territory=Territory(vault=held))


@st.composite
def _principal(draw: st.DrawFn, name: str) -> VaultPrincipal:
    kind = draw(st.sampled_from(("policies", "entity", "userpass", "userpass", "approle", "jwt")))
    if kind == "policies":
        return VaultPrincipal(kind=PrincipalKind.POLICIES, policies=(name, "default"))
    if kind == "entity":
        return VaultPrincipal(kind=PrincipalKind.ENTITY, entity=name, policies=(name,))
    folder = _ROLES[kind][0]
    return VaultPrincipal(kind=PrincipalKind.ROLE, role=f"auth/{kind}/{folder}/{name}")


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """A server with two tenants, fully seen, with mistakes of every kind."""
    namespaces = [draw(_namespace(""))]
    if draw(st.booleans()):
        namespaces.append(draw(_namespace("child/")))
    flags: dict[str, Any] = {name: draw(st.booleans()) for name in _FLAGS}
    flags["listeners"] = [{"type": "tcp", "config": draw(_data(
        address=st.sampled_from(("127.0.0.1:1", "0.0.0.0:1")), tls_disable=st.booleans()))}]  # fmt: skip
    server = Server(product="openbao", version=draw(st.sampled_from(("2.7.2", "2.5.2"))), flags=flags)
    devices = draw(st.sampled_from(((), (AuditDevice(path="log/", type="file", options={"log_raw": "true"}),))))
    facts = VaultFacts(
        address="http://127.0.0.1:1", world=World(server=server, namespaces=tuple(namespaces)),
        audit_devices=devices, seal={"type": "shamir"}, coverage={},
    )  # fmt: skip
    tenants = (
        tenant(FIRST, draw(_principal("red")), held=(KvTerritory(mount="secret/", prefix="red/"),)),
        tenant(SECOND, draw(_principal("blue")), held=(KvTerritory(mount="secret/", prefix="blue/"),)),
    )
    target = Target(name="generated", tenants=tenants, vault=VaultSource(address=facts.address))
    return Snapshot(target=target, taken_at=NOW, tool_version="0", vault=facts)
