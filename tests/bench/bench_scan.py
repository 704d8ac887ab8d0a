"""Whole scans of saved snapshots, as the command line runs them, with every check.

Vault: 1,000 and 10,000 tenants with five clauses each; asked for: 10,000 under 20 s and 1.2 GiB on two cores, at most
12 times the time of 1,000. AWS: 1,000 roles and 10,000 secrets of 200 tenants in one account, a quarter of that for the
ratio, and 10,000 tenants with a role and a secret each. Prints seconds on the clock and of the processor, and the peak
memory of each.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cred_audit.decide.vault.model import (
    Alias,
    AuthMount,
    AuthRole,
    Entity,
    Mount,
    Namespace,
    PolicyDocument,
    Server,
    World,
)
from cred_audit.facts import Snapshot, VaultFacts
from cred_audit.snapshot import save
from cred_audit.target.model import (
    Agent,
    KvTerritory,
    PrincipalKind,
    Target,
    Tenant,
    Territory,
    VaultPrincipal,
    VaultSource,
)
from tests.bench.aws_platform import platform

CLAUSES = "".join(
    f'path "secret/{view}/{{0}}/*" {{{{ capabilities = [{names}] }}}}\n'
    for view, names in (
        ("data", '"create", "read", "update", "delete"'),
        ("metadata", '"read", "list"'),
        ("delete", '"update"'),
        ("undelete", '"update"'),
        ("subkeys", '"read"'),
    )
)


def snapshot(count: int) -> Snapshot:
    """Return a platform of so many tenants: one mount, one AppRole role, entity and policy each."""
    names = [f"tenant-{number:05}" for number in range(count)]
    root = Namespace(
        policies=tuple(PolicyDocument(name=name, text=CLAUSES.format(name)) for name in names),
        mounts=(Mount(path="secret/", type="kv", accessor="kv_1", version=2),),
        auth_mounts=(
            AuthMount(
                path="approle/", type="approle", accessor="approle_1",
                roles=tuple(
                    AuthRole(kind="role", name=name, data={"token_policies": [name], "role_id": f"r-{name}"})
                    for name in names
                ),
            ),
        ),
        entities=tuple(
            Entity(id=f"e-{name}", name=name, aliases=(Alias(name=f"r-{name}", mount_accessor="approle_1"),))
            for name in names
        ),
    )  # fmt: skip
    tenants = tuple(
        Tenant(
            id=name,
            agents=(Agent(id=name, vault=VaultPrincipal(kind=PrincipalKind.ROLE, role=f"auth/approle/role/{name}")),),
            territory=Territory(vault=(KvTerritory(mount="secret/", prefix=f"{name}/"),)),
        )
        for name in names
    )
    world = World(server=Server(product="openbao", version="2.7.2", flags={}), namespaces=(root,))
    facts = VaultFacts(address="", world=world, audit_devices=(), seal={}, coverage={"policies": count})
    target = Target(name="bench", tenants=tenants, vault=VaultSource())
    return Snapshot(target=target, taken_at=datetime.now(UTC), tool_version="0", vault=facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one scan took."""

    seconds: float
    processor: float
    peak: float
    """MiB."""


def scanned(snapshot: Snapshot, folder: Path) -> Spent:
    """Scan a snapshot in a process of its own."""
    file = folder / "snapshot.json"
    file.write_text(save(snapshot))
    command = [sys.executable, "-m", "cred_audit", "scan", "--snapshot", str(file)]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
        # Of this child alone: the peak of all children would be that of the largest so far.
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode not in (0, 1, 3):
        sys.exit(f"the scan ended with {running.returncode}")
    return Spent(
        seconds=time.perf_counter() - start, processor=used.ru_utime + used.ru_stime, peak=used.ru_maxrss / 1024
    )


def main() -> None:
    """Print the figures."""
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few, many = scanned(snapshot(1000), folder), scanned(snapshot(10_000), folder)
        _tell("1,000 tenants of a Vault", few)
        _tell("10,000 tenants of a Vault (asked: 20 s, 1,229 MiB)", many)
        _say(f"10 times the tenants: {many.processor / few.processor:.1f} times the processor (asked: 12)")
        quarter, whole = (scanned(platform(tenants, 5, 50, now), folder) for tenants in (50, 200))
        _tell("200 tenants of AWS, 1,000 roles, 10,000 secrets", whole)
        _say(f"4 times the tenants of AWS: {whole.processor / quarter.processor:.1f} times the processor")
        few, many = (scanned(platform(tenants, 1, 1, now), folder) for tenants in (1000, 10_000))
        _tell("10,000 tenants of AWS, a role and a secret each", many)
        _say(f"10 times the tenants of AWS: {many.processor / few.processor:.1f} times the processor")


def _tell(what: str, spent: Spent) -> None:
    _say(f"{what}: {spent.seconds:.1f} s, processor {spent.processor:.1f} s, peak {spent.peak:.0f} MiB")


def _say(line: str) -> None:
    sys.stdout.write(f"scan: {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
