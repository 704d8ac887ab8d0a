"""Who a principal is to a resource policy: which Principal entries name it, and how strongly.

IAM User Guide: "AWS JSON policy elements: Principal", "... NotPrincipal". The form matters: an Allow to a session,
user or federated user grants by itself; one to a role is still limited by boundary and session policy; one to an
account only delegates to it.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum

from cred_audit.decide.aws.model import Named, Principal, Statement
from cred_audit.decide.aws.pattern import MAYBE, NO, YES


class Form(IntEnum):
    """How a statement names the caller, weakest first."""

    NONE = 0
    ACCOUNT = 1
    ROLE = 2
    ANYONE = 3
    """By a star, which within the account grants past identity policies and boundary."""
    DIRECT = 4


class Type(Enum):
    """What kind of principal signs."""

    SESSION = "role session"
    USER = "user"
    ROOT = "account root"
    FEDERATED_USER = "federated user"
    PROVIDER = "web identity or SAML user"
    SERVICE = "service"
    ANONYMOUS = "anonymous"
    OTHER = "other"


_OUTSIDE = frozenset({Type.PROVIDER, Type.SERVICE, Type.ANONYMOUS})
"""Principals without an account of their own: no identity policies, no SCPs, the resource's side alone decides."""
_PROVIDERS = frozenset({"accounts.google.com", "cognito-identity.amazonaws.com", "graph.facebook.com",
                        "www.amazon.com"})  # fmt: skip
"""Web identity providers that a trust policy names without an ARN (IAM User Guide, "OIDC federation")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A principal, taken apart."""

    type: Type
    arn: str
    account: str
    """Empty for services, unsigned requests and providers without an ARN."""
    role: str = ""
    """The role's ARN, for a session."""

    @property
    def outside(self) -> bool:
        """Whether the caller has no account of its own."""
        return self.type in _OUTSIDE

    @property
    def service_linked(self) -> bool:
        """Whether a service-linked role acts, which neither SCPs nor RCPs bind."""
        return ":role/aws-service-role/" in self.role


def caller_of(principal: Principal) -> Caller:
    """Take a principal apart."""
    arn = principal.arn
    if arn == "*":
        return Caller(type=Type.ANONYMOUS, arn=arn, account="")
    if not arn.startswith("arn:"):
        return Caller(type=Type.PROVIDER if arn in _PROVIDERS else Type.SERVICE, arn=arn, account="")
    fields = arn.split(":", 5)
    if len(fields) < 6:
        return Caller(type=Type.OTHER, arn=arn, account="")
    _, partition, _, _, account, name = fields
    kind, _, rest = name.partition("/")
    if kind == "assumed-role":
        role = principal.role or f"arn:{partition}:iam::{account}:role/{rest.partition('/')[0]}"
        return Caller(type=Type.SESSION, arn=arn, account=account, role=role)
    if kind == "role":
        return Caller(type=Type.SESSION, arn=arn, account=account, role=arn)
    types = {"user": Type.USER, "root": Type.ROOT, "federated-user": Type.FEDERATED_USER,
             "oidc-provider": Type.PROVIDER, "saml-provider": Type.PROVIDER}  # fmt: skip
    return Caller(type=types.get(kind, Type.OTHER), arn=arn, account=account)


def session_of(arn: str) -> str:
    """Return the name of a role session; empty for a session whose name is not known, and for other principals."""
    return arn.rpartition("/")[2] if ":assumed-role/" in arn else ""


def _form(caller: Caller, named: Named) -> Form:
    value = named.value
    if named.type == "*" or (named.type == "AWS" and value == "*"):
        return Form.ANYONE
    if caller.outside:
        wanted = "Service" if caller.type is Type.SERVICE else "Federated"
        return Form.DIRECT if named.type == wanted and value == caller.arn else Form.NONE
    if named.type != "AWS":
        return Form.NONE
    if value == caller.account or (value.endswith(f"::{caller.account}:root") and value.startswith("arn:")):
        return Form.ACCOUNT
    if value == caller.role:
        return Form.ROLE
    return Form.DIRECT if value == caller.arn else Form.NONE


def forms(caller: Caller, principals: tuple[Named, ...]) -> frozenset[Form]:
    """Return every form in which the entries name a caller."""
    return frozenset(_form(caller, named) for named in principals) - {Form.NONE}


def named_by(caller: Caller, statement: Statement, *, has_boundary: bool) -> tuple[Form, int]:
    """Return how a statement names the caller, and whether it does at all (NO, MAYBE, YES)."""
    if statement.principals is None:
        return Form.NONE, NO
    found = forms(caller, statement.principals)
    if not statement.not_principal:
        if statement.allow and found >= {Form.ANYONE} and _pins_principal(statement):
            return Form.DIRECT, YES
        return (max(found), YES) if found else (Form.NONE, NO)
    if statement.allow:
        # A session policy's limit on such a grant is as unsettled as on a plain star.
        return (Form.NONE, NO) if found else (Form.ANYONE, YES)
    if has_boundary and Form.ANYONE not in found:
        # "... will always deny any IAM principal that has a permissions boundary, whatever NotPrincipal lists"
        return Form.ANYONE, YES
    if not found:
        return Form.ANYONE, YES
    if _exempt(caller, found):
        return Form.NONE, NO
    # "all principals except the user named Bob ... are explicitly denied", though Bob's account stands beside him
    another = found == {Form.ACCOUNT} and _names_another(caller, statement.principals)
    return Form.ANYONE, YES if another else MAYBE


def _exempt(caller: Caller, found: frozenset[Form]) -> bool:
    """Whether NotPrincipal lists all that it must: the account beside the user, or beside role and session.

    With less "the policy might deny access to the entire account containing the principal". In one place the page
    says that role and account are enough, in its example all but the one session are denied.
    """
    if Form.ANYONE in found or caller.outside or caller.type is Type.ROOT:
        return True
    own = {Form.ROLE, Form.DIRECT} if caller.type is Type.SESSION else {Form.DIRECT}
    return found >= {Form.ACCOUNT, *own}


def _names_another(caller: Caller, principals: tuple[Named, ...]) -> bool:
    """Whether some entry is a user, role or session of the caller's account, beside the account itself."""
    starts = tuple(f":{service}::{caller.account}:" for service in ("iam", "sts"))
    return any(
        named.type == "AWS" and any(start in named.value for start in starts) and not named.value.endswith(":root")
        for named in principals
    )


def _pins_principal(statement: Statement) -> bool:
    """Whether a star is narrowed by aws:PrincipalArn, which grants to the session itself (Guide, "Principal")."""
    return any(condition.key.lower() == "aws:principalarn" for condition in statement.conditions)
