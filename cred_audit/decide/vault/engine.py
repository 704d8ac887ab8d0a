"""Would the server let this request through? One concrete request against one subject's policies.

Source: OpenBao 2.7.2 as measured. Where the server's product or version is not known, every profile that it
may have decides, and an answer that they do not share is UNKNOWN.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cred_audit.decide import Decision, Effect, Reason
from cred_audit.decide.vault import paths
from cred_audit.decide.vault.acl import LISTING, Acl, Rule, Unseen, applies, compile_acl
from cred_audit.decide.vault.duration import whole
from cred_audit.decide.vault.fields import bad_field
from cred_audit.decide.vault.hcl import GO_SPACE
from cred_audit.decide.vault.model import Namespace, PolicyDocument, Request, Subject, World
from cred_audit.decide.vault.mounted import mount_asked, sees_mount
from cred_audit.decide.vault.profile import Profile, profiles
from cred_audit.decide.vault.routes import routes_of
from cred_audit.decide.vault.wire import HANDLED, Rejected, Resolved, Unresolved, is_plain, resolve

_WITH_PARAMETERS = frozenset({"read", "create", "update", "patch", "recover"})
HELD_FOREVER = "holds the request for approvals and gives no way to release it"
"""Why a control group without a time denies: the server answers 200, does nothing and names no request to approve."""
_SHOWS_BY_TOKEN = re.compile(r"sys/internal/(?:specs/openapi|ui/namespaces|ui/mounts(?:/.+)?)\Z", re.DOTALL)
"""Open paths whose answer depends on what the token may do."""
_DIRECT = {"GET": "read", "LIST": "list", "SCAN": "scan", "DELETE": "delete"}
_CONTROL = ("sys", "auth/", "identity/", "cubbyhole")
_SHOWN = ("create", "delete", "list", "patch", "read", "scan", "subscribe", "recover", "sudo", "update")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection(Decision):
    """A DENY that no policy gave: the server answers before it looks at them."""


class Engine:
    """One server's policies, ready to be asked about any subject and request."""

    def __init__(self, world: World, now: datetime, *, trusts_exists: bool = False) -> None:
        """Take the server as read, and the moment at which expirations and time templates are judged.

        `trusts_exists`: where it is not known what is mounted, a request that says that its object does not
        exist is taken for a create; otherwise that is UNKNOWN.
        """
        self.world = world
        self.now = now
        self.trusts_exists = trusts_exists
        self.routes = routes_of(world)
        self.profiles = profiles(world.server)
        self.policies: dict[tuple[str, str], PolicyDocument] = {
            (namespace.path, policy.name): policy
            for namespace in world.namespaces
            for policy in namespace.policies or ()
        }
        self.unlisted = tuple(namespace for namespace in world.namespaces if namespace.policies is None)
        self._acls: dict[int, tuple[Subject, tuple[Acl, ...]]] = {}
        self._decisions: dict[tuple[Rule, str], Decision] = {}

    def acls(self, subject: Subject, assume: Mapping[str, str] | None = None) -> tuple[Acl, ...]:
        """Return the subject's access control list under each profile that the server may have."""
        if assume:
            return tuple(self._compile(subject, profile, assume) for profile in self.profiles)
        known = self._acls.get(id(subject))
        if known is not None and known[0] is subject:
            return known[1]
        acls = tuple(self._compile(subject, profile, {}) for profile in self.profiles)
        self._acls[id(subject)] = (subject, acls)
        return acls

    def _compile(self, subject: Subject, profile: Profile, assume: Mapping[str, str]) -> Acl:
        documents = applies(self.policies, subject)
        acl = compile_acl(documents, subject, profile, now=self.now, assume=assume)
        return (
            replace(acl, unseen=acl.unseen + _unlisted(self.unlisted, subject), simple=False) if self.unlisted else acl
        )

    def decide(self, subject: Subject, request: Request, *, assume: Mapping[str, str] | None = None) -> Decision:
        """Decide one request; one that the server answers by itself is a Rejection."""
        if assume is None:
            direct = self._direct(subject, request)
            if direct is not None:
                return direct
        acls = self.acls(subject, assume)
        if len(acls) == 1:
            return self._decide_one(acls[0], subject, request)
        answers = [self._decide_one(acl, subject, request) for acl in acls]
        first = answers[0]
        if all(answer.effect is first.effect for answer in answers):
            return next((answer for answer in answers if not isinstance(answer, Rejection)), first)
        names = ", ".join(
            f"{profile.name}: {answer.effect.value}" for profile, answer in zip(self.profiles, answers, strict=True)
        )
        reason = Reason(policy="", why=f"the answer depends on the server's version, which is not known ({names})")
        return Decision(effect=Effect.UNKNOWN, because=(reason, *first.because))

    def _direct(self, subject: Subject, request: Request) -> Decision | None:
        """Return the answer that was given before for the clause that decides a plain request; None where none was.

        Only for requests to which nothing but the clause can matter: most of the many that a batch asks.
        """
        known = self._acls.get(id(subject))
        operation = _DIRECT.get(request.method)
        path = request.path
        if (
            known is None
            or operation is None
            or known[0] is not subject
            or request.namespace
            or request.headers
            or not path
            or not is_plain(path)
            or path.startswith(_CONTROL)
        ):
            return None
        acl = known[1][0]
        routes = self.routes
        if not acl.simple or len(known[1]) > 1 or routes.guarded:
            return None
        if routes.nested and f"{path.partition('/')[0]}/" in routes.paths:
            return None
        if operation in LISTING and path[-1:] != "/":
            path += "/"
        rule = acl.rule_for(operation, path)
        return self._decisions.get((rule, operation)) if rule is not None else _NOTHING

    def _decide_one(self, acl: Acl, subject: Subject, request: Request) -> Decision:
        resolved = resolve(request, self.world, acl.profile, own=subject.namespace)
        if isinstance(resolved, Rejected):
            return Rejection(effect=Effect.DENY, because=(Reason(policy="", why=resolved.why),))
        if isinstance(resolved, Unresolved):
            return _decision(Effect.UNKNOWN, resolved.why)
        disabled = subject.entity is not None and subject.entity.disabled
        if paths.needs_no_token(self.routes, resolved.namespace, resolved.path):
            return self._open(acl, resolved, disabled=disabled)
        if disabled:
            return _decision(Effect.DENY, "the entity is disabled")
        if resolved.data and resolved.operation == "update" and acl.broken is None:
            name = bad_field(self.routes, resolved.namespace, resolved.path, resolved.data)
            if name is not None:
                why = f"the engine refuses the field {name} before the policies are asked"
                return Rejection(effect=Effect.DENY, because=(Reason(policy="", why=why),))
        return self.judge(acl, resolved, exists=request.exists)

    def _open(self, acl: Acl, resolved: Resolved, *, disabled: bool) -> Decision:
        """Decide a path that needs no token; the server still looks at the one that comes along."""
        handled = not resolved.namespace and resolved.path in HANDLED
        if disabled and acl.broken is None and not handled:
            return _decision(Effect.DENY, "the entity is disabled")
        asked = mount_asked(resolved.path) if resolved.operation == "read" else None
        if acl.broken is not None and resolved.operation == "read" and _SHOWS_BY_TOKEN.match(resolved.path):
            return Decision(effect=Effect.DENY, because=(acl.broken,))
        if asked is None or (acl.root and resolved.namespace.startswith(acl.root_namespace)):
            return _decision(Effect.ALLOW, "the server answers this path without asking a policy")
        sees = sees_mount(acl, self.routes, resolved.namespace, asked)
        if sees:
            return _decision(Effect.ALLOW, "the token has some capability below the mount")
        if sees is None or acl.unseen or acl.open_clauses:
            return _decision(Effect.UNKNOWN, "what is mounted there, or some clause, is not known")
        return _decision(Effect.DENY, "the token has no capability on anything below the mount")

    def judge(self, acl: Acl, resolved: Resolved, *, exists: bool | None) -> Decision:
        """Decide a resolved request by the policies alone."""
        if acl.broken is not None:
            return Decision(effect=Effect.DENY, because=(acl.broken,))
        operation = resolved.operation
        if acl.root:
            if resolved.namespace.startswith(acl.root_namespace):
                return _decision(Effect.ALLOW, "the token carries the policy root")
            return _decision(Effect.DENY, "the token's root policy ends at its namespace")
        if operation == "update":
            return self._written(acl, resolved, exists=exists)
        if operation == "help":
            return _decision(Effect.ALLOW, "help needs a valid token and no policy")
        if operation == "header":
            return _decision(Effect.DENY, "no capability grants HEAD")
        return self._of(acl, resolved, operation)

    def _written(self, acl: Acl, resolved: Resolved, *, exists: bool | None) -> Decision:
        """Decide a write: the engine says whether it creates or updates."""
        engine = self.routes.engine_of(resolved.namespace, resolved.path)
        if engine is not None and len(engine.start) > len(resolved.path):
            # Asking the engine turns its name into its path.
            resolved = resolved._replace(path=engine.start)
        creates = paths.tells_create(self.routes, resolved.namespace, resolved.path)
        if creates is False or exists is True:
            return self._of(acl, resolved, "update")
        if exists is False and (creates or self.trusts_exists):
            return self._of(acl, resolved, "create")
        update, create = self._of(acl, resolved, "update"), self._of(acl, resolved, "create")
        if update.effect is create.effect:
            return update
        reason = Reason(policy="", why="whether the object already exists decides between create and update")
        return Decision(effect=Effect.UNKNOWN, because=(reason, *update.because, *create.because))

    def _of(self, acl: Acl, resolved: Resolved, operation: str) -> Decision:
        full = resolved.full
        rule = acl.rule_for(operation, full)
        if acl.unseen or acl.open_clauses:
            unknown = self._unknown(acl, rule, full, operation)
            if unknown is not None:
                return unknown
        if rule is None:
            return _NOTHING
        return self._by_rule(rule, resolved, operation)

    def _unknown(self, acl: Acl, rule: Rule | None, full: str, operation: str) -> Decision | None:
        """Return UNKNOWN where a clause that was not seen could win. An exact deny on the very path always holds."""
        if rule is not None and rule.text == full and not rule.prefix and "deny" in rule.capabilities:
            return None
        hidden = [entry.reason for entry in acl.unseen if full.startswith(entry.namespace)]
        if hidden:
            return Decision(effect=Effect.UNKNOWN, because=tuple(hidden))
        tries = (full, full.removesuffix("/")) if operation in ("list", "scan") else (full,)
        free = [
            clause.source.reason(f"depends on {', '.join(sorted(clause.directives))}, which is not known")
            for clause in acl.open_clauses
            if any(clause.matcher.fullmatch(path) for path in tries)
        ]
        return Decision(effect=Effect.UNKNOWN, because=tuple(free)) if free else None

    def _by_rule(self, rule: Rule, resolved: Resolved, operation: str) -> Decision:
        known = self._decisions.get((rule, operation))
        if known is not None and (
            known.effect is Effect.DENY
            or "sudo" in rule.capabilities
            or not paths.needs_sudo(self.routes, resolved.namespace, resolved.path)
        ):
            return known
        if operation not in rule.capabilities:
            why = "denies" if "deny" in rule.capabilities else f"decides and has no {operation}"
            return self._keep(rule, operation, _by(rule, Effect.DENY, why))
        if "sudo" not in rule.capabilities and paths.needs_sudo(self.routes, resolved.namespace, resolved.path):
            return _by(rule, Effect.DENY, "decides and has no sudo, which this path needs")
        if rule.plain:
            granted = _by(rule, Effect.ALLOW, f"grants {operation}")
            # With sudo it is the same everywhere, without it only where none is needed, which is asked again.
            return self._keep(rule, operation, granted)
        fault = _wrapping(rule, resolved)
        if fault is None and operation in LISTING:
            fault = _paging(rule, resolved)
        elif fault is None and operation in _WITH_PARAMETERS:
            fault = _parameters(rule, resolved.data, per_element=self.profiles[0].per_element)
        if fault is not None:
            return _by(rule, Effect.DENY, fault)
        return _held(rule, operation)

    def _keep(self, rule: Rule, operation: str, decision: Decision) -> Decision:
        self._decisions[rule, operation] = decision
        return decision


