"""Whether a token may see a mount: `sys/internal/ui/mounts/<path>` is open, and asks this by itself.

Any capability on anything below the mount is enough. Source: OpenBao 2.7.2 as measured.
"""

import re

from cred_audit.decide.vault.acl import Acl, Rule, RuleKind
from cred_audit.decide.vault.routes import Routes

_ASKS = re.compile(r"sys/internal/ui/mounts/(.+)\Z", re.DOTALL)


def mount_asked(path: str) -> str | None:
    """Return the path whose mount a request asks about, with its slash; None for every other request."""
    found = _ASKS.match(path)
    return found.group(1).strip("/") + "/" if found is not None else None


def sees_mount(acl: Acl, routes: Routes, namespace: str, asked: str) -> bool | None:
    """Whether the token may see the mount at a path; None where it is not known what is mounted there."""
    # The path may lead into a namespace below.
    start = len(namespace)
    whole = namespace + asked
    while (end := whole.find("/", start)) >= 0 and whole[: end + 1] in routes.paths:
        start = end + 1
    namespace, asked = whole[:start], whole[start:]
    engine = routes.engine_of(namespace, asked)
    if engine is None:
        entry = routes.entries.get(namespace)
        return None if entry is None or entry.mounts is None else False
    mount = namespace + engine.start
    direct = acl.rule_for("list", mount)
    if direct is not None and _grants(direct):
        return True
    if all(rule.kind is RuleKind.PREFIX for rule in acl.ordered) and any(rule.matches(mount) for rule in acl.ordered):
        # Without clauses that hold a + the server is content with any glob over the mount, one that denies too.
        return True
    exact = (rule for path, rule in acl.exact.items() if path.startswith(mount))
    return any(map(_grants, exact)) or any(_grants(rule) and _below(rule, mount) for rule in acl.ordered)


def _grants(rule: Rule) -> bool:
    return bool(rule.capabilities) and "deny" not in rule.capabilities


def _below(rule: Rule, mount: str) -> bool:
    if rule.kind is RuleKind.PREFIX:
        return rule.text.startswith(mount)
    parts, wanted = rule.text.split("/"), mount.split("/")
    segments: list[str] = []
    for number, part in enumerate(parts[: len(wanted) - 1]):
        if part in ("+", wanted[number]):
            segments.append(wanted[number])
        elif rule.prefix and number == len(parts) - 1 and wanted[number].startswith(part):
            segments += wanted[number:]
        # A segment that does not match is only left out, so that it never fits below.
    return len(parts) >= len(wanted) - 1 and ("/".join(segments) + "/").startswith(mount)
