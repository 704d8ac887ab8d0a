"""Which patterns hold the things of more than one tenant."""

from dataclasses import replace

import hvac
import pytest

from cred_audit.check import Finding, Verdict
from cred_audit.decide.vault.model import Mount, Namespace, PolicyDocument, Server, World
from cred_audit.target.model import KvTerritory, NamespaceTerritory, PathTerritory, Tenant
from tests.checks.real import clause, findings, hidden, of, policy, snapshot_of, tenant, world_of, worst, write

TWO = (tenant("acme"), tenant("beta"))
ONE = (tenant("acme"),)
NAMESPACES = (
    tenant("one", NamespaceTerritory(namespace="t1/"), namespace="t1/"),
    tenant("two", NamespaceTerritory(namespace="t2/"), namespace="t2/"),
)


@pytest.fixture(scope="module")
def server(admin: hvac.Client) -> hvac.Client:
    for namespace in ("t1/", "t2/"):
        write(admin, f"sys/namespaces/{namespace}", {})
        write(admin, "sys/mounts/kv", {"type": "kv", "options": {"version": "2"}}, namespace)
    for name in ("acme", "acme-eu"):
        write(admin, f"sys/mounts/kv-{name}", {"type": "kv", "options": {"version": "2"}})
    write(admin, "sys/mounts/transit", {"type": "transit"})
    return admin


def judged(
    server: hvac.Client, text: str, tenants: tuple[Tenant, ...], namespaces: tuple[str, ...] = ("",)
) -> list[Finding]:
    policy(server, "p", text)
    found = findings(__file__, snapshot_of(world_of(server, namespaces), *tenants))
    return [finding for finding in found if finding.subject.startswith("policy:p ") or "policy:" not in finding.subject]


@pytest.mark.parametrize(
    "text",
    [
        clause("secret/data/*", "read"),
        clause("secret/data/*", "read") + clause("secret/data/beta/*", "deny"),
        clause("secret/*", "read"),
        clause("sec*", "read"),
        clause("+/data/*", "read"),
        clause("secret/data/+/x", "read"),
        clause("secret/data/acme*", "read"),
        clause("secret/data/{{identity.entity.name}}*", "read"),
        clause("secret/+/acme*", "read"),
        clause("secret/metadata/*", "list"),
        clause("*", "sudo", "read"),
    ],
)
def test_a_wildcard_over_the_place_that_tells_tenants_apart_fails(server: hvac.Client, text: str) -> None:
    assert len(of(judged(server, text, TWO), Verdict.FAIL)) == 1


@pytest.mark.parametrize(
    "text",
    [
        clause("secret/data/*", "read"),
        clause("secret/data/acme*", "read"),
        clause("secret/data/+/x", "read"),
        clause("secret/data/{{identity.entity.name}}*", "read"),
        clause("*", "read"),
    ],
)
def test_with_one_tenant_the_pattern_holds_those_to_come(server: hvac.Client, text: str) -> None:
    (failed,) = [finding for finding in judged(server, text, ONE) if finding.verdict is Verdict.FAIL]
    assert "every new tenant" in failed.summary
    assert failed.evidence[0].quote.startswith("path ")


@pytest.mark.parametrize(
    "text",
    [
        clause("secret/data/acme/*", "read"),
        clause("secret/+/acme/*", "read", "update"),
        clause("secret/data/acme/+/x", "read"),
        clause("secret/data/acme/pro*", "read"),
        clause("secret/data/*", "deny"),
        clause("secret/data/{{identity.entity.name}}/*", "read"),
        clause("secret/data/shared/*", "read"),
        clause("secret/data/shared*", "read"),
        clause("sys/*", "read"),
        clause("auth/token/*", "update"),
        clause("cubbyhole/*", "read"),
    ],
)
@pytest.mark.parametrize("tenants", [ONE, TWO])
def test_a_pattern_of_one_tenants_things_passes(server: hvac.Client, text: str, tenants: tuple[Tenant, ...]) -> None:
    assert worst(judged(server, text, tenants)) is Verdict.PASS


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        (clause("+/kv/*", "read"), True),
        (clause("t*", "read"), True),
        (clause("t1*", "read"), True),
        (clause("*", "read"), True),
        (clause("t1/*", "read"), False),
        (clause("t1/kv/data/*", "read"), False),
        (clause("t1/kv*", "read"), False),
    ],
)
@pytest.mark.parametrize("tenants", [NAMESPACES, NAMESPACES[:1]])
def test_tenants_in_namespaces(server: hvac.Client, text: str, *, fails: bool, tenants: tuple[Tenant, ...]) -> None:
    found = judged(server, text, tenants, ("", "t1/", "t2/"))
    assert worst(found) is (Verdict.FAIL if fails else Verdict.PASS)


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        (clause("kv-acme*", "read"), True),
        (clause("kv-*", "read"), True),
        (clause("kv-acme/*", "read"), False),
        (clause("kv-acme/data/*", "read"), False),
        (clause("{{identity.entity.name}}/*", "read"), False),
        (clause("kv-{{identity.entity.name}}*", "read"), True),
    ],
)
def test_tenants_with_mounts_of_their_own(server: hvac.Client, text: str, *, fails: bool) -> None:
    tenants = (tenant("acme", KvTerritory(mount="kv-acme/")), tenant("acme-eu", KvTerritory(mount="kv-acme-eu/")))
    assert worst(judged(server, text, tenants)) is (Verdict.FAIL if fails else Verdict.PASS)


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        (clause("transit/+/acme", "update"), False),
        (clause("transit/decrypt/*", "update"), True),
        (clause("transit/+/+", "update"), True),
        (clause("transit/encrypt/acme", "update"), False),
    ],
)
def test_tenants_with_keys_of_one_engine(server: hvac.Client, text: str, *, fails: bool) -> None:
    tenants = tuple(tenant(name, PathTerritory(path=f"transit/+/{name}")) for name in ("acme", "beta"))
    assert worst(judged(server, text, tenants)) is (Verdict.FAIL if fails else Verdict.PASS)


