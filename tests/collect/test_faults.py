import http.server
import os
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hvac
import pytest

from cred_audit.collect import collect
from cred_audit.collect.vault.client import Call, Client
from cred_audit.collect.vault.settings import settings_of
from cred_audit.demo.server import RunningServer
from cred_audit.errors import CollectError, CredAuditError
from cred_audit.facts import Snapshot
from tests.collect.fake import SEAL, send, serving, target_at
from tests.collect.planted import Server

Handler = http.server.BaseHTTPRequestHandler
TOKEN = "s.CANARY-token-of-the-test"


def read(address: str, timeout: float = 5.0, **environ: str) -> Snapshot:
    given = {"VAULT_TOKEN": TOKEN, "HOME": "/nonexistent", **environ}
    return collect(target_at(address, timeout), allow_commands=False, progress=lambda *_: None, environ=given)


def refused(address: str, timeout: float = 5.0, **environ: str) -> str:
    """Return the one line that says why nothing could be collected."""
    with pytest.raises(CredAuditError) as caught:
        read(address, timeout, **environ)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 500
    assert TOKEN not in text
    return text


def client_at(address: str, timeout: float = 5.0) -> Client:
    target = target_at(address, timeout)
    assert target.vault is not None
    return Client(settings_of(target.vault, target, {"VAULT_TOKEN": TOKEN}, allow_commands=False))


def standing(handler: Handler, answers: Mapping[str, tuple[int, Any]]) -> None:
    """Answer as a server that stands, but for these paths."""
    path = handler.path.partition("?")[0].removeprefix("/v1/")
    if path in answers:
        send(handler, *answers[path])
    elif path == "sys/seal-status":
        send(handler, 200, SEAL)
    elif path == "auth/token/lookup-self":
        send(handler, 200, {"data": {"policies": ["x"]}})
    elif path in ("sys/mounts", "sys/auth"):
        send(handler, 200, {"data": {}})
    elif path in ("sys/policies/acl/", "sys/policies/detailed/acl/"):
        send(handler, 200, {"data": {"keys": [], "key_info": {}}})
    else:
        send(handler, 404, {"errors": []})


def test_nothing_listens() -> None:
    assert "connection refused" in refused("http://127.0.0.1:1")


def test_unknown_host() -> None:
    assert "host name is not known" in refused("http://no-such-host.invalid:8200")


def test_no_address_and_no_token() -> None:
    target = target_at("", timeout=30)
    for environ, said in (
        ({"VAULT_TOKEN": "x"}, "no address"),
        ({"VAULT_ADDR": "http://127.0.0.1:1"}, "no token"),
        ({"VAULT_ADDR": "ftp://x", "VAULT_TOKEN": "x"}, "neither http nor https"),
        ({"VAULT_ADDR": "http://x:999999", "VAULT_TOKEN": "x"}, "is no URL"),
        ({"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": "a b"}, "characters that no token has"),
        ({"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": "x", "VAULT_CLIENT_TIMEOUT": "soon"}, "CLIENT_TIMEOUT"),
    ):
        with pytest.raises(CollectError, match=said):
            collect(target, allow_commands=False, progress=lambda *_: None, environ={"HOME": "/nonexistent", **environ})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<!doctype html><html>hello</html>", "neither Vault nor OpenBao"),
        (b'{"Config": {"Datacenter": "dc1"}}', "neither Vault nor OpenBao"),
        (b"\x00\xff\x00", "neither Vault nor OpenBao"),
        (b"[" * 100_000, "neither Vault nor OpenBao"),
        (b'{"sealed": true, "initialized": true}', "sealed"),
        (b'{"sealed": true, "initialized": false}', "not initialized"),
    ],
)
def test_another_product_or_a_sealed_server(body: bytes, said: str) -> None:
    with serving(lambda handler: send(handler, 200, body)) as address:
        assert said in refused(address)


def test_slow_server() -> None:
    with serving(lambda _: time.sleep(3)) as address:
        before = time.monotonic()
        assert "no answer within the timeout" in refused(address, timeout=0.3)
        assert time.monotonic() - before < 2.5


def test_not_http_at_all() -> None:
    def react(handler: Handler) -> None:
        handler.wfile.write(b"220 smtp ready\r\n" * 10)
        handler.close_connection = True

    with serving(react) as address:
        assert "not HTTP" in refused(address)


