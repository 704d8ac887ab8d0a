"""In which namespaces of a cluster the roles of the Kubernetes engine act."""

from dataclasses import replace
from typing import Any

import hvac
import pytest

from cred_audit.check import Verdict
from tests.checks.real import findings, hidden, of, snapshot_of, tenant, world_of, worst, write

RULES = '{"rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]}'
ACCOUNT = {"service_account_name": "deploy"}


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    write(admin, "sys/mounts/kubernetes", {"type": "kubernetes"})
    write(admin, "kubernetes/config", {"kubernetes_host": "https://127.0.0.1:1", "disable_local_ca_jwt": True})
    return admin


@pytest.mark.parametrize(
    ("role", "fails"),
    [
        ({**ACCOUNT, "allowed_kubernetes_namespaces": ["*"]}, True),
        ({**ACCOUNT, "allowed_kubernetes_namespace_selector": '{"matchLabels": {"a": "b"}}'}, True),
        ({"generated_role_rules": RULES, "kubernetes_role_type": "ClusterRole",
          "allowed_kubernetes_namespaces": ["acme"]}, True),
        ({"generated_role_rules": RULES, "allowed_kubernetes_namespaces": ["acme"]}, False),
        ({**ACCOUNT, "allowed_kubernetes_namespaces": ["acme"]}, False),
    ],
)  # fmt: skip
def test_the_namespaces_of_a_role(server: hvac.Client, role: dict[str, Any], *, fails: bool) -> None:
    server.adapter.request("DELETE", "/v1/kubernetes/roles/role")
    write(server, "kubernetes/roles/role", role)
    found = findings(__file__, snapshot_of(world_of(server), tenant("acme")))
    assert worst(found) is (Verdict.FAIL if fails else Verdict.PASS)


def test_roles_that_were_not_seen_are_unknown(server: hvac.Client) -> None:
    blind = hidden(snapshot_of(world_of(server), tenant("acme")), lambda entry: replace(entry, mounts=tuple(
        replace(mount, objects=None) for mount in entry.mounts or ())))  # fmt: skip
    assert of(findings(__file__, blind), Verdict.UNKNOWN) == ["kubernetes/"]
