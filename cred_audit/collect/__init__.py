"""Read what a target declares, from live systems or from files, into one snapshot. Collectors judge nothing."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import cred_audit
from cred_audit.facts import Gap, Snapshot, VaultFacts
from cred_audit.target.model import Target

Progress = Callable[[str, int, int | None], None]
"""Hears the step, how much of it is done, and of how much (None: not known)."""


def collect(
    target: Target,
    *,
    allow_commands: bool,
    progress: Progress,
    environ: Mapping[str, str],
    allow_outside: bool = False,
) -> Snapshot:
    """Return all that could be seen of a target's systems; what was not seen is in the snapshot's gaps.

    Read-only. `environ` gives VAULT_ADDR, VAULT_TOKEN and the like where the target is silent. Raises CollectError
    where nothing can be read at all, TargetError where a secret reference of the target gives nothing.
    """
    from cred_audit.snapshot import with_digest  # noqa: PLC0415  (with the collectors, only where something is read)

    vault: VaultFacts | None = None
    gaps: tuple[Gap, ...] = ()
    taken_at = datetime.now(UTC)
    if target.vault is not None and target.vault.offline:
        from cred_audit.collect.offline import read_offline  # noqa: PLC0415

        vault, gaps, taken_at = read_offline(target, allow_outside=allow_outside)
    elif target.vault is not None:
        from cred_audit.collect.vault import collect_vault, connect  # noqa: PLC0415  (imports hvac)

        with connect(target.vault, target, environ=environ, allow_commands=allow_commands) as client:
            vault, gaps, taken_at = collect_vault(
                client, target, environ=environ, allow_commands=allow_commands, progress=progress
            )
    return with_digest(
        Snapshot(target=target, taken_at=taken_at, tool_version=cred_audit.__version__, vault=vault, gaps=gaps)
    )
