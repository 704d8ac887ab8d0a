"""Territories are laid over one another."""

import pytest

from cred_audit.decide.vault.model import Mount, Namespace, Server, World
from cred_audit.finding import Verdict
from cred_audit.target.model import KvTerritory, PathTerritory
from tests.checks.real import findings, of, snapshot_of, tenant, worst

WORLD = World(
    server=Server(product="openbao", version="2.7.2"),
    namespaces=(Namespace(mounts=(Mount(path="secret/", type="kv", version=2),)),),
)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (KvTerritory(mount="secret/", prefix="acme"), KvTerritory(mount="secret/", prefix="acme-eu/")),
        (KvTerritory(mount="secret/"), KvTerritory(mount="secret/", prefix="beta/")),
        (PathTerritory(path="secret/data/+/acme/*"), KvTerritory(mount="secret/", prefix="team/acme/")),
        (PathTerritory(path="secret/data/+/a"), PathTerritory(path="secret/data/x/+")),
        (PathTerritory(path="secret/data/+/a"), KvTerritory(mount="secret/", prefix="te")),
    ],
)
def test_two_owners_of_one_path_are_named(
    first: KvTerritory | PathTerritory, second: KvTerritory | PathTerritory
) -> None:
    (finding,) = findings(__file__, snapshot_of(WORLD, tenant("acme", first), tenant("beta", second)))
    assert finding.verdict is Verdict.FAIL
    assert finding.subject.startswith("acme and beta: secret/")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (KvTerritory(mount="secret/", prefix="acme/"), KvTerritory(mount="secret/", prefix="acme-eu/")),
        (PathTerritory(path="secret/data/+/acme/*"), PathTerritory(path="secret/data/+/beta/*")),
        (PathTerritory(path="secret/data/+/a"), KvTerritory(mount="secret/", prefix="te/a/")),
    ],
)
def test_neighbours_hold(first: KvTerritory | PathTerritory, second: KvTerritory | PathTerritory) -> None:
    found = findings(__file__, snapshot_of(WORLD, tenant("acme", first), tenant("beta", second)))
    assert worst(found) is Verdict.PASS
    assert of(found, Verdict.PASS) == ["territories"]
