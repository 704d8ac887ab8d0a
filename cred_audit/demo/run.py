"""Start the demo's servers, build the platform, read it, stop them; a recorded reading where none can run."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from cred_audit.collect import collect
from cred_audit.collect.auditor import auditor_policy
from cred_audit.demo.aws_platform import build_aws
from cred_audit.demo.aws_server import running_aws
from cred_audit.demo.platform import auditor_token, build
from cred_audit.demo.server import ServerMissingError, running_server
from cred_audit.facts import Snapshot
from cred_audit.snapshot import load
from cred_audit.target.load import load_target
from cred_audit.terminal import Progress

HERE = Path(__file__).resolve().parent
RECORDED = HERE / "snapshot.json"
_LIVE = "A real OpenBao server and an AWS emulator were started for this on loopback, read and stopped again."
_OTHERS = ("VAULT_", "BAO_", "AWS_")
"""Beginnings of variables that would lead the demo to the user's own systems."""
_DIRECT = ("NO_PROXY", "no_proxy")


def demo_snapshot(progress: Progress) -> tuple[Snapshot, str]:
    """Return what was read of the demo's platform, and one sentence on how."""
    try:
        return live_snapshot(progress), _LIVE
    except ServerMissingError as error:
        facts = load(RECORDED.read_bytes(), source=str(RECORDED))
        return facts, f"No server could be started here ({error}): this is a recorded reading of the same platform."


def live_snapshot(progress: Progress) -> Snapshot:
    """Return a fresh reading of the platform on servers that live for as long as this takes.

    It is read as an auditor should: with the least-privilege policy for this very server, after the root token
    that built the platform is revoked.
    """
    with _without_proxy(), contextlib.ExitStack() as stack, ThreadPoolExecutor(1) as beside:
        # The emulator takes longer to start than Vault's half to build.
        starting = beside.submit(stack.enter_context, running_aws())
        server = stack.enter_context(running_server())
        build(server, progress)
        aws = starting.result()
        build_aws(aws, progress)
        target = load_target(HERE / "target.yaml")
        environ = _environ(server.address, server.token, aws)
        first = collect(replace(target, aws=None), allow_commands=False, progress=progress, environ=environ)
        if first.vault is None:
            raise LookupError("the target of the demo declares a vault")
        token = auditor_token(server, auditor_policy(first.vault.world))
        environ = _environ(server.address, token, aws)
        return collect(target, allow_commands=False, progress=progress, environ=environ)


def _environ(address: str, token: str, aws: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the user's own settings, which must not lead the demo to another server."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
    return environ | {"VAULT_ADDR": address, "VAULT_TOKEN": token} | dict(aws)


@contextlib.contextmanager
def _without_proxy() -> Iterator[None]:
    """Reach loopback directly, whatever proxy the user's environment names."""
    before = {name: os.environ.get(name) for name in _DIRECT}
    os.environ.update(dict.fromkeys(_DIRECT, "127.0.0.1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
