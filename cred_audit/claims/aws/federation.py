"""Roles that users of an identity provider may assume: whose tokens open them.

IAM User Guide: "Available keys for AWS web identity federation", "... for SAML-based AWS STS federation"; EKS User
Guide: "Create IAM role with trust policy required by EKS Pod Identity". What a trust policy leaves open is decided:
a request whose claim has a value that no policy names.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cred_audit.claims.aws.isolation import witness_of
from cred_audit.claims.aws.roles import AwsRoles, aws_roles
from cred_audit.claims.aws.trust import role_not_seen
from cred_audit.decide import Effect
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.free import Search
from cred_audit.decide.aws.model import Document, Principal, PrincipalPolicies, Request, Value
from cred_audit.decide.aws.world import Role
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Reaches, Verdict, Witness

_FRESH = "a-value-that-no-policy-names-7Qz"
_WEB, _SAML, _ASSUME, _TAG = (
    "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML", "sts:AssumeRole", "sts:TagSession",
)  # fmt: skip
_PODS = "pods.eks.amazonaws.com"
_COGNITO = "cognito-identity.amazonaws.com"
_USER = {"www.amazon.com": "user_id", "graph.facebook.com": "id"}
_AUDIENCE = {"www.amazon.com": "app_id", "graph.facebook.com": "app_id"}
_POD_TAGS = (
    "eks-cluster-arn", "eks-cluster-name", "kubernetes-namespace", "kubernetes-service-account", "kubernetes-pod-name",
    "kubernetes-pod-uid",
)  # fmt: skip
_NOT_A_LIMIT = ("aud", "azp", "amr", "oaud", "app_id", "iss")
"""Claims that do not say whose token it is."""
_REPOSITORY = re.compile(r"repo:[^*?:/]+/[^*?:/]+:")
_SEPARATORS = re.compile(r"[:/@|]")
_ACCOUNT_OF_PODS = re.compile(r"system:serviceaccount:([^*?:]+):")
_FIX = (
    "compare `sub` (StringEquals) with the one workload that is to use the role, and `aud` with the client that its "
    "tokens are for"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    shows: str
    sure: bool = True
    witness: Witness | None = None


def judge_web_identities(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each role that users of an identity provider, or pods of EKS, may assume."""
    roles = aws_roles(snapshot)
    names = frozenset(tenant.lower() for tenant in roles.facts.tenants)
    for role in roles.all:
        if ":role/aws-reserved/" in role.arn:
            # IAM Identity Center makes these; nobody else can change them.
            continue
        document = roles.trust(role)
        if document is None:
            yield role_not_seen(role)
            continue
        providers = tuple(dict.fromkeys(_providers(document)))
        open_ = [
            (provider, fault) for provider in providers for fault in _faults(roles, role, document, provider, names)
        ]
        if providers and (open_ or any(_let_in(roles, role, provider) for provider in providers)):
            yield _judged(roles, role, open_)


def _providers(document: Document) -> Iterator[str]:
    for statement in document.statements:
        if statement.allow and not statement.not_principal:
            for named in statement.principals or ():
                if named.type == "Federated" or (named.type == "Service" and named.value == _PODS):
                    yield named.value


def _search(provider: str) -> Search:
    return Search(Evaluator(Principal(arn=provider), PrincipalPolicies()))


def _host(provider: str) -> str:
    """Return what the condition keys of a provider begin with."""
    return provider.partition(":oidc-provider/")[2] or provider


class _Question:
    """One role and provider, asked with some claims pinned and the others free."""

    def __init__(self, roles: AwsRoles, role: Role, provider: str, action: str) -> None:
        self.search = _search(provider)
        self.action = action
        self.role = role
        self.policies = roles.policies(role)

    def __call__(self, claims: dict[str, Value]) -> tuple[Effect, Witness | None]:
        request = Request(action=self.action, resource=self.role.arn, resource_tags=self.role.tags, context=claims)
        found = self.search.possible(request, self.policies)
        effect = found.decision.effect
        return effect, witness_of(self.search.evaluator.principal, (found.request,)) if effect is Effect.ALLOW else None


def _let_in(roles: AwsRoles, role: Role, provider: str) -> bool:
    if provider == _PODS:
        # Which cluster EKS asks for is not ours to try: a statement that names it is taken to let some in.
        return True
    action = _SAML if ":saml-provider/" in provider else _WEB
    return _Question(roles, role, provider, action)({})[0] is not Effect.DENY


def _faults(
    roles: AwsRoles, role: Role, document: Document, provider: str, tenants: frozenset[str]
) -> Iterator[_Fault]:
    if provider == _PODS:
        effect = _pods(roles, role)
        if effect is not Effect.DENY:
            yield _Fault(
                shows="lets in pods of any namespace of any cluster that an association names",
                sure=effect is Effect.ALLOW,
            )
    elif ":saml-provider/" in provider:
        # Which of its users may use which role is in the provider's own assertion; the audience is AWS's part.
        yield from _open(_Question(roles, role, provider, _SAML), {"SAML:aud": _FRESH}, "of any audience (SAML:aud)")
    elif provider == _COGNITO:
        ask = _Question(roles, role, provider, _WEB)
        yield from _open(ask, {f"{_COGNITO}:aud": _FRESH}, "of any identity pool (aud)")
        yield from _open(ask, {f"{_COGNITO}:amr": ("unauthenticated",)}, "of guests who did not log in (amr)")
    else:
        yield from _web(roles, role, document, provider, tenants)


