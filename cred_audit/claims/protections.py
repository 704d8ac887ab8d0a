"""Which protections that a clause asks for the server does not enforce.

Source: OpenBao 2.7.2 as measured: mfa_methods is parsed and never asked for; of the clauses of one pattern, only
the first, by policy name and place, gives the control group; a pagination limit is compared with the request's
`limit`, which many endpoints, and SCAN everywhere, do not heed.
"""

from collections.abc import Iterator

from cred_audit.claims.policytext import Clause, Fault, Together, place_of, served, unrouted, world_of
from cred_audit.decide.vault.model import Server
from cred_audit.decide.vault.profile import profiles
from cred_audit.facts import Snapshot

_WHOLE = ("sys/", "identity/", "auth/token/", "cubbyhole/")
"""Where lists come whole, whatever limit is asked for."""
_LISTING = frozenset({"list", "scan"})


class Protections:
    """One server's protections."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Take the snapshot."""
        self.world = world_of(snapshot)
        self.product = _product(self.world.server)
        self.together = Together(snapshot)

    def faults(self, clause: Clause) -> Iterator[Fault]:
        """Yield the protections of a clause that are not enforced, or may not be."""
        stanza = clause.stanza
        if not clause.granted:
            return
        if stanza.mfa_methods:
            shows = "asks for mfa_methods, which the server never enforces"
            yield Fault(shows=shows, sure=self.product == "openbao")
        if stanza.control_group is not None:
            if self.product != "openbao":
                yield Fault(shows="asks for a control group, which only some editions of the server have", sure=False)
            yield from self._displaced(clause)
        if stanza.pagination_limit > 0 and clause.granted & _LISTING:
            yield from self._paging(clause)

    def _displaced(self, clause: Clause) -> Iterator[Fault]:
        for other in self.together.beside(clause):
            if other.pattern != clause.pattern or other.denies or not _comes_first(other, clause):
                continue
            if other.stanza.control_group != clause.stanza.control_group:
                name = f"{other.policy.namespace}{other.policy.name}"
                yield Fault(shows=f"has a control group that a clause of policy {name} displaces, being merged first")
                return
        if self.together.unknown:
            shows = f"has a control group that other policies of {self.together.unknown} may displace"
            yield Fault(shows=shows, sure=False)

    def _paging(self, clause: Clause) -> Iterator[Fault]:
        _, path = place_of(self.world, clause.pattern)
        if "scan" in clause.granted:
            yield Fault(shows="limits pages and grants scan, which answers in one piece")
        if path.startswith(_WHOLE):
            yield Fault(shows="limits pages where the server lists everything at once")
            return
        found = served(self.world, clause.pattern)
        if found is not None and found[0].type in ("kv", "generic") and found[0].version != 2:
            shows = "limits pages of KV version 1, which lists everything at once"
            yield Fault(shows=shows, sure=found[0].version == 1)
        elif found is None and unrouted(self.world, clause.pattern):
            yield Fault(shows="limits pages of an engine that was not seen", sure=False)


def _product(server: Server) -> str | None:
    products = {profile.product for profile in profiles(server)}
    return products.pop() if len(products) == 1 else None


def _comes_first(other: Clause, clause: Clause) -> bool:
    """Whether the server merges the other clause before this one: by policy name, then by place in the text."""
    if other.policy is clause.policy:
        return other.stanza.line < clause.stanza.line
    return other.policy.name < clause.policy.name
