"""Roles that agents assume on their way serve one tenant."""

from dataclasses import replace
from typing import Any

from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict
from tests import aws_lab as lab
from tests.checks.hidden import assert_hiding_improves_nothing, verdict
from tests.checks.judged import judged

CHECK = "aws_role_chains_serve_one_tenant"
ROOT = {"AWS": f"arn:aws:iam::{lab.ACCOUNT}:root"}
OTHER = "arn:aws:iam::999988887777:root"
ADMIN = lab.document(lab.statement("*", "*"))
READS_ALL = lab.document(lab.statement())


def assume(*names: str) -> str:
    return lab.document(lab.statement("sts:AssumeRole", [lab.role_arn(name) for name in names]))


def hop(name: str = "hop", *documents: str, principal: Any = ROOT, **more: Any) -> Any:
    return lab.role(name, *documents, trust=lab.trust(principal), **more)


def found(snapshot: Snapshot, name: str = "hop", kind: str = "role") -> Finding:
    findings = {finding.subject: finding for finding in judged(CHECK, snapshot)}
    return findings[f"{kind}:{lab.role_arn(name)}"]


def test_a_shared_role_that_reaches_secrets_fails() -> None:
    policies = dict.fromkeys(("acme", "beta"), assume("hop"))
    finding = found(lab.role_each(policies, roles=[hop("hop", READS_ALL)]))
    assert finding.verdict is Verdict.FAIL
    assert set(finding.reaches.tenants) == {"acme", "beta"}
    assert finding.witness is not None
    assert finding.witness.fields["action"] == lab.READ
    assert finding.witness.before[0].fields["resource"] == lab.role_arn("hop")


def test_a_shared_role_that_reaches_nothing_of_a_tenant_holds() -> None:
    policies = dict.fromkeys(("acme", "beta"), assume("hop"))
    logs = lab.document(lab.statement("logs:PutLogEvents"))
    assert found(lab.role_each(policies, roles=[hop("hop", logs)])).verdict is Verdict.PASS


def test_a_role_on_the_way_of_one_tenant_to_its_own_holds() -> None:
    own = lab.document(lab.statement(Condition={"StringEquals": {"aws:ResourceTag/TenantId": "acme"}}))
    policies = {"acme": assume("hop"), "beta": lab.document(lab.statement("s3:GetObject"))}
    snapshot = lab.role_each(policies, roles=[hop("hop", own)])
    assert {finding.verdict for finding in judged(CHECK, snapshot)} == {Verdict.PASS}
    assert found(lab.role_each(policies, roles=[hop("hop", READS_ALL)])).verdict is Verdict.FAIL


def test_a_chain_of_two_roles_is_followed() -> None:
    policies = {"acme": assume("first"), "beta": assume("other")}
    roles = [
        hop("first", assume("last")), hop("other", assume("last")),
        hop("last", READS_ALL, principal={"AWS": [lab.role_arn("first"), lab.role_arn("other")]}),
    ]  # fmt: skip
    finding = found(lab.role_each(policies, roles=roles), "last")
    assert finding.verdict is Verdict.FAIL
    assert finding.witness is not None
    assert [one.fields["resource"] for one in finding.witness.before] in (
        [lab.role_arn("first"), lab.role_arn("last")],
        [lab.role_arn("other"), lab.role_arn("last")],
    )


def test_a_role_of_another_tenant_behind_a_hop_fails() -> None:
    data = lab.role("data", trust=lab.trust({"AWS": lab.role_arn("hop")}), tags={"TenantId": "beta"})
    policies = {"acme": assume("hop"), "beta": assume()}
    policies["beta"] = lab.document(lab.statement("s3:GetObject"))
    finding = found(lab.role_each(policies, roles=[hop("hop", assume("data")), data]))
    assert finding.verdict is Verdict.FAIL
    assert set(finding.reaches.tenants) == {"acme", "beta"}


