"""Plays a line of `ask vault --requests` on a real server: what would it answer?

Ids that only the server can give stand in a case as `ENTITY-ID`, `GROUP-ID-<name>` and `ACCESSOR-<path>`, in
policies, paths and subject alike; here they are replaced by the real ones.
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from cred_audit.demo.server import RunningServer, running_server
from tests.fuzz.wire_client import Got, Sent, WireClient

Case = dict[str, Any]
_REJECTING = re.compile(
    r"relative paths|cannot write to a path ending|operation (?:only available in root|unavailable in) namespace"
    r"|namespace not found|X-Vault-Wrap-TTL|X-Vault-MFA|failed to decode JSON input|PATCH requires Content-Type"
    r"|no media type|mime:|internal-only request operation|wrapping token is not valid|has been locked"
    r'|"errors":\["(?:error converting input for field|invalid lease ID)'
)
_ABSENT = "nobody-has-such-a-policy"


class CannotReplayError(Exception):
    """The case cannot be set up on a real server."""


def verdict(got: Got) -> str:
    """Name an answer as `ask` names decisions: did the policies let the request through?"""
    if got.status in (301, 307, 308, 415) or _REJECTING.search(got.text):
        return "rejected"
    if got.status == 400 and (got.text in ("", "400 Bad Request", '{"errors":[]}\n') or "malformed" in got.text):
        return "rejected"
    if got.status == 405 and "unsupported operation" not in got.text:
        return "rejected"
    if got.status == 403 or (got.status == 400 and '"Forbidden"' in got.text):
        return "deny"
    # Without a list of rules that it can build the server fails every request.
    return "deny" if got.status == 500 and "* internal error" in got.text else "allow"


class Replayer:
    """One server with one set of namespaces and mounts, for one case after the other."""

    def __init__(self, server: RunningServer, namespaces: list[str], mounts: list[Mapping[str, Any]]) -> None:
        self.client = WireClient(server)
        self.numbers = itertools.count()
        self.policies: set[tuple[str, str]] = set()
        self.entities: list[tuple[str, str]] = []
        self.groups: list[tuple[str, str]] = []
        self.ids: dict[str, str] = {}
        self.written: set[str] = set()
        self.default = self.must("GET", "sys/policies/acl/default")["data"]["policy"]
        if not any(mount["path"].strip("/") == "secret" and not mount.get("namespace") for mount in mounts):
            self.must("DELETE", "sys/mounts/secret")
        for namespace in sorted({name.strip("/") for name in namespaces} - {""}):
            parent, _, name = namespace.rpartition("/")
            self.must("POST", f"sys/namespaces/{quote(name)}", {}, parent)
        for mount in mounts:
            self.mount(mount)
        for namespace in ["", *namespaces]:
            self.must("POST", "auth/token/roles/replay", {"allowed_entity_aliases": ["*"], "orphan": True}, namespace)

    def must(self, method: str, path: str, body: Any = None, namespace: str = "") -> Any:
        got = self.client.ask(method, path, body, namespace=namespace)
        if got.status not in (200, 204):
            message = f"{method} {namespace}{path}: {got.status} {got.text[:200]}"
            raise CannotReplayError(message)
        return got.json() if got.text else {}

    def mount(self, mount: Mapping[str, Any]) -> None:
        path, namespace = mount["path"].strip("/"), mount.get("namespace", "")
        if path.startswith("auth/"):
            if path != "auth/token":
                self.must("POST", f"sys/{path}", {"type": mount["type"]}, namespace)
            known = self.must("GET", "sys/auth", namespace=namespace)["data"]
            self.ids[f"ACCESSOR-{path}"] = known[path.removeprefix("auth/") + "/"]["accessor"]
            return
        if path == "secret" and not namespace:
            self.must("DELETE", "sys/mounts/secret")
        options = {"options": {"version": str(mount["version"])}} if mount.get("version") else {}
        self.must("POST", f"sys/mounts/{path}", {"type": mount["type"], **options}, namespace)

    def answers(self, case: Case) -> Any:
        """Return what the server answers: a decision, a list of them, or an object of capabilities."""
        try:
            token = self.set_up(case)
            case = self.real(case)
            if "capabilities" in case:
                return self.capabilities(case, token)
            requests = case["requests"] if "requests" in case else [case["request"]]
            if token is None:
                found = ["invalid_policy"] * len(requests)
            else:
                found = [verdict(got) for got in self.request(requests, token)]
            return found if "requests" in case else found[0]
        finally:
            self.clean()

    def capabilities(self, case: Case, token: str | None) -> Any:
        if token is None:
            return "invalid_policy"
        subject = case["subject"].get("namespace", "")
        body = {"token": token, "paths": case["capabilities"]}
        namespace = case.get("namespace", subject)
        got = self.client.ask("POST", "sys/capabilities", body, namespace=namespace)
        if got.status != 200:
            return {path: ["deny"] for path in case["capabilities"]}
        held = got.json()["data"]
        return {path: held[path.strip()] for path in case["capabilities"]}

    def request(self, requests: list[Mapping[str, Any]], token: str) -> list[Got]:
        """Send each request as it stands; where it says whether its object exists, see to that first."""
        found = []
        for request in requests:
            self.prepare(request, token)
            found += self.client.send([sent(request, token)])
            if request["method"] in ("POST", "PUT"):
                self.written.add(request["path"])
        return found

    def prepare(self, request: Mapping[str, Any], token: str) -> None:
        exists = request.get("exists")
        if exists is None or request["method"] not in ("POST", "PUT"):
            return
        path, namespace = request["path"].partition("?")[0], request.get("namespace", "")
        if exists:
            for body in ({"data": {"a": "b"}}, {"a": "b", "password": "x", "type": "aes256-gcm96", "versions": [1]}):
                self.client.ask("POST", path.replace("encrypt/", "keys/"), body, namespace=namespace)
        else:
            for gone in {path, path.replace("/data/", "/metadata/")}:
                self.client.ask("DELETE", gone, namespace=namespace)
        del token

    def real(self, case: Case) -> Case:
        text = json.dumps(case)
        for name in sorted(self.ids, key=len, reverse=True):
            text = text.replace(name, self.ids[name])
        replaced: Case = json.loads(text)
        return replaced

    def set_up(self, case: Case) -> str | None:
        """Create entity, groups, policies and token; None where the server refuses a policy."""
        subject = case["subject"]
        namespace = subject.get("namespace", "")
        entity = subject.get("entity")
        login = f"login-{next(self.numbers)}"
        if entity is not None:
            self.identity(entity, namespace, login, case)
        case = self.real(case)
        for policy in case["policies"]:
            home, name = policy.get("namespace", ""), policy["name"]
            body = {"policy": policy["text"], **(policy.get("options") or {})}
            got = self.client.ask("POST", f"sys/policies/acl/{quote(name)}", body, namespace=home)
            if got.status not in (200, 204):
                return None
            self.policies.add((home.strip("/"), name.strip().lower()))
        names = subject["policies"] or [_ABSENT]
        if any(name.strip().lower() == "root" for name in names):
            made = self.must("POST", "auth/token/create", {"policies": ["root"]}, namespace)
            return str(made["auth"]["client_token"])
        body = {"policies": names, "no_default_policy": "default" not in names}
        if entity is not None:
            body["entity_alias"] = login
        token = str(self.must("POST", "auth/token/create/replay", body, namespace)["auth"]["client_token"])
        if entity is not None and entity.get("disabled"):
            self.must("POST", f"identity/entity/id/{self.ids['ENTITY-ID']}", {"disabled": True}, namespace)
        return token

    def identity(self, entity: Mapping[str, Any], namespace: str, login: str, case: Case) -> None:
        body = {key: entity[key] for key in ("name", "metadata", "policies") if entity.get(key)}
        identity = self.must("POST", "identity/entity", body, namespace)["data"]["id"]
        self.entities.append((namespace, identity))
        self.ids["ENTITY-ID"] = identity
        accessor = self.must("GET", "sys/auth", namespace=namespace)["data"]["token/"]["accessor"]
        self.must(
            "POST",
            "identity/entity-alias",
            {"name": login, "canonical_id": identity, "mount_accessor": accessor},
            namespace,
        )
        for alias in self.real(case)["subject"]["entity"].get("aliases", []):
            fields = {key: alias[key] for key in ("name", "mount_accessor", "custom_metadata") if key in alias}
            self.must("POST", "identity/entity-alias", {**fields, "canonical_id": identity}, namespace)
        for group in entity.get("groups", case["subject"].get("groups", [])):
            home = group.get("namespace", namespace)
            fields = {key: group[key] for key in ("name", "metadata", "policies") if group.get(key)}
            made = self.must("POST", "identity/group", {**fields, "member_entity_ids": [identity]}, home)
            self.ids[f"GROUP-ID-{group['name']}"] = made["data"]["id"]
            self.groups.append((home, made["data"]["id"]))

    def clean(self) -> None:
        for namespace, name in self.policies:
            if name == "default":
                self.client.ask("POST", "sys/policies/acl/default", {"policy": self.default}, namespace=namespace)
            else:
                self.client.ask("DELETE", f"sys/policies/acl/{quote(name)}", namespace=namespace)
        for namespace, identity in self.groups:
            self.client.ask("DELETE", f"identity/group/id/{identity}", namespace=namespace)
        for namespace, identity in self.entities:
            self.client.ask("DELETE", f"identity/entity/id/{identity}", namespace=namespace)
        self.policies.clear()
        self.groups.clear()
        self.entities.clear()
        for name in [name for name in self.ids if not name.startswith("ACCESSOR-")]:
            del self.ids[name]


def sent(request: Mapping[str, Any], token: str) -> Sent:
    """A case's request as it goes over the wire."""
    return Sent(
        method=request["method"],
        path=request["path"],
        namespace=request.get("namespace", ""),
        body=request.get("body"),
        headers=request.get("headers", {}),
        token=token,
    )


@contextmanager
def replayer(case: Case, program: str | None = None) -> Iterator[Replayer]:
    """Start a server with the namespaces and mounts of a case."""
    with running_server(program=program) as server:
        made = Replayer(server, case.get("namespaces", []), case.get("mounts", []))
        try:
            yield made
        finally:
            made.client.close()
