"""Read what a target declares, from live systems or from files, into one snapshot. Collectors judge nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import cred_audit
from cred_audit.errors import CollectError
from cred_audit.facts import EVERYTHING, AwsFacts, Gap, Snapshot, VaultFacts
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

    parts: list[_Part] = []
    lost: list[CollectError] = []
    for name, declared, read in (("vault", target.vault, _read_vault), ("aws", target.aws, _read_aws)):
        if declared is None:
            continue
        try:
            parts.append(read(target, progress, environ, allow_commands, allow_outside))
        except CollectError as error:
            # What the other source gives is not lost with it.
            lost.append(error)
            parts.append(_Part(gaps=(Gap(source=name, what=EVERYTHING, reason=str(error)),)))
    if lost and len(lost) == len(parts):
        raise lost[0]
    taken = [part.taken_at for part in parts if part.taken_at is not None]
    return with_digest(
        Snapshot(
            target=target,
            # Facts of two times are as old as the older ones.
            taken_at=min(taken, default=datetime.now(UTC)),
            tool_version=cred_audit.__version__,
            vault=next((part.vault for part in parts if part.vault is not None), None),
            aws=next((part.aws for part in parts if part.aws is not None), None),
            gaps=tuple(gap for part in parts for gap in part.gaps),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What one source gave."""

    vault: VaultFacts | None = None
    aws: AwsFacts | None = None
    gaps: tuple[Gap, ...] = ()
    taken_at: datetime | None = None


def _read_vault(
    target: Target, progress: Progress, environ: Mapping[str, str], allow_commands: bool, allow_outside: bool
) -> _Part:
    if target.vault is None:
        raise LookupError("the target declares no Vault")
    if target.vault.offline:
        from cred_audit.collect.offline import read_offline  # noqa: PLC0415

        vault, gaps, taken_at = read_offline(target, allow_outside=allow_outside)
        return _Part(vault=vault, gaps=gaps, taken_at=taken_at)
    from cred_audit.collect.vault import collect_vault, connect  # noqa: PLC0415  (imports hvac)

    with connect(target.vault, target, environ=environ, allow_commands=allow_commands) as client:
        vault, gaps, taken_at = collect_vault(
            client, target, environ=environ, allow_commands=allow_commands, progress=progress
        )
    return _Part(vault=vault, gaps=gaps, taken_at=taken_at)


def _read_aws(
    target: Target, progress: Progress, environ: Mapping[str, str], allow_commands: bool, allow_outside: bool
) -> _Part:
    del allow_commands
    if target.aws is None:
        raise LookupError("the target declares no AWS")
    if target.aws.offline:
        from cred_audit.collect.aws.offline import read_aws_files  # noqa: PLC0415

        aws, gaps = read_aws_files(target.aws, target, allow_outside=allow_outside)
        return _Part(aws=aws, gaps=gaps)
    from cred_audit.collect.aws import collect_aws  # noqa: PLC0415  (imports boto3)

    aws, gaps = collect_aws(target.aws, target, environ=environ, progress=progress)
    return _Part(aws=aws, gaps=gaps, taken_at=datetime.now(UTC))
