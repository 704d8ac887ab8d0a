"""Reports built by hand: a leaky one, a clean one, an unknown one and a huge one."""

import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache

from cred_audit.check import Check
from cred_audit.facts import Gap, Snapshot
from cred_audit.finding import (
    Acceptance,
    Evidence,
    Finding,
    Reaches,
    Severity,
    Verdict,
    Witness,
)
from cred_audit.report import Report, Result, Separation

_TAKEN_AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
_CLAUSE = 'path "secret/data/*" {\n  capabilities = ["read"]\n}'
_FIX = """--- agents.hcl
+++ agents.hcl
@@ -12,3 +12,3 @@
-path "secret/data/*" {
+path "secret/data/{{identity.entity.name}}/*" {
   capabilities = ["read"]
 }
"""


def _never_run(_snapshot: Snapshot) -> Iterable[Finding]:
    return ()


def check(
    check_id: str = "vault_no_cross_tenant_read",
    title: str = "No agent can read another tenant's secrets",
    severity: Severity = Severity.CRITICAL,
    origin: str = "",
) -> Check:
    """Return a check with this id."""
    return Check(
        id=check_id,
        title=title,
        doc=title,
        severity=severity,
        needs=("vault",),
        maps_to=("SOC2:CC6.1", "NIST-800-53:AC-3"),
        run=_never_run,
        origin=origin,
        sha256="0f" * 32 if origin else "",
    )


def leak(tenant: str, victim: str = "globex") -> Finding:
    """Return what a shared policy lets the tenant's agent do."""
    return Finding(
        verdict=Verdict.FAIL,
        subject=f"{tenant}: agents line 12 read",
        tenant=tenant,
        agents=(f"{tenant}-agent",),
        reaches=Reaches(all_except=(tenant,)),
        summary=f"Agent {tenant}-agent can read every other tenant's secrets.",
        evidence=(
            Evidence(
                where="policy agents line 12",
                shows="grants read",
                quote=_CLAUSE,
                line=12,
            ),
        ),
        witness=Witness(
            system="vault",
            fields={
                "operation": "read",
                "path": f"secret/data/{victim}/db",
                "namespace": "",
            },
        ),
        reproduce=f"bao kv get -mount=secret {victim}/db",
        fix=_FIX,
    )


def report(
    *results: Result,
    tenants: tuple[str, ...] = ("acme", "globex", "initech", "umbrella", "wayne"),
) -> Report:
    """Return a report of these results."""
    return Report(
        target_name="Example agents",
        tenants=tenants,
        tool_version="0.1.0",
        taken_at=_TAKEN_AT,
        results=results,
        coverage={"vault": {"policies": 7, "entities": 5, "mounts": 4}},
        snapshot_digest="ab" * 32,
        command="cred-audit scan target.yaml",
        score={"value": 100, "coverage": 100},
    )


def _proof(claim: Check, count: int = 20) -> Result:
    proof = Finding(
        verdict=Verdict.PASS,
        subject=f"{claim.id}: all",
        count=count,
        summary="No request goes through.",
        evidence=(
            Evidence(
                where="policy tenant-acme line 4",
                shows="stops at `secret/data/acme/*`",
                quote='path "secret/data/acme/*" {\n  capabilities = ["update"]\n}',
                line=4,
            ),
        ),
    )
    return Result(check=claim, findings=(proof,))


_WRITE = check("vault_no_cross_tenant_write", "No agent can change another tenant's secrets")
_CHAIN = check("vault_no_escalation", "No agent can give itself more rights", Severity.HIGH)
_AUDIT = check("vault_audit_trail_exists", "Every request is recorded", Severity.MEDIUM)
_KUBERNETES = check(
    "vault_kubernetes_roles_are_bound",
    "Kubernetes roles name their accounts",
    Severity.HIGH,
)


def leaky() -> Report:
    """Three of five tenants read the others; one escalates by a chain; one claim is undecided."""
    chain = Finding(
        verdict=Verdict.FAIL,
        subject="wayne: writes policy",
        tenant="wayne",
        agents=("wayne-agent",),
        reaches=Reaches(tenants=("acme", "globex"), count=2),
        summary="Agent wayne-agent can rewrite its own policy and then read two other tenants' secrets.",
        evidence=(
            Evidence(
                where="policy wayne:3",
                shows="grants update on policies",
                quote='path "sys/policies/acl/wayne" {\n  capabilities = ["update"]\n}',
                line=2,
            ),
        ),
        witness=Witness(
            system="vault",
            fields={
                "operation": "read",
                "path": "secret/data/acme/db",
                "namespace": "",
            },
            before=(
                Witness(
                    system="vault",
                    fields={
                        "operation": "update",
                        "path": "sys/policies/acl/wayne",
                        "namespace": "",
                    },
                ),
            ),
        ),
        assuming=("the login has MFA",),
        reproduce="bao policy write wayne new.hcl && bao kv get -mount=secret acme/db",
        accepted=Acceptance(reason="Migration ends in December", until="2026-12-31", ticket="SEC-7"),
    )
    undecided = Finding(
        verdict=Verdict.UNKNOWN,
        subject="audit devices",
        summary="The audit devices could not be read.",
        evidence=(Evidence(where="GET sys/audit", shows="was refused (403)"),),
    )
    base = report(
        Result(
            check=check(),
            findings=tuple(leak(each) for each in ("acme", "initech", "umbrella")),
        ),
        Result(check=_CHAIN, findings=(chain,)),
        _proof(_WRITE),
        Result(check=_AUDIT, findings=(undecided,)),
        Result(
            check=_KUBERNETES,
            skipped="not applicable: no kubernetes auth mount; sys/auth read in full",
        ),
    )
    return Report(
        target_name=base.target_name,
        tenants=base.tenants,
        tool_version=base.tool_version,
        taken_at=base.taken_at,
        results=base.results,
        coverage=base.coverage,
        snapshot_digest=base.snapshot_digest,
        command=base.command,
        gaps=(
            Gap(
                source="vault",
                what="GET sys/audit",
                reason="permission denied; the token needs read and sudo on sys/audit",
            ),
        ),
        warnings=("Tenant acme also owns acme-eu/, because prefixes are literal.",),
        score={"value": 36, "coverage": 88, "cap": "a critical claim fails"},
        separation=(
            Separation(
                store="secret/ (kv version 2)",
                enforced_by="policy only",
                evidence="sys/mounts",
            ),
        ),
    )


