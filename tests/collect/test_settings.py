import base64
import socket
import threading
from pathlib import Path

import hvac
import pytest

from cred_audit.collect import collect
from cred_audit.collect.confirm import server_capabilities
from cred_audit.collect.vault import connect
from cred_audit.collect.vault.client import Call, Client
from cred_audit.collect.vault.public_fields import device_options, object_fields, server_flags, token_fields
from cred_audit.collect.vault.settings import Settings, settings_of
from cred_audit.demo.server import RunningServer, running_server
from cred_audit.errors import CollectError, TargetError
from cred_audit.target.model import SecretRef, Target, VaultSource
from tests.collect.fake import target_at
from tests.collect.planted import Server


def made(source: VaultSource, **environ: str) -> Settings:
    target = Target(name="t", tenants=(), vault=source, path=Path("/folder/target.yaml"))
    given = {"VAULT_TOKEN": "tok", "HOME": "/nonexistent", **environ}
    return settings_of(source, target, given, allow_commands=False)


def test_target_wins_over_the_environment() -> None:
    found = made(
        VaultSource(address="http://own:1", namespace="a/b/", timeout=7.0, token=SecretRef(env="OWN")),
        VAULT_ADDR="http://other:2", VAULT_NAMESPACE="other", VAULT_CLIENT_TIMEOUT="9", OWN="own-token",
    )  # fmt: skip
    assert (found.address, found.namespace, found.timeout, found.token) == ("http://own:1", "a/b/", 7.0, "own-token")


def test_environment_where_the_target_is_silent() -> None:
    found = made(VaultSource(), VAULT_ADDR="http://other:2/prefix/", VAULT_NAMESPACE="/x/", VAULT_CLIENT_TIMEOUT="2m")
    assert (found.address, found.namespace, found.timeout, found.token) == ("http://other:2/prefix", "x/", 120.0, "tok")
    twin = made(VaultSource(), BAO_ADDR="http://bao:3", BAO_NAMESPACE="root", BAO_CLIENT_TIMEOUT="500ms")
    assert (twin.address, twin.namespace, twin.timeout) == ("http://bao:3", "", 0.5)
    assert made(VaultSource(), VAULT_ADDR="http://v:1", BAO_ADDR="http://b:1").address == "http://v:1"
    assert made(VaultSource(address="http://[::1]:8200")).address == "http://[::1]:8200"


def test_missing_secret_of_the_target_is_an_error_that_names_it() -> None:
    with pytest.raises(TargetError, match="OWN"):
        made(VaultSource(address="http://x:1", token=SecretRef(env="OWN")))
    with pytest.raises(TargetError, match="allow-commands"):
        made(VaultSource(address="http://x:1", token=SecretRef(command=("cat", "x"))))


def test_proxy() -> None:
    source = VaultSource(address="http://vault.example.test:8200")
    assert made(source, HTTP_PROXY="http://proxy:3128").proxy is not None
    assert made(source, VAULT_PROXY_ADDR="http://proxy:3128").proxy is not None
    assert made(source, HTTP_PROXY="http://proxy:3128", NO_PROXY="example.test").proxy is None
    assert made(VaultSource(address="http://127.0.0.1:8200"), HTTP_PROXY="http://proxy:3128").proxy is None
    assert made(source).proxy is None


def test_requests_go_through_the_proxy() -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                heard.append(connection.recv(65536))
                connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"data": {"a": "b"}}')

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        proxy = f"http://user:pass@127.0.0.1:{listener.getsockname()[1]}"
        settings = made(VaultSource(address="http://vault.example.test:8200"), HTTP_PROXY=proxy)
        with Client(settings) as client:
            assert client.ask(Call("t1/", "GET", "sys/x")).data == {"a": "b"}
        thread.join(5)
    assert heard[0].startswith(b"CONNECT vault.example.test:8200 HTTP/1.")
    assert base64.b64encode(b"user:pass") in heard[0]
    assert b"tok" not in heard[0]
    assert heard[1].startswith(b"GET /v1/sys/x HTTP/1.1")
    assert b"X-Vault-Token: tok" in heard[1]
    assert b"X-Vault-Namespace: t1\r\n" in heard[1]


def test_odd_names_reach_the_object_that_they_name(bao: RunningServer, admin: hvac.Client) -> None:
    server = Server(admin)
    names = ["a/b", "a b", "per%cent", "quest?ion", "hash#", "umlaut-ü", "plus+"]
    for name in names:
        encoded = "".join(f"%{byte:02X}" for byte in name.encode())
        server.post(f"sys/policies/acl/{encoded}", policy=f"# {name}\n")
    target = target_at(bao.address)
    assert target.vault is not None
    with connect(target.vault, target, environ={"VAULT_TOKEN": bao.token}, allow_commands=False) as client:
        listed = client.ask(Call("", "LIST", "sys/policies/acl/")).names or ()
        for name in names:
            assert name in listed
            data = client.ask(Call("", "GET", f"sys/policies/acl/{name}")).data or {}
            assert data.get("policy") == f"# {name}\n", name


