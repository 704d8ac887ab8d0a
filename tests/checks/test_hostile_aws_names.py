"""Names in AWS are text from outside: whatever stands in them, a finding keeps its form and its bounds."""

from collections.abc import Iterator

import pytest

from cred_audit.audit import judge
from cred_audit.catalog import load_checks
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding
from cred_audit.render.json import render as render_json
from cred_audit.report import Report
from cred_audit.target.model import AwsTerritory
from tests import aws_lab as lab
from tests.checks.worlds import NOW

CHECKS = tuple(check for check in load_checks() if check.needs == ("aws",))
MARKUP = "\x1b[31m\r\n\u202e\x00<script><img src=x onerror=alert(1)>'\"`$(id)"
HOSTILE = (MARKUP, "n" * 10_000, MARKUP + "n" * 10_000, "[a-z](?:x", "'; DROP TABLE x; --", "e\u0301\U0001f600")
MOST = 4
"""How often one name may stand in one text of a finding."""
QUOTES = 100
"""Characters that quoting the name for a shell may add to a text."""


def world(name: str) -> Snapshot:
    """Two tenants whose tags, ARNs, Sids, policies and aliases hold this text."""
    tag = f"TenantId{name}"
    equal = {"StringEquals": {f"aws:ResourceTag/{tag}": f"${{aws:PrincipalTag/{tag}}}"}}
    holds = lab.statement("secretsmanager:*", Sid=name, Condition=equal)
    breaks = lab.statement(["secretsmanager:*", "kms:*", "iam:*", "sts:*", "lambda:*"], Sid=name)
    wild = lab.statement(Sid=name, Condition={"StringLike": {f"aws:ResourceTag/{tag}": [f"{name}*", name]}})
    function = f"arn:aws:lambda:{lab.REGION}:{lab.ACCOUNT}:function:{name}"
    shared = lab.statement("secretsmanager:*", Principal={"AWS": [lab.role_arn(f"agent-b{name}"), "*"]}, Sid=name)
    lets_in = lab.trust(
        {
            "AWS": [lab.role_arn(name), "arn:aws:iam::999988887777:root"],
            "Federated": f"arn:aws:iam::{lab.ACCOUNT}:oidc-provider/{name}",
        },
        "sts:*",
        Sid=name,
        Condition={"StringLike": {"sts:ExternalId": f"{name}*"}},
    )
    secrets = [
        lab.secret(owner + name, tags={tag: owner + name, tag.upper(): owner}, rotated_by=function,
                   key=f"alias/{name}", policy=lab.document(shared))
        for owner in "ab"
    ]  # fmt: skip
    roles = [
        lab.role(f"agent-{owner}{name}", lab.document(*statements), tags={tag: owner + name}, trust=lets_in)
        for owner, statements in (("a", (holds, wild)), ("b", (breaks,)))
    ]
    tenants = [
        lab.tenant(f"t{owner}", lab.agent("agent", f"agent-{owner}{name}", session_tags={tag: owner + name}),
                   territory=[AwsTerritory(tags={tag: owner + name})])
        for owner in "ab"
    ]  # fmt: skip
    grant = lab.KmsGrant(grantee=lab.role_arn(name), operations=frozenset({"Decrypt"}), name=name)
    account = lab.account(
        roles=roles, secrets=secrets, policies={name: lab.document(holds)},
        parameters=[lab.parameter(f"a{name}", tags={tag: f"b{name}"})],
        keys=[lab.key(name, aliases=(f"alias/{name}",), tags={tag: f"a{name}"}, grants=(grant,))],
        functions=[lab.Function(arn=function, role=lab.role_arn(f"agent-b{name}"))],
    )  # fmt: skip
    return lab.snapshot([account], tenants)


def judged(name: str) -> Report:
    return judge(world(name), CHECKS, now=NOW)


def texts(finding: Finding) -> Iterator[str]:
    """Yield every text but the witness, which holds the facts as they are."""
    yield from (finding.subject, finding.summary, finding.note, finding.fix or "", finding.reproduce or "")
    yield from finding.assuming
    for evidence in finding.evidence:
        yield from (evidence.where, evidence.shows, evidence.quote)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_what_stands_in_names_changes_no_verdict_and_is_bounded(name: str) -> None:
    usual, hostile = judged("x"), judged(name)
    for before, after in zip(usual.results, hostile.results, strict=True):
        assert not any(finding.subject == "check:raised" for finding in after.findings), after
        verdicts = [finding.verdict for finding in after.findings]
        assert verdicts == [finding.verdict for finding in before.findings], after.check.id
        longest = max((len(text) for finding in before.findings for text in texts(finding)), default=0)
        for finding in after.findings:
            for text in texts(finding):
                assert len(text) <= longest + MOST * len(repr(name)) + QUOTES, (after.check.id, text[:200])
    assert render_json(hostile).count("\x1b") == 0
