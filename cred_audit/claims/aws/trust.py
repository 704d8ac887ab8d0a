"""Trust across accounts: which roles let another account in, and what keeps others from being let in with it.

IAM User Guide: "The confused deputy problem", "How to use an external ID when granting access to your AWS resources to
a third party". Whether a role asks for an external id is decided, not read: the request without one, with one that
no policy names, and with each that some statement names.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from cred_audit.claims.aws.external_ids import guessable, sequences, templates
from cred_audit.claims.aws.isolation import witness_of
from cred_audit.claims.aws.outside import ANYONE, organization, outsiders, stand_in
from cred_audit.claims.aws.role_clauses import EXTERNAL_ID
from cred_audit.claims.aws.roles import AwsRoles, aws_roles
from cred_audit.claims.aws.sight import doubted
from cred_audit.decide import Effect
from cred_audit.decide.aws.free import Possible
from cred_audit.decide.aws.model import Document, Statement, Value
from cred_audit.decide.aws.world import Role
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Reaches, Verdict, Witness

_FRESH = "kV7wq-no-policy-names-this-0Zt"
_MADE_BY_ORGANIZATIONS = frozenset({"OrganizationAccountAccessRole", "AWSControlTowerExecution"})
"""Roles that Organizations and Control Tower make for the management account, which send no external id."""
_SHOWN = 3
_FIX = (
    "let the trust policy ask for the id that the platform made for this tenant alone: "
    '"StringEquals": {"sts:ExternalId": "<random UUID>"}, and name the platform\'s role instead of its account'
)


@dataclass(slots=True)
class _Case:
    """One role that lets another account in."""

    role: Role
    owners: frozenset[str]
    ids: dict[str, None] = field(default_factory=dict)
    """The external ids that open it."""
    faults: dict[str, Evidence] = field(default_factory=dict)
    unsure: dict[str, Evidence] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()
    """Tenants whose roles take the same id."""
    witness: Witness | None = None
    assuming: tuple[str, ...] = ()
    whole: set[str] = field(default_factory=set)
    """Accounts that are trusted as a whole."""


def judge_external_ids(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each role that lets in a principal of an account that is not its owner's."""
    roles = aws_roles(snapshot)
    cases: list[_Case] = []
    unseen: list[Finding] = []
    for role in roles.all:
        if role.arn.rpartition("/")[2] in _MADE_BY_ORGANIZATIONS:
            continue
        document = roles.trust(role)
        if document is None:
            unseen.append(role_not_seen(role))
            continue
        case = _case(roles, role, document)
        if case is not None:
            cases.append(case)
    yield from unseen
    _compare(cases)
    names = frozenset(tenant.lower() for tenant in roles.facts.tenants)
    for case in cases:
        for value in case.ids:
            why = guessable(value, names, case.owners)
            if why is not None:
                shows = f"takes an external id that {why}"
                case.faults.setdefault(shows, Evidence(where=case.role.arn, shows=f"{shows}: {value[:40]!r}"))
        # A role whose trust policy was not seen may take the same id.
        yield doubted(_judged(case), unseen[:1] if case.ids else ())


def role_not_seen(role: Role) -> Finding:
    """Return the finding of a role whose trust policy was not seen."""
    return Finding(
        verdict=Verdict.UNKNOWN,
        subject=f"role:{role.arn}",
        summary=f"Whom {role.arn} lets in is not known: its trust policy was not seen.",
        evidence=(Evidence(where=role.arn, shows="its trust policy was not seen or is none that AWS takes"),),
    )


def _case(roles: AwsRoles, role: Role, document: Document) -> _Case | None:
    home = role.arn.split(":")[4]
    owners = roles.owners(role)
    case = _Case(role=role, owners=owners)
    found = False
    for statement in document.statements:
        if statement.allow:
            for arn, value in outsiders(statement, home):
                if _is_third_party(roles, owners, arn.split(":")[4]):
                    found = _ask(roles, case, document, statement, arn, value) or found
    return case if found else None


def _is_third_party(roles: AwsRoles, owners: frozenset[str], account: str) -> bool:
    """Whether an account is neither of the role's own tenant nor, for a role of nobody, one of the platform's."""
    holders = roles.facts.holdings.territories.owners(f"arn:aws:iam::{account}:root", None)
    if owners:
        return owners.isdisjoint(holders)
    return bool(holders) or account not in roles.facts.principals.accounts


