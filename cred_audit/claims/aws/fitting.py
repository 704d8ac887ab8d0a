"""Whether what a policy says can apply at all: to its actions, with its condition keys, under its Resource."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from cred_audit.check import Skip
from cred_audit.claims.aws.texts import SERVICES, Texts, compares, texts_of, variables_of
from cred_audit.decide.aws import catalogue
from cred_audit.decide.aws.atoms import tag_of
from cred_audit.decide.aws.cells import documents_of
from cred_audit.decide.aws.document import NEGATED
from cred_audit.decide.aws.model import Condition, Document, Kind, Statement
from cred_audit.decide.aws.pattern import Variable, action_matcher, parts_of
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Verdict

_GLOBAL = frozenset(re.findall(r"\w+", """
    assumedroot calledvia calledviafirst calledvialast chatbotsourcearn currenttime ec2instancesourceprivateipv4
    ec2instancesourcevpc epochtime federatedprovider ismcpserviceaction multifactorauthage multifactorauthpresent
    principalaccount principalarn principalisawsservice principalorgid principalorgpaths principalservicename
    principalservicenameslist principaltype referer requestedregion resourceaccount resourceorgid resourceorgpaths
    securetransport signinsessionarn sourceaccount sourcearn sourceidentity sourceip sourceorgid sourceorgpaths
    sourcevpc sourcevpcarn sourcevpce tagkeys tokenissuetime useragent userid username viaawsmcpservice
    viaawsservice vpceaccount vpceorgid vpceorgpaths vpcsourceip
"""))  # fmt: skip
"""IAM User Guide: "AWS global condition context keys"; the names behind `aws:` in lower case."""
_GLOBAL_TAGS = ("aws:principaltag/", "aws:requesttag/", "aws:resourcetag/")
_OF_SESSIONS = frozenset({
    "ec2:rolebyinstance", "ec2:sourceinstancearn", "ec2:roledelivery", "ecs:sourcetaskarn", "glue:roleassumedby",
    "glue:credentialissuingservice", "lambda:sourcefunctionarn", "ssm:sourceinstancearn", "codebuild:buildarn",
    "identitystore:userid", "identitystore:identitystorearn", "bedrock-agentcore:workloadname",
})  # fmt: skip
"""Keys that a service puts into the sessions of its own workloads; requests to all services carry them."""
_FIX = "write what can apply: an action that exists, a key that it carries, Resource * where it takes no resource"
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class _Fault:
    """One thing that does not fit."""

    shows: str
    opens: bool
    """Whether it lets more through than it seems to; else it lets less through."""
    sure: bool = True


def judge_fitting(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding a statement that does not fit, one a policy that AWS would refuse, one an account without."""
    texts = texts_of(snapshot)
    unknown = tuple(texts.unknown_agents("What its policies say"))
    blind = texts.blind
    refused = texts.asked.documents.refused
    if not (texts.documents or texts.on_things or unknown or blind or refused):
        raise Skip("no policy binds an agent or stands on a thing; all of them were read")
    yield from unknown
    if blind:
        yield Finding(
            verdict=Verdict.UNKNOWN,
            subject="policies",
            summary="Not all policies were seen, so what they say is not known.",
            evidence=blind[:10],
        )
    for name, why in refused.items():
        yield _refused(name, why)
    fitting = _Fitting(texts)
    accounts: dict[str, int] = {}
    faulty: set[str] = set()
    for document, place, account in fitting.policies():
        for statement in document.statements:
            accounts[account] = accounts.get(account, 0) + 1
            faults = tuple(fitting.faults(document, statement))
            if faults:
                faulty.add(account)
                yield _finding(place, statement, faults)
    for account, count in accounts.items():
        if account not in faulty and not (unknown or blind or refused):
            yield Finding(
                verdict=Verdict.PASS,
                subject=f"account {account}",
                count=count,
                summary=f"All {count} statements of the policies in {account} can apply as they are written.",
                evidence=(
                    Evidence(where=f"account {account}", shows=f"each of {count} statements was compared with the "
                             f"Service Authorization Reference of {catalogue.version()}"),
                ),
            )  # fmt: skip


