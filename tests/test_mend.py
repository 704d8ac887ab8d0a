"""The diffs that narrow a clause."""

from datetime import UTC, datetime

from cred_audit.claims.isolation import judge_reach
from cred_audit.decide.vault.model import Mount, Namespace, PolicyDocument, Server, World
from cred_audit.decide.vault.territory import OperationClass
from cred_audit.facts import Snapshot, VaultFacts
from cred_audit.finding import Finding, Verdict
from cred_audit.target.model import (
    Agent,
    KvTerritory,
    PrincipalKind,
    Target,
    Tenant,
    Territory,
    VaultPrincipal,
)  # fmt: skip

TEXT = 'path "cubbyhole/x" {\n  capabilities = ["read"]\n}\n\npath "secret/data/*" {\n  capabilities = ["read"]\n}\n'


def finding(text: str, mount: str = "secret/", *, shared: bool = False) -> Finding:
    mounts = tuple(Mount(path=path, type="kv", version=2) for path in ("secret/", "other/"))
    policies = tuple(PolicyDocument(name=name, text=body) for name, body in (("acme", text), ("beta", "")))
    world = World(
        server=Server(product="openbao", version="2.7.2"), namespaces=(Namespace(policies=policies, mounts=mounts),)
    )
    tenants = []
    for name in ("acme", "beta"):
        held = ("acme",) if shared or name == "acme" else ("beta",)
        principal = VaultPrincipal(kind=PrincipalKind.POLICIES, policies=held)
        own = KvTerritory(mount=mount if name == "acme" else "secret/", prefix=f"{name}/")
        tenants.append(Tenant(id=name, agents=(Agent(id=name, vault=principal),), territory=Territory(vault=(own,))))
    facts = VaultFacts(address="", world=world, audit_devices=(), seal={}, coverage={})
    snapshot = Snapshot(
        target=Target(name="t", tenants=tuple(tenants)), taken_at=datetime.now(UTC), tool_version="0", vault=facts
    )
    found = judge_reach(snapshot, OperationClass.READ, "read")
    return next(one for one in found if one.verdict is Verdict.FAIL and one.tenant == "acme")


def test_a_clause_on_a_shared_mount_becomes_one_on_the_own_folder() -> None:
    fix = finding(TEXT).fix or ""
    assert fix.startswith("--- a/acme.hcl\n+++ b/acme.hcl\n")
    assert '-path "secret/data/*" {\n+path "secret/data/acme/*" {\n' in fix


def test_a_clause_on_a_mount_of_others_is_taken_out() -> None:
    fix = finding(TEXT, mount="other/").fix or ""
    assert '-path "secret/data/*" {' in fix
    assert "+path" not in fix


def test_the_text_after_the_diff_reaches_nobody() -> None:
    narrowed = TEXT.replace("secret/data/*", "secret/data/acme/*")
    fix = finding(TEXT).fix or ""
    removed = [line[1:] for line in fix.splitlines() if line.startswith("-") and not line.startswith("---")]
    added = [line[1:] for line in fix.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert TEXT.replace("\n".join(removed), "\n".join(added)) == narrowed


def test_a_policy_of_several_tenants_gets_a_sentence() -> None:
    fix = finding(TEXT, shared=True).fix or ""
    assert "also held by 1 other tenant" in fix
    assert "---" not in fix


def test_a_clause_that_stands_twice_gets_a_sentence() -> None:
    fix = finding(TEXT + 'path "secret/data/*" {\n  capabilities = ["read"]\n}\n').fix or ""
    assert "narrow the clause" in fix
