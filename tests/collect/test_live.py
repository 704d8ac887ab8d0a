import json
import logging
import os
from collections.abc import Iterator

import hvac
import pytest

from cred_audit.claims.isolation import isolation
from cred_audit.collect import collect
from cred_audit.collect.auditor import auditor_policy
from cred_audit.decide import Unknown
from cred_audit.decide.vault.model import AuthMount, Mount, Namespace, Subject
from cred_audit.demo.server import RunningServer
from cred_audit.facts import Snapshot
from cred_audit.snapshot import load, save
from tests.collect.planted import Planted, Server, plant, target_for, token_agent


@pytest.fixture(scope="module")
def planted(admin: hvac.Client) -> Planted:
    return plant(admin)


def read(bao: RunningServer, token: str, **environ: str) -> Snapshot:
    given = {"VAULT_TOKEN": token, "HOME": "/nonexistent", **environ}
    return collect(target_for(bao), allow_commands=False, progress=lambda *_: None, environ=given)


@pytest.fixture(scope="module")
def taken(bao: RunningServer, planted: Planted) -> Snapshot:
    assert planted.secrets
    return read(bao, bao.token)


def space(snapshot: Snapshot, path: str) -> Namespace:
    assert snapshot.vault is not None
    return next(one for one in snapshot.vault.world.namespaces if one.path == path)


def method(snapshot: Snapshot, path: str, namespace: str = "") -> AuthMount:
    return next(one for one in space(snapshot, namespace).auth_mounts or () if one.path == path)


def engine(snapshot: Snapshot, path: str, namespace: str = "") -> Mount:
    return next(one for one in space(snapshot, namespace).mounts or () if one.path == path)


def test_root_token_sees_everything(taken: Snapshot) -> None:
    assert taken.gaps == ()
    assert taken.vault is not None
    world = taken.vault.world
    assert [one.path for one in world.namespaces] == ["", "t1/", "t1/deep/", "t2/"]
    assert world.namespaces_complete
    assert (world.server.product, world.server.version) == ("openbao", "2.7.2")
    assert (world.server.flags or {})["raw_storage_endpoint"] is False
    for one in world.namespaces:
        parts = (one.policies, one.mounts, one.auth_mounts, one.token_roles, one.entities, one.groups, one.tokens)
        assert None not in parts
        assert None not in (one.lease_prefixes, one.mfa_enforcements)
    assert taken.vault.audit_devices == ()
    assert taken.vault.audited_headers == ()
    assert [quota["name"] for quota in taken.vault.quotas or ()] == ["gentle"]
    assert taken.taken_at.tzinfo is not None


def test_policies_have_their_texts(taken: Snapshot) -> None:
    texts = {policy.name: policy.text for policy in space(taken, "t1/deep/").policies or ()}
    assert texts["agent"] == 'path "kv2/data/app" { capabilities = ["read"] }'
    assert "auth/token/lookup-self" in (texts["default"] or "")
    assert "root" not in texts


def test_roles_of_every_method_are_read(taken: Snapshot) -> None:
    roles = {
        (one.path, role.kind, role.name): role.data
        for one in space(taken, "").auth_mounts or ()
        for role in one.roles or ()
    }
    assert set(roles) == {
        ("approle/", "role", "agent"), ("userpass/", "users", "ann"), ("jwt/", "role", "agent"),
        ("kubernetes/", "role", "agent"), ("cert/", "certs", "agent"),
    }  # fmt: skip
    approle = roles["approle/", "role", "agent"] or {}
    assert len(approle["role_id"]) == 36
    assert approle["secret_ids"] == 2
    assert (roles["jwt/", "role", "agent"] or {})["bound_audiences"] == ["api"]
    assert (roles["kubernetes/", "role", "agent"] or {})["bound_service_account_names"] == ["a"]
    certificate = roles["cert/", "certs", "agent"] or {}
    assert certificate["allowed_common_names"] == ["a.example.test"]
    assert len(certificate["certificate_sha256"]) == 64
    assert (method(taken, "kubernetes/").config or {})["kubernetes_host"] == "https://kube.example.test"
    assert (method(taken, "jwt/").config or {})["bound_issuer"] == "https://issuer.example.test"
    assert [role.name for role in space(taken, "").token_roles or ()] == ["agent"]
    assert [role.name for role in method(taken, "approle/", "t1/deep/").roles or ()] == ["agent"]


