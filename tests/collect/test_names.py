"""Names that are not ASCII reach the server as the bytes that it knows them by."""

import hvac
import pytest

from cred_audit.collect import collect
from cred_audit.demo.server import RunningServer
from cred_audit.target.model import Target, VaultSource


@pytest.mark.parametrize("name", ["café", "日本"])
def test_a_namespace_with_another_alphabet_is_read(bao: RunningServer, admin: hvac.Client, name: str) -> None:
    admin.adapter.post(f"/v1/sys/namespaces/{name}", json={})
    encoded = name.encode().decode("latin-1")
    headers = {"X-Vault-Namespace": encoded, "X-Vault-Token": bao.token}
    body = {"policy": 'path "secret/*" { capabilities = ["read"] }'}
    made = admin.session.put(f"{bao.address}/v1/sys/policies/acl/inside", headers=headers, json=body)
    assert made.status_code == 204
    target = Target(name="t", tenants=(), vault=VaultSource(address=bao.address))
    taken = collect(target, allow_commands=False, progress=lambda *_: None, environ={"VAULT_TOKEN": bao.token})
    assert taken.gaps == ()
    assert taken.vault is not None
    (inside,) = [entry for entry in taken.vault.world.namespaces if entry.path == f"{name}/"]
    assert "inside" in {policy.name for policy in inside.policies or ()}
