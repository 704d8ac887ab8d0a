"""An older result against which only new findings count."""

from pathlib import Path

from cred_audit.finding import Finding, Verdict, finding_id
from cred_audit.render.json import from_json


class Baseline:
    """What failed before, and whom it reached."""

    def __init__(self, path: Path, content: bytes) -> None:
        """Read an older JSON result. Raises SnapshotError, which names `path`, where the file is none."""
        report = from_json(content.decode("utf-8", "replace"), source=str(path))
        self._tenants = frozenset(report.tenants)
        self._failed = {
            finding_id(result.check.id, finding): self._reached(finding)
            for result in report.results
            for finding in result.findings
            if finding.verdict is Verdict.FAIL
        }

    def holds(self, check_id: str, finding: Finding) -> bool:
        """Whether the finding failed then as well and reaches nobody whom it did not reach then.

        What was unknown then is new when it fails, and what is unknown now is never known.
        """
        before = self._failed.get(finding_id(check_id, finding))
        if before is None or finding.verdict is not Verdict.FAIL:
            return False
        if finding.reaches.all_except is None:
            return set(finding.reaches.tenants) <= before
        # The set is everyone but these: it may hold tenants that did not exist then.
        return finding.reaches.count <= len(before) and self._reached(finding) <= before

    def _reached(self, finding: Finding) -> frozenset[str]:
        reaches = finding.reaches
        if reaches.all_except is None:
            return frozenset(reaches.tenants)
        return self._tenants - frozenset(reaches.all_except)
