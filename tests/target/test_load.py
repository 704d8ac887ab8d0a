from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from cred_audit.errors import TargetError
from cred_audit.target import events
from cred_audit.target.load import load_target
from cred_audit.target.model import (
    AwsPrincipal,
    AwsTerritory,
    KvTerritory,
    NamespaceTerritory,
    PathTerritory,
    PrincipalKind,
    SecretRef,
    Target,
    VaultPrincipal,
)

HEAD = "schema: 1\nname: platform\n"
FULL = Path(__file__).with_name("full.yaml")


def load(tmp_path: Path, text: str, name: str = "target.yaml", **options: Any) -> Target:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return load_target(file, **options)


def test_every_part_of_a_target_has_its_place() -> None:
    target = load_target(FULL)
    acme, beta = target.tenants
    assert (acme.id, acme.line, beta.id) == ("acme", 4, "beta")
    support, named, exact, given = acme.agents
    assert support.vault == VaultPrincipal(kind=PrincipalKind.ROLE, role="auth/approle/role/acme-support")
    assert support.aws == AwsPrincipal(role="arn:aws:iam::111122223333:role/agent", session_tags={"TenantId": "acme"})
    assert support.platform is not None
    assert support.platform.token == SecretRef(env="ACME_TOKEN")
    assert named.vault == VaultPrincipal(
        kind=PrincipalKind.ENTITY, entity="acme-bot", policies=("a", "b"), namespace="tenants/acme/"
    )
    assert exact.vault == VaultPrincipal(kind=PrincipalKind.POLICIES, policies=("agents", "default"))
    assert given.vault == VaultPrincipal(kind=PrincipalKind.TOKEN, token=SecretRef(command=("pass", "show", "acme")))
    assert acme.territory.vault == (
        KvTerritory(mount="secret/", prefix="acme/"),
        NamespaceTerritory(namespace="tenants/acme/"),
        PathTerritory(path="transit/+/acme"),
        PathTerritory(path="database/creds/acme-*"),
        KvTerritory(mount="team/kv/", namespace="tenants/"),
    )
    assert acme.territory.aws == (
        AwsTerritory(tags={"TenantId": "acme"}),
        AwsTerritory(arns=("arn:aws:secretsmanager:*:111122223333:secret:acme/*",)),
        AwsTerritory(account="111122223333"),
    )
    assert acme.territory.platform is not None
    assert acme.territory.platform["canaries"] == ["onyx-willow-661e39", SecretRef(env="ACME_CANARY")]
    assert acme.territory.credentials == ({"provider": "openai", "id": "key_abc"},)
    assert [agent.id for agent in beta.agents] == ["beta"]
    assert target.others is False
    assert target.vault is not None
    assert target.vault.address == "https://vault.example.test:8200"
    assert target.vault.timeout == 12.0
    assert target.vault.token == SecretRef(file="vault-token")
    assert not target.vault.offline
    assert target.aws is not None
    assert set(target.sections) == {"platform", "providers", "logs", "declared", "authorization"}
    assert target.sections["providers"][0]["admin_key"] == SecretRef(env="VENDOR_ANTHROPIC_ADMIN")
    assert target.sections["platform"]["call"]["request"]["json"]["metadata"] == {"marker": "{marker}"}
    day, moment = target.accepted
    assert day.until == datetime(2027, 1, 31, 23, 59, 59, 999999, UTC)
    assert moment.until == datetime(2027, 1, 31, 12, tzinfo=UTC)
    assert (day.line, day.ticket) == (85, "SEC-7")
    assert target.path == FULL
    assert target.warnings == ()


def test_sections_are_plain_data() -> None:
    def kinds(value: Any) -> set[type]:
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return {type(value)}.union(*(kinds(item) for item in inside))

    assert kinds(dict(load_target(FULL).sections)) <= {dict, list, str, int, bool, type(None), SecretRef}


def test_one_tenant_has_others_unless_it_says_no(tmp_path: Path) -> None:
    one = HEAD + "tenants: [{id: a}]\n"
    assert load(tmp_path, one).others is True
    assert load(tmp_path, one + "others: false\n").others is False
    assert load(tmp_path, HEAD + "tenants: [{id: a}, {id: b}]\nothers: true\n").others is True


def test_offline_files_are_relative_to_the_target(tmp_path: Path) -> None:
    target = load(
        tmp_path,
        HEAD + 'tenants: [{id: a}]\nvault:\n  policies: {"": policies/root, /tenants/acme: policies/acme}\n'
        "  bundle: vault.json\n  server: {product: vault, version: 1.20.1}\n"
        "  mounts: {secret: {type: kv, version: 2}}\n"
        "  namespaces: {tenants/acme/: {mounts: {/kv/: {type: kv, version: 1}}}, tenants: {}}\n",
    )
    assert target.vault is not None
    assert target.vault.offline
    assert target.vault.policies == {"": tmp_path / "policies/root", "tenants/acme/": tmp_path / "policies/acme"}
    assert target.vault.bundle == tmp_path / "vault.json"
    assert (target.vault.product, target.vault.version) == ("vault", "1.20.1")
    assert target.vault.mounts == {
        "": {"secret/": {"type": "kv", "version": 2}},
        "tenants/acme/": {"kv/": {"type": "kv", "version": 1}},
    }
    assert target.vault.namespaces == ("tenants/", "tenants/acme/")


