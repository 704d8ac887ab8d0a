import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cred_audit.collect import collect
from cred_audit.decide.vault.model import AuthMount, Mount, Namespace, PolicyDocument, Server, World
from cred_audit.errors import CollectError
from cred_audit.facts import Gap, Snapshot, VaultFacts
from cred_audit.snapshot import save, with_digest
from cred_audit.target.model import KvTerritory, NamespaceTerritory, Target, Tenant, Territory, VaultSource
from tests.collect.test_snapshot import NOW

POLICY = 'path "secret/data/a" { capabilities = ["read"] }'


def read(source: VaultSource, *, territory: Territory | None = None, allow_outside: bool = False) -> Snapshot:
    tenants = (Tenant(id="a", territory=territory),) if territory is not None else ()
    return collect(
        Target(name="t", tenants=tenants, vault=source),
        allow_commands=False,
        progress=lambda *_: None,
        environ={},
        allow_outside=allow_outside,
    )


def policies(snapshot: Snapshot, namespace: str = "") -> dict[str, PolicyDocument]:
    assert snapshot.vault is not None
    space = next(one for one in snapshot.vault.world.namespaces if one.path == namespace)
    return {policy.name: policy for policy in space.policies or ()}


def reasons(snapshot: Snapshot) -> dict[str, str]:
    return {gap.what: gap.reason for gap in snapshot.gaps}


def test_folder_of_policies(tmp_path: Path) -> None:
    (tmp_path / "Acme.hcl").write_text(POLICY, encoding="utf-8")
    (tmp_path / "beta.json").write_text('{"path": {}}', encoding="utf-8")
    (tmp_path / "default.hcl").write_text("", encoding="utf-8")
    (tmp_path / "README.md").write_text("no policy", encoding="utf-8")
    (tmp_path / ".hidden.hcl").write_text("no policy", encoding="utf-8")
    seen = read(VaultSource(policies={"": tmp_path}, product="openbao", version="2.7.2"))
    found = policies(seen)
    assert set(found) == {"acme", "beta", "default"}
    assert found["acme"].text == POLICY
    assert found["acme"].source == str(tmp_path / "Acme.hcl")
    assert seen.vault is not None
    space = seen.vault.world.namespaces[0]
    # What no file says is not seen, and never taken as empty.
    parts = (space.auth_mounts, space.token_roles, space.entities, space.groups, space.tokens, space.lease_prefixes)
    assert parts == (None,) * 6
    assert space.mounts is None
    assert {"GET sys/auth", "LIST identity/entity/id/", "GET sys/mounts", "GET sys/audit"} <= set(reasons(seen))
    assert seen.vault.world.server == Server(product="openbao", version="2.7.2")


def test_assumptions_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "a.hcl").write_text(POLICY, encoding="utf-8")
    territory = Territory(vault=(KvTerritory(mount="other/", namespace="t1/"), NamespaceTerritory(namespace="t2/sub/")))
    mounts: dict[str, dict[str, dict[str, Any]]] = {
        "": {"secret/": {"type": "kv"}, "transit/": {"type": "transit"}, "old/": {"type": "kv", "version": 1}}
    }
    seen = read(VaultSource(policies={"": tmp_path}, mounts=mounts), territory=territory)
    assert seen.vault is not None
    world = seen.vault.world
    assert [space.path for space in world.namespaces] == ["", "t1/", "t2/", "t2/sub/"]
    assert [(mount.path, mount.version) for mount in world.namespaces[0].mounts or ()] == [
        ("old/", 1), ("secret/", 2), ("transit/", None),
    ]  # fmt: skip
    assert [mount.path for mount in world.namespaces[1].mounts or ()] == ["other/"]
    said = " ".join(seen.vault.assumed)
    for part in (
        "secret/ is taken to be KV version 2",
        "t1/other/ is taken",
        "Product and version",
        "namespaces are those",
    ):
        assert part in said
    assert "old/" not in said
    assert world.namespaces[1].policies is None
    assert "no folder is given" in reasons(seen)["LIST t1/sys/policies/acl/"]


def test_missing_default_policy_is_not_seen(tmp_path: Path) -> None:
    (tmp_path / "a.hcl").write_text(POLICY, encoding="utf-8")
    seen = read(VaultSource(policies={"": tmp_path}))
    assert policies(seen)["default"].text is None
    assert "no default.hcl" in reasons(seen)["GET sys/policies/acl/default"]


