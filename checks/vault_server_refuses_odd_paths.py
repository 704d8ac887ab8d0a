"""The server refuses paths that can be read in two ways.

Why: a policy judges the path as it is sent. Where the server then reads `..` or invisible characters in it, what
is reached is not what was judged.
How: the server's configuration is read; it fails where relative paths or unprintable characters are let through.
Fix: remove unsafe_relative_paths and disable_printable_check from the server's configuration.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.survey import judge_options

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3", "SOC2 CC6.1", "CWE-863", "CWE-22")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge the server's options."""
    options = {
        "unsafe_relative_paths": "paths with .. are let through",
        "disable_printable_check": "paths with unprintable characters are let through",
    }
    yield from judge_options(snapshot, options, "remove the option from the server's configuration", product="openbao")
