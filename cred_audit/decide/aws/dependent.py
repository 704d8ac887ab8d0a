"""Which values keys of one request can have beside each other, so that a witness is a request that can be sent.

IAM User Guide: "AWS global condition context keys" says of each key when it is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from cred_audit.decide.aws import catalogue
from cred_audit.decide.aws.caller import Caller, Type
from cred_audit.decide.aws.model import Request, Value
from cred_audit.decide.aws.samples import moment_of

Chosen = Mapping[str, Value | None]
"""Lower-case key -> its value, None where it is absent."""

COLLECTIONS = {"aws:tagkeys": "aws:requesttag/", "kms:encryptioncontextkeys": "kms:encryptioncontext:"}
"""Key that holds names -> what stands before each name in the key that holds its value."""
TIMES = ("aws:currenttime", "aws:epochtime")
_ENDPOINT = ("aws:sourcevpce", "aws:sourcevpc", "aws:vpcsourceip")
"""There together, on requests through a VPC endpoint; aws:SourceIp is there on all others."""
_VIA = ("aws:calledvia", "aws:calledviafirst", "aws:calledvialast")
MFA = "aws:multifactorauthpresent"
_MFA_AGE = "aws:multifactorauthage"
_ALWAYS = frozenset({*TIMES, "aws:securetransport", "aws:viaawsservice", "aws:userid", "aws:useragent",
                     "kms:encryptioncontext:secretversionid"})  # fmt: skip
"""Never absent. (The last is only free where the service sends it.)"""
_NEVER = frozenset({"aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths",
                    "aws:principalservicename", "aws:principalservicenameslist"})  # fmt: skip
"""Only there when a service itself, not a role or user, calls."""
_ABSENT_UNLESS_KNOWN = frozenset({"secretsmanager:resource/allowrotationlambdaarn"})
ORGANIZATIONS = ("aws:principalorgid", "aws:resourceorgid")
"""Facts of the two accounts that nobody read; one value where it is one account."""
_OF_ORGANIZATIONS = (*ORGANIZATIONS, "aws:principalorgpaths", "aws:resourceorgpaths")
_UNREAD = frozenset({
    "aws:principalorgpaths", "aws:resourceorgpaths", "secretsmanager:resource/type", "kms:keyspec", "kms:keyusage",
    "kms:keyorigin", "kms:multiregion", "kms:multiregionkeytype", "kms:customermasterkeyspec",
    "kms:customermasterkeyusage", "kms:resourcealiases",
})  # fmt: skip
"""Facts that were not read. Nobody can choose them, so they are not searched."""
_ENCRYPTED = frozenset({"secretsmanager", "ssm", "kms", "tag"})
"""Services whose endpoints take HTTPS only (AWS General Reference, "Service endpoints and quotas")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is known of an agent's requests beside its policies."""

    mfa: bool | None = False
    """Whether its role may be assumed with MFA; None when not seen. Credentials that a service gets never carry it."""
    since: datetime | None = None
    """The request is sent at this time or later."""


def is_absent(key: str, caller: Caller, setting: Setting) -> bool:
    """Whether requests of an agent never carry a lower-case key."""
    if key in _NEVER or key in _ABSENT_UNLESS_KNOWN:
        return True
    return key == _MFA_AGE and caller.type is Type.SESSION and not setting.mfa


def is_absent_alone(key: str, *, one_account: bool) -> bool:
    """Whether requests of an account in no organization never carry a lower-case key.

    `one_account`: whether what is asked for is of the same account.
    """
    return key in _OF_ORGANIZATIONS and (key.startswith("aws:principal") or one_account)


def is_unread(key: str) -> bool:
    """Whether a lower-case key is a fact that nobody read."""
    return key in _UNREAD


def may_be_absent(key: str) -> bool:
    """Whether some request lacks a lower-case key."""
    return key not in _ALWAYS


