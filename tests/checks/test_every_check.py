"""What every check of the catalogue obeys."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cred_audit.audit import judge
from cred_audit.catalog import load_checks
from cred_audit.check import Check, Verdict
from cred_audit.decide.vault.model import Namespace, Server, World
from cred_audit.facts import Snapshot, VaultFacts
from cred_audit.report import Result
from tests.checks.worlds import FIRST, NOW, SECOND, blind, places, snapshots

CHECKS = load_checks()
TEXTS = [file.read_text() for file in Path(__file__).parent.parent.rglob("test_*.py")]
_few = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
_many = settings(_few, max_examples=40)
OF_THE_TARGET = {"vault_territories_do_not_overlap"}
"""Claims about the target alone: where a mount was not seen, every kind that it may be counts, so a pass holds."""
each = pytest.mark.parametrize("check", CHECKS, ids=[check.id for check in CHECKS])


def results(snapshot: Snapshot) -> Mapping[str, Result]:
    return {result.check.id: result for result in judge(snapshot, CHECKS, now=NOW).results}


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


@given(snapshots())
@_few
def test_on_a_blind_snapshot_nothing_passes_and_nothing_is_skipped(snapshot: Snapshot) -> None:
    world = World(
        server=Server(),
        namespaces=(Namespace(
            policies=None, mounts=None, auth_mounts=None, token_roles=None, entities=None, groups=None, tokens=None,
            lease_prefixes=None, mfa_enforcements=None),),
        namespaces_complete=False,
    )  # fmt: skip
    facts = VaultFacts(address="", world=world, audit_devices=None, seal=None, coverage={})
    for name, result in results(replace(snapshot, vault=facts)).items():
        if name in OF_THE_TARGET:
            continue
        # What the target itself has none of is known without the server.
        assert result.verdict is Verdict.UNKNOWN or "the target names no" in (result.skipped or ""), result
    for result in results(replace(snapshot, vault=None)).values():
        assert result.verdict is Verdict.UNKNOWN


@given(st.data())
@_many
def test_hiding_facts_never_improves_a_verdict(data: st.DataObject) -> None:
    whole = data.draw(snapshots())
    everywhere = sorted(places(whole.vault), key=str)
    hidden = data.draw(st.lists(st.sampled_from(everywhere), min_size=1, max_size=3, unique=True))
    # A fact inside another that is hidden, too, is gone with it.
    hidden = [place for place in hidden if not any(place[: len(other)] == other for other in hidden if other != place)]
    before, after = results(whole), results(blind(whole, hidden))
    for name, result in after.items():
        raised = [finding for finding in result.findings if finding.subject == "check:raised"]
        assert not raised, (name, raised)
        known = before[name]
        allowed = {known.verdict, Verdict.UNKNOWN}
        assert result.verdict in allowed, (name, known, result)
        better = subjects(result, Verdict.PASS) - subjects(known, Verdict.PASS)
        assert not better, (name, better, known, result)


@given(snapshots())
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


@given(snapshots())
@_few
def test_the_order_of_tenants_changes_no_verdict(snapshot: Snapshot) -> None:
    turned = replace(snapshot.target, tenants=snapshot.target.tenants[::-1])
    before, after = results(snapshot), results(replace(snapshot, target=turned))
    for name, result in before.items():
        assert after[name].verdict is result.verdict
        assert subjects(after[name], Verdict.FAIL) == subjects(result, Verdict.FAIL)


@given(snapshots())
@_few
def test_every_failure_says_where_and_what_to_do(snapshot: Snapshot) -> None:
    for result in results(snapshot).values():
        for finding in result.findings:
            assert finding.subject
            assert finding.summary.endswith(".")
            assert finding.evidence
            assert all(evidence.shows for evidence in finding.evidence)
