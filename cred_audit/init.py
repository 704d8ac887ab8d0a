"""What `cred-audit init` does: ask, read a server where one is reachable, and write a target from it."""

from collections.abc import Mapping
from pathlib import Path

import typer

from cred_audit.collect import collect
from cred_audit.errors import CollectError
from cred_audit.proposal import Proposal, ProposedTenant, propose, written
from cred_audit.render.shown import line
from cred_audit.target.model import Target, VaultSource
from cred_audit.terminal import Progress, say

_NO_PROPOSAL = Proposal(tenants=(), left_out=())


def written_target(
    *, address: str | None, interactive: bool, environ: Mapping[str, str], progress: Progress, folder: Path
) -> str:
    """Return the text of a target file; `folder` is where it will stand.

    A server that cannot be read gives an empty target to fill in, and says why on stderr.
    """
    known = address or environ.get("VAULT_ADDR") or environ.get("BAO_ADDR")
    name = folder.resolve().name or "my-platform"
    if interactive:
        name = _asked("Name of the platform", name)
        known = _asked("Address of Vault or OpenBao (empty: none)", known or "") or None
    proposal = _proposal(known, environ, progress) if known else _NO_PROPOSAL
    tenants = _chosen(proposal.tenants) if interactive else proposal.tenants
    namespace = environ.get("VAULT_NAMESPACE") or environ.get("BAO_NAMESPACE") or ""
    return written(tenants, name=name, address=known, namespace=namespace, left_out=proposal.left_out)


def _proposal(address: str, environ: Mapping[str, str], progress: Progress) -> Proposal:
    target = Target(name="init", tenants=(), vault=VaultSource(address=address))
    try:
        facts = collect(target, allow_commands=False, progress=progress, environ=environ)
    except CollectError as error:
        say(f"cred-audit: {error}; the target is written without a proposal")
        return _NO_PROPOSAL
    if facts.vault is None:
        return _NO_PROPOSAL
    if facts.gaps:
        say(f"{len(facts.gaps)} calls were refused; the proposal may lack what they would have shown")
    return propose(facts.vault.world)


def _chosen(tenants: tuple[ProposedTenant, ...]) -> tuple[ProposedTenant, ...]:
    """Let the user keep or drop each proposed tenant."""
    if not tenants:
        say("Nothing was found that looks like a tenant; fill the file in by hand.")
        return ()
    say(f"{len(tenants)} tenants were guessed:")
    for tenant in tenants[:40]:
        say(f"  {line(tenant.id, 60)}: {len(tenant.agents)} agents, {len(tenant.territory)} parts of territory")
    if typer.confirm("Take all of them?", default=True, err=True):
        return tenants
    return tuple(tenant for tenant in tenants if typer.confirm(f"Take {line(tenant.id, 60)}?", default=True, err=True))


def _asked(question: str, default: str) -> str:
    return str(typer.prompt(question, default=default, err=True)).strip()
