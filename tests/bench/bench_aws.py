"""How many AWS decisions a second: `python tests/bench/bench_aws.py`.

One role with three policies of ten statements each, ABAC-flavoured, decision only (policies compiled once);
reading and compiling are timed apart.
"""

import itertools
import json
import sys
import time

from cred_audit.decide import Effect
from cred_audit.decide.aws.document import read_document
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.model import Kind, Principal, PrincipalPolicies, Request

ACCOUNT = "111122223333"
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


def main() -> int:
    """Print the rates."""
    texts = [
        json.dumps({"Version": "2012-10-17", "Statement": [statement(number) for number in range(10)]})
        for _ in range(3)
    ]
    start = time.perf_counter()
    documents = tuple(read_document(text, Kind.IDENTITY, f"p{number}") for number, text in enumerate(texts))
    evaluator = Evaluator(
        Principal(arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/agent/run", tags={"TenantId": "acme"}),
        PrincipalPolicies(identity=documents),
    )
    requests = []
    for number, action in itertools.product(range(1000), ACTIONS):
        tenant = "acme" if number % 2 else f"t{number}"
        kind = {"kms": "key/", "ssm": f"parameter/{tenant}/"}.get(action.partition(":")[0], f"secret:{tenant}/")
        resource = f"arn:aws:{action.partition(':')[0]}:us-east-1:{ACCOUNT}:{kind}k{number}-AbCdEf"
        if action.endswith("ListSecrets"):
            resource = "*"
        requests.append(
            Request(
                action=action, resource=resource, resource_tags={"TenantId": tenant},
                context={"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"},
            )
        )  # fmt: skip
    for request in requests[: len(ACTIONS)]:
        evaluator.decide(request)
    compiling = time.perf_counter() - start
    start = time.process_time()
    allowed = sum(evaluator.decide(request).effect is Effect.ALLOW for request in requests)
    spent = time.process_time() - start
    rate = len(requests) / spent
    sys.stdout.write(
        f"{len(requests)} decisions ({allowed} allowed) in {spent:.3f} s of CPU: {rate:,.0f} a second; "
        f"reading and compiling 3 policies of 10 statements and building the requests {compiling * 1000:.1f} ms\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
