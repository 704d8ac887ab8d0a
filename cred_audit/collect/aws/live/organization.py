"""The organization of the accounts: which service and resource control policies bind each (Organizations API).

Any member may ask DescribeOrganization; the policies are shown to the management account and to delegated
administrators only, so each session that there is gets its chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cred_audit.collect.aws.live.answers import Fields, entries, inner, text
from cred_audit.collect.aws.live.failures import NotSeen, malformed
from cred_audit.collect.aws.live.gaps import Gaps
from cred_audit.collect.aws.live.service import Service
from cred_audit.collect.aws.live.workers import Workers
from cred_audit.decide.aws.world import Levels, Organization, PolicyText

_SCP, _RCP = "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"
_NOT_IN_USE = "AWSOrganizationsNotInUseException"
_DEEPEST = 10
"""Parents that are followed; AWS allows five organizational units above an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Membership:
    """What an account says of its organization; empty where it is in none."""

    id: str = ""
    management: str = ""
    policies: bool = False
    """Whether the organization can have policies at all (FeatureSet)."""


def read_organization(
    accounts: Sequence[str], sessions: Sequence[tuple[str, Service]], workers: Workers, gaps: Gaps
) -> Organization | None:
    """Read what binds the accounts. `sessions`: the account and the service of each, the caller's own first."""
    said: dict[str, _Membership | NotSeen] = {}
    for account, service in sessions:
        if not isinstance(said.get(account), _Membership):
            said[account] = _membership(service)
    members = {account: one for account, one in said.items() if isinstance(one, _Membership)}
    if not members:
        gaps.part("organization", "", "", next(one for one in said.values() if isinstance(one, NotSeen)))
        return None
    organizations = {one.id: one for one in members.values() if one.id}
    managements = {one.management for one in organizations.values()}
    views = {
        one.id: _View(_likely_first(sessions, one.management), workers, gaps)
        for one in organizations.values() if one.policies
    }  # fmt: skip
    scps: dict[str, Levels | None] = {}
    rcps: dict[str, Levels | None] = {}
    for account in accounts:
        member = members.get(account)
        if account in managements or (member is not None and member.id not in views):
            continue
        # An account that does not say where it belongs is looked for wherever there is sight.
        places = [views[member.id]] if member is not None else list(views.values())
        for kind, found in ((_SCP, scps), (_RCP, rcps)):
            levels = _levels(places, account, kind, gaps)
            if levels != ():
                found[account] = levels
    return Organization(management=managements.pop() if len(managements) == 1 else "", scps=scps, rcps=rcps)


def _membership(service: Service) -> _Membership | NotSeen:
    try:
        about = inner(service.ask("describe_organization"), "Organization")
        return _Membership(
            id=text(about, "Id"), management=text(about, "MasterAccountId"), policies=text(about, "FeatureSet") == "ALL"
        )
    except NotSeen as why:
        return _Membership() if why.code == _NOT_IN_USE else why


def _likely_first(sessions: Sequence[tuple[str, Service]], management: str) -> list[Service]:
    return [service for _, service in sorted(sessions, key=lambda session: session[0] != management)]


def _levels(places: Sequence["_View"], account: str, kind: str, gaps: Gaps) -> Levels | None:
    """Return the policies of a kind that bind an account; empty where the kind is not in use."""
    why = NotSeen("which organization the account belongs to was not seen")
    for place in places:
        try:
            return place.levels(account, kind)
        except NotSeen as error:
            why = error
    gaps.part("organization", account, "", why)
    return None


class _View:
    """One organization, through the first session that is shown its policies."""

    def __init__(self, services: Sequence[Service], workers: Workers, gaps: Gaps) -> None:
        self._services = services
        self._workers = workers
        self._gaps = gaps
        self._roots: list[Fields] | NotSeen | None = None
        self._service = services[0]
        self._attached: dict[str, Mapping[str, tuple[PolicyText, ...]] | NotSeen] = {}
        self._parents: dict[str, tuple[str, str]] = {}

    def levels(self, account: str, kind: str) -> Levels:
        """Return the policies of a kind on the way to an account, root first. Raises NotSeen."""
        if not self._in_use(kind):
            return ()
        if kind not in self._attached:
            try:
                self._attached[kind] = self._read(kind)
            except NotSeen as why:
                self._attached[kind] = why
        attached = self._attached[kind]
        if isinstance(attached, NotSeen):
            raise attached
        return tuple(attached.get(place, ()) for place in self._way(account))

    def _in_use(self, kind: str) -> bool:
        if self._roots is None:
            self._roots = self._read_roots()
        if isinstance(self._roots, NotSeen):
            raise self._roots
        states = {
            text(one, "Status", "") for root in self._roots for one in entries(root, "PolicyTypes")
            if text(one, "Type") == kind
        }  # fmt: skip
        if states - {"ENABLED"}:
            raise NotSeen("the policy type is just being switched on or off; collect again")
        return bool(states)

    def _read_roots(self) -> list[Fields] | NotSeen:
        first: NotSeen | None = None
        for service in self._services:
            try:
                roots = service.listed("list_roots", "Roots")
            except NotSeen as why:
                first = first or why
            else:
                self._service = service
                return roots
        more = "; only the management account and delegated administrators are shown it"
        return NotSeen(f"{first}{more if first is not None and first.denied else ''}")

    def _read(self, kind: str) -> Mapping[str, tuple[PolicyText, ...]]:
        names = sorted(text(one, "Id") for one in self._service.listed("list_policies", "Policies", Filter=kind))
        found: dict[str, tuple[PolicyText, ...]] = {}
        for name, one in zip(names, self._workers.each(self._policy, names), strict=True):
            if isinstance(one, NotSeen):
                raise one
            content, targets = one
            if isinstance(content, NotSeen):
                self._gaps.call(self._service.named("describe_policy"), content, name)
            policy = PolicyText(name=name, text=None if isinstance(content, NotSeen) else content)
            for target in targets:
                found[target] = (*found.get(target, ()), policy)
        return found

    def _policy(self, name: str) -> tuple[str | NotSeen, tuple[str, ...]] | NotSeen:
        """Return a policy's text, or why it was not seen, and what it is attached to."""
        try:
            targets = self._service.listed("list_targets_for_policy", "Targets", PolicyId=name)
            places = tuple(text(one, "TargetId") for one in targets)
        except NotSeen as why:
            return why
        try:
            return text(inner(self._service.ask("describe_policy", PolicyId=name), "Policy"), "Content"), places
        except NotSeen as why:
            return why, places

    def _way(self, account: str) -> tuple[str, ...]:
        """Return the ids from the root down to an account."""
        way = [account]
        while len(way) <= _DEEPEST:
            parent, kind = self._parent(way[0])
            way.insert(0, parent)
            if kind == "ROOT":
                return tuple(way)
        raise malformed("Parents")

    def _parent(self, child: str) -> tuple[str, str]:
        if child not in self._parents:
            parents = self._service.listed("list_parents", "Parents", ChildId=child)
            if len(parents) != 1:
                raise malformed("Parents")
            self._parents[child] = (text(parents[0], "Id"), text(parents[0], "Type"))
        return self._parents[child]
