"""Which parameter limits of a clause other forms of the same request pass.

Source: OpenBao 2.7.2 as measured: a denied text is not found in a list, in a text with commas or in the field's
older name; numbers of a policy equal no number of a request; KV version 2 shows the policy only `data`,
`options` and `version`; `batch_input` of transit carries the limited fields inside. From Vault 1.21 on, lists
and texts with commas are compared element by element.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.claims.policytext import Clause, Fault, served, unrouted, world_of
from cred_audit.decide.vault.profile import profiles
from cred_audit.facts import Snapshot

_TWINS = (
    "policies", "ttl", "max_ttl", "period", "num_uses", "bound_cidrs", "explicit_max_ttl", "no_default_policy", "type",
)  # fmt: skip
"""Fields of roles that are also called `token_<name>`; engines take both."""
_LISTS = frozenset({
    "policies", "token_policies", "allowed_policies", "disallowed_policies", "allowed_policies_glob", "allowed_roles",
    "allowed_entity_aliases", "allowed_domains", "allowed_users", "bound_cidrs", "token_bound_cidrs",
    "secret_id_bound_cidrs", "bound_audiences", "bound_service_account_names", "bound_service_account_namespaces",
    "member_entity_ids", "member_group_ids", "creation_statements", "allowed_kubernetes_namespaces",
})  # fmt: skip
"""Fields that engines read as a list or as a text with commas."""
_COMPARED = frozenset({"read", "create", "update", "patch", "recover"})
_KV_2 = frozenset({"data", "options", "version", "*"})
_BATCH = frozenset({
    "encrypt", "decrypt", "rewrap", "sign", "verify", "hmac",
})  # fmt: skip


class Parameters:
    """One server's way of comparing parameters."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Take the snapshot."""
        self.world = world_of(snapshot)
        self.per_element = {profile.per_element for profile in profiles(self.world.server)}

    def faults(self, clause: Clause) -> Iterator[Fault]:
        """Yield the ways in which requests pass the limits of a clause."""
        allowed, denied = clause.stanza.allowed_parameters, clause.stanza.denied_parameters
        if not clause.granted or not (allowed or denied):
            return
        uncompared = sorted(clause.granted - _COMPARED - {"sudo"})
        if not clause.granted & _COMPARED:
            yield Fault(shows=f"limits parameters of {', '.join(uncompared)}, for which the server compares none")
            return
        names = frozenset(denied or ()) | frozenset(allowed or ())
        yield from self._by_engine(clause, names, denied or {})
        for name, values in sorted((denied or {}).items()):
            yield from self._denied(name, values, denied or {}, allowed or {})
        for name, values in sorted((allowed or {}).items()):
            if name in _LISTS and any(isinstance(value, str) and _is_glob(value) for value in values):
                yield from self._by_form(f"allows {name} by a star, which a text with commas passes with more values")

    def _denied(
        self, name: str, values: tuple[Any, ...], denied: Mapping[str, Any], allowed: Mapping[str, Any]
    ) -> Iterator[Fault]:
        if name == "*":
            return
        if any(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            yield Fault(shows=f"denies {name} by a number, which equals no number of a request")
        if any(isinstance(value, str) for value in values):
            yield from self._by_form(f"denies values of {name} as a text, not as a list or with commas")
        twin = name.removeprefix("token_") if name.startswith("token_") else f"token_{name}"
        if name.removeprefix("token_") in _TWINS and twin not in denied and "*" not in denied:
            listed = not allowed or "*" in allowed or twin in allowed
            if listed:
                yield Fault(shows=f"denies {name} and not {twin}, another name of the same field")

    def _by_form(self, shows: str) -> Iterator[Fault]:
        if False in self.per_element:
            yield Fault(shows=shows, sure=True not in self.per_element)

    def _by_engine(self, clause: Clause, names: frozenset[str], denied: Mapping[str, Any]) -> Iterator[Fault]:
        found = served(self.world, clause.pattern)
        if found is None:
            if denied and unrouted(self.world, clause.pattern):
                yield Fault(shows="limits parameters of an engine that was not seen", sure=False)
            return
        engine, rest = found
        kind, version = engine.type, engine.version
        view = rest.partition("/")[0]
        if kind == "kv" and version != 1:
            inner = sorted(name for name in denied if name not in _KV_2)
            if inner and view in ("data", ""):
                shows = f"denies {', '.join(inner)}; in KV version 2 a policy does not see the fields of a secret"
                yield Fault(shows=shows, sure=version == 2)
        elif kind == "transit" and view in _BATCH and denied and "*" not in denied and "batch_input" not in denied:
            yield Fault(shows=f"limits {', '.join(sorted(names))}, which batch_input carries past it")


def _is_glob(value: str) -> bool:
    return value.startswith("*") or value.endswith("*")
