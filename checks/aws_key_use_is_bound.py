"""Keys that several tenants share decrypt for an agent only through the service and for its own secrets.

Why: with a key that tenants share, kms:Decrypt without a limit turns any ciphertext that leaks into a secret, and
kms:CreateGrant or kms:PutKeyPolicy hand the key on.
How: for each key that encrypts what several tenants hold, kms:Decrypt sent by the agent itself, with another
tenant's secret as encryption context, is decided against its policies, the key's policy and grants; so are
kms:CreateGrant and kms:PutKeyPolicy. A grant without an encryption context fails by itself.
Fix: `kms:ViaService` and `kms:EncryptionContext:SecretARN` in every statement that allows kms:Decrypt; better, a key
for each tenant.
"""

from collections.abc import Iterator

from cred_audit.check import Finding, Severity, Snapshot
from cred_audit.claims.aws.keys import judge_key_use
from cred_audit.claims.aws.sight import Part, judged_with

SEVERITY = Severity.MEDIUM
NEEDS = ("aws",)
MAPS_TO = ("NIST SC-12", "NIST AC-3", "NIST AC-6", "ISO27001 A.8.24", "SOC2 CC6.1", "PCI 3.6-3.7", "CWE-863")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each agent's use of the keys that tenants share."""
    parts = (Part.ROLES, Part.SECRETS, Part.PARAMETERS, Part.KEYS, Part.TAGS)
    nothing = "no customer key serves several tenants; secrets, parameters and keys read in full"
    yield from judged_with(snapshot, parts, judge_key_use(snapshot), nothing)
