"""No agent gets to another tenant's secrets in Vault by a login with its AWS role."""

from dataclasses import replace
from typing import Any

import pytest

from cred_audit.check import Skip
from cred_audit.decide import Effect
from cred_audit.decide.vault.engine import Engine
from cred_audit.decide.vault.model import Request, Subject
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict
from tests import aws_lab as lab
from tests.checks.judged import judged
from tests.joint_lab import clause, joint, method

CHECK = "vault_no_reach_through_aws"
POLICIES = {name: clause(f"secret/data/{name}/*") for name in lab.TENANTS}


def accounts(**more: Any) -> Snapshot:
    """A role `agent-NAME` for each tenant, which may do nothing in AWS."""
    return lab.role_each(dict.fromkeys(lab.TENANTS, lab.document(lab.statement("logs:*"))), **more)


def bound(arn: str, policy: str, **more: Any) -> dict[str, Any]:
    made = {"auth_type": "iam", "bound_iam_principal_arn": [arn], "resolve_aws_unique_ids": True}
    return made | {"token_policies": [policy], "token_no_default_policy": True} | more


def own(name: str, **more: Any) -> dict[str, Any]:
    return bound(lab.role_arn(f"agent-{name}"), name, **more)


def found(snapshot: Snapshot) -> dict[str, Finding]:
    findings = judged(CHECK, snapshot)
    by_tenant = {finding.tenant or finding.subject: finding for finding in findings}
    assert len(by_tenant) == len(findings)
    assert all(finding.evidence and finding.summary.endswith(".") for finding in findings)
    return by_tenant


def verdicts(*roles: dict[str, Any] | None, facts: Snapshot | None = None) -> dict[str, Verdict]:
    named = {f"r{number}": role for number, role in enumerate(roles)}
    judged_ = found(joint(facts or accounts(), POLICIES, methods=[method(named)]))
    return {name: finding.verdict for name, finding in judged_.items()}


def all_but(**others: Verdict) -> dict[str, Verdict]:
    return dict.fromkeys(lab.TENANTS, Verdict.PASS) | others


def test_a_role_each_isolates_everybody() -> None:
    assert verdicts(*(own(name) for name in lab.TENANTS)) == all_but()
    assert verdicts() == all_but()


def test_a_bound_that_ends_in_a_star_lets_everybody_in() -> None:
    roles = {"beta": bound(lab.role_arn("agent-*"), "beta")}
    findings = found(joint(accounts(), POLICIES, methods=[method(roles)]))
    assert {name: one.verdict for name, one in findings.items()} == {
        "acme": Verdict.FAIL, "beta": Verdict.PASS, "gamma": Verdict.FAIL
    }  # fmt: skip
    finding = findings["acme"]
    assert finding.reaches.tenants == ("beta",)
    assert finding.agents == ("acme-agent",)
    assert finding.summary == (
        f"acme/acme-agent can log in to Vault through auth/aws/role/beta as {lab.role_arn('agent-acme')} and can read "
        "what beta holds in Vault."
    )


def test_the_witness_is_the_login_and_what_its_token_reads() -> None:
    facts = joint(accounts(), POLICIES, methods=[method({"r": bound(lab.role_arn("agent-acme"), "beta")})])
    witness = found(facts)["acme"].witness
    assert witness is not None
    identity, login = witness.before
    assert (identity.system, identity.fields["action"]) == ("aws", "sts:GetCallerIdentity")
    assert (login.fields["path"], login.fields["body"]["role"]) == ("auth/aws/login", "r")
    assert facts.vault is not None
    request = Request(method=witness.fields["method"], path=witness.fields["path"])
    engine = Engine(facts.vault.world, facts.taken_at)
    assert engine.decide(Subject(policies=("beta",)), request).effect is Effect.ALLOW
    assert engine.decide(Subject(policies=("acme",)), request).effect is Effect.DENY


def test_the_path_of_a_role_counts_as_the_server_compares_it() -> None:
    arn = f"arn:aws:iam::{lab.ACCOUNT}:role/teams/acme/agent"
    role = replace(lab.role("x"), arn=arn)
    tenants = [lab.tenant("acme", lab.agent("acme-agent", "teams/acme/agent")), lab.tenant("beta"), lab.tenant("gamma")]
    facts = lab.snapshot([lab.account(roles=[role])], tenants)
    bare = lab.role_arn("agent")
    for arn_, resolves, expected in (
        (arn, True, Verdict.FAIL),
        (bare, True, Verdict.PASS),
        (bare, False, Verdict.FAIL),
        (arn, False, Verdict.PASS),
        (lab.role_arn("teams/acme/*"), True, Verdict.FAIL),
        (lab.role_arn("agent*"), True, Verdict.PASS),
    ):
        auth = bound(arn_, "beta", resolve_aws_unique_ids=resolves)
        assert verdicts(auth, facts=facts) == {"acme": expected}, (arn_, resolves)


