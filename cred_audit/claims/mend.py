"""A smaller clause in place of one that reaches others, as a diff of its policy.

Only where it can be said what the clause is for: a clause on a mount in which the tenant itself has a folder
becomes one on that folder; a clause on anything else of others is taken out.
"""

import difflib
from collections.abc import Iterable

from cred_audit.decide import Reason
from cred_audit.decide.vault.model import World
from cred_audit.decide.vault.policy import decode_text
from cred_audit.decide.vault.routes import routes_of
from cred_audit.decide.vault.territory import KvHolding, NamespaceHolding, PathHolding

_LONGEST = 200_000
"""Characters of a policy that is still compared line by line."""


def mended(
    world: World, text: str, reason: Reason, own: Iterable[KvHolding | NamespaceHolding | PathHolding]
) -> str | None:
    """Return a unified diff that narrows or removes the clause; None where none can be written honestly."""
    text = decode_text(text)
    lines = text.splitlines(keepends=True)
    clause = reason.clause
    quoted = clause.split('"')
    if len(text) > _LONGEST or not 0 < reason.line <= len(lines) or len(quoted) < 3 or text.count(clause) != 1:
        return None
    path = quoted[1]
    folders = [folder for folder in (_folder(world, reason.namespace, path, holding) for holding in own) if folder]
    if not folders:
        changed = _without(text, clause)
    elif len(folders) == 1 and folders[0] != path:
        changed = text.replace(clause, clause.replace(f'"{path}"', f'"{folders[0]}"', 1))
    else:
        return None
    name = f"{reason.namespace}{reason.policy}.hcl"
    before, after = _lines(text), _lines(changed)
    return "".join(difflib.unified_diff(before, after, f"a/{name}", f"b/{name}", n=1)) or None


def _lines(text: str) -> list[str]:
    """Return the lines with their ends; a text without a final line end would run its last lines together."""
    return [line if line.endswith("\n") else line + "\n" for line in text.splitlines(keepends=True)]


def _without(text: str, clause: str) -> str:
    start = text.index(clause)
    end = start + len(clause)
    while end < len(text) and text[end] in " \t":
        end += 1
    return text[:start] + text[end:].removeprefix("\n")


def _folder(world: World, namespace: str, path: str, holding: KvHolding | NamespaceHolding | PathHolding) -> str | None:
    """Return the path of a tenant's own folder as the clause would have it; None where it has none in that mount."""
    if not isinstance(holding, KvHolding) or not (holding.namespace + holding.mount).startswith(namespace):
        return None
    mount = (holding.namespace + holding.mount).removeprefix(namespace)
    parts, here = path.removeprefix("/").split("/"), mount.rstrip("/").split("/")
    if (
        not holding.prefix
        or len(parts) <= len(here)
        or any(part not in ("+", name) for part, name in zip(parts, here, strict=False))
    ):
        return None
    served = routes_of(world).engine_of(holding.namespace, holding.mount)
    if served is None or served.version not in (1, 2):
        return None
    if served.version == 1:
        return f"{mount}{holding.prefix}*"
    view = parts[len(here)]
    return f"{mount}{view}/{holding.prefix}*" if view and "*" not in view and "{{" not in view else None
