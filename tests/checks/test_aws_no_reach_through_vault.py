"""No agent gets to what another tenant owns in AWS through Vault's AWS engine."""

from dataclasses import replace
from typing import Any

import pytest

from cred_audit.check import Skip
from cred_audit.decide import Effect
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.model import Request
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict
from tests import aws_lab as lab
from tests.checks.judged import judged
from tests.joint_lab import assumed, clause, engine, joint, tenant_roles

CHECK = "aws_no_reach_through_vault"
OWN = {name: clause(f"aws/creds/{name}") for name in lab.TENANTS}
ROLES = {name: assumed(name) for name in lab.TENANTS}


def found(snapshot: Snapshot) -> dict[str, Finding]:
    """The findings, by tenant (or subject), of which each tenant here has one."""
    findings = judged(CHECK, snapshot)
    by_tenant = {finding.tenant or finding.subject: finding for finding in findings}
    assert len(by_tenant) == len(findings)
    assert all(finding.evidence and finding.summary.endswith(".") for finding in findings)
    return by_tenant


def verdicts(snapshot: Snapshot) -> dict[str, Verdict]:
    return {name: finding.verdict for name, finding in found(snapshot).items()}


def all_of(verdict: Verdict) -> dict[str, Verdict]:
    return dict.fromkeys(lab.TENANTS, verdict)


def test_a_role_each_isolates_everybody() -> None:
    findings = found(joint(tenant_roles(), OWN, mounts=[engine(ROLES)]))
    assert {name: finding.verdict for name, finding in findings.items()} == all_of(Verdict.PASS)
    assert "path" in findings["acme"].evidence[0].quote
    assert any("vault-acme" in evidence.shows for evidence in findings["acme"].evidence)


def test_a_clause_for_every_role_reaches_everybody_else() -> None:
    policies = OWN | {"acme": clause("aws/creds/*")}
    findings = found(joint(tenant_roles(), policies, mounts=[engine(ROLES)]))
    assert {name: one.verdict for name, one in findings.items()} == all_of(Verdict.PASS) | {"acme": Verdict.FAIL}
    finding = findings["acme"]
    assert set(finding.reaches.tenants) == {"beta", "gamma"}
    assert finding.agents == ("acme-agent",)
    assert finding.assuming == (f"Vault's own credentials may assume {lab.role_arn('vault-beta')}",)
    assert finding.summary.startswith("acme/acme-agent gets a session of arn:aws:iam::111122223333:role/vault-beta")
    assert finding.summary.endswith("can read what beta, gamma hold in AWS.")


def test_the_witness_is_the_request_to_vault_and_the_one_to_aws() -> None:
    facts = joint(tenant_roles(), OWN | {"acme": clause("aws/sts/beta", "update")}, mounts=[engine(ROLES)])
    witness = found(facts)["acme"].witness
    assert witness is not None
    (before,) = witness.before
    assert (before.system, before.fields["operation"], before.fields["path"]) == ("vault", "update", "aws/sts/beta")
    assert witness.system == "aws"
    assert witness.fields["principal"] == lab.role_arn("vault-beta")
    assert facts.aws is not None
    from cred_audit.claims.aws.isolation import aws_isolation  # noqa: PLC0415  (asked about the witness only)

    principal = aws_isolation(facts).principals.principal(lab.role_arn("vault-beta"))
    assert isinstance(principal, tuple)
    request = Request(
        action=str(witness.fields["action"]), resource=str(witness.fields["resource"]),
        resource_tags=witness.fields["resource_tags"],
    )  # fmt: skip
    assert Evaluator(*principal).decide(request).effect is Effect.ALLOW


def test_a_shared_role_of_the_engine_that_reads_everything_fails_for_each() -> None:
    facts = tenant_roles(lab.document(lab.statement()))
    shared = joint(facts, dict.fromkeys(lab.TENANTS, clause("aws/creds/acme")), mounts=[engine(ROLES)])
    assert verdicts(shared) == all_of(Verdict.FAIL)
    assert set(found(shared)["beta"].reaches.tenants) == {"acme", "gamma"}


def test_a_session_policy_limits_what_the_role_gives() -> None:
    facts = tenant_roles(lab.document(lab.statement()))
    own = lab.document(lab.statement(resource=lab.secret("acme").arn))
    mounts = [engine({"acme": assumed("acme", policy_document=own)})]
    policies = {"acme": clause("aws/creds/acme")}
    assert verdicts(joint(facts, policies, mounts=mounts)) == {"acme": Verdict.PASS}
    wide = [engine({"acme": assumed("acme", policy_document=lab.document(lab.statement()))})]
    assert verdicts(joint(facts, policies, mounts=wide)) == {"acme": Verdict.FAIL}
    unseen = [engine({"acme": assumed("acme", policy_arns=["arn:aws:iam::111122223333:policy/none"])})]
    assert verdicts(joint(facts, policies, mounts=unseen)) == {"acme": Verdict.UNKNOWN}


