"""Would AWS let this request through? One request, with the policies of both sides.

Transcribes the IAM User Guide, "Policy evaluation logic" and its parts: an explicit deny anywhere ends it; then
resource and service control policies, VPC endpoint policy, and, within one account, the resource's policy or the
identity policies within boundary and session policy; across accounts both sides. KMS keys and roles always need
their own policy (KMS: "Key policies", "Grants"; IAM: "Role trust policy").
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from cred_audit.decide import Decision, Effect, Reason
from cred_audit.decide.aws import catalogue
from cred_audit.decide.aws.caller import Form, Type, caller_of, named_by
from cred_audit.decide.aws.clause import Clause, Compiled, compile_document
from cred_audit.decide.aws.combination import (
    TRUST_ACTIONS,
    Sides,
    granted,
    grants_to,
    needs_policy,
    owner_of,
    service_rule,
    within_account,
)
from cred_audit.decide.aws.keys import FREE, Keys, principal_keys, request_keys
from cred_audit.decide.aws.model import (
    Document,
    Kind,
    Principal,
    PrincipalPolicies,
    Request,
    ResourcePolicies,
)  # fmt: skip
from cred_audit.decide.aws.pattern import MAYBE, NO, YES

NO_RESOURCE_SIDE = ResourcePolicies()
_NEAR = 5
"""Statements that a refusal quotes: those that came closest."""
_ROOT = Reason(policy="", why="the account root user needs no policy in its own account, or a grant of the key lets it")
_UNSETTLED = Reason(policy="", why="AWS's documentation does not settle this case")
_NO_GRANTS = Reason(policy="", why="the grants of the key were not seen")
_GRANT = Reason(
    policy="",
    why="a grant of the key names the caller, and it is not documented whether the caller's own policies limit it",
)


class _Plan(NamedTuple):
    """The clauses of one principal that an action can meet."""

    denies: tuple[Clause, ...]
    levels: tuple[tuple[Clause, ...], ...]
    endpoint: tuple[Clause, ...] | None
    identity: tuple[Clause, ...]
    boundary: tuple[Clause, ...] | None
    session: tuple[Clause, ...] | None


class Evaluator:
    """One principal with its policies, compiled once and asked about any request."""

    def __init__(self, principal: Principal, policies: PrincipalPolicies) -> None:
        """Compile the principal's side."""
        self.principal = principal
        self.policies = policies
        self.caller = caller_of(principal)
        self._base = principal_keys(principal, self.caller.role, self.caller.account)
        self._plain_session = (
            not policies.unseen
            and policies.boundary is None
            and policies.session is None
            and self.caller.type in {Type.SESSION, Type.USER}
        )
        """Whether the identity policies alone decide what the resource's side leaves to the account."""
        self._plans: dict[str, _Plan] = {}
        self._names: dict[int, tuple[Clause, Form, int]] = {}
        self._decisions: dict[tuple[Clause, ...], Decision] = {}

    def decide(self, request: Request, resource: ResourcePolicies = NO_RESOURCE_SIDE) -> Decision:
        """Decide one request against the policies of both sides."""
        action = request.action.lower()
        owner = owner_of(request, self.caller)
        keys = self.keys(request, owner)
        plan = self._plan(action)
        denied = self._denied(plan, action, request, keys, resource)
        if isinstance(denied, Decision):
            return denied
        if action == "sts:getcalleridentity":
            return _plain(Effect.ALLOW, "sts:GetCallerIdentity needs no permission")
        fixed = service_rule(action, request.resource, self.caller)
        if fixed is not None:
            return _plain(Effect.DENY, fixed)
        used: list[Clause] = []
        result = self._gates(plan, request.resource, keys, used)
        if result != NO:
            if self._plain_session and resource is NO_RESOURCE_SIDE and owner == self.caller.account:
                found = (
                    NO if needs_policy(action, request.resource) else _any(plan.identity, request.resource, keys, used)
                )
            else:
                sides = self._sides(plan, action, request, keys, resource, used)
                found = self._combined(sides, action, request, owner)
            result = min(result, found)
        if result == NO:
            return self._refused(plan, action, request, keys, resource, owner)
        if result == YES and denied == NO:
            return self._allowed(used)
        return self._unknown(plan, action, request, keys, resource)

    def clauses(self, action: str, resource: ResourcePolicies = NO_RESOURCE_SIDE) -> tuple[Clause, ...]:
        """Return every clause that can take part in decisions on a lower-case action."""
        return (*_all(self._plan(action)), *self._guards(action, resource))

    def keys(self, request: Request, owner: str | None = None) -> Keys:
        """Return the request's context, derived keys included."""
        return request_keys(
            self._base,
            request,
            request.action.partition(":")[0].lower(),
            self.caller.account,
            tags_known=self.principal.tags is not None,
            resource_account=owner_of(request, self.caller) if owner is None else owner,
        )

    def derives(self, key: str) -> bool:
        """Whether a lower-case key is known of every request of the principal."""
        return key in self._base

    def _plan(self, action: str) -> _Plan:
        known = self._plans.get(action)
        if known is None:
            if len(self._plans) > 2048:
                self._plans.clear()
            known = self._plans[action] = self._planned(action)
        return known

    def _planned(self, action: str) -> _Plan:
        policies, caller = self.policies, self.caller
        identity = [] if caller.outside else [clause for one in policies.identity for clause in _of(one, action)]
        boundary = _of(policies.boundary, action) if policies.boundary is not None and not caller.outside else None
        session = _of(policies.session, action) if policies.session is not None and not caller.outside else None
        levels = [] if caller.outside or caller.service_linked else [
            [clause for one in level for clause in _of(one, action)] for level in policies.scps
        ]  # fmt: skip
        endpoint = None
        if policies.vpc_endpoint is not None:
            endpoint = tuple(clause for clause in _of(policies.vpc_endpoint, action) if self._named(clause)[1] != NO)
        everything = [*identity, *(boundary or ()), *(session or ()), *(endpoint or ())]
        everything += (clause for level in levels for clause in level)
        return _Plan(
            denies=tuple(clause for clause in everything if not clause.allow),
            levels=tuple(_allows(level) for level in levels),
            endpoint=None if endpoint is None else _allows(endpoint),
            identity=_allows(identity),
            boundary=None if boundary is None else _allows(boundary),
            session=None if session is None else _allows(session),
        )

    def _named(self, clause: Clause) -> tuple[Form, int]:
        known = self._names.get(id(clause))
        if known is None or known[0] is not clause:
            if len(self._names) > 65536:
                self._names.clear()
            form, sure = named_by(self.caller, clause.statement, has_boundary=self.policies.boundary is not None)
            known = self._names[id(clause)] = (clause, form, sure)
        return known[1], known[2]

    def _guards(self, action: str, resource: ResourcePolicies) -> Iterable[Clause]:
        """Yield the clauses of the resource's side that name the caller."""
        if resource.policy is not None:
            for clause in _of(resource.policy, action):
                if self._named(clause)[1] != NO:
                    yield clause
        if resource.rcps and not self.caller.service_linked and catalogue.rcps_bind(action):
            for level in resource.rcps:
                for document in level:
                    for clause in _of(document, action):
                        if not clause.allow and self._named(clause)[1] != NO:
                            yield clause

    def _denied(
        self, plan: _Plan, action: str, request: Request, keys: Keys, resource: ResourcePolicies
    ) -> Decision | int:
        """Return the decision of an explicit deny, else whether there may be one (NO, MAYBE)."""
        maybe = self._blind(action, resource) if self.policies.unseen or resource.unseen else NO
        target = request.resource
        for clause in plan.denies:
            found = clause.test(target, keys)
            if found == YES:
                if clause.document.kind is not Kind.VPC_ENDPOINT or self._named(clause)[1] == YES:
                    return self._denies(clause, action)
                found = MAYBE
            if found > maybe:  # noqa: PLR1730  (a call costs more than the rest, in the hottest loop)
                maybe = found
        if resource.policy is None and not resource.rcps:
            return maybe
        for clause in self._guards(action, resource):
            if not clause.allow:
                found = min(clause.test(target, keys), self._named(clause)[1])
                if found == YES:
                    return self._denies(clause, action)
                maybe = max(maybe, found)
        return maybe

    def _blind(self, action: str, resource: ResourcePolicies) -> int:
        """Return whether a policy that was not seen may deny."""
        unseen = set(self.policies.unseen | resource.unseen)
        if self.caller.outside:
            unseen &= {Kind.RESOURCE, Kind.RCP, Kind.VPC_ENDPOINT}
        if self.caller.service_linked:
            unseen -= {Kind.SCP, Kind.RCP}
        if Kind.RCP in unseen and not catalogue.rcps_bind(action):
            unseen.remove(Kind.RCP)
        return MAYBE if unseen else NO

    def _denies(self, clause: Clause, action: str) -> Decision:
        if action == "sts:getcalleridentity":
            return _plain(Effect.ALLOW, "sts:GetCallerIdentity needs no permission, and no deny stops it")
        return clause.denied

    def _gates(self, plan: _Plan, resource: str, keys: Keys, used: list[Clause]) -> int:
        """Return whether every service control policy level and the VPC endpoint let the request through."""
        result = MAYBE if Kind.SCP in self.policies.unseen and not self.caller.outside else YES
        for level in plan.levels:
            result = min(result, _any(level, resource, keys, used))
            if result == NO:
                return NO
        return result if plan.endpoint is None else min(result, _any(plan.endpoint, resource, keys, used))

    def _sides(  # noqa: PLR0913, PLR0917  (the parts of one question)
        self, plan: _Plan, action: str, request: Request, keys: Keys, resource: ResourcePolicies, used: list[Clause]
    ) -> Sides:
        target, caller, unseen = request.resource, self.caller, self.policies.unseen
        forms: dict[Form, int] = {}
        if resource.policy is not None:
            for clause in _of(resource.policy, action):
                if clause.allow:
                    form, sure = self._named(clause)
                    found = min(clause.test(target, keys), sure) if sure else NO
                    if found:
                        forms[form] = max(forms.get(form, NO), found)
                        used.append(clause)
        elif Kind.RESOURCE in resource.unseen:
            forms = dict.fromkeys((Form.ACCOUNT, Form.DIRECT), MAYBE)
        if caller.type is Type.ROOT and not self.policies.identity:
            identity = YES
        else:
            identity = max(_any(plan.identity, target, keys, used), MAYBE if Kind.IDENTITY in unseen else NO)
        boundary = YES if plan.boundary is None else _any(plan.boundary, target, keys, used)
        if plan.session is not None:
            session = _any(plan.session, target, keys, used)
        else:
            # "If you do not pass a policy, the resulting federated user session has no permissions."
            session = NO if caller.type is Type.FEDERATED_USER else YES
        return Sides(
            identity=identity,
            boundary=min(boundary, MAYBE) if Kind.BOUNDARY in unseen else boundary,
            session=min(session, MAYBE) if Kind.SESSION in unseen else session,
            forms=forms,
            grant=granted(caller, resource, action, keys),
        )

    def _combined(self, sides: Sides, action: str, request: Request, owner: str) -> int:
        caller, named = self.caller, sides.named
        if caller.outside:
            if caller.account and caller.account != owner:
                return NO
            return named
        own = within_account(sides, needs_policy=needs_policy(action, request.resource))
        if owner == caller.account:
            return own
        limits = min(sides.boundary, sides.session)
        # Whether a KMS grant to another account's principal also needs that account's policies is not documented.
        across = max(min(sides.identity, limits, named), min(sides.grant, MAYBE))
        if owner:
            return across
        return own if own == across else MAYBE

    def _allowed(self, used: list[Clause]) -> Decision:
        key = tuple(used)
        known = self._decisions.get(key)
        if known is None:
            if len(self._decisions) > 4096:
                self._decisions.clear()
            reasons = tuple(clause.reason("allows") for clause in used) or (_ROOT,)
            known = self._decisions[key] = Decision(effect=Effect.ALLOW, because=reasons)
        return known

    def _unknown(self, plan: _Plan, action: str, request: Request, keys: Keys, resource: ResourcePolicies) -> Decision:
        reasons: list[Reason] = []
        assuming: list[str] = []
        for clause in (*_all(plan), *self._guards(action, resource)):
            if clause.test(request.resource, keys) == MAYBE:
                miss = clause.miss(request.resource, keys) or "applies"
                reasons.append(clause.reason(f"is undecided: {miss}"))
                assuming += (
                    f"{condition.key} is not known"
                    for condition in clause.statement.conditions
                    if keys[condition.key.lower()] is FREE
                )
        # Where a key's policy was seen, only its grants can be missing of what its side holds.
        reasons += (
            _NO_GRANTS
            if kind is Kind.RESOURCE and resource.policy is not None
            else Reason(policy="", why=kind.not_seen)
            for kind in sorted(self.policies.unseen | resource.unseen, key=lambda kind: kind.value)
        )
        reasons += (
            clause.reason("is undecided: whether NotPrincipal exempts the caller is not settled")
            for clause in self._guards(action, resource)
            if self._named(clause)[1] == MAYBE and clause.test(request.resource, keys) == YES
        )
        if not reasons:
            reasons.append(_GRANT if grants_to(self.caller, resource.grants) else _UNSETTLED)
        return Decision(effect=Effect.UNKNOWN, because=tuple(reasons), assuming=tuple(dict.fromkeys(assuming)))

    def _refused(  # noqa: PLR0913, PLR0917  (the parts of one question)
        self, plan: _Plan, action: str, request: Request, keys: Keys, resource: ResourcePolicies, owner: str
    ) -> Decision:
        """Return DENY with the gate that is shut and the statements that come closest."""
        target = request.resource
        for index, level in enumerate(plan.levels, 1):
            if _any(level, target, keys, []) == NO:
                return _shut(f"no service control policy of level {index} allows the action", level, target, keys)
        if plan.endpoint is not None and _any(plan.endpoint, target, keys, []) == NO:
            return _shut("the VPC endpoint policy does not allow the action", plan.endpoint, target, keys)
        allows = tuple(clause for clause in self._guards(action, resource) if clause.allow)
        named = _any(allows, target, keys, [])
        if named == NO and (needs_policy(action, target) or self.caller.outside or owner != self.caller.account):
            side = (
                "key policy" if action.startswith("kms:") else "trust policy" if action in TRUST_ACTIONS else "policy"
            )
            return _shut(f"the resource's {side} does not allow the caller", allows, target, keys)
        for name, clauses in (("permissions boundary", plan.boundary), ("session policy", plan.session)):
            if clauses is not None and _any(clauses, target, keys, []) == NO:
                return _shut(f"the {name} does not allow the action", clauses, target, keys)
        if _any(plan.identity, target, keys, []) == NO:
            return _shut("no identity policy allows the action", plan.identity + allows, target, keys)
        return _plain(Effect.DENY, "no policy grants it to this caller")


