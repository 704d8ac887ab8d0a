"""Which statements cover the things of more than one tenant, or of tenants to come."""

from typing import Any

import pytest

from cred_audit.check import Finding, Skip, Snapshot, Verdict
from cred_audit.target.model import AwsTerritory
from tests import aws_lab as lab
from tests.checks.hidden import assert_hiding_improves_nothing
from tests.checks.judged import judged

ID = "aws_no_wildcard_spans_tenants"
NAMES = "arn:aws:secretsmanager:*:*:secret:"
OWN = "${aws:PrincipalTag/TenantId}"
GUARD = lab.statement(effect="Deny", Condition={"StringNotEquals": lab.EQUAL["StringEquals"]})


def failed(snapshot: Snapshot) -> list[Finding]:
    return [finding for finding in judged(ID, snapshot) if finding.verdict is Verdict.FAIL]


def of_acme(*statements: Any, **more: Any) -> Snapshot:
    """Return a role for each of two tenants; the statements are one's, and the other's say its own name."""
    text = lab.document(*statements)
    return lab.role_each({"acme": text, "beta": text.replace("acme", "beta")}, **more)


SPANS = {
    "everything": (lab.statement("*"), ("beta",)),
    "every secret": (lab.statement(resource=NAMES + "*"), ("beta",)),
    "all but some": ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, ("beta",)),
    "all names but some": (
        {"Effect": "Allow", "Action": lab.READ, "NotResource": NAMES + "platform/*"}, ("beta",)),
    "all names but the rival's": ({"Effect": "Allow", "Action": lab.READ, "NotResource": NAMES + "beta/*"}, ()),
    "without a separator": (lab.statement(resource=NAMES + "acme*"), ()),
    "with a separator that names have, too": (lab.statement(resource=NAMES + "acme-*"), ()),
    "any folder": (lab.statement(resource=NAMES + "*/db-??????"), ("beta",)),
    "any beginning": (lab.statement(resource=NAMES + "*acme/*"), ()),
    "a tag with a star": (lab.statement(Condition={"StringLike": {"aws:ResourceTag/TenantId": "acme*"}}), ()),
    "tagging": (lab.statement("secretsmanager:TagResource"), ("beta",)),
    "an address": (lab.statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), ("beta",)),
}  # fmt: skip


@pytest.mark.parametrize(("statement", "reached"), SPANS.values(), ids=SPANS)
def test_a_statement_that_spans(statement: Any, reached: tuple[str, ...]) -> None:
    found = [finding for finding in failed(of_acme(statement)) if finding.tenant == "acme"]
    assert [finding.reaches.tenants for finding in found] == [reached]
    assert found[0].evidence[0].quote.startswith("{")
    assert found[0].fix


NARROW = {
    "a folder": lab.statement(resource=NAMES + "acme/*"),
    "a folder in a folder": lab.statement(resource=NAMES + "prod/acme/*"),
    "one secret": lab.statement(resource=NAMES + "acme/db-??????"),
    "its tag": lab.statement(Condition={"StringEquals": {"aws:ResourceTag/TenantId": "acme"}}),
    "one other tenant's": lab.statement(resource=NAMES + "gamma/*"),
    "nobody's": lab.statement(resource=NAMES + "platform/*"),
    "its tag, as a pattern without a star": lab.statement(
        Condition={"StringLike": {"aws:ResourceTag/TenantId": "acme"}}),
}  # fmt: skip


@pytest.mark.parametrize("statement", NARROW.values(), ids=NARROW)
def test_a_statement_of_one_tenants_things(statement: Any) -> None:
    found = judged(ID, of_acme(statement))
    assert [(finding.verdict, finding.subject) for finding in found] == [
        (Verdict.PASS, "agent:acme/acme-agent"), (Verdict.PASS, "agent:beta/beta-agent"),
    ]  # fmt: skip


def test_a_deny_beside_it_changes_nothing_but_what_is_reached() -> None:
    (found, *_) = failed(lab.shared_role(lab.document(lab.statement(), GUARD)))
    assert "is not reached" in found.note
    assert found.witness is None
    assert (found.reaches.tenants, found.reaches.count) == ((), 0)
    assert "beta" in found.summary
    assert "beta" in found.evidence[0].shows
    (found, *_) = failed(lab.shared_role(lab.document(lab.statement())))
    assert "is reached" in found.note
    assert "not" not in found.note
    assert found.witness is not None
    assert found.reaches.tenants == ("beta", "gamma")


def test_only_those_are_reached_whom_no_deny_keeps_away() -> None:
    deny = lab.statement(effect="Deny", resource=NAMES + "beta/*")
    found = {one.tenant: one for one in failed(lab.shared_role(lab.document(lab.statement(), deny)))}
    assert found["acme"].reaches.tenants == ("gamma",)
    assert "what gamma holds there is reached, of all that it covers" in found["acme"].note
    assert "beta" in found["acme"].summary


def test_what_is_not_known_to_be_reached_is_not_called_stopped() -> None:
    for unseen in ({"organization": None}, {"secrets": None}):
        organization = unseen.pop("organization", lab.NO_ORGANIZATION)
        role = lab.role("agent", lab.document(lab.statement()))
        parts: dict[str, Any] = {"secrets": [lab.secret("acme"), lab.secret("beta")]} | unseen
        tenants = [lab.tenant(name, lab.agent(name, "agent", session_tags={"TenantId": name}))
                   for name in ("acme", "beta")]  # fmt: skip
        found = judged(ID, lab.snapshot([lab.account(roles=[role], **parts)], tenants, organization=organization))
        assert found
        assert all(one.verdict is Verdict.FAIL for one in found)
        assert all(one.reaches.count == 0 and one.witness is None for one in found)
        assert all("is not known" in one.note and "stops" not in one.note for one in found)