def test_what_several_session_policies_allow_counts_together() -> None:
    facts = tenant_roles(lab.document(lab.statement()), policies={
        "arn:aws:iam::111122223333:policy/beta": lab.document(lab.statement(resource=lab.secret("beta").arn)),
    })  # fmt: skip
    own = lab.document(lab.statement(resource=lab.secret("acme").arn))
    role = assumed("acme", policy_document=own, policy_arns=["arn:aws:iam::111122223333:policy/beta"])
    finding = found(joint(facts, {"acme": clause("aws/creds/acme")}, mounts=[engine({"acme": role})]))["acme"]
    assert (finding.verdict, finding.reaches.tenants) == (Verdict.FAIL, ("beta",))


def test_tags_that_vault_gives_the_session_decide() -> None:
    roles = {"acme": assumed("acme", session_tags={"TenantId": "beta"})}
    finding = found(joint(tenant_roles(), {"acme": clause("aws/creds/acme")}, mounts=[engine(roles)]))["acme"]
    assert (finding.verdict, finding.reaches.tenants) == (Verdict.FAIL, ("beta",))
    assert finding.witness is not None
    assert finding.witness.fields["session_tags"] == {"TenantId": "beta"}


def test_a_role_that_no_principal_may_assume_gives_nothing() -> None:
    roles = [lab.role("vault-beta", lab.document(lab.statement()))]
    facts = lab.shared_role(lab.document(lab.statement("logs:*")), roles=roles)
    policies = {"acme": clause("aws/creds/*")}
    assert verdicts(joint(facts, policies, mounts=[engine({"beta": assumed("beta")})])) == {"acme": Verdict.PASS}


def test_a_user_that_vault_makes_has_the_policies_of_its_role() -> None:
    user: dict[str, Any] = {"credential_types": ["iam_user"], "policy_document": lab.document(lab.statement())}
    policies = {"acme": clause("aws/creds/acme")}
    finding = found(joint(tenant_roles(), policies, mounts=[engine({"acme": user})]))["acme"]
    assert finding.verdict is Verdict.FAIL
    assert set(finding.reaches.tenants) == {"beta", "gamma"}
    assert finding.assuming == ("Vault's own credentials are of the account 111122223333",)
    tagged = user | {
        "policy_document": lab.document(lab.statement(Condition=lab.EQUAL)),
        "iam_tags": {"TenantId": "acme"},
    }
    assert verdicts(joint(tenant_roles(), policies, mounts=[engine({"acme": tagged})])) == {"acme": Verdict.PASS}
    bounded = user | {"permissions_boundary_arn": f"arn:aws:iam::{lab.ACCOUNT}:policy/b"}
    aws = tenant_roles(policies={f"arn:aws:iam::{lab.ACCOUNT}:policy/b": lab.document(lab.statement("logs:*"))})
    assert verdicts(joint(aws, policies, mounts=[engine({"acme": bounded})])) == {"acme": Verdict.PASS}
    grouped = user | {"iam_groups": ["none"]}
    assert verdicts(joint(tenant_roles(), policies, mounts=[engine({"acme": grouped})]))["acme"] is not Verdict.PASS


def test_a_federated_user_has_at_most_what_its_policy_allows() -> None:
    policies = {"acme": clause("aws/sts/acme")}
    federated = {"credential_types": ["federation_token"], "policy_document": lab.document(lab.statement())}
    assert verdicts(joint(tenant_roles(), policies, mounts=[engine({"acme": federated})])) == {"acme": Verdict.UNKNOWN}
    own = federated | {"policy_document": lab.document(lab.statement(resource=lab.secret("acme").arn))}
    assert verdicts(joint(tenant_roles(), policies, mounts=[engine({"acme": own})])) == {"acme": Verdict.PASS}


def test_a_static_role_gives_the_keys_of_a_user() -> None:
    user = lab.User(
        arn=f"arn:aws:iam::{lab.ACCOUNT}:user/robots/ci",
        inline=(lab.PolicyText(name="p", text=lab.document(lab.statement(resource=lab.secret("beta").arn))),),
    )
    mounts = [engine({}, {"ci": {"username": "ci"}})]
    facts = joint(tenant_roles(users=[user]), {"acme": clause("aws/static-creds/ci")}, mounts=mounts)
    finding = found(facts)["acme"]
    assert (finding.verdict, finding.reaches.tenants) == (Verdict.FAIL, ("beta",))
    nobody = joint(tenant_roles(), {"acme": clause("aws/static-creds/ci")}, mounts=mounts)
    assert verdicts(nobody) == {"acme": Verdict.UNKNOWN}
    hidden = joint(tenant_roles(users=None), {"acme": clause("aws/static-creds/ci")}, mounts=mounts)
    assert verdicts(hidden) == {"acme": Verdict.UNKNOWN}