def decide(
    principal: Principal, policies: PrincipalPolicies, request: Request, resource: ResourcePolicies = NO_RESOURCE_SIDE
) -> Decision:
    """Decide one request. To ask many of one principal keep an `Evaluator`."""
    return Evaluator(principal, policies).decide(request, resource)


def _of(document: Document, action: str) -> tuple[Clause, ...]:
    compiled: Compiled = compile_document(document)
    return compiled.for_action(action)


def _allows(clauses: Iterable[Clause]) -> tuple[Clause, ...]:
    return tuple(clause for clause in clauses if clause.allow)


def _all(plan: _Plan) -> tuple[Clause, ...]:
    levels = (clause for level in plan.levels for clause in level)
    return (
        *plan.denies,
        *levels,
        *(plan.endpoint or ()),
        *plan.identity,
        *(plan.boundary or ()),
        *(plan.session or ()),
    )


def _any(clauses: tuple[Clause, ...], resource: str, keys: Keys, used: list[Clause]) -> int:
    """Return whether some clause applies, and note which."""
    best = NO
    for clause in clauses:
        found = clause.test(resource, keys)
        if found == YES:
            used.append(clause)
            return YES
        best = max(best, found)
    return best


@lru_cache(maxsize=256)
def _plain(effect: Effect, why: str) -> Decision:
    return Decision(effect=effect, because=(Reason(policy="", why=why),))


def _shut(why: str, clauses: tuple[Clause, ...], resource: str, keys: Keys) -> Decision:
    misses = ((clause, clause.miss(resource, keys)) for clause in clauses[:_NEAR])
    near = tuple(
        clause.reason("does not help: it leaves the decision to the caller's account" if miss is None
                      else f"does not help: {miss}")
        for clause, miss in misses
    )  # fmt: skip
    return Decision(effect=Effect.DENY, because=(_gate(why), *near))


@lru_cache(maxsize=256)
def _gate(why: str) -> Reason:
    return Reason(policy="", why=why)
