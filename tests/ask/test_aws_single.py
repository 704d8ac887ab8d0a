"""One AWS question about a declared agent: its answer, what it rests on, and words that mean nothing."""

from dataclasses import replace
from typing import Any

import pytest

from cred_audit.ask.aws import Given, ask_one
from cred_audit.ask.aws.explain import explained
from cred_audit.decide import Effect
from cred_audit.errors import UsageError
from cred_audit.facts import Snapshot
from tests import aws_lab as lab

EQUAL = lab.document(lab.statement(Sid="Own", Condition=lab.EQUAL))
ACME, BETA = lab.secret("acme").arn, lab.secret("beta").arn
DECRYPT = lab.statement("kms:Decrypt", "*")


def with_key(*statements: dict[str, Any]) -> Snapshot:
    key = lab.key("k1")
    secrets = [lab.secret(name, key=key.arn) for name in lab.TENANTS]
    return lab.shared_role(lab.document(lab.statement(Condition=lab.EQUAL), *statements), secrets=secrets, keys=[key])


def effect(facts: Snapshot, action: str = lab.READ, resource: str = ACME, given: Given | None = None) -> Effect:
    return ask_one(facts, "acme-agent", action, resource, given).effect


def test_the_answer_rests_on_the_tags_of_the_facts() -> None:
    facts = lab.shared_role(EQUAL)
    assert effect(facts) is Effect.ALLOW
    assert effect(facts, resource=BETA) is Effect.DENY
    answer = ask_one(facts, "acme/acme-agent", "SecretsManager:getsecretvalue", ACME)
    assert (answer.parts[0].request.action, answer.parts[0].request.resource_tags) == (lab.READ, {"TenantId": "acme"})
    text = explained(answer)
    assert text.startswith(f"acme/acme-agent ({lab.role_arn('agent')}) asks {lab.READ} on {ACME}\nALLOW: AWS lets this")
    assert "Because inline policy p1: statement 1 (Own) allows:" in text
    assert '"aws:ResourceTag/TenantId"' in text
    refused = explained(ask_one(facts, "acme-agent", lab.READ, BETA))
    assert "StringEquals aws:ResourceTag/TenantId does not hold" in refused


def test_tags_of_the_question_stand_in_place_of_those_of_the_facts() -> None:
    facts = lab.shared_role(EQUAL)
    answer = ask_one(facts, "acme-agent", lab.READ, BETA, Given(resource_tags={"TenantId": "acme"}))
    assert answer.effect is Effect.ALLOW
    assert "those given" in answer.notes[0]


def test_a_secret_that_is_not_there_is_unknown_until_its_tags_are_given() -> None:
    facts = lab.shared_role(EQUAL)
    new = ACME.replace("acme/db", "acme/new")
    answer = ask_one(facts, "acme-agent", lab.READ, new)
    assert answer.effect is Effect.UNKNOWN
    assert "not in the facts" in explained(answer)
    assert effect(facts, resource=new, given=Given(resource_tags={"TenantId": "acme"})) is Effect.ALLOW
    assert effect(facts, resource=new, given=Given(resource_tags={})) is Effect.DENY
    unread = lab.shared_role(EQUAL, secrets=None)
    assert effect(unread, resource=new, given=Given(resource_tags={"TenantId": "acme"})) is Effect.UNKNOWN


def test_a_secret_is_known_without_the_characters_at_its_end() -> None:
    answer = ask_one(lab.shared_role(EQUAL), "acme-agent", lab.READ, ACME[:-7])
    assert (answer.effect, answer.parts[0].request.resource) == (Effect.ALLOW, ACME)
    assert answer.notes == (f"{ACME[:-7]} is taken as {ACME}.",)


def test_reading_with_a_customer_key_is_two_requests() -> None:
    answer = ask_one(with_key(DECRYPT), "acme-agent", lab.READ, ACME)
    assert answer.effect is Effect.ALLOW
    assert [part.request.action for part in answer.parts] == [lab.READ, "kms:Decrypt"]
    refused = ask_one(with_key(), "acme-agent", lab.READ, ACME)
    assert [part.decision.effect for part in refused.parts] == [Effect.ALLOW, Effect.DENY]
    assert "It takes kms:Decrypt on " in explained(refused)
    assert refused.effect is Effect.DENY
    unseen = lab.shared_role(EQUAL, secrets=[lab.secret("acme", key_seen=False)])
    assert effect(unseen) is Effect.UNKNOWN
    assert effect(unseen, "secretsmanager:DescribeSecret") is Effect.DENY


def test_the_context_of_the_question_counts() -> None:
    network = {"StringEquals": {"aws:SourceVpc": "vpc-1"}}
    facts = lab.shared_role(lab.document(lab.statement(Condition=network)))
    answer = ask_one(facts, "acme-agent", lab.READ, ACME)
    assert (answer.effect, answer.parts[0].decision.assuming) == (Effect.ALLOW, ("aws:SourceVpc is vpc-1",))
    assert "Assuming that aws:SourceVpc is vpc-1." in explained(answer)
    assert effect(facts, given=Given(context={"aws:SourceVpc": "vpc-2"})) is Effect.DENY
    assert effect(facts, given=Given(context={"AWS:sourcevpc": "vpc-1"})) is Effect.ALLOW


