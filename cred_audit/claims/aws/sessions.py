"""Who may choose the tags of a role's sessions, where tags of the principal decide what the role may touch."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

from cred_audit.check import Skip
from cred_audit.claims.aws.isolation import witness_of
from cred_audit.claims.aws.texts import NOBODY, Actor, Texts, tenants_reach, texts_of
from cred_audit.decide import Effect, Unknown
from cred_audit.decide.aws.clause import compile_document
from cred_audit.decide.aws.document import read_document
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.free import Search
from cred_audit.decide.aws.model import (
    Document,
    Kind,
    Named,
    Principal,
    PrincipalPolicies,
    Request,
    ResourcePolicies,
    Statement,
)
from cred_audit.decide.aws.world import Role, User, asked
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Reaches, Verdict, Witness

_TAG_SESSION, _ASSUME = "sts:TagSession", "sts:AssumeRole"
_TAG = "aws:principaltag/"
_TRANSITIVE = "sts:transitivetagkeys"
_WITH_THE_ROLE = frozenset({"sts:externalid", "sts:rolesessionname", "sts:sourceidentity"})
"""Keys of sts:AssumeRole; whether the sts:TagSession that goes with it carries them, the reference does not say."""
_MOST = 50
"""Principals that a finding names; the search goes on no longer where one is found for each entry of the trust."""
_FIX = (
    "allow sts:TagSession only with StringEquals of aws:RequestTag/KEY and a value of the caller "
    "(${aws:PrincipalTag/KEY}) or the one tenant's, and demand the key in sts:TransitiveTagKeys"
)


def judge_session_tags(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding a role and tag key. Raises Skip where no tag of a principal decides anything."""
    texts = texts_of(snapshot)
    if not texts.asked.acting:
        raise Skip("the target names no agent in AWS")
    sessions = _Sessions(texts)
    unknown = tuple(texts.unknown_agents("Who may choose its session's tags"))
    yield from unknown
    judged = bool(unknown)
    roles: dict[str, list[Actor]] = {}
    for actor in texts.actors:
        if actor.evaluator.caller.role:
            roles.setdefault(actor.evaluator.caller.role, []).append(actor)
    for arn, actors in roles.items():
        found = tuple(sessions.findings(arn, actors))
        judged = judged or bool(found)
        yield from found
    if not judged:
        raise Skip("no policy compares a tag of the principal for a role of the target's agents; all were read")


