import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import hvac
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cred_audit.decide.vault.model import (
    AuthMount,
    AuthRole,
    EngineObject,
    Entity,
    Mount,
    Namespace,
    PolicyDocument,
    Server,
    World,
)
from cred_audit.demo import platform
from cred_audit.demo.server import RunningServer
from cred_audit.proposal import Proposal, propose, written
from cred_audit.target.load import load_target
from cred_audit.target.model import (
    KvTerritory,
    NamespaceTerritory,
    PathTerritory,
    PrincipalKind,
    Target,
    VaultPrincipal,
)

SECRET = Mount(path="secret/", type="kv", version=2)
SYSTEM = (Mount(path="sys/", type="system"), Mount(path="cubbyhole/", type="cubbyhole"))


def world(*namespaces: Namespace) -> World:
    return World(server=Server(product="openbao", version="2.7.2"), namespaces=namespaces)


def policy(name: str, *paths: str) -> PolicyDocument:
    text = "\n".join(f'path "{path}" {{ capabilities = ["read"] }}' for path in paths)
    return PolicyDocument(name=name, text=text)


def approle(roles: Mapping[str, Sequence[str]]) -> AuthMount:
    entries = tuple(
        AuthRole(kind="role", name=name, data={"token_policies": list(names)}) for name, names in roles.items()
    )
    return AuthMount(path="approle/", type="approle", roles=entries)


def loaded(proposal: Proposal, folder: Path, **options: Any) -> Target:
    file = folder / "target.yaml"
    file.write_bytes(written(proposal.tenants, left_out=proposal.left_out, **options).encode())
    return load_target(file)


def test_folders_of_a_shared_mount_are_tenants(tmp_path: Path) -> None:
    root = Namespace(
        mounts=(SECRET, Mount(path="transit/", type="transit"), Mount(path="database/", type="database"), *SYSTEM),
        policies=(
            policy(
                "acme", "secret/data/acme/*", "secret/metadata/acme/*", "transit/encrypt/acme", "transit/decrypt/acme"
            ),
            policy("beta", "secret/data/beta/*", "database/creds/beta-ro", "secret/data/be*", "secret/data/+/x"),
            policy("all", "secret/*", "secret/data/shared/*"),
        ),
        auth_mounts=(approle({"acme-support": ["all"], "reader": ["beta"], "robot": ["all"]}),),
    )
    proposal = propose(world(root))
    acme, beta = loaded(proposal, tmp_path).tenants
    assert (acme.id, beta.id) == ("acme", "beta")
    assert acme.territory.vault == (KvTerritory(mount="secret/", prefix="acme/"), PathTerritory(path="transit/+/acme"))
    assert beta.territory.vault == (
        KvTerritory(mount="secret/", prefix="beta/"),
        PathTerritory(path="database/creds/beta-ro"),
    )
    assert [agent.id for agent in acme.agents] == ["acme-support"]
    assert [agent.vault for agent in beta.agents] == [
        VaultPrincipal(kind=PrincipalKind.ROLE, role="auth/approle/role/reader")
    ]
    assert proposal.left_out == (
        "'shared' does not look like a tenant",
        "auth/approle/role/robot could not be given to one tenant",
    )


def test_namespaces_are_tenants_and_folders_of_namespaces_are_not(tmp_path: Path) -> None:
    kv = Mount(path="kv/", type="kv", version=2)
    namespaces = [
        Namespace(mounts=(SECRET,)),
        Namespace(path="tenants/", mounts=SYSTEM),
        Namespace(path="tenants/acme/", mounts=(kv, *SYSTEM), auth_mounts=(approle({"any": []}),)),
        Namespace(path="tenants/acme/dev/", mounts=(kv,), auth_mounts=(approle({"dev": []}),)),
        Namespace(path="tenants/beta/", mounts=None),
    ]
    acme, beta = loaded(propose(world(*namespaces)), tmp_path).tenants
    assert acme.territory.vault == (NamespaceTerritory(namespace="tenants/acme/"),)
    assert [(agent.id, agent.vault.namespace) for agent in acme.agents if agent.vault] == [
        ("any", "tenants/acme/"),
        ("dev", "tenants/acme/dev/"),
    ]
    assert beta.territory.vault == (NamespaceTerritory(namespace="tenants/beta/"),)
    assert beta.agents == ()


