"""Decisions a second over 100 clauses, and against a local server: `python -m tests.bench.bench_decide`."""

import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

from cred_audit.ask import answer_lines
from cred_audit.decide.vault.engine import Engine
from cred_audit.decide.vault.model import Mount, Namespace, PolicyDocument, Request, Server, Subject, World
from cred_audit.demo.server import running_server
from tests.fuzz.wire_client import WireClient

_CLAUSES = 100
_BATCH = 500


def policy() -> str:
    """100 clauses as platforms write them: exact paths, globs and segments, some denied."""
    kinds = ("secret/data/t{n}/*", "secret/metadata/t{n}/+/config", "secret/data/t{n}/app/db", "kv/+/t{n}/*")
    granted = ('["read"]', '["read", "list"]', '["create", "update"]', '["deny"]')
    return "\n".join(
        f'path "{kinds[n % 4].format(n=n)}" {{ capabilities = {granted[n // 4 % 4]} }}' for n in range(_CLAUSES)
    )


def paths(count: int) -> list[str]:
    source = random.Random(1)  # noqa: S311  (no secret)
    forms = ("secret/data/t{n}/app/db", "secret/data/t{n}/x{r}/y", "secret/metadata/t{n}/x{r}/config", "kv/a{r}/t{n}/z")
    return [
        source.choice(forms).format(n=source.randrange(_CLAUSES + 10), r=source.randrange(999)) for _ in range(count)
    ]


def best(run: Callable[[], object], count: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the best rate of seven runs."""
    rates = []
    for _ in range(7):
        start = clock()
        run()
        rates.append(count / (clock() - start))
    return max(rates)


def main() -> None:
    text, asked = policy(), paths(20_000)
    mounts = (Mount(path="secret/", type="kv", version=2), Mount(path="kv/", type="kv", version=1))
    documents = (PolicyDocument(name="p", text=text),)
    server = Server(product="openbao", version="2.7.2")
    world = World(server=server, namespaces=(Namespace(policies=documents, mounts=mounts),))
    engine, subject = Engine(world, datetime.now(UTC)), Subject(policies=("p",))
    requests = [Request(method="GET", path=path) for path in asked]
    start = time.perf_counter()
    engine.acls(subject)
    compiled = time.perf_counter() - start

    def decide() -> None:
        for request in requests:
            engine.decide(subject, request)

    acl = engine.acls(subject)[0]

    def look_up() -> None:
        for path in asked:
            acl.rule_for("read", path)

    line = {
        "server": {"product": "openbao", "version": "2.7.2"},
        "mounts": [{"path": "secret/", "type": "kv", "version": 2}, {"path": "kv/", "type": "kv", "version": 1}],
        "policies": [{"name": "p", "text": text}],
        "subject": {"policies": ["p"]},
    }
    batch = json.dumps({**line, "requests": [{"method": "GET", "path": path} for path in asked]})
    single = [json.dumps({**line, "request": {"method": "GET", "path": path}}) for path in asked[:2000]]

    def ask() -> None:
        answer_lines([batch], lambda _: None)

    def ask_lines() -> None:
        answer_lines(single, lambda _: None)

    # Our own rates are of one core's time, so that neighbours on the machine do not count.
    clock = time.process_time
    rates = {
        "decide": best(decide, len(requests), clock),
        "look-up of the clause alone": best(look_up, len(asked), clock),
        "ask, one line with all requests": best(ask, len(asked), clock),
        "ask, one line each": best(ask_lines, len(single), clock),
    }
    ours = best(decide, len(requests))
    with running_server() as bao:
        client = WireClient(bao)
        client.ask("POST", "sys/policies/acl/p", {"policy": text})
        body = {"policies": ["p"], "no_default_policy": True}
        token = client.ask("POST", "auth/token/create", body).json()["auth"]["client_token"]

        def capabilities() -> None:
            for start in range(0, 4000, _BATCH):
                client.ask("POST", "sys/capabilities", {"token": token, "paths": asked[start : start + _BATCH]})

        theirs = best(capabilities, 4000)
        client.close()
    shown = [f"compile: {compiled * 1000:.1f} ms for {_CLAUSES} clauses"]
    shown += [f"{name}: {rate:,.0f}/s" for name, rate in rates.items()]
    shown.append(f"server, sys/capabilities of {_BATCH} paths: {theirs:,.0f}/s")
    shown.append(f"decide is {ours / theirs:.1f} x that, both by the clock on the wall")
    print(*shown, sep="\n")  # noqa: T201  (the result)


if __name__ == "__main__":
    main()
