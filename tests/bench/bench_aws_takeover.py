"""How long takeover paths take for many tenants: `python tests/bench/bench_aws_takeover.py [TENANTS]`.

A role each: without any right of IAM or STS; with a second role of its own that it may assume; and all with one role
of which they choose the session tags.
"""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from cred_audit.claims.aws.takeover import judge_aws_takeovers
from cred_audit.decide.aws.world import Role
from cred_audit.facts import Snapshot
from tests import aws_lab as lab

ROOT = {"AWS": f"arn:aws:iam::{lab.ACCOUNT}:root"}


def own(tenant: str) -> str:
    """Return a policy on the secrets of one tenant."""
    return lab.document(lab.statement(resource=f"arn:aws:secretsmanager:*:{lab.ACCOUNT}:secret:{tenant}/*"))


def snapshot(names: list[str], roles: list[Role]) -> Snapshot:
    """Return an account with a secret and an agent for each tenant."""
    tenants = [lab.tenant(name, lab.agent("agent", f"agent-{name}")) for name in names]
    return lab.snapshot([lab.account(roles=roles, secrets=[lab.secret(name) for name in names])], tenants)


def without(names: list[str]) -> Snapshot:
    """Return agents that read their own secrets."""
    return snapshot(names, [lab.role(f"agent-{name}", own(name)) for name in names])


def second(names: list[str]) -> Snapshot:
    """Return agents that may assume a second role of their own."""
    roles = []
    for name in names:
        assume = lab.document(lab.statement("sts:AssumeRole", lab.role_arn(f"second-{name}")))
        roles.append(lab.role(f"agent-{name}", assume))
        roles.append(lab.role(f"second-{name}", own(name), trust=lab.trust(ROOT)))
    return snapshot(names, roles)


def chosen(names: list[str]) -> Snapshot:
    """Return agents that may choose the tags of one role's session."""
    calls = ["sts:AssumeRole", "sts:TagSession"]
    assume = lab.document(lab.statement(calls, lab.role_arn("reader")))
    roles = [lab.role(f"agent-{name}", assume) for name in names]
    equal = lab.document(lab.statement(Condition=lab.EQUAL))
    return snapshot(names, [*roles, lab.role("reader", equal, trust=lab.trust(ROOT, calls))])


def main() -> int:
    """Print the times."""
    tenants = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    names = [f"t{number}" for number in range(tenants)]
    makers: tuple[Callable[[list[str]], Snapshot], ...] = (without, second, chosen)
    for make in makers:
        facts = make(names)
        start = time.process_time()
        verdicts = [finding.verdict.value for finding in judge_aws_takeovers(facts)]
        spent = time.process_time() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in sorted(set(verdicts)))
        sys.stdout.write(f"{make.__name__}: {tenants} tenants: {spent:.1f} s of CPU, {counts}, {memory:.0f} MiB\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
