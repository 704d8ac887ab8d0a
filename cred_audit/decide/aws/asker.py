"""One agent, ready to be asked whether some request with an action on a thing goes through."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from cred_audit.decide import Effect, Reason
from cred_audit.decide.aws import catalogue
from cred_audit.decide.aws.atoms import covers_action
from cred_audit.decide.aws.caller import Type
from cred_audit.decide.aws.dependent import Setting
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.estate import ActionClass, Collection, Question, Thing, requests, uses_key
from cred_audit.decide.aws.free import Possible, Search
from cred_audit.decide.aws.keys import Keys
from cred_audit.decide.aws.model import Kind, Principal, PrincipalPolicies, Request, ResourcePolicies


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Agent:
    """One acting principal of a tenant."""

    tenant: str
    principal: Principal
    """A role ARN stands for its sessions: a grant to a named session is reached, and says so."""
    policies: PrincipalPolicies
    mfa: bool | None = False
    """Whether a role's sessions may carry MFA: whether somebody other than a service may assume it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The answer on one thing."""

    effect: Effect
    because: tuple[Reason, ...]
    assuming: tuple[str, ...]
    witness: tuple[Request, ...]
    session: bool = False
    """Whether a session name was assumed."""


_OWN_KEY = "the secret gets a customer key that decrypts for the agent: AWS's own key works in its own account only"
ENABLED = "the KMS key is enabled again, which is disabled, waits for its deletion or lacks its material"
"""What must become true before KMS uses a key that is not usable now (KMS Developer Guide: "Key states")."""


class Asker:
    """One agent, compiled, with a search for itself and one for each session that some policy names."""

    def __init__(self, agent: Agent, unknown: frozenset[str], since: datetime | None = None) -> None:
        self.agent = agent
        self._setting = Setting(mfa=agent.mfa, since=since)
        self.evaluator = Evaluator(agent.principal, agent.policies)
        self.caller = self.evaluator.caller
        open_ = frozenset(key for key in unknown if not self.evaluator.derives(key))
        self.keys: Keys = self.evaluator.keys(Request(action="x:x", free=open_))
        self._searches: dict[str, Search] = {"": Search(self.evaluator, self._setting)}
        self._powerless: dict[str, bool] = {}

    def cannot(self, action: str, thing: Thing) -> bool:
        """Whether nothing on either side can allow an action, whatever the request."""
        policies = thing.policies
        if thing.collection is Collection.EVERYTHING and thing.account != self.caller.account:
            return True
        if policies.policy is not None or policies.grants or Kind.RESOURCE in policies.unseen:
            return False
        known = self._powerless.get(action)
        if known is None:
            known = self._powerless[action] = self._has_no_allow(action)
        return known

    def _has_no_allow(self, action: str) -> bool:
        if self.caller.type is Type.ROOT or Kind.IDENTITY in self.agent.policies.unseen:
            return False
        lowered = action.lower()
        return not any(
            statement.allow and covers_action(statement, lowered)
            for document in self.agent.policies.identity
            for statement in document.statements
        )

    def judge(self, action: str, thing: Thing, wanted: ActionClass | Question, session: str = "") -> Judged:
        """Decide whether some request with this action on this thing is allowed."""
        search = self._searches.get(session)
        if search is None:
            principal = replace(self.agent.principal, arn=session, role=self.caller.role)
            search = self._searches[session] = Search(Evaluator(principal, self.agent.policies), self._setting)
        parts = []
        for request, policies in requests(action, thing, wanted):
            found = _with_tags_or_without(search, request, policies)
            if found.decision.effect is Effect.DENY:
                return Judged(Effect.DENY, found.decision.because, (), (found.request,))
            parts.append(found)
        effects = {part.decision.effect for part in parts}
        because = tuple(reason for part in parts for reason in part.decision.because)
        assuming = tuple(text for part in parts for text in part.decision.assuming)
        if session:
            assuming = (f"the session name is {session.rpartition('/')[2]!r}", *assuming)
        effect = Effect.UNKNOWN if Effect.UNKNOWN in effects else Effect.ALLOW
        if self._meets_own_key(action, thing, wanted):
            assuming += (_OWN_KEY,)
        if any(one is not None and not one.usable for one in (thing, thing.key)) and uses_key(action, wanted):
            assuming += (ENABLED,)
        if not thing.key_known and uses_key(action, wanted):
            effect = Effect.UNKNOWN
            because += (Reason(policy="", why=self._of_unseen_key(thing)),)
        if not thing.owners_known and effect is Effect.ALLOW:
            effect = Effect.UNKNOWN
            because += (Reason(policy="", why="what says whose it is was not seen"),)
        return Judged(effect, because, assuming, tuple(part.request for part in parts), bool(session))

    def _of_unseen_key(self, thing: Thing) -> str:
        """Return what is not known where a key was not seen.

        A grant of a key lets in principals of other accounts whose own policies say nothing of it, as Auto Scaling's
        roles have it (EC2 Auto Scaling User Guide: "Required AWS KMS key policy for use with encrypted volumes").
        """
        seen = "the key that encrypts it was not seen"
        if thing.key is not None and self._has_no_allow("kms:Decrypt"):
            return f"{seen}: no policy of the agent allows kms:Decrypt, but a grant of that key might"
        return seen

    def _meets_own_key(self, action: str, thing: Thing, wanted: ActionClass | Question) -> bool:
        """Whether a value is read across accounts that AWS's own key encrypts, which decrypts for its account alone.

        Secrets Manager User Guide: "Permissions to AWS Secrets Manager secrets for users in a different account".
        """
        own = thing.key is None and thing.key_known and thing.service == "secretsmanager"
        return own and thing.account != self.caller.account and wanted is ActionClass.READ and uses_key(action, wanted)

    def best(self, action: str, thing: Thing, wanted: ActionClass | Question, sessions: Iterable[str]) -> Judged:
        """Decide with the session name that opens most."""
        best = self.judge(action, thing, wanted)
        for session in sessions:
            if best.effect is Effect.ALLOW:
                break
            other = self.judge(action, thing, wanted, session)
            if other.effect is not Effect.DENY:
                best = other
        return best


def _with_tags_or_without(search: Search, request: Request, policies: ResourcePolicies) -> Possible:
    """Search; where the reference leaves open whether the action sees the thing's tags, for both cases."""
    found = search.possible(request, policies)
    if not request.resource_tags or catalogue.carries(request.action, "aws:resourcetag/x") is not None:
        return found
    other = search.possible(replace(request, resource_tags={}), policies)
    if other.decision.effect is found.decision.effect:
        return found
    decided = found if found.decision.effect is not Effect.DENY else other
    why = f"it is not documented whether {request.action} sees the tags of what it touches"
    because = (Reason(policy="", why=why), *decided.decision.because)
    return replace(decided, decision=replace(decided.decision, effect=Effect.UNKNOWN, because=because))