def test_endless_answer_is_cut_off() -> None:
    def react(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(10**12))
        handler.end_headers()
        handler.wfile.write(b" " * 1000)

    with serving(react) as address:
        assert "larger than 64 MiB" in refused(address)


def test_endless_answer_in_pieces_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cred_audit.collect.vault.connection.LARGEST", 100_000)

    def react(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"1000\r\n" + b" " * 4096 + b"\r\n")

    with serving(react) as address, client_at(address) as client:
        assert "larger than" in client.ask(Call("", "GET", "x")).reason


def test_token_that_is_not_valid(bao: RunningServer) -> None:
    assert "not valid here, or has expired" in refused(bao.address)


def test_unknown_namespace(bao: RunningServer) -> None:
    assert "there is no namespace 'nope/'" in refused(bao.address, VAULT_TOKEN=bao.token, VAULT_NAMESPACE="nope")


def test_expired_token(bao: RunningServer, admin: hvac.Client) -> None:
    made = Server(admin).post("auth/token/create", ttl="1s", policies=["default"])["auth"]["client_token"]
    time.sleep(1.2)
    assert "expired" in refused(bao.address, VAULT_TOKEN=made)


def test_token_from_the_file_that_the_command_line_writes(bao: RunningServer, tmp_path: Path) -> None:
    Path(tmp_path, ".vault-token").write_text(f"{bao.token}\n", encoding="ascii")
    target = target_at("")
    environ = {"BAO_ADDR": bao.address, "HOME": str(tmp_path)}
    seen = collect(target, allow_commands=False, progress=lambda *_: None, environ=environ)
    assert seen.gaps == ()
    assert seen.vault is not None
    assert seen.vault.address == bao.address


def test_rate_limit_is_waited_for() -> None:
    calls: list[float] = []

    def react(handler: Handler) -> None:
        calls.append(time.monotonic())
        if len(calls) < 3:
            send(handler, 429, {"errors": ["rate limit quota exceeded"]}, Retry_After="1" if len(calls) == 1 else "")
        else:
            send(handler, 200, {"data": {"keys": ["a"]}})

    with serving(react) as address, client_at(address) as client:
        assert client.ask(Call("", "LIST", "x/")).names == ("a",)
    assert calls[1] - calls[0] >= 1
    assert 0.05 <= calls[2] - calls[1] < 2


def test_rate_limit_that_never_ends_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cred_audit.collect.vault.client._BUSY_TRIES", 3)
    with serving(lambda handler: send(handler, 429, {"errors": []})) as address, client_at(address) as client:
        assert "rate limit" in client.ask(Call("", "LIST", "x/")).reason


def test_real_rate_limit(bao: RunningServer, admin: hvac.Client) -> None:
    server = Server(admin)
    for number in range(80):
        server.post(f"sys/policies/acl/limited-{number}", policy='path "x" {}')
    server.post("sys/mounts/limited", type="transit")
    for number in range(60):
        server.post(f"limited/keys/{number}")
    server.post("sys/quotas/rate-limit/limit", path="limited/", rate=40, interval="1s")
    try:
        seen = read(bao.address, VAULT_TOKEN=bao.token)
    finally:
        server.send("delete", "sys/quotas/rate-limit/limit")
    assert seen.gaps == ()
    assert seen.vault is not None
    mounts = seen.vault.world.namespaces[0].mounts or ()
    assert [len(mount.objects or ()) for mount in mounts if mount.path == "limited/"] == [61]


def test_resets_and_server_errors_are_tried_again() -> None:
    calls: list[str] = []

    def react(handler: Handler) -> None:
        calls.append(handler.path)
        if len(calls) == 1:
            handler.connection.shutdown(2)
            handler.close_connection = True
        elif len(calls) == 2:
            send(handler, 502, b"bad gateway")
        else:
            send(handler, 200, {"data": {"keys": ["a"]}})

    with serving(react) as address, client_at(address) as client:
        assert client.ask(Call("", "LIST", "x/")).names == ("a",)
    assert len(calls) == 3