def test_without_both_sides_there_is_no_way() -> None:
    policies = dict.fromkeys(("acme", "beta"), lab.document(lab.statement("s3:GetObject")))
    findings = judged(CHECK, lab.role_each(policies, roles=[hop("hop", READS_ALL)]))
    assert [finding.subject for finding in findings] == ["agent:acme/acme-agent", "agent:beta/beta-agent"]
    assert {finding.verdict for finding in findings} == {Verdict.PASS}
    closed = hop("hop", READS_ALL, principal={"AWS": lab.role_arn("deploy")})
    findings = judged(CHECK, lab.role_each(dict.fromkeys(("acme", "beta"), assume("hop")), roles=[closed]))
    assert {finding.verdict for finding in findings} == {Verdict.PASS}


def test_an_administrator_that_an_agent_may_assume_fails_even_for_one_tenant() -> None:
    access = hop("OrganizationAccountAccessRole", ADMIN, principal={"AWS": [
        "arn:aws:iam::999988887777:root", f"arn:aws:iam::{lab.ACCOUNT}:root"]})  # fmt: skip
    policies = {
        "acme": assume("OrganizationAccountAccessRole"), "beta": lab.document(lab.statement("s3:GetObject")),
    }  # fmt: skip
    finding = found(lab.role_each(policies, roles=[access]), "OrganizationAccountAccessRole", "administrator")
    assert finding.verdict is Verdict.FAIL
    assert finding.reaches.tenants == ("acme",)
    assert finding.witness is not None
    policies["acme"] = policies["beta"]
    finding = found(lab.role_each(policies, roles=[access]), "OrganizationAccountAccessRole", "administrator")
    assert finding.verdict is Verdict.PASS


def test_a_role_whose_trust_was_not_seen_is_no_case_that_holds() -> None:
    policies = dict.fromkeys(("acme", "beta"), assume("hop"))
    dark = lab.role("hop", lab.document(lab.statement("logs:*")), trust=None)
    assert found(lab.role_each(policies, roles=[dark])).verdict is Verdict.UNKNOWN
    nobody = dict.fromkeys(("acme", "beta"), lab.document(lab.statement("logs:*")))
    admin = lab.role("admin", ADMIN, trust=None)
    findings = judged(CHECK, lab.role_each(nobody, roles=[admin]))
    assert {finding.verdict for finding in findings if "admin" in finding.subject} == {Verdict.UNKNOWN}
    for inline, opened, expected in (
        ((), "lambda", None),
        (None, "other", Verdict.UNKNOWN),
        (None, None, Verdict.UNKNOWN),
    ):
        trusts = {"lambda": lab.trust({"Service": "lambda.amazonaws.com"}), "other": lab.trust({"AWS": OTHER})}
        dark = replace(lab.role("admin"), inline=inline, trust=trusts.get(opened or ""))
        assert verdict(CHECK, lab.snapshot([lab.account(roles=[dark])], [lab.tenant("acme")])) is expected


def test_hiding_a_fact_never_improves_a_verdict() -> None:
    policies = dict.fromkeys(("acme", "beta"), assume("hop", "admin"))
    whole = lab.role_each(policies, roles=[hop("hop", READS_ALL), hop("admin", ADMIN)])
    clean = lab.role_each(dict.fromkeys(("acme", "beta"), assume("hop")), roles=[hop("hop")])
    for snapshot in (whole, clean):
        assert_hiding_improves_nothing(CHECK, snapshot)


def test_a_role_that_asks_for_a_session_tag_is_reached_with_that_tag() -> None:
    actions = ["sts:AssumeRole", "sts:TagSession"]
    pinned = lab.document(
        lab.statement(actions, None, Principal=ROOT, Condition={"StringEquals": {"aws:RequestTag/Team": "x"}})
    )
    policy = lab.document(lab.statement(actions, lab.role_arn("hop")))
    roles = [lab.role("hop", READS_ALL, trust=pinned)]
    finding = found(lab.role_each(dict.fromkeys(("acme", "beta"), policy), roles=roles))
    assert (finding.verdict, finding.assuming) == (Verdict.FAIL, ("aws:RequestTag/Team is x",))
    assert finding.witness is not None
    assert finding.witness.before[0].fields["request_tags"] == {"Team": "x"}
    bare = lab.document(lab.statement("sts:AssumeRole", lab.role_arn("hop")))
    stays = judged(CHECK, lab.role_each(dict.fromkeys(("acme", "beta"), bare), roles=roles))
    assert {one.verdict for one in stays} == {Verdict.PASS}
