"""What a policy text means: its stanzas, with the server's own leniencies and refusals at write time.

The order of the checks is the server's: what it never looks at (everything but keys and types once a
stanza denies) is not looked at here either.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cred_audit.decide.vault import hcl
from cred_audit.decide.vault.filter import FilterError, check_filter
from cred_audit.decide.vault.hcl import (
    Item,
    ListNode,
    Node,
    ObjectNode,
    PolicySyntaxError,
)
from cred_audit.decide.vault.values import Json, Values

__all__ = [
    "OPENBAO", "OPENBAO_2_6", "VAULT", "VAULT_1_20", "ControlGroup", "Dialect", "Factor", "PolicySyntaxError", "Stanza",
    "decode_text", "parse_policy",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One group of approvers of a control group."""

    name: str
    controlled_capabilities: frozenset[str]
    group_names: tuple[str, ...]
    group_ids: tuple[str, ...] = ()
    approvals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlGroup:
    """Approvals that a request needs. `ttl` in seconds; 0 when absent, and then no request is ever held."""

    ttl: float
    self_auth_allowed: bool
    factors: tuple[Factor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stanza:
    """One path clause of a policy."""

    path: str
    """The label as written: templates unexpanded, a leading slash kept."""
    capabilities: frozenset[str]
    """After the `policy` shorthand; `deny` stands alone."""
    allowed_parameters: Mapping[str, tuple[Json, ...]] | None
    denied_parameters: Mapping[str, tuple[Json, ...]] | None
    required_parameters: tuple[str, ...]
    min_wrapping_ttl: float
    """Seconds; 0 for none."""
    max_wrapping_ttl: float
    control_group: ControlGroup | None
    mfa_methods: tuple[str, ...]
    pagination_limit: int
    """0 for none; negative switches it off."""
    list_filter: str
    """`list_scan_response_keys_filter_path`; empty for none."""
    expiration: datetime | None
    line: int
    end_line: int
    text: str
    """The clause's source lines, for quoting."""


_CAPABILITIES = frozenset({"create", "read", "update", "delete", "list", "sudo", "patch", "deny"})
_KEYS = frozenset({
    "comment", "policy", "capabilities", "allowed_parameters", "denied_parameters", "required_parameters",
    "min_wrapping_ttl", "max_wrapping_ttl", "mfa_methods", "control_group",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What differs at parse time between products and versions."""

    product: str
    capabilities: frozenset[str]
    stanza_keys: frozenset[str]
    refuse_duplicate_attributes: bool = False
    group_ids: bool = False
    """Whether a control group may name its approvers by group id."""


OPENBAO = Dialect(
    product="openbao",
    capabilities=_CAPABILITIES | {"scan"},
    stanza_keys=_KEYS | {"expiration", "pagination_limit", "list_scan_response_keys_filter_path"},
)
OPENBAO_2_6 = Dialect(
    product="openbao", capabilities=OPENBAO.capabilities, stanza_keys=OPENBAO.stanza_keys - {"control_group"}
)
VAULT_1_20 = Dialect(
    product="vault",
    capabilities=_CAPABILITIES | {"subscribe", "recover"},
    stanza_keys=_KEYS | {"subscribe_event_types"},
    group_ids=True,
)
VAULT = Dialect(
    product="vault",
    capabilities=VAULT_1_20.capabilities,
    stanza_keys=VAULT_1_20.stanza_keys,
    refuse_duplicate_attributes=True,
    group_ids=True,
)

_OPERATIONS = frozenset({
    "create", "read", "update", "delete", "list", "scan", "patch", "help", "header", "renew", "revoke", "rollback",
    "alias-lookahead", "resolve-role",
})  # fmt: skip
_SHORTHANDS: Mapping[str, tuple[str, ...]] = {
    "deny": ("deny",),
    "read": ("read", "list"),
    "write": ("create", "read", "update", "delete", "list"),
    "sudo": ("create", "read", "update", "delete", "list", "sudo"),
}


def decode_text(text: str) -> str:
    """Plain policy text from what the API takes: base64 wins when the text is valid base64."""
    compact = text.replace("\r", "").replace("\n", "")
    try:
        return base64.b64decode(compact, validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return text


def parse_policy(text: str, dialect: Dialect = OPENBAO, *, now: datetime | None = None) -> tuple[Stanza, ...]:
    """Stanzas in the order of the text.

    With `now`, a stanza that has expired is left out before its remaining checks, as a server does that
    reads the text at that moment; without it every stanza is kept and checked. Raises PolicySyntaxError.
    """
    root = hcl.parse(text)
    return _Reader(text, dialect, now).stanzas(root)


class _Reader(Values):
    """Reads one document."""

    def __init__(self, text: str, dialect: Dialect, now: datetime | None) -> None:
        self.json = text.strip().startswith("{")
        self.text = text if self.json else text.replace("\r\n", "\n")
        self.lines = self.text.split("\n")
        self.dialect = dialect
        self.now = now
        self.counted = (0, 1)

    def line(self, offset: int) -> int:
        """Line of an offset; the count goes on from the last one, since stanzas come in order."""
        start, line = self.counted if self.counted[0] <= offset else (0, 1)
        line += self.text.count("\n", start, offset)
        self.counted = (offset, line)
        return line

    def stanzas(self, root: ObjectNode) -> tuple[Stanza, ...]:
        for item in root.items:
            if item.keys[0] not in ("name", "path"):
                message = f"unknown key {item.keys[0]!r}; a policy holds path blocks"
                raise self.error(message, item.start)
        self.refuse_duplicates(root)
        for item in root.items:
            if item.keys[0] == "name":
                self.string(item)
        found = (self.stanza(item) for item in root.items if item.keys[0] == "path")
        return tuple(stanza for stanza in found if stanza is not None)

    def refuse_duplicates(self, node: Node) -> None:
        """Newer Vaults refuse an attribute written twice in one block of HCL; blocks may repeat."""
        if not self.dialect.refuse_duplicate_attributes or self.json:
            return
        if isinstance(node, ObjectNode):
            seen: set[str] = set()
            for item in node.items:
                if not isinstance(item.value, ObjectNode):
                    if item.keys[0] in seen:
                        message = f"{item.keys[0]!r} is set twice"
                        raise self.error(message, item.start)
                    seen.add(item.keys[0])
                self.refuse_duplicates(item.value)
        elif isinstance(node, ListNode):
            for element in node.elements:
                self.refuse_duplicates(element)

    def stanza(self, item: Item) -> Stanza | None:
        path = item.keys[1] if len(item.keys) > 1 else "path"
        self.check_templates(path, item.start)
        body = item.value
        if not isinstance(body, ObjectNode):
            raise self.error("path needs a block", item.start)
        fields: dict[str, list[Item]] = {}
        for inner in body.items:
            if inner.keys[0] not in self.dialect.stanza_keys:
                message = f"unknown key {inner.keys[0]!r} in a path block"
                raise self.error(message, inner.start)
            fields.setdefault(inner.keys[0], []).append(inner)
        control_group = None
        for inner in fields.get("control_group", ()):
            # All have to be right; the last one counts.
            control_group = self.control_group(inner)
        shorthand = self.last_string(fields, "policy")
        capabilities = self.strings(fields, "capabilities")
        expiration_text = self.last_string(fields, "expiration")
        minimum = self.scalar(fields.get("min_wrapping_ttl", ()))
        maximum = self.scalar(fields.get("max_wrapping_ttl", ()))
        allowed = self.parameters(fields.get("allowed_parameters"))
        denied = self.parameters(fields.get("denied_parameters"))
        required = self.strings(fields, "required_parameters")
        methods = self.strings(fields, "mfa_methods")
        limit = 0
        for inner in fields.get("pagination_limit", ()):
            limit = self.integer(inner)
        list_filter = self.last_string(fields, "list_scan_response_keys_filter_path")
        expiration = self.expiration(expiration_text, item.start) if expiration_text else None
        if expiration is not None and self.now is not None and self.now > expiration:
            return None
        if "+*" in path:
            message = f"path {path!r}: +* is not allowed"
            raise self.error(message, item.start)
        granted = self.capabilities(shorthand, capabilities, item)
        if "deny" in granted:
            allowed = denied = None
            required = methods = ()
            limit, list_filter = 0, ""
            shortest = longest = 0.0
        else:
            shortest, longest = (self.seconds(value, item.start) for value in (minimum, maximum))
            if shortest and longest and longest < shortest:
                raise self.error("max_wrapping_ttl is less than min_wrapping_ttl", item.start)
            if list_filter:
                self.check_filter(list_filter, granted, item.start)
        first = self.line(item.start)
        last = self.line(max(item.start, body.end - 1))
        return Stanza(
            path=path, capabilities=granted, allowed_parameters=allowed, denied_parameters=denied,
            required_parameters=required, min_wrapping_ttl=shortest, max_wrapping_ttl=longest,
            control_group=control_group, mfa_methods=methods, pagination_limit=limit, list_filter=list_filter,
            expiration=expiration, line=first, end_line=last, text="\n".join(self.lines[first - 1 : last]),
        )  # fmt: skip

    def check_templates(self, path: str, offset: int) -> None:
        head, *rest = path.split("{{")
        if "}}" in head or any(piece.count("}}") != 1 for piece in rest):
            message = f"path {path!r}: {{{{ and }}}} do not pair"
            raise self.error(message, offset)

    def check_filter(self, template: str, granted: frozenset[str], offset: int) -> None:
        if "list" not in granted:
            raise self.error("list_scan_response_keys_filter_path needs the list capability", offset)
        try:
            check_filter(template)
        except FilterError as error:
            message = f"list_scan_response_keys_filter_path: {error}"
            raise self.error(message, offset) from None

    def capabilities(self, shorthand: str, listed: tuple[str, ...], item: Item) -> frozenset[str]:
        if shorthand:
            if shorthand not in _SHORTHANDS:
                message = f"unknown policy shorthand {shorthand!r}"
                raise self.error(message, item.start)
            listed = ("deny",) if shorthand == "deny" else listed + _SHORTHANDS[shorthand]
        granted: set[str] = set()
        for capability in listed:
            if capability == "deny":
                # Nothing after it is looked at.
                return frozenset({"deny"})
            if capability not in self.dialect.capabilities:
                message = f"unknown capability {capability!r}"
                raise self.error(message, item.start)
            granted.add(capability)
        return frozenset(granted)

    def control_group(self, item: Item) -> ControlGroup:
        body = item.value
        if not isinstance(body, ObjectNode):
            raise self.error("control_group needs a block", item.start)
        fields = self.fields(body, {"ttl", "self_auth_allowed", "factor"}, "control_group")
        own = False
        for setting in fields.get("self_auth_allowed", ()):
            own = self.boolean(setting)
        factors = tuple(self.factor(factor) for factor in fields.get("factor", ()))
        if not factors:
            raise self.error("control_group needs a factor", item.start)
        ttl = self.seconds(self.scalar(fields.get("ttl", [])), item.start)
        return ControlGroup(ttl=ttl, self_auth_allowed=own, factors=factors)

    def factor(self, item: Item) -> Factor:
        body = item.value
        if not isinstance(body, ObjectNode) or len(item.keys) < 2:
            raise self.error("factor needs a name and a block", item.start)
        fields = self.fields(body, {"controlled_capabilities", "identity"}, "factor")
        controlled = self.strings(fields, "controlled_capabilities")
        wrong = next((name for name in controlled if name not in _OPERATIONS), None)
        if wrong is not None and self.dialect.product == "openbao":
            message = f"{wrong!r} is no operation that a factor can control"
            raise self.error(message, item.start)
        if self.dialect.product == "openbao" and not controlled:
            raise self.error("factor needs controlled_capabilities", item.start)
        names: tuple[str, ...] = ()
        ids: tuple[str, ...] = ()
        approvals = 0
        for identity in fields.get("identity", ()):
            if not isinstance(identity.value, ObjectNode):
                raise self.error("identity needs a block", identity.start)
            if len(identity.keys) > 1:
                # One with a label is not looked into.
                continue
            # Here, and only here, the case of the keys does not count, and other keys are passed over.
            inner: dict[str, list[Item]] = {}
            for setting in identity.value.items:
                inner.setdefault(setting.keys[0].lower(), []).append(setting)
            names += self.strings(inner, "group_names")
            ids += self.strings(inner, "group_ids") if self.dialect.group_ids else ()
            for setting in inner.get("approvals", ()):
                approvals = self.integer(setting)
        if approvals <= 0 or not (names or ids):
            raise self.error("identity needs groups and approvals above 0", item.start)
        return Factor(
            name=item.keys[1],
            controlled_capabilities=frozenset(controlled),
            group_names=names,
            group_ids=ids,
            approvals=approvals,
        )
