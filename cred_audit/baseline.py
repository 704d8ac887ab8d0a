"""An older result against which only new findings count."""

from pathlib import Path

from cred_audit.finding import Verdict, finding_id
from cred_audit.render.json import from_json


def known_findings(path: Path, content: bytes) -> frozenset[str]:
    """Return the ids of the findings that failed or were unknown in an older JSON result.

    Raises SnapshotError where the file is no result; `path` is named in it.
    """
    report = from_json(content.decode("utf-8", "replace"), source=str(path))
    return frozenset(
        finding_id(result.check.id, finding)
        for result in report.results
        for finding in result.findings
        if finding.verdict is not Verdict.PASS
    )
