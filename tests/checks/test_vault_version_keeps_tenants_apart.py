"""Versions with published flaws in the separation of tenants."""

import hvac
import pytest

from cred_audit.check import Verdict
from cred_audit.decide.vault.model import Server, World
from tests.checks.real import findings, of, snapshot_of, world_of, worst


def judged(product: str | None, version: str | None) -> dict[str, Verdict]:
    world = World(server=Server(product=product, version=version), namespaces=())
    return {one.subject: one.verdict for one in findings(__file__, snapshot_of(world))}


def test_the_servers_own_version_passes(admin: hvac.Client) -> None:
    found = findings(__file__, snapshot_of(world_of(admin)))
    assert worst(found) is Verdict.PASS
    assert len(of(found, Verdict.PASS)) == 12


@pytest.mark.parametrize(
    ("product", "version", "failing"),
    [
        ("openbao", "2.7.2", 0),
        ("openbao", "2.6.3", 0),
        ("openbao", "v2.6.2", 1),
        ("openbao", "2.6.0", 2),
        ("openbao", "2.6.0-beta20260622", 4),
        ("openbao", "2.5.5", 4),
        ("openbao", "2.2.0", 10),
        ("openbao", "2.0.0", 11),
        ("vault", "2.0.3+ent.hsm", 0),
        ("vault", "2.0.0", 2),
        ("vault", "1.21.6", 0),
        ("vault", "1.21.4", 2),
        ("vault", "1.19.16+ent", 1),
        ("vault", "1.16.22", 3),
        ("vault", "1.16.21", 4),
        ("vault", "1.14.0", 5),
    ],
)
def test_the_flaws_of_a_version(product: str, version: str, failing: int) -> None:
    found = judged(product, version)
    assert sum(verdict is Verdict.FAIL for verdict in found.values()) == failing


def test_a_branch_of_which_no_fix_is_published_is_unknown() -> None:
    assert judged("vault", "1.21.6")["vault-2.0.3-list-denies"] is Verdict.UNKNOWN
    assert judged("vault", "1.18.0")["vault-2.0.3-list-denies"] is Verdict.FAIL


@pytest.mark.parametrize(
    ("product", "version"),
    [
        (None, "2.7.2"),
        ("other", "2.7.2"),
        ("openbao", None),
        ("openbao", ""),
        ("openbao", "2.7"),
        ("openbao", "x" * 9999),
        ("openbao", "9" * 5000 + ".0.0"),
    ],
)
def test_an_unknown_product_or_version_is_unknown(product: str | None, version: str | None) -> None:
    assert set(judged(product, version).values()) == {Verdict.UNKNOWN}