def _open(
    ask: "Callable[[dict[str, Value]], tuple[Effect, Witness | None]]", claims: dict[str, Value], what: str
) -> Iterator[_Fault]:
    effect, witness = ask(claims)
    if effect is not Effect.DENY:
        yield _Fault(shows=f"takes tokens {what}", sure=effect is Effect.ALLOW, witness=witness)


def _web(roles: AwsRoles, role: Role, document: Document, provider: str, tenants: frozenset[str]) -> Iterator[_Fault]:
    ask = _Question(roles, role, provider, _WEB)
    host = _host(provider)
    user, audience = f"{host}:{_USER.get(host, 'sub')}", f"{host}:{_AUDIENCE.get(host, 'aud')}"
    pinned: dict[str, Value] = {
        key: _FRESH for key in _claims(document, host) if key.rpartition(":")[2].lower() not in _NOT_A_LIMIT
    }
    pinned[user] = _FRESH
    faults = tuple(_open(ask, pinned, f"of any user ({user.rpartition(':')[2]})"))
    yield from faults
    yield from _open(ask, {audience: _FRESH}, f"for any client ({audience.rpartition(':')[2]})")
    if not faults:
        for pattern in dict.fromkeys(_patterns(document, user)):
            fault = _spans(pattern, tenants)
            if fault is not None and ask({user: pattern.replace("*", "x").replace("?", "x")})[0] is not Effect.DENY:
                yield fault


def _claims(document: Document, host: str) -> Iterator[str]:
    for statement in document.statements:
        for condition in statement.conditions:
            if condition.key.lower().startswith(f"{host.lower()}:"):
                yield condition.key


def _patterns(document: Document, user: str) -> Iterator[str]:
    for statement in document.statements:
        for condition in statement.conditions:
            if statement.allow and condition.key.lower() == user.lower() and "Like" in condition.operator:
                yield from (value for value in condition.values if "*" in value or "?" in value)


def _spans(pattern: str, tenants: frozenset[str]) -> _Fault | None:
    """Return what is wrong with a pattern of users; None where what is fixed in it is one tenant's."""
    if _REPOSITORY.match(pattern):
        return None
    pods = _ACCOUNT_OF_PODS.match(pattern)
    if pods is None and pattern.startswith("system:serviceaccount:"):
        return _Fault(shows=f"takes every user like {pattern[:80]!r}")
    whole = pods.groups() if pods is not None else _SEPARATORS.split(pattern)
    if any(name.lower() in tenants for name in whole):
        # A name counts where it is whole: `acme*` is also another one's beginning.
        return None
    if pods is not None:
        shows = f"takes every service account of the namespace {pods[1][:60]!r}, which may be several tenants'"
        return _Fault(shows=shows, sure=False)
    return _Fault(shows=f"takes every user like {pattern[:80]!r}")


def _pods(roles: AwsRoles, role: Role) -> Effect:
    """Return whether EKS is let in for a pod of a cluster and namespace that no policy names."""
    search = _search(_PODS)
    account = role.arn.split(":")[4]
    arn = f"arn:aws:eks:us-east-1:{account}:cluster/{_FRESH}"
    tags = dict.fromkeys(_POD_TAGS, _FRESH) | {"eks-cluster-arn": arn}
    context: dict[str, Value] = {"aws:SourceArn": arn, "aws:SourceAccount": account}
    effects = {
        search.possible(
            Request(action=action, resource=role.arn, resource_tags=role.tags, request_tags=tags, context=context),
            roles.policies(role),
        ).decision.effect
        for action in (_ASSUME, _TAG)
    }
    return Effect.DENY if Effect.DENY in effects else Effect.UNKNOWN if Effect.UNKNOWN in effects else Effect.ALLOW


def _judged(roles: AwsRoles, role: Role, found: list[tuple[str, _Fault]]) -> Finding:
    owners = tuple(sorted(roles.owners(role)))
    if not found:
        return Finding(
            verdict=Verdict.PASS,
            subject=f"role:{role.arn}",
            summary=f"{role.arn} names the users and the clients whose tokens open it.",
            evidence=(Evidence(where=role.arn, shows="no token of another user or for another client is taken"),),
        )
    sure = [one for one in found if one[1].sure]
    document = roles.trust(role)
    quotes = {
        named.value: statement.text
        for statement in (document.statements if document is not None else ())
        for named in statement.principals or ()
    }
    return Finding(
        verdict=Verdict.FAIL if sure else Verdict.UNKNOWN,
        subject=f"role:{role.arn}",
        reaches=Reaches(tenants=owners, count=len(owners)),
        summary=f"{role.arn} {'' if sure else 'perhaps '}{'; '.join(fault.shows for _, fault in sure or found)}.",
        evidence=tuple(
            Evidence(where=role.arn, shows=f"{fault.shows}: {provider}", quote=quotes.get(provider, ""))
            for provider, fault in sure or found
        ),
        witness=next((fault.witness for _, fault in sure if fault.witness is not None), None),
        fix=_FIX if sure else None,
    )
