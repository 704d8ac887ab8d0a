"""How long `reach` takes for many tenants: `python tests/bench/bench_aws_reach.py [TENANTS]`.

Three secrets a tenant. First all tenants behind one ABAC role (session tags tell them apart), then one role each.
"""

import json
import resource
import sys
import time
from collections.abc import Callable

from cred_audit.decide.aws.document import read_document
from cred_audit.decide.aws.estate import ActionClass, Thing
from cred_audit.decide.aws.model import Document, Kind, Principal, PrincipalPolicies
from cred_audit.decide.aws.reach import Agent, Estate

ACCOUNT = "111122223333"


def things(tenants: int) -> list[Thing]:
    """Return three secrets a tenant; one tenant in a hundred forgot a tag."""
    found = []
    for number in range(tenants):
        for name in ("db", "openai", "slack"):
            arn = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:t{number}/{name}-AbCdEf"
            tags = {} if number % 100 == 0 and name == "db" else {"TenantId": f"t{number}"}
            found.append(Thing(arn=arn, owners=(f"t{number}",), tags=tags))
    return found


def shared(tenants: int) -> list[Agent]:
    """Return one role whose sessions carry the tenant as a tag."""
    equal = {"StringEqualsIfExists": {"aws:ResourceTag/TenantId": "${aws:PrincipalTag/TenantId}"}}
    statement: dict[str, object] = {
        "Effect": "Allow",
        "Action": "secretsmanager:*",
        "Resource": "*",
        "Condition": equal,
    }
    policies = PrincipalPolicies(identity=(document(statement),))
    return [agent(number, "agent", policies) for number in range(tenants)]


def separate(tenants: int) -> list[Agent]:
    """Return one role each, limited to its own prefix, without the separator."""
    found = []
    for number in range(tenants):
        prefix = f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:t{number}*"
        own = document({"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": prefix})
        found.append(agent(number, f"agent-{number}", PrincipalPolicies(identity=(own,))))
    return found


def document(statement: dict[str, object]) -> Document:
    """Return a policy of one statement."""
    return read_document(json.dumps({"Version": "2012-10-17", "Statement": [statement]}), Kind.IDENTITY, "policy")


def agent(number: int, role: str, policies: PrincipalPolicies) -> Agent:
    """Return the agent of one tenant."""
    principal = Principal(arn=f"arn:aws:iam::{ACCOUNT}:role/{role}", session_tags={"TenantId": f"t{number}"})
    return Agent(tenant=f"t{number}", principal=principal, policies=policies)


def main() -> int:
    """Print the times."""
    tenants = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    makers: tuple[Callable[[int], list[Agent]], ...] = (shared, separate)
    for make in makers:
        start = time.process_time()
        agents = make(tenants)
        reading = time.process_time() - start
        estate = Estate(things(tenants), agents)
        grants = 0
        for one in agents:
            for wanted in (ActionClass.READ, ActionClass.LIST, ActionClass.WRITE):
                grants += len(estate.reach(one, wanted).grants)
        spent = time.process_time() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sys.stdout.write(
            f"{make.__name__}: {tenants} tenants, {len(estate.things)} secrets, read, list and write: "
            f"{spent:.1f} s of CPU ({reading:.1f} s of it reading policies), {grants} grants, {memory:.0f} MiB\n"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