def test_one_agent_that_reaches_is_enough_of_several_with_one_statement() -> None:
    deny = lab.statement(effect="Deny", Condition={"StringEquals": {"aws:PrincipalTag/Kind": "safe"}})
    role = lab.role("agent", lab.document(lab.statement(), deny))
    agents = [lab.agent(kind, "agent", session_tags={"TenantId": "acme", "Kind": kind}) for kind in ("safe", "free")]
    account = lab.account(roles=[role], secrets=[lab.secret("acme"), lab.secret("beta")])
    for both in (agents, agents[::-1]):
        (found,) = failed(lab.snapshot([account], [lab.tenant("acme", *both), lab.tenant("beta")]))
        assert found.reaches.tenants == ("beta",)
        assert set(found.agents) == {"safe", "free"}


def test_without_a_statement_that_allows_the_claim_is_not_called_for() -> None:
    with pytest.raises(Skip, match="no policy of an agent allows"):
        judged(ID, lab.shared_role(lab.document(GUARD, lab.statement("s3:GetObject"))))


def test_a_list_of_two_of_three_tenants() -> None:
    condition = {"StringEquals": {"aws:ResourceTag/TenantId": ["acme", "beta"]}}
    found = failed(lab.shared_role(lab.document(lab.statement(Condition=condition))))
    assert [(one.tenant, one.reaches.tenants) for one in found] == [
        ("acme", ("beta",)), ("beta", ("acme",)), ("gamma", ("acme", "beta")),
    ]  # fmt: skip


@pytest.mark.parametrize(("resource", "fails"), [
    (NAMES + OWN + "/*", False), (NAMES + OWN + "*", True), (NAMES + "prod/" + OWN + "*", True),
    (NAMES + "prod/" + OWN + "/*", False), (NAMES + OWN + "-??????", False),
])  # fmt: skip
def test_a_variable_in_the_name(resource: str, *, fails: bool) -> None:
    assert bool(failed(lab.shared_role(lab.document(lab.statement(resource=resource))))) is fails


def test_a_name_that_begins_like_another_tenants() -> None:
    text = lab.document(lab.statement(resource=NAMES + "acme*"))
    found = failed(
        lab.role_each({"acme": text, "acme-corp": lab.document(lab.statement(resource=NAMES + "acme-corp/*"))})
    )
    assert [(one.tenant, one.reaches.tenants) for one in found] == [("acme", ("acme-corp",))]
    assert "names of tenants to come" in found[0].summary


def test_a_broad_managed_policy_is_text_like_any_other() -> None:
    arn = "arn:aws:iam::aws:policy/SecretsManagerReadWrite"
    role = lab.role("agent", attached=(arn,))
    tenants = [lab.tenant(name, lab.agent(name, "agent", session_tags={"TenantId": name})) for name in ("acme", "beta")]
    secrets = [lab.secret("acme"), lab.secret("beta")]
    policies = {arn: lab.document(lab.statement("secretsmanager:*"))}
    found = failed(lab.snapshot([lab.account(roles=[role], policies=policies, secrets=secrets)], tenants))
    assert [arn in finding.subject for finding in found] == [True, True]


def test_keys_and_parameters_are_covered_too() -> None:
    keys = [lab.key(name, tags={"TenantId": name}) for name in ("acme", "beta")]
    parameters = [lab.parameter(name) for name in ("acme", "beta")]
    for statement in (lab.statement("kms:Decrypt"), lab.statement("ssm:Get*", "arn:aws:ssm:*:*:parameter/*")):
        assert len(failed(of_acme(statement, keys=keys, parameters=parameters))) == 2
    assert not failed(of_acme(lab.statement("ssm:Get*", "arn:aws:ssm:*:*:parameter/acme/*"), parameters=parameters))


@pytest.mark.parametrize("statement", [
    SPANS["every secret"][0], SPANS["without a separator"][0], NARROW["a folder"], NARROW["its tag"],
])  # fmt: skip
def test_hiding_a_fact_never_improves_a_verdict(statement: Any) -> None:
    assert_hiding_improves_nothing(ID, of_acme(statement))


def test_many_tenants_are_compared_without_pairs() -> None:
    names = [f"tenant-{number:04}" for number in range(300)]
    found = failed(lab.shared_role(lab.document(lab.statement(), lab.statement(Condition=lab.EQUAL)), names=names))
    assert len(found) == 300
    assert {finding.reaches.count for finding in found} == {299}


@pytest.mark.parametrize(("territory", "verdict"), [
    (AwsTerritory(account=lab.ACCOUNT), Verdict.PASS),
    (AwsTerritory(arns=("arn:aws:*:*:*:*",)), Verdict.PASS),
    (AwsTerritory(arns=(f"{NAMES}acme/*",)), Verdict.FAIL),
    (AwsTerritory(tags={"TenantId": "acme"}), Verdict.FAIL),
])  # fmt: skip
def test_where_everything_is_the_tenants_own_no_other_tenant_comes(territory: AwsTerritory, verdict: Verdict) -> None:
    account = lab.account(roles=[lab.role("agent", lab.document(lab.statement("*")))], secrets=[lab.secret("acme")])
    tenants = [lab.tenant("acme", lab.agent("a", "agent"), territory=[territory]), lab.tenant("beta")]
    assert [finding.verdict for finding in judged(ID, lab.snapshot([account], tenants))] == [verdict]
