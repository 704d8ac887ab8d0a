"""What the pipeline settles so that no check has to."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cred_audit.audit import exit_code, judge, narrowed, require_tenants, severity_of
from cred_audit.baseline import Baseline
from cred_audit.check import Check, Skip
from cred_audit.decide.vault.model import Namespace, Server, World
from cred_audit.errors import UsageError
from cred_audit.facts import Gap, Snapshot, VaultFacts
from cred_audit.finding import Evidence, Finding, Reaches, Severity, Verdict, finding_id
from cred_audit.render.fold import Answer, headline
from cred_audit.render.json import render
from cred_audit.report import LEFT_OUT, Report
from cred_audit.target.model import Accepted, Target, Tenant, VaultSource

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SEEN = VaultFacts(
    address="http://127.0.0.1:1",
    world=World(server=Server(), namespaces=(Namespace(),)),
    audit_devices=(),
    seal={},
    coverage={"policies": 0},
)


def snapshot(
    vault: VaultFacts | None = SEEN,
    *,
    declared: bool = True,
    accepted: tuple[Accepted, ...] = (),
    gaps: tuple[Gap, ...] = (),
) -> Snapshot:
    target = Target(
        name="t",
        tenants=(Tenant(id="a"), Tenant(id="b"), Tenant(id="c")),
        vault=VaultSource() if declared else None,
        accepted=accepted,
    )
    return Snapshot(target=target, taken_at=NOW, tool_version="0", vault=vault, gaps=gaps)


def check(
    run: Callable[[Snapshot], Iterable[Finding]], name: str = "vault_claim", severity: Severity = Severity.HIGH
) -> Check:
    return Check(id=name, title="It holds.", doc="", severity=severity, needs=("vault",), maps_to=(), run=run)


def finding(verdict: Verdict, subject: str = "s", tenant: str | None = None, reaches: Reaches | None = None) -> Finding:
    return Finding(
        verdict=verdict,
        subject=subject,
        tenant=tenant,
        reaches=reaches or Reaches(),
        evidence=(Evidence(where="w", shows="x"),),
    )


def audited(*findings: Finding, severity: Severity = Severity.HIGH, accepted: tuple[Accepted, ...] = ()) -> Report:
    return judge(snapshot(accepted=accepted), [check(lambda _: findings, severity=severity)], now=NOW)


def gate(report: Report, fail_on: str = "low", *, allow_unknown: bool = False, known: Baseline | None = None) -> int:
    return exit_code(report, fail_on=severity_of(fail_on), allow_unknown=allow_unknown, known=known)


def test_a_source_that_the_target_does_not_declare_skips_the_check() -> None:
    report = judge(snapshot(None, declared=False), [check(lambda _: ())], now=NOW)
    assert report.results[0].skipped == "the target declares no vault"
    assert report.results[0].findings == ()
    assert gate(report) == 3


def test_a_declared_source_that_could_not_be_read_is_unknown_with_its_gap() -> None:
    gap = Gap(source="vault", what="GET sys/mounts", reason="connection refused")
    (result,) = judge(snapshot(None, gaps=(gap,)), [check(lambda _: ())], now=NOW).results
    assert [each.verdict for each in result.findings] == [Verdict.UNKNOWN]
    assert result.findings[0].evidence[0].shows == "connection refused"


def test_a_check_that_raises_is_unknown_and_the_others_go_on() -> None:
    def broken(_: Snapshot) -> Iterable[Finding]:
        yield finding(Verdict.PASS)
        raise ZeroDivisionError

    logged: list[str] = []
    checks = [check(broken, "vault_broken"), check(lambda _: (finding(Verdict.PASS),), "vault_fine")]
    first, second = judge(snapshot(), checks, now=NOW, log=logged.append).results
    assert [each.verdict for each in first.findings] == [Verdict.PASS, Verdict.UNKNOWN]
    assert "ZeroDivisionError" in first.findings[1].summary
    assert "ZeroDivisionError" in logged[0]
    assert second.verdict is Verdict.PASS


def test_a_check_that_examines_nothing_is_unknown() -> None:
    report = audited()
    assert report.results[0].verdict is Verdict.UNKNOWN
    assert gate(report) == 3


def test_a_claim_about_things_that_are_not_there_is_skipped_with_the_reason() -> None:
    def none_there(_: Snapshot) -> Iterable[Finding]:
        raise Skip("no kubernetes auth mount; sys/auth read in full")

    report = judge(snapshot(), [check(none_there)], now=NOW)
    assert report.results[0].skipped == "not applicable: no kubernetes auth mount; sys/auth read in full"
    fine = check(lambda _: (finding(Verdict.PASS),), "vault_fine")
    assert gate(judge(snapshot(), [check(none_there), fine], now=NOW)) == 0


def test_a_declared_part_that_nothing_audits_is_never_green() -> None:
    declared = snapshot()
    declared = replace(declared, target=replace(declared.target, sections={"platform": {}}))
    report = judge(declared, [check(lambda _: (finding(Verdict.PASS),))], now=NOW)
    assert [(gap.source, gap.whole) for gap in report.gaps] == [("platform", True)]
    assert gate(report) == 3
    assert gate(report, allow_unknown=True) == 0
    assert headline(report).answer is Answer.UNKNOWN


def test_an_audit_in_which_nothing_was_judged_is_unknown() -> None:
    def none_there(_: Snapshot) -> Iterable[Finding]:
        raise Skip("none")

    assert gate(judge(snapshot(), [check(none_there)], now=NOW)) == 3


def test_findings_with_one_subject_keep_ids_of_their_own() -> None:
    (result,) = audited(finding(Verdict.FAIL), finding(Verdict.FAIL)).results
    assert len({finding_id("vault_claim", each) for each in result.findings}) == 2


def test_a_failure_keeps_its_id_when_something_unknown_comes_to_stand_before_it() -> None:
    fails, unknown, passes = finding(Verdict.FAIL), finding(Verdict.UNKNOWN), finding(Verdict.PASS)
    alone = audited(fails).results[0].findings[0]
    found = audited(unknown, passes, fails).results[0].findings
    assert [one.verdict for one in found] == [Verdict.UNKNOWN, Verdict.PASS, Verdict.FAIL]
    assert found[2] == alone
    assert len({one.subject for one in found}) == 3


def test_a_subject_that_looks_like_a_numbered_one_is_nobody_elses() -> None:
    subject = finding(Verdict.FAIL).subject
    findings = [finding(Verdict.FAIL), finding(Verdict.FAIL), finding(Verdict.FAIL, f"{subject} #2")]
    findings += [finding(Verdict.PASS, f"{subject} #3"), finding(Verdict.UNKNOWN)]
    found = audited(*findings).results[0].findings
    assert len({one.subject for one in found}) == len(findings)
    assert found[2].subject == f"{subject} #2"


@pytest.mark.parametrize(
    ("verdict", "severity", "fail_on", "code"),
    [
        (Verdict.FAIL, Severity.HIGH, "low", 1),
        (Verdict.FAIL, Severity.HIGH, "high", 1),
        (Verdict.FAIL, Severity.HIGH, "critical", 0),
        (Verdict.FAIL, Severity.HIGH, "never", 0),
        (Verdict.UNKNOWN, Severity.HIGH, "low", 3),
        (Verdict.UNKNOWN, Severity.LOW, "high", 0),
        (Verdict.PASS, Severity.CRITICAL, "low", 0),
    ],
)
def test_the_exit_code_follows_verdict_and_severity(
    verdict: Verdict, severity: Severity, fail_on: str, code: int
) -> None:
    assert gate(audited(finding(verdict), severity=severity), fail_on) == code


def test_allow_unknown_turns_3_into_0_and_not_1_into_0() -> None:
    assert gate(audited(finding(Verdict.UNKNOWN)), allow_unknown=True) == 0
    assert gate(audited(finding(Verdict.UNKNOWN), finding(Verdict.FAIL, "f")), allow_unknown=True) == 1


@pytest.mark.parametrize("fault", [ValueError("x"), SystemExit(0), Skip("none")])
def test_what_a_check_found_before_it_broke_is_kept(fault: BaseException) -> None:
    def broken(_: Snapshot) -> Iterable[Finding]:
        yield finding(Verdict.FAIL)
        raise fault

    assert gate(judge(snapshot(), [check(broken)], now=NOW)) == 1


def baseline(*findings: Finding) -> Baseline:
    return Baseline(Path("old.json"), render(audited(*findings)).encode())


def test_a_baseline_gates_on_new_findings_only() -> None:
    old, new = finding(Verdict.FAIL, "old"), finding(Verdict.FAIL, "new")
    assert gate(audited(old), known=baseline(old)) == 0
    assert gate(audited(old, new), known=baseline(old)) == 1


def test_what_was_unknown_before_is_new_when_it_fails_and_stays_unknown_otherwise() -> None:
    unknown = finding(Verdict.UNKNOWN, "s")
    assert gate(audited(finding(Verdict.FAIL, "s")), known=baseline(unknown)) == 1
    assert gate(audited(unknown), known=baseline(unknown)) == 3


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (Reaches(tenants=("b",), count=1), Reaches(tenants=("b", "c"), count=2), 1),
        (Reaches(tenants=("b",), count=1), Reaches(all_except=("a",), count=2), 1),
        (Reaches(tenants=("b", "c"), count=2), Reaches(tenants=("b",), count=1), 0),
        (Reaches(all_except=("a",), count=2), Reaches(all_except=("a",), count=2), 0),
    ],
)
def test_a_break_that_reaches_more_than_before_is_new(before: Reaches, after: Reaches, code: int) -> None:
    known = baseline(finding(Verdict.FAIL, "s", "a", before))
    assert gate(audited(finding(Verdict.FAIL, "s", "a", after)), known=known) == code


def accept(subject: str, until: datetime | None = None, check_id: str = "vault_claim") -> tuple[Accepted, ...]:
    return (Accepted(check=check_id, subject=subject, reason="known", ticket="SEC-1", until=until, line=7),)


def test_an_accepted_finding_is_shown_and_does_not_gate() -> None:
    whole = finding_id("vault_claim", finding(Verdict.FAIL))
    for subject in (whole, whole.partition("/")[2], "s"):
        report = audited(finding(Verdict.FAIL), accepted=accept(subject))
        assert gate(report) == 0
        assert report.results[0].findings[0].accepted is not None
        assert report.warnings == ()


def test_an_acceptance_that_expired_or_matches_nothing_is_reported() -> None:
    expired = audited(finding(Verdict.FAIL), accepted=accept("s", datetime(2026, 1, 1, tzinfo=UTC)))
    assert gate(expired) == 1
    assert "expired on 2026-01-01" in expired.warnings[0]
    assert "matches no finding" in audited(finding(Verdict.FAIL), accepted=accept("other")).warnings[0]
    assert "matches no finding" in audited(finding(Verdict.PASS), accepted=accept("s")).warnings[0]
    assert "no check vault_gone" in audited(accepted=accept("s", check_id="vault_gone")).warnings[0]


def test_narrowing_keeps_what_a_tenant_does_or_suffers() -> None:
    findings = (
        finding(Verdict.FAIL, "does", "a", Reaches(tenants=("b",), count=1)),
        finding(Verdict.FAIL, "suffers", "b", Reaches(all_except=("b",), count=2)),
        finding(Verdict.FAIL, "strangers", "b", Reaches(tenants=("c",), count=1)),
        finding(Verdict.FAIL, "everybody"),
    )
    (result,) = narrowed(audited(*findings), frozenset({"a"})).results
    assert [each.subject for each in result.findings] == ["does", "suffers", "everybody"]


def test_narrowing_keeps_what_may_reach_the_tenant() -> None:
    findings = (finding(Verdict.UNKNOWN, "agent:b/x", "b"), finding(Verdict.PASS, "agent:b/y", "b"))
    (result,) = narrowed(audited(*findings), frozenset({"a"})).results
    assert [each.subject for each in result.findings] == ["agent:b/x"]


def test_a_tenant_that_is_not_declared_is_refused() -> None:
    with pytest.raises(UsageError, match="no tenant 'zz'"):
        require_tenants(snapshot().target, ["a", "zz"])


def test_a_claim_that_was_left_out_is_listed_and_never_spoken_for() -> None:
    held = check(lambda _: (finding(Verdict.PASS),), "vault_held")
    grave, minor = (check(lambda _: (), f"vault_{one.value}", one) for one in (Severity.HIGH, Severity.LOW))
    report = judge(snapshot(), [held], left_out=[grave, minor], now=NOW)
    assert [(result.check.id, result.skipped) for result in report.results] == [
        ("vault_held", None), ("vault_high", LEFT_OUT), ("vault_low", LEFT_OUT)
    ]  # fmt: skip
    assert headline(report).answer is Answer.UNKNOWN
    assert headline(report).sentence.startswith("1 high or critical claim was left out")
    assert headline(judge(snapshot(), [held], left_out=[minor], now=NOW)).answer is Answer.ISOLATED
    assert gate(report) == 0