def test_namespaces_of_the_same_name_stay_apart(tmp_path: Path) -> None:
    kv = (Mount(path="kv/", type="kv", version=1),)
    paths = ["eu/", "eu/acme/", "us/", "us/acme/"]
    namespaces = [Namespace(), *(Namespace(path=path, mounts=kv if "acme" in path else ()) for path in paths)]
    target = loaded(propose(world(*namespaces)), tmp_path)
    assert [tenant.id for tenant in target.tenants] == ["eu-acme", "us-acme"]


def test_mounts_of_their_own_are_tenants_by_what_their_names_differ_in(tmp_path: Path) -> None:
    mounts = tuple(Mount(path=f"kv-{name}/v2/", type="kv", version=2) for name in ("acme", "beta"))
    root = Namespace(mounts=mounts, policies=(policy("acme", "kv-acme/v2/*"), policy("beta", "kv-beta/v2/data/*")))
    acme, beta = loaded(propose(world(root)), tmp_path).tenants
    assert (acme.id, acme.territory.vault) == ("acme", (KvTerritory(mount="kv-acme/v2/"),))
    assert beta.id == "beta"
    assert acme.agents[0].vault == VaultPrincipal(kind=PrincipalKind.POLICIES, policies=("acme", "default"))


def test_a_mount_is_given_to_a_tenant_that_is_known(tmp_path: Path) -> None:
    mounts = (SECRET, *(Mount(path=path, type="kv", version=2) for path in ("kv-acme/", "team-kv/")))
    root = Namespace(mounts=mounts, policies=(policy("p", "secret/data/acme/*", "secret/data/beta/*"),))
    proposal = propose(world(root))
    acme, beta = loaded(proposal, tmp_path).tenants
    assert acme.territory.vault == (KvTerritory(mount="secret/", prefix="acme/"), KvTerritory(mount="kv-acme/"))
    assert beta.territory.vault == (KvTerritory(mount="secret/", prefix="beta/"),)
    assert proposal.left_out == ("the mount team-kv/ could not be given to one tenant",)


def test_a_template_stands_for_its_entities(tmp_path: Path) -> None:
    entities = (
        Entity(id="1", name="acme", metadata={"tenant": "t1"}),
        Entity(id="2", name="beta", metadata={"tenant": "t2"}),
        Entity(id="3", name="gamma"),
    )
    by_name = Namespace(
        mounts=(SECRET,), entities=entities, policies=(policy("t", "secret/data/{{identity.entity.name}}/*"),)
    )
    target = loaded(propose(world(by_name)), tmp_path)
    assert [tenant.id for tenant in target.tenants] == ["acme", "beta", "gamma"]
    assert target.tenants[0].agents[0].vault == VaultPrincipal(
        kind=PrincipalKind.ENTITY, entity="acme", policies=("default",)
    )
    text = "secret/data/{{ identity.entity.metadata.tenant }}/*"
    by_metadata = Namespace(mounts=(SECRET,), entities=entities, policies=(policy("t", text),))
    assert [tenant.id for tenant in loaded(propose(world(by_metadata)), tmp_path).tenants] == ["t1", "t2"]


def test_version_1_folders_are_tenants_too(tmp_path: Path) -> None:
    mount = Mount(path="old/", type="kv", version=1)
    root = Namespace(mounts=(mount,), policies=(policy("p", "old/acme/*", "old/data/*", "old/beta*", "old/x"),))
    tenants = loaded(propose(world(root)), tmp_path).tenants
    assert [tenant.id for tenant in tenants] == ["acme", "data"]


def test_a_server_without_tenants_gives_a_target_to_fill_in(tmp_path: Path) -> None:
    target = loaded(propose(world(Namespace(policies=None, mounts=None, auth_mounts=None))), tmp_path)
    assert [tenant.id for tenant in target.tenants] == ["tenant-1"]


