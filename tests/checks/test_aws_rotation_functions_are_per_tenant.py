"""A function that rotates secrets serves one tenant, and no other tenant's agent can change or call it."""

from typing import Any

import pytest

from cred_audit.check import Skip
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict
from tests import aws_lab as lab
from tests.checks.hidden import assert_hiding_improves_nothing, verdict
from tests.checks.judged import judged

CHECK = "aws_rotation_functions_are_per_tenant"


def function_arn(name: str) -> str:
    return f"arn:aws:lambda:{lab.REGION}:{lab.ACCOUNT}:function:rotate-{name}"


def rotating(
    functions: dict[str, str], roles: dict[str, str], agents: dict[str, Any] | None = None, **more: Any
) -> Snapshot:
    """Return two tenants; `functions`: tenant -> function, `roles`: function -> role."""
    agents = agents or dict.fromkeys(functions, lab.statement("s3:GetObject"))
    secrets = [lab.secret(name, rotated_by=function_arn(one)) for name, one in functions.items()]
    policies = {
        name: lab.document(lab.statement(Condition={"StringEquals": {"aws:ResourceTag/TenantId": name}}))
        for name in functions
    } | {"all": lab.document(lab.statement())}
    parts = {
        "secrets": secrets,
        "functions": [lab.Function(arn=function_arn(one), role=lab.role_arn(f"rotate-{role}"))
                      for one, role in roles.items()],
        "roles": [lab.role(f"rotate-{name}", text) for name, text in policies.items()],
    } | more  # fmt: skip
    return lab.role_each({name: lab.document(one) for name, one in agents.items()}, **parts)


EACH = {"acme": "acme", "beta": "beta"}


def of(snapshot: Snapshot, kind: str) -> list[Finding]:
    return [finding for finding in judged(CHECK, snapshot) if finding.subject.startswith(kind)]


def test_a_function_and_a_role_for_each_tenant_hold() -> None:
    found = judged(CHECK, rotating(EACH, EACH))
    assert {finding.verdict for finding in found} == {Verdict.PASS}
    assert len(found) == 4


def test_one_function_for_all_fails() -> None:
    (finding,) = of(rotating(dict.fromkeys(EACH, "all"), {"all": "all"}), "function:")
    assert (finding.verdict, finding.reaches.tenants, finding.count) == (Verdict.FAIL, ("acme", "beta"), 2)


def test_a_version_or_alias_is_the_same_function() -> None:
    secrets = [
        lab.secret("acme", rotated_by=function_arn("all")),
        lab.secret("beta", rotated_by=function_arn("all:live")),
    ]
    (finding,) = of(rotating(EACH, {"all": "all"}, secrets=secrets), "function:")
    assert finding.verdict is Verdict.FAIL


def test_one_role_for_several_functions_fails() -> None:
    found = of(rotating(EACH, dict.fromkeys(EACH, "all")), "function:")
    assert [finding.verdict for finding in found] == [Verdict.FAIL] * 2


def test_a_role_that_reads_others_secrets_fails() -> None:
    found = {one.subject: one for one in of(rotating(EACH, {"acme": "all", "beta": "beta"}), "function:")}
    finding = found[f"function:{function_arn('acme')}"]
    assert (finding.verdict, finding.reaches.tenants) == (Verdict.FAIL, ("acme", "beta"))
    assert finding.witness is not None
    assert found[f"function:{function_arn('beta')}"].verdict is Verdict.PASS


@pytest.mark.parametrize("action", ["lambda:UpdateFunctionCode", "lambda:InvokeFunction", "lambda:*"])
@pytest.mark.parametrize("resource", [function_arn("beta"), "*", f"arn:aws:lambda:*:{lab.ACCOUNT}:function:*"])
def test_an_agent_that_may_change_or_call_anothers_function_fails(action: str, resource: str) -> None:
    agents = {"acme": lab.statement(action, resource), "beta": lab.statement("s3:GetObject")}
    found = judged(CHECK, rotating(EACH, EACH, agents))
    (finding,) = [one for one in found if one.verdict is Verdict.FAIL]
    assert (finding.tenant, finding.reaches.tenants) == ("acme", ("beta",))
    assert finding.witness is not None
    assert finding.witness.fields["resource"] == function_arn("beta")


def test_an_agent_may_call_its_own_function_and_others_that_rotate_nothing() -> None:
    agents = {
        "acme": lab.statement("lambda:*", [function_arn("acme"), function_arn("report")]),
        "beta": lab.statement("s3:GetObject"),
    }
    assert verdict(CHECK, rotating(EACH, EACH, agents)) is Verdict.PASS


def test_a_deny_keeps_it_out() -> None:
    text = lab.document(lab.statement("lambda:*"), lab.statement("lambda:*", "*", "Deny"))
    snapshot = lab.role_each(
        dict.fromkeys(EACH, text), secrets=[lab.secret("acme", rotated_by=function_arn("acme"))],
        functions=[lab.Function(arn=function_arn("acme"), role=lab.role_arn("r"))], roles=[lab.role("r")],
    )  # fmt: skip
    assert verdict(CHECK, snapshot) is Verdict.PASS


def test_secrets_without_a_function_are_no_case() -> None:
    with pytest.raises(Skip):
        judged(CHECK, lab.role_each(dict.fromkeys(EACH, lab.document(lab.statement()))))


def test_a_secret_of_which_rotation_was_not_seen_may_have_any_function() -> None:
    one, other = lab.secret("acme", rotated_by=function_arn("all")), lab.secret("beta", rotation=None)
    found = judged(CHECK, rotating({"acme": "all", "beta": "all"}, {"all": "acme"}, secrets=[one, other]))
    assert {finding.verdict for finding in found} == {Verdict.UNKNOWN}
    assert found[0].evidence[0].where == other.arn
    nothing = rotating(EACH, {}, secrets=[lab.secret("acme", rotation=None), lab.secret("beta")])
    assert verdict(CHECK, nothing) is Verdict.UNKNOWN


def test_hiding_a_fact_never_improves_a_verdict() -> None:
    changes = {"acme": lab.statement("lambda:*"), "beta": lab.statement("s3:GetObject")}
    for snapshot in (
        rotating(EACH, EACH), rotating(EACH, dict.fromkeys(EACH, "all")), rotating(EACH, EACH, changes),
        rotating(dict.fromkeys(EACH, "all"), {"all": "all"}), rotating(EACH, {"acme": "all", "beta": "beta"}),
    ):  # fmt: skip
        assert_hiding_improves_nothing(CHECK, snapshot)