def test_tries_are_bounded() -> None:
    calls: list[str] = []

    def react(handler: Handler) -> None:
        calls.append(handler.path)
        send(handler, 500, {"errors": ["boom\x1b[31m" + "y" * 10_000]})

    with serving(react) as address, client_at(address) as client:
        answer = client.ask(Call("", "GET", "x"))
    assert len(calls) == 3
    assert answer.data is None
    assert "boom" in answer.reason
    assert "\x1b" not in answer.reason
    assert len(answer.reason) < 300


def test_server_that_dies_is_not_asked_thousands_of_times() -> None:
    with serving(lambda handler: standing(handler, {})) as address:
        client = client_at(address)
    with client:
        before = time.monotonic()
        answers = client.each([Call("", "GET", str(number)) for number in range(3000)], client.ask)
    assert time.monotonic() - before < 6
    assert all(answer.data is None and answer.reason for answer in answers)
    assert "stopped answering" in answers[-1].reason


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b'{"data": {"keys": [1, null, {"a": 2}]}}', b'{"data": 5}', b"{" * 5000, b'"\xff"', b""],
)
def test_hostile_answers_never_break_the_collection(body: bytes) -> None:
    def react(handler: Handler) -> None:
        standing(handler, {"sys/mounts": (200, body), "sys/policies/detailed/acl/": (200, body)})

    with serving(react) as address:
        seen = read(address)
    assert seen.vault is not None
    root = seen.vault.world.namespaces[0]
    assert root.auth_mounts == ()
    assert root.mounts is None or root.mounts == ()


def test_wrong_types_inside_answers() -> None:
    mounts = {"kv/": {"type": 5, "options": [], "config": "x"}, "a/": None, "t/": {"type": "transit", "accessor": {}}}
    policies = {
        "keys": ["a", "b", "c"],
        "key_info": {"a": {"policy": 7}, "b": [], "c": {"policy": "x", "expiration": 9}},
    }
    answers = {
        "sys/mounts": (200, {"data": mounts}),
        "sys/policies/detailed/acl/": (200, {"data": policies}),
        "identity/entity/id/": (200, {"data": {"keys": ["e"]}}),
        "identity/entity/id/e": (200, {"data": {"aliases": [5, {"name": 6}], "policies": "x", "metadata": [1]}}),
    }
    with serving(lambda handler: standing(handler, answers)) as address:
        seen = read(address)
    assert seen.vault is not None
    root = seen.vault.world.namespaces[0]
    assert [(policy.name, policy.text) for policy in root.policies or ()] == [("a", None), ("b", None), ("c", "x")]
    assert [entity.id for entity in root.entities or ()] == ["e"]


def test_not_found_is_no_answer_where_every_server_has_one() -> None:
    missing: tuple[int, Any] = (404, {"errors": []})
    answers: dict[str, tuple[int, Any]] = {
        "sys/policies/detailed/acl/": missing,
        "sys/policies/acl/": missing,
        "sys/mounts": missing,
        "sys/auth": missing,
        "identity/entity/id/": (404, {"message": "no route"}),
    }
    with serving(lambda handler: standing(handler, answers)) as address:
        seen = read(address)
    assert seen.vault is not None
    root = seen.vault.world.namespaces[0]
    assert (root.policies, root.mounts, root.auth_mounts, root.entities) == (None, None, None, None)
    assert root.groups == ()
    asked = {gap.what for gap in seen.gaps}
    assert asked == {"LIST sys/policies/acl/", "GET sys/mounts", "GET sys/auth", "LIST identity/entity/id/"}


def test_clock_of_the_server_is_believed() -> None:
    later = int(time.time()) + 7200
    with serving(lambda handler: standing(handler, {"sys/health": (200, {"server_time_utc": later})})) as address:
        seen = read(address)
    assert abs(seen.taken_at.timestamp() - later) < 60
    assert seen.vault is not None
    assert any(
        "clock is 7,200 s ahead" in sentence or "clock is 7,199 s ahead" in sentence for sentence in seen.vault.assumed
    )


