"""What `cred-audit init` does: ask, read a server and AWS where they are reachable, and write a target from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import typer

from cred_audit.collect import collect
from cred_audit.errors import CollectError
from cred_audit.facts import Snapshot
from cred_audit.proposal import Proposal, ProposedTenant, joined, propose, propose_aws, written
from cred_audit.render.shown import line, plural
from cred_audit.target.model import AwsSource, Target, VaultSource
from cred_audit.terminal import Progress, say

_NOTHING = Proposal(tenants=(), left_out=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Systems:
    """What is to be looked at."""

    vault: str | None = None
    """An address; None to ask VAULT_ADDR, and nobody without that."""
    aws: bool = False
    endpoint: str | None = None
    """Of an AWS emulator."""


def written_target(
    systems: Systems, *, interactive: bool, environ: Mapping[str, str], progress: Progress, folder: Path
) -> str:
    """Return the text of a target file; `folder` is where it will stand.

    A system that cannot be read is written without a proposal, and why is said on stderr.
    """
    known = systems.vault or environ.get("VAULT_ADDR") or environ.get("BAO_ADDR")
    name = folder.resolve().name or "my-platform"
    if interactive:
        name = _asked("Name of the platform", name)
        known = _asked("Address of Vault or OpenBao (empty: none)", known or "") or None
    proposal = _in_vault(known, environ, progress) if known else _NOTHING
    source = AwsSource(endpoint_url=systems.endpoint) if systems.aws else None
    if source is not None:
        proposal, source = _in_aws(source, proposal, environ, progress)
    tenants = _chosen(proposal.tenants) if interactive else proposal.tenants
    namespace = environ.get("VAULT_NAMESPACE") or environ.get("BAO_NAMESPACE") or ""
    return written(
        tenants, name=name, address=known, namespace=namespace, left_out=proposal.left_out,
        # With AWS alone there is no Vault to audit.
        vault=known is not None or source is None, aws=source,
    )  # fmt: skip


def _in_vault(address: str, environ: Mapping[str, str], progress: Progress) -> Proposal:
    target = Target(name="init", tenants=(), vault=VaultSource(address=address))
    facts = _collected(target, environ, progress)
    return propose(facts.vault.world) if facts is not None and facts.vault is not None else _NOTHING


def _in_aws(
    source: AwsSource, proposal: Proposal, environ: Mapping[str, str], progress: Progress
) -> tuple[Proposal, AwsSource]:
    """Return the proposal with what AWS adds, and the source with the regions that were read."""
    facts = _collected(Target(name="init", tenants=(), aws=source), environ, progress)
    if facts is None or facts.aws is None:
        return proposal, source
    world = facts.aws.world
    found, left_out = propose_aws(world, [tenant.id for tenant in proposal.tenants])
    regions = dict.fromkeys(region.name for account in world.accounts for region in account.regions)
    return joined(proposal, found, left_out), AwsSource(regions=tuple(regions), endpoint_url=source.endpoint_url)


def _collected(target: Target, environ: Mapping[str, str], progress: Progress) -> Snapshot | None:
    try:
        facts = collect(target, allow_commands=False, progress=progress, environ=environ)
    except CollectError as error:
        say(f"cred-audit: {error}; the target is written without a proposal")
        return None
    if facts.gaps:
        say(f"{len(facts.gaps)} calls were refused; the proposal may lack what they would have shown")
    return facts


def _chosen(tenants: tuple[ProposedTenant, ...]) -> tuple[ProposedTenant, ...]:
    """Let the user keep or drop each proposed tenant."""
    if not tenants:
        say("Nothing was found that looks like a tenant; fill the file in by hand.")
        return ()
    say(f"{plural(len(tenants), 'tenant')} {'was' if len(tenants) == 1 else 'were'} guessed:")
    for tenant in tenants[:40]:
        parts = len(tenant.territory) + len(tenant.aws)
        say(f"  {line(tenant.id, 60)}: {len(tenant.agents)} agents, {parts} parts of territory")
    if typer.confirm("Take all of them?", default=True, err=True):
        return tenants
    return tuple(tenant for tenant in tenants if typer.confirm(f"Take {line(tenant.id, 60)}?", default=True, err=True))


def _asked(question: str, default: str) -> str:
    return str(typer.prompt(question, default=default, err=True)).strip()
