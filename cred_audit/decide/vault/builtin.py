"""Policies that every OpenBao namespace has without anybody writing them. Source: OpenBao 2.7.2, as read from it."""

DEFAULT = "default"
"""Name of the policy that tokens carry unless they are told not to."""
UNWRITABLE = frozenset({"root", "response-wrapping"})
"""Names under which no policy can be written."""
_GRANTS = (
    ("auth/token/lookup-self", ("read",)),
    ("auth/token/renew-self", ("update",)),
    ("auth/token/revoke-self", ("update",)),
    ("sys/capabilities-self", ("update",)),
    ("identity/entity/id/{{identity.entity.id}}", ("read",)),
    ("identity/entity/name/{{identity.entity.name}}", ("read",)),
    ("sys/internal/ui/resultant-acl", ("read",)),
    ("sys/leases/renew", ("update",)),
    ("sys/leases/lookup", ("update",)),
    ("cubbyhole/*", ("create", "read", "update", "delete", "list")),
    ("sys/wrapping/wrap", ("update",)),
    ("sys/wrapping/lookup", ("update",)),
    ("sys/wrapping/unwrap", ("update",)),
    ("sys/tools/hash", ("update",)),
    ("sys/tools/hash/*", ("update",)),
    ("identity/oidc/provider/+/authorize", ("read", "update")),
)
DEFAULT_TEXT = "\n".join(
    f'path "{path}" {{ capabilities = [' + ", ".join(f'"{name}"' for name in names) + "] }" for path, names in _GRANTS
)
"""What the policy `default` grants until somebody edits it."""
