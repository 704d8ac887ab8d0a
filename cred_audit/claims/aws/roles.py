"""Which roles an agent may assume: decided for all roles at once, never agent by agent and role by role.

Roles that no applicable statement tells apart are decided once. Which they are depends on the agent's patterns, and
is remembered: agents with equal patterns share it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from cred_audit.claims.aws.isolation import Acting, AwsIsolation, aws_isolation
from cred_audit.claims.aws.role_clauses import EXTERNAL_ID, allowed, broad_trust, compared, is_account, one_external_id
from cred_audit.claims.aws.role_tags import ASSUME, RoleTags, condition_keys
from cred_audit.decide import Decision, Effect, Unknown
from cred_audit.decide.aws.asker import Agent
from cred_audit.decide.aws.cells import documents_of
from cred_audit.decide.aws.free import Possible, Search
from cred_audit.decide.aws.model import (
    Document,
    Kind,
    Principal,
    PrincipalPolicies,
    Request,
    ResourcePolicies,
)
from cred_audit.decide.aws.pattern import compiled, glob_expression
from cred_audit.decide.aws.texts import Texts
from cred_audit.decide.aws.world import Role
from cred_audit.decide.kept import of_the_last
from cred_audit.facts import Snapshot
from cred_audit.finding import Reaches

_FEW = 3
_ONE_BY_ONE = 64
"""Roles that an agent's patterns match to be decided one by one; more are divided into those that are alike."""
_MOST = 10**9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alike:
    """Roles that a decision does not tell apart."""

    roles: tuple[Role, ...]
    owners: frozenset[str]
    """The tenants that they belong to."""

    @property
    def key(self) -> object:
        """What identifies them among the roles of other decisions."""
        return self.roles[0].arn if len(self.roles) == 1 else id(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """Roles that an agent may assume, or may be able to."""

    alike: Alike
    request: Request
    """For one of the roles."""
    decision: Decision


class AwsRoles:
    """The roles of all accounts, with whom they belong to and whom they let in."""

    def __init__(self, facts: AwsIsolation) -> None:
        """Read every trust policy once."""
        self.facts = facts
        self.all = tuple(facts.principals.roles.values())
        self.acting: dict[str, list[Acting]] = {}
        """ARN of a role or user -> the agents that act with it."""
        for acting in facts.acting:
            self.acting.setdefault(acting.arn, []).append(acting)
        self._assumable: dict[tuple[str, str], tuple[Assumed, ...]] = {}
        self._left: dict[frozenset[str], frozenset[str]] = {}
        self._owners: dict[str, frozenset[str]] = {}
        self._policies: dict[str, ResourcePolicies] = {}
        self._named: dict[str, list[Role]] = {}
        """ARN of a principal -> roles whose trust policy names it."""
        self._sessions: dict[str, dict[str, list[Role]]] = {}
        """Account and name of a role -> ARN of a session of it -> roles whose trust policy names that session."""
        self._broad: dict[str, list[Role]] = {}
        """Account -> its roles whose trust policy lets in more than those that it names."""
        self._tags = RoleTags()
        for role in self.all:
            self._index(role)
        documents = {one for acting in facts.agents for one in documents_of(acting.policies)}
        for document in documents:
            self._tags.add(document)
        self._tags.index(self.all)
        self._compares_accounts = any("aws:resourceaccount" in condition_keys(document) for document in documents)
        self._fixed_id = not any(EXTERNAL_ID.lower() in condition_keys(document) for document in documents)
        self._at_home = {acting.arn.split(":")[4] for acting in facts.acting if acting.arn.count(":") > 4}
        self._names = Texts((role.arn.split(":", 5)[-1], number) for number, role in enumerate(self.all))
        self._matches: dict[str, tuple[Role, ...]] = {}
        self._divisions: dict[tuple[object, ...], tuple[Alike, ...]] = {}
        self._classes: dict[str, object] = {}

    def owners(self, role: Role) -> frozenset[str]:
        """Return the tenants that a role belongs to: by its territory, else by the one tenant that acts with it."""
        known = self._owners.get(role.arn)
        if known is None:
            acting = frozenset(one.tenant for one in self.acting.get(role.arn, ()))
            territory = self.facts.holdings.territories.owners(role.arn, role.tags)
            known = frozenset(territory) or (acting if len(acting) == 1 else frozenset())
            self._owners[role.arn] = known
        return known

    def trust(self, role: Role) -> Document | None:
        """Return a role's trust policy; None where it was not seen or AWS would refuse it."""
        return self.facts.documents.read(role.trust, Kind.RESOURCE, "trust policy")

    def policies(self, role: Role) -> ResourcePolicies:
        """Return the resource's side of assuming a role."""
        known = self._policies.get(role.arn)
        if known is None:
            document = self.trust(role)
            rcps, seen = self.facts.principals.levels(role.arn.split(":")[4], Kind.RCP)
            unseen = {Kind.RESOURCE} if document is None else set()
            unseen |= set() if seen else {Kind.RCP}
            known = ResourcePolicies(policy=document, rcps=rcps, unseen=frozenset(unseen))
            self._policies[role.arn] = known
        return known

    def request(self, role: Role) -> Request:
        """Return the request to assume a role."""
        return Request(action=ASSUME, resource=role.arn, resource_tags=role.tags)

    def _index(self, role: Role) -> None:
        document = self.trust(role)
        account = role.arn.split(":")[4]
        if document is None:
            self._broad.setdefault(account, []).append(role)
            return
        self._tags.add(document)
        broad = False
        for statement in document.statements:
            broad = broad or statement.not_principal
            for named in statement.principals or ():
                if named.type == "*" or named.value == "*":
                    broad = True
                elif named.type == "AWS" and not is_account(named.value):
                    self._named.setdefault(named.value, []).append(role)
                    fields = named.value.split(":", 5)
                    if len(fields) == 6 and fields[5].startswith("assumed-role/"):
                        name = f"{fields[4]}/{fields[5].split('/')[1]}"
                        self._sessions.setdefault(name, {}).setdefault(named.value, []).append(role)
        if broad:
            self._broad.setdefault(account, []).append(role)

    def assumable(self, acting: Acting) -> tuple[Assumed, ...]:
        """Return the roles that an agent may assume, or of which it is not known; its own role left out."""
        if isinstance(acting.who, Unknown):
            return ()
        key = (acting.tenant, acting.agent)
        known = self._assumable.get(key)
        if known is None:
            found = self.assumed_by(acting.who.principal, acting.who.policies, acting.arn, acting.tenant)
            known = self._assumable[key] = tuple(found)
        return known

    def reaches(self, parts: Iterable[frozenset[str]], own: str) -> Reaches:
        """Return the tenants of some sets as the findings hold them, without one; each set is looked through once."""
        sets = dict.fromkeys(parts)
        names = next(iter(sets)) if len(sets) == 1 else frozenset().union(*sets)
        count = len(names) - (own in names)
        if count <= max(_FEW, len(self.facts.tenants) - count):
            return Reaches(tenants=tuple(sorted(names - {own})), count=count)
        left = self._left.get(names)
        if left is None:
            left = self._left[names] = frozenset(self.facts.tenants) - names
        return Reaches(all_except=tuple(sorted({*left, own})), count=count)

    def assumed_by(
        self, principal: Principal, policies: PrincipalPolicies, arn: str, tenant: str = ""
    ) -> Iterator[Assumed]:
        """Yield the roles that a principal may assume. `arn`: of its role or user; `tenant`: whose roles are its own.

        Of roles that are alike the request names one that is another tenant's, where there is one.
        """
        mfa = self.facts.may_carry_mfa(arn)
        acting = Agent(tenant=tenant, principal=principal, policies=policies, mfa=mfa)
        search = self.facts.search(acting)
        account = arn.split(":")[4]
        alone = {role.arn: role for name in {arn, principal.arn} for role in self._named.get(name, ())}
        alone |= {role.arn: role for role in self._tags.with_values_of(principal)}
        groups: Iterable[Alike] = ()
        patterns = None if Kind.IDENTITY in policies.unseen else allowed(policies)
        wide = self._wide(patterns)
        if wide is None:
            groups = self._divided(policies, patterns)
        else:
            alone |= {role.arn: role for role in wide}
        if len(self._broad.get(account, ())) <= _ONE_BY_ONE:
            alone |= {role.arn: role for role in self._broad.get(account, ())}
        else:
            groups = (*groups, *self._divided(policies, (f"arn:*:iam::{account}:role/*",)))
        alone.pop(arn, None)
        for role in alone.values():
            yield from self._decided(search, Alike(roles=(role,), owners=self.owners(role)), role)
        for alike in groups:
            rest = (role for role in alike.roles if role.arn not in alone and role.arn != arn)
            first = next(rest, None)
            if first is not None:
                if tenant in self.owners(first):
                    first = next((role for role in rest if tenant not in self.owners(role)), first)
                yield from self._decided(search, alike, first)
        if principal.arn == principal.role:
            yield from self._in_sessions(acting, search)

    def accounts_allowed(self, policies: PrincipalPolicies) -> frozenset[str] | None:
        """Return the accounts in which a principal's own policies may let it assume roles; None for any account."""
        if Kind.IDENTITY in policies.unseen:
            return None
        found: set[str] = set()
        for pattern in allowed(policies):
            fields = pattern.split(":", 5)
            if len(fields) < 6 or any("*" in part or "?" in part for part in fields[3:5]) or fields[2].endswith("*"):
                return None
            found.add(fields[4])
        return frozenset(found)

    def _in_sessions(self, acting: Agent, plain: Search) -> Iterator[Assumed]:
        """Yield the roles that only a session of some name may assume, where the name is the agent's to choose."""
        fields = acting.principal.arn.split(":", 5)
        for session, roles in self._sessions.get(f"{fields[4]}/{fields[5].rpartition('/')[2]}", {}).items():
            search = self.facts.search(replace(acting, principal=replace(acting.principal, arn=session)))
            for role in roles:
                alike = Alike(roles=(role,), owners=self.owners(role))
                if not any(self._decided(plain, alike, role)):
                    for found in self._decided(search, alike, role):
                        text = f"the session name is {session.rpartition('/')[2]!r}"
                        decision = replace(found.decision, assuming=(text, *found.decision.assuming))
                        yield replace(found, decision=decision)

    def _decided(self, search: Search, alike: Alike, role: Role) -> Iterator[Assumed]:
        found = self._possible(search, role)
        decision = found.decision
        if decision.effect is Effect.ALLOW and found.request.request_tags:
            # Session tags are a second authorization beside the first.
            tagged = search.evaluator.decide(replace(found.request, action="sts:TagSession"), self.policies(role))
            decision = tagged if tagged.effect is not Effect.ALLOW else decision
        if decision.effect is not Effect.DENY:
            yield Assumed(alike=alike, request=found.request, decision=decision)

    def _possible(self, search: Search, role: Role) -> Possible:
        """Decide with the one external id that the role asks for, where that suffices: it needs no search."""
        request, policies = self.request(role), self.policies(role)
        value = one_external_id(policies.policy) if policies.policy is not None else None
        if value is not None:
            given = replace(request, context={EXTERNAL_ID.lower(): value})
            decision = search.evaluator.decide(given, policies)
            if decision.effect is Effect.ALLOW:
                assuming = (f"{EXTERNAL_ID} is {value}",)
                return Possible(decision=replace(decision, assuming=assuming), request=given)
        return search.possible(request, policies)

    def _wide(self, patterns: tuple[str, ...] | None) -> tuple[Role, ...] | None:
        """Return the roles that the patterns match, where they are few; else None."""
        if patterns is None:
            return None if len(self.all) > _ONE_BY_ONE else self.all
        found: dict[str, Role] = {}
        for pattern in patterns:
            found |= {role.arn: role for role in self._matching(pattern)}
            if len(found) > _ONE_BY_ONE:
                return None
        return tuple(found.values())

    def _matching(self, pattern: str) -> tuple[Role, ...]:
        """Return the roles that a Resource pattern may match; a star counts as running past colons."""
        if "*" not in pattern and "?" not in pattern:
            role = self.facts.principals.roles.get(pattern)
            return (role,) if role is not None else ()
        known = self._matches.get(pattern)
        if known is None:
            fields = pattern.split(":", 5)
            tail = fields[5] if len(fields) == 6 else "*"
            numbers = self._names.matching(((tail, True),), _MOST) or ()
            matches = compiled(glob_expression([(pattern, True)])).fullmatch
            short = len(fields) < 6
            roles = (self.all[number] for number in numbers)
            known = tuple(role for role in roles if short or matches(role.arn))
            if len(self._matches) > 4096:
                self._matches.clear()
            self._matches[pattern] = known
        return known

    def _divided(self, policies: PrincipalPolicies, patterns: tuple[str, ...] | None) -> tuple[Alike, ...]:
        """Return the roles that some patterns match, all for None, divided by what the statements tell apart."""
        told = compared(policies)
        key = (patterns, told)
        known = self._divisions.get(key)
        if known is None:
            candidates = self.all if patterns is None else tuple(
                {role.arn: role for pattern in patterns for role in self._matching(pattern)}.values()
            )  # fmt: skip
            matched = {pattern: {role.arn for role in self._matching(pattern)} for pattern in told}
            parts: dict[object, list[Role]] = {}
            for role in candidates:
                apart = (self._class(role), tuple(role.arn in matched[pattern] for pattern in told))
                parts.setdefault(apart, []).append(role)
            known = tuple(
                Alike(roles=tuple(part), owners=frozenset().union(*(self.owners(role) for role in part)))
                for part in parts.values()
            )
            if len(self._divisions) > 256:
                self._divisions.clear()
            self._divisions[key] = known
        return known

    def _class(self, role: Role) -> object:
        """Return what of a role can matter to principals that its trust policy does not name."""
        known = self._classes.get(role.arn)
        if known is None:
            account = role.arn.split(":")[4]
            place = account if account in self._at_home or self._compares_accounts else ""
            policies = self.policies(role)
            known = (
                place,
                self._tags.state(role),
                policies.rcps,
                policies.unseen,
                broad_trust(policies.policy, fixed_id=self._fixed_id),
            )
            self._classes[role.arn] = known
        return known


@of_the_last
def aws_roles(snapshot: Snapshot) -> AwsRoles:
    """Return the roles of a snapshot that has AWS's facts."""
    return AwsRoles(aws_isolation(snapshot))
