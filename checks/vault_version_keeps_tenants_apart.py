"""The server's version has no published flaw that lets tenants reach each other.

Why: where the server itself does not hold the line between namespaces, identities and policies, no policy does.
How: product and version are compared with the published advisories about it that concern the separation of
tenants; each one gives a finding. An unknown product or version is UNKNOWN, and so is a branch of which no fixed
release is published.
Fix: upgrade to the release that the finding names, or later.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cred_audit.check import Evidence, Finding, Severity, Snapshot, Verdict

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "NIST AC-4(21)", "SOC2 CC7.1", "ISO27001 A.8.8", "PCI 6.3.3", "CWE-653")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Advisory:
    """One published flaw: what it lets through, where it began and where it is fixed."""

    id: str
    product: str
    what: str
    fixed: str
    since: str = "0.0.0"
    branches: tuple[str, ...] = ()
    """Fixed releases of older branches, one each."""
    unclear: tuple[str, ...] = ()
    """Branches (`1.19`) in which the fixed release is not published."""


def _bao(name: str, fixed: str, what: str, since: str = "0.0.0") -> _Advisory:
    return _Advisory(id=name, product="openbao", what=what, fixed=fixed, since=since)


_ADVISORIES = (
    _bao("CVE-2024-9180", "2.1.0", "entities of the root namespace can be raised to root"),
    _bao("CVE-2025-54996", "2.3.2", "entities can be given the policy root"),
    _bao("CVE-2025-64761", "2.4.4", "groups can be given the policy root"),
    _bao("CVE-2026-3605", "2.5.3", "relative paths reach what a policy does not grant"),
    _bao("CVE-2026-40264", "2.5.3", "tokens of other namespaces can be renewed and revoked by accessor"),
    _bao("GHSA-v8v8-cm84-m686", "2.5.4", "leases of other namespaces can be renewed and revoked by older endpoints"),
    _bao("GHSA-c36x-h252-g9x2", "2.5.5", "leases of other namespaces can be revoked"),
    _bao("CVE-2026-55775", "2.5.5", "a namespace can be managed from inside under the name root"),
    _bao("CVE-2026-71543", "2.6.0", "wildcards in values of templates widen a policy"),
    _bao("GHSA-xp3c-3jw3-4vcr", "2.6.0", "a deny of list can be passed over"),
    _bao("GHSA-rh46-vc3j-w2w3", "2.6.2", "operations of the server can be run by logins in line and by workflows"),
    _bao("CVE-2026-115365", "2.6.3", "tokens can name policies of other namespaces", since="2.3.0"),
    _Advisory(
        id="CVE-2024-9180", product="vault", what="entities of the root namespace can be raised to root",
        fixed="1.18.0", branches=("1.17.7", "1.16.11", "1.15.16"),
    ),
    _Advisory(
        id="CVE-2025-5999", product="vault", what="entities can be given the policy root", fixed="1.20.0",
        branches=("1.19.6", "1.18.11", "1.16.22"),
    ),
    _Advisory(
        id="CVE-2026-3605", product="vault", what="relative paths reach what a policy does not grant",
        fixed="2.0.0", branches=("1.21.5", "1.20.10", "1.19.16"),
    ),
    _Advisory(
        id="vault-2.0.1-template-wildcards", product="vault", what="wildcards in values of templates widen a policy",
        fixed="2.0.1", branches=("1.21.6", "1.20.11", "1.19.17"),
    ),
    _Advisory(
        id="vault-2.0.3-list-denies", product="vault", what="a deny of list can be passed over", fixed="2.0.3",
        unclear=("1.21", "1.20", "1.19"),
    ),
)  # fmt: skip
_VERSION = re.compile(r"v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})([-+].*)?", re.DOTALL)
_Number = tuple[int, int, int]


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge the version against each advisory of its product."""
    server = snapshot.vault.world.server if snapshot.vault is not None else None
    match = _VERSION.fullmatch(server.version or "") if server is not None else None
    if server is None or match is None or server.product not in ("openbao", "vault"):
        shows = "the server's product or version is not known"
        yield Finding(
            verdict=Verdict.UNKNOWN,
            subject="sys/seal-status",
            summary="Which flaws the server has is not known.",
            evidence=(Evidence(where="sys/seal-status", shows=shows),),
        )
        return
    major, minor, patch = (int(part) for part in match.groups()[:3])
    for advisory in _ADVISORIES:
        if advisory.product == server.product:
            yield _judged(
                advisory,
                f"{server.product} {server.version}",
                (major, minor, patch),
                early=(match[4] or "").startswith("-"),
            )


def _judged(advisory: _Advisory, version: str, number: _Number, *, early: bool) -> Finding:
    verdict = _verdict(advisory, number, early=early)
    shows = {
        Verdict.PASS: f"{version} is not affected",
        Verdict.FAIL: f"{version} is affected: {advisory.what}; fixed in {advisory.fixed}",
        Verdict.UNKNOWN: f"the fixed release of this branch is not published; fixed in {advisory.fixed}",
    }[verdict]
    return Finding(
        verdict=verdict,
        subject=advisory.id,
        summary=f"{advisory.id}: {shows}.",
        evidence=(Evidence(where="sys/seal-status", shows=shows),),
        fix=f"upgrade to {advisory.fixed} or later" if verdict is Verdict.FAIL else None,
    )


def _verdict(advisory: _Advisory, number: _Number, *, early: bool) -> Verdict:
    def has(release: str) -> bool:
        # A pre-release comes before the release whose number it bears.
        return number > _number(release) or (number == _number(release) and not early)

    if has(advisory.fixed) or not (has(advisory.since) or number == _number(advisory.since)):
        return Verdict.PASS
    if any(number[:2] == _number(release)[:2] and has(release) for release in advisory.branches):
        return Verdict.PASS
    return Verdict.UNKNOWN if f"{number[0]}.{number[1]}" in advisory.unclear else Verdict.FAIL


def _number(release: str) -> _Number:
    major, minor, patch = release.split(".")
    return int(major), int(minor), int(patch)