@pytest.mark.parametrize("written", ["tenants/acme", "/tenants/acme", "tenants/acme/", "/tenants/acme/"])
def test_namespaces_and_mounts_end_with_a_slash(tmp_path: Path, written: str) -> None:
    text = f"tenants: [{{id: a, territory: {{vault: [{{namespace: {written}}}, {{kv: {written}}}]}}}}]"
    territory = load(tmp_path, HEAD + text).tenants[0].territory.vault
    assert territory == (NamespaceTerritory(namespace="tenants/acme/"), KvTerritory(mount="tenants/acme/"))


def test_a_literal_prefix_is_warned_about(tmp_path: Path) -> None:
    target = load(tmp_path, HEAD + "tenants: [{id: a, territory: {vault: [{kv: secret, prefix: acme}]}}]")
    assert target.warnings == (
        f"{tmp_path}/target.yaml:3: `prefix` is literal: 'acme' also owns 'acme-eu/'; end it with '/' for a folder",
    )
    api = load(tmp_path, HEAD + "tenants: [{id: a, territory: {vault: [{kv: secret, prefix: data/acme/}]}}]")
    assert "leave data/ out" in api.warnings[0]


def test_warnings_are_counted_beyond_twenty(tmp_path: Path) -> None:
    tenants = "".join(f"  - {{id: t{n}, territory: {{vault: [{{kv: secret, prefix: t{n}}}]}}}}\n" for n in range(100))
    warnings = load(tmp_path, HEAD + "tenants:\n" + tenants).warnings
    assert len(warnings) == 21
    assert warnings[-1].startswith("and 80 more warnings")


def test_defaults_lie_below_each_tenant(tmp_path: Path) -> None:
    target = load(
        tmp_path,
        HEAD + "defaults:\n  agent:\n    vault: {namespace: agents}\n"
        "    aws: {role: 'arn:aws:iam::111122223333:role/agent', session_tags: {App: x, Tenant: none}}\n"
        "  territory: {credentials: [{provider: openai, id: k}], vault: [{kv: shared}]}\n"
        "tenants:\n"
        "  - id: a\n    agents:\n      - {vault: {policies: [a]}, aws: {session_tags: {Tenant: a}}}\n"
        "      - {id: a2, vault: {policies: [b], namespace: ''}}\n"
        "    territory: {vault: [{kv: a}]}\n"
        "  - id: b\n    agents: []\n",
    )
    a, b = target.tenants
    assert a.agents[0].id == "a"
    assert a.agents[0].vault == VaultPrincipal(kind=PrincipalKind.POLICIES, policies=("a",), namespace="agents/")
    assert a.agents[0].aws is not None
    assert a.agents[0].aws.session_tags == {"App": "x", "Tenant": "a"}
    assert a.agents[1].vault == VaultPrincipal(kind=PrincipalKind.POLICIES, policies=("b",))
    assert a.territory.vault == (KvTerritory(mount="a/"),)
    assert a.territory.credentials == ({"provider": "openai", "id": "k"},)
    assert b.agents == ()
    assert b.territory.vault == (KvTerritory(mount="shared/"),)


def test_a_tenant_without_agents_gets_the_default_one(tmp_path: Path) -> None:
    target = load(tmp_path, HEAD + "defaults: {agent: {vault: {role: auth/jwt/role/agents}}}\ntenants: [{id: a}]\n")
    agent = target.tenants[0].agents[0]
    assert agent.id == "a"
    assert agent.vault == VaultPrincipal(kind=PrincipalKind.ROLE, role="auth/jwt/role/agents")


def test_scalars_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    target = load(
        tmp_path,
        HEAD + "tenants:\n  - id: no\n  - id: on\n  - id: 12:30:45\n  - id: 1_000\n  - id: '7'\n  - id: .x\n"
        "authorization: {by: x, until: 2026-12-31, hosts: [h:1], tenants: [no], max_requests: 010, writes: True}\n",
    )
    assert [tenant.id for tenant in target.tenants] == ["no", "on", "12:30:45", "1_000", "7", ".x"]
    assert target.sections["authorization"]["max_requests"] == 10
    assert target.sections["authorization"]["writes"] is True


def test_json_targets_load_like_yaml(tmp_path: Path) -> None:
    text = '{"schema": 1, "name": "\\u00e9\\ud83d\\ude00",\n "tenants": [{"id": "a", "territory": {}}, {"id": "b"}]}\n'
    target = load(tmp_path, text, "target.json")
    assert target.name == "é😀"
    assert [(tenant.id, tenant.line) for tenant in target.tenants] == [("a", 2), ("b", 2)]


def test_a_link_to_a_target_keeps_the_folder_of_the_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/target.yaml").write_text(HEAD + "tenants: {from: t.csv, each: {id: '{{ id }}'}}\n")
    (tmp_path / "t.csv").write_text("id\na\n")
    (tmp_path / "target.yaml").symlink_to("real/target.yaml")
    assert load_target(tmp_path / "target.yaml").tenants[0].id == "a"


def test_a_missing_file_is_one_line() -> None:
    with pytest.raises(TargetError) as raised:
        load_target(Path("no/such/target.yaml"))
    assert str(raised.value) == "no/such/target.yaml:1:1: cannot read no/such/target.yaml: no such file or directory"


def test_platforms_without_libyaml_read_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_libyaml = load_target(FULL)
    monkeypatch.setattr(events, "_Parser", yaml.SafeLoader)
    assert load_target(FULL) == with_libyaml
    for text in ("[" * 100_000, '"\\ud800"', "a: &x 1", "a: b: c", "- " * 5_000):
        with pytest.raises(TargetError) as raised:
            load(tmp_path, text)
        assert str(raised.value).startswith(f"{tmp_path}/target.yaml:1:")
        assert "\n" not in str(raised.value)