def test_vault_without_scan_or_detailed_lists() -> None:
    seal = {**SEAL, "build_date": "x", "version": "1.20.1+ent"}
    del seal["commit_date"]
    asked: list[str] = []
    answers: dict[str, tuple[int, Any]] = {
        "sys/seal-status": (200, seal),
        "sys/policies/acl/": (200, {"data": {"keys": ["default", "root"]}}),
        "sys/policies/acl/default": (200, {"data": {"name": "default", "policy": "p"}}),
        "sys/config/group-policy-application": (200, {"data": {"group_policy_application_mode": "any"}}),
    }

    def react(handler: Handler) -> None:
        asked.append(f"{handler.command} {handler.path}")
        path = handler.path.removeprefix("/v1/")
        space = handler.headers.get("X-Vault-Namespace") or ""
        if path == "sys/namespaces/":
            below = {"": ["t1/"], "t1": ["sub/"]}.get(space)
            send(handler, 200, {"data": {"keys": below}}) if below else send(handler, 404, {"errors": []})
        else:
            standing(handler, answers)

    with serving(react) as address:
        seen = read(address)
    assert seen.vault is not None
    world = seen.vault.world
    assert [one.path for one in world.namespaces] == ["", "t1/", "t1/sub/"]
    assert (world.server.product, world.server.group_policy_application) == ("vault", "any")
    assert [policy.text for policy in world.namespaces[0].policies or ()] == ["p"]
    assert not any("SCAN" in line or "detailed" in line for line in asked)


def test_interruption_stops_at_once_and_gives_nothing() -> None:
    def react(handler: Handler) -> None:
        if handler.path == "/v1/identity/entity/id/":
            time.sleep(5)
        standing(handler, {})

    def progress(step: str, done: int, total: int | None) -> None:
        del done, total
        if step != "the server":
            raise KeyboardInterrupt

    with serving(react) as address:
        before = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            collect(target_at(address, 30), allow_commands=False, progress=progress, environ={"VAULT_TOKEN": TOKEN})
        assert time.monotonic() - before < 2


