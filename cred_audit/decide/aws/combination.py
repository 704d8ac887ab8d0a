"""How the gates of a decision combine, and what services decide whatever the policies say.

IAM User Guide: "Policy evaluation logic" (within and across accounts), "Role trust policies"; KMS Developer Guide:
"Key policies", "Grants in AWS KMS", "Using grant constraints".
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cred_audit.decide.aws import catalogue
from cred_audit.decide.aws.caller import Caller, Form, Type
from cred_audit.decide.aws.keys import FREE, Keys
from cred_audit.decide.aws.model import Kind, KmsGrant, Request, ResourcePolicies
from cred_audit.decide.aws.pattern import MAYBE, NO, YES

_ASSUME_BY_PROVIDER = frozenset({"sts:assumerolewithwebidentity", "sts:assumerolewithsaml"})
TRUST_ACTIONS = _ASSUME_BY_PROVIDER | {"sts:assumerole", "sts:tagsession", "sts:setsourceidentity",
                                        "sts:setcontext"}  # fmt: skip
_ALIAS_CHANGES = frozenset({"kms:createalias", "kms:updatealias", "kms:deletealias"})


_GRANTED = frozenset(
    f"kms:{operation}" for operation in (
        "creategrant", "decrypt", "derivesharedsecret", "describekey", "encrypt", "generatedatakey",
        "generatedatakeypair", "generatedatakeypairwithoutplaintext", "generatedatakeywithoutplaintext", "generatemac",
        "getpublickey", "reencryptfrom", "reencryptto", "retiregrant", "sign", "verify", "verifymac",
    )
)  # fmt: skip
"""What a grant can allow (KMS: "Grant operations")."""
_CONTEXT = "kms:encryptioncontext:"
_ALWAYS_SENT = f"{_CONTEXT}secretversionid"
"""Secrets Manager sends it with every call; its value is not known."""


class Sides(NamedTuple):
    """How far each gate lets the request through."""

    identity: int
    boundary: int
    session: int
    forms: Mapping[Form, int]
    """What the resource's policy allows, by the form in which it names the caller."""
    grant: int = NO
    """What grants of a KMS key allow."""

    @property
    def named(self) -> int:
        """Whether the resource's side allows or delegates, in whatever form."""
        return max(*self.forms.values(), self.grant, NO)


def within_account(sides: Sides, *, needs_policy: bool) -> int:
    """Return whether the request passes where principal and resource are of one account."""
    forms = sides.forms
    identity = sides.identity
    if needs_policy:
        identity = min(identity, sides.named)
    limited = min(max(identity, forms.get(Form.ROLE, NO), sides.grant), sides.boundary, sides.session)
    anyone = forms.get(Form.ANYONE, NO)
    if sides.session != YES:
        # Whether a plain star passes a session policy's implicit deny is not documented.
        anyone = min(anyone, MAYBE)
    # Nor is it whether a grant passes the implicit deny of a boundary or session policy.
    return max(limited, anyone, forms.get(Form.DIRECT, NO), min(sides.grant, MAYBE))


def needs_policy(action: str, resource: str) -> bool:
    """Whether the resource's own policy must allow or delegate, even within one account."""
    if action.startswith("kms:"):
        return ":key/" in resource
    return action in TRUST_ACTIONS


def owner_of(request: Request, caller: Caller) -> str:
    """Return the account of the resource; empty when it cannot be told."""
    if request.resource_account:
        return request.resource_account
    if request.resource == "*":
        return caller.account
    fields = request.resource.split(":", 5)
    owner = fields[4] if len(fields) > 4 else ""
    return caller.account if owner == "aws" else owner


def service_rule(action: str, resource: str, caller: Caller) -> str | None:
    """Return why no policy can allow the request, where the service itself forbids it."""
    if action.startswith("iam:") and catalogue.changes(action):
        fields = resource.split(":", 5)
        if len(fields) == 6 and fields[4] == "aws":
            return "AWS managed policies cannot be changed"
        if len(fields) == 6 and fields[5].startswith("role/aws-reserved/"):
            return "roles under aws-reserved/ can only be changed by AWS"
    if action in _ALIAS_CHANGES and ":alias/aws/" in resource:
        return "aliases under alias/aws/ belong to AWS"
    if action == "sts:assumerole" and caller.type is Type.ROOT:
        return "the account root user cannot assume a role"
    return None


def granted(caller: Caller, resource: ResourcePolicies, action: str, keys: Keys) -> int:
    """Return whether a grant of a KMS key lets the caller through (KMS: "Grants", "Using grant constraints").

    Where something on the key's side was not seen, it may have been its grants.
    """
    if action not in _GRANTED:
        return NO
    best = MAYBE if Kind.RESOURCE in resource.unseen else NO
    return max(best, *(_grants(grant, action, keys) for grant in grants_to(caller, resource.grants)), NO)


def grants_to(caller: Caller, grants: Iterable[KmsGrant]) -> tuple[KmsGrant, ...]:
    """Return the grants that name a caller."""
    return tuple(grant for grant in grants if grant.grantee in {caller.arn, caller.role})


def _grants(grant: KmsGrant, action: str, keys: Keys) -> int:
    if action.removeprefix("kms:") not in {operation.lower() for operation in grant.operations}:
        return NO
    exactly = grant.context_equals is not None
    wanted = {
        f"{_CONTEXT}{name.lower()}": value
        for name, value in ((grant.context_equals if exactly else grant.context_subset) or {}).items()
    }
    result = YES
    for name, value in wanted.items():
        found = keys[name]
        if found is not FREE and found != value:
            return NO
        result = MAYBE if found is FREE else result
    if exactly:
        for name in keys.keys() - wanted:
            if name.startswith(_CONTEXT) and keys[name] is not None:
                if keys[name] is not FREE or name == _ALWAYS_SENT:
                    return NO
                result = MAYBE
    return result
