"""An AWS emulator (moto in server mode) on a free loopback port, in memory only, as a process of its own.

The package is an extra (`cred-audit[demo]`). It keeps what is made in it and enforces no policy: what a request would
be allowed is for cred-audit to say.
"""

import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from cred_audit.demo.server import ServerMissingError

ACCOUNT = "123456789012"
"""The account that the emulator starts with."""
REGION = "us-east-1"
_START = 20.0
"""Seconds that the emulator has to say where it listens."""
_SEED = 7
"""Ids that AWS would draw by chance are the same in every demo."""
_PROGRAM = """\
import sys
from pathlib import Path
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
port = Path(sys.argv[1])
port.with_suffix(".new").write_text(str(server.get_host_and_port()[1]))
port.with_suffix(".new").replace(port)
sys.stdin.read()  # until whoever started it ends
"""


@contextlib.contextmanager
def running_aws() -> Iterator[Mapping[str, str]]:
    """Start an emulator and give the variables that lead a program to it; stop it on the way out, whatever happens.

    Raises ServerMissingError where it is not installed or does not come up in 20 s.
    """
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("flask") is None:
        raise ServerMissingError("the package moto[server] is not installed; try: pip install 'cred-audit[demo]'")
    with tempfile.TemporaryDirectory(prefix="cred-audit-") as folder, Path(folder, "log").open("wb") as log:
        file = Path(folder, "port")
        process = subprocess.Popen(  # noqa: S603  (our own program)
            [sys.executable, "-c", _PROGRAM, file.name],
            stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, cwd=folder,
            env=_without_settings(os.environ) | {"HOME": folder},
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{_port(process, file, Path(folder, 'log'))}"
            _ask(f"{address}/moto-api/seed?a={_SEED}")
            yield _variables(address)
        finally:
            process.kill()
            process.communicate()


def _port(process: "subprocess.Popen[bytes]", file: Path, log: Path) -> int:
    until = time.monotonic() + _START
    while time.monotonic() < until and process.poll() is None:
        if file.exists():
            return int(file.read_text("ascii"))
        time.sleep(0.02)
    last = log.read_text("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
    raise ServerMissingError(f"the AWS emulator did not start: {last[0][:200]}")


def _ask(url: str) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10):  # noqa: S310  (loopback)
        return


def _without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not name.startswith(("AWS_", "MOTO_", "PYTHON"))}


def _variables(address: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "of-an-emulator-that-asks-for-none",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": address,
        "AWS_EC2_METADATA_DISABLED": "true",
        # The user's own profiles stay out of it.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