@pytest.mark.parametrize("role", [
    None,
    {},
    {"policy_document": ""},
    {"credential_types": ["session_token"]},
    {"credential_types": ["assumed_role"]},
    {"credential_types": ["assumed_role"], "role_arns": ["arn:aws:iam::111122223333:role/none"]},
    {"credential_types": ["assumed_role"], "role_arns": ["arn:aws:iam::999999999999:role/x"]},
    {"credential_types": ["iam_user"], "policy_arns": ["arn:aws:iam::999999999999:policy/x"]},
])  # fmt: skip
def test_a_role_of_which_not_all_is_known_is_unknown(role: dict[str, Any] | None) -> None:
    facts = joint(tenant_roles(), OWN, mounts=[engine({"acme": role})])
    assert verdicts(facts) == all_of(Verdict.PASS) | {"acme": Verdict.UNKNOWN}


def test_a_deny_of_vault_keeps_the_role_away() -> None:
    policies = {"acme": clause("aws/creds/*") + clause("aws/creds/beta", "deny") + clause("aws/creds/gamma", "deny")}
    assert verdicts(joint(tenant_roles(), policies, mounts=[engine(ROLES)])) == {"acme": Verdict.PASS}


def test_hiding_a_fact_never_improves_a_verdict() -> None:
    policies = OWN | {"acme": clause("aws/creds/*")}
    whole = joint(tenant_roles(), policies, mounts=[engine(ROLES)])
    before = verdicts(whole)
    assert whole.vault is not None
    namespace = whole.vault.world.namespaces[0]
    hidden = [
        replace(namespace, mounts=None),
        replace(namespace, policies=None),
        replace(namespace, policies=tuple(replace(one, text=None) for one in namespace.policies or ())),
        replace(namespace, mounts=(namespace.mounts[0], engine(None))),  # type: ignore[index]
        replace(namespace, mounts=(namespace.mounts[0], engine(dict.fromkeys(ROLES)))),  # type: ignore[index]
    ]
    snapshots = [
        replace(whole, vault=replace(whole.vault, world=replace(whole.vault.world, namespaces=(one,))))
        for one in hidden
    ]
    snapshots += [
        joint(tenant_roles(**{part: None}), policies, mounts=[engine(ROLES)])  # type: ignore[arg-type]
        for part in ("secrets", "keys", "parameters")
    ]
    assert whole.aws is not None
    account = whole.aws.world.accounts[0]
    roles = account.roles or ()
    for changed in (
        None,
        tuple(replace(role, trust=None) for role in roles),
        tuple(replace(role, tags=None) for role in roles),
        tuple(replace(role, inline=None) for role in roles),
        tuple(replace(role, boundary=None) for role in roles),
    ):
        world = replace(whole.aws.world, accounts=(replace(account, roles=changed),))
        snapshots.append(replace(whole, aws=replace(whole.aws, world=world)))
    snapshots.append(replace(whole, aws=replace(whole.aws, world=replace(whole.aws.world, organization=None))))
    for snapshot in snapshots:
        seen: dict[str | None, list[Verdict]] = {}
        for finding in judged(CHECK, snapshot):
            seen.setdefault(finding.tenant, []).append(finding.verdict)
        for tenant, verdict in before.items():
            for one in seen.get(tenant, []):
                assert one in {verdict, Verdict.UNKNOWN}, (tenant, one, snapshot)
        assert any(Verdict.UNKNOWN in each for each in seen.values())


def test_what_is_not_there_is_not_applicable() -> None:
    with pytest.raises(Skip, match="no secrets engine of type aws"):
        judged(CHECK, joint(tenant_roles(), OWN))
    with pytest.raises(Skip, match="no agent of the target has a Vault principal"):
        judged(CHECK, joint(tenant_roles(), {}, mounts=[engine(ROLES)]))


def test_many_tenants_are_judged_without_pairs() -> None:
    names = [f"t{number}" for number in range(300)]
    roles = {name: assumed(name) for name in names}
    policies = {name: clause("aws/creds/*") for name in names}
    findings = judged(CHECK, joint(tenant_roles(names=names), policies, mounts=[engine(roles)]))
    assert len(findings) == len(names)
    assert all(finding.verdict is Verdict.FAIL and finding.reaches.count == 299 for finding in findings)
    assert all(finding.reaches.all_except == (finding.tenant,) for finding in findings)
