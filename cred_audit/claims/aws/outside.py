"""Stand-ins for principals of other accounts: whom a resource's own policy lets in, whatever they may do at home.

The stand-in may do everything in its account, so that the resource's side alone decides.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from cred_audit.decide.aws.context import spelled
from cred_audit.decide.aws.document import NEGATED, read_document
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.free import Search
from cred_audit.decide.aws.model import Document, Kind, Principal, PrincipalPolicies, Statement, Value

ANYONE = "*"
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_EVERYTHING: Document = read_document(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}},
    Kind.IDENTITY,
    "whatever its account lets it do",
)
_OF_ORGANIZATIONS = frozenset({"aws:principalorgid", "aws:principalorgpaths"})
_NAME = "role/some-role-of-this-account"


@lru_cache(maxsize=65536)
def stand_in(arn: str) -> Search:
    """Return a principal that its own account lets do everything; its tags are not known."""
    principal = Principal(arn=arn, tags=None)
    return Search(Evaluator(principal, PrincipalPolicies(identity=(_EVERYTHING,))))


def some_role(account: str) -> str:
    """Return the ARN of a role that no policy names."""
    return f"arn:aws:iam::{account}:{_NAME}"


def fresh_account(text: str) -> str:
    """Return an account that a text does not mention."""
    return next(account for account in (f"{number:012}" for number in range(900000000001, 900000100000))
                if account not in text)  # fmt: skip


def accounts_in(text: str) -> tuple[str, ...]:
    """Return the account ids that a text mentions, in their order."""
    return tuple(dict.fromkeys(_ACCOUNT.findall(text)))


def outsiders(statement: Statement, home: str) -> Iterator[tuple[str, str]]:
    """Yield the principals outside an account that an Allow statement may let in, as (ARN, how it is named)."""
    star = statement.not_principal
    whole: dict[str, str] = {}
    for named in statement.principals or ():
        value = named.value
        if statement.not_principal:
            continue
        if named.type == "*" or (named.type == "AWS" and value == "*"):
            star = True
        elif named.type != "AWS":
            continue
        elif value.isdigit() or value.endswith(":root"):
            whole.setdefault(value if value.isdigit() else value.split(":")[4], value)
        elif value.count(":") > 4 and value.split(":")[4] != home:
            yield value, value
    if star:
        whole |= {account: ANYONE for account in accounts_in(statement.text) if account not in whole}
        whole[fresh_account(statement.text)] = ANYONE
    pinned = tuple(_pinned(statement))
    for account, value in whole.items():
        if account != home:
            yield some_role(account), value
            for arn in pinned:
                if arn.split(":")[4] == account:
                    yield arn, value


def _pinned(statement: Statement) -> Iterator[str]:
    """Yield principals that a statement's conditions on aws:PrincipalArn describe."""
    for condition in statement.conditions:
        if condition.key.lower() == "aws:principalarn":
            for value in condition.values:
                arn = value.replace("*", "x").replace("?", "x")
                if arn.count(":") > 4:
                    yield arn


@lru_cache(maxsize=65536)
def organization(document: Document | None) -> tuple[tuple[tuple[str, Value], ...], tuple[str, ...]]:
    """Return the organization that a policy's statements ask the caller to be of, as context and as assumptions.

    Which one a stand-in is of is not known: it is taken to be the one that lets it in.
    """
    found: dict[str, Value] = {}
    for statement in document.statements if document is not None else ():
        for condition in statement.conditions:
            key = condition.key.lower()
            if key in _OF_ORGANIZATIONS and condition.values and statement.allow is not (condition.operator in NEGATED):
                value = condition.values[0].replace("*", "x").replace("?", "x")
                found.setdefault(spelled(key), (value,) if key.endswith("paths") else value)
    return tuple(found.items()), tuple(f"{key} is {value}" for key, value in found.items())
