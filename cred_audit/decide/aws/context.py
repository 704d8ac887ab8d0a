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
        "aws:principaltag": _tag_keys(principal.tags, principal.session_tags),
        "aws:requesttag": _tag_keys(request.request_tags),
        "": _tag_keys(request.resource_tags),
    }
    given = {name.lower(): name for name in request.context}
    found: dict[str, Value] = {}
    for key, value in keys.items():
        if value is None or value is FREE:
            continue
        shown = value.values[0] if isinstance(value, Either) else value
        found[_spelled(key, service, given, tags)] = shown
    return dict(sorted(found.items()))


def _tag_keys(*groups: Mapping[str, str] | None) -> dict[str, str]:
    return {tag.lower(): tag for group in groups for tag in group or ()}


def _spelled(key: str, service: str, given: Mapping[str, str], tags: Mapping[str, Mapping[str, str]]) -> str:
    start, slash, tag = key.partition("/")
    if slash:
        prefix = _TAGS.get(start) or start.replace(":resourcetag", _resource_tag(start))
        return f"{prefix}/{tags.get(start, tags['']).get(tag, tag)}"
    if key in _SPELLED:
        return _SPELLED[key]
    return given[key] if given.get(key, key) != key else _of_service(service).get(key, key)


def _resource_tag(start: str) -> str:
    return ":resourceTag" if start.startswith("ssm:") else ":ResourceTag"


@cache
def _of_service(service: str) -> Mapping[str, str]:
    return {name.lower(): name for name in catalogue.condition_keys(service)}
