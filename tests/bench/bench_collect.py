"""Rate of requests of a live collection, beside that of a bare HTTP client with as many connections.

Run `python -m tests.bench.bench_collect`. Both talk to a real server on this machine.
"""

import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import hvac

from cred_audit.collect.vault import collect_vault
from cred_audit.collect.vault.client import CONCURRENCY, Call, Client
from cred_audit.collect.vault.settings import settings_of
from cred_audit.demo.server import RunningServer, running_server
from cred_audit.target.model import Target, VaultSource

OBJECTS = 3000
AIM = 0.5
"""Part of the bare client's rate that the collection has to reach."""


def bare(server: RunningServer, paths: list[str]) -> float:
    """Return requests per second of http.client, JSON decoded, nothing else."""
    host = server.address.partition("//")[2]
    own = threading.local()

    def get(path: str) -> None:
        if not hasattr(own, "connection"):
            own.connection = http.client.HTTPConnection(host)
        own.connection.request("GET", f"/v1/{path}", headers={"X-Vault-Token": server.token})
        json.loads(own.connection.getresponse().read())

    before = time.perf_counter()
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        list(pool.map(get, paths))
    return len(paths) / (time.perf_counter() - before)


class Counting(Client):
    """Counts calls."""

    calls = 0

    def _once(self, call: Call):  # type: ignore[no-untyped-def]  # noqa: ANN202
        self.calls += 1
        return super()._once(call)


def collected(server: RunningServer) -> float:
    """Return requests per second of a whole collection, from the first call to the facts."""
    source = VaultSource(address=server.address)
    target = Target(name="bench", tenants=(), vault=source)
    settings = settings_of(source, target, {"VAULT_TOKEN": server.token}, allow_commands=False)
    with Counting(settings) as client:
        before = time.perf_counter()
        _, gaps, _ = collect_vault(client, target, environ={}, allow_commands=False, progress=lambda *_: None)
        spent = time.perf_counter() - before
    if gaps:
        message = f"the collection has gaps: {gaps[0]}"
        raise SystemExit(message)
    return client.calls / spent


def main() -> None:
    """Print both rates, best of three taken in turns, and their ratio."""
    with running_server() as server:
        admin = hvac.Client(url=server.address, token=server.token)
        with ThreadPoolExecutor(4) as pool:
            entities = pool.map(
                lambda number: admin.adapter.post("/v1/identity/entity", json={"name": f"e{number}"}), range(OBJECTS)
            )
            paths = [f"identity/entity/id/{made['data']['id']}" for made in entities]
        rates = [(bare(server, paths), collected(server)) for _ in range(3)]
    best_bare = max(rate for rate, _ in rates)
    best = max(rate for _, rate in rates)
    print(  # noqa: T201  (the result of a benchmark)
        f"collection: {best:,.0f} requests/s, bare client {best_bare:,.0f} requests/s, "
        f"ratio {best / best_bare:.2f} (aim: at least {AIM})"
    )


if __name__ == "__main__":
    main()
