"""Roles that AWS services may assume: for whose resources.

IAM User Guide: "The confused deputy problem", cross-service; global condition keys aws:SourceArn, aws:SourceAccount,
aws:SourceOrgID, aws:SourceOrgPaths.
"""

from collections.abc import Iterable, Iterator

from cred_audit.claims.aws.assuming import reaches_of
from cred_audit.claims.aws.isolation import Acting
from cred_audit.claims.aws.roles import AwsRoles, aws_roles
from cred_audit.claims.aws.trust import role_not_seen
from cred_audit.decide import Effect
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.free import Search
from cred_audit.decide.aws.model import Document, Principal, PrincipalPolicies, Request, Value
from cred_audit.decide.aws.world import Role
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Verdict

_BY_PASSING = frozenset({"ec2.amazonaws.com", "lambda.amazonaws.com", "edgelambda.amazonaws.com",
                         "pods.eks.amazonaws.com"})  # fmt: skip
"""Services that send neither aws:SourceArn nor aws:SourceAccount for their roles, and EKS, which is another claim."""


def judge_services(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each role of a tenant or agent that a service may assume for anybody's resource."""
    roles = aws_roles(snapshot)
    for role in roles.all:
        acting = roles.acting.get(role.arn, ())
        if not acting and not roles.owners(role):
            continue
        document = roles.trust(role)
        if document is None:
            yield role_not_seen(role)
            continue
        names = tuple(dict.fromkeys(_services(document)))
        if names:
            yield _bound(roles, role, names, acting)


def _services(document: Document) -> Iterator[str]:
    for statement in document.statements:
        if statement.allow and not statement.not_principal:
            for named in statement.principals or ():
                if named.type == "Service" and named.value not in _BY_PASSING:
                    yield named.value


def _bound(roles: AwsRoles, role: Role, names: Iterable[str], acting: Iterable[Acting]) -> Finding:
    account = role.arn.split(":")[4]
    foreign = "000000000001" if account != "000000000001" else "000000000002"
    context: dict[str, Value] = {
        "aws:SourceAccount": foreign, "aws:SourceArn": f"arn:aws:any-service:us-east-1:{foreign}:any/thing",
        "aws:SourceOrgID": "o-notours000", "aws:SourceOrgPaths": ("o-notours000/r-x/",),
    }  # fmt: skip
    effects: dict[str, Effect] = {}
    for name in names:
        search = Search(Evaluator(Principal(arn=name), PrincipalPolicies()))
        request = Request(action="sts:AssumeRole", resource=role.arn, resource_tags=role.tags, context=context)
        effects[name] = search.possible(request, roles.policies(role)).decision.effect
    open_ = [name for name, effect in effects.items() if effect is Effect.ALLOW]
    unsure = [name for name, effect in effects.items() if effect is Effect.UNKNOWN]
    verdict = Verdict.FAIL if open_ else Verdict.UNKNOWN if unsure else Verdict.PASS
    told = ", ".join(open_ or unsure or names)
    says = {
        Verdict.FAIL: "for a resource of any account",
        Verdict.UNKNOWN: "perhaps for a resource of any account",
        Verdict.PASS: "for resources that its trust policy names only",
    }[verdict]
    owners = roles.owners(role) | {one.tenant for one in acting}
    return Finding(
        verdict=verdict,
        subject=f"role:{role.arn}",
        reaches=reaches_of(roles.facts, owners if open_ else ()),
        summary=f"{told} may assume {role.arn} {says}.",
        evidence=(Evidence(where=role.arn, shows=f"lets in {told} {says}", quote=_quote(roles, role, open_)),),
        fix='add "StringEquals": {"aws:SourceAccount": "<account>"} and `aws:SourceArn`' if open_ else None,
    )


def _quote(roles: AwsRoles, role: Role, names: Iterable[str]) -> str:
    document = roles.trust(role)
    wanted = set(names)
    statements = document.statements if document is not None else ()
    return next((one.text for one in statements if any(named.value in wanted for named in one.principals or ())), "")
