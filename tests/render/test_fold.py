"""Folding: equal but for the acting tenant's own name, and nothing else."""

import dataclasses

import pytest

from cred_audit.finding import Evidence, Finding, Reaches, Verdict
from cred_audit.render.fold import acting, folds, place, quoted
from cred_audit.report import Result
from tests.render import sample


def _own(tenant: str, clause: str) -> Finding:
    """Return a leak through a policy that carries the tenant's name."""
    return dataclasses.replace(
        sample.leak(tenant),
        evidence=(Evidence(where=f"policy agent-{tenant}", shows="grants read", quote=clause, line=1),),
    )


def _folded(*findings: Finding) -> list[int]:
    report = sample.report(Result(check=sample.check(), findings=findings))
    return [len(fold.findings) for fold in folds(report, Verdict.FAIL)]


def test_findings_that_differ_in_the_acting_tenants_name_only_are_one() -> None:
    assert _folded(*(_own(each, f'path "secret/{each}*" {{}} # {each}') for each in ("acme", "globex", "t1"))) == [3]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('path "t1/*"', 'path "t10/*"'),
        ('path "t1t1/*"', 'path "t2/*"'),
        ('path "secret/*"', 'path "kv/*"'),
        ('path "xt1/*"', 'path "xt2/*"'),
    ],
)
def test_findings_on_different_clauses_are_not(one: str, other: str) -> None:
    assert _folded(_own("t1", one), _own("t2", other)) == [1, 1]


def test_an_accepted_finding_stands_apart_from_an_open_one() -> None:
    accepted = sample.leaky().results[1].findings[0].accepted
    assert _folded(sample.leak("acme"), dataclasses.replace(sample.leak("globex"), accepted=accepted)) == [1, 1]


@pytest.mark.parametrize(
    ("where", "line", "said"),
    [
        ("policy agents", 12, "policy agents, line 12"),
        ("policy agents line 14", 12, "policy agents line 14"),
        ("agents.hcl:14", 12, "agents.hcl:14"),
        ("GET sys/audit", 0, "GET sys/audit"),
    ],
)
def test_the_place_names_the_line_once(where: str, line: int, said: str) -> None:
    assert place(Evidence(where=where, shows="", line=line)) == said


def test_a_long_quote_is_cut_around_its_marked_line() -> None:
    text = "\n".join(f"line of {number}" for number in range(1, 101))
    shown, left = quoted(Evidence(where="policy p:60", shows="", quote=text, line=1), 10)
    assert [each.number for each in shown] == list(range(55, 65))
    assert [each.number for each in shown if each.marked] == [60]
    assert left == 90


def test_a_quote_without_a_line_has_no_numbers() -> None:
    shown, left = quoted(Evidence(where="the server's rules", shows="", quote="a\nb\n\n"), 10)
    assert [(each.number, each.text, each.marked) for each in shown] == [(0, "a", True), (0, "b", False)]
    assert left == 0


def test_reaching_all_others_is_the_same_whether_they_are_named_or_not() -> None:
    tenants = ("acme", "globex", "t1")
    findings = tuple(
        Finding(
            verdict=Verdict.FAIL,
            subject=f"{own}: p1",
            tenant=own,
            reaches=Reaches(tenants=tuple(one for one in tenants if one != own), count=2),
            evidence=(Evidence(where="inline policy p1", shows="statement 1 allows"),),
        )
        for own in tenants
    )
    made = sample.report(Result(check=sample.check(), findings=findings))
    report = dataclasses.replace(made, tenants=tenants)
    (fold,) = folds(report, Verdict.FAIL)
    assert acting(fold, 3) == "3 tenants (acme, globex, t1) each reach all 2 others."
