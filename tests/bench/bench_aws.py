"""How many AWS decisions a second: `python -m tests.bench.bench_aws`.

One role with three policies of ten statements each, ABAC-flavoured, decision only (policies compiled once);
reading and compiling are timed apart. Where the independent evaluator is installed, it answers the same requests.
"""

import itertools
import json
import sys
import time
from pathlib import Path

from cred_audit.decide import Effect
from cred_audit.decide.aws.document import read_document
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.model import Kind, Principal, PrincipalPolicies, Request
from tests.bench.bench_decide import best
from tests.fuzz.aws_evaluator import FOLDER, evaluated, missing

ACCOUNT = "111122223333"
PRINCIPAL = f"arn:aws:sts::{ACCOUNT}:assumed-role/agent/run"
ACTIONS = ("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:ListSecrets",
           "ssm:GetParameter", "kms:Decrypt", "secretsmanager:DescribeSecret")  # fmt: skip


def statement(number: int) -> dict[str, object]:
    """Return one of ten forms of statement that multi-tenant roles have."""
    secrets = f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:"
    forms: list[dict[str, object]] = [
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secrets + "*",
         "Condition": {"StringEquals": {"aws:ResourceTag/TenantId": "${aws:PrincipalTag/TenantId}"}}},
        {"Effect": "Deny", "Action": "secretsmanager:*", "Resource": "*",
         "Condition": {"StringNotEqualsIfExists": {"aws:ResourceTag/TenantId": "${aws:PrincipalTag/TenantId}"}}},
        {"Effect": "Allow", "Action": ["secretsmanager:Describe*", "secretsmanager:List*"], "Resource": "*"},
        {"Effect": "Allow", "Action": "ssm:GetParameter*",
         "Resource": f"arn:aws:ssm:*:{ACCOUNT}:parameter/${{aws:PrincipalTag/TenantId}}/*"},
        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": f"arn:aws:kms:*:{ACCOUNT}:key/*",
         "Condition": {"StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"}}},
        {"Effect": "Deny", "Action": "secretsmanager:DeleteSecret", "Resource": "*",
         "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}},
        {"Effect": "Deny", "NotAction": ["secretsmanager:*", "ssm:*", "kms:*"], "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::agents/${aws:PrincipalTag/TenantId}/*"},
        {"Effect": "Deny", "Action": "secretsmanager:*", "NotResource": secrets + "*",
         "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
        {"Effect": "Allow", "Action": "logs:*", "Resource": f"arn:aws:logs:*:{ACCOUNT}:log-group:/agents/*"},
    ]  # fmt: skip
    return forms[number % len(forms)]


def requests() -> list[Request]:
    """Return requests on own and foreign things."""
    found = []
    for number, action in itertools.product(range(1000), ACTIONS):
        tenant = "acme" if number % 2 else f"t{number}"
        kind = {"kms": "key/", "ssm": f"parameter/{tenant}/"}.get(action.partition(":")[0], f"secret:{tenant}/")
        resource = f"arn:aws:{action.partition(':')[0]}:us-east-1:{ACCOUNT}:{kind}k{number}-AbCdEf"
        if action.endswith("ListSecrets"):
            resource = "*"
        context = {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"} if action.startswith("kms:") else {}
        found.append(
            Request(action=action, resource=resource, resource_tags={"TenantId": tenant}, context=dict(context))
        )
    return found


def theirs(texts: list[str], asked: list[Request], folder: Path) -> float:
    """Return the independent evaluator's decisions a second, its start-up taken off."""
    lines = [
        {
            "id": str(number), "principal": PRINCIPAL, "principal_tags": {"TenantId": "acme"},
            "policies": {"identity": [json.loads(text) for text in texts]},
            "request": {
                "action": one.action, "resource": one.resource, "resource_tags": dict(one.resource_tags or {}),
                "context": dict(one.context),
            },
        }
        for number, one in enumerate(asked)
    ]  # fmt: skip
    seconds = []
    for count in (1, len(lines)):
        start = time.perf_counter()
        evaluated(lines[:count], folder)
        seconds.append(time.perf_counter() - start)
    return (len(lines) - 1) / (seconds[1] - seconds[0])


def main(folder: Path = FOLDER) -> int:
    """Print the rates."""
    texts = [
        json.dumps({"Version": "2012-10-17", "Statement": [statement(number) for number in range(10)]})
        for _ in range(3)
    ]
    asked = requests()
    start = time.perf_counter()
    documents = tuple(read_document(text, Kind.IDENTITY, f"p{number}") for number, text in enumerate(texts))
    evaluator = Evaluator(
        Principal(arn=PRINCIPAL, tags={"TenantId": "acme"}), PrincipalPolicies(identity=documents)
    )  # fmt: skip
    for request in asked[: len(ACTIONS)]:
        evaluator.decide(request)
    compiling = time.perf_counter() - start
    allowed = sum(evaluator.decide(request).effect is Effect.ALLOW for request in asked)

    def decide() -> None:
        for request in asked:
            evaluator.decide(request)

    # One core's time, so that neighbours on the machine do not count.
    rate = best(decide, len(asked), time.process_time)
    shown = [
        f"compile: {compiling * 1000:.1f} ms for 3 policies of 10 statements",
        f"decide: {rate:,.0f}/s of {len(asked)} requests, {allowed} allowed",
    ]
    reason = missing(folder)
    if reason is None:
        their, ours = theirs(texts, asked[:2000], folder), best(decide, len(asked))
        shown.append(f"independent evaluator: {their:,.0f}/s; decide is {ours / their:.0f} x that, both by the clock")
    else:
        shown.append(f"independent evaluator: not measured; {reason}")
    sys.stdout.write("\n".join(shown) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