def test_objects_of_every_engine_are_read(taken: Snapshot) -> None:
    found = {
        (mount.path, item.kind, item.name) for mount in space(taken, "").mounts or () for item in mount.objects or ()
    }
    expected = {
        ("transit/", "keys", "shared"), ("transit/", "config", "keys"), ("pki/", "roles", "agent"),
        ("pki/", "config", "acme"), ("ssh/", "roles", "agent"), ("database/", "config", "main"),
        ("database/", "roles", "agent"), ("totp/", "keys", "agent"), ("rabbitmq/", "roles", "agent"),
        ("kubernetes/", "roles", "agent"), ("kubernetes/", "config", ""), ("secret/", "config", ""),
    }  # fmt: skip
    assert expected <= found
    key = next(item.data or {} for item in engine(taken, "transit/").objects or () if item.name == "shared")
    assert key["exportable"] is True
    assert key["derived"] is False
    connection = next(item.data or {} for item in engine(taken, "database/").objects or () if item.kind == "config")
    assert connection["allowed_roles"] == ["*"]
    assert {mount.path: mount.version for mount in space(taken, "t1/").mounts or () if mount.type == "kv"} == {
        "kv/": 1, "kv2/": 2,
    }  # fmt: skip
    assert engine(taken, "old/").objects == ()


def test_identity_is_read(taken: Snapshot) -> None:
    entities = {entity.name: entity for entity in space(taken, "").entities or ()}
    ann = entities["ann"]
    assert ann.metadata == {"team": "acme"}
    assert [(alias.name, dict(alias.custom_metadata)) for alias in ann.aliases] == [("ann", {"squad": "blue"})]
    assert ann.aliases[0].mount_accessor == method(taken, "userpass/").accessor
    groups = {group.name: group for group in space(taken, "").groups or ()}
    assert groups["builders"].member_entity_ids == (ann.id,)
    assert groups["builders"].policies == ("agent",)
    outside = groups["outside"].alias
    assert outside is not None
    assert outside.name == "outsiders"
    assert space(taken, "").mfa_enforcements == ("second",)


def test_tokens_are_read_by_accessor_without_their_ids(taken: Snapshot) -> None:
    tokens = space(taken, "").tokens or ()
    assert len(tokens) >= 4
    assert all(token.data is not None and "id" not in token.data for token in tokens)
    assert any("agent" in (token.data or {})["policies"] for token in tokens)
    assert "auth/token/create/" in (space(taken, "").lease_prefixes or ())


def test_tuning_in_the_list_of_mounts_is_that_of_the_tune_call(bao: RunningServer, admin: hvac.Client) -> None:
    server = Server(admin)
    settings = {
        "audit_non_hmac_request_keys": ["a"], "audit_non_hmac_response_keys": ["b"], "listing_visibility": "unauth",
        "passthrough_request_headers": ["X-A"], "allowed_response_headers": ["X-B"], "default_lease_ttl": 3600,
    }  # fmt: skip
    server.post("sys/mounts/tuned", type="kv")
    server.post("sys/mounts/tuned/tune", **settings)
    try:
        tune = engine(read(bao, bao.token), "tuned/").tune or {}
        said = server.send("get", "sys/mounts/tuned/tune")["data"]
    finally:
        server.send("delete", "sys/mounts/tuned")
    assert {name: tune[name] for name in settings} == settings
    assert {name: said[name] for name in settings} == settings


def test_no_secret_is_in_snapshot_or_log(
    bao: RunningServer, planted: Planted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    lines: list[str] = []
    snapshot = collect(
        target_for(bao, token_agent("bad", "AGENT_TOKEN"), token_agent("good", "GOOD_TOKEN")),
        allow_commands=False,
        progress=lambda *step: lines.append(repr(step)),
        environ={"VAULT_TOKEN": bao.token, "GOOD_TOKEN": bao.token, "AGENT_TOKEN": planted.secrets[-1]},
    )
    text = save(snapshot)
    assert snapshot.vault is not None
    assert "root" in (snapshot.vault.agent_tokens["acme/good"].data or {})["policies"]
    assert any("acme/bad" in gap.what for gap in snapshot.gaps)
    subjects = {acting.agent: acting.subject for acting in isolation(snapshot).acting}
    assert isinstance(subjects["bad"], Unknown)
    assert isinstance(subjects["good"], Subject)
    places = {"snapshot": text, "repr": repr(snapshot), "log": caplog.text, "progress": "".join(lines)}
    for place, content in places.items():
        for secret in (*planted.secrets, bao.token):
            assert secret not in content, f"{secret} in {place}"
    assert load(text, source="x") == snapshot_without_references(snapshot)


def snapshot_without_references(snapshot: Snapshot) -> Snapshot:
    back = load(save(snapshot), source="x")
    assert back.vault == snapshot.vault
    assert back.gaps == snapshot.gaps
    return back


@pytest.fixture(scope="module")
def auditor(admin: hvac.Client, taken: Snapshot) -> str:
    assert taken.vault is not None
    text = auditor_policy(taken.vault.world)
    server = Server(admin)
    admin.sys.create_or_update_policy("cred-audit", text)
    made = server.post("auth/token/create", policies=["cred-audit"], no_default_policy=True)
    return str(made["auth"]["client_token"])


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "with default"])
def test_auditor_policy_suffices(
    bao: RunningServer, admin: hvac.Client, auditor: str, taken: Snapshot, *, alone: bool
) -> None:
    # Most logins add `default`, whose exact rules must not shadow the auditor's.
    made = Server(admin).post("auth/token/create", policies=["cred-audit"], no_default_policy=False)
    seen = read(bao, auditor if alone else str(made["auth"]["client_token"]))
    assert seen.gaps == ()
    assert seen.vault is not None
    assert taken.vault is not None
    for name, count in taken.vault.coverage.items():
        assert seen.vault.coverage[name] >= count, name