class _Door:
    """One principal of another account before one role."""

    def __init__(self, roles: AwsRoles, case: _Case, statement: Statement, arn: str, value: str) -> None:
        self.case = case
        self.statement = statement
        self.search = stand_in(arn)
        self.account = arn.split(":")[4]
        self.value = value
        anyone = "anyone in any account" if self.account not in statement.text else self.account
        self.whom = anyone if value == ANYONE else value
        self._policies = roles.policies(case.role)
        self._organization, self._assumed = organization(self._policies.policy)
        self._request = roles.request(case.role)

    def tried(self, external_id: str | None) -> Possible:
        """Decide the request with an external id, or without any."""
        given: Value = () if external_id is None else external_id
        context = {**dict(self._organization), EXTERNAL_ID: given}
        return self.search.possible(replace(self._request, context=context), self._policies)

    def open_to(self, external_id: str | None, shows: str) -> bool:
        """Whether it is let in so, or may be; noted as a fault."""
        found = self.tried(external_id)
        effect = found.decision.effect
        if effect is Effect.DENY:
            return False
        evidence = Evidence(where=self.case.role.arn, shows=shows, quote=self.statement.text)
        (self.case.faults if effect is Effect.ALLOW else self.case.unsure).setdefault(shows, evidence)
        if effect is Effect.ALLOW and self.case.witness is None:
            principal = self.search.evaluator.principal
            self.case.witness = witness_of(principal, (found.request,))
            known = f"the policies of the account {self.account} let {principal.arn} assume it"
            self.case.assuming = (known, *self._assumed, *found.decision.assuming)
        return True

    def lets_in(self, written: Iterable[tuple[str, bool]]) -> bool:
        """Note what is wrong with the ids that are asked for; False where nobody is let in with any of them."""
        if self.open_to(None, f"lets in {self.whom} without an external id"):
            return True
        if not written or self.open_to(_FRESH, f"lets in {self.whom} with any external id"):
            return bool(written)
        found = False
        for text, wild in written:
            if wild and ("*" in text or "?" in text):
                example = text.replace("*", "x").replace("?", "x")
                found = self.open_to(example, f"takes every external id like {text[:60]!r}") or found
            elif self.tried(text).decision.effect is not Effect.DENY:
                self.case.ids[text] = None
                found = True
        return found


def _ask(  # noqa: PLR0913, PLR0917  (the parts of one question)
    roles: AwsRoles, case: _Case, document: Document, statement: Statement, arn: str, value: str
) -> bool:
    """Try the ways in for one principal, note what is wrong; False where it is not let in at all."""
    door = _Door(roles, case, statement, arn, value)
    if not door.lets_in(tuple(_written(document))):
        return False
    if value == ANYONE or value.isdigit() or value.endswith(":root"):
        case.whole.add(door.account if value != ANYONE else "every account")
    return True


def _written(document: Document) -> Iterator[tuple[str, bool]]:
    """Yield the external ids that a trust policy compares with, and whether wildcards count in them."""
    for statement in document.statements:
        for condition in statement.conditions:
            if condition.key.lower() == EXTERNAL_ID.lower():
                yield from ((value, "Like" in condition.operator) for value in condition.values)


def _compare(cases: Iterable[_Case]) -> None:
    """Note the ids that roles of several tenants take, and those that follow from each other."""
    by_id: dict[str, list[_Case]] = {}
    for case in cases:
        for value in case.ids:
            by_id.setdefault(value, []).append(case)
    for value, same in by_id.items():
        owners = frozenset().union(*(case.owners for case in same))
        if len(owners) > 1:
            shows = f"takes the external id {value[:40]!r}, which opens roles of {len(owners)} tenants"
            for case in same:
                case.shared = owners
                case.faults.setdefault(shows, Evidence(where=case.role.arn, shows=shows))
    owners_of = {value: same[0].owners for value, same in by_id.items() if len(same) == 1}
    for why, values in (("is one of a sequence", sequences(by_id)),
                        ("is the same as others' but for the tenant", templates(owners_of))):  # fmt: skip
        for value in values:
            for case in by_id[value]:
                shows = f"takes an external id that {why}"
                case.faults.setdefault(shows, Evidence(where=case.role.arn, shows=f"{shows}: {value[:40]!r}"))


def _judged(case: _Case) -> Finding:
    arn = case.role.arn
    reached = case.shared or case.owners
    if not case.faults and not case.unsure:
        whole = f"; which principals of {', '.join(sorted(case.whole)[:_SHOWN])} may use it is that account's matter"
        return Finding(
            verdict=Verdict.PASS,
            subject=f"role:{arn}",
            summary=f"{arn} asks every account that it lets in for an external id of its own.",
            evidence=(Evidence(where=arn, shows="no request without its id, or with another one, is allowed"),),
            note=whole.lstrip("; ") if case.whole else "",
        )
    verdict = Verdict.FAIL if case.faults else Verdict.UNKNOWN
    told = case.faults or case.unsure
    return Finding(
        verdict=verdict,
        subject=f"role:{arn}",
        reaches=Reaches(tenants=tuple(sorted(reached)), count=len(reached)),
        summary=f"{arn} {'' if case.faults else 'perhaps '}{'; '.join(list(told)[:_SHOWN])}.",
        evidence=tuple(told.values())[:_SHOWN],
        witness=case.witness,
        assuming=case.assuming,
        fix=_FIX,
    )