def test_server_says_what_a_token_may_do(bao: RunningServer, admin: hvac.Client) -> None:
    server = Server(admin)
    server.post("sys/namespaces/cap")
    server.post(
        "sys/policies/acl/some",
        policy='path "secret/data/a/*" { capabilities = ["read"] }\npath "cap/kv/*" { capabilities = ["list"] }',
    )
    auth = server.post("auth/token/create", policies=["some"], no_default_policy=True)["auth"]
    target = target_at(bao.address)
    assert target.vault is not None
    paths = ["secret/data/a/x", "secret/data/b", "cap/kv/x", *(f"secret/data/a/{number}" for number in range(1200))]
    with connect(target.vault, target, environ={"VAULT_TOKEN": bao.token}, allow_commands=False) as client:
        found = server_capabilities(client, namespace="", paths=paths, accessor=auth["accessor"])
        assert found["secret/data/a/x"] == ("read",)
        assert found["secret/data/b"] == ("deny",)
        assert found["cap/kv/x"] == ("list",)
        assert len(found) == len(paths)
        assert server_capabilities(client, namespace="", paths=paths, token=auth["client_token"]) == found
        assert server_capabilities(client, namespace="", paths=(), accessor=auth["accessor"]) == {}
        with pytest.raises(CollectError, match="sys/capabilities-accessor"):
            server_capabilities(client, namespace="", paths=("x",), accessor="gone")
        with pytest.raises(ValueError, match="either"):
            server_capabilities(client, namespace="", paths=("x",))


def test_only_public_fields_are_kept() -> None:
    data = {
        "token_policies": ["a"], "password": "S", "connection_url": "postgres://u:S@h", "some_new_flag": True,
        "some_new_text": "S", "jwks_url": "https://u:S@h/x?token=S#S", "url": "ldaps://u:S/S@h",
        "bound_claims": {"team": "a", "api_key": "S", "nested": {"client_secret": "S"}},
        "creation_statements": ["S"], "certificate": "S", "policy_document": "https://u:S@h/a@b",
        "deep": {"a": "S"}, "name": "n" * 200_000,
    }  # fmt: skip
    kept = object_fields(data)
    assert "S" not in repr(kept).replace("'some_new_flag'", "")
    assert kept["some_new_flag"] is True
    assert kept["token_policies"] == ["a"]
    assert kept["jwks_url"] == "https://h/x"
    assert kept["policy_document"] == "https://h/a@b"
    assert kept["bound_claims"] == {"team": "a", "api_key": "(withheld)", "nested": {"client_secret": "(withheld)"}}
    assert len(kept["name"]) == 100_000
    assert len(kept["certificate_sha256"]) == 64


def test_what_a_listener_shows_without_a_token_is_kept() -> None:
    config = """
listener "tcp" {
  address = "127.0.0.1:0"
  tls_disable = true
  disable_unauthed_rekey_endpoints = false
  telemetry { unauthenticated_metrics_access = true }
  profiling { unauthenticated_pprof_access = true }
}
"""
    with running_server(config) as server:
        target = target_at(server.address)
        environ = {"VAULT_TOKEN": server.token}
        seen = collect(target, allow_commands=False, progress=lambda *_: None, environ=environ)
    assert seen.vault is not None
    listeners = (seen.vault.world.server.flags or {})["listeners"]
    kept = next(entry["config"] for entry in listeners if "telemetry" in entry["config"])
    assert kept["telemetry"][0]["unauthenticated_metrics_access"] is True
    assert kept["profiling"][0]["unauthenticated_pprof_access"] is True
    assert kept["disable_unauthed_rekey_endpoints"] is False


def test_tokens_devices_and_flags_lose_their_secrets() -> None:
    assert token_fields({"id": "S", "meta": {"a": "S"}, "policies": ["p"], "unknown": "S"}) == {"policies": ["p"]}
    options = {"log_raw": "true", "uri": "https://h/log?key=S", "headers": {"Authorization": "S"}, "address": "u:S@h:1"}
    assert device_options({**options, "address": "tcp://u:S@h:1"}) == {
        "log_raw": "true", "uri": "https://h/log", "address": "tcp://h:1",
    }  # fmt: skip
    flags = {
        "raw_storage_endpoint": True,
        "telemetry": {"circonus_api_token": "S"},
        "listeners": [{"type": "tcp", "config": {"address": "127.0.0.1:1", "tls_disable": True, "tls_key_file": "S"}}],
        "storage": {"type": "postgresql", "connection_url": "S"},
        "seals": [{"type": "transit", "token": "S"}],
    }
    kept = server_flags(flags)
    assert "S" not in repr(kept)
    assert kept["raw_storage_endpoint"] is True
    assert kept["listeners"] == [{"type": "tcp", "config": {"address": "127.0.0.1:1", "tls_disable": True}}]
    assert kept["storage"] == {"type": "postgresql"}