def test_address_and_namespace_are_written_if_a_target_can_hold_them(tmp_path: Path) -> None:
    nothing = propose(world(Namespace()))
    target = loaded(nothing, tmp_path, address="https://v.example.test:8200", namespace="a/b/", name="my: name")
    assert target.name == "my: name"
    assert target.vault is not None
    assert (target.vault.address, target.vault.namespace) == ("https://v.example.test:8200", "a/b/")
    hidden = loaded(nothing, tmp_path, address="https://u:hidden@h", namespace="a//b")
    assert hidden.vault is not None
    assert (hidden.vault.address, hidden.vault.namespace) == (None, "")
    assert "hidden" not in (tmp_path / "target.yaml").read_text()


def test_every_guess_is_marked() -> None:
    root = Namespace(mounts=(SECRET,), policies=(policy("acme", "secret/data/acme/*"),))
    assert written(propose(world(root)).tenants) == (
        "# A proposal. Everything marked `guess` was guessed from names and policies: check it, correct it.\n"
        "# The keys are explained by `cred-audit schema target`.\n"
        "schema: 1\n"
        "name: my-platform\n"
        "tenants:\n"
        "  - id: acme\n"
        "    agents:\n"
        "      - {id: acme, vault: {policies: [acme, default]}}  # guess: no role was found; by its name\n"
        "    territory:\n"
        "      vault:\n"
        "        - {kv: secret, prefix: acme/}  # guess: policy 'acme' names this folder\n"
        "vault: {}\n"
        "  # address: VAULT_ADDR is used\n"
        "  # token: VAULT_TOKEN is used; or {env: NAME}, {file: path}, {command: [program, argument]}\n"
    )


def test_a_star_without_its_slash_still_names_a_tenant_that_acts(tmp_path: Path) -> None:
    root = Namespace(
        mounts=(SECRET,), policies=(policy("acme-agent", "secret/data/acme*"), policy("p", "secret/data/be*"))
    )
    assert [tenant.id for tenant in loaded(propose(world(root)), tmp_path).tenants] == ["acme"]


def test_a_role_called_like_those_of_tenants_is_a_tenants(tmp_path: Path) -> None:
    root = Namespace(
        mounts=(SECRET,),
        policies=(policy("p", "secret/data/acme/*", "secret/data/beta/*"), policy("all", "secret/*")),
        auth_mounts=(approle({"acme-agent": ["p"], "beta-agent": ["p"], "gamma-agent": ["all"], "ci-robot": ["all"]}),),
    )
    proposal = propose(world(root))
    gamma = loaded(proposal, tmp_path).tenants[2]
    assert (gamma.id, gamma.territory.vault) == ("gamma", (KvTerritory(mount="secret/", prefix="gamma/"),))
    assert proposal.left_out == ("auth/approle/role/ci-robot could not be given to one tenant",)


def test_a_denied_folder_is_a_tenants_but_not_the_denied_ones(tmp_path: Path) -> None:
    text = 'path "secret/data/*" { capabilities = ["read"] }\npath "secret/data/acme/*" { capabilities = ["deny"] }'
    root = Namespace(
        mounts=(SECRET,),
        policies=(PolicyDocument(name="robot", text=text),),
        auth_mounts=(approle({"robot": ["robot"]}),),
    )
    (acme,) = loaded(propose(world(root)), tmp_path).tenants
    assert (acme.id, acme.agents) == ("acme", ())


def listed(admin: hvac.Client, path: str) -> list[str]:
    answer: Any = admin.list(path)
    return list(answer["data"]["keys"])


def read(admin: hvac.Client, path: str) -> Any:
    answer: Any = admin.read(path)
    return answer["data"]


