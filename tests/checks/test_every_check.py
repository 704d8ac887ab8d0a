"""What every check of the catalogue obeys."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cred_audit.audit import judge
from cred_audit.catalog import load_checks
from cred_audit.check import Check, Verdict
from cred_audit.decide.aws.world import Account, AwsWorld, Region
from cred_audit.decide.vault.model import Namespace, Server, World
from cred_audit.facts import AwsFacts, Snapshot, VaultFacts
from cred_audit.finding import Finding
from cred_audit.report import Result
from tests.checks.hiding import Place, apart, blind, places
from tests.checks.worlds import FIRST, NOW, SECOND, snapshots
from tests.checks.worlds_aws import aws_snapshots
from tests.checks.worlds_joint import joint_snapshots

CHECKS = load_checks()
BOTH = tuple(check for check in CHECKS if {"vault", "aws"} <= set(check.needs))
VAULT = tuple(check for check in CHECKS if "vault" in check.needs and check not in BOTH)
AWS = tuple(check for check in CHECKS if "aws" in check.needs and check not in BOTH)
SOME = st.one_of(snapshots(), aws_snapshots(), joint_snapshots())
TEXTS = [file.read_text() for file in Path(__file__).parent.parent.rglob("test_*.py")]
_few = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    # A whole world is not made smaller in less than minutes; what failed is told by check and subject.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
_many = settings(_few, max_examples=40)
_one_by_one = settings(_few, max_examples=4)
OF_THE_TARGET = {"vault_territories_do_not_overlap"}
"""Claims about the target alone: where a mount was not seen, every kind that it may be counts, so a pass holds."""
SLOW = {"aws_no_takeover_path"}
"""Where much is hidden, every chain that may be there is searched, for seconds."""
BY_THE_TARGET = {"aws_accounts_are_separate"}
"""Claims that the target alone may refute: it gives one account to two tenants."""
each = pytest.mark.parametrize("check", CHECKS, ids=[check.id for check in CHECKS])


def results(snapshot: Snapshot, checks: Sequence[Check] = CHECKS) -> Mapping[str, Result]:
    return {result.check.id: result for result in judge(snapshot, checks, now=NOW).results}


BLIND_SERVER = VaultFacts(
    address="",
    world=World(
        server=Server(),
        namespaces=(Namespace(
            policies=None, mounts=None, auth_mounts=None, token_roles=None, entities=None, groups=None, tokens=None,
            lease_prefixes=None, mfa_enforcements=None),),
        namespaces_complete=False,
    ),
    audit_devices=None,
    seal=None,
    coverage={},
)  # fmt: skip


def _blind_accounts(snapshot: Snapshot) -> AwsFacts:
    assert snapshot.aws is not None
    accounts = tuple(
        Account(id=one.id, regions=tuple(Region(name=region.name) for region in one.regions))
        for one in snapshot.aws.world.accounts
    )
    return AwsFacts(world=AwsWorld(accounts=accounts, organization=None), coverage={})


def subjects(result: Result, verdict: Verdict) -> set[str]:
    return {finding.subject for finding in result.findings if finding.verdict is verdict}


@each
def test_it_has_a_test_of_its_own(check: Check) -> None:
    named = Path(__file__).with_name(f"test_{check.id}.py").is_file()
    assert named or any(f'"{check.id}"' in text for text in TEXTS)


@each
def test_its_title_is_a_sentence_and_its_page_has_all_parts(check: Check) -> None:
    assert check.title[0].isupper()
    assert 20 <= len(check.title) <= 120
    assert check.id.split("_")[0] in check.needs
    assert check.maps_to
    assert all(part in check.doc for part in ("Why: ", "How: ", "Fix: "))


def test_no_two_checks_make_the_same_claim() -> None:
    assert len({check.title for check in CHECKS}) == len(CHECKS)


def assert_nothing_passes(results: Iterable[Result]) -> None:
    for result in results:
        # What the target itself has none of is known without the systems.
        known = "the target names no" in (result.skipped or "") or "no agent of the target has" in (
            result.skipped or ""
        )
        failed = result.verdict is Verdict.FAIL and result.check.id in BY_THE_TARGET
        assert result.verdict is Verdict.UNKNOWN or known or failed, result


def assert_no_better(before: Mapping[str, Result], after: Mapping[str, Result]) -> None:
    for name, result in after.items():
        raised = [finding for finding in result.findings if finding.subject == "check:raised"]
        assert not raised, (name, raised)
        known = before[name]
        allowed = {known.verdict, Verdict.UNKNOWN}
        assert result.verdict in allowed, (name, known, result)
        better = {
            finding.subject
            for finding in result.findings
            if finding.verdict is Verdict.PASS
            # A case that comes up only now may pass, unless it stands where another was that did not.
            and _open(known, finding) - _open(result, finding)
        }
        assert not better - subjects(known, Verdict.PASS), (name, better, known, result)


def _open(result: Result, passed: Finding) -> set[str]:
    """Return the cases of the same tenant and agents that do not pass."""
    return {
        one.subject
        for one in result.findings
        if one.verdict is not Verdict.PASS
        and one.tenant == passed.tenant
        and (set(one.agents) & set(passed.agents) or not (one.agents and passed.agents))
    }


def drawn(data: st.DataObject, facts: object, fewest: int = 1) -> list[Place]:
    everywhere = sorted(places(facts), key=str)
    return apart(data.draw(st.lists(st.sampled_from(everywhere), min_size=fewest, max_size=3, unique=True)))


@given(snapshots())
@_few
def test_on_a_blind_server_nothing_passes_and_nothing_is_skipped(snapshot: Snapshot) -> None:
    after = results(replace(snapshot, vault=BLIND_SERVER), VAULT)
    assert_nothing_passes(result for name, result in after.items() if name not in OF_THE_TARGET)
    for result in results(replace(snapshot, vault=None), VAULT).values():
        assert result.verdict is Verdict.UNKNOWN


@given(aws_snapshots())
@_few
def test_on_blind_accounts_nothing_passes_and_nothing_is_skipped(snapshot: Snapshot) -> None:
    assert_nothing_passes(results(replace(snapshot, aws=_blind_accounts(snapshot)), AWS).values())
    for result in results(replace(snapshot, aws=None), AWS).values():
        assert result.verdict is Verdict.UNKNOWN


@given(joint_snapshots())
@_few
def test_on_a_blind_half_nothing_that_needs_both_passes(snapshot: Snapshot) -> None:
    accounts = _blind_accounts(snapshot)
    assert_nothing_passes(results(replace(snapshot, vault=BLIND_SERVER, aws=accounts), BOTH).values())
    for changed in (
        replace(snapshot, vault=None),
        replace(snapshot, aws=None),
        replace(snapshot, vault=None, aws=None),
    ):
        for result in results(changed, BOTH).values():
            assert result.verdict is Verdict.UNKNOWN


@given(st.data())
@_many
def test_hiding_facts_of_the_server_never_improves_a_verdict(data: st.DataObject) -> None:
    whole = data.draw(snapshots())
    hidden = drawn(data, whole.vault)
    assert_no_better(results(whole, VAULT), results(blind(whole, hidden), VAULT))


@given(st.data())
@_many
def test_hiding_facts_of_accounts_never_improves_a_verdict(data: st.DataObject) -> None:
    whole = data.draw(aws_snapshots())
    hidden = drawn(data, whole.aws)
    checks = [check for check in AWS if check.id not in SLOW]
    assert_no_better(results(whole, checks), results(blind(whole, aws=hidden), checks))


@given(st.data())
@_one_by_one
def test_hiding_facts_of_accounts_never_closes_a_chain(data: st.DataObject) -> None:
    whole = data.draw(aws_snapshots())
    hidden = drawn(data, whole.aws)
    checks = [check for check in AWS if check.id in SLOW]
    assert_no_better(results(whole, checks), results(blind(whole, aws=hidden), checks))


@given(st.data())
@_many
def test_hiding_facts_of_either_never_improves_what_needs_both(data: st.DataObject) -> None:
    whole = data.draw(joint_snapshots())
    server, accounts = drawn(data, whole.vault, 0), drawn(data, whole.aws)
    assert_no_better(results(whole, BOTH), results(blind(whole, server, accounts), BOTH))


@given(SOME)
@_few
def test_names_of_tenants_change_subjects_only(snapshot: Snapshot) -> None:
    names = {FIRST: "tenantra", SECOND: "tenantrb"}
    tenants = tuple(replace(tenant, id=names[tenant.id]) for tenant in snapshot.target.tenants)
    before = results(snapshot)
    after = results(replace(snapshot, target=replace(snapshot.target, tenants=tenants)))
    for name, result in before.items():
        renamed = [
            (
                finding.verdict,
                finding.subject.replace(FIRST, names[FIRST]).replace(SECOND, names[SECOND]),
                finding.count,
            )
            for finding in result.findings
        ]
        assert [(one.verdict, one.subject, one.count) for one in after[name].findings] == renamed
        assert after[name].skipped == result.skipped


@given(SOME)
@_few
def test_the_order_of_tenants_changes_no_verdict(snapshot: Snapshot) -> None:
    turned = replace(snapshot.target, tenants=snapshot.target.tenants[::-1])
    before, after = results(snapshot), results(replace(snapshot, target=turned))
    for name, result in before.items():
        assert after[name].verdict is result.verdict
        assert subjects(after[name], Verdict.FAIL) == subjects(result, Verdict.FAIL)


def turned(value: Any) -> Any:
    """Return facts of AWS with everything that has no order of its own the other way round."""
    if isinstance(value, tuple):
        return tuple(map(turned, value[::-1]))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # The levels of an organization and the statements of a policy do have an order.
        names = (entry.name for entry in dataclasses.fields(value) if entry.name not in {"organization", "regions"})
        changed = {name: turned(getattr(value, name)) for name in names}
        if isinstance(value, Account):
            changed["regions"] = tuple(map(turned, value.regions))
        return replace(value, **changed)
    return value


@given(aws_snapshots())
@_few
def test_the_order_in_which_things_were_read_changes_no_id(snapshot: Snapshot) -> None:
    assert snapshot.aws is not None
    before, after = results(snapshot, AWS), results(replace(snapshot, aws=turned(snapshot.aws)), AWS)
    for name, result in before.items():
        for verdict in Verdict:
            assert subjects(after[name], verdict) == subjects(result, verdict), name


@given(SOME)
@_few
def test_every_failure_says_where_and_what_to_do(snapshot: Snapshot) -> None:
    for result in results(snapshot).values():
        for finding in result.findings:
            assert finding.subject
            assert finding.summary.endswith(".")
            assert finding.evidence
            assert all(evidence.shows for evidence in finding.evidence)
