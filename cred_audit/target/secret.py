"""Secrets are read here, at the last moment, from where the target says; no error shows what was read."""

import contextlib
import os
import signal
import stat
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from cred_audit.errors import TargetError
from cred_audit.target.model import SecretRef
from cred_audit.target.problem import quoted, shown_path

_LONGEST = 65_536
_SECONDS = 30.0


def read_secret(
    ref: SecretRef,
    *,
    base: Path,
    allow_commands: bool,
    environ: Mapping[str, str] | None = None,
    timeout: float = _SECONDS,
) -> str:
    """Return the secret that a reference stands for, without the newline at its end.

    `base` is the target's folder; `timeout` the seconds that a command has. Raises TargetError where there is no
    secret, where it is longer than 64 kB or not one line of text, and for a command that was not allowed.
    """
    if ref.env is not None:
        name = quoted(ref.env)
        value = (os.environ if environ is None else environ).get(ref.env)
        if value is None:
            raise TargetError(f"the environment variable {name} is not set; the target names it as a secret reference")
        return _line(value.encode("utf-8", "surrogateescape"), f"the environment variable {name}")
    if ref.file is not None:
        path = base / ref.file
        return _line(_of_file(path), f"the secret file {shown_path(path)}")
    program = quoted(ref.command[0] if ref.command else "")
    if not ref.command:
        raise TargetError("a secret reference names no environment variable, file or command")
    if not allow_commands:
        raise TargetError(f"the target wants to run {program} for a secret; use --allow-commands if you trust it")
    return _line(_of_command(ref.command, base, timeout), f"what the command {program} printed")


def _line(data: bytes, what: str) -> str:
    if len(data) > _LONGEST:
        raise TargetError(f"{what} is longer than {_LONGEST:,} bytes: this is no secret")
    try:
        text = data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise TargetError(f"{what} is not UTF-8 text") from None  # the cause would show it
    if not text:
        raise TargetError(f"{what} is empty")
    if not text.isprintable():
        raise TargetError(f"{what} must be one line of text without control characters")
    return text


def _of_file(path: Path) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with open(handle, "rb") as file:  # noqa: PTH123  (a descriptor)
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise TargetError(f"the secret file {shown_path(path)} is not a plain file")
            return file.read(_LONGEST + 1)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "its name is not valid"
        raise TargetError(f"cannot read the secret file {shown_path(path)}: {why.lower()}") from None


def _of_command(command: tuple[str, ...], base: Path, timeout: float) -> bytes:
    program = quoted(command[0])
    try:
        process = subprocess.Popen(  # noqa: S603  (an argument list, no shell, and only when allowed)
            command, cwd=base, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "it has no valid name"
        raise TargetError(f"cannot run {program} for a secret: {why.lower()}") from None
    output = process.stdout
    if output is None:
        raise TargetError(f"cannot read from {program}")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(output.read(_LONGEST + 1)), daemon=True)
    try:
        reader.start()
        reader.join(timeout)
        if reader.is_alive():
            raise TargetError(f"the command {program} gave no secret within {timeout:g} seconds")
        if read and len(read[0]) <= _LONGEST:
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                raise TargetError(f"the command {program} did not end within {timeout:g} seconds") from None
            if code != 0:
                raise TargetError(f"the command {program} failed with exit code {code}; run it by hand to see why")
    finally:
        _end(process)
        reader.join(1)
    return read[0] if read else b""


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the command and what it started."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
