"""A proposal as a target file: YAML that loads, whatever the names on the server are; guesses are comments."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cred_audit.proposal.guess import ProposedAgent, ProposedTenant
from cred_audit.target.fields import TENANT
from cred_audit.target.model import (
    AwsPrincipal,
    AwsSource,
    AwsTerritory,
    KvTerritory,
    NamespaceTerritory,
    PrincipalKind,
    VaultPrincipal,
    VaultTerritory,
)
from cred_audit.target.node import Map, Seq
from cred_audit.target.problem import START, Problems
from cred_audit.target.shape import BAD, Context, Shape
from cred_audit.target.terms import NAMESPACE, URL

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""Plain texts that some reader of YAML takes for something else."""
_SURROGATE = re.compile("[\ud800-\udfff]")
"""Halves of a character: no file in UTF-8 can hold them."""
_ESCAPES = {'"': '\\"', "\\": "\\\\"}
_COMMENT = 160
_LEFT_OUT = 50
_FIELDS = {field.key: field.shape for field in TENANT.fields}


def written(  # noqa: PLR0913  (the parts of a file)
    tenants: Iterable[ProposedTenant],
    *,
    name: str = "my-platform",
    address: str | None = None,
    namespace: str = "",
    left_out: Sequence[str] = (),
    vault: bool = True,
    aws: AwsSource | None = None,
) -> str:
    """Return the text of a target file with these tenants; it always loads.

    `address` and `namespace` are the server's; without an address VAULT_ADDR will be asked. `vault`, `aws`: the parts
    that the target has.
    """
    seen = "names and policies" if aws is None else "names, tags and policies"
    lines = [
        f"# A proposal. Everything marked `guess` was guessed from {seen}: check it, correct it.",
        "# The keys are explained by `cred-audit schema target`.",
        "schema: 1",
        f"name: {text(_SURROGATE.sub('?', name[:200]).strip() or 'my-platform')}",
        "tenants:",
    ]
    body = [line for tenant in tenants for line in _tenant(tenant, vault=vault, aws=aws is not None)]
    lines += body or _stand_in(vault=vault)
    if left_out:
        lines.append("# Seen, and given to no tenant:")
        lines += [f"#   {comment(each)}" for each in left_out[:_LEFT_OUT]]
        if len(left_out) > _LEFT_OUT:
            lines.append(f"#   and {len(left_out) - _LEFT_OUT:,} more")
    if vault:
        lines += _vault(address, namespace)
    if aws is not None:
        lines += _aws(aws)
    return "\n".join(lines) + "\n"


def _stand_in(*, vault: bool) -> list[str]:
    agent = "vault: {role: auth/approle/role/agent-1}" if vault else 'aws: {role: "arn:aws:iam::123456789012:role/a"}'
    part = (
        "{vault: []}  # - {kv: secret, prefix: tenant-1/}" if vault else "{aws: []}  # - {tags: {TenantId: tenant-1}}"
    )
    return [
        "  - id: tenant-1  # a stand-in: no tenant could be told from the others; fill in",
        f"    agents: []  # - {{id: agent-1, {agent}}}",
        f"    territory: {part}",
    ]


def text(value: str) -> str:
    """Return a text as a YAML scalar: plain where every reader takes it for text, else in double quotes."""
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return '"' + "".join(_ESCAPES.get(char) or (char if char.isprintable() else _escape(char)) for char in value) + '"'


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def comment(value: str) -> str:
    """Return a text for a comment: on one line, without what cannot be seen, cut."""
    cut = value[:_COMMENT]
    shown = "".join(char if char.isprintable() else _escape(char) for char in cut)
    return f"{shown}..." if len(value) > _COMMENT else shown


def _tenant(tenant: ProposedTenant, *, vault: bool, aws: bool) -> Iterator[str]:
    if not _loads(_FIELDS["id"], tenant.id):
        yield f"  # left out: a tenant called {comment(repr(tenant.id))}"
        return
    yield f"  - id: {text(tenant.id)}"
    yield from _entries("    agents:", "      ", [(_agent(agent), agent.why) for agent in tenant.agents], "")
    yield "    territory:"
    if vault:
        parts = [(_territory(part), why) for part, why in tenant.territory]
        yield from _entries("      vault:", "        ", parts, "vault")
    if aws:
        owned = [(_aws_territory(part), why) for part, why in tenant.aws]
        yield from _entries("      aws:", "        ", owned, "aws")


