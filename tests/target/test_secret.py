import os
import sys
import time
from pathlib import Path

import pytest

from cred_audit.errors import TargetError
from cred_audit.target.model import SecretRef
from cred_audit.target.secret import read_secret

CANARY = "canary-5f1e"


def python(code: str) -> SecretRef:
    return SecretRef(command=(sys.executable, "-c", code))


def read(ref: SecretRef, base: Path = Path(), *, allow_commands: bool = True, timeout: float = 30) -> str:
    return read_secret(ref, base=base, allow_commands=allow_commands, timeout=timeout)


def refused(ref: SecretRef, base: Path = Path(), *, allow_commands: bool = True, timeout: float = 30) -> str:
    with pytest.raises(TargetError) as raised:
        read(ref, base, allow_commands=allow_commands, timeout=timeout)
    shown = str(raised.value)
    assert CANARY not in shown
    assert raised.value.__cause__ is None
    assert shown.isprintable()
    return shown


def test_a_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_X", CANARY)
    assert read(SecretRef(env="SECRET_X")) == CANARY
    assert read_secret(SecretRef(env="X"), base=Path(), allow_commands=False, environ={"X": "y"}) == "y"


def test_a_variable_that_is_missing_or_empty_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_X", raising=False)
    assert refused(SecretRef(env="SECRET_X")).startswith("the environment variable 'SECRET_X' is not set")
    monkeypatch.setenv("SECRET_X", "")
    assert refused(SecretRef(env="SECRET_X")) == "the environment variable 'SECRET_X' is empty"


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_file_is_read_without_its_newline(tmp_path: Path, end: str) -> None:
    (tmp_path / "token").write_bytes(CANARY.encode() + end.encode())
    assert read(SecretRef(file="token"), tmp_path) == CANARY
    assert read(SecretRef(file=str(tmp_path / "token"))) == CANARY


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (CANARY.encode() * 10_000, "is longer than 65,536 bytes: this is no secret"),
        (CANARY.encode() + b"\xff", "is not UTF-8 text"),
        (CANARY.encode() + b"\n" + CANARY.encode(), "must be one line of text without control characters"),
        (CANARY.encode() + b"\x00", "must be one line of text without control characters"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, data: bytes, problem: str) -> None:
    (tmp_path / "token").write_bytes(data)
    assert refused(SecretRef(file="token"), tmp_path) == f"the secret file {tmp_path}/token {problem}"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert refused(SecretRef(file="no"), tmp_path) == (
        f"cannot read the secret file {tmp_path}/no: no such file or directory"
    )
    os.mkfifo(tmp_path / "pipe")
    assert refused(SecretRef(file="pipe"), tmp_path) == f"the secret file {tmp_path}/pipe is not a plain file"
    assert "directory" in refused(SecretRef(file="."), tmp_path) or "plain file" in refused(
        SecretRef(file="."), tmp_path
    )
    assert "not a plain file" in refused(SecretRef(file="/dev/zero"))
    assert "its name is not valid" in refused(SecretRef(file="a\0b"), tmp_path)


def test_a_command_is_run_in_the_targets_folder_without_a_shell(tmp_path: Path) -> None:
    assert read(python("import os; print(os.getcwd())"), tmp_path) == str(tmp_path)
    assert read(SecretRef(command=("echo", "$HOME;id"))) == "$HOME;id"


def test_a_command_needs_to_be_allowed(tmp_path: Path) -> None:
    ref = python(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert "use --allow-commands if you trust it" in refused(ref, allow_commands=False)
    assert not (tmp_path / "ran").exists()


def test_a_command_that_fails_is_told_without_its_output() -> None:
    shown = refused(python(f"import sys; print('{CANARY}'); print('{CANARY}', file=sys.stderr); sys.exit(3)"))
    assert shown.endswith("failed with exit code 3; run it by hand to see why")
    assert "no such file" in refused(SecretRef(command=("no-such-program-x",)))
    assert refused(python("pass")).endswith("is empty")
    assert refused(python("print('a\\nb')")).endswith("must be one line of text without control characters")


@pytest.mark.parametrize(
    "code",
    [
        "import time; time.sleep(60)",
        "import os, time; os.close(1); time.sleep(60)",
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])",
    ],
)
def test_a_command_has_a_time_limit(code: str) -> None:
    started = time.perf_counter()
    assert "within 0.5 seconds" in refused(python(code), timeout=0.5)
    assert time.perf_counter() - started < 5


def test_an_endless_output_is_cut() -> None:
    started = time.perf_counter()
    assert "is longer than 65,536 bytes" in refused(SecretRef(command=("yes", CANARY)))
    assert time.perf_counter() - started < 5


def test_a_reference_to_nothing_is_refused() -> None:
    assert refused(SecretRef()) == "a secret reference names no environment variable, file or command"
