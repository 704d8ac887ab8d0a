"""Accounts of which nothing was seen: no claim about them passes and none is left out."""

import pytest

from cred_audit.decide.aws.world import Account, Region
from cred_audit.finding import Verdict
from cred_audit.target.model import AwsTerritory
from tests import aws_lab as lab
from tests.checks.hidden import passed, verdict

CHECKS = (
    "aws_accounts_are_separate", "aws_agents_use_short_sessions", "aws_guardrails_are_attached",
    "aws_key_use_is_bound", "aws_keys_are_per_tenant", "aws_logs_are_out_of_agents_reach",
    "aws_resource_policies_name_one_tenant", "aws_role_chains_serve_one_tenant",
    "aws_rotation_functions_are_per_tenant", "aws_secret_reads_are_logged", "aws_secrets_are_rotated",
    "aws_secrets_have_customer_keys", "aws_service_trust_is_bound", "aws_trust_needs_external_id",
    "aws_web_identity_trust_is_bound",
)  # fmt: skip


@pytest.mark.parametrize("check", CHECKS)
def test_it_is_unknown(check: str) -> None:
    account = Account(id=lab.ACCOUNT, regions=(Region(name=lab.REGION),))
    tenant = lab.tenant("acme", lab.agent("a", "agent"), territory=[AwsTerritory(account=lab.ACCOUNT)])
    snapshot = lab.snapshot([account], [tenant, lab.tenant("beta", lab.agent("b", "agent"))], organization=None)
    expected = Verdict.FAIL if check == "aws_accounts_are_separate" else Verdict.UNKNOWN
    # That beta's agent acts in acme's account is what the target itself says.
    assert verdict(check, snapshot) is expected
    assert not passed(check, snapshot) - {"agent:acme/a"}
    assert not passed(check, snapshot) or expected is Verdict.FAIL