@pytest.fixture(scope="module")
def certificates(bao: RunningServer, admin: hvac.Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("tls")
    server = Server(admin)
    server.post("sys/mounts/tls", type="pki")
    root = server.post("tls/root/generate/internal", common_name="test root", ttl="24h", key_type="ec", key_bits=256)
    Path(folder, "ca.pem").write_text(root["data"]["certificate"], encoding="ascii")
    server.post("tls/roles/any", allow_any_name=True, key_type="ec", key_bits=256, enforce_hostnames=False)
    for name, addresses in (("here", "127.0.0.1"), ("vault.example.test", "")):
        made = server.post("tls/issue/any", common_name=name, ip_sans=addresses, ttl="1h")["data"]
        Path(folder, f"{name}.pem").write_text(f"{made['certificate']}\n{made['private_key']}\n", encoding="ascii")
    yield folder
    assert bao.address


def tls_with(certificates: Path, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.pem")
    return context


def test_tls(certificates: Path) -> None:
    ca = str(certificates / "ca.pem")
    with serving(lambda handler: standing(handler, {}), tls_with(certificates, "here")) as address:
        assert "not trusted" in refused(address)
        assert "VAULT_CACERT" in refused(address)
        assert read(address, VAULT_CACERT=ca).vault is not None
        assert read(address, VAULT_SKIP_VERIFY="true").vault is not None
        assert "cannot be read" in refused(address, VAULT_CACERT=str(certificates / "missing.pem"))
        assert "cannot be used" in refused(address, VAULT_CACERT=ca, VAULT_CLIENT_CERT=ca, VAULT_CLIENT_KEY=ca)
        plain = address.replace("https", "http")
        assert "closed before an answer" in refused(plain) or "not HTTP" in refused(plain)


def test_tls_with_another_name(certificates: Path) -> None:
    ca = str(certificates / "ca.pem")
    with serving(lambda handler: standing(handler, {}), tls_with(certificates, "vault.example.test")) as address:
        assert "for another name" in refused(address, VAULT_CACERT=ca)
        seen = read(address, VAULT_CACERT=ca, VAULT_TLS_SERVER_NAME="vault.example.test")
        assert seen.vault is not None


def test_plain_server_under_a_tls_address(bao: RunningServer) -> None:
    assert "TLS failed" in refused(bao.address.replace("http:", "https:"))


def test_redirect_to_the_active_node(bao: RunningServer) -> None:
    def react(handler: Handler) -> None:
        if "seal-status" in handler.path:
            send(handler, 200, SEAL)
        else:
            send(handler, 307, b"", Location=f"{bao.address}{handler.path}")

    with serving(react) as address:
        seen = read(address, VAULT_TOKEN=bao.token)
    assert seen.gaps == ()
    assert seen.vault is not None
    assert seen.vault.coverage["policies"] > 1


@pytest.mark.parametrize("detailed", [True, False])
def test_policies_that_change_meanwhile_count_as_not_seen(*, detailed: bool) -> None:
    texts = {"steady": "s", "edited": "old", "deleted": "d"}
    after = {"steady": "s", "edited": "new", "added": "a"}
    lists: list[str] = []

    def react(handler: Handler) -> None:
        path = handler.path.removeprefix("/v1/")
        if path == "sys/policies/detailed/acl/" and not detailed:
            send(handler, 404, {"errors": ["unsupported path"]})
        elif path in ("sys/policies/detailed/acl/", "sys/policies/acl/"):
            lists.append(path)
            now = texts if len(lists) == 1 else after
            details = {name: {"policy": text} for name, text in now.items()}
            send(handler, 200, {"data": {"keys": list(now), "key_info": details}})
        elif path.startswith("sys/policies/acl/"):
            now = texts if len(lists) == 1 else after
            # One that is listed and gone when it is read.
            name = path.rpartition("/")[2]
            text = now.get(name) if name != "deleted" else None
            send(handler, 200, {"data": {"policy": text}}) if text else send(handler, 404, {"errors": []})
        else:
            standing(handler, {})

    with serving(react) as address:
        seen = read(address)
    assert seen.vault is not None
    policies = {policy.name: policy.text for policy in seen.vault.world.namespaces[0].policies or ()}
    assert policies["steady"] == "s"
    assert policies["added"] is None
    assert policies["deleted"] is None
    changed = {gap.what.rpartition("/")[2]: gap.reason for gap in seen.gaps}
    assert {"added", "deleted"} <= set(changed)
    assert "changed while the server was being read" in changed["added"]
    if detailed:
        assert policies["edited"] is None
        assert "edited" in changed


def test_live_edits_while_collecting(bao: RunningServer, admin: hvac.Client) -> None:
    server = Server(admin)
    for number in range(300):
        server.post(f"sys/policies/acl/busy-{number}", policy='path "x" {}')
    done = threading.Event()

    def edit() -> None:
        own = Server(hvac.Client(url=bao.address, token=bao.token))
        count = 0
        while not done.is_set():
            count += 1
            own.post("sys/policies/acl/busy-7", policy=f'path "x{count}" {{}}')

    thread = threading.Thread(target=edit)
    thread.start()
    try:
        seen = read(bao.address, VAULT_TOKEN=bao.token)
    finally:
        done.set()
        thread.join()
    assert [gap.what for gap in seen.gaps] == ["GET sys/policies/acl/busy-7"]
    assert seen.vault is not None
    texts = {policy.name: policy.text for policy in seen.vault.world.namespaces[0].policies or ()}
    assert texts["busy-7"] is None
    assert texts["busy-8"] == 'path "x" {}'


def test_mounts_that_appear_meanwhile_are_not_taken_as_empty() -> None:
    calls: list[str] = []

    def react(handler: Handler) -> None:
        if handler.path == "/v1/sys/mounts":
            calls.append(handler.path)
            late = {"new/": {"type": "transit", "accessor": "n"}} if len(calls) > 1 else {}
            send(handler, 200, {"data": {"kv/": {"type": "kv", "accessor": "k"}, **late}})
        else:
            standing(handler, {})

    with serving(react) as address:
        seen = read(address)
    assert seen.vault is not None
    found = {mount.path: mount.objects for mount in seen.vault.world.namespaces[0].mounts or ()}
    assert found == {"kv/": (), "new/": None}
    assert [gap.what for gap in seen.gaps] == ["GET sys/mounts (new/)"]


def test_token_is_not_shown_by_the_settings() -> None:
    target = target_at("http://user:pw-canary@127.0.0.1:1")
    assert target.vault is not None
    settings = settings_of(target.vault, target, {"VAULT_TOKEN": TOKEN}, allow_commands=False)
    assert TOKEN not in repr(settings)
    assert "pw-canary" not in repr(settings) + settings.address
    assert TOKEN not in repr(Call("", "GET", "x", token=TOKEN))
    assert os.environ.get("VAULT_TOKEN") != TOKEN