def capabilities(engine: Engine, subject: Subject, namespace: str, path: str) -> tuple[str, ...] | None:
    """Return what `sys/capabilities` answers for a path as given; None where that is not known.

    That call is not the real decision: it always looks up as LIST, knows nothing of sudo paths, parameters
    and wrapping, takes the text as it is and trims spaces around it. Sorted as the server does.
    """
    full = (namespace + path.strip(GO_SPACE)).lstrip("/")
    answers: set[tuple[str, ...] | None] = set()
    for acl in engine.acls(subject):
        if acl.broken is not None or (subject.entity is not None and subject.entity.disabled):
            answers.add(("deny",))
        elif acl.root and full.startswith(acl.root_namespace):
            answers.add(("root",))
        elif acl.unseen or acl.open_clauses:
            answers.add(None)
        else:
            rule = acl.rule_for("list", full)
            held = tuple(name for name in sorted(_SHOWN) if rule is not None and name in rule.capabilities)
            answers.add(held or ("deny",))
    return answers.pop() if len(answers) == 1 else None


def _unlisted(namespaces: Iterable[Namespace], subject: Subject) -> tuple[Unseen, ...]:
    names = {subject.namespace} | ({subject.entity.namespace} if subject.entity is not None else set())
    names |= {group.namespace for group in subject.groups}
    return tuple(
        Unseen(
            namespace=namespace.path,
            reason=Reason(policy="", namespace=namespace.path, why="the policies of the namespace were not seen"),
        )
        for namespace in namespaces
        if namespace.path in names
    )


