"""AWS's own managed policies that agents hold: what each grants on things that nobody has named yet."""

from collections.abc import Iterator

from cred_audit.check import Skip
from cred_audit.claims.aws.isolation import witness_of
from cred_audit.claims.aws.texts import CLASSES, NOBODY, SERVICES, Actor, Cases, Texts, ask, fresh, texts_of
from cred_audit.decide import Effect
from cred_audit.decide.aws import reach
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.estate import ActionClass, Thing, actions_of
from cred_audit.decide.aws.free import Search
from cred_audit.decide.aws.model import Document, Kind, PrincipalPolicies
from cred_audit.decide.aws.world import Role, User, asked
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Verdict

_AWS = "::aws:policy/"
_WORDS = {"secretsmanager": "secrets", "ssm": "parameters", "kms": "keys"}
_VERBS = {
    ActionClass.READ: "reading", ActionClass.WRITE: "changing", ActionClass.CONTROL: "giving away",
    ActionClass.LIST: "describing",
}  # fmt: skip
_FIX = "detach it and attach a policy that names the tenant's things, by a folder in Resource or by a tag"


def judge_broad_policies(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding a managed policy of AWS and tenant. Raises Skip where no agent holds any."""
    texts = texts_of(snapshot)
    if not texts.asked.acting:
        raise Skip("the target names no agent in AWS")
    unknown = tuple(texts.unknown_agents("Which managed policies of AWS it holds"))
    yield from unknown
    broad = _Broad(texts)
    cases = Cases()
    for actor in texts.actors:
        for finding in broad.findings(actor):
            cases.add(finding)
    yield from cases
    if not (unknown or tuple(cases)):
        raise Skip("no agent has a managed policy of AWS attached; roles, users and groups were read")


class _Broad:
    """One snapshot's managed policies, each decided once for an account."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        self._known: dict[tuple[Document, str], tuple[dict[str, list[str]], dict[str, list[str]]]] = {}

    def findings(self, actor: Actor) -> Iterator[Finding]:
        """Yield what each managed policy of AWS grants one agent."""
        found = self.texts.asked.principals.found(actor.acting.arn)
        if not isinstance(found, Role | User):
            return
        attached, seen = self._attached(actor, found)
        if not seen:
            call = asked("iam", actor.account)
            yield Finding(
                verdict=Verdict.UNKNOWN,
                subject=f"agent:{actor.name}",
                tenant=actor.tenant,
                agents=(actor.acting.agent,),
                summary=f"Which managed policies {actor.name} holds was not seen.",
                evidence=(Evidence(where=call, shows="its attached policies or its groups were not seen"),),
            )
        for arn in attached:
            if _AWS in arn:
                yield self._judged(actor, arn)

    def _attached(self, actor: Actor, found: Role | User) -> tuple[list[str], bool]:
        arns = list(found.attached or ())
        seen = found.attached is not None
        if isinstance(found, User):
            groups = {group.name: group for group in self.texts.asked.principals.accounts[actor.account].groups or ()}
            seen = seen and found.groups is not None
            for name in found.groups or ():
                group = groups.get(name)
                arns += (group.attached or ()) if group is not None else ()
                seen = seen and group is not None and group.attached is not None
        return list(dict.fromkeys(arns)), seen

    def _judged(self, actor: Actor, arn: str) -> Finding:
        document = self.texts.asked.principals.managed(actor.account, arn, Kind.IDENTITY)
        subject = f"{actor.tenant}: {arn}"
        if document is None:
            why = self.texts.asked.documents.refused.get(arn, "its text was not seen")
            return Finding(
                verdict=Verdict.UNKNOWN,
                subject=subject,
                tenant=actor.tenant,
                agents=(actor.acting.agent,),
                summary=f"What the managed policy {arn} of {actor.name} grants is not known: {why}.",
                evidence=(Evidence(where=arn, shows=why),),
            )
        alone = self._alone(actor, document)
        new = {service: fresh(self.texts, service, "us-east-1", actor.account, dict.fromkeys(
            self.texts.keys.values(), NOBODY)) for service in SERVICES}  # fmt: skip
        key = (document, actor.account)
        if key not in self._known:
            self._known[key] = self._granted(alone, new)
        granted, doubted = self._known[key]
        told = granted or doubted
        if not told:
            return Finding(
                verdict=Verdict.PASS,
                subject=subject,
                tenant=actor.tenant,
                agents=(actor.acting.agent,),
                summary=f"The managed policy {arn} of {actor.name} grants nothing on secrets, parameters or keys.",
                evidence=(Evidence(where=arn, shows="no action on a new secret, parameter or key is allowed"),),
            )
        service = next(iter(told))
        answer = ask(alone, told[service][0], new[service])
        what = "; ".join(f"{', '.join(self._verbs(actions))} all {_WORDS[one]}" for one, actions in told.items())
        quotes = {reason.clause: reason.why for reason in answer.because if reason.policy == arn}
        return Finding(
            verdict=Verdict.FAIL if granted else Verdict.UNKNOWN,
            subject=subject,
            tenant=actor.tenant,
            agents=(actor.acting.agent,),
            count=sum(map(len, told.values())),
            summary=f"The managed policy {arn} of {actor.name} {'grants' if granted else 'may grant'} {what}.",
            evidence=tuple(Evidence(where=arn, shows=why, quote=text) for text, why in quotes.items())
            or (Evidence(where=arn, shows=f"grants {what}"),),
            witness=witness_of(actor.principal, answer.requests) if granted else None,
            assuming=answer.assuming,
            fix=_FIX,
            note="the policy is judged by itself; what its grants reach of other tenants is judged by the claims on "
            "reading, changing and listing",
        )

    def _alone(self, actor: Actor, document: Document) -> Actor:
        """Return the agent as if it held this policy only."""
        policies = PrincipalPolicies(identity=(document,))
        evaluator = Evaluator(actor.principal, policies)
        agent = reach.Agent(tenant=actor.tenant, principal=actor.principal, policies=policies)
        return Actor(acting=actor.acting, agent=agent, evaluator=evaluator, search=Search(evaluator))

    def _granted(self, alone: Actor, new: dict[str, Thing]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Return the actions that are allowed on new things, and those that may be, by service."""
        granted: dict[str, list[str]] = {}
        doubted: dict[str, list[str]] = {}
        for service, thing in new.items():
            for action in dict.fromkeys(action for wanted in CLASSES for action in actions_of(wanted, service)):
                effect = ask(alone, action, thing).effect
                if effect is Effect.ALLOW:
                    granted.setdefault(service, []).append(action)
                elif effect is Effect.UNKNOWN:
                    doubted.setdefault(service, []).append(action)
        return granted, doubted

    @staticmethod
    def _verbs(actions: list[str]) -> list[str]:
        """Return what actions do, in words."""
        service = actions[0].partition(":")[0]
        return [verb for wanted, verb in _VERBS.items() if set(actions).intersection(actions_of(wanted, service))]
