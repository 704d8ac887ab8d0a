"""No agent in AWS waits for a name or a tag that another tenant's secret may get."""

from dataclasses import replace

from cred_audit.finding import Verdict
from cred_audit.target.model import AwsTerritory
from tests import aws_lab as lab
from tests.checks.judged import judged

CHECK = "aws_no_latent_reach"
SECRETS = f"arn:aws:secretsmanager:*:{lab.ACCOUNT}:secret:"
LENIENT = {"StringEqualsIfExists": lab.EQUAL["StringEquals"]}


def test_equal_tags_wait_for_nothing() -> None:
    findings = judged(CHECK, lab.shared_role(lab.document(lab.statement(Condition=lab.EQUAL))))
    assert [finding.verdict for finding in findings] == [Verdict.PASS] * 3
    assert all(any("does not hold" in one.shows for one in finding.evidence) for finding in findings)


def test_a_condition_that_an_absent_tag_passes_waits_for_a_secret_without_tags() -> None:
    findings = judged(CHECK, lab.shared_role(lab.document(lab.statement(Condition=LENIENT))))
    assert [(one.tenant, one.verdict) for one in findings] == [(name, Verdict.FAIL) for name in lab.TENANTS]
    assert (
        findings[0].summary == "acme/acme-agent could read a secret named 'x', without tags if another tenant had one."
    )
    assert findings[0].witness is not None
    assert findings[0].witness.fields["resource_tags"] == {}
    assert findings[0].reproduce == (
        f"aws secretsmanager get-secret-value --secret-id arn:aws:secretsmanager:{lab.REGION}:{lab.ACCOUNT}:secret:"
        f"x-xxxxxx --region {lab.REGION}"
    )
    assert "StringEqualsIfExists lets through what has no such tag" in (findings[0].fix or "")


def test_what_reaches_a_secret_already_is_left_to_the_other_checks() -> None:
    text = lab.document(lab.statement(Condition=LENIENT))
    untagged = lab.secret("beta", tags={}, name="forgotten")
    arns = [lab.tenant(name, lab.agent(f"{name}-agent", "agent", session_tags={"TenantId": name}),
                       territory=[_names(name)]) for name in lab.TENANTS]  # fmt: skip
    account = lab.account(roles=[lab.role("agent", text)], secrets=[*map(lab.secret, lab.TENANTS), untagged])
    findings = judged(CHECK, lab.snapshot([account], arns))
    assert [(one.tenant, one.verdict) for one in findings] == [
        ("acme", Verdict.PASS),
        ("gamma", Verdict.PASS),
        ("beta", Verdict.FAIL),
    ]
    assert "beyond what the aws_no_cross_tenant_* checks say" in findings[0].summary


def _names(name: str) -> AwsTerritory:
    return AwsTerritory(arns=(f"{SECRETS}{name}/*",))


def test_a_prefix_waits_for_a_longer_name() -> None:
    each = {name: lab.document(lab.statement(resource=f"{SECRETS}{name}*")) for name in lab.TENANTS}
    findings = judged(CHECK, lab.role_each(each))
    assert [one.verdict for one in findings] == [Verdict.FAIL] * 3
    assert "named 'acmex'" in findings[0].summary
    assert (findings[0].fix or "").endswith(f"end the name before the star with a separator: {SECRETS}acme/*")
    closed = {name: lab.document(lab.statement(resource=f"{SECRETS}{name}/*")) for name in lab.TENANTS}
    assert {one.verdict for one in judged(CHECK, lab.role_each(closed))} == {Verdict.PASS}


def test_what_was_not_seen_is_not_passed() -> None:
    open_ = lab.document(lab.statement(Condition=LENIENT))
    findings = judged(CHECK, lab.shared_role(open_, secrets=None))
    assert {one.verdict for one in findings} == {Verdict.UNKNOWN}
    facts = lab.shared_role(lab.document(lab.statement(Condition=LENIENT)))
    facts = lab.snapshot(facts.aws.world.accounts, facts.target.tenants, organization=None)  # type: ignore[union-attr]
    assert {one.verdict for one in judged(CHECK, facts)} == {Verdict.UNKNOWN}
    unread = lab.snapshot([lab.account(roles=None)], lab.shared_role(open_).target.tenants)
    assert {one.verdict for one in judged(CHECK, unread)} == {Verdict.UNKNOWN}


def test_an_account_of_its_own_has_no_neighbours() -> None:
    text = lab.document(lab.statement("*"))
    account = lab.account(roles=[lab.role("agent", text)], secrets=[lab.secret("acme")])
    tenant = lab.tenant("acme", lab.agent("a", "agent"), territory=[AwsTerritory(account=lab.ACCOUNT)])
    (finding,) = judged(CHECK, lab.snapshot([account], [tenant, lab.tenant("beta")]))
    assert finding.verdict is Verdict.PASS
    assert "the tenant's own" in finding.evidence[0].shows


def test_a_statement_that_may_already_reach_something_is_open_where_a_policy_was_not_seen() -> None:
    # No resource control policy binds parameters, so whether one would be read is known, and secrets are the reason.
    text = lab.document(lab.statement(["secretsmanager:GetSecretValue", "ssm:GetParameter"]))
    whole = lab.shared_role(text)
    assert {one.verdict for one in judged(CHECK, whole)} == {Verdict.PASS}
    assert whole.aws is not None
    dark = replace(whole.aws.world, organization=lab.Organization(rcps={lab.ACCOUNT: None}))
    found = judged(CHECK, replace(whole, aws=replace(whole.aws, world=dark)))
    assert {one.verdict for one in found} == {Verdict.UNKNOWN}
    assert any("already reaches" in evidence.shows for one in found for evidence in one.evidence)


def test_what_is_sure_of_one_agent_stays_so_beside_another_of_whom_it_is_open() -> None:
    # Which key encrypts the secret that the first may read was not seen; the second's prefix holds nothing yet.
    roles = [
        lab.role("open", lab.document(lab.statement(Condition=LENIENT))),
        lab.role("sure", lab.document(lab.statement(resource=f"{SECRETS}acme*"))),
    ]
    agents = [lab.agent(role, role, session_tags={"TenantId": "acme"}) for role in ("open", "sure")]
    account = lab.account(roles=roles, secrets=[lab.secret("beta", tags={}, key_seen=False)])
    for order in (agents, agents[::-1]):
        tenants = [
            lab.tenant("acme", *order, territory=[_names("acme")]),
            lab.tenant("beta", territory=[_names("beta")]),
        ]
        (found,) = (one for one in judged(CHECK, lab.snapshot([account], tenants)) if "p1" in one.subject)
        assert found.verdict is Verdict.FAIL
        assert "named 'acmex'" in found.summary