def test_auditor_reads_no_secret(bao: RunningServer, auditor: str, planted: Planted) -> None:
    assert len(planted.readable) > 20
    client = hvac.Client(url=bao.address, token=auditor)
    root = hvac.Client(url=bao.address, token=bao.token)
    reached = 0
    for namespace, verb, path in planted.readable:
        headers = {"X-Vault-Namespace": namespace}
        answer = client.adapter.request(verb, f"/v1/{path}", headers=dict(headers), raise_exception=False)
        status = 200 if isinstance(answer, dict) else answer.status_code
        assert status == 403, f"{verb} {namespace}/{path}: {status}"
        reached += isinstance(root.adapter.request(verb, f"/v1/{path}", headers=headers, raise_exception=False), dict)
    # The same requests show something to a token that may make them.
    assert reached > 20


def test_auditor_policy_has_a_reason_for_every_rule(taken: Snapshot) -> None:
    assert taken.vault is not None
    rules = [line for line in auditor_policy(taken.vault.world).splitlines() if line.startswith("path ")]
    assert len(rules) > 60
    assert all(" # " in line for line in rules)
    assert not any("old/" in line for line in rules)


@pytest.fixture
def restricted(admin: hvac.Client) -> Iterator[str]:
    admin.sys.create_or_update_policy("some", 'path "sys/policies/acl/" { capabilities = ["list"] }')
    made = Server(admin).post("auth/token/create", policies=["some"], no_default_policy=True)
    yield str(made["auth"]["client_token"])
    Server(admin).send("delete", "sys/policies/acl/some")


def test_refusals_are_gaps_with_the_missing_permission(bao: RunningServer, restricted: str) -> None:
    seen = read(bao, restricted)
    reasons = {gap.what: gap.reason for gap in seen.gaps}
    assert 'path "sys/auth" { capabilities = ["read"] }' in reasons["GET sys/auth"]
    assert '"list", "sudo"' in reasons["LIST auth/token/accessors/"]
    assert seen.vault is not None
    assert not seen.vault.world.namespaces_complete
    root = space(seen, "")
    assert root.mounts is None
    assert root.entities is None
    assert root.policies is not None
    assert all(policy.text is None for policy in root.policies)
    assert all(gap.source == "vault" for gap in seen.gaps)
    # Hundreds of refusals in one folder are one gap.
    assert len(seen.gaps) < 60


def test_a_token_without_any_right_is_one_error(bao: RunningServer, admin: hvac.Client) -> None:
    from cred_audit.errors import CollectError  # noqa: PLC0415

    made = Server(admin).post("auth/token/create", policies=["nothing"], no_default_policy=True)
    with pytest.raises(CollectError, match=r"the token may read nothing; .*--print-policy"):
        read(bao, made["auth"]["client_token"])


def test_in_a_namespace_only_what_is_below_is_read(bao: RunningServer, taken: Snapshot) -> None:
    seen = read(bao, bao.token, VAULT_NAMESPACE="/t1/")
    assert seen.vault is not None
    assert [one.path for one in seen.vault.world.namespaces] == ["t1/", "t1/deep/"]
    assert seen.vault.world.server.flags is None
    assert {gap.what for gap in seen.gaps} >= {"GET sys/audit", "GET sys/config/state/sanitized"}
    assert space(seen, "t1/deep/").mounts == space(taken, "t1/deep/").mounts


def test_saved_form_is_plain_json(taken: Snapshot) -> None:
    content = json.loads(save(taken))
    assert content["snapshot"] == 1
    assert content["digest"] == taken.digest
    assert os.environ.get("VAULT_TOKEN", "\0") not in save(taken)
