"""Time of `reach` for many tenants: run `python -m tests.bench.bench_reach [tenants]`."""

import sys
import time
from datetime import UTC, datetime

from cred_audit.decide.vault.control import Holder
from cred_audit.decide.vault.engine import Engine
from cred_audit.decide.vault.model import Entity, Mount, Namespace, PolicyDocument, Server, Subject, World
from cred_audit.decide.vault.reach import TerritoryIndex
from cred_audit.decide.vault.takeover import Takeovers
from cred_audit.decide.vault.territory import Holding, KvHolding, OperationClass

CLAUSES = (
    'path "secret/data/{t}/*" {{ capabilities = ["create", "read", "update", "delete"] }}\n'
    'path "secret/metadata/{t}/*" {{ capabilities = ["read", "list", "delete"] }}\n'
    'path "secret/delete/{t}/*" {{ capabilities = ["update"] }}\n'
    'path "secret/destroy/{t}/*" {{ capabilities = ["update"] }}\n'
    'path "secret/subkeys/{t}/*" {{ capabilities = ["read"] }}\n'
)


def measure(name: str, names: list[str], policies: dict[str, str], subjects: dict[str, Subject]) -> None:
    mount = Mount(path="secret/", type="kv", version=2)
    documents = tuple(PolicyDocument(name=key, text=text) for key, text in policies.items())
    world = World(
        server=Server(product="openbao", version="2.7.2"), namespaces=(Namespace(policies=documents, mounts=(mount,)),)
    )
    engine = Engine(world, datetime.now(UTC))
    start = time.perf_counter()
    holdings = [Holding(owner=n, what=KvHolding(mount="secret/", prefix=f"{n}/")) for n in names]
    index = TerritoryIndex(world, holdings)
    built = time.perf_counter()
    for subject in subjects.values():
        engine.acls(subject)
    compiled = time.perf_counter()
    grants = 0
    for owner, subject in subjects.items():
        for wanted in (OperationClass.READ, OperationClass.LIST, OperationClass.WRITE, OperationClass.DELETE):
            grants += len(index.reach(engine, subject, wanted, own=owner).grants)
    done = time.perf_counter()
    holders = [Holder(tenant=owner, subject=subject) for owner, subject in subjects.items()]
    takeovers = Takeovers(engine, index, holders, holdings)
    chains = sum(len(takeovers.outcome(holder).chains) for holder in holders)
    taken = time.perf_counter()
    print(  # noqa: T201  (the result of a benchmark)
        f"{name}: {len(names)} tenants, index {built - start:.2f} s, compile {compiled - built:.2f} s, "
        f"4 classes {done - compiled:.2f} s, {grants} grants, takeover {taken - done:.2f} s, {chains} chains"
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    names = [f"t{number:05}" for number in range(count)]
    measure("a policy each", names, {n: CLAUSES.format(t=n) for n in names}, {n: Subject(policies=(n,)) for n in names})
    templated = CLAUSES.format(t="{{identity.entity.name}}")
    entities = {n: Subject(policies=("shared",), entity=Entity(id=n, name=n)) for n in names}
    measure("one template", names, {"shared": templated}, entities)
    broad = 'path "secret/data/*" { capabilities = ["read"] }\npath "secret/metadata/*" { capabilities = ["list"] }'
    measure("one broad policy", names, {"shared": broad}, {n: Subject(policies=("shared",)) for n in names})


if __name__ == "__main__":
    main()
