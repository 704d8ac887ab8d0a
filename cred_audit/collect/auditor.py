"""The policies that an auditor needs: enough to read everything that is collected, no secret.

For Vault every path is spelled out per namespace and mount. General patterns (`+/config`, `+/roles/+`) would be
shorter, and would match secrets that happen to have such names.
"""

import json
from collections.abc import Iterator

from cred_audit.collect.aws.live.permissions import PERMISSIONS, ROLES
from cred_audit.collect.vault.shapes import METHODS, Shape, engine_shape
from cred_audit.decide.vault.model import Namespace, World
from cred_audit.target.model import AwsSource

_HEAD = """\
# Least-privilege policy for cred-audit on {server}, made from its mounts. It reads how the server is set up, never
# a secret: no stanza matches a path of a KV engine's secrets. Make it anew when engines or auth methods come or go.
# Lists stand with their final slash: without it, rules such as auth/approle/role/+ would answer in their place.
#   bao policy write cred-audit auditor.hcl && bao token create -policy=cred-audit -no-default-policy -ttl=1h
# (write it in {where}; with Vault, `vault` in place of `bao`)
"""


def auditor_policy(world: World) -> str:
    """Return the policy as HCL, for the topmost namespace of this world."""
    base = world.namespaces[0].path if world.namespaces else ""
    product = world.server.product or "this server"
    where = f"the namespace {base}" if base else "the root namespace"
    lines = [_HEAD.format(server=f"{product} {world.server.version or ''}".strip(), where=where)]
    for namespace in world.namespaces:
        prefix = namespace.path.removeprefix(base)
        lines.append(f"# --- {_comment(namespace.path) or 'root namespace'}")
        lines += _server(prefix, product) if not namespace.path else ()
        lines += _common(prefix, product)
        lines += _mounts(prefix, namespace)
        lines.append("")
    return "\n".join(lines)


def auditor_iam_policy(source: AwsSource | None) -> str:
    """Return the policy as JSON, for the caller and for the role that is read with in each account.

    `source`: where the target says that such a role is used; the caller may then assume it.
    """
    statements = [
        {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": "*"} for sid, _, actions in PERMISSIONS
    ]
    if source is not None and source.role_arn is not None:
        sid, _, action = ROLES
        names = source.accounts or ("*",)
        roles = list(dict.fromkeys(source.role_arn.replace("{account}", account) for account in names))
        statements.append({"Sid": sid, "Effect": "Allow", "Action": [action], "Resource": roles})
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"


def _server(prefix: str, product: str) -> Iterator[str]:
    yield _rule(f"{prefix}sys/config/state/sanitized", ("read",), "server options that weaken isolation")
    yield _rule(f"{prefix}sys/audit", ("read", "sudo"), "audit devices; the server wants sudo")
    yield _rule(f"{prefix}sys/config/auditing/request-headers", ("read", "sudo"), "headers in the audit log; likewise")
    yield _rule(f"{prefix}sys/quotas/rate-limit/", ("list",), "rate limits")
    yield _rule(f"{prefix}sys/quotas/rate-limit/+", ("read",), "one rate limit")
    if product != "openbao":
        yield _rule(f"{prefix}sys/config/group-policy-application", ("read",), "groups across namespaces")


def _common(prefix: str, product: str) -> Iterator[str]:
    openbao = product == "openbao"
    yield _rule(f"{prefix}sys/namespaces/", ("list", "scan") if openbao else ("list",), "the namespaces below")
    yield _rule(f"{prefix}sys/policies/acl/", ("list",), "names of the policies")
    yield _rule(f"{prefix}sys/policies/acl/*", ("read",), "their texts")
    if openbao:
        yield _rule(f"{prefix}sys/policies/detailed/acl/", ("list",), "all texts in one answer")
    yield _rule(f"{prefix}sys/mounts", ("read",), "secrets engines and their tuning")
    yield _rule(f"{prefix}sys/auth", ("read",), "auth methods and their tuning")
    yield _rule(f"{prefix}identity/entity/id/", ("list",), "entities")
    yield _rule(f"{prefix}identity/entity/id/+", ("read",), "their policies, aliases and metadata")
    yield _rule(f"{prefix}identity/group/id/", ("list",), "groups")
    yield _rule(f"{prefix}identity/group/id/+", ("read",), "their policies and members")
    yield _rule(f"{prefix}identity/mfa/login-enforcement/", ("list",), "where a second factor is enforced")
    yield _rule(f"{prefix}auth/token/lookup-self", ("read",), "whether the auditor's own token is good")
    yield _rule(f"{prefix}auth/token/roles/", ("list",), "token roles")
    yield _rule(f"{prefix}auth/token/roles/+", ("read",), "what they let a holder ask for")
    yield _rule(f"{prefix}auth/token/accessors/", ("list", "sudo"), "live tokens by accessor; the server wants sudo")
    yield _rule(f"{prefix}auth/token/lookup-accessor", ("update",), "policies and lifetime of a token; shows no token")
    # The exact rule stands beside the star since `default` has one for the path without its slash, which would win.
    yield _rule(f"{prefix}sys/leases/lookup/", ("list", "sudo"), "first segments of leases; the server wants sudo")
    yield _rule(f"{prefix}sys/leases/lookup/*", ("list", "sudo"), "what lies below them")
    yield _rule(f"{prefix}sys/capabilities-accessor", ("update",), "scan --confirm: ask what a token may do")


def _mounts(prefix: str, namespace: Namespace) -> Iterator[str]:
    if namespace.mounts is None or namespace.auth_mounts is None:
        yield "# sys/mounts or sys/auth was not seen here: print this policy with an administrator's token"
    for mount in namespace.mounts or ():
        yield from _shaped(prefix, mount.path, mount.type, engine_shape(mount.type, mount.version))
    for method in namespace.auth_mounts or ():
        base = f"auth/{method.path}"
        yield from _shaped(prefix, base, method.type, METHODS.get(method.type))
        if method.type == "approle" and _plain(base):
            yield _rule(
                f"{prefix}{base}role/+/role-id", ("read",), "name of the role's logins; no credential by itself"
            )
            yield _rule(f"{prefix}{base}role/+/secret-id/", ("list",), "how many secret ids are out; by accessor")


def _shaped(prefix: str, base: str, kind: str, shape: Shape | None) -> Iterator[str]:
    if shape is None:
        yield f"# {_comment(prefix + base)}: nothing is read of the type {_comment(kind)}"
        return
    if not _plain(base):
        yield f"# {_comment(prefix + base)}: a rule with this path would match other mounts too, so it has none"
        return
    for path in shape.single:
        yield _rule(f"{prefix}{base}{path}", ("read",), f"settings of {kind}")
    for folder in shape.folders:
        yield _rule(f"{prefix}{base}{folder.folder}", ("list",), f"names in {kind}")
        yield _rule(f"{prefix}{base}{folder.kind}/+", ("read",), f"public fields of each {folder.kind}")


def _plain(path: str) -> bool:
    """Whether a path, put into a policy, stands for itself only."""
    return "+" not in path.split("/") and "{{" not in path and "}}" not in path and "+*" not in path


def _rule(path: str, capabilities: tuple[str, ...], why: str) -> str:
    quoted = path.replace("\\", "\\\\").replace('"', '\\"')
    names = ", ".join(f'"{capability}"' for capability in capabilities)
    return f'path "{quoted}" {{ capabilities = [{names}] }} # {why}'


def _comment(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text[:200])
