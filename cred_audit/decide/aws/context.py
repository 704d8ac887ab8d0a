"""A request's whole context, spelled as AWS spells it, so that whoever replays a decision needs nothing else.

IAM User Guide: "AWS global condition context keys"; the keys of services come from the Service Authorization Reference.
"""

from collections.abc import Mapping
from functools import cache

from cred_audit.decide.aws import catalogue
from cred_audit.decide.aws.caller import caller_of
from cred_audit.decide.aws.combination import owner_of
from cred_audit.decide.aws.keys import FREE, Either, principal_keys, request_keys
from cred_audit.decide.aws.model import Principal, Request, Value

_SPELLED = {
    name.lower(): name
    for name in (
        "aws:AssumedRoot", "aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast", "aws:ChatbotSourceArn",
        "aws:CurrentTime", "aws:Ec2InstanceSourcePrivateIPv4", "aws:Ec2InstanceSourceVpc", "aws:EpochTime",
        "aws:FederatedProvider", "aws:MultiFactorAuthAge", "aws:MultiFactorAuthPresent", "aws:PrincipalAccount",
        "aws:PrincipalArn", "aws:PrincipalIsAWSService", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths",
        "aws:PrincipalServiceName", "aws:PrincipalServiceNamesList", "aws:PrincipalType", "aws:RequestedRegion",
        "aws:ResourceAccount", "aws:ResourceOrgID", "aws:ResourceOrgPaths", "aws:SecureTransport", "aws:SourceAccount",
        "aws:SourceArn", "aws:SourceIdentity", "aws:SourceIp", "aws:SourceOrgID", "aws:SourceOrgPaths", "aws:SourceVpc",
        "aws:SourceVpcArn", "aws:SourceVpce", "aws:TagKeys", "aws:TokenIssueTime", "aws:UserAgent", "aws:ViaAWSService",
        "aws:VpcSourceIp", "aws:VpceAccount", "aws:VpceOrgID", "aws:VpceOrgPaths",
    )
}  # fmt: skip
"""Lower-case global key -> its spelling, where the two differ."""
_CONTEXT = "kms:EncryptionContext:"
_TAGS = {"aws:principaltag": "aws:PrincipalTag", "aws:requesttag": "aws:RequestTag"}


def whole_context(principal: Principal, request: Request) -> dict[str, Value]:
    """Return every condition key that a request has, those that AWS derives included; what is not known is left out."""
    caller = caller_of(principal)
    service = request.action.partition(":")[0].lower()
    keys = request_keys(
        principal_keys(principal, caller.role, caller.account), request, service, caller.account,
        tags_known=principal.tags is not None, resource_account=owner_of(request, caller),
    )  # fmt: skip
    tags = {
        "aws:principaltag": _tags_of(principal.tags, principal.session_tags),
        "aws:requesttag": _tags_of(request.request_tags),
        "": _tags_of(request.resource_tags),
    }
    given = {name.lower(): name for name in request.context}
    found: dict[str, Value] = {}
    for key, value in keys.items():
        if value is None or value is FREE:
            continue
        start, slash, tag = key.partition("/")
        if slash:
            values = value.values if isinstance(value, Either) else (value,)
            written = [(name, one) for name, one in tags.get(start, tags[""]).get(tag, ()) if one in values]
            # Tags whose keys differ by case are shown beside each other; a session's replaces the role's.
            shown = written if isinstance(value, Either) else written[-1:]
            found |= {spelled(key, name): one for name, one in shown or [(tag, values[0])]}
        else:
            name = spelled(key, own_part(given.get(key, key)))
            found[given.get(key, key) if name == key else name] = value
    return dict(sorted(found.items()))


def _tags_of(*groups: Mapping[str, str] | None) -> dict[str, list[tuple[str, str]]]:
    """Return tags by their keys in lower case, each as it is written."""
    found: dict[str, list[tuple[str, str]]] = {}
    for group in groups:
        for tag, value in (group or {}).items():
            found.setdefault(tag.lower(), []).append((tag, value))
    return found


def spelled(key: str, own: str = "") -> str:
    """Return a lower-case condition key as AWS spells it.

    `own`: how the part is written that is anybody's to choose, a tag key or a name in an encryption context.
    """
    start, slash, tag = key.partition("/")
    if slash:
        resource_tag = ":resourceTag" if start.startswith("ssm:") else ":ResourceTag"
        return f"{_TAGS.get(start) or start.replace(':resourcetag', resource_tag)}/{own or tag}"
    if key.startswith(_CONTEXT.lower()):
        return _CONTEXT + (own or key[len(_CONTEXT) :])
    return _SPELLED.get(key) or _of_service(key.partition(":")[0]).get(key, key)


def own_part(key: str) -> str:
    """Return the part of a condition key that is anybody's to choose; empty for one without."""
    if key.lower().startswith(_CONTEXT.lower()):
        return key[len(_CONTEXT) :]
    return key.partition("/")[2]


@cache
def _of_service(service: str) -> Mapping[str, str]:
    return {name.lower(): name for name in catalogue.condition_keys(service)}