class _Sessions:
    """One snapshot's roles, and the principals that may tag sessions."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        self.principals = texts.asked.principals
        self.agents: dict[str, dict[str, None]] = {}
        """ARN of a role or user -> tenants whose agents act with it."""
        for actor in texts.actors:
            self.agents.setdefault(actor.acting.arn, {})[actor.tenant] = None
        self._taggers: dict[str, tuple[dict[str, list[str]], list[str], bool]] = {}
        self._pinned: dict[tuple[str, str], bool] = {}
        self._blind = bool(texts.blind)

    def findings(self, arn: str, actors: list[Actor]) -> Iterator[Finding]:
        """Yield what is to be said of one role."""
        keys = sorted(frozenset().union(*map(self.texts.deciding, actors)))
        if self._blind:
            yield self._unknown(arn, actors, "which tags decide what it may touch", "not all policies were seen")
        found = self.principals.found(arn)
        if not keys or not isinstance(found, Role):
            return
        trust = self.principals.documents.read(found.trust, Kind.RESOURCE, f"trust policy of {arn}")
        if trust is None:
            why = self.principals.documents.refused.get(f"trust policy of {arn}", "its trust policy was not seen")
            yield self._unknown(arn, actors, "who may choose the tags of its sessions", why)
            return
        for key in keys:
            yield _Case(self, found, trust, key).finding(actors)

    def _unknown(self, arn: str, actors: list[Actor], what: str, why: str) -> Finding:
        return Finding(
            verdict=Verdict.UNKNOWN,
            subject=f"{arn}",
            agents=tuple(actor.acting.agent for actor in actors[:_MOST]),
            summary=f"For the role {arn} it is not known {what}: {why}.",
            evidence=(Evidence(where=asked("iam", arn.split(":")[4]), shows=why),),
        )

    def taggers_of(self, account: str) -> tuple[dict[str, list[str]], list[str], bool]:
        """Return who in an account has a policy that allows sts:TagSession: by role that it names, and the others."""
        known = self._taggers.get(account)
        if known is not None:
            return known
        facts = self.principals.accounts[account]
        by_resource: dict[str, list[str]] = {}
        broad: list[str] = []
        seen = facts.roles is not None and facts.users is not None
        found: tuple[Role | User, ...] = (*(facts.roles or ()), *(facts.users or ()))
        for one in found:
            policies = self.principals.policies(one)
            seen = seen and not policies.unseen
            clauses = [
                clause
                for document in policies.identity
                for clause in compile_document(document).for_action(_TAG_SESSION.lower())
                if clause.allow
            ]
            resources = [text for clause in clauses for text in clause.statement.resources or ()]
            if any(clause.statement.not_resource for clause in clauses) or any(
                character in text for text in resources for character in "*?$"
            ):
                broad.append(one.arn)
            else:
                for text in dict.fromkeys(resources):
                    by_resource.setdefault(text, []).append(one.arn)
        known = self._taggers[account] = (by_resource, broad, seen)
        return known

    def is_transitive(self, arn: str, key: str) -> bool:
        """Whether every session of a role carries a tag on: it cannot be chosen anew in the next role.

        IAM User Guide: "Pass session tags in AWS STS", "Chaining roles with session tags".
        """
        known = self._pinned.get((arn, key))
        if known is None:
            found = self.principals.found(arn)
            trust = None
            if isinstance(found, Role):
                trust = self.principals.documents.read(found.trust, Kind.RESOURCE, f"trust policy of {arn}")
            known = self._pinned[arn, key] = trust is not None and _demands(trust, key)
        return known


class _Case:
    """One role, one key, and everybody who may set it."""

    def __init__(self, sessions: _Sessions, role: Role, trust: Document, key: str) -> None:
        self.sessions, self.role, self.trust, self.key = sessions, role, trust, key
        self.texts = sessions.texts
        self.principals = sessions.principals
        self.spellings = tuple(dict.fromkeys((self.texts.keys.get(key, key), key)))
        """Keys of tags are compared without case, but not where they are values of aws:TagKeys."""
        self.allows = [
            clause.statement for clause in compile_document(trust).for_action(_TAG_SESSION.lower()) if clause.allow
        ]
        wanted = f"aws:requesttag/{key}"
        self.literals = sorted({
            value
            for statement in trust.statements
            for condition in statement.conditions
            if condition.key.lower() == wanted
            for value in self.texts.names(condition)
        })  # fmt: skip
        """Tenants' values with which the trust policy compares the tag of the request."""
        self.surely: dict[str, None] = {}
        self.perhaps: dict[str, None] = {}
        self.tenants: set[str] = set()
        self.witness: Witness | None = None
        self.statements: dict[Statement, None] = {}
        self.assuming: dict[str, None] = {}
        for statement in self.allows:
            if statement.not_principal:
                self._anyone(statement)
            for named in () if statement.not_principal else statement.principals or ():
                self._entry(statement, named)

    def _anyone(self, statement: Statement) -> None:
        account = self.role.arn.split(":")[4]
        self._outside(statement, f"arn:aws:iam::{account}:role/{NOBODY}", "anyone")
        self._of_account(statement, account)

    def _entry(self, statement: Statement, named: Named) -> None:
        if named.type == "Service":
            self.assuming[f"the service {named.value} gives each session its own tenant's tags"] = None
            return
        if named.type == "Federated":
            self.assuming[f"the identity provider {named.value} gives each user its own tenant's tags"] = None
            return
        if named.value == "*" or named.type == "*":
            self._anyone(statement)
            return
        fields = named.value.split(":")
        other = named.value if named.value.isdigit() else fields[4] if len(fields) > 5 else ""
        if other not in self.principals.accounts:
            whole = named.value.isdigit() or named.value.endswith(":root")
            caller = f"arn:aws:iam::{other}:role/{NOBODY}" if whole else named.value
            self._outside(statement, caller, f"principals of the account {other}" if whole else named.value)
        elif named.value.isdigit() or named.value.endswith(":root"):
            self._of_account(statement, other)
        else:
            self._known(statement, _role_of(named.value), session=named.value)

    def _outside(self, statement: Statement, caller: str, name: str) -> None:
        """Ask for somebody of whom nothing was read and who may have every right of its own."""
        evaluator = Evaluator(Principal(arn=caller, tags=None), PrincipalPolicies(identity=(_everything(),)))
        self._ask(Search(evaluator), statement, name, [NOBODY])

    def _of_account(self, statement: Statement, account: str) -> None:
        by_resource, broad, seen = self.sessions.taggers_of(account)
        for arn in (*by_resource.get(self.role.arn, ()), *broad):
            if len(self.surely) >= _MOST:
                return
            self._known(statement, arn)
        if not seen:
            self.perhaps[f"principals of the account {account} that were not seen"] = None
            self.statements[statement] = None

    def _known(self, statement: Statement, arn: str, session: str = "") -> None:
        found = self.principals.principal(arn)
        if isinstance(found, Unknown):
            self.perhaps[arn] = None
            self.statements[statement] = None
            return
        principal, policies = found
        if ":assumed-role/" in session:
            principal = replace(principal, arn=session)
        if self.sessions.is_transitive(arn, self.key):
            return
        tenants = self.sessions.agents.get(arn, {})
        own = {value for tenant in tenants for value in self.texts.own.get(tenant, ())} if len(tenants) == 1 else set()
        values = [NOBODY, *(value for value in self.literals if value not in own)] if tenants else [NOBODY]
        self._ask(Search(Evaluator(principal, policies)), statement, arn, values)

    def _ask(self, search: Search, statement: Statement, name: str, values: list[str]) -> None:
        side = ResourcePolicies(policy=self.trust)
        for value, key in itertools.product(values, self.spellings):
            request = Request(
                action=_TAG_SESSION, resource=self.role.arn, resource_tags=self.role.tags, request_tags={key: value}
            )
            tagged = search.possible(replace(request, free=_WITH_THE_ROLE), side)
            if tagged.decision.effect is Effect.DENY:
                continue
            assumed = search.possible(replace(request, action=_ASSUME), side)
            if assumed.decision.effect is Effect.DENY:
                continue
            self.statements[statement] = None
            if Effect.UNKNOWN in {tagged.decision.effect, assumed.decision.effect}:
                self.perhaps[name] = None
                continue
            self.surely[name] = None
            self.tenants.update(self.sessions.agents.get(name, ()))
            if self.witness is None:
                self.witness = witness_of(search.evaluator.principal, (assumed.request, tagged.request))
                self.assuming.update(dict.fromkeys((*tagged.decision.assuming, *assumed.decision.assuming)))
            return

    def finding(self, actors: list[Actor]) -> Finding:
        """Return what came of it."""
        role, trust = self.role, self.trust
        who = [*self.surely, *self.perhaps]
        verdict = Verdict.FAIL if self.surely else Verdict.UNKNOWN if self.perhaps else Verdict.PASS
        named = ", ".join(who[:3]) + (f" and {len(who) - 3} more" if len(who) > 3 else "")
        tag = self.spellings[0]
        if verdict is Verdict.PASS:
            summary = f"Nobody may choose the tag {tag} of sessions of {role.arn}."
            shows = "lets nobody set it to another tenant's value" if self.allows else "allows sts:TagSession to nobody"
            evidence = tuple(
                Evidence(where=trust.name, shows=f"statement {one.index} {shows}", quote=one.text)
                for one in self.allows
            ) or (Evidence(where=trust.name, shows=shows),)
        else:
            verb = "may" if self.surely else "may, as far as was seen,"
            summary = f"{named} {verb} choose the tag {tag} of sessions of {role.arn}, which decides what they touch."
            evidence = (
                *(Evidence(where=trust.name, shows=f"statement {one.index} does not pin aws:RequestTag/{tag}",
                           quote=one.text) for one in self.statements),
                Evidence(where=role.arn, shows=f"the tag may be chosen by {', '.join(who[:_MOST])}"),
            )  # fmt: skip
        return Finding(
            verdict=verdict,
            subject=f"{role.arn}: {self.key}",
            agents=tuple(dict.fromkeys(actor.acting.agent for actor in actors))[:_MOST],
            reaches=tenants_reach(self.tenants) if self.tenants else Reaches(),
            count=max(1, len(who)),
            summary=summary,
            evidence=evidence,
            witness=self.witness,
            assuming=tuple(self.assuming),
            fix=_FIX if verdict is not Verdict.PASS else None,
        )


def _role_of(arn: str) -> str:
    """Return the role of a named session, else the ARN itself."""
    fields = arn.split(":", 5)
    if len(fields) == 6 and fields[5].startswith("assumed-role/"):
        return f"arn:{fields[1]}:iam::{fields[4]}:role/{fields[5].split('/')[1]}"
    return arn


def _demands(trust: Document, key: str) -> bool:
    """Whether each statement that lets somebody tag sessions demands that a key be transitive."""
    allows = [clause.statement for clause in compile_document(trust).for_action(_TAG_SESSION.lower()) if clause.allow]
    return bool(allows) and all(
        any(
            condition.key.lower() == _TRANSITIVE
            and condition.some
            and not condition.if_exists
            and condition.operator in {"StringEquals", "StringEqualsIgnoreCase"}
            and {value.lower() for value in condition.values} == {key.lower()}
            for condition in statement.conditions
        )
        for statement in allows
    )


def _everything() -> Document:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    return read_document({"Version": "2012-10-17", "Statement": statement}, Kind.IDENTITY, "any policy of its own")