def test_tags_that_the_request_sends_count() -> None:
    own = {"StringEquals": {"aws:RequestTag/TenantId": "${aws:PrincipalTag/TenantId}"}}
    facts = lab.shared_role(lab.document(lab.statement("secretsmanager:TagResource", Condition=own)))
    tag = "secretsmanager:TagResource"
    assert effect(facts, tag) is Effect.DENY
    assert effect(facts, tag, given=Given(request_tags={"tenantid": "acme"})) is Effect.ALLOW
    assert effect(facts, tag, given=Given(request_tags={"TenantId": "beta"})) is Effect.DENY


def test_a_role_is_decided_with_its_trust_policy() -> None:
    agent = lab.role_arn("agent")
    trusting = lab.role("deploy", trust=lab.trust({"AWS": agent}))
    closed = lab.role("closed", trust=lab.trust({"Service": "ec2.amazonaws.com"}))
    facts = lab.shared_role(EQUAL, roles=[trusting, closed, lab.role("hidden", trust=None)])
    assert effect(facts, "sts:AssumeRole", trusting.arn) is Effect.ALLOW
    assert effect(facts, "sts:AssumeRole", closed.arn) is Effect.DENY
    assert effect(facts, "sts:AssumeRole", lab.role_arn("hidden")) is Effect.UNKNOWN
    assert effect(facts, "sts:AssumeRole", lab.role_arn("none")) is Effect.UNKNOWN


def test_an_action_without_a_resource_is_asked_with_a_star() -> None:
    facts = lab.shared_role(lab.document(lab.statement("secretsmanager:ListSecrets")))
    assert effect(facts, "secretsmanager:ListSecrets", "*") is Effect.ALLOW
    assert effect(lab.shared_role(EQUAL), "secretsmanager:ListSecrets", "*") is Effect.DENY


def test_a_resource_whose_policy_nobody_read_is_unknown() -> None:
    facts = lab.shared_role(lab.document(lab.statement("s3:GetObject")))
    assert effect(facts, "s3:GetObject", "arn:aws:s3:::bucket/key") is Effect.UNKNOWN


def test_hiding_what_binds_the_agent_makes_it_unknown() -> None:
    facts = lab.shared_role(EQUAL)
    assert facts.aws is not None
    world = replace(facts.aws.world, organization=None)
    assert effect(replace(facts, aws=replace(facts.aws, world=world))) is Effect.UNKNOWN
    accounts = tuple(replace(account, roles=None) for account in facts.aws.world.accounts)
    hidden = replace(facts, aws=replace(facts.aws, world=replace(facts.aws.world, accounts=accounts)))
    answer = ask_one(hidden, "acme-agent", lab.READ, ACME)
    assert answer.effect is Effect.UNKNOWN
    assert "who the agent is in AWS is not known" in explained(answer)


@pytest.mark.parametrize(("agent", "action", "resource", "expected"), [
    ("acme-agnt", lab.READ, ACME, "did you mean acme/acme-agent"),
    ("nobody at all", lab.READ, ACME, "try one of: acme/acme-agent"),
    ("acme-agent", "secretsmanager:GetSecretValu", ACME, "did you mean secretsmanager:GetSecretValue"),
    ("acme-agent", "secretmanager:GetSecretValue", ACME, "did you mean secretsmanager"),
    ("acme-agent", "GetSecretValue", ACME, "write service:Action"),
    ("acme-agent", lab.READ, "acme/db", "is no ARN"),
    ("acme-agent", lab.READ, "arn:aws:secretsmanager:us-east-1:111122223333:", "is no ARN"),
    ("acme-agent", lab.READ, ACME + "*", "is a pattern"),
    ("acme-agent", lab.READ, "*", "about one Secret: give its ARN"),
    ("acme-agent", "secretsmanager:ListSecrets", ACME, "takes no resource"),
])  # fmt: skip
def test_a_question_that_cannot_be_asked_says_what_to_write(
    agent: str, action: str, resource: str, expected: str
) -> None:
    with pytest.raises(UsageError) as refused:
        ask_one(lab.shared_role(EQUAL), agent, action, resource)
    assert expected in str(refused.value)


def test_a_snapshot_without_aws_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing of AWS"):
        ask_one(replace(lab.shared_role(EQUAL), aws=None), "acme-agent", lab.READ, ACME)


def test_hostile_words_are_shown_without_their_control_characters() -> None:
    policy = lab.document(lab.statement(Sid="\x1b[31m", Condition=lab.EQUAL))
    text = explained(ask_one(lab.shared_role(policy), "acme-agent", lab.READ, ACME))
    assert "\x1b" not in text