def _decision(effect: Effect, why: str) -> Decision:
    return Decision(effect=effect, because=(Reason(policy="", why=why),))


def _by(rule: Rule, effect: Effect, why: str) -> Decision:
    return Decision(effect=effect, because=tuple(source.reason(why) for source in rule.sources))


_NOTHING = _decision(Effect.DENY, "no clause matches the path")


def _wrapping(rule: Rule, resolved: Resolved) -> str | None:
    asked, shortest, longest = resolved.wrap_ttl, rule.min_wrapping_ttl, rule.max_wrapping_ttl
    if longest > 0 and (asked is None or asked > longest):
        return f"asks for a wrapped answer of at most {longest:g} s"
    if shortest > 0 and (asked is None or asked < shortest):
        return f"asks for a wrapped answer of at least {shortest:g} s"
    return "asks for a wrapping time that no request can have" if shortest and longest and longest < shortest else None


def _paging(rule: Rule, resolved: Resolved) -> str | None:
    """Return why a list is refused for its size. Without a limit the server sets the largest that is allowed."""
    most = rule.pagination_limit
    if most <= 0:
        return None
    asked = resolved.data.get("limit")
    if asked is None:
        return "requires the parameter limit" if "limit" in rule.required else None
    if asked in ("", "max"):
        return None
    number = whole(asked) if isinstance(asked, str) else None
    return None if number is not None and 0 <= number <= most else f"asks for a limit of at most {most}"