def test_hostile_folder(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    outside = tmp_path / "outside.hcl"
    folder.mkdir()
    outside.write_text(POLICY, encoding="utf-8")
    (folder / "good.hcl").write_text(POLICY, encoding="utf-8")
    (folder / "binary.hcl").write_bytes(b"\x7fELF\xff\xfe")
    (folder / "huge.hcl").write_bytes(b" " * (4 * 1024 * 1024 + 1))
    (folder / "link.hcl").symlink_to(outside)
    (folder / "inside.hcl").symlink_to(folder / "good.hcl")
    (folder / "loop.hcl").symlink_to(folder / "loop.hcl")
    (folder / "twice.hcl").write_text(POLICY, encoding="utf-8")
    (folder / "TWICE.json").write_text("{}", encoding="utf-8")
    (folder / "directory.hcl").mkdir()
    (folder / "more").mkdir()
    os.mkfifo(folder / "pipe.hcl")
    seen = read(VaultSource(policies={"": folder}))
    texts = {name: policy.text for name, policy in policies(seen).items()}
    assert texts.pop("good") == POLICY
    assert texts.pop("inside") == POLICY
    assert texts == dict.fromkeys(
        ("binary", "huge", "link", "loop", "twice", "directory", "pipe", "default"),
    )
    said = {Path(what).name: reason for what, reason in reasons(seen).items()}
    assert "leaves the folder" in said["link.hcl"]
    assert "not UTF-8" in said["binary.hcl"]
    assert "larger than" in said["huge.hcl"]
    assert "too; keep one" in said["twice.hcl"] + said.get("TWICE.json", "")
    assert "by itself" in said["more"]
    allowed = read(VaultSource(policies={"": folder}), allow_outside=True)
    assert policies(allowed)["link"].text == POLICY


def test_names_of_files_cannot_write_on_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[31m.hcl").write_bytes(b"\xff")
    (tmp_path / os.fsdecode(b"b\xff.hcl")).write_text(POLICY, encoding="utf-8")
    seen = read(VaultSource(policies={"": tmp_path}))
    assert not any("\x1b" in gap.what + gap.reason for gap in seen.gaps)
    assert "b\\\\xff.hcl" in save(seen) or "b\\\\udcff.hcl" in save(seen)


@pytest.mark.parametrize("make", ["missing", "empty", "file"])
def test_folder_that_holds_nothing_is_an_error(tmp_path: Path, make: str) -> None:
    folder = tmp_path / "policies"
    if make == "empty":
        folder.mkdir()
    elif make == "file":
        folder.write_text("", encoding="utf-8")
    with pytest.raises(CollectError, match=r"^vault: [^\n]*policies"):
        read(VaultSource(policies={"": folder}))


def bundle(path: Path) -> Snapshot:
    space = Namespace(
        policies=(PolicyDocument(name="a", text="old"),),
        mounts=(Mount(path="secret/", type="kv", version=2),),
        auth_mounts=(AuthMount(path="approle/", type="approle"),),
    )
    world = World(server=Server(product="openbao", version="2.6.1"), namespaces=(space,))
    vault = VaultFacts(address="https://vault.example.test", world=world, audit_devices=(), seal={}, coverage={})
    gap = Gap(source="vault", what="LIST t1/sys/policies/acl/", reason="permission denied")
    saved = Snapshot(target=Target(name="theirs", tenants=()), taken_at=NOW, tool_version="0", vault=vault, gaps=(gap,))
    path.write_text(save(saved), encoding="utf-8")
    return with_digest(saved)


def test_bundle_stands_for_the_server(tmp_path: Path) -> None:
    saved = bundle(tmp_path / "vault.json")
    seen = read(VaultSource(bundle=tmp_path / "vault.json"))
    assert seen.vault == saved.vault
    assert seen.gaps == saved.gaps
    assert seen.taken_at == NOW
    assert seen.target.name == "t"


def test_files_beside_a_bundle_replace_its_parts(tmp_path: Path) -> None:
    saved = bundle(tmp_path / "vault.json")
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "a.hcl").write_text(POLICY, encoding="utf-8")
    source = VaultSource(
        bundle=tmp_path / "vault.json", policies={"": tmp_path / "policies"}, version="2.7.2",
        mounts={"": {"kv/": {"type": "kv", "version": 1}}},
    )  # fmt: skip
    seen = read(source)
    assert seen.vault is not None
    assert saved.vault is not None
    space = seen.vault.world.namespaces[0]
    assert policies(seen)["a"].text == POLICY
    assert space.auth_mounts == saved.vault.world.namespaces[0].auth_mounts
    assert [mount.path for mount in space.mounts or ()] == ["kv/"]
    assert seen.vault.world.server == Server(product="openbao", version="2.7.2")
    assert len(seen.vault.assumed) == 3


def test_broken_bundles_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    for content in (b"", b"\x00\xff", b'{"snapshot": 7}', save(replace(bundle(path), vault=None)).encode()):
        path.write_bytes(content)
        with pytest.raises(CollectError, match=r"^vault: [^\n]+$"):
            read(VaultSource(bundle=path))
    with pytest.raises(CollectError, match="cannot be read"):
        read(VaultSource(bundle=tmp_path / "missing.json"))


def test_target_without_vault_reads_nothing() -> None:
    seen = collect(
        Target(name="t", tenants=()), allow_commands=False, progress=lambda *_: None, environ={"VAULT_TOKEN": "x"}
    )
    assert seen.vault is None
    assert seen.gaps == ()
    assert len(seen.digest) == 64