@pytest.mark.parametrize("role", [
    None,
    {},
    own("acme") | {"token_policies": ["beta"], "auth_type": None},
    own("acme") | {"token_policies": ["beta"], "bound_iam_principal_arn": []},
    own("acme") | {"token_policies": ["beta"], "resolve_aws_unique_ids": None},
    own("acme") | {"token_policies": ["beta"], "inferred_entity_type": "ec2_instance"},
])  # fmt: skip
def test_bounds_that_were_not_seen_or_are_inferred_are_unknown(role: dict[str, Any] | None) -> None:
    assert verdicts(role)["acme"] is Verdict.UNKNOWN


def test_a_role_for_instances_is_unknown_for_who_may_run_on_one() -> None:
    profile = f"arn:aws:iam::{lab.ACCOUNT}:instance-profile/acme"
    facts = accounts()
    assert facts.aws is not None
    account = facts.aws.world.accounts[0]
    roles = tuple(
        replace(role, instance_profiles=(profile,) if role.arn.endswith("acme") else ()) for role in account.roles or ()
    )
    world = replace(facts.aws.world, accounts=(replace(account, roles=roles),))
    facts = replace(facts, aws=replace(facts.aws, world=world))
    ec2 = {"auth_type": "ec2", "token_policies": ["gamma"]}
    for more in (
        {"bound_iam_role_arn": [lab.role_arn("agent-a")]},
        {"bound_iam_instance_profile_arn": [profile]},
        {"bound_account_id": [lab.ACCOUNT]},
        {"bound_vpc_id": ["vpc-1"]},
    ):
        assert verdicts(ec2 | more, facts=facts) == all_but(acme=Verdict.UNKNOWN), more
    for more in (
        {"bound_iam_role_arn": [lab.role_arn("agent-b")]},
        {"bound_iam_instance_profile_arn": [profile + "x"]},
        {"bound_account_id": [lab.OTHER_ACCOUNT]},
    ):
        assert verdicts(ec2 | more, facts=facts) == all_but(), more


def test_an_agent_of_whose_role_nothing_was_seen_is_let_in_by_its_name() -> None:
    assert verdicts(own("acme", token_policies=["beta"]), facts=accounts(roles=()))["acme"] is Verdict.FAIL
    hidden = accounts()
    assert hidden.aws is not None
    world = replace(hidden.aws.world, accounts=(replace(hidden.aws.world.accounts[0], roles=None),))
    hidden = replace(hidden, aws=replace(hidden.aws, world=world))
    assert verdicts(own("acme", token_policies=["beta"]), facts=hidden)["acme"] is Verdict.FAIL
    profile = {"auth_type": "ec2", "bound_iam_instance_profile_arn": ["x"], "token_policies": ["beta"]}
    assert verdicts(profile, facts=hidden)["acme"] is Verdict.UNKNOWN


def test_hiding_a_fact_never_improves_a_verdict() -> None:
    roles = {name: own(name) for name in lab.TENANTS} | {"wide": bound(lab.role_arn("agent-a*"), "beta")}
    whole = joint(accounts(), POLICIES, methods=[method(roles)])
    before = {name: finding.verdict for name, finding in found(whole).items()}
    assert before == all_but(acme=Verdict.FAIL)
    assert whole.vault is not None
    namespace = whole.vault.world.namespaces[0]
    for hidden in (
        replace(namespace, auth_mounts=None),
        replace(namespace, auth_mounts=(method(None),)),
        replace(namespace, auth_mounts=(method(dict.fromkeys(roles)),)),
        replace(namespace, policies=None),
        replace(namespace, policies=tuple(replace(one, text=None) for one in namespace.policies or ())),
        replace(namespace, mounts=None),
        replace(namespace, groups=None),
        replace(namespace, entities=None),
    ):
        world = replace(whole.vault.world, namespaces=(hidden,))
        findings = judged(CHECK, replace(whole, vault=replace(whole.vault, world=world)))
        for finding in findings:
            assert finding.verdict in {before.get(finding.tenant or "", Verdict.UNKNOWN), Verdict.UNKNOWN}, hidden


def test_what_is_not_there_is_not_applicable() -> None:
    with pytest.raises(Skip, match="no auth method of type aws"):
        judged(CHECK, joint(accounts(), POLICIES))
    nobody = joint(lab.snapshot([lab.account()], [lab.tenant("acme")]), POLICIES, methods=[method({})])
    with pytest.raises(Skip, match="no agent of the target has an AWS principal"):
        judged(CHECK, nobody)


def test_many_tenants_are_judged_without_pairs() -> None:
    names = [f"t{number}" for number in range(300)]
    facts = lab.role_each(dict.fromkeys(names, lab.document(lab.statement("logs:*"))))
    roles = {name: bound(lab.role_arn("agent-*"), name) for name in names}
    policies = {name: clause(f"secret/data/{name}/*") for name in names}
    findings = judged(CHECK, joint(facts, policies, methods=[method(roles)]))
    assert len(findings) == len(names)
    assert all(finding.verdict is Verdict.FAIL and finding.reaches.count == 299 for finding in findings)