def _refused(name: str, why: str) -> Finding:
    readable = "not JSON" not in why and "characters" not in why
    return Finding(
        verdict=Verdict.FAIL if readable else Verdict.UNKNOWN,
        subject=f"refused: {name}",
        summary=f"AWS would not take the policy {name}, so it is not in force as it stands."
        if readable
        else f"What the policy {name} says is not known.",
        evidence=(Evidence(where=name, shows=why),),
        fix="correct the policy as the message says",
    )


def _finding(place: str, statement: Statement, faults: tuple[_Fault, ...]) -> Finding:
    sure = tuple(fault for fault in faults if fault.sure)
    told = sure or faults
    opens = any(fault.opens for fault in told)
    return Finding(
        verdict=Verdict.FAIL if sure else Verdict.UNKNOWN,
        subject=f"{place}: statement {statement.index}",
        summary=f"Statement {statement.index} of {place} {'; it '.join(fault.shows for fault in told)}.",
        evidence=tuple(
            Evidence(
                where=place,
                shows=f"{fault.shows}: it lets {'more' if fault.opens else 'less'} through than it says",
                quote=statement.text,
            )
            for fault in told
        ),
        note="opens: more is let through than the text says"
        if opens
        else "closes: less is let through than the text says, which is no leak",
        fix=_FIX,
    )


