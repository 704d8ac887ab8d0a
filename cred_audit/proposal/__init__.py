"""What `cred-audit init` writes: tenants guessed from a server, as a target file that loads."""

from cred_audit.proposal.guess import Proposal, ProposedAgent, ProposedTenant, propose
from cred_audit.proposal.text import written

__all__ = ["Proposal", "ProposedAgent", "ProposedTenant", "propose", "written"]