def _entries(head: str, indent: str, entries: list[tuple[dict[str, Any], str]], system: str) -> Iterator[str]:
    """Yield agents, or with a system's name the parts of the territory there."""
    lines: list[str] = []
    taken = False
    for entry, why in entries:
        if _loads(_FIELDS["territory"], {system: [entry]}) if system else _loads(_FIELDS["agents"], [entry]):
            lines.append(f"{indent}- {_flow(entry)}  # guess: {comment(why)}")
            taken = True
        else:
            lines.append(f"{indent}# left out, a target cannot name it: {comment(_flow(entry))}")
    yield head if taken else f"{head} []"
    yield from lines


def _agent(agent: ProposedAgent) -> dict[str, Any]:
    found: dict[str, Any] = {"id": agent.id}
    if agent.principal is not None:
        found["vault"] = _in_vault(agent.principal)
    if agent.aws is not None:
        found["aws"] = _in_aws(agent.aws)
    return found


def _in_vault(principal: VaultPrincipal) -> dict[str, Any]:
    vault: dict[str, Any] = {}
    if principal.kind is PrincipalKind.ROLE:
        vault["role"] = principal.role
    elif principal.kind is PrincipalKind.ENTITY:
        vault["entity"] = principal.entity
    if principal.policies is not None:
        vault["policies"] = list(principal.policies)
    if principal.namespace:
        vault["namespace"] = _folder(principal.namespace)
    return vault


def _in_aws(principal: AwsPrincipal) -> dict[str, Any]:
    who = {"role": principal.role} if principal.role else {"user": principal.user}
    return {**who, "session_tags": dict(principal.session_tags)} if principal.session_tags else dict(who)


def _aws_territory(part: AwsTerritory) -> dict[str, Any]:
    if part.tags is not None:
        return {"tags": dict(part.tags)}
    return {"account": part.account} if part.account is not None else {"arns": list(part.arns or ())}


def _territory(part: VaultTerritory) -> dict[str, Any]:
    where = {"namespace": _folder(part.namespace)} if part.namespace else {}
    if isinstance(part, KvTerritory):
        prefix = {"prefix": part.prefix} if part.prefix else {}
        return {"kv": _folder(part.mount), **prefix, **where}
    return where if isinstance(part, NamespaceTerritory) else {"paths": [part.path], **where}


def _folder(path: str) -> str | None:
    """Return the path of a namespace or mount without its slash; None where that would be another path."""
    bare = path.strip("/")
    return bare if path == f"{bare}/" else None


def _flow(value: Any) -> str:
    """Return plain data as one line of YAML."""
    if value is None:
        return "?"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{text(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return text(value)


def _vault(address: str | None, namespace: str) -> Iterator[str]:
    keys: dict[str, str] = {}
    if address and _loads(URL, address):
        keys["address"] = address
    bare = namespace.strip("/")
    if bare and _loads(NAMESPACE, bare):
        keys["namespace"] = bare
    yield f"vault: {'{}' if not keys else ''}".rstrip()
    yield from (f"  {key}: {text(value)}" for key, value in keys.items())
    if "address" not in keys:
        yield "  # address: VAULT_ADDR is used"
    yield "  # token: VAULT_TOKEN is used; or {env: NAME}, {file: path}, {command: [program, argument]}"


def _aws(source: AwsSource) -> Iterator[str]:
    keys: dict[str, Any] = {}
    if source.regions:
        keys["regions"] = list(source.regions)
    if source.endpoint_url and _loads(URL, source.endpoint_url):
        keys["endpoint_url"] = source.endpoint_url
    yield f"aws: {'{}' if not keys else ''}".rstrip()
    yield from (f"  {key}: {_flow(value)}" for key, value in keys.items())
    yield "  # credentials: AWS's own variables and profiles are used; or profile: NAME"
    yield '  # more accounts: accounts: ["111122223333"], read with role_arn: "arn:aws:iam::{account}:role/audit"'


def _loads(shape: Shape, value: Any) -> bool:
    """Tell whether the loader takes a value, by its own table."""
    context = Context(problems=Problems(file=""), base=Path("/"))
    return shape.check(_placed(value), START, "", context) is not BAD


def _placed(value: Any) -> Any:
    """Return plain data as the loader reads it."""
    if isinstance(value, Mapping):
        mapping = Map({key: _placed(item) for key, item in value.items()})
        mapping.place = START
        mapping.places = dict.fromkeys(value, (START, START))
        return mapping
    if isinstance(value, list):
        items = Seq(_placed(item) for item in value)
        items.place, items.places = START, [START] * len(items)
        return items
    return None if isinstance(value, str) and _SURROGATE.search(value) else value