class _Fitting:
    """One snapshot's policies, compared with what there is."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        holdings = texts.asked.holdings
        self._carried = {key.lower() for thing in holdings.all for key in thing.tags or ()}
        self._things = any(thing.collection is None for thing in holdings.all)
        self._all_seen = not holdings.unseen and all(thing.tags is not None for thing in holdings.all)
        self._principal: dict[Document, tuple[set[str], bool]] = {}
        for actor in texts.actors:
            for document in documents_of(actor.policies):
                known, seen = self._principal.get(document, (set(), True))
                known |= {key.lower() for key in actor.tags}
                self._principal[document] = known, seen and actor.principal.tags is not None

    def policies(self) -> Iterator[tuple[Document, str, str]]:
        """Yield each policy that somebody can change, with its place and account."""
        for document, actor in self.texts.documents.items():
            if "::aws:policy/" not in document.name:
                own = document.kind in {Kind.IDENTITY, Kind.BOUNDARY}
                yield document, actor.place(document) if own else document.name, actor.account
        for document, thing in self.texts.on_things.items():
            yield document, f"{document.name} {thing.arn}", thing.account

    def faults(self, document: Document, statement: Statement) -> Iterator[_Fault]:
        """Yield what does not fit in one statement."""
        yield from _actions(statement)
        if document.kind is not Kind.RESOURCE:
            yield from _resources(statement)
        for condition in statement.conditions:
            yield from _keys(statement, condition)
            yield from self._tags(document, statement, condition)
        if not document.variables:
            yield from _plain(statement)

    def _tags(self, document: Document, statement: Statement, condition: Condition) -> Iterator[_Fault]:
        """Yield tag keys that tell tenants apart and that nothing carries."""
        tag = tag_of(condition.key.lower())
        ours = all(action.lower().startswith(tuple(f"{one}:" for one in SERVICES)) for action in statement.actions)
        opens = _holds_when_absent(condition) is statement.allow
        if condition.operator == "Null" or statement.not_action or not ours:
            return
        telling = compares(condition, "aws:principaltag/") or bool(self.texts.names(condition))
        if tag is not None and telling and self._things and tag not in self._carried:
            yield _Fault(f"looks at the tag {condition.key.partition('/')[2]}, which no secret, parameter or key has",
                         opens, self._all_seen)  # fmt: skip
        known, seen = self._principal.get(document, (set(), False))
        if not document.variables or document not in self._principal:
            return
        for value in condition.values:
            for part in parts_of(value, variables=True):
                if isinstance(part, Variable) and part.default is None and part.key.startswith("aws:principaltag/"):
                    name = part.key.partition("/")[2]
                    if name not in known:
                        yield _Fault(f"compares with the principal's tag {name}, which no agent with this policy has",
                                     opens, seen)  # fmt: skip


@lru_cache(maxsize=8192)
def _expanded(action: str) -> tuple[str, ...] | None:
    """Return the actions that an Action element stands for; None where a star stands for the service."""
    service, _, _ = action.partition(":")
    if "*" in service or "?" in service or action.strip("*") == "":
        return None
    matches = action_matcher(action)
    service = service.lower()
    return tuple(full for full in (f"{service}:{name}" for name in catalogue.actions(service)) if matches(full.lower()))


def _is_pattern(action: str) -> bool:
    return "*" in action or "?" in action


def _actions(statement: Statement) -> Iterator[_Fault]:
    opens = statement.allow is statement.not_action
    for action in statement.actions:
        found = _expanded(action)
        if found is None or found:
            continue
        service = action.partition(":")[0].lower()
        if service not in catalogue.services():
            yield _Fault(f"names the service {service!r:.60}, which AWS does not have", opens)
        else:
            yield _Fault(f"names the action {action!r:.80}, which AWS does not have", opens)


def _resources(statement: Statement) -> Iterator[_Fault]:
    texts = statement.resources or ()
    if statement.not_resource or statement.not_action or any(not text.strip("*") for text in texts):
        return
    for action in statement.actions:
        found = _expanded(action)
        if found and all(not _types(one) for one in found):
            yield _Fault(f"gives {action!r:.80} a Resource, but the action takes none and needs *", not statement.allow)


@lru_cache(maxsize=8192)
def _types(action: str) -> bool:
    details = catalogue.action_details(action)
    return details is None or bool(details["resourceTypes"])


def _holds_when_absent(condition: Condition) -> bool:
    """Whether a condition holds where its key is absent."""
    if condition.operator == "Null":
        return "true" in {value.lower() for value in condition.values}
    return not condition.some and (condition.every or condition.if_exists or condition.operator in NEGATED)


def _keys(statement: Statement, condition: Condition) -> Iterator[_Fault]:
    key, absent = condition.key.lower(), _holds_when_absent(condition)
    opens = absent is statement.allow
    if not _exists(key):
        yield _Fault(f"has the condition key {condition.key!r:.80}, which AWS does not have", opens)
        return
    if statement.not_action or key in _OF_SESSIONS:
        return
    always = "always" if absent else "never"
    for action in statement.actions:
        found = _expanded(action)
        if not found:
            continue
        without = _without(action, key)
        if len(without) == len(found):
            yield _Fault(f"has {condition.written} {condition.key}: this key is not sent with {action}, so the "
                         f"condition {always} holds", opens)  # fmt: skip
        elif without and opens and statement.allow and _is_pattern(action):
            names = ", ".join(one.partition(":")[2] for one in without[:_SHOWN])
            more = f" and {len(without) - _SHOWN} more" if len(without) > _SHOWN else ""
            yield _Fault(f"has {condition.written} {condition.key}: this key is not sent with {names}{more}, so the "
                         f"condition {always} holds for them", opens)  # fmt: skip


@lru_cache(maxsize=8192)
def _without(action: str, key: str) -> tuple[str, ...]:
    """Return the actions of an Action element whose requests never carry a key (lower case)."""
    return tuple(one for one in _expanded(action) or () if catalogue.carries(one, key) is False)


@lru_cache(maxsize=8192)
def _exists(key: str) -> bool:
    """Whether there is a condition key (lower case)."""
    service, colon, name = key.partition(":")
    if not colon:
        return False
    if service == "aws":
        return key.startswith(_GLOBAL_TAGS) or name in _GLOBAL
    if "." in service or service in {"saml", "sts"} or key in _OF_SESSIONS:
        # Claims of identity providers, under names that their accounts chose.
        return True
    return service in catalogue.services() and _pattern_of(service).fullmatch(key) is not None


@lru_cache(maxsize=512)
def _pattern_of(service: str) -> re.Pattern[str]:
    place = re.compile(r"\$\{[^}]*\}|tag-key|<key>")
    known = catalogue.condition_keys(service)
    return re.compile("|".join(".+".join(map(re.escape, place.split(one.lower()))) for one in known) or "(?!)")


def _plain(statement: Statement) -> Iterator[_Fault]:
    """Yield what is written as a variable and read as plain text."""
    for condition in statement.conditions:
        if variables_of(condition.values) and condition.operator.startswith(("String", "Arn")):
            opens = (condition.operator in NEGATED) is statement.allow
            yield _Fault(f"writes a variable in {condition.written} {condition.key}, which is plain text without "
                         "Version 2012-10-17", opens)  # fmt: skip
    if variables_of(statement.resources or ()):
        opens = statement.not_resource is statement.allow
        yield _Fault("writes a variable in its Resource, which is plain text without Version 2012-10-17", opens)
