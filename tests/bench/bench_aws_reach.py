"""How long `reach` takes for many tenants: `python tests/bench/bench_aws_reach.py [TENANTS]`.

Every agent is asked about reading, listing, writing and control. First the given number of tenants, three secrets
each: behind one ABAC role (session tags tell them apart), with one role each, with one account each; then a tenth of
them, for the ratio. Last one account with 200 tenants, 1,000 roles and 10,000 secrets. CPU seconds.
"""

import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Mapping

from cred_audit.decide.aws.collections import collections
from cred_audit.decide.aws.document import read_document
from cred_audit.decide.aws.estate import ActionClass, Thing
from cred_audit.decide.aws.foresight import Foresight
from cred_audit.decide.aws.latent import Own
from cred_audit.decide.aws.model import Document, Kind, Principal, PrincipalPolicies
from cred_audit.decide.aws.reach import Agent, Estate

ACCOUNT = "111122223333"
REGION = "us-east-1"
ASKED = (ActionClass.READ, ActionClass.LIST, ActionClass.WRITE, ActionClass.CONTROL)
EQUAL = {"aws:ResourceTag/TenantId": "${aws:PrincipalTag/TenantId}"}
Made = tuple[list[Thing], list[Agent]]


def secret(tenant: int, name: str, account: str = ACCOUNT, *, tagged: bool = True) -> Thing:
    """Return one secret of a tenant."""
    return Thing(
        arn=f"arn:aws:secretsmanager:{REGION}:{account}:secret:t{tenant}/{name}-AbCdEf",
        owners=(f"t{tenant}",),
        tags={"TenantId": f"t{tenant}"} if tagged else {},
    )


def secrets(tenants: int) -> list[Thing]:
    """Return three secrets a tenant, and what lists show; one tenant in a hundred forgot a tag."""
    found = [
        secret(number, name, tagged=number % 100 > 0 or name != "db")
        for number in range(tenants)
        for name in ("db", "openai", "slack")
    ]
    return [*found, *collections(ACCOUNT, REGION, found, others=False)]


def shared(tenants: int) -> Made:
    """Return one role whose sessions carry the tenant as a tag."""
    equal = {"StringEqualsIfExists": EQUAL}
    statement = {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*", "Condition": equal}
    policies = PrincipalPolicies(identity=(document(statement),))
    return secrets(tenants), [agent(number, "agent", policies) for number in range(tenants)]


def separate(tenants: int) -> Made:
    """Return one role each, limited to its own prefix, without the separator."""
    agents = []
    for number in range(tenants):
        prefix = f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:t{number}*"
        own = document({"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": prefix})
        agents.append(agent(number, f"agent-{number}", PrincipalPolicies(identity=(own,))))
    return secrets(tenants), agents


def accounts(tenants: int) -> Made:
    """Return one account each, whose role may do everything there."""
    things: list[Thing] = []
    agents = []
    policies = PrincipalPolicies(identity=(document({"Effect": "Allow", "Action": "*", "Resource": "*"}),))
    for number in range(tenants):
        account = str(100_000_000_000 + number)
        own = [secret(number, name, account) for name in ("db", "openai", "slack")]
        things += (*own, *collections(account, REGION, own, others=False))
        agents.append(agent(number, "agent", policies, account))
    return things, agents


def crowd(tenants: int) -> Made:
    """Return five roles and fifty secrets a tenant: by tag, by prefix, by both, lists only, and one with a mistake."""
    things = [secret(number, f"s{index}") for number in range(tenants) for index in range(50)]
    things += list(collections(ACCOUNT, REGION, things, others=False))
    agents = []
    for number in range(tenants):
        prefix = f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:t{number}"
        statements: tuple[dict[str, object], ...] = (
            {"Action": "secretsmanager:*", "Resource": "*", "Condition": {"StringEquals": EQUAL}},
            {"Action": "secretsmanager:*", "Resource": f"{prefix}/*"},
            {"Action": "secretsmanager:Get*", "Resource": f"{prefix}/*", "Condition": {"StringEquals": EQUAL}},
            {"Action": ["secretsmanager:ListSecrets", "secretsmanager:DescribeSecret"], "Resource": "*"},
            {"Action": "secretsmanager:GetSecretValue", "Resource": f"{prefix}*"},
        )
        for index, statement in enumerate(statements):
            policies = PrincipalPolicies(identity=(document({"Effect": "Allow", **statement}),))
            agents.append(agent(number, f"agent-{number}-{index}", policies))
    return things, agents


def document(statement: Mapping[str, object]) -> Document:
    """Return a policy of one statement."""
    return read_document(json.dumps({"Version": "2012-10-17", "Statement": [statement]}), Kind.IDENTITY, "policy")


def agent(number: int, role: str, policies: PrincipalPolicies, account: str = ACCOUNT) -> Agent:
    """Return an agent of a tenant."""
    principal = Principal(arn=f"arn:aws:iam::{account}:role/{role}", session_tags={"TenantId": f"t{number}"})
    return Agent(tenant=f"t{number}", principal=principal, policies=policies)


def measured(make: Callable[[int], Made], tenants: int) -> tuple[float, str]:
    """Return the CPU seconds of all answers, and a line that says what they were."""
    start = time.process_time()
    things, agents = make(tenants)
    reading = time.process_time() - start
    estate = Estate(things, agents)
    grants = sum(len(estate.reach(one, wanted).grants) for one in agents for wanted in ASKED)
    spent = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return spent, (
        f"{make.__name__}: {tenants} tenants, {len(agents)} agents, {len(things)} things: {spent:.1f} s of CPU "
        f"({reading:.1f} s of it reading policies), {grants} grants, {memory:.0f} MiB"
    )


def foreseen(make: Callable[[int], Made], tenants: int) -> str:
    """Return a line that says how long it takes to find what new names and tags would open."""
    things, agents = make(tenants)
    start = time.process_time()
    foresight = Foresight(things, {one.principal.arn.split(":")[4]: (REGION, "eu-west-1") for one in agents})
    waiting = 0
    for one in agents:
        own = Own(named={"tenant": one.tenant})
        for wanted in (ActionClass.READ, ActionClass.LIST, ActionClass.WRITE):
            waiting += len(foresight.foreseen(one, own, wanted, frozenset()).coming)
    spent = time.process_time() - start
    return f"{make.__name__}: {tenants} tenants, names and tags to come: {spent:.1f} s of CPU, {waiting} grants wait"


def main() -> int:
    """Print the times, each case in a process of its own so that memory is its own."""
    tenants = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    makers: tuple[Callable[[int], Made], ...] = (shared, separate, accounts)
    cases = [(make, number) for make in makers for number in (tenants, tenants // 10)]
    spent: dict[tuple[str, int], float] = {}
    for make, number in (*cases, (crowd, 200)):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            spent[make.__name__, number], line = pool.apply(measured, (make, number))
            lines = [line, *([pool.apply(foreseen, (make, number))] if number != tenants // 10 else [])]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    for make in makers:
        ratio = spent[make.__name__, tenants] / spent[make.__name__, tenants // 10]
        sys.stdout.write(f"{make.__name__}: ten times the tenants take {ratio:.1f} times as long\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