def test_the_finding_names_everybody_whose_things_are_held(server: hvac.Client) -> None:
    (failed,) = [one for one in judged(server, clause("secret/data/*", "read"), TWO) if one.verdict is Verdict.FAIL]
    assert failed.reaches.tenants == ("acme", "beta")
    many = (*TWO, *(tenant(f"t{number}") for number in range(20)))
    (failed,) = [one for one in judged(server, clause("secret/+/*", "read"), many) if one.verdict is Verdict.FAIL]
    assert (failed.reaches.all_except, failed.reaches.count) == ((), 22)


def test_what_was_not_seen_is_unknown(server: hvac.Client) -> None:
    policy(server, "p", clause("secret/data/*", "read"))
    whole = snapshot_of(world_of(server), *TWO)
    assert worst(findings(__file__, whole)) is Verdict.FAIL
    texts = hidden(whole, lambda entry: replace(entry, policies=tuple(
        replace(one, text=None) if one.name == "p" else one for one in entry.policies or ())))  # fmt: skip
    found = findings(__file__, texts)
    assert worst(found) is Verdict.UNKNOWN
    assert of(found, Verdict.UNKNOWN) == ["sys/policies/acl/p"]
    assert not of(found, Verdict.PASS)
    nothing = findings(__file__, hidden(whole, lambda entry: replace(entry, policies=None)))
    assert of(nothing, Verdict.UNKNOWN) == ["sys/policies/acl"]


def test_without_the_version_of_the_mount_it_is_unknown(server: hvac.Client) -> None:
    policy(server, "p", clause("secret/data/*", "read"))
    whole = snapshot_of(world_of(server), *TWO)
    for change in (
        lambda entry: replace(entry, mounts=None),
        lambda entry: replace(entry, mounts=tuple(replace(mount, version=None) for mount in entry.mounts or ())),
    ):
        assert worst(findings(__file__, hidden(whole, change))) is Verdict.UNKNOWN


def test_mounts_of_a_tenants_namespace_that_were_not_seen_are_unknown(server: hvac.Client) -> None:
    policy(server, "p", clause("+/kv/*", "read"))
    whole = snapshot_of(world_of(server, ("", "t1/", "t2/")), *NAMESPACES)
    blind = hidden(whole, lambda entry: replace(entry, mounts=None) if entry.path else entry)
    found = findings(__file__, blind)
    assert {"t1/sys/mounts", "t2/sys/mounts"} <= set(of(found, Verdict.UNKNOWN))
    assert not of(found, Verdict.FAIL)
    assert not of(found, Verdict.PASS)


def test_thousands_of_tenants_are_compared_without_pairs() -> None:
    tenants = tuple(tenant(f"tenant-{number:04}") for number in range(1_500))
    policies = tuple(
        PolicyDocument(
            name=one.id, text="".join(clause(f"secret/{view}/{one.id}/*", "read") for view in ("data", "metadata"))
            + clause(f"secret/+/{one.id}/*", "list") + clause(f"secret/data/{one.id}*", "read"),
        )
        for one in tenants
    )  # fmt: skip
    root = Namespace(policies=policies, mounts=(Mount(path="secret/", type="kv", version=2),))
    world = World(server=Server(product="openbao", version="2.7.2"), namespaces=(root,))
    found = findings(__file__, snapshot_of(world, *tenants))
    assert len(of(found, Verdict.FAIL)) == 1_500