def _parameters(rule: Rule, data: Mapping[str, Any], *, per_element: bool) -> str | None:
    """Return why the request's fields are refused, if they are."""
    for name in sorted(rule.required):
        if name not in data:
            return f"requires the parameter {name}"
    if not data:
        return None
    denied, allowed = rule.denied or {}, rule.allowed or {}
    if "*" in denied:
        return "denies every parameter"
    for name, value in data.items():
        if name.lower() in denied and _listed(value, denied[name.lower()], per_element=per_element, every=False):
            return f"denies this value of {name}"
    if not allowed or set(allowed) == {"*"}:
        return None
    for name, value in data.items():
        if name.lower() in allowed:
            if not _listed(value, allowed[name.lower()], per_element=per_element, every=True):
                return f"does not allow this value of {name}"
        elif "*" not in allowed:
            return f"does not allow the parameter {name}"
    return None


def _listed(value: Any, listed: tuple[Any, ...], *, per_element: bool, every: bool) -> bool:
    if not listed:
        return True
    if per_element:
        parts = value if isinstance(value, list) else value.split(",") if isinstance(value, str) else [value]
        found = [any(_same(part, entry) for entry in listed) for part in parts]
        return (all(found) if every else any(found)) or any(_same(value, entry) for entry in listed)
    return any(_same(value, entry) for entry in listed)


def _same(value: Any, entry: Any) -> bool:
    """Compare as the server does: a star at either end of a text, else deep equality in which no number is equal.

    Tuples are lists of another type (repeated query parameters, objects that a policy has in objects): equal to none.
    """
    if isinstance(value, str) and isinstance(entry, str) and len(entry) > 1:
        first, last = entry.startswith("*"), entry.endswith("*")
        if first and last:
            return entry[1:-1] in value
        if first:
            return value.endswith(entry[1:])
        return value.startswith(entry[:-1]) if last else value == entry
    return _equal(value, entry)


def _equal(value: Any, entry: Any) -> bool:
    if isinstance(value, str | bool) or value is None:
        return type(value) is type(entry) and bool(value == entry)
    if isinstance(value, list) and isinstance(entry, list):
        return len(value) == len(entry) and all(map(_equal, value, entry))
    return isinstance(value, dict) and isinstance(entry, dict) and value.keys() == entry.keys() and all(
        _equal(value[name], entry[name]) for name in value
    )  # fmt: skip


def _held(rule: Rule, operation: str) -> Decision:
    group = rule.control_group
    factors = [factor for factor in group.factors if operation in factor.controlled_capabilities] if group else []
    if group is None or not factors:
        return _by(rule, Effect.ALLOW, f"grants {operation}")
    if not group.ttl:
        return _by(rule, Effect.DENY, HELD_FOREVER)
    names = ", ".join(sorted({name for factor in factors for name in factor.group_names}))
    allowed = _by(rule, Effect.ALLOW, f"grants {operation} once approved")
    return replace(allowed, assuming=(f"the control group of {names} approves the request",))
