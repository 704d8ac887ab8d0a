"""What policies say on assuming roles: the patterns that name roles, and the part of a trust that is open to others."""

from functools import lru_cache

from cred_audit.claims.aws.role_tags import ASSUME
from cred_audit.decide.aws.cells import documents_of
from cred_audit.decide.aws.clause import compile_document
from cred_audit.decide.aws.model import Document, PrincipalPolicies
from cred_audit.decide.aws.pattern import Variable, parts_of

EXTERNAL_ID = "sts:ExternalId"


def is_account(value: str) -> bool:
    """Whether a principal is an account as a whole."""
    return value.isdigit() or value.endswith(":root")


@lru_cache(maxsize=65536)
def patterns(document: Document) -> tuple[tuple[bool, str], ...]:
    """Return the resource patterns of the statements on AssumeRole (variables as stars), with whether they allow."""
    found: dict[tuple[bool, str], None] = {}
    for clause in compile_document(document).for_action(ASSUME.lower()):
        statement = clause.statement
        if statement.not_resource or statement.resources is None:
            found[statement.allow, "*"] = None
        found |= {(statement.allow, _starred(text, document)): None for text in statement.resources or ()}
    return tuple(found)


def _starred(text: str, document: Document) -> str:
    parts = parts_of(text, variables=document.variables)
    return "".join("*" if isinstance(part, Variable) else part[0] if part[1] else "?" * len(part[0]) for part in parts)


def allowed(policies: PrincipalPolicies) -> tuple[str, ...]:
    """Return the patterns of roles that the principal's own policies may let it assume."""
    return tuple(dict.fromkeys(text for one in policies.identity for allows, text in patterns(one) if allows))


def compared(policies: PrincipalPolicies) -> tuple[str, ...]:
    """Return every pattern that the statements of a principal's side compare roles with."""
    found = (text for one in documents_of(policies) for _, text in patterns(one))
    return tuple(dict.fromkeys(text for text in found if text != "*"))


@lru_cache(maxsize=65536)
def one_external_id(document: Document) -> str | None:
    """Return the external id that a trust policy asks for, where it is one plain text."""
    found = {
        value
        for statement in document.statements
        for condition in statement.conditions
        if condition.key.lower() == EXTERNAL_ID.lower() and condition.written == "StringEquals"
        for value in condition.values
        if "${" not in value
    }
    return found.pop() if len(found) == 1 else None


@lru_cache(maxsize=65536)
def broad_trust(document: Document | None, *, fixed_id: bool) -> object:
    """Return the statements of a trust policy that can matter to those whom it does not name.

    `fixed_id`: whether the value of an external id makes no difference, since no policy of an agent compares it.
    """
    if document is None:
        return None
    found = []
    for statement in document.statements:
        broad = tuple(
            named.value for named in statement.principals or ()
            if named.type == "*" or (named.type == "AWS" and (named.value == "*" or is_account(named.value)))
        )  # fmt: skip
        specific = tuple(named.value for named in statement.principals or ()) if statement.not_principal else ()
        if not broad and not statement.not_principal:
            continue
        conditions = tuple(
            (one.written, one.key.lower(),
             "one id" if fixed_id and one.key.lower() == EXTERNAL_ID.lower() and len(one.values) == 1
             and one.written == "StringEquals" and "${" not in one.values[0] else one.values)
            for one in statement.conditions
        )  # fmt: skip
        found.append((statement.allow, broad, specific, statement.actions, statement.not_action, conditions))
    return document.variables, tuple(found)