def only_values(request: Request, key: str) -> tuple[str, ...] | None:
    """Return the few values that a lower-case key can have, None where it is not limited to some."""
    if key == "aws:securetransport":
        encrypted = request.action.partition(":")[0].lower() in _ENCRYPTED
        return ("true",) if encrypted else ("true", "false")
    if key == "aws:viaawsservice":
        return ("false", "true")
    if key == MFA:
        return ("true", "false")
    if key == "secretsmanager:secretid":
        # By ARN, with or without the six characters at its end, or by name.
        short = request.resource[:-7]
        return request.resource, short, short.split(":", 6)[-1]
    return None


def can_be(chosen: Chosen, request: Request) -> bool:
    """Whether one request can have all the values chosen so far; what is not chosen may be anything."""
    via_service = request.context.get("aws:ViaAWSService") == "true"
    return (
        _network(chosen, via_service=via_service)
        and _calls(chosen)
        and _mfa(chosen)
        and _times(chosen)
        and all(_names(chosen, key, prefix) for key, prefix in COLLECTIONS.items())
    )


def _network(chosen: Chosen, *, via_service: bool) -> bool:
    through = {chosen[key] is not None for key in _ENDPOINT if key in chosen}
    if len(through) > 1:
        return False
    if "aws:sourceip" not in chosen or not through:
        return True
    open_ = chosen["aws:sourceip"] is not None
    return not (open_ and through == {True}) and (open_ or through == {True} or via_service)


def _calls(chosen: Chosen) -> bool:
    """A service that calls for the caller is named in all three keys, or it is none that does this."""
    given = [chosen[key] for key in _VIA if key in chosen]
    if len({value is not None for value in given}) > 1:
        return False
    whole = chosen.get("aws:calledvia")
    for key in _VIA[1:]:
        value = chosen.get(key)
        if isinstance(whole, tuple) and isinstance(value, str) and value not in whole:
            return False
    through = any(value is not None for value in given) or chosen.get("kms:viaservice") is not None
    return not (through and chosen.get("aws:viaawsservice") == "false")


def _mfa(chosen: Chosen) -> bool:
    if not chosen.keys() >= {MFA, _MFA_AGE}:
        return True
    present, age = chosen[MFA], chosen[_MFA_AGE]
    return (present == "true") is (age is not None)


def _times(chosen: Chosen) -> bool:
    moments = {moment_of(value) for key in TIMES if isinstance(value := chosen.get(key), str)}
    return len(moments) < 2


def _names(chosen: Chosen, key: str, prefix: str) -> bool:
    """Each name has a value, and each value a name; names in condition keys are compared without case."""
    if key not in chosen:
        return True
    value = chosen[key]
    names = {name.lower() for name in ((value,) if isinstance(value, str) else value or ())}
    return all(
        (name.removeprefix(prefix) in names) is (one is not None)
        for name, one in chosen.items()
        if name.startswith(prefix)
    )


def needs_names(action: str) -> bool:
    """Whether a call for an action must carry tags or names of tags."""
    return action.partition(":")[2].lower() in {
        "tagresource", "untagresource", "addtagstoresource", "removetagsfromresource",
    }  # fmt: skip


def sendable(request: Request, written: Mapping[str, str]) -> Request:
    """Return a request with the tags that it sends as such, not as condition keys.

    `written`: lower-case tag key -> as a policy writes it.
    """
    if not catalogue.may_carry(request.action, "aws:requesttag/x"):
        return request
    prefix = COLLECTIONS["aws:tagkeys"]
    values = {key.removeprefix(prefix): value for key, value in request.context.items() if key.startswith(prefix)}
    names = request.context.get("aws:tagkeys")
    if not values and names is None and not needs_names(request.action):
        return request
    spelled = [names] if isinstance(names, str) else list(names or ())
    spelled += (written.get(key, key) for key in values if key not in {name.lower() for name in spelled})
    tags = {name: value for name in spelled if isinstance(value := values.get(name.lower(), "x"), str)}
    if not tags and not request.request_tags and needs_names(request.action):
        tags = {"x": "x"}
    context = {
        key: value for key, value in request.context.items() if key != "aws:tagkeys" and not key.startswith(prefix)
    }
    return replace(request, request_tags={**request.request_tags, **tags}, context=context)