def test_the_demo_is_proposed_as_it_is_declared(bao: RunningServer, admin: hvac.Client, tmp_path: Path) -> None:
    platform.build(bao, lambda _step, _done, _total: None)
    names = listed(admin, "sys/policies/acl")
    texts = {name: read(admin, f"sys/policies/acl/{name}")["policy"] for name in names if name != "root"}
    policies = tuple(PolicyDocument(name=name, text=text) for name, text in texts.items())
    roles = {name: read(admin, f"auth/approle/role/{name}") for name in listed(admin, "auth/approle/role")}
    login = approle({name: role["token_policies"] for name, role in roles.items()})
    keys = listed(admin, "transit/keys")
    objects = tuple(EngineObject(kind="keys", name=key, data=None) for key in keys)
    transit = Mount(path="transit/", type="transit", objects=objects)
    root = Namespace(mounts=(SECRET, transit), policies=policies, auth_mounts=(login,))
    proposed = loaded(propose(world(root)), tmp_path)
    declared = load_target(Path(platform.__file__).with_name("target.yaml"))
    assert {tenant.id: (tenant.agents, set(tenant.territory.vault)) for tenant in proposed.tenants} == {
        tenant.id: (tuple(replace(agent, aws=None) for agent in tenant.agents), set(tenant.territory.vault))
        for tenant in declared.tenants
    }


HOSTILE = [
    "no", "null", "1.5", "(others)", " a ", "a: b", "a#b", "a # b", "{x}", "*a", "&a", "!t", "- a", '"', "'", "\\", "%",
    "a\nb: c", "a\r", "\x00", "\x1b[31m", "\x85", "\u2028", "\u202e", "\ufeff", "\ud800", "😀", "é", "{{ a }}", "@",
    "`", "x" * 100_000, "a/b", "a//b", "..", "a\tb", "~", "<<", "true", "0x1f", "2026-01-01",
]  # fmt: skip
NAMES = st.one_of(st.sampled_from(HOSTILE), st.text(min_size=1, max_size=12))


def quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@st.composite
def worlds(draw: st.DrawFn) -> World:
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    version = draw(st.sampled_from([1, 2, None]))
    mounts = [Mount(path=f"{name}/", type=draw(st.sampled_from(["kv", "transit", "database"]))) for name in names]
    mounts.append(Mount(path="secret/", type="kv", version=version))
    folder = "" if version == 1 else "data/"
    policies = [policy(name, f"secret/{folder}{quoted(name)}/*", f"{quoted(name)}/x/{quoted(name)}") for name in names]
    entities = tuple(Entity(id=str(number), name=name) for number, name in enumerate(names))
    policies.append(policy("t", f"secret/{folder}{{{{identity.entity.name}}}}/*"))
    auth = approle({name: [name] for name in names})
    root = Namespace(mounts=tuple(mounts), policies=tuple(policies), auth_mounts=(auth,), entities=entities)
    inner = draw(st.lists(NAMES, max_size=3, unique=True))
    return world(root, *(Namespace(path=f"{name}/", auth_mounts=(auth,), mounts=tuple(mounts[:1])) for name in inner))


@settings(max_examples=200, deadline=None)
@given(seen=worlds(), address=NAMES, namespace=NAMES)
def test_whatever_the_names_are_the_proposal_loads(
    seen: World, address: str, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    proposal = propose(seen)
    target = loaded(proposal, tmp_path_factory.getbasetemp(), address=address, namespace=namespace, name=address)
    assert 0 < len(target.tenants) <= max(len(proposal.tenants), 1)
    text = (tmp_path_factory.getbasetemp() / "target.yaml").read_text()
    assert all(line.isprintable() for line in text.split("\n"))
    meant = {part for tenant in proposal.tenants for part, _ in tenant.territory}
    assert {part for tenant in target.tenants for part in tenant.territory.vault} <= meant


def test_ten_thousand_tenants_take_seconds(tmp_path: Path) -> None:
    names = [f"t{number}" for number in range(10_000)]
    root = Namespace(
        mounts=(SECRET, *(Mount(path=f"m{number}/", type="transit") for number in range(2_000))),
        policies=tuple(policy(name, f"secret/data/{name}/*", f"m1/encrypt/{name}") for name in names),
        auth_mounts=(approle({f"{name}-bot": [name] for name in names}),),
        entities=tuple(Entity(id=name, name=name) for name in names),
    )
    inner = (Namespace(path=f"n{number}/", mounts=(SECRET,)) for number in range(5_000))
    started = time.process_time()
    proposal = propose(world(root, *inner))
    assert len(proposal.tenants) == 15_000
    assert time.process_time() - started < 15
    assert len(loaded(proposal, tmp_path).tenants) == 15_000
