"""Start the demo's server, build the platform, read it, stop the server; a recorded reading where none can run."""

import os
from pathlib import Path

from cred_audit.collect import collect
from cred_audit.collect.auditor import auditor_policy
from cred_audit.demo.platform import auditor_token, build
from cred_audit.demo.server import ServerMissingError, running_server
from cred_audit.facts import Snapshot
from cred_audit.snapshot import load
from cred_audit.target.load import load_target
from cred_audit.terminal import Progress

HERE = Path(__file__).resolve().parent
RECORDED = HERE / "snapshot.json"


def demo_snapshot(progress: Progress) -> tuple[Snapshot, str]:
    """Return what was read of the demo's platform, and one sentence on how."""
    try:
        return live_snapshot(
            progress
        ), "A real OpenBao server was started for this on loopback, read and stopped again."
    except ServerMissingError as error:
        facts = load(RECORDED.read_bytes(), source=str(RECORDED))
        return facts, f"No server could be started here ({error}): this is a recorded reading of the same platform."


def live_snapshot(progress: Progress) -> Snapshot:
    """Return a fresh reading of the platform on a server that lives for as long as this takes.

    It is read as an auditor should: with the least-privilege policy for this very server, after the root token
    that built the platform is revoked.
    """
    with running_server() as server:
        build(server, progress)
        target = load_target(HERE / "target.yaml")
        first = collect(target, allow_commands=False, progress=progress, environ=_environ(server.address, server.token))
        if first.vault is None:
            raise LookupError("the target of the demo declares a vault")
        token = auditor_token(server, auditor_policy(first.vault.world))
        return collect(target, allow_commands=False, progress=progress, environ=_environ(server.address, token))


def _environ(address: str, token: str) -> dict[str, str]:
    """Return the environment without the user's own settings, which must not lead the demo to another server."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("VAULT_", "BAO_"))}
    return environ | {"VAULT_ADDR": address, "VAULT_TOKEN": token}
