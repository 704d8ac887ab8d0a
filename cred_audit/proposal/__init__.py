"""What `cred-audit init` writes: tenants guessed from a server and from AWS, as a target file that loads."""

from cred_audit.proposal.aws import propose_aws
from cred_audit.proposal.guess import Proposal, ProposedAgent, ProposedTenant, propose
from cred_audit.proposal.joined import joined
from cred_audit.proposal.text import written

__all__ = ["Proposal", "ProposedAgent", "ProposedTenant", "joined", "propose", "propose_aws", "written"]
