"""One question about one agent of a snapshot."""

from cred_audit.ask.agents import acting_of
from cred_audit.claims.isolation import isolation
from cred_audit.decide import Decision, Effect, Reason, Unknown
from cred_audit.decide.vault.model import Request
from cred_audit.errors import UsageError
from cred_audit.facts import Snapshot

OPERATIONS = {
    "read": "GET", "list": "LIST", "scan": "SCAN", "create": "POST", "update": "POST", "patch": "PATCH",
    "delete": "DELETE",
}  # fmt: skip
"""The server's names of capabilities that a request can ask for, and their methods."""


def ask_one(
    snapshot: Snapshot, agent_id: str, operation: str, path: str, namespace: str | None = None
) -> tuple[Request, Decision]:
    """Decide one operation of a declared agent (`id` or `tenant/id`) on a path as it stands on the wire.

    `namespace` is the header, by default the one of the agent's token. Raises UsageError for an agent or
    operation that does not exist, and where the snapshot has nothing of Vault.
    """
    if operation not in OPERATIONS:
        message = f"there is no operation {operation!r}; one of {', '.join(OPERATIONS)}"
        raise UsageError(message)
    if snapshot.vault is None:
        raise UsageError("the snapshot holds nothing of Vault; declare it in the target")
    asked = isolation(snapshot)
    acting = acting_of(asked.acting, agent_id, "Vault")
    subject = acting.subject
    sent = namespace if namespace is not None else "" if isinstance(subject, Unknown) else subject.namespace
    request = Request(
        method=OPERATIONS[operation],
        path=path,
        namespace=sent,
        headers={"Content-Type": "application/merge-patch+json"} if operation == "patch" else {},
        exists={"create": False, "update": True}.get(operation),
    )
    if isinstance(subject, Unknown):
        reason = Reason(policy="", why=f"who the agent is on the server is not known: {subject.reason}")
        return request, Decision(effect=Effect.UNKNOWN, because=(reason,))
    return request, asked.engine.decide(subject, request)