def clean() -> Report:
    """Every claim is proved."""
    return report(_proof(check()), _proof(_WRITE))


def unknown() -> Report:
    """The one claim has a case that could not be decided."""
    undecided = Finding(
        verdict=Verdict.UNKNOWN,
        subject="acme",
        tenant="acme",
        summary="Policy acme could not be read.",
    )
    return report(Result(check=check(), findings=(undecided,)))


@cache
def huge(count: int = 10_000) -> Report:
    """Every tenant reaches every other one by the same clause."""
    tenants = tuple(f"tenant-{number:05d}" for number in range(count))
    return report(
        Result(check=check(), findings=tuple(leak(each, tenants[0]) for each in tenants)),
        tenants=tenants,
    )


HOSTILE = "<script>alert(1)</script>[bold]\x1b[31m\u202egnp.exe\"'{{ 7*7 }}"


def hostile() -> Report:
    """Names that try to become markup, to move the cursor, to turn text round, and one of 10 MB."""
    bad = Finding(
        verdict=Verdict.FAIL,
        subject=HOSTILE,
        tenant=HOSTILE,
        agents=(HOSTILE, "x" * 10_000_000),
        reaches=Reaches(tenants=("x" * 10_000_000,), count=1),
        summary=HOSTILE,
        evidence=(Evidence(where=HOSTILE, shows=HOSTILE, quote=HOSTILE, line=1),),
        witness=Witness(
            system="vault",
            fields={"operation": "read", "path": HOSTILE, "namespace": HOSTILE},
        ),
        assuming=(HOSTILE,),
        reproduce=HOSTILE,
        fix=HOSTILE,
        note=HOSTILE,
    )
    return report(Result(check=check(), findings=(bad,)), tenants=(HOSTILE, "x" * 10_000_000))


def layered(count: int = 40) -> Report:
    """Tenants of three kinds: those that reach all others, those that reach two by name, those that reach nobody."""
    tenants = tuple(f"tenant-{number:05d}" for number in range(count))
    named = tuple(
        Finding(
            verdict=Verdict.FAIL,
            subject=f"{tenant}: list",
            tenant=tenant,
            agents=(f"{tenant}-agent",),
            reaches=Reaches(tenants=tenants[:2], count=2),
            summary=f"Agent {tenant}-agent can list what {tenants[0]} and {tenants[1]} hold.",
            evidence=(Evidence(where=f"policy {tenant}", shows="grants list", quote=_CLAUSE, line=3),),
            witness=Witness(system="vault", fields={"operation": "list", "path": "secret/metadata/", "namespace": ""}),
        )
        for tenant in tenants[10:20]
    )
    proofs = tuple(
        Finding(verdict=Verdict.PASS, subject=f"agent:{tenant}", tenant=tenant, summary="No request goes through.")
        for tenant in tenants[20:]
    )
    leaks = tuple(leak(each, tenants[0]) for each in tenants[:10])
    return report(Result(check=check(), findings=(*leaks, *named, *proofs)), tenants=tenants)


@cache
def scattered(count: int = 10_000) -> Report:
    """Every tenant reaches its neighbour by a clause of its own: nothing can be folded or grouped."""
    tenants = tuple(f"customer-{number:05d}.example.com" for number in range(count))
    findings = tuple(
        Finding(
            verdict=Verdict.FAIL,
            subject=f"{tenant}: policy",
            tenant=tenant,
            agents=(f"{tenant}-agent",),
            reaches=Reaches(tenants=(tenants[number - 1],), count=1),
            summary=f"Agent {tenant}-agent can read what {tenants[number - 1]} holds & more than it <should>.",
            evidence=(Evidence(where=f"policy p{number}", shows="grants read", quote=_CLAUSE * 20, line=number + 1),),
            witness=Witness(
                system="vault", fields={"operation": "read", "path": f"secret/data/{tenants[number - 1]}/db"}
            ),
            fix=_FIX,
        )
        for number, tenant in enumerate(tenants)
    )
    unseen = tuple(
        Gap(
            source="vault",
            what=f"LIST auth/mount-{number}/role",
            reason=f"permission denied; it needs list on mount-{number}",
        )
        for number in range(count)
    )
    return dataclasses.replace(report(Result(check=check(), findings=findings), tenants=tenants), gaps=unseen)


def blinded() -> Report:
    """One thing that was not seen leaves three claims undecided."""
    unseen = Finding(
        verdict=Verdict.UNKNOWN,
        subject="sys/auth",
        summary="sys/auth was not seen: permission denied.",
        evidence=(Evidence(where="sys/auth", shows="permission denied"),),
    )
    results = (
        Result(check=check(f"claim_{number}", f"Claim {number} holds"), findings=(unseen,)) for number in (1, 2, 3)
    )
    gaps = tuple(
        Gap(source="vault", what=what, reason="permission denied") for what in ("GET sys/auth", "GET sys/audit")
    )
    return dataclasses.replace(report(*results), gaps=gaps)
